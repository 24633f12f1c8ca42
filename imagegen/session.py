"""One command's view of one project: the manifest, what the command line wishes, and the verdicts.

What makes images is the session's :attr:`~Session.workshop`, which is set up only when it is needed:
that nothing is to be done for 10,000 images is found out without it.
"""

from __future__ import annotations

import fnmatch
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imagegen import files, manifest, own_folder, stored, verbs
from imagegen.errors import BuildFailed, LacksKnowledge, Place, Problem, WrongInput, did_you_mean
from imagegen.files import from_here
from imagegen.ingredients import NoPicture
from imagegen.items import Ingredient, Item, Manifest, in_order
from imagegen.judging import Judging, Planned
from imagegen.options import Options
from imagegen.progress import Event, Listener
from imagegen.recipe import RANDOM_SEED
from imagegen.verdict import Action

if TYPE_CHECKING:
    from imagegen.estimate import Times
    from imagegen.kept import Kept
    from imagegen.workshop import Workshop


class Session(Judging):
    """``manifest`` and ``options``, and all that is asked of both.

    ``outcomes`` tell what became of a run's items. ``refused`` is set once the input has turned out wrong:
    then nothing is queued. ``left_alone`` counts the items that doit was not handed, because nothing is to
    be done about them.
    """

    def __init__(self, found: Manifest, options: Options, environ: Mapping[str, str], kept: Kept | None = None) -> None:
        super().__init__(found, options)
        self.environ, self._kept = environ, kept
        self.cancelled = threading.Event()
        self.outcomes: list[Event] = []
        self.refused: WrongInput | None = None
        self.left_alone = 0
        self._listeners: list[Listener] = []

    @cached_property
    def workshop(self) -> Workshop:  # type: ignore[override]
        """The backends of this session, and what builds with them."""
        from imagegen.workshop import Workshop

        return Workshop(self, self._kept)

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
        if "contents" in self.__dict__:
            self.contents.save()

    # --- who wants to know ----------------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def tell(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)

    # --- items ----------------------------------------------------------------------------------

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

    def planned(self, names: Sequence[str]) -> list[Planned]:
        """What a run does about the items that ``names`` mean, and what it has to make for them first.
        Raises WrongInput."""
        items = self.chosen(names)
        if not names:
            return self.plan(items)
        self.meant = frozenset(item.task for item in items)
        return [
            one
            for one in self.plan(self.with_needed(items))
            if one.item.task in self.meant or one.action is Action.MAKE
        ]

    def one(self, name: str) -> Item:
        """The one item called ``name``. Raises WrongInput."""
        found = self.select([name])
        if len(found) != 1:
            raise WrongInput(f'"{name}" is {len(found)} images', "name one, as job:slug")
        return found[0]

    # --- what can be wrong beyond the manifest --------------------------------------------------

    def check_files(self) -> None:
        """Are the files that the manifest names where they can be looked for, and do the output folders
        lie in the project, links followed? Raises WrongInput."""
        problems = list(self.workshop.missing_files()) if self.manifest.file_uses else []
        problems.extend(self._missing_pictures())
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

    def _missing_pictures(self) -> Iterator[Problem]:
        """Pictures of the user's own that are to go into others, and are not there or no pictures."""
        for use in self.manifest.picture_uses:
            try:
                self.pixels(Ingredient("", use.file))
            except NoPicture as error:
                others = f" ({use.items} items)" if use.items > 1 else ""
                yield Problem(str(error) + others, use.path, use.place)


def open_session(options: Options, may_ask: bool = False, may_start: bool = True, kept: Kept | None = None) -> Session:
    """The session of the project that the current folder lies in. ``may_ask`` lets a backend ask its server
    for what the manifest can't be understood without, which ``may_start`` lets the manifest have started for it.
    ``kept`` are backends to build with. Raises WrongInput."""
    start = manifest.here()
    file = manifest.find(start, options.assets)
    if file is None:
        raise WrongInput(f"there is no assets.yaml in {start} or above it", "imagegen init starts a project here")
    options = replace(options, allow=tuple(folder.resolve() for folder in options.allow))
    own_folder.check(file.parent, options.allow)
    return Session(_understood(file, options, may_ask, may_start), options, os.environ, kept)


def _understood(file: Path, options: Options, may_ask: bool, may_start: bool) -> Manifest:
    try:
        return stored.manifest(file, options.overrides)
    except LacksKnowledge as lack:
        if not may_ask:
            raise
        ask(lack, file.parent, may_start)
        return stored.manifest(file, options.overrides)


def ask(lack: LacksKnowledge, project: Path, may_start: bool = True) -> None:
    """Let a backend ask its server for what a manifest can't be understood without. Raises WrongInput."""
    from imagegen import backends
    from imagegen.serving import Serving

    backend = backends.load(lack.backend)(lack.settings, os.environ, project)
    serving = Serving(lambda text: print(text, file=sys.stderr), threading.Event())
    try:
        if may_start:
            serving.need(backend, lack.settings)
        backend.learn()
    except BuildFailed as error:
        raise WrongInput([*lack.problems, Problem(error.message, hint=error.hint)]) from error
    finally:
        backend.close()
        serving.close()
