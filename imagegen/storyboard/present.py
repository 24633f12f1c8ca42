"""What a storyboard holds of a project now, as values that outlive their transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from imagegen.storyboard.tables import Character, Project, Sentence, appearances

SETTINGS = ("style", "style_lora", "aspect_ratio", "width", "height", "negative_prompt", "workflow")
"""Of a project, beside its name."""

DEFAULTS: Mapping[str, Any] = {key: Project.__table__.c[key].default.arg for key in SETTINGS}
"""What a new project has."""


class Role(NamedTuple):
    """A character, as a script may say it."""

    id: str
    name: str
    description: str
    lora: str
    references: Sequence[str]


class Line(NamedTuple):
    """A sentence: what a script may say of it (``characters`` are names), and what became of its picture."""

    id: str
    name: str
    text: str
    image_prompt: str
    characters: Sequence[str]
    seed: int | None
    style_lora: str | None
    references: Sequence[str]
    image_file: str | None
    is_image_dirty: bool
    status: str
    error: str


class Present(NamedTuple):
    """A project: its settings, its characters in their order, its sentences in that of the script."""

    id: str
    name: str
    settings: Mapping[str, Any]
    characters: Sequence[Role]
    sentences: Sequence[Line]


class Listed(NamedTuple):
    """A project in a list of all."""

    id: str
    name: str
    sentences: int
    dirty: int
    characters: int


def project_id(session: Session, named: str) -> str | None:
    """The id of the project with that id or name; None where there is none."""
    wanted = select(Project.id).where((Project.id == named) | (Project.name == named))
    found = list(session.execute(wanted).scalars())
    return named if named in found else found[0] if found else None


def present(session: Session, project: str) -> Present:
    """The project with that id, which is there."""
    own = session.execute(
        select(Project.name, *(getattr(Project, key) for key in SETTINGS)).where(Project.id == project)
    )
    name, *settings = own.one()
    cast = session.execute(
        select(Character.id, Character.name, Character.description, Character.lora, Character.references)
        .where(Character.project_id == project)
        .order_by(Character.position, Character.id)
    )
    characters = [Role(*row) for row in cast]
    shown: dict[str, list[str]] = defaultdict(list)
    links = (
        select(appearances.c.sentence_id, Character.name)
        .join(Character, Character.id == appearances.c.character_id)
        .where(Character.project_id == project)
        .order_by(Character.position, Character.id)
    )
    for sentence_id, called in session.execute(links):
        shown[sentence_id].append(called)
    columns = [getattr(Sentence, key) for key in Line._fields if key != "characters"]
    rows = session.execute(
        select(*columns).where(Sentence.project_id == project).order_by(Sentence.position, Sentence.id)
    ).mappings()
    sentences = [Line(**row, characters=tuple(shown.get(row["id"], ()))) for row in rows]
    return Present(project, name, dict(zip(SETTINGS, settings, strict=True)), characters, sentences)


def projects(session: Session) -> list[Listed]:
    """All projects by name, with how many sentences and characters they have."""
    cast = dict(
        session.execute(select(Character.project_id, func.count()).group_by(Character.project_id)).tuples().all()
    )
    rows = session.execute(
        select(
            Project.id, Project.name, func.count(Sentence.id), func.sum(case((Sentence.is_image_dirty, 1), else_=0))
        )
        .outerjoin(Sentence, Sentence.project_id == Project.id)
        .group_by(Project.id, Project.name)
        .order_by(Project.name)
    )  # fmt: skip
    return [Listed(own, name, count, int(dirty or 0), cast.get(own, 0)) for own, name, count, dirty in rows]
