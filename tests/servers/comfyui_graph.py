"""A graph in ComfyUI's API form: its links, each node's signature, and the order in which nodes run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from typing import Any

Graph = dict[str, dict[str, Any]]
NodeTypes = dict[str, dict[str, Any]]  # what /object_info answers

_FAR = 3  # links from an output node at which the real server no longer cares


def is_link(value: Any) -> bool:
    """Whether an input's value is another node's output: `[node id, slot]`."""
    if not isinstance(value, list) or len(value) != 2:
        return False
    return isinstance(value[0], str) and isinstance(value[1], (int, float))


def signatures(graph: Graph, changed: Callable[[dict[str, Any]], str]) -> dict[str, str]:
    """For each node a digest of all that decides its result: class, inputs, what leads to it.

    Node ids and `_meta` are not part of it. `changed` adds what a node reads from elsewhere (an uploaded
    file's content), or something new each time for a node that is never served from the cache.
    """
    known: dict[str, str] = {}

    def of(node_id: str) -> str:
        if node_id not in known:
            node = graph[node_id]
            inputs = {
                name: [of(value[0]), value[1]] if is_link(value) else {"value": value}
                for name, value in node["inputs"].items()
            }
            text = json.dumps([node["class_type"], changed(node), inputs], sort_keys=True)
            known[node_id] = hashlib.sha256(text.encode()).hexdigest()
        return known[node_id]

    return {node_id: of(node_id) for node_id in graph}


def order(graph: Graph, outputs: list[str], cached: Collection[str], types: NodeTypes) -> list[str]:
    """The nodes that have to run for `outputs`, in the order in which the recordings ran them.

    Of the nodes whose inputs are there, first an output node, then one that an output node waits for, then
    one further away; else the one come upon first, walking from the outputs with the last link first.
    """
    waits: dict[str, set[str]] = {}
    feeds: dict[str, list[str]] = {}
    stack = []
    for output in outputs:
        stack.append(output)
        while stack:
            node_id = stack.pop()
            if node_id in waits:
                continue
            links = [value[0] for value in graph[node_id]["inputs"].values() if is_link(value)]
            needed = [source for source in links if source not in cached]
            waits[node_id] = set(needed)
            for source in needed:
                feeds.setdefault(source, []).append(node_id)
            stack += needed

    def distance(node_id: str, most: int = _FAR) -> int:
        if types[graph[node_id]["class_type"]]["output_node"]:
            return 0
        if most == 1:
            return 1
        return 1 + min((distance(fed, most - 1) for fed in feeds.get(node_id, [])), default=most - 1)

    plan = []
    while waits:
        ready = [node_id for node_id, sources in waits.items() if not sources]
        chosen = min(ready, key=distance)
        plan.append(chosen)
        del waits[chosen]
        for sources in waits.values():
            sources.discard(chosen)
    return plan
