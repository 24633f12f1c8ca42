"""Subgraphs laid open: for each use of a subgraph, a scope with what the node outside gives its widgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from imagegen.backends.comfyui.workflow.ui_errors import CantConvert
from imagegen.backends.comfyui.workflow.ui_file import BYPASS, NEVER, Link, Sheet, Slot, UIFile, UINode

MOST_PARTS = 50_000
"""Real workflows have some thousands; more is a file made to do harm."""
DEEPEST = 32
"""Subgraphs in subgraphs; the page allows more, and nobody reads them."""


@dataclass(eq=False)
class Scope:
    """One use of a sheet. ``prefix`` is put before the ids of its nodes (``"57:3:"``). ``given`` are the
    values that the node outside has for the sheet's inputs, by number, and ``promoted`` those it has for
    widgets inside, by node's id and widget's name."""

    sheet: Sheet
    prefix: str = ""
    parent: Scope | None = None
    host: UINode | None = None
    subgraphs: tuple[str, ...] = ()
    given: Mapping[int, Any] = field(default_factory=dict)
    promoted: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    inside: dict[str, Scope] = field(default_factory=dict)

    def id(self, node: UINode) -> str:
        return self.prefix + node.id

    def named(self, node: UINode) -> str:
        """The node as an error names it: ``node 57:8 (KSampler)``, ``node 57 (subgraph)``."""
        return f"node {self.id(node)} ({'subgraph' if node.id in self.inside else node.type})"

    def is_border(self, link: Link) -> bool:
        """Whether a link comes from outside, through the subgraph's inputs."""
        return self.host is not None and link.origin == self.sheet.source


def scopes(file: UIFile) -> list[Scope]:
    """Every scope, the root first, then each subgraph with what it holds, in the file's order. What is
    muted or bypassed is not laid open. Raises CantConvert for subgraphs that hold themselves, and for too
    many nodes."""
    root = Scope(file.root)
    found, waiting, parts = [], [root], root.sheet.size
    while waiting:
        scope = waiting.pop()
        found.append(scope)
        below = []
        for node in scope.sheet.nodes.values():
            if node.type not in file.subgraphs or node.mode in (NEVER, BYPASS):
                continue
            name = f"node {scope.id(node)}"
            if node.type in scope.subgraphs:
                raise CantConvert(f"{name} is a subgraph that holds itself")
            if len(scope.subgraphs) >= DEEPEST:
                raise CantConvert(f"{name} lies more than {DEEPEST} subgraphs deep")
            parts += file.subgraphs[node.type].size
            if parts > MOST_PARTS:
                raise CantConvert(f"has more than {MOST_PARTS} nodes and inputs, its subgraphs laid open")
            scope.inside[node.id] = inner = _inner(file, scope, node)
            below.append(inner)
        waiting += reversed(below)
    return found


def host_slots(host: UINode, sheet: Sheet) -> tuple[Slot, ...]:
    """The inputs of a subgraph's node in the order of the subgraph's own; saved files leave some out.
    Where names repeat, the first of the file belongs to the first of the subgraph."""
    saved: dict[str, list[Slot]] = {}
    for slot in reversed(host.inputs):
        saved.setdefault(slot.name, []).append(slot)
    return tuple(
        saved[port.name].pop()._replace(type=port.type) if saved.get(port.name) else Slot(port.name, port.type)
        for port in sheet.ports
    )


def _inner(file: UIFile, outer: Scope, host: UINode) -> Scope:
    sheet = file.subgraphs[host.type]
    promoted: dict[str, dict[str, Any]] = {}
    given = dict(_given(host, sheet, promoted))
    for name, value in outer.promoted.get(host.id, {}).items():
        number = sheet.port(name)
        if number is not None:
            given[number] = value
    return Scope(sheet, f"{outer.id(host)}:", outer, host, (*outer.subgraphs, host.type), given, promoted)


def _given(host: UINode, sheet: Sheet, promoted: dict[str, dict[str, Any]]) -> Iterator[tuple[int, Any]]:
    """The host's own values: as its ``proxyWidgets`` list them, or in the order of the inputs that feed
    widgets, or by name. Without a value the widget inside keeps its own."""
    numbers = {port.name: number for number, port in reversed([*enumerate(sheet.ports)])}
    fed = {field: number for number in range(len(sheet.ports)) for field in _fields(sheet, number)}
    fields = [number for number in range(len(sheet.ports)) if any(_fields(sheet, number))]
    proxies = host.properties.get("proxyWidgets")
    values = host.values
    if not isinstance(values, Mapping) and isinstance(proxies, list) and proxies:
        for proxy, value in zip(proxies, values, strict=False):
            if value is None or not isinstance(proxy, list) or [type(part) for part in proxy[:2]] != [str, str]:
                continue
            target, widget = proxy[:2]
            number = numbers.get(widget) if target == "-1" else fed.get((target, widget))
            if number is None:
                promoted.setdefault(target, {})[widget] = value
            else:
                yield number, value
        return
    named = host.names()
    if named is not None and (named is values or len(values) != len(fields)):
        yield from ((numbers[name], value) for name, value in named.items() if name in numbers and value is not None)
    elif not isinstance(values, Mapping):
        yield from ((number, value) for number, value in zip(fields, values, strict=False) if value is not None)


def _fields(sheet: Sheet, number: int) -> Iterator[tuple[str, str]]:
    """The widgets inside that an input of a subgraph feeds: (node's id, widget's name)."""
    for node_id, slot in sheet.ports[number].targets:
        widget = sheet.nodes[node_id].inputs[slot].widget
        if widget is not None:
            yield node_id, widget
