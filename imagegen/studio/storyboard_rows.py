"""A storyboard's rows as the page gets them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, selectinload

from imagegen.storyboard.tables import FAILED, GENERATING, QUEUED, Character, Project, Sentence
from imagegen.studio import cards
from imagegen.studio.activities import Activity
from imagegen.studio.project import View, stamp_of
from imagegen.studio.refusal import Refused


class Shown(NamedTuple):
    """What the manifest and its verdicts say at a moment; ``job`` is the storyboard's in the manifest, or None."""

    view: View
    activities: Mapping[str, Activity]
    job: str | None
    folder: Path

    def task(self, sentence_id: str) -> str | None:
        """The task of a sentence's item; None where the manifest has none."""
        task = f"{self.job}:{sentence_id}"
        return task if self.job is not None and self.view.number(task) is not None else None

    def card(self, sentence_id: str) -> dict[str, Any] | None:
        task = self.task(sentence_id)
        number = self.view.number(task) if task else None
        return None if number is None else cards.card(self.view, number, self.activities.get(task or ""))


def project_row(session: Session, project_id: str) -> Project:
    """Raises Refused."""
    found = session.get(Project, project_id)
    if found is None:
        raise Refused(404, f'there is no storyboard project "{project_id}"', "it may have been removed")
    return found


def sentence_row(session: Session, project_id: str, sentence_id: str) -> Sentence:
    """Raises Refused, also where the sentence is another project's."""
    found = session.get(Sentence, sentence_id)
    if found is None or found.project_id != project_id:
        raise Refused(404, f'there is no sentence "{sentence_id}"', "it may have been removed")
    return found


def character_row(session: Session, project_id: str, character_id: str) -> Character:
    """Raises Refused, also where the character is another project's."""
    found = session.get(Character, character_id)
    if found is None or found.project_id != project_id:
        raise Refused(404, f'there is no character "{character_id}"', "it may have been removed")
    return found


def whole(session: Session, project_id: str, shown: Shown) -> dict[str, Any]:
    """A project with its characters. Raises Refused."""
    row = project_row(session, project_id)
    cast = session.scalars(
        select(Character).where(Character.project_id == project_id).order_by(Character.position, Character.id)
    )
    return {
        "id": row.id,
        "name": row.name,
        "job": shown.job,
        "style": row.style,
        "style_lora": row.style_lora,
        "aspect_ratio": row.aspect_ratio,
        "width": row.width,
        "height": row.height,
        "negative_prompt": row.negative_prompt,
        "workflow": row.workflow,
        "characters": [character(one, shown) for one in cast],
        "counts": _counts(session, project_id),
        "version": shown.view.version,
    }


def _counts(session: Session, project_id: str) -> dict[str, int]:
    columns = (Sentence.is_image_dirty, Sentence.status, func.count())
    found = session.execute(
        select(*columns).where(Sentence.project_id == project_id).group_by(Sentence.is_image_dirty, Sentence.status)
    ).all()
    return {
        "total": sum(count for _, _, count in found),
        "dirty": sum(count for dirty, _, count in found if dirty),
        "busy": sum(count for _, status, count in found if status in (QUEUED, GENERATING)),
        "failed": sum(count for _, status, count in found if status == FAILED),
    }


def character(row: Character, shown: Shown) -> dict[str, Any]:
    """One character; a reference that is not there has no picture."""
    base = f"/api/storyboards/{quote(row.project_id)}/characters/{quote(row.id)}/references"
    references = []
    for place, path in enumerate(row.references):
        stamp = stamp_of(shown.folder / path)
        picture = f"{base}/{place}?v={stamp[0]:x}-{stamp[1]:x}" if stamp else None
        references.append({"path": path, "picture": picture})
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "lora": row.lora,
        "references": references,
        "position": row.position,
    }


def order(session: Session, project_id: str) -> Sequence[str]:
    """The ids of all sentences, in the order of the script."""
    wanted = select(Sentence.id).where(Sentence.project_id == project_id)
    return session.scalars(wanted.order_by(Sentence.position, Sentence.id)).all()


def sentences(session: Session, project_id: str, ids: Iterable[str], shown: Shown) -> list[dict[str, Any]]:
    """Those of ``ids`` that are there, in the order of the script."""
    wanted = set(ids)
    places = {one: place for place, one in enumerate(order(session, project_id)) if one in wanted}
    rows = _rows(session, Sentence.id.in_(places))
    return [_sentence(one, places[one.id], shown) for one in sorted(rows, key=lambda row: places[row.id])]


def slice_of(session: Session, project_id: str, offset: int, limit: int, shown: Shown) -> tuple[int, list[Any]]:
    """How many sentences there are, and those from ``offset`` on."""
    every = order(session, project_id)
    return len(every), sentences(session, project_id, every[offset : offset + limit], shown)


def one_sentence(session: Session, project_id: str, sentence_id: str, shown: Shown) -> dict[str, Any]:
    """Raises Refused."""
    sentence_row(session, project_id, sentence_id)
    return sentences(session, project_id, [sentence_id], shown)[0]


def _rows(session: Session, which: ColumnElement[bool]) -> list[Sentence]:
    wanted = select(Sentence).where(which).options(selectinload(Sentence.characters))
    return list(session.scalars(wanted.execution_options(populate_existing=True)))


def _sentence(row: Sentence, place: int, shown: Shown) -> dict[str, Any]:
    error, _, hint = row.error.partition("\n")
    return {
        "id": row.id,
        "position": place,
        "name": row.name,
        "text": row.text,
        "image_prompt": row.image_prompt,
        "seed": cards.exact(row.seed),
        "characters": [one.id for one in row.characters],
        "style_lora": row.style_lora,
        "references": row.references,
        "image_file": row.image_file,
        "is_image_dirty": row.is_image_dirty,
        "status": row.status,
        "error": error,
        "hint": hint.strip(),
        "updated_at": row.updated_at.isoformat(),
        "card": shown.card(row.id),
    }
