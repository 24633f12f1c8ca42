"""What makes a session's images: its backends, asked beforehand, and the builds."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from imagegen import build, draws, files
from imagegen.backends.base import Absent, Backend, Order, Refusal, Watch
from imagegen.contents import Contents
from imagegen.errors import BuildFailed, Interrupted, NobodyThere, Problem, Unreachable, WrongInput
from imagegen.estimate import Times
from imagegen.items import Item, Manifest, Way
from imagegen.kept import Kept
from imagegen.options import Options
from imagegen.progress import Event, Failed, Note
from imagegen.recipe import RANDOM, RANDOM_SEED
from imagegen.verdict import Overwrite, Verdict


class Site(Protocol):
    """The session, as far as what is built here needs to know it."""

    manifest: Manifest
    options: Options
    environ: Mapping[str, str]
    project: Path
    cancelled: threading.Event
    outcomes: list[Event]
    refused: WrongInput | None

    @property
    def times(self) -> Times: ...

    @property
    def contents(self) -> Contents: ...

    def tell(self, event: Event) -> None: ...

    def known(self, way: Way) -> Mapping[str, str]: ...

    def overwrite(self, item: Item) -> Overwrite: ...

    def reseeds(self, item: Item) -> bool: ...

    def again(self, item: Item) -> bool: ...

    @property
    def by_task(self) -> Mapping[str, Item]: ...

    def judge(self, item: Item) -> Verdict: ...

    def whole(self, item: Item) -> Item: ...

    def settled(self, item: Item) -> dict[str, Any]: ...


class Workshop:
    """Threads share it. ``kept`` are backends that outlive this session; without them it has its own."""

    def __init__(self, session: Site, kept: Kept | None = None) -> None:
        self._session = session
        self._own = kept is None
        self._kept = kept or Kept(
            session.environ, session.project, lambda text: session.tell(Note(message=text)), session.cancelled
        )
        self._down: dict[str, BuildFailed] = {}  # backends that could not be asked
        self._gone: dict[str, BuildFailed] = {}  # backends that answered first, and then nobody did
        self._asked: set[str] = set()  # tasks
        self._asking = threading.Lock()  # nobody goes ahead before the answer is there

    def close(self) -> None:
        if self._own:
            self._kept.close()
        files.sweep_forgotten(self._session.project / files.STATE)

    def backend(self, name: str) -> Backend:
        """The backend called ``name``, set up by its block. Raises WrongInput."""
        return self._kept.backend(name, self._session.manifest.backends.get(name, {}))

    def workers(self, items: Iterable[Item]) -> int:
        """How many images may be under way at once, over all backends of ``items``."""
        return sum(self.backend(name).workers for name in {item.way.backend for item in items}) or 1

    # --- files that recipes only name -----------------------------------------------------------

    def digests(self, way: Way) -> dict[str, str]:
        """Digests of the model files of a way, those that can be found and read here."""
        found = {}
        for setting, value in way.files:
            try:
                path: Path | None = self.backend(way.backend).locate(setting, value)
            except Absent:
                continue
            if path is not None and (digest := self._session.contents.digest(path)):
                found[value if setting == "loras" else setting] = digest
        return found

    def missing_files(self) -> Iterator[Problem]:
        """Model files that are in none of the folders where they could be."""
        for use in self._session.manifest.file_uses:
            try:
                self.backend(use.backend).locate(use.setting, use.value)
            except Absent as error:
                complaint = error.complaint
                others = f" ({use.items} items)" if use.items > 1 else ""
                yield Problem(complaint.message + others, use.path, use.place, complaint.hint)

    # --- asking beforehand ----------------------------------------------------------------------

    def preflight(self, items: Iterable[Item]) -> list[Problem]:
        """Ask each backend of ``items``, before anything is queued, whether it can do them all.

        What no backend can do is returned. A backend that does not answer fails only its own items, later.
        """
        orders: dict[str, list[Order]] = {}
        problems: list[Problem] = []
        with self._asking:
            for item in items:
                if item.task not in self._asked:
                    self._asked.add(item.task)
                    orders.setdefault(item.way.backend, []).append(self._order(item))
            for name, its_orders in orders.items():
                try:
                    self._kept.serving.need(self.backend(name), self._session.manifest.backends.get(name, {}))
                    refusals = self.backend(name).preflight(its_orders, self._watch())
                except BuildFailed as error:  # nobody there, or a token is missing
                    self._down[name] = error
                    continue
                except WrongInput as error:  # an address or a token in the environment
                    problems.extend(error.problems)
                    continue
                except Interrupted:
                    return []  # every build sees it too
                problems.extend(_refused(refusal) for refusal in refusals)
        return problems

    def orders(self, items: Iterable[Item]) -> dict[str, list[Order]]:
        """The orders for ``items``, by backend."""
        found: dict[str, list[Order]] = {}
        for item in items:
            found.setdefault(item.way.backend, []).append(self._order(item))
        return found

    def _watch(self) -> Watch:
        session = self._session
        return Watch(
            session.cancelled,
            note=lambda text: session.tell(Note(message=text)),
            wanted=self._wanted_later,
            leaving=self._kept.leaving,
        )

    def _wanted_later(self, task: str, digest: str) -> bool:
        """Whether a run of the whole manifest would make this image from just this recipe."""
        item = self._session.by_task.get(task)
        return item is not None and self._order(item).digest == digest and not self._session.judge(item).fresh

    def _order(self, item: Item) -> Order:
        """The order for an item, as far as it is known before what goes into it is made."""
        session = self._session
        with contextlib.suppress(BuildFailed):
            item = session.whole(item)
        recipe = json.loads(item.recipe)
        if RANDOM_SEED in item.recipe and not session.reseeds(item):  # one that is known already, to be found again
            kept = session.settled(item).get("seed")
            recipe["seed"] = kept if kept != RANDOM else draws.kept(session.project, item.target) or RANDOM
        return build.order_of(item, session.project, recipe)

    def ask(self) -> list[Problem]:
        """What is wrong online: backends that do not answer, and what they do not know."""
        problems = self.preflight(self._session.manifest.items)
        down = [
            Problem(f"{name}: {error.message}", f"backends.{name}", hint=error.hint)
            for name, error in self._down.items()
        ]
        return [*down, *problems]

    # --- building -------------------------------------------------------------------------------

    def make(self, item: Item, again: bool = False) -> Event | None:
        """Build one item; what became of it is told and kept with the session. None if the run is being
        left. Raises only what is our own fault.
        """
        try:
            outcome: Event = self._built(item, again)
        except BuildFailed as error:
            if isinstance(error, NobodyThere):  # the next need not spend their attempts on finding that out
                self._gone[item.way.backend] = error
            passing = bool(error.attempts) or isinstance(error, Unreachable)
            outcome = Failed(item.task, error.message, error.hint, passing, error.attempts)
        except Interrupted:
            return None
        except WrongInput as error:
            self._session.refused = self._session.refused or error
            only = error.problems[0] if len(error.problems) == 1 else None
            if only is not None and only.path == item.task:  # its name need not be said twice
                outcome = Failed(item.task, only.message, only.hint)
            else:
                outcome = Failed(item.task, str(error))
        self._session.outcomes.append(outcome)
        self._session.tell(outcome)
        return outcome

    def _built(self, item: Item, again: bool) -> Event:
        session, name = self._session, item.way.backend
        if session.refused is not None:
            raise session.refused
        problems = self.preflight([item])  # asked already, unless doit runs under another reporter
        if problems:
            raise WrongInput(problems)
        if name in self._down:
            raise self._down[name]
        if gone := self._gone.get(name):
            if not self.backend(name).answers():
                raise gone
            self._gone.pop(name, None)  # it is back
        wish = build.Wish(
            overwrite=session.overwrite(item),
            again=again or session.again(item),
            reseed=session.reseeds(item),
            only_missing=session.options.backend is not None,
            known=session.known(item.way),
            allowed=session.options.allow,
            attempts=session.options.attempts,
        )
        backend = self.backend(name)
        item = session.whole(item)  # what goes into it is there now
        took = session.times.note
        return build.build(
            item,
            session.project,
            wish,
            backend,
            session.cancelled,
            session.tell,
            took,
            self._wanted_later,
            self._kept.leaving,
        )

    def remove(self, item: Item, dry_run: bool = False) -> None:
        """Remove a target that is ours as we wrote it. Raises BuildFailed."""
        session = self._session
        build.remove(item, session.project, session.known(item.way), session.options.allow, session.cancelled, dry_run)

    def adopt(self, item: Item, data: bytes | None = None) -> build.Adopted:
        """See :func:`imagegen.build.adopt`."""
        session = self._session
        known = session.known(item.way)
        item = session.whole(item)
        return build.adopt(item, session.project, known, session.options.allow, session.cancelled, data)


def _refused(refusal: Refusal) -> Problem:
    tasks, most = refusal.tasks, 3
    named = ", ".join(tasks[:most]) + (f" and {len(tasks) - most} more" if len(tasks) > most else "")
    return Problem(refusal.message, named, hint=refusal.hint)
