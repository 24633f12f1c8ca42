"""The default engine, on DBOS, embedded: nothing has to be started.

A job that waits, for its turn or its retry, is a row in the database, and holds neither a thread nor a place. As many
attempts as there are ``workers`` are under way at once, in the order in which their jobs came; the backends' own
places decide how many of them a GPU has.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from imagegen.errors import ImagegenError, Unreachable, WrongInput
from imagegen.files import STATE
from imagegen.jobs import log, steps
from imagegen.jobs.attempt_ids import chunks
from imagegen.jobs.attempting import Attempting
from imagegen.jobs.database import DEFAULT, alone, connect, executor, failure
from imagegen.jobs.dbos_line import CANCELLED, LOGGER, WAITING, Attempt, Cancelled, Line, Refusal, next_rank
from imagegen.jobs.event import Event
from imagegen.jobs.retrying import FIRST_DELAY
from imagegen.jobs.telling import tell
from imagegen.storyboard.address import Address

MEND = "is it another program's, or a newer imagegen's? A file of jobs may be removed: storyboards know what waits"


class DbosEngine:
    """Runs jobs in this process; see :class:`imagegen.jobs.engine.Engine`. One at a time in a process.

    ``database`` is a file, counted from the project's folder, or a PostgreSQL URL. ``workers`` should be a few more
    than the backends have places, so that an attempt that waits for another run's picture keeps nobody from a place.
    ``first_delay`` (seconds) is that before the second attempt, ``poll`` (seconds) how often the line is looked at;
    what finished longer than ``kept`` ago is forgotten at the start.
    """

    def __init__(
        self,
        site: steps.Site,
        project: Path,
        workers: int,
        database: str = DEFAULT,
        first_delay: float = FIRST_DELAY,
        poll: float = 0.2,
        kept: timedelta = timedelta(days=7),
    ) -> None:
        self._site, self._project, self._workers = site, project, max(1, workers)
        self._written, self._poll, self._kept = database, poll, kept
        self._attempting = Attempting(site, first_delay)
        self._open = contextlib.ExitStack()
        self._ranks = threading.Lock()
        self._rank = 0
        self._place: Address
        self._line: Line

    # --- life -----------------------------------------------------------------------------------

    def start(self) -> None:
        with contextlib.ExitStack() as undo:
            undo.enter_context(alone(self._project))
            self._place, database = connect(self._written, self._project)
            undo.callback(database.dispose)
            kept_in = self._project / STATE / "jobs.log"
            undo.enter_context(log.kept_in(kept_in, LOGGER, self._place.without_secrets, (Cancelled,)))
            self._line = Line(database, executor(self._place, self._project))
            undo.callback(Line.stop)
            try:
                self._line.start(self._run, self._workers, self._poll)
                self._line.forget_finished(self._kept)
            except (Refusal, SQLAlchemyError) as error:
                said = self._place.without_secrets(str(error).partition("\n")[0])
                raise WrongInput(f"the jobs can't be kept in {self._place.shown}: {said}", MEND) from None
            self._rank = self._line.last_rank
            for event in self._line.waiting_events():
                tell(self._site, event, "queued")
            self._open = undo.pop_all()

    def close(self) -> None:
        self._attempting.leave()
        self._open.close()

    @property
    def name(self) -> str:
        """This machine's, as the others in one database see it."""
        return self._line.machine

    def _run(self, attempt: Attempt, line: Line) -> None:
        self._attempting.attempt(attempt.event, attempt.number, _Run(attempt, line))

    # --- what others ask ------------------------------------------------------------------------

    def submit(self, event: Event) -> str:
        return self.submit_all([event])[0]

    def submit_all(self, events: Iterable[Event]) -> list[str]:
        events = list(events)
        goes_on = steps.create_jobs(self._site, events)
        wanted = {event.id: event for event, goes in zip(events, goes_on, strict=True) if goes}
        try:
            with self._reached():
                known = self._line.states(wanted)
                self._put([event for event in wanted.values() if event.id not in known])
        except Unreachable as error:  # nobody would come back to them
            for event in wanted.values():
                steps.fail_job(self._site, event, error.message, error.hint, 0)
            raise
        return [event.id for event in events]

    def adopt(self, events: Iterable[Event]) -> list[str]:
        events = list(events)
        with self._reached():
            known = self._line.states(event.id for event in events)
            lost = []
            for event in events:
                states = known.get(event.id, set())
                if CANCELLED in states:  # killed before the row said so
                    steps.cancel_job(self._site, event)
                elif not states.intersection(WAITING):
                    lost.append(event)
            self._line.forget(event.id for event in lost if event.id in known)
            self._put(lost)
        return [event.id for event in lost]

    def cancel(self, job: str) -> bool:
        return bool(self.cancel_all([job]))

    def cancel_all(self, jobs: Iterable[str]) -> list[str]:
        jobs = list(dict.fromkeys(jobs))
        with self._attempting.cancelling(jobs), self._reached():
            events = self._line.cancel(jobs)
            for job in events:
                self._attempting.interrupt(job)
            cancelled = {event.id for event in steps.cancel_jobs(self._site, events.values())}
        return [job for job in jobs if job in cancelled]

    def unfinished(self) -> Sequence[str]:
        with self._reached():
            return self._line.waiting()

    def elsewhere(self) -> Mapping[str, int]:
        """How many attempts of other machines, by their names, wait in this database or are under way. A file has
        none."""
        with self._reached():
            machines = self._line.waiting_elsewhere()
        return {name: machines.count(name) for name in sorted(set(machines))}

    def take_over(self, machine: str) -> list[str]:
        """Make the jobs of a machine that never comes back this one's; their ids. They begin again with the step in
        which they were. What that machine may still do about them is not recorded."""
        with self._reached():
            return self._line.take_over(machine)

    def _put(self, events: list[Event]) -> None:
        for some in chunks(events):
            with self._ranks:
                ranked = []
                for event in some:
                    self._rank = next_rank(self._rank)
                    ranked.append((event, self._rank))
            self._line.put(ranked)
        for event in events:
            tell(self._site, event, "queued")

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        error: ImagegenError
        try:
            yield
            return
        except SQLAlchemyError as found:
            error = failure(found, self._place)
        raise Unreachable(error.message, error.hint)


class _Run:
    """One attempt's way to the line; see :class:`imagegen.jobs.attempting.Run`."""

    def __init__(self, attempt: Attempt, line: Line) -> None:
        self._attempt, self._line = attempt, line

    def step(self, name: str, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return self._line.step(name, do)

    def again(self, seconds: float) -> None:
        self._line.put_next(self._attempt, seconds)
