"""assets.yaml → jobs and items: found, read, checked by the schemas, resolved, or all that is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from imagegen.errors import Place, Problem, WrongInput

NAMES = ("assets.yaml", "assets.yml", "assets.json")
ONE_JOB = "images"
"""The job of a manifest without ``jobs:``."""


class Way(NamedTuple):
    """How an item is handled, beside its recipe; shared by many items.

    ``files`` are the (setting, value) pairs of its recipe that name a model's file.
    """

    backend: str
    overwrite: str
    record: str
    timeout: float | None
    queue_timeout: float | None
    files: tuple[tuple[str, str], ...]


class Item(NamedTuple):
    """One image. ``recipe`` is canonical JSON, its seed perhaps ``"random"``; ``target`` is written
    with ``/`` and counts from the project's folder."""

    task: str
    name: str
    target: str
    recipe: bytes
    way: Way

    @property
    def job(self) -> str:
        return self.task.partition(":")[0]

    @property
    def slug(self) -> str:
        return self.task.partition(":")[2]


class Columns(NamedTuple):
    """All items of a manifest, column by column: how they are stored, and looked at all at once.

    ``ways`` are the distinct ways, ``way`` for each item the number of its own.
    """

    tasks: Sequence[str]
    names: Sequence[str]
    targets: Sequence[str]
    recipes: Sequence[bytes]
    way: Sequence[int]
    ways: Sequence[Way]


class FileUse(NamedTuple):
    """A model's file that the manifest names: by which setting, where first, how often."""

    backend: str
    setting: str
    value: str
    place: Place
    path: str
    items: int


@dataclass(frozen=True)
class Overrides:
    """What the command line says over the manifest: another backend, folders outside the project."""

    backend: str | None = None
    allow: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """A checked manifest.

    ``folders`` are those of the targets. ``warnings`` are no errors. ``origins`` (empty from the store)
    tell for each task and setting which layer gave it.
    """

    project: Path
    file: str
    jobs: tuple[str, ...]
    columns: Columns
    backends: Mapping[str, Mapping[str, Any]]
    file_uses: tuple[FileUse, ...] = ()
    warnings: tuple[Problem, ...] = ()
    folders: tuple[str, ...] = ()
    origins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The items; made when they are asked for, since a run with nothing to do asks for none."""
        tasks, names, targets, recipes, way, ways = self.columns
        return tuple(map(Item, tasks, names, targets, recipes, [ways[number] for number in way]))

    @property
    def outside(self) -> bool:
        """Whether some target lies outside the project, as the command line allowed."""
        return any(Path(folder).is_absolute() for folder in self.folders)

    def path(self, item: Item) -> Path:
        """The target's place on this machine."""
        return self.project / item.target


def here() -> Path:
    """The current folder. Raises WrongInput where it is gone."""
    try:
        return Path.cwd()
    except OSError as error:
        raise WrongInput("the current folder is gone", "go to one that is there") from error


def find(start: Path, named: str | None = None) -> Path | None:
    """The manifest: the file ``named``, else assets.yaml (.yml, .json) in ``start`` or a folder above.

    Raises WrongInput where the one named is not there, or a folder holds two.
    """
    if named is not None:
        path = (start / named).absolute()
        if path.is_dir():
            raise WrongInput(f"{named} is a folder", f"name the file: --assets {named}/assets.yaml")
        if not path.is_file():
            raise WrongInput(f"there is no {named}", "imagegen init starts a project")
        return path
    for folder in (start.absolute(), *start.absolute().parents):
        there = [folder / name for name in NAMES if (folder / name).is_file()]
        if len(there) > 1:
            raise WrongInput(
                f"{' and '.join(path.name for path in there)} both stand in {folder}",
                "keep one, or name it with --assets",
            )
        if there:
            return there[0]
    return None


def load(file: Path, overrides: Overrides = Overrides()) -> Manifest:  # noqa: B008  (frozen)
    """Read, check and resolve ``file``. Raises WrongInput with everything that is wrong at once."""
    from imagegen import document, resolve, schema

    source = document.read(file, file.name)
    values = schema.settled(source)
    if values is None:
        raise WrongInput([Problem("is empty", place=Place(file.name), hint="imagegen init writes an example")])
    if not isinstance(values, dict):
        what = "a list" if isinstance(values, list) else "text"
        raise WrongInput([Problem(f"is {what}, not a mapping with jobs or items", place=Place(file.name))])
    found = schema.problems(source, values)
    return resolve.resolve(file, source, values, found, overrides)


def columns(items: Sequence[Item]) -> Columns:
    """``items`` column by column."""
    numbers: dict[Way, int] = {}
    way = [numbers.setdefault(item.way, len(numbers)) for item in items]
    tasks, names, targets, recipes = ([item[field] for item in items] for field in range(4))
    return Columns(tasks, names, targets, recipes, way, list(numbers))  # type: ignore[arg-type]


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems without doubles, in the order of the file."""
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.place)
