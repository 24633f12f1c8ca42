"""Workflows drawn node by node, and saved as ComfyUI's page saves them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from imagegen.backends.comfyui.workflow import ui
from imagegen.backends.comfyui.workflow.nodes import Nodes

MUTED, BYPASSED = 2, 4
RECORDED = Path(__file__).parent / "servers" / "recordings" / "object_info-0.3.64.json"
_WIDGETS = ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")
_number = count(1)


@cache
def nodes() -> Nodes:
    """Every class of a ComfyUI 0.3.64."""
    return Nodes(json.loads(RECORDED.read_bytes()))


def with_class(name: str, outputs: Sequence[str] = (), **inputs: Any) -> Nodes:
    """Those and one more, whose required inputs are given as object_info describes them."""
    described = {"input": {"required": inputs}, "output": list(outputs), "display_name": name}
    return Nodes({**json.loads(RECORDED.read_bytes()), name: described})


def api(drawing: Drawing | Mapping[str, Any], known: Nodes | None = None) -> dict[str, Any]:
    """Node's id → class and inputs, converted."""
    saved = drawing.saved() if isinstance(drawing, Drawing) else drawing
    graph = ui.to_api(saved, known or nodes())
    return {node_id: {"class": node["class_type"], **node["inputs"]} for node_id, node in graph.items()}


class Drawing:
    """A workflow; with ``inputs`` or ``outputs`` (name → type) a subgraph, used by ``use`` of another."""

    def __init__(self, inputs: Mapping[str, str] | None = None, outputs: Mapping[str, str] | None = None) -> None:
        self.id = f"{next(_number):08d}-0000-4000-8000-000000000000"
        self.nodes: dict[int, dict[str, Any]] = {}
        self.links: list[list[Any]] = []
        self.inputs, self.outputs = dict(inputs or {}), dict(outputs or {})
        self.used: list[Drawing] = []

    def add(self, kind: str, *values: Any, mode: int = 0, **more: Any) -> int:
        """A node with its widgets' values; its id."""
        own = more.pop("id", max(self.nodes, default=0) + 1)
        known = nodes().get(kind)
        outputs = [{"name": one, "type": one, "links": []} for one in (known.outputs if known else ["*"])]
        self.nodes[own] = {"id": own, "type": kind, "mode": mode, "inputs": [], "outputs": outputs, "properties": {}}
        self.nodes[own] |= {"widgets_values": list(values)} | more
        return int(own)

    def use(self, subgraph: Drawing, *values: Any, **more: Any) -> int:
        """A node that stands for a subgraph, with the values it shows."""
        outputs = [{"name": name, "type": kind, "links": []} for name, kind in subgraph.outputs.items()]
        if subgraph not in self.used:
            self.used.append(subgraph)
        return self.add(subgraph.id, *values, outputs=outputs, **more)

    def link(self, origin: int, target: int, name: str, output: int = 0) -> None:
        """From an output to an input of this name, which the target gets if it has none."""
        own = len(self.links) + 1
        kind = self.nodes[origin]["outputs"][output]["type"] if origin > 0 else [*self.inputs.values()][output]
        self.links.append([own, origin, output, target, self._slot(target, name, own, kind), kind])

    def feed(self, port: str, target: int, name: str) -> None:
        """From the subgraph's own input."""
        self.link(-10, target, name, [*self.inputs].index(port))

    def give(self, origin: int, port: str, output: int = 0) -> None:
        """To the subgraph's own output."""
        number = [*self.outputs].index(port)
        self.links.append([len(self.links) + 1, origin, output, -20, number, self.outputs[port]])

    def saved(self) -> dict[str, Any]:
        subgraphs: dict[str, Drawing] = {}
        waiting = [*self.used]
        while waiting:
            one = waiting.pop()
            subgraphs[one.id] = one
            waiting += [inner for inner in one.used if inner.id not in subgraphs]
        inner = {"definitions": {"subgraphs": [one._definition() for one in subgraphs.values()]}} if subgraphs else {}
        found = {"version": 0.4, "nodes": [*self.nodes.values()], "links": self.links, **inner}
        return dict(json.loads(json.dumps(found)))

    def _slot(self, target: int, name: str, link: int, kind: str) -> int:
        node = self.nodes[target]
        known = nodes().get(node["type"])
        described = known.inputs.get(name) if known else None
        ports = next((one.inputs for one in self.used if one.id == node["type"]), {})
        field = described.type if described else ports.get(name, kind)
        widget = {"widget": {"name": name}} if field in _WIDGETS and node["type"] != "Reroute" else {}
        node["inputs"].append({"name": name, "type": field, "link": link, **widget})
        return len(node["inputs"]) - 1

    def _definition(self) -> dict[str, Any]:
        keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
        links = [dict(zip(keys, link, strict=True)) for link in self.links]
        return {
            "id": self.id,
            "name": "Inside",
            "inputNode": {"id": -10},
            "outputNode": {"id": -20},
            "inputs": [self._port(link, "origin", -10) for link in enumerate(self.inputs.items())],
            "outputs": [self._port(link, "target", -20) for link in enumerate(self.outputs.items())],
            "nodes": [*self.nodes.values()],
            "links": links,
        }

    def _port(self, numbered: tuple[int, tuple[str, str]], end: str, node: int) -> dict[str, Any]:
        number, (name, kind) = numbered
        at = 1 if end == "origin" else 3
        own = [link[0] for link in self.links if link[at : at + 2] == [node, number]]
        return {"name": name, "type": kind, "linkIds": own}
