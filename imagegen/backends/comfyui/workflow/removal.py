"""A node taken out of a graph, and with it all that makes no sense any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagegen.backends.comfyui.workflow.api import Graph, Node, Spot, consumers, described, is_link, links
from imagegen.backends.comfyui.workflow.nodes import Nodes
from imagegen.backends.comfyui.workflow.passing import passed_on, used_outputs
from imagegen.backends.comfyui.workflow.walk.links import Walk
from imagegen.backends.comfyui.workflow.walk.samplers import is_sampler


class Needed(ValueError):
    """What is to be made can't do without the node; ``str(error)`` is the way from it, node by node."""


def without(graph: Graph, node_id: str, ends: Sequence[str], nodes: Nodes | None = None) -> Graph:
    """A new graph without ``node_id``.

    Forward from it each node does without the input where it is optional; else it is left out, and what
    goes through it (conditioning through ReferenceLatent, a model through an IPAdapter, the one of two
    pictures that is left) goes on past it; else it is removed too, and so on. What then feeds nothing, and
    did before, is removed.

    Raises Needed where one of ``ends`` (the save node) would be removed.
    """
    walk = Walk(graph, nodes)
    gone = _falling(walk, node_id, ends)
    for end in ends:
        if end in gone:
            raise Needed(_way(graph, node_id, end, gone))
    left = {one: {**node, "inputs": dict(node["inputs"])} for one, node in graph.items() if one not in gone}
    for one in left:
        dead = [name for name, source, _ in links(graph[one]) if source in gone]
        if not dead:
            continue
        optional = all(_is_optional(walk, Spot(one, name)) for name in dead)
        if optional:
            for name in dead:
                del left[one]["inputs"][name]
        if not optional or _is_idle(walk, left, one):
            _bypass(walk, left, one, dead)
    return _pruned(left, graph, ends)


def _falling(walk: Walk, node_id: str, ends: Sequence[str]) -> set[str]:
    """The nodes that can't be without ``node_id``, it among them."""
    graph = walk.graph
    gone = {node_id}
    ahead = [node_id]
    while ahead:
        for spot in consumers(graph, ahead.pop()):
            if spot.node in gone:
                continue
            dead = [name for name, source, _ in links(graph[spot.node]) if source in gone]
            if all(_is_optional(walk, Spot(spot.node, name)) for name in dead):
                continue
            # A latent goes through a sampler too; without it there is no picture.
            essential = spot.node in ends or not used_outputs(graph, spot.node) or is_sampler(walk, spot.node)
            if essential or passed_on(walk, spot.node, dead) is None:
                gone.add(spot.node)
                ahead.append(spot.node)
    return gone


def _is_optional(walk: Walk, spot: Spot) -> bool:
    """By its class; where that is unknown, pictures beside a text encoder's text are, as in ComfyUI's own."""
    known = walk.known(spot.node)
    if known is not None:
        return spot.input not in known.inputs or not known.inputs[spot.input].required
    return "TextEncode" in walk.graph[spot.node]["class_type"] and walk.kind(spot) == "IMAGE"


def _is_idle(walk: Walk, left: Graph, node_id: str) -> bool:
    """Whether nothing is left for the node to do: all that it is given goes through it."""
    inputs = left[node_id]["inputs"]
    passed = passed_on(walk, node_id, walk.graph[node_id]["inputs"].keys() - inputs.keys())
    return (
        passed is not None and set(inputs) == set(passed.values()) and all(is_link(value) for value in inputs.values())
    )


def _bypass(walk: Walk, left: Graph, node_id: str, dead: Sequence[str]) -> None:
    passed = passed_on(walk, node_id, dead) or {}
    used = used_outputs(left, node_id)
    for number, takers in used.items():
        for taker in takers:
            left[taker.node]["inputs"][taker.input] = list(left[node_id]["inputs"][passed[number]])


def _pruned(left: Graph, graph: Mapping[str, Node], ends: Sequence[str]) -> Graph:
    """Without what fed something in ``graph`` and feeds nothing here."""
    fed = {source for node in graph.values() for _, source, _ in links(node)} - set(ends)
    while True:
        feeding = {source for node in left.values() for _, source, _ in links(node)}
        idle = [node_id for node_id in left if node_id in fed and node_id not in feeding]
        if not idle:
            return left
        for node_id in idle:
            del left[node_id]


def _way(graph: Graph, start: str, end: str, among: set[str]) -> str:
    """The shortest way between two nodes, as an error shows it."""
    came: dict[str, str] = {start: ""}
    ahead = [start]
    for node_id in ahead:
        for spot in consumers(graph, node_id):
            if spot.node in among and spot.node not in came:
                came[spot.node] = node_id
                ahead.append(spot.node)
    way = [end]
    while came[way[-1]]:
        way.append(came[way[-1]])
    return " → ".join(described(graph, node_id) for node_id in reversed(way))
