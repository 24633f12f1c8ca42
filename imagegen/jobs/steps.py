"""What is done about one event: five plain functions, in their order, each safe to run twice.

Every engine runs the same five. What they share is the Job's row: it is made by the first, in one transaction with
what the event carries, so that this is written once; and a step that finds the job finished or cancelled does
nothing. An item that is no sentence has no rows: there only the third step does something, and all announce.

All raise Unreachable where the storyboard can't be had now, and WrongInput where it is damaged or gone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select

from imagegen.errors import ImagegenError, WrongInput
from imagegen.jobs import rows
from imagegen.jobs.event import Event, parse
from imagegen.jobs.retrying import WontPass
from imagegen.jobs.site import Builder as Builder
from imagegen.jobs.site import Built as Built
from imagegen.jobs.site import Site as Site
from imagegen.jobs.telling import completed, tell
from imagegen.storyboard import following
from imagegen.storyboard.columns import now
from imagegen.storyboard.marking import held
from imagegen.storyboard.tables import COMPLETED, FAILED, GENERATING, QUEUED, RUNNING, UNFINISHED, Job

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from imagegen.storyboard.database import Storyboard

T = TypeVar("T")


def create_job(site: Site, event: Event) -> bool:
    """Step 1: the Job's row, what the event carries into its sentence, and the sentence queued.

    Whether there is anything to do: not where the job is finished or cancelled. Raises WrongInput.
    """
    return create_jobs(site, [event])[0]


def create_jobs(site: Site, events: Iterable[Event]) -> list[bool]:
    """Step 1 for many, in one transaction for each storyboard project; in their order."""
    events = list(events)
    states: dict[str, str] = {}
    for project, of_it in _by_project(events).items():
        with _board(site, project).session() as session:
            held(session, project)
            there = rows.states(session, [event.id for event in of_it])
            new = {event.id: event for event in of_it if event.id not in there}
            rows.create(session, project, list(new.values()))
            states |= dict.fromkeys(new, QUEUED) | there
    return [not event.sentence or states[event.id] in UNFINISHED for event in events]


def mark_generating(site: Site, event: Event, attempt: int = 1) -> bool:
    """Step 2: job running, sentence generating. Whether to go on."""

    def mark(session: Session, job: Job) -> bool:
        job.status, job.attempts, job.started_at = RUNNING, attempt, job.started_at or now()
        following.began(session, event.sentence, GENERATING)
        return True

    goes_on = _unfinished(site, event, mark)
    if goes_on:
        tell(site, event, "generating", attempt=attempt)
    return goes_on


def generate_image(site: Site, event: Event, attempt: int = 1) -> dict[str, Any]:
    """Step 3: ``{"file", "seed", "digest", "made"}``, never the image. Raises WillPass, WontPass, Interrupted."""
    try:
        task = site.task_of(event)
    except WrongInput as error:
        raise WontPass(error.message, error.hint) from error
    return site.builder.build(task, event.id, attempt, event.candidate_seed)._asdict()


def update_sentence(site: Site, event: Event, result: Mapping[str, Any]) -> bool:
    """Step 4: the sentence has its image. Whether it is clean now: not if something changed meanwhile."""

    def update(session: Session, job: Job) -> bool:
        return following.succeeded(session, event.sentence, result["file"], result["digest"])

    return _unfinished(site, event, update)


def complete_job(site: Site, event: Event, result: Mapping[str, Any]) -> dict[str, Any]:
    """Step 5: job completed. The data of `image/completed`, which is announced."""
    small = {key: result[key] for key in ("file", "seed")}

    def complete(session: Session, job: Job) -> bool:
        job.status, job.finished_at, job.result, job.error = COMPLETED, now(), small, ""
        return True

    _unfinished(site, event, complete)
    data = completed(event, result)
    tell(site, event, "completed", result=small, **data)
    return data


def await_retry(site: Site, event: Event, error: str, hint: str, attempt: int, seconds: float) -> bool:
    """After an attempt that may pass next time: job and sentence queued again. Whether to go on."""

    def wait(session: Session, job: Job) -> bool:
        job.status, job.attempts, job.error = QUEUED, attempt, _whole(error, hint)
        following.began(session, event.sentence, QUEUED)
        return True

    goes_on = _unfinished(site, event, wait)
    if goes_on:
        tell(site, event, "retrying", error=error, hint=hint, attempt=attempt, seconds=seconds)
    return goes_on


def fail_job(site: Site, event: Event, error: str, hint: str, attempts: int) -> None:
    """In place of steps 4 and 5: job and sentence failed, and why."""

    def fail(session: Session, job: Job) -> bool:
        job.status, job.attempts, job.finished_at, job.error = FAILED, attempts, now(), _whole(error, hint)
        following.failed(session, event.sentence, error, hint)
        return True

    if _unfinished(site, event, fail):
        tell(site, event, "failed", error=error, hint=hint, attempts=attempts)


def cancel_job(site: Site, event: Event) -> bool:
    """Job cancelled, sentence idle; whether it was unfinished. For an engine, and for a job that none knows."""
    return bool(cancel_jobs(site, [event]))


def cancel_jobs(site: Site, events: Iterable[Event]) -> list[Event]:
    """The same for many; those that were unfinished, and all items without a Job."""
    events = list(events)
    cancelled = {event.id for event in events if not event.sentence}
    for project, of_it in _by_project(events).items():
        with _board(site, project).session() as session:
            held(session, project)
            cancelled.update(rows.cancel(session, [event.id for event in of_it]))
    found = [event for event in events if event.id in cancelled]
    for event in found:
        tell(site, event, "cancelled")
    return found


def put_back(site: Site, event: Event) -> None:
    """The program is being left while this job is under way: it waits again, and is announced to nobody."""

    def put(session: Session, job: Job) -> bool:
        job.status = QUEUED
        following.began(session, event.sentence, QUEUED)
        return True

    _unfinished(site, event, put)


def unfinished_jobs(storyboard: Storyboard, project_id: str) -> list[Event]:
    """The events of the jobs that a storyboard has as queued or running, the oldest first: what
    :meth:`imagegen.jobs.engine.Engine.adopt` wants to know at the start."""
    wanted = select(Job).where(Job.project_id == project_id, Job.status.in_(UNFINISHED))
    with storyboard.reading() as session:
        found = session.scalars(wanted.order_by(Job.created_at, Job.id)).all()
        return [event for job in found if (event := _event_of(job)) is not None]


def _event_of(job: Job) -> Event | None:
    """The event of a Job's row. What another program wrote there, and what is about something else than the row, holds
    up no other job: then the sentence is made as it stands."""
    event: Event | None = None
    with contextlib.suppress(WrongInput):
        event = parse(job.event)
    whose = (event.id, event.project, event.sentence) if event else ()
    if job.sentence_id is None or whose == (job.id, job.project_id, job.sentence_id):
        return event
    return Event(job.id, {"projectId": job.project_id, "sentenceId": job.sentence_id})


def _by_project(events: Iterable[Event]) -> dict[str, list[Event]]:
    """Of those that have one."""
    found: dict[str, list[Event]] = {}
    for event in events:
        if event.sentence:
            found.setdefault(event.project, []).append(event)
    return found


def _board(site: Site, project: str) -> Storyboard:
    board = site.storyboard(project)
    if board is None:
        raise WrongInput(f'there is no storyboard project "{project}"', "imagegen storyboard list shows what there is")
    return board


def _unfinished(site: Site, event: Event, change: Callable[[Session, Job], bool]) -> bool:
    """Do ``change`` to the event's Job, if that is still to be done; what it says. True for an item without one."""
    if not event.sentence:
        return True
    with _board(site, event.project).session() as session:
        held(session, event.project)
        job = rows.unfinished(session, event)
        return job is not None and change(session, job)


def _whole(error: str, hint: str) -> str:
    return str(ImagegenError(error, hint)).replace("\0", "")
