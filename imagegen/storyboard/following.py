"""What becomes of a sentence's picture, written into its row: by a run, by a job, and after the verdicts.

All of it works in a session of :meth:`Storyboard.session`. A sentence that is gone is no error: there is nothing to
write then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from imagegen.storyboard.columns import now
from imagegen.storyboard.deciding import digests
from imagegen.storyboard.follower import Follower
from imagegen.storyboard.marking import held, held_row
from imagegen.storyboard.tables import (
    COMPLETED,
    FAILED,
    GENERATING,
    IDLE,
    QUEUED,
    UNFINISHED,
    Job,
    Sentence,
)

__all__ = ["Follower", "began", "failed", "left", "reconcile", "succeeded"]

UNDER_WAY = (QUEUED, GENERATING)
LONGEST_ERROR = 4000

_FEW = 20
"""Sentences that are asked for one by one rather than all at once."""


def began(session: Session, sentence_id: str, status: str = GENERATING) -> None:
    """Somebody works on the picture (or ``status``: it is queued); an earlier error is past."""
    row = _now(session, sentence_id)
    if row is not None:
        row.status, row.error = status, ""
        session.flush()


def succeeded(session: Session, sentence_id: str, image_file: str, digest: str) -> bool:
    """The picture at ``image_file`` (counted from the project's folder) was made of what had that ``digest``. The
    flag is cleared only if nothing that decides it has changed since; says whether it was."""
    row = held_row(session, Sentence, sentence_id)
    if row is None:
        return False
    same = bool(digest) and digests(session, row.project_id, sentence_id).get(sentence_id) == digest
    row.image_file, row.updated_at, row.status, row.error = image_file, now(), COMPLETED, ""
    if same:
        row.is_image_dirty = False
    session.flush()
    return same


def failed(session: Session, sentence_id: str, error: str, hint: str = "") -> None:
    """The picture was not made; ``hint`` says what to do, on a line of its own behind the error."""
    row = _now(session, sentence_id)
    if row is not None:
        said = "\n".join(part for part in (error, hint) if part).replace("\0", "")
        row.status, row.error = FAILED, said.encode("utf-8", "replace").decode("utf-8")[:LONGEST_ERROR]
        session.flush()


def left(session: Session, sentence_id: str) -> None:
    """Nobody works on the picture any more, and nothing came of it."""
    row = _now(session, sentence_id)
    if row is not None and row.status in UNDER_WAY:
        row.status = IDLE if row.is_image_dirty else COMPLETED
        session.flush()


def _now(session: Session, sentence_id: str) -> Sentence | None:
    session.flush()
    return session.get(Sentence, sentence_id, populate_existing=True)


class _Row(NamedTuple):
    is_image_dirty: bool
    status: str
    error: str
    image_file: str | None


def _after(row: _Row, fresh: bool | None, file: str | None, working: bool) -> _Row:
    """The row after the verdict; None where there is none to go by."""
    if fresh is not None:
        row = row._replace(is_image_dirty=not fresh)
    if fresh and file:
        row = row._replace(image_file=file)
    if working:
        return row
    if fresh:
        return row._replace(status=COMPLETED, error="")
    if row.status in UNDER_WAY or (fresh is False and row.status == COMPLETED):
        return row._replace(status=IDLE if row.is_image_dirty else COMPLETED)
    return row


def reconcile(
    session: Session,
    project_id: str,
    fresh: Mapping[str, bool],
    files: Mapping[str, str],
    busy: Collection[str],
    state: Mapping[str, str] | None = None,
) -> list[str]:
    """Flags and statuses after the verdicts; gives the ids of the sentences that changed.

    ``fresh`` says of sentences by id whether their picture is, ``files`` where it is, ``busy`` which ones somebody
    works on; so does a job that is not finished. ``state`` (of :func:`deciding.state`) is what the verdicts went
    by: a sentence that has changed since is left as it is. A fresh picture is not dirty and its sentence completed;
    another one is dirty and not completed; a status of work under way is idle where nobody works.
    """
    held(session, project_id)
    working = set(busy)
    unfinished = select(Job.sentence_id).where(Job.project_id == project_id, Job.status.in_(UNFINISHED))
    working.update(one for one in session.execute(unfinished).scalars() if one)
    columns = (Sentence.id, Sentence.is_image_dirty, Sentence.status, Sentence.error, Sentence.image_file)
    concerned: dict[str, _Row] = {}
    for row in session.execute(select(*columns).where(Sentence.project_id == project_id)):
        there = _Row(row.is_image_dirty, row.status, row.error, row.image_file)
        if _after(there, fresh.get(row.id), files.get(row.id), row.id in working) != there:
            concerned[row.id] = there
    current = {} if state is None else _digests(session, project_id, concerned)
    changed: list[dict[str, Any]] = []
    for id, there in concerned.items():
        judged = state is None or current.get(id) == state.get(id)
        wanted = _after(there, fresh.get(id) if judged else None, files.get(id), id in working)
        if wanted != there:
            changed.append({"id": id, "updated_at": now(), **wanted._asdict()})
    if changed:
        session.execute(update(Sentence), changed)
    return [str(one["id"]) for one in changed]


def _digests(session: Session, project_id: str, ids: Collection[str]) -> dict[str, str]:
    """The digests of these sentences, perhaps more: of a few one by one, since a long script has 10,000."""
    if len(ids) > _FEW:
        return digests(session, project_id)
    return {id: digest for one in ids for id, digest in digests(session, project_id, one).items()}
