"""A run's events, written into the rows of the storyboards that its items came from."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagegen.errors import ImagegenError
from imagegen.progress import Event, Failed, Made, Note, Skipped, Started

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from imagegen.items import Source
    from imagegen.storyboard.database import Storyboard

Told = Started | Made | Skipped | Failed

AS_IT_SHOULD_BE = ("fresh", "another run made it")
"""Reasons for leaving a picture alone that speak well of it."""

MOST_AT_ONCE = 100
PATIENCE = 30.0
"""Seconds that the end of a run waits for the database at most."""


class Follower:
    """A listener (see ``progress``) that writes what becomes of each sentence's picture into its row.

    ``sources`` are the manifest's; those that are no storyboard are passed over. A thread of its own waits for the
    database in place of the run. What goes wrong there is told once, by ``tell``, as a note: rows are a convenience,
    the pictures are the record.
    """

    def __init__(self, project: Path, sources: Sequence[Source], tell: Callable[[Event], None]) -> None:
        self._project, self._tell = project, tell
        self._sources = {source.job: source for source in sources if source.kind == "storyboard"}
        self._boards: dict[str, Storyboard] = {}
        self._events: queue.SimpleQueue[Told | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._begun: set[str] = set()
        self._has_told = False

    def __call__(self, event: Event) -> None:
        if not isinstance(event, Told) or event.task.partition(":")[0] not in self._sources:
            return
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="storyboard", daemon=True)
                self._thread.start()
        self._events.put(event)

    def close(self) -> None:
        """Write what is left; sentences that began and came to nothing are idle again."""
        if self._thread is not None:
            self._events.put(None)
            self._thread.join(PATIENCE)

    def _work(self) -> None:
        going_on = True
        while going_on:
            some = [self._events.get()]
            while len(some) < MOST_AT_ONCE and not self._events.empty():
                some.append(self._events.get())
            going_on = None not in some
            events = [event for event in some if event is not None]
            for job in self._sources:
                self._write(job, [event for event in events if event.task.partition(":")[0] == job], not going_on)
        for board in self._boards.values():
            board.close()

    def _write(self, job: str, events: Sequence[Told], last: bool) -> None:
        """One transaction for all of one job that is waiting."""
        under_way = set(self._begun)
        for event in events:
            (under_way.add if isinstance(event, Started) else under_way.discard)(event.task)
        nothing_came = [task for task in under_way if last and task.partition(":")[0] == job]
        if not events and not nothing_came:
            return
        try:
            with self._board(job).session() as session:
                for event in events:
                    self._row(session, job, event)
                for task in nothing_came:
                    _left(session, task)
        except ImagegenError as error:
            if not self._has_told:
                self._has_told = True
                self._tell(Note(message=f"the storyboard's rows are not kept up to date: {error.message}"))
        else:
            self._begun = under_way

    def _board(self, job: str) -> Storyboard:
        from imagegen.storyboard.database import address, open_storyboard

        written = self._sources[job].address
        if written not in self._boards:
            self._boards[written] = open_storyboard(address(written, self._project))
        return self._boards[written]

    def _row(self, session: Session, job: str, event: Told) -> None:
        from imagegen.storyboard import following

        sentence_id = event.task.partition(":")[2]
        if isinstance(event, Started):
            following.began(session, sentence_id)
        elif isinstance(event, Failed):
            following.failed(session, sentence_id, event.message, event.hint)
        elif isinstance(event, Made) or event.reason in AS_IT_SHOULD_BE:
            digest = self._sources[job].state.get(sentence_id, "")
            following.succeeded(session, sentence_id, event.target, digest)
        else:
            following.left(session, sentence_id)


def _left(session: Session, task: str) -> None:
    from imagegen.storyboard import following

    following.left(session, task.partition(":")[2])
