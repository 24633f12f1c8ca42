"""The Jobs' rows, and what events carry into their sentences. The project is held (:func:`imagegen.storyboard.marking.
held`) while they are read and written, so that of two who do the same at once one sees the other's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import case, select, update
from sqlalchemy.orm import Session

from imagegen.errors import WrongInput, did_you_mean, listed
from imagegen.jobs.event import Event
from imagegen.storyboard import editing
from imagegen.storyboard.columns import now
from imagegen.storyboard.following import UNDER_WAY
from imagegen.storyboard.marking import MOST_AT_ONCE
from imagegen.storyboard.tables import CANCELLED, COMPLETED, IDLE, QUEUED, UNFINISHED, Character, Job, Sentence

UNSYNCHRONIZED = {"synchronize_session": False}  # nothing that was read is used after it
_COLUMNS = {"imagePrompt": "image_prompt", "styleLora": "style_lora", "seed": "seed"}


def states(session: Session, ids: Sequence[str]) -> dict[str, str]:
    """The statuses of those Jobs that there are."""
    found: dict[str, str] = {}
    for some in _some(ids):
        wanted = select(Job.id, Job.status).where(Job.id.in_(some))
        found.update((row.id, row.status) for row in session.execute(wanted))
    return found


def create(session: Session, project: str, events: Sequence[Event]) -> None:
    """Jobs for events that have none, what they carry in their sentences, and those queued. Raises WrongInput."""
    there = set(session.scalars(select(Sentence.id).where(Sentence.project_id == project)))
    for event in events:
        if event.sentence not in there:
            raise WrongInput(f'the storyboard has no sentence "{event.sentence}"', "was it removed meanwhile?")
    session.add_all(
        Job(
            id=event.id,
            project_id=project,
            sentence_id=event.sentence,
            status=QUEUED,
            event={"id": event.id, "name": event.name, "data": dict(event.data)},
        )
        for event in events
    )
    session.flush()
    for event in events:
        _carry(session, event)
    for some in _some([event.sentence for event in events]):
        session.execute(update(Sentence).where(Sentence.id.in_(some)).values(status=QUEUED, error=""))


def unfinished(session: Session, event: Event) -> Job | None:
    """The event's Job, if that is not finished."""
    return session.scalar(select(Job).where(Job.id == event.id, Job.status.in_(UNFINISHED)))


def cancel(session: Session, ids: Sequence[str]) -> list[str]:
    """Cancel those Jobs that are not finished, and release their sentences, but for one that another Job waits
    for; which ones those were."""
    return [job for some in _some(ids) for job in _cancel(session, some)]


def _cancel(session: Session, ids: Sequence[str]) -> list[str]:
    wanted = select(Job.id, Job.sentence_id).where(Job.id.in_(ids), Job.status.in_(UNFINISHED))
    found = session.execute(wanted).all()
    jobs = [row.id for row in found]
    session.execute(update(Job).where(Job.id.in_(jobs)).values(status=CANCELLED, finished_at=now()))
    others = select(Job.id).where(Job.sentence_id == Sentence.id, Job.status.in_(UNFINISHED)).exists()
    theirs = Sentence.id.in_([row.sentence_id for row in found]), Sentence.status.in_(UNDER_WAY), ~others
    released = case((Sentence.is_image_dirty, IDLE), else_=COMPLETED)
    session.execute(update(Sentence).where(*theirs).values(status=released), execution_options=UNSYNCHRONIZED)
    return jobs


def _carry(session: Session, event: Event) -> None:
    """Write what the event carries into its sentence. Done twice, it changes nothing. Raises WrongInput."""
    changes = {column: event.data[key] for key, column in _COLUMNS.items() if key in event.data}
    if "characterRefs" in event.data:
        changes |= _characters(session, event)
    if changes:
        editing.change_sentence(session, event.sentence, **changes)


def _characters(session: Session, event: Event) -> Mapping[str, Any]:
    """Characters by id or name, and paths of pictures: what has a slash or a picture's ending is a path."""
    known = session.execute(select(Character.id, Character.name).where(Character.project_id == event.project)).all()
    by_name = {name: id for id, name in known} | {id: id for id, _ in known}
    characters, references = [], []
    for one in event.data["characterRefs"]:
        if one in by_name:
            characters.append(by_name[one])
        elif "/" in one or PurePosixPath(one).suffix.lower() in (".png", ".jpg", ".jpeg", ".webp"):
            references.append(one)
        else:
            names = [name for _, name in known]
            raise WrongInput(
                f'there is no character "{one}" in the storyboard',
                did_you_mean(one, names) or f"there are {listed(names)}; a picture is named by its path",
            )
    return {"characters": list(dict.fromkeys(characters)), "references": references}


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + MOST_AT_ONCE] for start in range(0, len(ids), MOST_AT_ONCE))
