"""Marking the pictures that a change decides, and keeping others from changing the same project meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from imagegen.errors import WrongInput
from imagegen.storyboard.columns import now
from imagegen.storyboard.deciding import digests
from imagegen.storyboard.tables import COMPLETED, IDLE, Character, Project, Sentence

MOST_AT_ONCE = 500
"""Ids in one statement: databases limit its parameters."""

Row = TypeVar("Row", Character, Sentence)


@contextmanager
def marking(session: Session, project_id: str, sentence_id: str | None = None) -> Iterator[None]:
    """Mark each sentence of the project, or only ``sentence_id``, whose digest changes inside."""
    before = digests(session, project_id, sentence_id)
    yield
    session.flush()
    mark(session, changed(before, digests(session, project_id, sentence_id)))


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """The ids of those whose digest is another; one that could not be told is not known to be the same."""
    return [one for one, digest in after.items() if not digest or digest != before.get(one)]


def mark(session: Session, sentences: Sequence[str]) -> None:
    """Their pictures are no longer what the rows say."""
    for start in range(0, len(sentences), MOST_AT_ONCE):
        chosen = Sentence.id.in_(sentences[start : start + MOST_AT_ONCE])
        session.execute(update(Sentence).where(chosen, Sentence.status == COMPLETED).values(status=IDLE))
        session.execute(update(Sentence).where(chosen).values(is_image_dirty=True, updated_at=now()))


def held(session: Session, project_id: str) -> Project:
    """The project; until the transaction ends nobody else who asks for it so changes anything in it. (On SQLite
    there is one writer anyway.) Raises WrongInput where there is none."""
    session.flush()
    found = session.get(Project, project_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise WrongInput(f'the storyboard has no project "{project_id}"', "name it by its id")
    return found


def held_row(session: Session, kind: type[Row], row_id: str) -> Row | None:
    """A sentence or character as it is now, its project held; None where there is none."""
    project_id = session.execute(select(kind.project_id).where(kind.id == row_id)).scalar_one_or_none()
    if project_id is None:
        return None
    held(session, project_id)
    return session.get(kind, row_id, populate_existing=True)
