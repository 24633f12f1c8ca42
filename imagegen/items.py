"""What a manifest holds: jobs and items, each with its recipe and the way it is handled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from imagegen.errors import Place, Problem

ONE_JOB = "images"
"""The job of a manifest without ``jobs:``."""


class Way(NamedTuple):
    """How an item is handled, beside its recipe; shared by many items.

    ``files`` are the (setting, value) pairs of its recipe that name a model's file. ``workflow`` is the
    path of the workflow whose content the recipe names, counted from the project; empty without one.
    """

    backend: str
    overwrite: str
    record: str
    timeout: float | None
    queue_timeout: float | None
    files: tuple[tuple[str, str], ...]
    workflow: str = ""


class Ingredient(NamedTuple):
    """A picture that goes into another: for which setting (``references`` or ``image``), its path counted
    from the project and written with ``/``, and the task that makes it, empty for a file of the user's own."""

    setting: str
    path: str
    task: str = ""


class Item(NamedTuple):
    """One image. ``recipe`` is canonical JSON, its seed perhaps ``"random"``, without the pixels of its
    ``ingredients``, which are known only once they are there; ``target`` is written with ``/`` and counts
    from the project's folder."""

    task: str
    name: str
    target: str
    recipe: bytes
    way: Way
    ingredients: tuple[Ingredient, ...] = ()

    @property
    def job(self) -> str:
        return self.task.partition(":")[0]

    @property
    def slug(self) -> str:
        return self.task.partition(":")[2]


class Columns(NamedTuple):
    """All items of a manifest, column by column: how they are stored, and looked at all at once.

    ``ways`` are the distinct ways, ``way`` for each item the number of its own. ``ingredients`` hold those
    of the items that have any, by the item's number.
    """

    tasks: Sequence[str]
    names: Sequence[str]
    targets: Sequence[str]
    recipes: Sequence[bytes]
    way: Sequence[int]
    ways: Sequence[Way]
    ingredients: Mapping[int, tuple[Ingredient, ...]]


class FileUse(NamedTuple):
    """A model's file that the manifest names: by which setting, where first, how often."""

    backend: str
    setting: str
    value: str
    place: Place
    path: str
    items: int


class PictureUse(NamedTuple):
    """A picture of the user's own that the manifest names: its path, where first, how often."""

    file: str
    place: Place
    path: str
    items: int


class Model(NamedTuple):
    """A model's file that the project wants on this machine: its ``kind`` is the name of ComfyUI's folder,
    ``file`` its place in there, written with ``/``. ``sha256`` (64 hex digits), ``size`` (bytes) and
    ``license`` are empty or 0 where they are not given; ``line`` is where it stands in the manifest."""

    kind: str
    file: str
    url: str
    sha256: str = ""
    size: int = 0
    license: str = ""
    gated: bool = False
    line: int = 0

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.file}"


class Source(NamedTuple):
    """Where the items of a ``job`` come from, where that is a database: ``kind`` is the key in the manifest, ``state``
    what they followed from when the manifest was read: a digest for each item by its slug, and more."""

    job: str
    kind: str
    address: str
    options: Mapping[str, Any]
    state: Mapping[str, str]


@dataclass(frozen=True)
class Overrides:
    """What the command line says over the manifest: another backend, folders outside the project."""

    backend: str | None = None
    allow: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """A checked manifest.

    ``folders`` are those of the targets. ``inputs`` are the files that were read beside the manifest and
    decide what it means, with their content's SHA-256, None for one that is not there. ``warnings`` are no
    errors. ``sources`` are those of the jobs that are databases. ``origins`` (empty from the store) tell for each task
    and setting which layer gave it.
    """

    project: Path
    file: str
    jobs: tuple[str, ...]
    columns: Columns
    backends: Mapping[str, Mapping[str, Any]]
    file_uses: tuple[FileUse, ...] = ()
    picture_uses: tuple[PictureUse, ...] = ()
    inputs: Mapping[str, str | None] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    folders: tuple[str, ...] = ()
    models: tuple[Model, ...] = ()
    sources: tuple[Source, ...] = ()
    origins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The items; made when they are asked for, since a run with nothing to do asks for none."""
        tasks, names, targets, recipes, way, ways, ingredients = self.columns
        items = list(map(Item, tasks, names, targets, recipes, [ways[number] for number in way]))
        for number, own in ingredients.items():
            items[number] = items[number]._replace(ingredients=own)
        return tuple(items)

    @property
    def outside(self) -> bool:
        """Whether some target lies outside the project, as the command line allowed."""
        return any(Path(folder).is_absolute() for folder in self.folders)

    def path(self, item: Item) -> Path:
        """The target's place on this machine."""
        return self.project / item.target


def columns(items: Sequence[Item]) -> Columns:
    """``items`` column by column."""
    numbers: dict[Way, int] = {}
    way = [numbers.setdefault(item.way, len(numbers)) for item in items]
    tasks, names, targets, recipes = ([item[field] for item in items] for field in range(4))
    ingredients = {number: item.ingredients for number, item in enumerate(items) if item.ingredients}
    return Columns(tasks, names, targets, recipes, way, list(numbers), ingredients)  # type: ignore[arg-type]


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems without doubles, in the order of the file."""
    return sorted(dict.fromkeys(problems), key=lambda problem: _counted(problem.place))


def _counted(place: Place) -> tuple[list[str | int], int, int]:
    """A place's part in the order: sentence 10 of a storyboard comes behind sentence 2."""
    parts = re.split("([0-9]+)", place.file)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)], place.line, place.column
