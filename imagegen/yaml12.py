"""YAML by the rules of version 1.2's core schema, put together from libyaml's events.

Source of the rules: https://yaml.org/spec/1.2.2/#103-core-schema. ``yaml.load`` follows YAML 1.1, where
``No``, ``16:9`` and ``2026-01-01`` are not text, gives no positions, and crashes the interpreter on a file of
60,000 nested brackets. Duplicate keys, tags, endless depth and alias bombs are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from imagegen.errors import Place, Problem, WrongInput

MAX_DEPTH = 64
MAX_NODES = 2_000_000
"""A file that repeats itself through aliases past this many values is an alias bomb."""

Spot = tuple[int, int]
"""Line and column, counted from 1."""


class Map(dict[str, Any]):
    """A mapping. ``keys_at`` and ``values_at`` give each key's spots, ``letters`` the source's own
    letters of values that were not text."""

    __slots__ = ("at", "keys_at", "letters", "size", "values_at")

    def __init__(self, at: Spot) -> None:
        super().__init__()
        self.at, self.size = at, 1
        self.keys_at: dict[str, Spot] = {}
        self.values_at: dict[str, Spot] = {}
        self.letters: dict[str | int, str] = {}


class Seq(list[Any]):
    """A list; ``values_at`` and ``letters`` as in :class:`Map`, by index."""

    __slots__ = ("at", "letters", "size", "values_at")

    def __init__(self, at: Spot) -> None:
        super().__init__()
        self.at, self.size = at, 1
        self.values_at: list[Spot] = []
        self.letters: dict[str | int, str] = {}


_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {**dict.fromkeys(("true", "True", "TRUE"), True), **dict.fromkeys(("false", "False", "FALSE"), False)}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_MIGHT_BE_NUMBER = frozenset("+-.0123456789")
_LONGEST_NUMBER = 400


def scalar(text: str) -> Any:
    """A plain scalar's value under YAML 1.2's core schema; ``.inf`` and ``.nan`` stay text, since
    no setting can be either.

    >>> [scalar(s) for s in ("No", "16:9", "1_000", "2026-01-01", "007", "1e3", "0x1f", "~")]
    ['No', '16:9', '1_000', '2026-01-01', 7, 1000.0, 31, None]
    """
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in _MIGHT_BE_NUMBER or len(text) > _LONGEST_NUMBER:
        return text
    if _INT.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if number - number == 0 else text  # 1e999 is no number that anything can hold
    return text


def _events(text: str) -> Iterator[Any]:
    import yaml

    return yaml.parse(text, Loader=getattr(yaml, "CLoader", yaml.Loader))


_LINE_ENDS_OF_1_1 = re.compile("[\x85\u2028\u2029]")


def read(text: str, name: str) -> Any:
    import yaml

    if odd := _LINE_ENDS_OF_1_1.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        column = odd.start() - text.rfind("\n", 0, odd.start())
        letter = f"{ord(odd[0]):04X}"
        raise WrongInput(
            [
                Problem(
                    f"holds the letter U+{letter}, which some readers of YAML take for a line's end",
                    place=Place(name, line, column),
                    hint=f'remove it, or write it as "\\u{letter.lower()}" between double quotes',
                )
            ]
        )
    try:
        return _build(_events(text), name)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(name, mark.line + 1, mark.column + 1) if mark else Place(name)
        raise WrongInput([Problem(f"is not YAML: {error.problem or error.context}", place=place)]) from error
    except yaml.YAMLError as error:  # a control character
        position = getattr(error, "position", None)
        line = text[:position].count("\n") + 1 if isinstance(position, int) else 0
        reason = str(getattr(error, "reason", error)).splitlines()[0]
        raise WrongInput([Problem(f"is not YAML: {reason}", place=Place(name, line))]) from error


def _build(events: Iterator[Any], name: str) -> Any:
    """Put the events together with a stack of our own, so that depth costs nothing."""
    import yaml

    stack: list[Map | Seq] = []
    keys: list[tuple[str, Spot] | None] = []  # the key that waits for its value, for each open mapping
    names: list[str | None] = []  # the anchor of each open mapping or list
    anchors: dict[str, tuple[Any, str | None]] = {}
    root: Any = None
    documents = 0

    def refuse(message: str, mark: Any, hint: str = "") -> WrongInput:
        return WrongInput([Problem(message, place=Place(name, mark.line + 1, mark.column + 1), hint=hint)])

    def add(value: Any, letters: str | None, spot: Spot, mark: Any) -> None:
        nonlocal root
        if not stack:
            root = value
            return
        parent = stack[-1]
        grown = getattr(value, "size", 1)
        parent.size += grown
        if parent.size > MAX_NODES:
            raise refuse("repeats itself through aliases too often", mark, "write the values out")
        if isinstance(parent, Seq):
            if letters is not None:
                parent.letters[len(parent)] = letters
            parent.append(value)
            parent.values_at.append(spot)
            return
        waiting = keys[-1]
        if waiting is None:
            raise refuse("a key must be text", mark)
        key, key_spot = waiting
        keys[-1] = None
        dict.__setitem__(parent, key, value)
        parent.keys_at[key], parent.values_at[key] = key_spot, spot
        if letters is not None:
            parent.letters[key] = letters

    def add_key(text: str, spot: Spot, mark: Any) -> None:
        parent = stack[-1]
        assert isinstance(parent, Map)
        if text in parent:
            first = parent.keys_at[text][0]
            raise refuse(f'the key "{text}" stands twice here, first in line {first}', mark)
        if text == "<<":
            raise refuse('"<<" merges in YAML 1.1 only', mark, "put what is shared under defaults or into the job")
        keys[-1] = (text, spot)

    mark: Any
    for event in events:
        if isinstance(event, yaml.ScalarEvent):
            mark = event.start_mark
            spot = (mark.line + 1, mark.column + 1)
            if event.tag is not None:
                raise refuse(f"tags are not read: {event.tag}", mark, "remove it")
            if stack and keys[-1] is None and isinstance(stack[-1], Map):
                if event.anchor:
                    anchors[event.anchor] = (event.value, None)
                add_key(event.value, spot, mark)
                continue
            value, letters = event.value, None
            if event.implicit[0]:  # a plain scalar, neither quoted nor a block
                value = scalar(event.value)
                letters = event.value if not isinstance(value, str) else None
            if event.anchor:
                anchors[event.anchor] = (value, letters)
            add(value, letters, spot, mark)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            mark = event.start_mark
            if event.tag is not None:
                raise refuse(f"tags are not read: {event.tag}", mark, "remove it")
            if len(stack) >= MAX_DEPTH:
                raise refuse(f"is nested more than {MAX_DEPTH} levels deep", mark)
            if stack and isinstance(stack[-1], Map) and keys[-1] is None:
                raise refuse("a key must be text", mark)
            spot = (mark.line + 1, mark.column + 1)
            opened = Map(spot) if isinstance(event, yaml.MappingStartEvent) else Seq(spot)
            if event.anchor:
                anchors.pop(event.anchor, None)  # not to be had from inside itself
            stack.append(opened)
            keys.append(None)
            names.append(event.anchor)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            closed = stack.pop()
            keys.pop()
            anchor = names.pop()
            if anchor:
                anchors[anchor] = (closed, None)
            add(closed, None, closed.at, event.start_mark)
        elif isinstance(event, yaml.AliasEvent):
            mark = event.start_mark
            if event.anchor not in anchors:
                raise refuse(f"nothing is called &{event.anchor} above this", mark)
            value, letters = anchors[event.anchor]
            spot = (mark.line + 1, mark.column + 1)
            if stack and isinstance(stack[-1], Map) and keys[-1] is None:
                if not isinstance(value, str):
                    raise refuse("a key must be text", mark)
                add_key(value, spot, mark)
            else:
                add(value, letters, spot, mark)
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise refuse("holds more than one document", event.start_mark, "keep what stands above the ---")
    return root
