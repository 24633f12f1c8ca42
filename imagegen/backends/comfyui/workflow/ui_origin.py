"""Where the value of an input comes from: through reroutes, bypassed nodes, and subgraphs' borders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from imagegen.backends.comfyui.workflow.ui_errors import CantConvert
from imagegen.backends.comfyui.workflow.ui_file import BYPASS, NEVER, Link, UINode
from imagegen.backends.comfyui.workflow.ui_scopes import Scope
from imagegen.backends.comfyui.workflow.ui_slots import GET, PRIMITIVE, SET, Slots


class Output(NamedTuple):
    """An output of a node that the server runs."""

    node: str
    number: int


class Value(NamedTuple):
    """A widget's value instead of a link."""

    value: Any


class _Input(NamedTuple):
    """An input on the way. ``wanted`` is the type of the one that asks, the empty text if that is this
    one. ``direct``: nothing but subgraphs' borders lies between."""

    scope: Scope
    node: UINode
    number: int
    wanted: str
    direct: bool


class _Output(NamedTuple):
    scope: Scope
    link: Link
    wanted: str
    asker: UINode
    direct: bool


_Step = _Input | _Output | Output | Value | None

MOST_STEPS = 200_000
"""In one file; a real one takes some thousands."""


class Origins:
    """The origins in one file."""

    def __init__(self, slots: Slots) -> None:
        self._slots, self._steps = slots, 0
        self._setters: dict[int, dict[str, UINode]] = {}

    def of(self, scope: Scope, node: UINode, number: int) -> Output | Value | None:
        """What the input gets; None where nothing is linked, or what is linked gives nothing.

        Raises CantConvert for links that lead nowhere or in a circle.
        """
        step: _Step = _Input(scope, node, number, "", True)
        seen: set[tuple[str, bool, int]] = set()
        while isinstance(step, _Input | _Output):
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise CantConvert("has links that go through too many nodes")
            if isinstance(step, _Input):
                mark = (step.scope.id(step.node), True, step.number)
                step = self._before_input(step)
            else:
                mark = (step.scope.prefix + step.link.origin, False, step.link.output)
                step = self._before_output(step)
            if mark in seen:
                raise CantConvert(f"{scope.named(node)} is linked in a circle through node {mark[0]}")
            seen.add(mark)
        return step

    def _before_input(self, at: _Input) -> _Step:
        slot = self._slots.inputs(at.node)[at.number]
        if slot.link is None:
            inner = at.scope.inside.get(at.node.id)
            return None if inner is None else self._given(inner, at.number)
        link = at.scope.sheet.links.get(slot.link)
        if link is None:
            raise CantConvert(f"{at.scope.named(at.node)}: its input {slot.name} has a link that the file lacks")
        if at.scope.is_border(link):
            return _outside(at.scope, link, "", at.direct)
        return _Output(at.scope, link, at.wanted or slot.type, at.node, at.direct and slot.widget is not None)

    def _before_output(self, at: _Output) -> _Step:
        scope, number = at.scope, at.link.output
        node = scope.sheet.nodes.get(at.link.origin)
        if node is None:
            raise CantConvert(f"{scope.named(at.asker)} is linked to a node {at.link.origin} that is not there")
        virtual = self._slots.is_virtual(node)
        if virtual and node.type == PRIMITIVE:  # muted or not: it works at once, on what it is linked to
            return _primitive(scope, node) if at.direct else None
        if node.mode == NEVER:
            return None
        if node.mode == BYPASS:
            passed = self._slots.passed(node, number, at.wanted)
            return None if passed is None else _Input(scope, node, passed, "", False)
        if node.id in scope.inside:
            return _inside(scope.inside[node.id], number, at)
        if not virtual:
            return Output(scope.id(node), number)
        if node.type == GET:
            return self._set(scope, node, at.wanted)
        return _Input(scope, node, number, at.wanted, False) if 0 <= number < len(node.inputs) else None

    def _set(self, scope: Scope, node: UINode, wanted: str) -> _Input:
        """The input of the SetNode whose name a GetNode has, in its own sheet or one around it."""
        name = _first(node)
        outer: Scope | None = scope
        while outer is not None and isinstance(name, str):
            if id(outer.sheet) not in self._setters:
                named = [(_first(one), one) for one in outer.sheet.nodes.values() if one.type == SET and one.inputs]
                self._setters[id(outer.sheet)] = {own: one for own, one in named if isinstance(own, str)}
            setter = self._setters[id(outer.sheet)].get(name)
            if setter is not None:
                return _Input(outer, setter, 0, wanted, False)
            outer = outer.parent
        raise CantConvert(f'{scope.named(node)} gets "{name}", and no SetNode sets it')

    def _given(self, inner: Scope, number: int) -> Value | None:
        """The value that the node of a subgraph has for its input: its own, or the first widget's inside."""
        while number not in inner.given:
            for node_id, slot_number in inner.sheet.ports[number].targets:
                node = inner.sheet.nodes[node_id]
                deeper, slot = inner.inside.get(node_id), node.inputs[slot_number]
                port = None if deeper is None else deeper.sheet.port(slot.name)
                if deeper is not None and port is not None:
                    inner, number = deeper, port
                    break
                if slot.widget is not None and slot.widget in self._slots.widgets(node):
                    own = self._slots.widgets(node)[slot.widget][1]
                    return Value(inner.promoted.get(node.id, {}).get(slot.widget, own))
            else:
                return None
        return Value(inner.given[number])


def _outside(scope: Scope, link: Link, wanted: str, direct: bool) -> _Input:
    """From the subgraph's own input to that of the node which stands for it."""
    assert scope.host is not None and scope.parent is not None  # is_border
    if not 0 <= link.output < len(scope.sheet.ports):
        raise CantConvert(f"{scope.parent.named(scope.host)} has a link from an input that it lacks")
    return _Input(scope.parent, scope.host, link.output, wanted, direct)


def _inside(inner: Scope, number: int, at: _Output) -> _Step:
    """From an output of the node that stands for a subgraph to what is linked to it inside."""
    assert inner.host is not None and inner.parent is not None  # only the root has none
    if not 0 <= number < len(inner.sheet.results):
        raise CantConvert(f"{inner.parent.named(inner.host)} has a link from an output that it lacks")
    link = inner.sheet.results[number][1]
    if link is None:
        return None
    if inner.is_border(link):
        return _outside(inner, link, at.wanted, False)
    return _Output(inner, link, at.wanted, inner.host, False)


def _primitive(scope: Scope, node: UINode) -> Value | None:
    """Its value; None where it has none, and the widget that it feeds keeps its own."""
    value = next(iter(scope.promoted.get(node.id, {}).values()), _first(node))
    if isinstance(value, str) and "%" in value and node.properties.get("Run widget replace on values"):
        raise CantConvert(f"{scope.named(node)} has a value that ComfyUI's page fills in: {value}")
    return None if value is None else Value(value)


def _first(node: UINode) -> Any:
    return next(iter(node.values.values() if isinstance(node.values, Mapping) else node.values), None)
