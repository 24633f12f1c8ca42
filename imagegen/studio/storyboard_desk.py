"""Where the storyboard's routes work: one open storyboard with one of its projects, seen beside the manifest, and who
is told of a change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from imagegen.jobs import steps
from imagegen.jobs.event import of_sentence
from imagegen.storyboard import tables
from imagegen.storyboard.database import Storyboard
from imagegen.studio import storyboard_rows
from imagegen.studio.refusal import Refused
from imagegen.studio.storyboard_rows import Shown
from imagegen.verdict import State

if TYPE_CHECKING:
    from imagegen.studio.running import Studio


class Desk:
    """One for a studio; threads share it."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._queueing = threading.Lock()

    def shown(self, project_id: str) -> Shown:
        project = self._studio.project
        found = project.storyboard_of(project_id)
        return Shown(project.view, self._studio.hub.activities, found.job if found else None, project.folder)

    def board(self, project_id: str) -> Storyboard:
        """Raises Refused, WrongInput, Unreachable."""
        found = self._studio.site.storyboard(project_id)
        if found is None:
            raise Refused(404, f'there is no storyboard project "{project_id}"', "assets.yaml names those there are")
        return found

    @contextmanager
    def changing(self, project_id: str, *sentences: str) -> Iterator[Session]:
        """One transaction; afterwards everybody is told that ``sentences`` changed, or all of them."""
        with self.board(project_id).session() as session:
            # Held first: of two who change at once, the second sees what the first did.
            session.get(tables.Project, project_id, with_for_update=True)
            storyboard_rows.project_row(session, project_id)
            yield session
        self.tell(project_id, sentences or None)

    def tell(self, project_id: str, sentences: Collection[str] | None) -> None:
        """Rows changed, and so may have items."""
        ids = None if sentences is None else list(sentences)
        self._studio.hub.announce({"type": "storyboard", "projectId": project_id, "sentences": ids})
        self._studio.watching.nudge()

    def read(self, project_id: str, what: Callable[[Session, Shown], Any]) -> Any:
        """What ``what`` finds in a snapshot."""
        with self.board(project_id).reading() as session:
            return what(session, self.shown(project_id))

    # --- jobs -----------------------------------------------------------------------------------------

    def queue(self, project_id: str, sentence_id: str, event_id: str, carried: dict[str, Any]) -> str:
        """Have a sentence's picture made; the job's id. One that waits or is under way already is that job, unless
        the event brings something new along. Raises as the engine does."""
        event = of_sentence(project_id, sentence_id, event_id, **carried)
        with self._queueing:
            with self.board(project_id).reading() as session:
                storyboard_rows.sentence_row(session, project_id, sentence_id)
                waiting = _unfinished(session, project_id).get(sentence_id, [])
            if waiting and not carried:
                return waiting[-1]
            job = self._studio.engine.submit(event)
        self.tell(project_id, [sentence_id])
        return job

    def queue_dirty(self, project_id: str) -> list[dict[str, Any]]:
        """Have all pictures made that are not as their rows say; id, sentence and task of each job."""
        shown = self.shown(project_id)
        with self._queueing:
            with self.board(project_id).reading() as session:
                storyboard_rows.project_row(session, project_id)
                waiting = _unfinished(session, project_id)
                dirty = _dirty(session, project_id)
                wanted = [
                    one for one in storyboard_rows.order(session, project_id) if one in dirty or not _fresh(shown, one)
                ]
            events = {one: of_sentence(project_id, one) for one in wanted if one not in waiting}
            self._studio.engine.submit_all(events.values())
        self.tell(project_id, None)
        ids = {one: waiting[one][-1] if one in waiting else events[one].id for one in wanted}
        return [{"id": ids[one], "sentenceId": one, "task": shown.task(one)} for one in wanted]

    def cancel(self, project_id: str, sentence_id: str | None = None) -> int:
        """Withdraw the jobs of a sentence, or of all; how many there were. Raises Refused."""
        with self.board(project_id).reading() as session:
            storyboard_rows.project_row(session, project_id)
            if sentence_id is not None:
                storyboard_rows.sentence_row(session, project_id, sentence_id)
            waiting = _unfinished(session, project_id)
        wanted = [sentence_id] if sentence_id is not None else list(waiting)
        jobs = [job for one in wanted for job in waiting.get(one, ())]
        # Those that wait go first, else each that is stopped would make room for one of them.
        cancelled = set(self._studio.engine.cancel_all(reversed(jobs)))
        if unknown := set(jobs) - cancelled:  # to the engine; what finished meanwhile is no longer unfinished
            for event in steps.unfinished_jobs(self.board(project_id), project_id):
                if event.id in unknown and steps.cancel_job(self._studio.site, event):
                    cancelled.add(event.id)
        if jobs:
            self.tell(project_id, wanted)
        return len(cancelled)


def _unfinished(session: Session, project_id: str) -> dict[str, list[str]]:
    """For each sentence with jobs that wait or are under way: their ids, the oldest first."""
    jobs = (
        select(tables.Job.sentence_id, tables.Job.id)
        .where(tables.Job.project_id == project_id, tables.Job.status.in_(tables.UNFINISHED))
        .order_by(tables.Job.created_at, tables.Job.id)
    )
    found: dict[str, list[str]] = {}
    for sentence_id, job in session.execute(jobs):
        if sentence_id is not None:
            found.setdefault(sentence_id, []).append(job)
    return found


def _dirty(session: Session, project_id: str) -> set[str]:
    wanted = select(tables.Sentence.id).where(
        tables.Sentence.project_id == project_id, tables.Sentence.is_image_dirty.is_(True)
    )
    return set(session.scalars(wanted))


def _fresh(shown: Shown, sentence_id: str) -> bool:
    task = shown.task(sentence_id)
    number = shown.view.number(task) if task else None
    return number is None or shown.view.verdicts[number].state is State.FRESH
