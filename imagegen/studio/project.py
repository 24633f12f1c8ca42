"""The manifest and all its verdicts as the studio shows them, judged anew only where something changed."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from imagegen import manifest, session
from imagegen.errors import ImagegenError, WrongInput
from imagegen.items import Item, Manifest, Source, columns
from imagegen.options import Options
from imagegen.session import Session
from imagegen.studio import searching
from imagegen.studio.storyboards import Board, Storyboards
from imagegen.verdict import State, Verdict

Stamp = tuple[int, int]
"""A file's time of change in nanoseconds and its size: what tells two contents apart."""

_CLOSELY = 20
"""Stale pictures that one look reads whole, at most."""

Changed = Callable[["frozenset[str] | None"], None]
"""Told the tasks that are shown otherwise now, None for all."""


class Listing:
    """A manifest's items, and where to find them: by task, by target, by what goes into them."""

    def __init__(self, found: Manifest) -> None:
        self.manifest = found
        self.items = found.items
        self.numbers: Mapping[str, int] = {item.task: number for number, item in enumerate(self.items)}

    @cached_property
    def needed_by(self) -> Mapping[str, Sequence[str]]:
        """For the path of each picture that goes into others: the tasks of those."""
        found: dict[str, list[str]] = {}
        for number in self.manifest.columns.ingredients:
            for one in self.items[number].ingredients:
                found.setdefault(one.path, []).append(self.items[number].task)
        return found

    @cached_property
    def by_target(self) -> Mapping[str, str]:
        return {item.target: item.task for item in self.items}

    @cached_property
    def index(self) -> searching.Index:
        return searching.index(self.items)

    def concerned(self, tasks: Iterable[str]) -> set[str]:
        """``tasks`` and all that they go into, near or far."""
        todo, found = [task for task in tasks if task in self.numbers], set[str]()
        while todo:
            task = todo.pop()
            if task not in found:
                found.add(task)
                todo.extend(self.needed_by.get(self.items[self.numbers[task]].target, ()))
        return found


class View(NamedTuple):
    """What is known at one moment. ``verdicts`` and ``stamps`` (None: no file) are in the order of the items;
    ``problems`` say why the manifest can't be read as it is now: then the last good one is shown."""

    version: int
    listing: Listing
    verdicts: Sequence[Verdict]
    stamps: Sequence[Stamp | None]
    problems: tuple[str, ...] = ()

    @property
    def items(self) -> Sequence[Item]:
        return self.listing.items

    def number(self, task: str) -> int | None:
        """The place of a task's item among all."""
        return self.listing.numbers.get(task)

    def counts(self) -> dict[str, int]:
        """How many items have each state, those that none has among them."""
        found = Counter([one.state for one in self.verdicts])
        return {state.value: found[state] for state in State}


class Project:
    """One project, opened by ``options``. Threads share it: whoever asks has the whole :attr:`view` of a moment,
    and looking anew goes on beside it. Raises WrongInput where there is no manifest at all; one that can't be
    read is told by the view's problems."""

    def __init__(self, options: Options) -> None:
        file = manifest.find(manifest.here(), options.assets)
        if file is None:
            raise WrongInput(
                f"there is no assets.yaml in {manifest.here()} or above it", "imagegen init starts a project here"
            )
        self.file, self.folder = file, file.parent
        self.options = replace(options, assets=str(file))
        self._looking = threading.Lock()
        self._listeners: list[Changed] = []
        nothing = Manifest(self.folder, file.name, (), columns(()), {})
        self.storyboards = Storyboards(self.folder, lambda: self.sources)
        self._session: Session | None = None
        self.view = View(0, Listing(nothing), (), ())
        self.reload()

    @property
    def problems(self) -> tuple[str, ...]:
        return self.view.problems

    @property
    def sources(self) -> Sequence[Source]:
        """The storyboards that jobs are from."""
        return self.view.listing.manifest.sources

    def storyboard_of(self, project: str) -> Board | None:
        """The storyboard project with this id, if a job comes from it."""
        return self.storyboards.of(project)

    def project_id(self, source: Source) -> str | None:
        """The id of a source's storyboard project; None where it can't be had now."""
        return next((one.id for one in self.storyboards.boards() if one.source.job == source.job), None)

    def on_change(self, listener: Changed) -> None:
        """Call ``listener`` after each change of the view, from whichever thread looked."""
        self._listeners.append(listener)

    def session(self, wishes: Options | None = None) -> Session:
        """A session on the manifest as it is now, for one deed. Raises WrongInput."""
        return session.open_session(wishes or self.options, may_ask=True, may_start=False)

    @property
    def looked_with(self) -> Session:
        """The session of the last look, for questions; there is one where there are items."""
        assert self._session is not None
        return self._session

    # --- looking anew ---------------------------------------------------------------------------

    def reload(self) -> None:
        """Read the manifest, if it or what it is made of changed, and judge what is new in it."""
        with self._looking:
            changed = self._reloaded()
        self._tell(changed)

    def look(self, tasks: Iterable[str]) -> None:
        """Judge ``tasks`` anew, and those they go into."""
        with self._looking:
            changed = self._looked(self.view.listing.concerned(tasks))
        self._tell(changed)

    def sweep(self) -> None:
        """See to everything: for where changes are not told."""
        with self._looking:
            changed = self._reloaded()
            stamps = _stamps(self.view.listing.manifest)
            other = [
                item.task
                for item, now, then in zip(self.view.items, stamps, self.view.stamps, strict=True)
                if now != then
            ]
            looked = self._looked(self.view.listing.concerned(other))
        self._tell(None if changed is None else changed | (looked or frozenset()))

    def _reloaded(self) -> frozenset[str] | None:
        old = self.view
        try:
            opened = self.session()
        except ImagegenError as error:  # or its storyboard does not answer
            problems = tuple(map(str, error.problems)) if isinstance(error, WrongInput) else (str(error),)
            if problems == old.problems:
                return frozenset()
            self.view = old._replace(version=old.version + 1, problems=problems)
            return None
        found = opened.manifest
        if self._session is not None and not old.problems and _same(found, old.listing.manifest):
            return frozenset()
        listing = Listing(found)
        stamps = _stamps(found)
        self._session = opened
        verdicts = _judged(opened, listing, stamps, old)
        _ = listing.index  # nobody who asks has to wait for it
        self.view = View(old.version + 1, listing, verdicts, stamps)
        return None if old.problems else _differences(old, self.view)

    def _looked(self, tasks: set[str]) -> frozenset[str] | None:
        old, opened = self.view, self._session
        if opened is None or not tasks:
            return frozenset()
        numbers = sorted(old.listing.numbers[task] for task in tasks)
        stamps, verdicts = list(old.stamps), list(old.verdicts)
        before = [stamp_of(old.listing.manifest.path(old.items[number])) for number in numbers]
        items = [old.items[number] for number in numbers]
        found = _closer(opened, items, opened.judged(items))
        changed = set()
        for number, stamp, one in zip(numbers, before, found, strict=True):
            if (stamps[number], verdicts[number]) != (stamp, one):
                changed.add(old.items[number].task)
                stamps[number], verdicts[number] = stamp, one
        if changed:
            self.view = old._replace(version=old.version + 1, verdicts=verdicts, stamps=stamps)
        return frozenset(changed)

    def _tell(self, changed: frozenset[str] | None) -> None:
        if changed is None or changed:
            for listener in self._listeners:
                listener(changed)


def _judged(opened: Session, listing: Listing, stamps: Sequence[Stamp | None], old: View) -> Sequence[Verdict]:
    """The verdicts on all items; on one that is as it was, with its picture, it is the ``old`` one."""
    found: list[Verdict | None] = []
    for item, stamp in zip(listing.items, stamps, strict=True):
        number = None if item.ingredients or item.way.files else old.number(item.task)
        same = number is not None and old.items[number] == item and old.stamps[number] == stamp
        found.append(old.verdicts[number] if same and number is not None else None)
    wanting = [number for number, one in enumerate(found) if one is None]
    if len(wanting) == len(found):
        return opened.judged_all()
    items = [listing.items[number] for number in wanting]
    judged = dict(zip(wanting, _closer(opened, items, opened.judged(items)), strict=True))
    return [one or judged[number] for number, one in enumerate(found)]


def _closer(opened: Session, items: Sequence[Item], found: Sequence[Verdict]) -> Sequence[Verdict]:
    """What a run would find of stale pictures, if they are few: one that somebody edited, or whose pixels are broken,
    it refuses to make anew."""
    stale = [place for place, one in enumerate(found) if one.state is State.STALE]
    if not 0 < len(stale) <= _CLOSELY:
        return found
    closely = list(found)
    for place in stale:
        closely[place] = opened.judge_closely(items[place])
    return closely


def _differences(old: View, new: View) -> frozenset[str] | None:
    """The tasks that are shown otherwise in another view of the same items; None where it has other items."""
    before, after = old.listing.manifest, new.listing.manifest
    if (before.columns.tasks, before.jobs, before.warnings) != (after.columns.tasks, after.jobs, after.warnings):
        return None
    pairs = zip(
        zip(old.items, old.verdicts, old.stamps, strict=True),
        zip(new.items, new.verdicts, new.stamps, strict=True),
        strict=True,
    )
    return frozenset(one[0].task for one, other in pairs if one != other)


def _same(one: Manifest, other: Manifest) -> bool:
    """Whether two manifests show the same."""
    return all(
        getattr(one, field) == getattr(other, field)
        for field in ("columns", "sources", "jobs", "backends", "inputs", "warnings", "models", "folders")
    )


def _stamps(found: Manifest) -> list[Stamp | None]:
    return [stamp_of(os.path.join(found.project, target)) for target in found.columns.targets]  # noqa: PTH118  (quick)


def stamp_of(path: Path | str) -> Stamp | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size
