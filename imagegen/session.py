"""One command's view of one project: the manifest, what the command line wishes, and what follows.

Everything that judges or builds goes through here; it knows doit no more than the terminal.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from imagegen import backends, build, files, manifest, record, seen, stored, verdict
from imagegen.backends.base import Absent, Backend, Order, Watch
from imagegen.contents import Contents
from imagegen.errors import BuildFailed, Interrupted, Problem, WrongInput, did_you_mean, nearest
from imagegen.estimate import Times
from imagegen.manifest import Item, Manifest, Overrides, Way
from imagegen.progress import Event, Failed, Listener, Made, Note, Skipped
from imagegen.recipe import canonical
from imagegen.verdict import Action, Overwrite, Verdict


@dataclass(frozen=True)
class Options:
    """What the command line wishes of a run."""

    assets: str | None = None
    backend: str | None = None
    overwrite: Overwrite | None = None
    reseed: bool = False
    again: bool = False
    allow: tuple[Path, ...] = ()

    @property
    def overrides(self) -> Overrides:
        return Overrides(self.backend, self.allow)


@dataclass(frozen=True)
class Planned:
    """An item, its verdict, and what a run does about it."""

    item: Item
    verdict: Verdict
    action: Action


@dataclass
class Outcomes:
    """What became of a run's items."""

    made: list[Made] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)


class Session:
    """``manifest`` and ``options``, and all that is asked of both."""

    def __init__(self, found: Manifest, options: Options, environ: Mapping[str, str]) -> None:
        self.manifest, self.options, self.environ = found, options, environ
        self.project = found.project
        self.cancelled = threading.Event()
        self.outcomes = Outcomes()
        self.left_alone = 0  # items that doit was not handed, because nothing is to be done about them
        self.refused: WrongInput | None = None
        self.times = Times(self.project)
        self._contents = Contents(self.project)
        self._backends: dict[str, Backend] = {}
        self._down: dict[str, BuildFailed] = {}  # backends of which no server answered
        self._lock = threading.RLock()
        self._known: dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, str]] = {}
        self._listeners: list[Listener] = []
        self._asked: set[str] = set()

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

    @cached_property
    def shown_root(self) -> str:
        """What stands before a target as the user sees it from the current folder, with its separator."""
        with contextlib.suppress(ValueError):  # another drive
            root = os.path.relpath(self.project)
            return "" if root == os.curdir else root + os.sep
        return os.fspath(self.project) + os.sep

    def select(self, names: Sequence[str]) -> list[Item]:
        """The items that ``names`` mean: jobs, tasks, patterns with ``*``, targets; all without names.

        Raises WrongInput for a name that means nothing, with what was perhaps meant.
        """
        if not names:
            return list(self.manifest.items)
        targets: dict[str, Item] = {}
        chosen: dict[str, Item] = {}
        for name in names:
            found: Iterable[Item]
            if name in self.by_task:
                found = [self.by_task[name]]
            elif name in self.manifest.jobs:
                found = [item for item in self.manifest.items if item.job == name]
            elif "*" in name:
                found = [item for item in self.manifest.items
                         if fnmatch.fnmatchcase(item.task, name) or fnmatch.fnmatchcase(item.job, name)]  # fmt: skip
            else:
                targets = targets or {os.path.abspath(self.project / one.target): one for one in self.manifest.items}
                if os.path.abspath(name) not in targets:
                    raise self.no_such(name)
                found = [targets[os.path.abspath(name)]]
            chosen.update((item.task, item) for item in found)
        return list(chosen.values())

    def no_such(self, name: str) -> WrongInput:
        """The error for a name that is neither a job nor an item."""
        known = [*self.manifest.jobs, *self.by_task]
        mend = did_you_mean(name, known)
        if not mend and ":" not in name:
            by_slug = [
                item.task for item in self.manifest.items if name.lower() in (item.slug, item.name.lower())
            ]
            mend = f'did you mean "{by_slug[0]}"?' if by_slug else ""
        return WrongInput(
            f'there is no job or item "{name}"', mend or "imagegen list --all shows what there is"
        )

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
        with self._lock:
            if key not in self._known:
                found = {}
                for setting, value in way.files:
                    path = self.locate(way.backend, setting, value)
                    if path is not None and (digest := self._contents.digest(path)):
                        found[setting] = digest
                self._known[key] = found
            return self._known[key]

    def locate(self, backend: str, setting: str, value: str) -> Path | None:
        try:
            return self.backend(backend).locate(setting, value)
        except Absent:
            return None

    def judge(self, item: Item) -> Verdict:
        """The verdict on one item, its pixels unread."""
        known = self.known(item.way) if item.way.files else {}
        path = self.manifest.path(item)
        if seen.carries(os.fspath(path), record.ending(item.recipe), canonical(known) if known else b""):
            return verdict.FRESH
        return verdict.judge(json.loads(item.recipe), known, seen.look(path))

    def judge_closely(self, item: Item) -> Verdict:
        """The verdict with the pixels checked."""
        return verdict.judge(
            json.loads(item.recipe), self.known(item.way), seen.closely(self.manifest.path(item))
        )

    def fresh(self) -> Iterator[bool]:
        """For each item of the manifest whether the quick look finds it fresh: 10,000 a blink."""
        root = os.fspath(self.project) + os.sep
        known: dict[int, bytes] = {}
        for item in self.manifest.items:
            digests = b""
            if item.way.files:
                way = id(item.way)
                if way not in known:
                    known[way] = canonical(self.known(item.way)) if self.known(item.way) else b""
                digests = known[way]
            yield seen.carries(root + item.target, b',"recipe":' + item.recipe + b"}", digests)

    def plan(self, items: Iterable[Item]) -> list[Planned]:
        """What a run does about each of ``items``."""
        planned = []
        for item in items:
            found = self.judge(item)
            planned.append(Planned(item, found, self.action(item, found)))
        return planned

    def action(self, item: Item, found: Verdict) -> Action:
        wish = self.wish(item)
        return verdict.action(found.state, wish.overwrite, wish.only_missing, wish.again or wish.reseed)

    def wish(self, item: Item) -> build.Wish:
        """What the run wants of this item."""
        options = self.options
        return build.Wish(
            overwrite=options.overwrite or Overwrite(item.way.overwrite),
            again=options.again,
            reseed=options.reseed and b'"seed":"random"' in item.recipe,
            only_missing=options.backend is not None,
            known=self.known(item.way) if item.way.files else {},
            allowed=options.allow,
        )

    # --- what can be wrong beyond the manifest ------------------------------------------------------

    def check_files(self) -> None:
        """Are the files that the manifest names where they can be looked for? Raises WrongInput."""
        problems = []
        for use in self.manifest.file_uses:
            try:
                self.backend(use.backend).locate(use.setting, use.value)
            except Absent as error:
                complaint = error.complaint
                others = f" (and {use.items - 1} items more)" if use.items > 1 else ""
                problems.append(Problem(complaint.message + others, use.path, use.place, complaint.hint))
        for folder in {os.path.dirname(item.target) for item in self.manifest.items}:  # noqa: PTH120 (10,000 of them)
            path = self.project / folder
            if not any(files.inside(root, path) for root in (self.project, *self.options.allow)):
                problems.append(Problem(f"the folder {folder} leads out of the project by a link",
                                        place=manifest.Place(self.manifest.file),
                                        hint=f"if that is meant, allow it: --allow-path {path.resolve()}"))  # fmt: skip
        if problems:
            raise WrongInput(manifest.in_order(problems))

    def preflight(self, items: Iterable[Item]) -> list[Problem]:
        """Ask each backend of ``items``, before anything is queued, whether it can do them all.

        What no backend can do is returned. A backend that does not answer fails only its own items, later.
        """
        orders: dict[str, list[Order]] = {}
        for item in items:
            orders.setdefault(item.way.backend, []).append(build.order_of(item, json.loads(item.recipe)))
        problems = []
        for name, its in orders.items():
            with self._lock:
                if name in self._asked:
                    continue
                self._asked.add(name)
            try:
                refusals = self.backend(name).preflight(its, Watch(self.cancelled))
            except (
                BuildFailed
            ) as error:  # nobody there, or a token is missing: its items fail, the others go on
                self._down[name] = error
                continue
            for refusal in refusals:
                tasks = ", ".join(refusal.tasks[:3]) + (f" and {len(refusal.tasks) - 3} more"
                                                        if len(refusal.tasks) > 3 else "")  # fmt: skip
                problems.append(Problem(refusal.message, tasks, hint=refusal.hint))
        return problems

    def ask(self) -> list[Problem]:
        """What is wrong online: backends that do not answer, and what they do not know."""
        problems = self.preflight(self.manifest.items)
        return [*(Problem(f"{name}: {error.message}", f"backends.{name}", hint=error.hint)
                  for name, error in self._down.items()), *problems]  # fmt: skip

    # --- building -------------------------------------------------------------------------------

    def backend(self, name: str) -> Backend:
        with self._lock:
            if name not in self._backends:
                if name not in backends.names():
                    raise WrongInput(
                        f'there is no backend "{name}"',
                        f"there are {', '.join(nearest(name, backends.names()))}",
                    )
                block = self.manifest.backends.get(name, {})
                self._backends[name] = backends.load(name)(block, self.environ, self.project)
            return self._backends[name]

    def workers(self, items: Iterable[Item]) -> int:
        """How many images may be under way at once, over all backends of ``items``."""
        return sum(self.backend(name).workers for name in {item.way.backend for item in items}) or 1

    def make(self, item: Item) -> Event | None:
        """Build one item; what became of it is told and kept in :attr:`outcomes`. None if the run is
        being left. Raises only what is our own fault.
        """
        outcome: Event
        try:
            if self.refused is not None:
                raise self.refused
            problems = self.preflight([item])  # already asked, unless doit runs under another reporter
            if problems:
                raise WrongInput(problems)
            if item.way.backend in self._down:
                raise self._down[item.way.backend]
            outcome = build.build(item, self.project, self.wish(item), lambda: self.backend(item.way.backend),
                                  self.cancelled, self.tell, self.times.note)  # fmt: skip
        except BuildFailed as error:
            outcome = Failed(item.task, error.message, error.hint)
        except Interrupted:
            return None
        except WrongInput as error:
            self.refused = self.refused or error
            outcome = Failed(item.task, str(error))
        with self._lock:
            if isinstance(outcome, Made):
                self.outcomes.made.append(outcome)
            elif isinstance(outcome, Skipped):
                self.outcomes.skipped.append(outcome)
            elif isinstance(outcome, Failed):
                self.outcomes.failed.append(outcome)
        self.tell(outcome)
        return outcome

    def remove(self, item: Item) -> None:
        """Remove a target that is ours as we wrote it, looked at again under its lock. Raises BuildFailed."""
        path = self.manifest.path(item)
        with files.locked(self.project, path, self.cancelled):
            if self.judge_closely(item).state in (verdict.State.FRESH, verdict.State.STALE):
                try:
                    path.unlink()
                except OSError as error:
                    raise BuildFailed(f"can't remove {item.target}: {error.strerror or error}") from error

    def note(self, message: str, task: str = "") -> None:
        self.tell(Note(task, message))

    def close(self) -> None:
        """Let go of servers; keep the times."""
        for backend in self._backends.values():
            backend.close()
        self.times.save()


def open_session(options: Options, start: Path, environ: Mapping[str, str] | None = None) -> Session:
    """The session of the project that ``start`` lies in. Raises WrongInput."""
    file = manifest.find(start, options.assets)
    if file is None:
        raise WrongInput(
            f"there is no assets.yaml in {start} or above it", "imagegen init starts a project here"
        )
    allowed = tuple(folder.resolve() for folder in options.allow)
    options = replace(options, allow=allowed)
    found = stored.manifest(file, options.overrides)
    return Session(found, options, os.environ if environ is None else environ)
