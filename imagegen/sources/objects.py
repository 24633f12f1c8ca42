"""Items from JSON: a list of names and objects, or an object with such a list as ``items``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagegen import document
from imagegen.document import Document
from imagegen.errors import Place, Problem, WrongInput, did_you_mean
from imagegen.sources import content


def read(path: Path, name: str, options: Mapping[str, Any]) -> Document:
    """The items of a JSON file. Raises WrongInput and OSError."""
    found = document.parse(content.raw(path, name), name, is_json=True)
    if isinstance(found.root, list):
        return _Listed(found)
    root = found.root if isinstance(found.root, dict) else {}
    for key in root:
        if key != "items":
            hint = did_you_mean(key, ["items"]) or 'an object has its list as "items", and nothing else'
            raise WrongInput([Problem(f'unknown key "{key}"', place=found.place((key,), of_key=True), hint=hint)])
    if not isinstance(root.get("items"), list):
        message = 'is neither a list of items nor an object with a list as "items"'
        raise WrongInput([Problem(message, place=Place(name))])
    return found


class _Listed(Document):
    """A document that is a list, seen as the ``items`` of an object."""

    def __init__(self, inner: Document) -> None:
        super().__init__(inner.name, {"items": inner.root})
        self._inner = inner

    def place(self, path: tuple[str | int, ...], of_key: bool = False) -> Place:
        return self._inner.place(path[1:], of_key and len(path) > 1)
