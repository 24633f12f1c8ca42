"""The way of the model: from its loader through what changes it (LoRAs, patches, switches) to the first sampler."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from imagegen.backends.comfyui.workflow.api import Graph, Node, links
from imagegen.backends.comfyui.workflow.nodes import Nodes
from imagegen.backends.comfyui.workflow.walk.links import Arrival, Walk
from imagegen.backends.comfyui.workflow.walk.samplers import chain


class Way(NamedTuple):
    """``source`` is the output that the model comes from: of its loader, or of the node that merges several.
    ``passed`` are the nodes that it goes through, the one next to the source first. ``loaders`` are the
    source's node itself, or all that is merged there.
    """

    source: Arrival
    passed: tuple[str, ...]
    loaders: tuple[str, ...]


def ways(graph: Graph, nodes: Nodes | None = None, ends: Sequence[str] = ()) -> tuple[Way, ...]:
    """The way of the model to each sampler that no other sampler comes before; equal ways are told once.

    Samplers in a row (base and refiner, two passes) have one first. ``ends`` are the nodes that the picture
    goes to, such as the save node; without any, every node that feeds nothing.
    """
    walk = Walk(graph, nodes)
    first = [sampler for end in ends or sinks(graph) for sampler in chain(walk, end).first()]
    starts = [walk.source(spot) for sampler in first for spot in sampler.model[:1]]
    return tuple(dict.fromkeys(_back(walk, start) for start in starts if start is not None))


def sinks(graph: Mapping[str, Node]) -> list[str]:
    """The nodes that feed nothing."""
    feeding = {source for node in graph.values() for _, source, _ in links(node)}
    return [node_id for node_id in graph if node_id not in feeding]


def reaching(graph: Mapping[str, Node], ends: Iterable[str]) -> set[str]:
    """The nodes that lead to any of ``ends``, which are among them."""
    found: set[str] = set()
    ahead = [node_id for node_id in ends if node_id in graph]
    while ahead:
        node_id = ahead.pop()
        if node_id not in found:
            found.add(node_id)
            ahead += [source for _, source, _ in links(graph[node_id]) if source in graph]
    return found


def _back(walk: Walk, start: Arrival) -> Way:
    source, passed = start, [start.node]
    while len(before := [one for one in _into(walk, source) if one.node not in passed]) == 1:
        source = before[0]
        passed.append(source.node)
    merged: dict[str, None] = {}
    while before:
        one = before.pop()
        if one.node not in merged:
            merged[one.node] = None
            before += _into(walk, one)
    return Way(source, tuple(reversed(passed[:-1])), tuple(merged) or (source.node,))


def _into(walk: Walk, arrival: Arrival) -> list[Arrival]:
    """The models that a node is given: of a switch the one it is set to, of a merging node all."""
    found = (walk.source(spot) for spot in walk.through(arrival, "MODEL"))
    return list(dict.fromkeys(one for one in found if one is not None))
