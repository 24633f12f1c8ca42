"""LoRAs: set into the loaders that a workflow has, spliced in where it has too few, taken out where too many."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from imagegen.backends.comfyui.workflow.api import Graph, Node, Spot, consumers, described, is_link
from imagegen.backends.comfyui.workflow.modelway import Way, ways
from imagegen.backends.comfyui.workflow.nodes import Nodes
from imagegen.backends.comfyui.workflow.passing import output_kind, used_outputs
from imagegen.backends.comfyui.workflow.walk.links import Arrival, Walk

_BY_HAND = 'name the loaders in bindings: {loras: ["12"]}'
_STRENGTHS = ("strength_model", "lora_strength", "strength")
"""The first is ComfyUI's own; loaders of other packs have the others."""
_DIGITS = re.compile(r"[0-9]{1,15}")


class Lora(NamedTuple):
    """``name`` as the server lists it; strengths as a LoRA loader takes them, 1 is the LoRA's own."""

    name: str
    strength: float
    strength_clip: float


class CantPlace(ValueError):
    """The graph has no place for something; ``str(error)`` is for the user."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def placed(
    graph: Graph,
    loras: Sequence[Lora],
    nodes: Nodes | None = None,
    only: Sequence[str] | None = None,
    before: Sequence[str] = (),
) -> tuple[Graph, tuple[Spot, ...]]:
    """A new graph in which ``loras`` are all that is applied, and the ``lora_name`` of each, in their order.

    The loaders on the model's way to the first sampler take them, the one next to the model's own loader
    first. Missing ones are spliced in behind the last, and are like it; without any, right behind the
    model's loader: a LoraLoader where the text encoders' CLIP comes from there too (a checkpoint), else,
    where the CLIP has a loader of its own or there is none, a LoraLoaderModelOnly. Loaders too many are
    taken out. A second model (a refiner) keeps what it has.

    ``only`` are the node ids of the loaders that are managed, in their order; others stay as they are.
    ``before`` are the nodes that the picture goes to (the save node), without any all that feed nothing.
    Node ids that are added follow the highest number among the graph's.

    Raises CantPlace.
    """
    needed = bool(loras) or (only is None and any(_speaks_of_loras(node) for node in graph.values()))
    way = _way(graph, nodes, before) if needed and not only else None
    managed = _loaders(graph, way) if only is None and way else _named(graph, only or ())
    changed = {node_id: {**node, "inputs": dict(node["inputs"])} for node_id, node in graph.items()}
    spots = [_set(changed, node_id, lora) for node_id, lora in zip(managed, loras, strict=False)]
    missing = loras[len(managed) :]
    if missing and managed:
        spots += _behind_loader(changed, managed[-1], missing, nodes)
    elif missing and way:
        spots += _behind_model(changed, way, missing, nodes)
    for node_id in managed[len(loras) :]:
        _take_out(changed, node_id, nodes)
    return changed, tuple(spots)


def loaders(graph: Graph, nodes: Nodes | None = None, before: Sequence[str] = ()) -> tuple[Spot, ...]:
    """The ``lora_name`` of each loader that ``loras`` would set, in their order. Raises CantPlace."""
    if not any(_speaks_of_loras(node) for node in graph.values()):
        return ()
    return tuple(Spot(node_id, "lora_name") for node_id in _loaders(graph, _way(graph, nodes, before)))


def _way(graph: Graph, nodes: Nodes | None, before: Sequence[str]) -> Way:
    found = ways(graph, nodes, before)
    if not found:
        raise CantPlace("the workflow has no sampler with a model that a LoRA could change", _BY_HAND)
    if len(found) > 1:
        models = " or ".join(dict.fromkeys(described(graph, way.source[0]) for way in found))
        raise CantPlace(f"several samplers could come first, with LoRAs behind {models}", _BY_HAND)
    return found[0]


def _loaders(graph: Graph, way: Way) -> list[str]:
    """The way's LoRA loaders. Raises CantPlace for those that can't be managed, since nothing may be
    applied that was not asked for."""
    for node_id in way.passed:
        if _speaks_of_loras(graph[node_id]) and not _is_loader(graph[node_id]):
            raise CantPlace(f"{described(graph, node_id)} applies LoRAs in a way of its own", _BY_HAND)
    for node_id in way.loaders:
        if _speaks_of_loras(graph[node_id]):
            raise CantPlace(f"{described(graph, node_id)} changes only one of several models", _BY_HAND)
    return [node_id for node_id in way.passed if _is_loader(graph[node_id])]


def _speaks_of_loras(node: Mapping[str, Any]) -> bool:
    return "lora" in node["class_type"].lower()


def _is_loader(node: Mapping[str, Any]) -> bool:
    inputs = node["inputs"]
    return "lora_name" in inputs and _strength(node) is not None and is_link(inputs.get("model"))


def _strength(node: Mapping[str, Any]) -> str | None:
    return next((name for name in _STRENGTHS if name in node["inputs"]), None)


def _named(graph: Graph, only: Sequence[str]) -> list[str]:
    named = [text if text in graph else text.removesuffix(".lora_name") for text in only]
    for node_id in named:
        if node_id not in graph:
            raise CantPlace(f"bindings name node {node_id} for a LoRA, which the workflow has not")
        if "lora_name" not in graph[node_id]["inputs"]:
            raise CantPlace(f"bindings name {described(graph, node_id)} for a LoRA, and it has no lora_name")
        if _strength(graph[node_id]) is None:
            raise CantPlace(f"bindings name {described(graph, node_id)} for a LoRA, and it has no strength_model")
    return list(dict.fromkeys(named))


def _set(graph: Graph, node_id: str, lora: Lora) -> Spot:
    inputs = graph[node_id]["inputs"]
    inputs["lora_name"], inputs[_strength(graph[node_id]) or "strength_model"] = lora.name, lora.strength
    if "strength_clip" in inputs or graph[node_id]["class_type"] == "LoraLoader":
        inputs["strength_clip"] = lora.strength_clip
    elif lora.strength_clip not in (lora.strength, 0):
        raise CantPlace(
            f'the workflow has no place for the strength_clip of "{lora.name}": the LoRA goes to the model only',
            "leave strength_clip out",
        )
    return Spot(node_id, "lora_name")


def _behind_loader(graph: Graph, last: str, loras: Sequence[Lora], nodes: Nodes | None) -> list[Spot]:
    like = graph[last]
    numbers = _outputs(graph, last, nodes)
    joints = {name: Arrival(last, number) for name, number in numbers.items()}
    if not joints:
        raise CantPlace(f"no LoRA can follow {described(graph, last)}, no model goes through it", _BY_HAND)
    return _splice(graph, like, joints, numbers, loras)


def _behind_model(graph: Graph, way: Way, loras: Sequence[Lora], nodes: Nodes | None) -> list[Spot]:
    walk = Walk(graph, nodes)
    clips = [
        Arrival(loader, number)
        for loader in way.loaders
        for number in used_outputs(graph, loader)
        if output_kind(walk, loader, number) == "CLIP"
    ]
    if len(clips) > 1:
        raise CantPlace("the workflow merges several models with a CLIP each", _BY_HAND)
    class_type = "LoraLoader" if clips else "LoraLoaderModelOnly"
    like: Node = {"class_type": class_type, "inputs": {}, "_meta": {"title": "LoRA"}}
    joints = {"model": way.source} | dict(zip(["clip"], clips, strict=False))
    return _splice(graph, like, joints, {"model": 0, "clip": 1}, loras)


def _splice(
    graph: Graph, like: Node, joints: Mapping[str, Arrival], numbers: Mapping[str, int], loras: Sequence[Lora]
) -> list[Spot]:
    """Nodes such as ``like``, one behind the other, between each joint and all that it goes to now.
    ``numbers`` are those of their outputs."""
    goes_to = {name: consumers(graph, *joint) for name, joint in joints.items()}
    heads = dict(joints)
    spots = []
    for lora in loras:
        node_id = _free(graph)
        own = {name: list(head) for name, head in heads.items()}
        graph[node_id] = {**like, "inputs": {**like["inputs"], **own}}
        spots.append(_set(graph, node_id, lora))
        heads = {name: Arrival(node_id, numbers[name]) for name in heads}
    for name, taken in goes_to.items():
        for spot in taken:
            graph[spot.node]["inputs"][spot.input] = list(heads[name])
    return spots


def _take_out(graph: Graph, node_id: str, nodes: Nodes | None) -> None:
    passed = {number: name for name, number in _outputs(graph, node_id, nodes).items()}
    for number, taken in used_outputs(graph, node_id).items():
        if number not in passed:
            raise CantPlace(f"{described(graph, node_id)} can't be taken out of the workflow", "give it a LoRA too")
        for spot in taken:
            graph[spot.node]["inputs"][spot.input] = list(graph[node_id]["inputs"][passed[number]])
    del graph[node_id]


def _outputs(graph: Graph, node_id: str, nodes: Nodes | None) -> dict[str, int]:
    """``model`` and ``clip``, as far as they go through a loader, and the numbers of the outputs they leave by."""
    node = graph[node_id]
    known = nodes.get(node["class_type"]) if nodes is not None else None
    given = list(known.outputs) if known is not None else ["MODEL", "CLIP"]
    kinds = {"model": "MODEL", "clip": "CLIP"}
    return {
        name: given.index(kind) for name, kind in kinds.items() if kind in given and is_link(node["inputs"].get(name))
    }


def _free(graph: Mapping[str, Node]) -> str:
    numbers = [int(part) for node_id in graph if _DIGITS.fullmatch(part := node_id.partition(":")[0])]
    return str(max(numbers, default=0) + 1)
