"""A node's inputs, outputs and widgets as ComfyUI's page has them once it has read the file: what the
class says, and behind it what only the file has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from imagegen.backends.comfyui.workflow.nodes import Input, NodeClass, Nodes
from imagegen.backends.comfyui.workflow.ui_file import Slot, UIFile, UINode
from imagegen.backends.comfyui.workflow.ui_scopes import host_slots
from imagegen.backends.comfyui.workflow.ui_widgets import is_widget, widgets

PRIMITIVE, GET, SET = "PrimitiveNode", "GetNode", "SetNode"
PASSING = frozenset({"Reroute", "Reroute (rgthree)", SET})
"""Nodes of the page alone that hand on what they are given. Set and Get are KJNodes'."""
DECORATION = frozenset(
    {"Note", "MarkdownNote"}
    | {
        f"{name} (rgthree)"
        for name in (
            *("Label", "Bookmark", "Fast Muter", "Fast Bypasser", "Fast Groups Muter", "Fast Groups Bypasser"),
            *("Fast Actions Button", "Node Collector", "Random Unmuter"),
            *("Mute / Bypass Repeater", "Mute / Bypass Relay"),
        )
    }
)
"""Nodes of the page alone that give no value to any other."""
_VIRTUAL = PASSING | DECORATION | {PRIMITIVE, GET}


class Slots:
    """The slots of one file's nodes, as far as ``nodes`` know their classes; each node is read once."""

    def __init__(self, file: UIFile, nodes: Nodes) -> None:
        self._file, self._nodes = file, nodes
        self._inputs: dict[int, tuple[Slot, ...]] = {}
        self._widgets: dict[int, Mapping[str, tuple[Input, Any]]] = {}

    def known(self, node: UINode) -> NodeClass | None:
        return self._nodes.get(node.type)

    def is_virtual(self, node: UINode) -> bool:
        """Whether it exists in the page alone."""
        return node.type in _VIRTUAL and node.type not in self._nodes

    def widgets(self, node: UINode) -> Mapping[str, tuple[Input, Any]]:
        """See ``ui_widgets.widgets``; none for a class that is not known."""
        if id(node) not in self._widgets:
            known = self.known(node)
            self._widgets[id(node)] = {} if known is None else widgets(node, known)
        return self._widgets[id(node)]

    def inputs(self, node: UINode) -> tuple[Slot, ...]:
        """Those for links, those with widgets, then what only the file has. Inputs of widgets that the
        class does not have are left out."""
        if id(node) not in self._inputs:
            self._inputs[id(node)] = self._read(node)
        return self._inputs[id(node)]

    def outputs(self, node: UINode) -> Sequence[str]:
        """Their types."""
        if node.type in self._file.subgraphs:
            return [kind for kind, _ in self._file.subgraphs[node.type].results]
        known = self.known(node)
        if known is None:
            return node.outputs
        own = zip_longest(known.outputs, node.outputs)
        return [(saved or "*") if kind is None or _varies(kind) else kind for kind, saved in own]

    def passed(self, node: UINode, number: int, wanted: str) -> int | None:
        """The input whose value a bypassed node's output hands on to an input of type ``wanted``.

        The page's rule: any type gets the input of the same number; else that one if it fits, else the
        first of exactly the type, else the first that fits. None where none does.
        """
        slots, outputs = self.inputs(node), self.outputs(node)
        if not slots or not 0 <= number < len(outputs):
            return None
        if wanted == "*":
            return number if number < len(slots) else 0
        fitting = [_fit(slot.type, outputs[number]) and _fit(slot.type, wanted) for slot in slots]
        if number < len(slots) and fitting[number]:
            return number
        exact = [index for index, slot in enumerate(slots) if slot.type == wanted]
        return exact[0] if exact else next((index for index, fits in enumerate(fitting) if fits), None)

    def _read(self, node: UINode) -> tuple[Slot, ...]:
        if node.type in self._file.subgraphs:
            return host_slots(node, self._file.subgraphs[node.type])
        known = self.known(node)
        if known is None:
            return node.inputs
        saved = {slot.name: slot for slot in node.inputs}
        own: list[Slot] = []
        fields: list[Slot] = []
        for described in known.inputs.values():
            slot = saved.pop(described.name, None)
            if is_widget(described) or (slot is not None and described.name in self.widgets(node)):
                there = slot or Slot(described.name, described.type)
                fields.append(there._replace(type=described.type, widget=described.name))
            elif not _varies(described.type):
                own.append((slot or Slot(described.name, "*"))._replace(type=described.type, widget=None))
            elif slot is not None:
                own.append(slot._replace(widget=None))
        extra = [slot for slot in saved.values() if slot.widget is None or slot.widget in self.widgets(node)]
        return (*own, *fields, *extra)


def _varies(kind: str) -> bool:
    """Whether a node of newer ComfyUIs takes the type of what is linked to it, or grows inputs: then the
    file alone knows."""
    return kind.startswith("COMFY_")


def _fit(one: str, other: str) -> bool:
    """Whether the page links two types: ``*`` is any, commas mean or, capitals do not matter."""
    return "*" in (one, other) or bool({*one.lower().split(",")} & {*other.lower().split(",")})
