"""A YAML or JSON file as plain values that remember where they stood."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagegen import yaml12
from imagegen.errors import Place, Problem, WrongInput
from imagegen.yaml12 import MAX_DEPTH, Map, Seq, Spot

MAX_BYTES = 16 * 1024 * 1024


class Document:
    """A file's values, and where in it each of them stands."""

    def __init__(self, name: str, root: Any, marked: Any = None) -> None:
        self.name, self.root, self._marked = name, root, marked

    def place(self, path: tuple[str | int, ...], of_key: bool = False) -> Place:
        """Where the value (or, with ``of_key``, the key) at ``path`` stands; the file where unknown."""
        spot: Spot | None = getattr(self._marked, "at", None)
        node: Any = self._marked
        for number, step in enumerate(path):
            last = number == len(path) - 1
            if isinstance(node, Map) and step in node:
                spot = (node.keys_at if of_key and last else node.values_at).get(str(step), spot)
            elif isinstance(node, Seq) and isinstance(step, int) and step < len(node):
                spot = node.values_at[step]
            else:
                break
            node = node[step]
        return Place(self.name, *(spot or (0, 0)))


def read(path: Path, name: str) -> Document:
    """Read ``path``; ``name`` is what messages call it. Raises WrongInput."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise WrongInput(
                [
                    Problem(
                        f"is {size / 2**20:.0f} MB; at most {MAX_BYTES >> 20} MB are read",
                        place=Place(name),
                        hint="split it into jobs with sources of their own",
                    )
                ]
            )
        raw = path.read_bytes()
    except OSError as error:
        raise WrongInput([Problem(f"can't be read: {error.strerror or error}", place=Place(name))]) from error
    return parse(raw, name, is_json=path.suffix.lower() == ".json")


def parse(raw: bytes, name: str, is_json: bool = False) -> Document:
    """The document in ``raw``, which is UTF-8 with or without a byte order mark."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise WrongInput([Problem("is not UTF-8 text", place=Place(name, line), hint="save it as UTF-8")]) from error
    if is_json:
        return Document(name, _json(text, name), _marks_of_json(text, name))
    root = yaml12.read(text, name)
    return Document(name, root, root)


def _json(text: str, name: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            double = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise WrongInput([Problem(f'the key "{double}" stands twice in one object', place=Place(name))])
        return found

    def no_constant(constant: str) -> Any:
        raise WrongInput([Problem(f"{constant} is not a number of JSON", place=Place(name))])

    try:
        root = json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)
    except json.JSONDecodeError as error:
        place = Place(name, error.lineno, error.colno)
        raise WrongInput([Problem(f"is not JSON: {error.msg}", place=place)]) from error
    except (RecursionError, ValueError) as error:  # too deep; a number of thousands of digits
        what = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise WrongInput([Problem(what, place=Place(name))]) from error
    if "\\u" in text:
        try:
            json.dumps(root, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            half = f"\\u{ord(error.object[error.start]):04x}"
            raise WrongInput(
                [Problem(f"{half} is half of a letter: its other half is missing", place=Place(name))]
            ) from error
    if _too_deep(root):
        raise WrongInput([Problem(f"is nested more than {MAX_DEPTH} levels deep", place=Place(name))])
    return root


def _too_deep(root: Any) -> bool:
    level, depth = [root], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return True
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
    return False


def _marks_of_json(text: str, name: str) -> Any:
    """JSON is nearly YAML: libyaml gives the positions that ``json`` does not."""
    try:
        return yaml12.read(text, name)
    except WrongInput:  # surrogate escapes, tabs: then errors name the file and the path only
        return None


def plain(node: Any) -> Any:
    """``node`` as ordinary dicts, lists and scalars (for tests and messages)."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.items()}
    return [plain(value) for value in node] if isinstance(node, list) else node
