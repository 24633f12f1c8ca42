"""Which of the models are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from imagegen.downloads.part import size_of_part
from imagegen.items import Model


class State(Enum):
    """``OTHER`` is a file of that name that is not the model: it is never written over."""

    THERE = "there"
    MISSING = "missing"
    OTHER = "other"


class Found(NamedTuple):
    """A model, and the file that is it or stands in its place; ``path`` is None where no folder for it is known.
    ``size`` is the file's own, or that of the part of it that has come."""

    model: Model
    state: State
    path: Path | None = None
    size: int = 0


def of(
    models: Iterable[Model], folders: Callable[[str], Sequence[Path]], goal: Callable[[str], Path | None]
) -> list[Found]:
    """Look for ``models``, by name and size, in the ``folders`` of their kind; one that is in none belongs into
    the ``goal`` of its kind. Nothing is read."""
    return [_look(model, folders(model.kind), goal(model.kind)) for model in models]


def lacking(found: Iterable[Found]) -> list[Found]:
    """Those that are not as they should be."""
    return [one for one in found if one.state is not State.THERE]


def _look(model: Model, folders: Sequence[Path], goal: Path | None) -> Found:
    others = []
    for folder in folders:
        path = folder / model.file
        if path.is_file():
            size = path.stat().st_size
            if size == model.size or (not model.size and size):
                return Found(model, State.THERE, path, size)
            others.append(Found(model, State.OTHER, path, size))
    if others:
        return others[0]
    if goal is None:
        return Found(model, State.MISSING)
    path = goal / model.file
    return Found(model, State.OTHER, path) if path.exists() else Found(model, State.MISSING, path, size_of_part(path))
