"""ComfyUI's API format: a mapping of node id → ``class_type``, ``inputs``, and perhaps ``_meta.title``.

An input's value is a literal, or a link ``[node id, output's number]``. Node ids are text; those inside
a subgraph are joined by colons (``"57:8"``), as ComfyUI's page writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeGuard

Node = dict[str, Any]
Graph = dict[str, Node]


class Spot(NamedTuple):
    """One input of one node."""

    node: str
    input: str

    def __str__(self) -> str:
        """``6.text``: what ``bindings:`` in a manifest say."""
        return f"{self.node}.{self.input}"


def is_api(value: Any) -> TypeGuard[Graph]:
    """Whether a JSON value is a graph in API format."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(
            isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)
            for node in value.values()
        )
    )


def is_link(value: Any) -> TypeGuard[list[Any]]:
    """Whether an input's value is a link: ``[node id, output's number]``, as the server's own check says."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], int)
        and not isinstance(value[1], bool)
    )


def links(node: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """(input's name, source node's id, its output's number) for each linked input, in the node's order."""
    for name, value in node["inputs"].items():
        if is_link(value):
            yield name, value[0], value[1]


def consumers(graph: Mapping[str, Node], node_id: str, output: int | None = None) -> list[Spot]:
    """The inputs that an output of a node (any output where None) goes to, in the graph's order."""
    return [
        Spot(consumer, name)
        for consumer, node in graph.items()
        for name, source, number in links(node)
        if source == node_id and (output is None or number == output)
    ]


def dangling(graph: Mapping[str, Node]) -> tuple[str, str, str] | None:
    """The first link to a node that is not there: (node, input, the missing node's id); None without one."""
    for node_id, node in graph.items():
        for name, source, _ in links(node):
            if source not in graph:
                return node_id, name, source
    return None


def title(node: Mapping[str, Any]) -> str:
    """The title that a person may have given the node; the empty text without one."""
    meta = node.get("_meta")
    found = meta.get("title") if isinstance(meta, Mapping) else None
    return found if isinstance(found, str) else ""


def described(graph: Mapping[str, Node], node_id: str) -> str:
    """A node as an error names it: ``CLIPTextEncode (node 6, "Positive Prompt")``; nothing in a file's names
    reaches the terminal that is more than a letter."""
    node = graph[node_id]
    named = title(node)
    shown = f', "{named}"' if named and named != node["class_type"] else ""
    whole = f"{node['class_type']} (node {node_id}{shown})"
    return "".join(letter if letter.isprintable() else "�" for letter in whole)
