"""What decides each picture: a storyboard's rows as settings of the manifest's items, with a digest of them."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import String, func, select, type_coerce
from sqlalchemy.orm import Session

from imagegen.errors import Problem, WrongInput, did_you_mean, listed
from imagegen.storyboard.columns import paths_in, seed_in
from imagegen.storyboard.loras import lora
from imagegen.storyboard.tables import Character, Project, Sentence, appearances


class Shot(NamedTuple):
    """One sentence as an item. ``settings`` are the item's (name, slug, prompt, and where given seed, references
    and loras); ``digest`` (16 hex digits) is that of all that decides the picture, the project's defaults too;
    ``number`` is the place in the script, from 1."""

    id: str
    name: str
    settings: Mapping[str, Any]
    digest: str
    number: int


class Board(NamedTuple):
    """A project as items in the order of its script. ``defaults`` are output, width, height, and where given
    workflow and negative_prompt."""

    project_id: str
    project_name: str
    defaults: Mapping[str, Any]
    sentences: tuple[Shot, ...]


def output(project_id: str) -> str:
    """The folder of a project's pictures."""
    return f"data/projects/{project_id}/images"


def find_project(session: Session, project: str) -> str:
    """The id of the project with that id or name, or of the only one for the empty text. Raises WrongInput with the
    choices."""
    if not project:
        there = list(session.execute(select(Project.id)).scalars())
        if len(there) == 1:
            return there[0]
        if not there:
            raise WrongInput("the storyboard has no project", "imagegen storyboard import brings one")
    found = session.execute(select(Project.id).where((Project.id == project) | (Project.name == project))).scalars()
    if ids := list(found):
        return project if project in ids else ids[0]
    names = list(session.execute(select(Project.name).order_by(Project.name)).scalars())
    mend = did_you_mean(project, names) or f"it has {listed(names)}"
    said = f'the storyboard has no project "{project}"' if project else f"the storyboard has {len(names)} projects"
    raise WrongInput(said, mend if project else f"name one: {listed(names)}")


def board(session: Session, project: str) -> Board:
    """The project with that id or name: five queries, however long the script. Raises WrongInput, for the whole
    of it with everything that another program wrote wrong."""
    own = _project(session, find_project(session, project))
    shots: list[Shot] = []
    problems: list[Problem] = []
    for number, (name, made) in enumerate(_shots(session, own), 1):
        if isinstance(made, Shot):
            shots.append(made._replace(number=number))
        else:
            problems += [_of_sentence(name, problem) for problem in made.problems]
    if problems:
        raise WrongInput(problems)
    return Board(own.id, own.name, _defaults(own), tuple(shots))


def shot(session: Session, sentence_id: str) -> Shot | None:
    """One sentence; None where there is none. Raises WrongInput."""
    where = select(Sentence.project_id, Sentence.position).where(Sentence.id == sentence_id)
    row = session.execute(where).one_or_none()
    if row is None:
        return None
    for name, made in _shots(session, _project(session, row.project_id), sentence_id):
        if isinstance(made, Shot):
            before = select(func.count()).where(
                Sentence.project_id == row.project_id,
                (Sentence.position < row.position)
                | ((Sentence.position == row.position) & (Sentence.id < sentence_id)),
            )
            return made._replace(number=1 + (session.execute(before).scalar() or 0))
        raise WrongInput([_of_sentence(name, problem) for problem in made.problems])
    return None


def digests(session: Session, project_id: str, sentence_id: str | None = None) -> dict[str, str]:
    """For each sentence of the project, or only ``sentence_id``, the digest of all that decides its picture; empty
    where that can't be told, since another program wrote what can't be."""
    own = _project(session, project_id)
    return {made.id: made.digest if isinstance(made, Shot) else "" for _, made in _shots(session, own, sentence_id)}


def state(whole: Board) -> dict[str, str]:
    """For each sentence's id its digest, and under the empty text that of the defaults and the order. Two boards
    with equal states are the same items."""
    order = _written([whole.defaults, [one.id for one in whole.sentences]])
    return {"": _short(order), **{one.id: one.digest for one in whole.sentences}}


class _Role(NamedTuple):
    place: tuple[int, str]
    lora: str
    references: list[str]


class _Unclear(NamedTuple):
    """A sentence that can't be an item."""

    id: str
    problems: Sequence[Problem]


def _project(session: Session, project_id: str) -> Any:
    columns = (
        Project.id, Project.name, Project.style, Project.style_lora, Project.width, Project.height,
        Project.negative_prompt, Project.workflow,
    )  # fmt: skip
    return session.execute(select(*columns).where(Project.id == project_id)).one()


def _shots(session: Session, own: Any, sentence_id: str | None = None) -> Iterator[tuple[str, Shot | _Unclear]]:
    """Each sentence of the project in the script's order, or only one; its number is left open."""
    rows = select(
        Sentence.id, Sentence.name, Sentence.text, Sentence.image_prompt, Sentence.style_lora,
        type_coerce(Sentence.seed, String).label("seed"), type_coerce(Sentence.references, String).label("references"),
    ).where(Sentence.project_id == own.id)  # read in _shot, which knows whose they are  # fmt: skip
    links = select(appearances).join(Sentence).where(Sentence.project_id == own.id)
    roles = select(Character.id, Character.position, Character.lora, Character.references)
    if sentence_id is not None:
        rows, links = rows.where(Sentence.id == sentence_id), links.where(Sentence.id == sentence_id)
    cast = {
        row.id: _Role((row.position, row.id), row.lora, row.references)
        for row in session.execute(roles.where(Character.project_id == own.id))
    }
    shown: dict[str, list[_Role]] = defaultdict(list)
    for one, character_id in session.execute(links):
        if character_id in cast:  # else it is another project's, by another program's mistake
            shown[one].append(cast[character_id])
    base = _written(_defaults(own))
    for row in session.execute(rows.order_by(Sentence.position, Sentence.id)):
        try:
            yield row.name, _shot(row, own, sorted(shown.get(row.id, ())), base)
        except WrongInput as error:
            yield row.name, _Unclear(row.id, error.problems)


def _defaults(own: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"output": output(own.id), "width": own.width, "height": own.height}
    if own.workflow:
        found["workflow"] = _as_it_is(own.workflow)
    if own.negative_prompt:
        found["negative_prompt"] = _as_it_is(own.negative_prompt)
    return found


def _shot(row: Any, own: Any, roles: Sequence[_Role], defaults: bytes) -> Shot:
    prompt = row.image_prompt.strip() or row.text.strip()
    if not prompt:
        raise WrongInput("it has neither text nor image_prompt", "give it one: the picture is made of it")
    settings: dict[str, Any] = {
        "name": row.name,
        "slug": row.id,
        "prompt": _as_it_is(", ".join((prompt, own.style.strip())) if own.style.strip() else prompt),
    }
    if (seed := seed_in(row.seed)) is not None:
        settings["seed"] = seed
    first = own.style_lora if row.style_lora is None else row.style_lora
    written = [one for one in (first, *(role.lora for role in roles)) if one.strip()]
    if written:
        settings["loras"] = [lora(_as_it_is(one)) for one in written]
    references = [path for role in roles for path in role.references] + paths_in(row.references)
    if references:
        settings["references"] = [_as_it_is(path) for path in references]
    return Shot(row.id, row.name, settings, _short(_written(settings) + b"\n" + defaults), 0)


def _as_it_is(text: str) -> str:
    """``text`` as the manifest writes it: its ``${`` is no name to be filled in."""
    return text.replace("${", "$${")


def _of_sentence(name: str, problem: Problem) -> Problem:
    return Problem(f'sentence "{name}": {problem.message}', problem.path, problem.place, problem.hint)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _written(value: Any) -> bytes:
    """One form for equal settings; their numbers have one already."""
    return _ENCODER.encode(value).encode()


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
