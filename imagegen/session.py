"""One command's view of one project: the manifest, what the command line wishes, and the verdicts.

What makes images is the session's :attr:`~Session.workshop`, which is set up only when it is needed:
that nothing is to be done for 10,000 images is found out without it.
"""

from __future__ import annotations

import fnmatch
import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from imagegen import files, manifest, record, seen, stored, verbs, verdict
from imagegen.errors import Place, Problem, WrongInput, did_you_mean
from imagegen.files import from_here
from imagegen.items import Item, Manifest, Way, in_order
from imagegen.options import Options
from imagegen.progress import Event, Listener
from imagegen.recipe import RANDOM_SEED, canonical
from imagegen.verdict import Action, Overwrite, Verdict

if TYPE_CHECKING:
    from imagegen.estimate import Times
    from imagegen.workshop import Workshop


class Planned(NamedTuple):
    """An item, its verdict, and what a run does about it."""

    item: Item
    verdict: Verdict
    action: Action


class Session:
    """``manifest`` and ``options``, and all that is asked of both.

    ``outcomes`` tell what became of a run's items. ``refused`` is set once the input has turned out wrong:
    then nothing is queued. ``left_alone`` counts the items that doit was not handed, because nothing is to
    be done about them.
    """

    def __init__(self, found: Manifest, options: Options, environ: Mapping[str, str]) -> None:
        self.manifest, self.options, self.environ = found, options, environ
        self.project = found.project
        self.cancelled = threading.Event()
        self.outcomes: list[Event] = []
        self.refused: WrongInput | None = None
        self.left_alone = 0
        self._known: dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, str]] = {}
        self._listeners: list[Listener] = []

    @cached_property
    def workshop(self) -> Workshop:
        """The backends of this session, and what builds with them."""
        from imagegen.workshop import Workshop

        return Workshop(self)

    @cached_property
    def times(self) -> Times:
        """How long earlier images took."""
        from imagegen.estimate import Times

        return Times(self.project)

    def close(self) -> None:
        """Let go of servers; keep what was learned."""
        if "workshop" in self.__dict__:
            self.workshop.close()
        if "times" in self.__dict__:
            self.times.save()

    # --- who wants to know ----------------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)

    # --- items ----------------------------------------------------------------------------------

    @cached_property
    def by_task(self) -> Mapping[str, Item]:
        return {item.task: item for item in self.manifest.items}

    def shown(self, item: Item) -> str:
        """The item's target as the user sees it from the current folder."""
        return from_here(self.project / item.target) if self.seen_from else item.target

    @cached_property
    def seen_from(self) -> str:
        """Empty in the project's own folder; else the project's folder, whole."""
        return "" if manifest.here() == self.project.resolve() else os.fspath(self.project)

    def select(self, names: Sequence[str]) -> list[Item]:
        """The items that ``names`` mean: jobs, tasks, patterns with ``*``, targets; all without names.

        Raises WrongInput for a name that means nothing, with what was perhaps meant.
        """
        if not names:
            return list(self.manifest.items)
        chosen: dict[str, Item] = {}
        for name in names:
            chosen.update((item.task, item) for item in self._named(name))
        return list(chosen.values())

    def _named(self, name: str) -> Iterable[Item]:
        if name in self.by_task:
            return [self.by_task[name]]
        if name in self.manifest.jobs:
            return [item for item in self.manifest.items if item.job == name]
        if "*" in name:
            matching = [item for item in self.manifest.items if fnmatch.fnmatchcase(item.task, name)]
            if not matching:
                raise self.no_such(name)
            return matching
        # The target itself is not resolved: it may be a link, and is meant as it is written.
        folder, _, file = os.path.abspath(name).replace(os.sep, "/").rpartition("/")  # noqa: PTH100
        real = os.path.realpath(folder or "/")
        there = {folder for folder in self.manifest.folders if os.path.realpath(self.project / folder) == real}
        targets = {f"{folder}/{file}" if folder else file for folder in there}
        found = [item for item in self.manifest.items if item.target in targets]
        if not found:
            raise self.no_such(name)
        return found

    def no_such(self, name: str) -> WrongInput:
        """The error for a name that is neither a job nor an item."""
        word, is_word, _ = name.partition("=")
        mend = did_you_mean(name, [*self.manifest.jobs, *self.by_task, *verbs.OURS])
        if name in verbs.OURS:
            mend = f"the command comes first: imagegen {name} …"
        if is_word:
            mend = f"an option is written --{word}"
        if not mend and ":" not in name:
            called = [item.task for item in self.manifest.items if name.lower() in (item.slug, item.name.lower())]
            mend = f'did you mean "{called[0]}"?' if called else ""
        return WrongInput(f'there is no job or item "{name}"', mend or "imagegen list --all shows what there is")

    def chosen(self, names: Sequence[str]) -> Sequence[Item]:
        """The items that a run is about. Raises WrongInput, also where --reseed has nothing to draw."""
        items = self.select(names) if names else self.manifest.items
        if self.options.reseed and not any(RANDOM_SEED in item.recipe for item in items):
            raise WrongInput(
                "--reseed draws random seeds anew, and none of these items has one",
                "give them seed: random, or change base_seed",
            )
        return items

    def one(self, name: str) -> Item:
        """The one item called ``name``. Raises WrongInput."""
        found = self.select([name])
        if len(found) != 1:
            raise WrongInput(f'"{name}" is {len(found)} images', "name one, as job:slug")
        return found[0]

    # --- judging --------------------------------------------------------------------------------

    def known(self, way: Way) -> Mapping[str, str]:
        """Digests of the files that items of this way name, as far as they can be had here."""
        key = (way.backend, way.files)
        if key not in self._known:
            self._known[key] = self.workshop.digests(way) if way.files else {}
        return self._known[key]

    def judge(self, item: Item) -> Verdict:
        """The verdict on one item, its pixels unread."""
        known = self.known(item.way)
        path = self.manifest.path(item)
        ending = record.ending(item.recipe)
        digests = item.way.record == "digest"
        if not digests and seen.carries(os.fspath(path), ending, canonical(known) if known else b""):
            return verdict.FRESH
        return verdict.judge(json.loads(item.recipe), known, seen.look(path), digests)

    def judge_closely(self, item: Item) -> Verdict:
        """The verdict with the pixels checked."""
        path = self.manifest.path(item)
        there = seen.closely(path)
        return verdict.judge(json.loads(item.recipe), self.known(item.way), there, item.way.record == "digest")

    def settled(self, item: Item) -> dict[str, Any]:
        """The item's recipe, a random seed being the one that its picture keeps, if it keeps one."""
        recipe: dict[str, Any] = json.loads(item.recipe)
        if RANDOM_SEED in item.recipe:
            there = seen.look(self.manifest.path(item)).record
            if there is not None and there.seed is not None:
                recipe["seed"] = there.seed
        return recipe

    def fresh(self) -> list[bool]:
        """For each item of the manifest whether the quick look finds it fresh: 10,000 a blink."""
        if self.manifest.outside:
            return [self.judge(item).fresh for item in self.manifest.items]
        root = os.fspath(self.project) + os.sep
        found = seen.carried(root, self.manifest.columns.targets, self.manifest.columns.recipes)
        ways = self.manifest.columns.ways
        if not self.manifest.file_uses and all(way.record == "full" for way in ways):
            return found
        for number, item in enumerate(self.manifest.items):
            if item.way.record == "digest":
                found[number] = self.judge(item).fresh
            elif item.way.files and (known := self.known(item.way)):
                found[number] = seen.carries(root + item.target, record.ending(item.recipe), canonical(known))
        return found

    def plan(self, items: Iterable[Item]) -> list[Planned]:
        """What a run does about each of ``items``."""
        planned = []
        for item in items:
            found = self.judge(item)
            planned.append(Planned(item, found, self.action(item, found)))
        return planned

    def action(self, item: Item, found: Verdict) -> Action:
        """What a run does about an item with this verdict."""
        again = self.options.again or self.reseeds(item)
        return verdict.action(found.state, self.overwrite(item), self.options.backend is not None, again)

    def overwrite(self, item: Item) -> Overwrite:
        return self.options.overwrite or Overwrite(item.way.overwrite)

    def reseeds(self, item: Item) -> bool:
        """Whether a new seed is to be drawn for an item: only a random one is."""
        return self.options.reseed and RANDOM_SEED in item.recipe

    # --- what can be wrong beyond the manifest --------------------------------------------------

    def check_files(self) -> None:
        """Are the files that the manifest names where they can be looked for, and do the output folders
        lie in the project, links followed? Raises WrongInput."""
        problems = list(self.workshop.missing_files()) if self.manifest.file_uses else []
        for folder in self.manifest.folders:
            path = self.project / folder
            if not any(files.inside(root, path) for root in (self.project, *self.options.allow)):
                problems.append(
                    Problem(
                        f"the folder {folder} leads out of the project by a link",
                        place=Place(self.manifest.file),
                        hint=f"if that is meant, allow it: --allow-path {path.resolve()}",
                    )
                )
        if problems:
            raise WrongInput(in_order(problems))


def open_session(options: Options) -> Session:
    """The session of the project that the current folder lies in. Raises WrongInput."""
    start = manifest.here()
    file = manifest.find(start, options.assets)
    if file is None:
        raise WrongInput(f"there is no assets.yaml in {start} or above it", "imagegen init starts a project here")
    options = replace(options, allow=tuple(folder.resolve() for folder in options.allow))
    return Session(stored.manifest(file, options.overrides), options, os.environ)
