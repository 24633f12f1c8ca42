"""Files that the manifest names and that go into images: where they may lie, and whose pictures they are."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

from imagegen import text
from imagegen.errors import Place, Problem, did_you_mean
from imagegen.files import inside
from imagegen.ingredients import in_making_order
from imagegen.items import Ingredient, Item, PictureUse

LONGEST_CIRCLE = 20
"""Items of a circle that an error names; a longer one is shortened."""


class BadInput(ValueError):
    """A file that can't be named so; the message says why, ``hint`` the mend."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Wanted(NamedTuple):
    """A picture that an item asks for: a file's path as :meth:`Inputs.path` gives it, or another ``item``."""

    setting: str
    file: str
    item: str
    place: Place
    path: str


class Inputs:
    """``project`` is the manifest's folder; ``allowed`` the folders outside it that may be read."""

    def __init__(self, project: Path, allowed: Sequence[Path]) -> None:
        self._project, self._allowed = project, allowed
        self._paths: dict[str, str] = {}

    def path(self, written: str) -> str:
        """A file's path, counted from the project and written with ``/``; whole where it lies in a folder
        that the command line allows. Raises BadInput."""
        if written not in self._paths:
            self._paths[written] = self._checked(written)
        return self._paths[written]

    def _checked(self, written: str) -> str:
        if "\\" in written:
            raise BadInput(f"{written} joins its folders by \\", "write /")
        if not written.strip() or "\0" in written:
            raise BadInput("is no file's name")
        whole = Path(os.path.normpath(self._project / written))
        roots = [root for root in (self._project, *self._allowed) if inside(root, self._project / written)]
        if not roots:
            real = os.path.realpath(self._project / written)
            mend = f"keep it inside, or allow its folder: --allow-path {Path(real).parent}"
            raise BadInput(f"{written} lies outside the project", mend)
        if PurePosixPath(written).is_absolute() or PureWindowsPath(written).drive or ".." in Path(written).parts:
            return whole.relative_to(self._project).as_posix() if whole.is_relative_to(self._project) else str(whole)
        return PurePosixPath(written).as_posix()


def wanted(setting: str, value: Any, file: Inputs, place: Place, path: str) -> Wanted:
    """One entry of ``references``, or ``image``: a file, or ``{item: …}``. Raises BadInput."""
    if isinstance(value, Mapping):
        return Wanted(setting, "", value["item"], place, path)
    return Wanted(setting, file.path(value), "", place, path)


def joined(
    items: Sequence[Item], wants: Mapping[str, Sequence[Wanted]], wrong: Collection[str]
) -> tuple[list[Item], list[PictureUse], list[Problem]]:
    """``items`` with their ingredients: what each of them ``wants`` (by task), pictures of other items
    found by name or by their target. Beside them the files of the user's own, and what is wrong; ``wrong``
    are tasks that are there and have errors of their own."""
    tasks = {item.task: item for item in items}
    targets = {text.same_file(item.target): item.task for item in items}
    found: dict[str, tuple[Ingredient, ...]] = {}
    uses: dict[str, PictureUse] = {}
    problems: list[Problem] = []
    for task, own in wants.items():
        if task not in tasks:  # something else is wrong with it
            continue
        made = []
        for want in own:
            maker = _named(task, want.item, tasks) if want.item else targets.get(text.same_file(want.file), "")
            if want.item and not maker and _named(task, want.item, wrong):
                continue
            if want.item and not maker:
                problems.append(_no_such(want, task, tasks))
                continue
            if not maker:
                before = uses.get(want.file, PictureUse(want.file, want.place, want.path, 0))
                uses[want.file] = before._replace(items=before.items + 1)
            made.append(Ingredient(want.setting, tasks[maker].target if maker else want.file, maker))
        found[task] = tuple(made)
    problems.extend(_circle(found, wants))
    whole = [item._replace(ingredients=found[item.task]) if item.task in found else item for item in items]
    return whole, list(uses.values()), problems


def _named(task: str, name: str, tasks: Collection[str]) -> str:
    for full in (name, f"{task.partition(':')[0]}:{name}"):
        if full in tasks:
            return full
    return ""


def _no_such(want: Wanted, task: str, tasks: Iterable[str]) -> Problem:
    job = task.partition(":")[0]
    near = [*tasks, *(one.partition(":")[2] for one in tasks if one.startswith(f"{job}:"))]
    return Problem(
        f'there is no item "{want.item}"',
        want.path,
        want.place,
        did_you_mean(want.item, near) or "an item is named job:slug; imagegen list --all shows them",
    )


def _circle(found: Mapping[str, Sequence[Ingredient]], wants: Mapping[str, Sequence[Wanted]]) -> Iterator[Problem]:
    needs = ((task, [one.task for one in own if one.task]) for task, own in found.items())
    _, circle = in_making_order(needs)
    if circle:
        first = wants[circle[0]][0]
        said = "refers to itself" if len(circle) == 2 else "refers to itself by way of others"
        shown = circle if len(circle) <= LONGEST_CIRCLE else [*circle[: LONGEST_CIRCLE - 3], "…", *circle[-2:]]
        yield Problem(f"{said}: {' → '.join(shown)}", first.path, first.place, "an image can't wait for itself")
