"""Items written as texts: a table's cells, the setting lines of a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from imagegen import schema, yaml12
from imagegen.errors import Place, Problem, WrongInput
from imagegen.yaml12 import Map, Seq, Spot

SHORT = {"negative": "negative_prompt"}
"""Names of settings that are usual where people write for people."""

VAR = "vars."
"""What stands before the name of a var: ``vars.kin``."""


@cache
def keys() -> Mapping[str, frozenset[str]]:
    """Every key of an item, with the types that its value may have."""
    item = schema.inlined()["properties"]["items"]["items"]["properties"]
    return {key: frozenset([one["type"]] if isinstance(one["type"], str) else one["type"]) for key, one in item.items()}


def key_of(written: str) -> str:
    """The key that is written so, in any case, with blanks, - or _; empty for none.

    >>> key_of("Negative prompt"), key_of("negative"), key_of("vars.Kin"), key_of("colour")
    ('negative_prompt', 'negative_prompt', 'vars.Kin', '')
    """
    written = written.strip()
    if written[: len(VAR)].lower() == VAR:
        name = written[len(VAR) :].strip()
        return VAR + name if name else ""
    plain = re.sub(r"[\s_-]+", "_", written.lower())
    plain = SHORT.get(plain, plain)
    return plain if plain in keys() else ""


def nearly(written: str) -> str:
    """The name of a setting that ``written`` was surely meant to be; empty for any other word."""
    import difflib  # only what is no setting needs it

    close = difflib.get_close_matches(written.strip().lower().replace(" ", "_"), names(), n=1, cutoff=0.8)
    return close[0] if close else ""


def names() -> list[str]:
    """Every name that :func:`key_of` knows, as it is to be written."""
    return [*keys(), *SHORT]


class Row:
    """One item that is put together from texts; ``line`` is where it stands in ``file``.

    Its ``values`` are those that the manifest's reader would have made of the same letters, and take their
    types from the schema. What can't be read joins ``problems``.
    """

    def __init__(self, file: str, line: int, problems: list[Problem]) -> None:
        self.values = Map((line, 0))
        self._file, self._problems = file, problems

    def put(self, key: str, text: str, line: int) -> None:
        """Take ``text`` as the value of ``key``, which :func:`key_of` gave; an empty one is none."""
        text = text.replace("\r\n", "\n").replace("\r", "\n").strip()  # else a checkout on Windows is another recipe
        if not text:
            return
        into, name, types = self.values, key, keys().get(key, frozenset({"string"}))
        if key.startswith(VAR):
            if "vars" not in self.values:
                _set(self.values, "vars", Map((line, 0)), (line, 0))
            into, name = self.values["vars"], key.removeprefix(VAR)
            if not isinstance(into, Map):  # the schema tells
                return
        if name in into:
            first = into.values_at[name][0]
            self._problem(f'"{key}" stands twice here, first in line {first}', line)
            return
        if types & {"array", "object"}:
            value: Any = text
            if text[0] in "[{":
                try:
                    value = _placed(yaml12.read(text, self._file), (line, 0))
                except WrongInput as error:
                    self._problem(f"{key} {error.problems[0].message}", line)
            if types == {"array"} and not isinstance(value, list):
                value = _listed([value], (line, 0))
            _set(into, name, value, (line, 0))
        elif "integer" in types or "number" in types:
            value = yaml12.scalar(text)
            _set(into, name, value, (line, 0))
            if not isinstance(value, str):
                into.letters[name] = text
        else:
            _set(into, name, text, (line, 0))

    def _problem(self, message: str, line: int) -> None:
        self._problems.append(Problem(message, place=Place(self._file, line)))


def _set(into: Map, key: str, value: Any, spot: Spot) -> None:
    into[key] = value
    into.keys_at[key] = into.values_at[key] = spot


def _listed(values: Iterable[Any], spot: Spot) -> Seq:
    made = Seq(spot)
    made.extend(values)
    made.values_at = [spot] * len(made)
    return made


def _placed(node: Any, spot: Spot) -> Any:
    """``node`` with all its spots at that of the text it was read from."""
    if isinstance(node, Map):
        node.at = spot
        node.keys_at, node.values_at = dict.fromkeys(node, spot), dict.fromkeys(node, spot)
    elif isinstance(node, Seq):
        node.at, node.values_at = spot, [spot] * len(node)
    for child in node.values() if isinstance(node, Map) else node if isinstance(node, Seq) else ():
        _placed(child, spot)
    return node


def document_of(rows: Iterable[Row]) -> Map:
    """The root of a document that has the ``rows`` as its items."""
    root, items = Map((1, 0)), _listed([row.values for row in rows], (1, 0))
    items.values_at = [item.at for item in items]
    _set(root, "items", items, (1, 0))
    return root
