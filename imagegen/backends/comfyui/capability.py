"""What a graph asks of a server, and what of it a server lacks. Pure: the server's ``/object_info`` is given.

The rules are those of the server's own check (``validate_prompt`` in ComfyUI's execution.py): every class is
known; of the nodes that an output needs, each required input is there, a choice is among the choices and a
number within its bounds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from imagegen.backends.base import Order
from imagegen.backends.comfyui.blueprint import Blueprint
from imagegen.backends.comfyui.models import ENDINGS, same_name
from imagegen.backends.comfyui.scheduling import Kit
from imagegen.backends.comfyui.workflow.api import Graph, Spot, described, is_link
from imagegen.backends.comfyui.workflow.nodes import Input, NodeClass, Nodes
from imagegen.errors import listed, nearest

COMES_WITH = "it comes with custom nodes or with a newer ComfyUI"

_OWN = frozenset({"prompt", "negative_prompt", "seed", "references", "image"})
"""Settings that each of many items has its own value of, without being another kind of image."""


class Lack(NamedTuple):
    """What a server lacks: ``subject`` (``checkpoint "x"``), what is the matter with it, where ``{}`` is the
    server's address, and the mend. ``setting`` is what to change, a setting or an input's place."""

    setting: str
    subject: str
    matter: str
    hint: str

    def said(self, server: str) -> str:
        return f"{self.subject} {self.matter.replace('{}', server)}"


def classes(graph: Graph) -> list[str]:
    """The node classes that a graph needs."""
    return list(dict.fromkeys(node["class_type"] for node in graph.values()))


def kit(graph: Graph) -> Kit:
    """The model files that a graph names."""
    return frozenset(
        same_name(value)
        for node in graph.values()
        for value in node["inputs"].values()
        if isinstance(value, str) and "." in value[-13:] and value[value.rindex(".") :].lower() in ENDINGS
    )


def kind(order: Order) -> str:
    """What orders have in common that are alike to a server: all but the texts, the pixels that go in, and the
    seed, as long as that is no greater than those that are derived or drawn."""
    rest = {key: value for key, value in order.recipe.items() if key not in _OWN}
    # Counted by their files: what is still to be made has no digest in the recipe yet.
    pictures = [len(order.files.get(setting, ())) for setting in ("references", "image")]
    seed = order.recipe.get("seed")
    return json.dumps([rest, pictures, seed if _unusual(seed) else None], sort_keys=True)


def pace(order: Order, models: Kit) -> str:
    """What orders have in common that take alike long."""
    sizes = [order.recipe.get(key) for key in ("workflow", "width", "height", "steps")]
    return json.dumps([sorted(models), *sizes])


def lacks(plan: Blueprint, nodes: Nodes) -> list[Lack]:
    """All that a server with these node classes lacks for a graph; empty where it can make it."""
    graph = plan.graph
    unknown = [name for name in classes(graph) if name not in nodes]
    if unknown:
        return [Lack(f"class {name}", f'the node class "{name}"', "is not known to {}", COMES_WITH) for name in unknown]
    setting_of = {spot: setting for setting, spots in plan.places.items() for spot in spots}
    given = {spot for upload in plan.uploads for spot in upload.spots}
    found: list[Lack] = []
    for node_id in _needed(graph, nodes):
        node = graph[node_id]
        known = nodes[node["class_type"]]
        for name, value in node["inputs"].items():
            spot = Spot(node_id, name)
            setting = setting_of.get(spot, "")
            if setting == "seed" and not _unusual(value):  # the next of this kind has another
                continue
            if name in known.inputs and spot not in given and not is_link(value):
                found.extend(_wrong(known.inputs[name], value, setting, spot, known))
        found.extend(_absent(graph, node_id, known))
    return list(dict.fromkeys(found))


def spelled(graph: Graph, nodes: Nodes) -> Graph:
    """The graph with each choice as the server spells it, where only ``\\`` and ``/`` differ."""
    changed: Graph = {}
    for node_id, node in graph.items():
        known = nodes.get(node["class_type"])
        for name, value in node["inputs"].items():
            if known is None or not isinstance(value, str) or not ("/" in value or "\\" in value):
                continue
            described_input = known.inputs.get(name)
            if described_input is None or described_input.type != "COMBO" or value in described_input.choices:
                continue
            own = next((one for one in described_input.choices if _same(one, value)), value)
            before = changed.get(node_id, node)
            changed[node_id] = {**before, "inputs": {**before["inputs"], name: own}}
    return {**graph, **changed} if changed else graph


def _needed(graph: Graph, nodes: Nodes) -> list[str]:
    """The nodes that an output node rests on, and the output nodes: what else is in a graph is not looked at."""
    todo = [node_id for node_id, node in graph.items() if nodes[node["class_type"]].is_output]
    seen = dict.fromkeys(todo)
    while todo:
        for value in graph[todo.pop()]["inputs"].values():
            if is_link(value) and value[0] in graph and value[0] not in seen:
                seen[value[0]] = None
                todo.append(value[0])
    return list(seen)


def _wrong(known: Input, value: Any, setting: str, spot: Spot, owner: NodeClass) -> Iterator[Lack]:
    called = "lora" if setting == "loras" else setting
    subject = f"{called} {_shown(value)}" if setting else f"{owner.name}'s {known.name} {_shown(value)}"
    where = setting or str(spot)
    if known.type == "COMBO":
        if isinstance(value, list | dict) or _is_open(known, owner) or any(_same(one, value) for one in known.choices):
            return
        choices = [str(one) for one in known.choices]
        yield Lack(where, subject, "is not known to {}", f"it has {listed(nearest(str(value), choices))}")
    elif known.type in ("INT", "FLOAT") and isinstance(value, int | float):
        least, most = known.options.get("min"), known.options.get("max")
        if isinstance(least, int | float) and value < least:
            yield Lack(where, subject, f"is less than the {least} that {owner.name} takes at {{}}", "")
        if isinstance(most, int | float) and value > most:
            yield Lack(where, subject, f"is more than the {most} that {owner.name} takes at {{}}", "")


def _absent(graph: Graph, node_id: str, known: NodeClass) -> Iterator[Lack]:
    for name, wanted in known.inputs.items():
        if wanted.required and name not in graph[node_id]["inputs"] and not _is_grown(wanted):
            yield Lack(str(Spot(node_id, name)), described(graph, node_id), f"has no {name}, which {{}} wants", "")


def _is_open(known: Input, owner: NodeClass) -> bool:
    """Whether what can be chosen is not told: it is uploaded, or the page asks for it elsewhere."""
    if any(key.endswith("_upload") and given for key, given in known.options.items()):
        return True
    groups = owner.info["input"]
    given = (groups.get("required" if known.required else "optional") or {})[known.name][0]
    return not isinstance(given, list) and "options" not in known.options


def _is_grown(wanted: Input) -> bool:
    """Inputs that stand for several of other names (``COMFY_AUTOGROW_V3``, ``COMFY_DYNAMICCOMBO_V3``)."""
    return wanted.type.startswith("COMFY_")


def _unusual(seed: Any) -> bool:
    """Whether a seed is beyond those that are derived or drawn."""
    return isinstance(seed, int) and not 0 <= seed < 2**32


def _same(choice: Any, value: Any) -> bool:
    if isinstance(choice, str) and isinstance(value, str):
        return choice == value or same_name(choice) == same_name(value)
    return bool(choice == value)


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def said(lacking: Mapping[str, Sequence[Lack]], absent: Sequence[str]) -> list[tuple[str, str, str]]:
    """``(setting, message, hint)`` for an order that no server can make: what each lacks, by address."""
    if len(lacking) == 1 and not absent:
        ((server, found),) = lacking.items()
        return [(lack.setting, lack.said(server), lack.hint) for lack in found]
    common = [lack for lack in next(iter(lacking.values()), ()) if all(_has(lack, own) for own in lacking.values())]
    away = [f"{server} does not answer" for server in absent]
    if common:
        hints = [f"{server}: {own.hint}" for lack in common[:1] for server, found in lacking.items()
                 for own in found if own.subject == lack.subject and own.hint]  # fmt: skip
        all_of_them = " and ".join(lacking)
        return [(lack.setting, "; ".join([lack.said(all_of_them), *away]), "; ".join(hints)) for lack in common]
    each = [f"{lack.said(server)}" for server, found in lacking.items() for lack in found]
    hints = [f"{server}: {lack.hint}" for server, found in lacking.items() for lack in found if lack.hint]
    return [("", f"no server can make it: {'; '.join([*each, *away])}", "; ".join(hints))]


def _has(lack: Lack, others: Sequence[Lack]) -> bool:
    return any(own.subject == lack.subject for own in others)
