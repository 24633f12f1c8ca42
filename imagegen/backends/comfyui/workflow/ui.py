"""A file that ComfyUI's plain Save wrote, converted into the API format, as its page does before it queues.

``ui_file`` reads the file, ``ui_scopes`` lays subgraphs open, ``ui_origin`` follows links,
``ui_slots`` and ``ui_widgets`` know a node's inputs and values, ``ui_text`` treats text as the page does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from imagegen.backends.comfyui.workflow.api import Graph, Node
from imagegen.backends.comfyui.workflow.nodes import Input, NodeClass, Nodes
from imagegen.backends.comfyui.workflow.placeholders import PLACEHOLDER
from imagegen.backends.comfyui.workflow.ui_errors import CantConvert as CantConvert
from imagegen.backends.comfyui.workflow.ui_errors import UnknownNodes as UnknownNodes
from imagegen.backends.comfyui.workflow.ui_file import BYPASS, NEVER, UINode, read
from imagegen.backends.comfyui.workflow.ui_origin import Origins, Output, Value
from imagegen.backends.comfyui.workflow.ui_scopes import Scope, scopes
from imagegen.backends.comfyui.workflow.ui_slots import Slots
from imagegen.backends.comfyui.workflow.ui_text import Choice, sent
from imagegen.backends.comfyui.workflow.ui_widgets import drawn_in_page, fits

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def is_ui(value: Any) -> bool:
    """Whether a JSON value is what ComfyUI's plain Save wrote."""
    return isinstance(value, dict) and isinstance(value.get("nodes"), list) and isinstance(value.get("links"), list)


def to_api(workflow: Mapping[str, Any], nodes: Nodes) -> Graph:
    """The graph that the page would queue: what is muted is left out, what is bypassed is passed by,
    subgraphs are laid open (``outer:inner``), the page's own nodes are gone, each widget has its value.

    Raises UnknownNodes for classes that ``nodes`` lack, CantConvert for all else that has no API form.
    """
    file = read(workflow)
    slots = Slots(file, nodes)
    run = [
        (scope, node)
        for scope in scopes(file)
        for node in scope.sheet.nodes.values()
        if node.mode not in (NEVER, BYPASS) and node.id not in scope.inside and not slots.is_virtual(node)
    ]
    _check_known(run, nodes)
    origins = Origins(slots)
    graph: Graph = {}
    for scope, node in run:
        if scope.id(node) in graph:
            raise CantConvert(f"has two nodes {scope.id(node)}")
        graph[scope.id(node)] = _node(scope, node, nodes[node.type], slots, origins)
    if not graph:
        raise CantConvert("has no node that would run")
    return graph


def _check_known(run: list[tuple[Scope, UINode]], nodes: Nodes) -> None:
    for scope, node in run:
        if node.type in nodes:
            continue
        if _UUID.fullmatch(node.type):
            raise CantConvert(f"{scope.named(node)} is a subgraph that the file does not hold")
        if node.type.startswith(("workflow>", "workflow/")):
            raise CantConvert(
                f"{scope.named(node)} is a group node, which ComfyUI no longer has",
                "open the workflow in a newer ComfyUI, which makes a subgraph of it, and save it again",
            )
    unknown = {node.type for _, node in run if node.type not in nodes}
    if unknown:
        raise UnknownNodes(unknown)


def _node(scope: Scope, node: UINode, known: NodeClass, slots: Slots, origins: Origins) -> Node:
    found = {
        slot.name: origin
        for number, slot in enumerate(slots.inputs(node))
        if (origin := origins.of(scope, node, number)) is not None
    }
    drawn = drawn_in_page(known, found)
    if drawn is not None:
        raise CantConvert(
            f"{scope.named(node)} takes its input {drawn} from ComfyUI's page itself",
            "save the workflow in API format instead",
        )
    inputs: dict[str, Any] = {}
    for name, (described, saved) in slots.widgets(node).items():
        origin = found.pop(name, None)
        if isinstance(origin, Output):
            inputs[name] = [origin.node, origin.number]
            continue
        value = scope.promoted.get(node.id, {}).get(name, saved) if origin is None else origin.value
        if value is not None:
            inputs[name] = _literal(scope, node, described, value, own=not isinstance(origin, Value))
    for name, origin in found.items():
        inputs[name] = [origin.node, origin.number] if isinstance(origin, Output) else _wrapped(origin.value)
    title = node.title or known.info.get("display_name") or known.name
    return {"inputs": inputs, "class_type": node.type, "_meta": {"title": title}}


def _literal(scope: Scope, node: UINode, described: Input, value: Any, own: bool) -> Any:
    """A widget's value as it is sent. The page works on text with ``dynamicPrompts`` only where the
    widget is the node's own, and not where the subgraph's node outside shows it."""
    placeholder = isinstance(value, str) and PLACEHOLDER.fullmatch(value)
    if not placeholder and not fits(described, value):
        raise CantConvert(
            f"{scope.named(node)}: the value saved for its {described.name} is no {described.type}: {value!r:.60}",
            "the file is from a ComfyUI whose node has other widgets; open it in yours and save it again",
        )
    if own and isinstance(value, str) and described.options.get("dynamicPrompts"):
        try:
            return sent(value)
        except Choice as error:
            raise CantConvert(
                f"{scope.named(node)}: the text in its {described.name} holds a choice like {{a|b}}, "
                "which ComfyUI's page draws at random",
                "write one of them out, or \\{ for a brace",
            ) from error
    return _wrapped(value)


def _wrapped(value: Any) -> Any:
    """A list that is no link, as the page writes it: the server unwraps it."""
    return {"__value__": value} if isinstance(value, list) else value
