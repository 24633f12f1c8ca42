"""What ComfyUI's plain Save wrote, read into values: nodes, links, subgraphs.

Ids are text here, whatever they are in the file. A link in the file is a list ``[id, origin node, its
output, target node, its input, type]``, or a mapping (in subgraphs, and everywhere in schema version 1).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from imagegen.backends.comfyui.workflow.ui_errors import CantConvert

MOST_NODES = 10_000
"""Real workflows have some hundreds; more is a file made to do harm."""

ALWAYS, NEVER, BYPASS = 0, 2, 4
"""The modes that differ for a conversion: 1 and 3 (on event, on trigger) run like 0."""


class Link(NamedTuple):
    """Where a link begins: a node of the same sheet, or the sheet's own input node, and its output."""

    origin: str
    output: int


class Slot(NamedTuple):
    """An input of a node. ``widget`` names the widget that gives the value where nothing is linked."""

    name: str
    type: str
    link: str | None = None
    widget: str | None = None


@dataclass(frozen=True)
class UINode:
    """``values`` are the widgets' values in the order of the widgets, or by name; ``named`` by name where
    newer pages wrote them so too. ``title`` is empty without one of its own."""

    id: str
    type: str
    mode: int
    inputs: tuple[Slot, ...]
    outputs: tuple[str, ...]
    values: Sequence[Any] | Mapping[str, Any]
    named: Mapping[str, Any] | None
    title: str
    properties: Mapping[str, Any]

    def names(self) -> Mapping[str, Any] | None:
        """The values by name, unless they are not those of the list: the page reads the list, and whoever
        edits a file may change that alone."""
        if isinstance(self.values, Mapping):
            return self.values
        if self.named is None or Counter(map(_form, self.named.values())) != Counter(map(_form, self.values)):
            return None
        return self.named


class Port(NamedTuple):
    """An input of a subgraph, and the inputs inside that it feeds: (node's id, slot's number)."""

    name: str
    type: str
    targets: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Sheet:
    """One graph: the file's own, or a subgraph's. ``source`` is the id of the node that stands for the
    subgraph's inputs; ``results`` are the links into its outputs, None where nothing is linked."""

    nodes: Mapping[str, UINode]
    links: Mapping[str, Link]
    source: str = ""
    ports: tuple[Port, ...] = field(default=())
    results: tuple[tuple[str, Link | None], ...] = field(default=())

    @cached_property
    def size(self) -> int:
        """How many nodes and inputs it has."""
        return len(self.nodes) + len(self.ports) + sum(len(node.inputs) for node in self.nodes.values())

    def port(self, name: str) -> int | None:
        """The number of the subgraph's input of this name."""
        return next((number for number, port in enumerate(self.ports) if port.name == name), None)


@dataclass(frozen=True)
class UIFile:
    root: Sheet
    subgraphs: Mapping[str, Sheet]


def read(workflow: Any) -> UIFile:
    """Raises CantConvert where the file is not what a page writes."""
    if not isinstance(workflow, Mapping):
        raise CantConvert("is no workflow: it should be a mapping with nodes and links")
    subgraphs: dict[str, Sheet] = {}
    waiting = [workflow]
    while waiting:
        definitions = waiting.pop().get("definitions")
        inner = definitions.get("subgraphs") if isinstance(definitions, Mapping) else None
        for number, one in enumerate(_list(inner, "definitions.subgraphs")):
            if not isinstance(one, Mapping) or not isinstance(one.get("id"), str):
                raise CantConvert(f"has a subgraph without an id (definitions.subgraphs[{number}])")
            if one["id"] not in subgraphs:
                subgraphs[one["id"]] = _subgraph(one)
                waiting.append(one)
    return UIFile(_sheet(workflow, "", ()), subgraphs)


def _subgraph(one: Mapping[str, Any]) -> Sheet:
    name = f' of subgraph "{one.get("name", one["id"])}"'
    source, sink = _end(one, "inputNode", "-10"), _end(one, "outputNode", "-20")
    sheet = _sheet(one, name, (source, sink))
    fed: dict[int, dict[str, tuple[str, int]]] = {}
    for node in sheet.nodes.values():
        for number, slot in enumerate(node.inputs):
            link = sheet.links.get(slot.link) if slot.link is not None else None
            if slot.link is not None and link is not None and link.origin == source:
                fed.setdefault(link.output, {})[slot.link] = (node.id, number)
    ports = []
    for number, port in enumerate(_list(one.get("inputs"), f"the inputs{name}")):
        if not isinstance(port, Mapping):
            raise CantConvert(f"has an input that is no mapping{name}")
        own = fed.get(number, {})
        order = dict.fromkeys([*map(_key, _list(port.get("linkIds"), f"the links{name}")), *own])
        ports.append(Port(_text(port.get("name")), _type(port.get("type")), tuple(own[i] for i in order if i in own)))
    results = []
    for port in _list(one.get("outputs"), f"the outputs{name}"):
        if not isinstance(port, Mapping):
            raise CantConvert(f"has an output that is no mapping{name}")
        links = (sheet.links.get(_key(link)) for link in _list(port.get("linkIds"), f"the links{name}"))
        results.append((_type(port.get("type")), next(filter(None, links), None)))
    return Sheet(sheet.nodes, sheet.links, source, tuple(ports), tuple(results))


def _sheet(graph: Mapping[str, Any], where: str, ends: tuple[str, ...]) -> Sheet:
    nodes: dict[str, UINode] = {}
    given = _list(graph.get("nodes"), f"the nodes{where}")
    if len(given) > MOST_NODES:
        raise CantConvert(f"has {len(given)} nodes{where}, and more than {MOST_NODES} are not converted")
    for number, one in enumerate(given):
        node = _node(one, f"nodes[{number}]{where}")
        if node.id in nodes or node.id in ends:
            raise CantConvert(f"has two nodes {node.id}{where}")
        nodes[node.id] = node
    return Sheet(nodes, dict(_links(graph.get("links"), where)))


def _node(one: Any, where: str) -> UINode:
    if not isinstance(one, Mapping) or not isinstance(one.get("type"), str) or not _is_id(one.get("id")):
        raise CantConvert(f"has a node without id and type ({where})")
    values, named, properties = one.get("widgets_values"), one.get("widgets_values_named"), one.get("properties")
    mode = one.get("mode")
    return UINode(
        str(one["id"]),
        one["type"],
        mode if isinstance(mode, int) else ALWAYS,
        tuple(_slot(slot, where) for slot in _list(one.get("inputs"), f"the inputs of {where}")),
        tuple(_type(slot.get("type")) for slot in _mappings(one.get("outputs"), f"the outputs of {where}")),
        values if isinstance(values, list | Mapping) else (),
        named if isinstance(named, Mapping) else None,
        _text(one.get("title")),
        properties if isinstance(properties, Mapping) else {},
    )


def _slot(one: Any, where: str) -> Slot:
    if not isinstance(one, Mapping) or not isinstance(one.get("name"), str):
        raise CantConvert(f"has an input without a name ({where})")
    link, widget = one.get("link"), one.get("widget")
    named = widget.get("name") if isinstance(widget, Mapping) else None
    return Slot(
        one["name"],
        _type(one.get("type")),
        None if link is None else _key(link),
        named if isinstance(named, str) else one["name"] if isinstance(widget, Mapping) else None,
    )


def _links(given: Any, where: str) -> Iterator[tuple[str, Link]]:
    for link in _list(given, f"the links{where}"):
        if isinstance(link, list) and len(link) >= 5:
            own, origin, output = link[0], link[1], link[2]
        elif isinstance(link, Mapping):
            own, origin, output = (link.get(key) for key in ("id", "origin_id", "origin_slot"))
        elif link is None:  # a deleted link in files of 2023
            continue
        else:
            raise CantConvert(f"has a link that is neither a list nor a mapping{where}")
        if isinstance(output, str) and output.isdecimal() and len(output) < 10:
            output = int(output)
        if not _is_id(own) or not _is_id(origin) or not isinstance(output, int) or isinstance(output, bool):
            raise CantConvert(f"has a link without id, origin and output{where}")
        yield str(own), Link(str(origin), output)


def _form(value: Any) -> tuple[str, Any]:
    """What is compared of a value."""
    return type(value).__name__, value if isinstance(value, str | int | float) else None


def _end(one: Mapping[str, Any], name: str, usual: str) -> str:
    node = one.get(name)
    own = node.get("id") if isinstance(node, Mapping) else None
    return str(own) if _is_id(own) else usual


def _list(value: Any, what: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise CantConvert(f"{what} should be a list")
    return value


def _mappings(value: Any, what: str) -> Iterator[Mapping[str, Any]]:
    for one in _list(value, what):
        yield one if isinstance(one, Mapping) else {}


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _key(value: Any) -> str:
    return str(value) if _is_id(value) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _type(value: Any) -> str:
    """A slot's type; 0 and the empty text mean any, a list (of an old file) is a choice."""
    if isinstance(value, list):
        return "COMBO"
    return value if isinstance(value, str) and value else "*"
