"""Where a job's items come from: the manifest itself, or a file that ``source`` names.

Each kind of source is a module here with a function ``read(path, name, options)``: the file as a
:class:`~imagegen.document.Document` whose root is ``{"items": […]}``, items as the manifest would have them, so
that they are checked by the same schema and in the same words. Adding one is a module, its line in
:data:`KINDS` and its key in the schema's ``source``.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from imagegen.document import Document


@dataclass(frozen=True)
class Entry:
    """One item as its source gives it: what it sets, and where in which document that stands."""

    values: Mapping[str, Any]
    document: Document
    path: tuple[str | int, ...]


class Kind(NamedTuple):
    """A kind of source: its module, and the keys that may stand beside its own in ``source``."""

    module: str
    options: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    "markdown": Kind("markdown", ("level",)),
    "csv": Kind("table"),
    "json": Kind("objects"),
}


def read(kind: str, path: Path, name: str, options: Mapping[str, Any]) -> Document:
    """The items of the file at ``path``, which messages call ``name``. Raises WrongInput with all that is
    wrong with its form, and OSError."""
    module = importlib.import_module(f"{__name__}.{KINDS[kind].module}")
    found: Document = module.read(path, name, options)
    return found
