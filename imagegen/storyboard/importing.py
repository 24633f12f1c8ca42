"""A script brought into a storyboard, all of it or nothing.

The rows are written in bulk, and what decides a picture is looked at once before and once after: a script may have
10,000 sentences. Its values were checked when it was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, selectinload

from imagegen.storyboard import editing, matching
from imagegen.storyboard.columns import now
from imagegen.storyboard.database import Storyboard
from imagegen.storyboard.ids import new_id
from imagegen.storyboard.marking import MOST_AT_ONCE, held, marking
from imagegen.storyboard.ordering import place
from imagegen.storyboard.planning import Plan, plan
from imagegen.storyboard.present import present, project_id
from imagegen.storyboard.script import Draft
from imagegen.storyboard.tables import Character, Project, Sentence


def names(storyboard: Storyboard) -> list[str]:
    """The names of all projects."""
    with storyboard.reading() as session:
        return list(session.execute(select(Project.name).order_by(Project.name)).scalars())


def planned(storyboard: Storyboard | None, draft: Draft, name: str) -> Plan:
    """What bringing in a script would do; None is a storyboard that is not there yet. Raises WrongInput."""
    if storyboard is None:
        return plan(draft, name, None)
    with storyboard.reading() as session:
        found = project_id(session, name)
        return plan(draft, name, present(session, found) if found else None)


def likely(storyboard: Storyboard, draft: Draft, name: str) -> str:
    """The name of the project that has most of a script's sentences, where none has that ``name`` or id; else empty.
    A title that was changed, in the script or in the storyboard, makes no new project."""
    with storyboard.reading() as session:
        if project_id(session, name):
            return ""
        held: dict[str, set[str]] = {}
        rows = select(Project.name, Sentence.text, Sentence.image_prompt).join(
            Sentence, Sentence.project_id == Project.id
        )
        for called, text, prompt in session.execute(rows):
            held.setdefault(called, set()).add(matching.said(text, prompt))
    script = [matching.said(one.text, one.given.get("image_prompt", "")) for one in draft.sentences]
    shared = {called: sum(one in texts for one in script) for called, texts in held.items()}
    best = max(shared, key=lambda called: shared[called], default="")
    return best if best and 2 * shared[best] > len(script) else ""


def bring_in(
    storyboard: Storyboard, draft: Draft, name: str, prune: bool = False, promised: Sequence[str] = ()
) -> tuple[Plan, str]:
    """Make the project ``name`` (or with that id) what the script says; ``prune`` removes the sentences that the
    script no longer has, whose pictures stay where they are. What was done, and the project's id. A new project gets
    the one of the ``promised`` ids that no project has, if it is one.

    Raises WrongInput, and then nothing has changed."""
    with storyboard.session() as session:
        found = project_id(session, name)
        if found:
            held(session, found)
        done = plan(draft, name, present(session, found) if found else None)
        if found and done.is_nothing and not (prune and done.gone):
            return done, found
        free = [one for one in promised if project_id(session, one) is None]
        return done, carry_out(session, done, prune, free[0] if len(free) == 1 else "")


def carry_out(session: Session, plan: Plan, prune: bool = False, new: str = "") -> str:
    """Do what is planned, in the transaction of ``session``; the project's id, which is ``new`` for a new one if that
    is given."""
    own = plan.project_id or editing.create_project(session, plan.name, new, **plan.settings).id
    project = held(session, own)
    with marking(session, own):
        if plan.project_id and plan.settings:
            editing.change_project(session, own, **plan.settings)
        cast = _cast(session, own, plan)
        removed = {line.id for line in plan.gone} if prune else set()
        for some in _portions(list(removed)):
            session.execute(delete(Sentence).where(Sentence.id.in_(some)))
        script = list(_sentences(session, project, plan, cast, removed))
        session.flush()
        place(session, Sentence, own, matching.order(script, [one for one in plan.before if one not in removed]))
    return own


def _cast(session: Session, own: str, plan: Plan) -> Mapping[str, Character]:
    """The project's characters by name, as the script says they are."""
    for one in plan.new_characters:
        editing.add_character(session, own, one.name, **one.given)
    for character_id, changes in plan.characters.items():
        editing.change_character(session, character_id, **changes)
    rows = {row.name: row for row in session.execute(select(Character).where(Character.project_id == own)).scalars()}
    place(session, Character, own, [rows[name].id for name in plan.cast if name in rows])
    return rows


def _sentences(
    session: Session, project: Project, plan: Plan, cast: Mapping[str, Character], removed: set[str]
) -> Iterator[str]:
    """Write the script's sentences; their ids in its order."""
    rows: dict[str, Sentence] = {}
    for some in _portions([step.held.id for step in plan.changed if step.held]):
        found = select(Sentence).where(Sentence.id.in_(some)).options(selectinload(Sentence.characters))
        rows.update((row.id, row) for row in session.execute(found).scalars())
    names = {line.name for line in plan.gone if line.id not in removed}
    for step in plan.steps:
        names.add(step.written.given.get("name") or (step.held.name if step.held else ""))
    for step in plan.steps:
        if step.held and not step.changes:
            yield step.held.id
            continue
        if step.held:
            row, given = rows[step.held.id], dict(step.changes)
            row.updated_at = now()
        else:
            row, given = Sentence(id=new_id(), project_id=project.id), {"text": step.written.text, **step.written.given}
            given["name"] = given.get("name") or _next_name(project, names)
            session.add(row)
        if "characters" in given:
            row.characters = [role for name, role in cast.items() if name in given["characters"]]
            del given["characters"]
        for key, value in given.items():
            setattr(row, key, value)
        yield row.id


def _next_name(project: Project, names: set[str]) -> str:
    """The next number that is nobody's name."""
    while True:
        project.numbered += 1
        found = f"{project.numbered:03d}"
        if found not in names:
            return found


def _portions(ids: Sequence[str]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(ids), MOST_AT_ONCE):
        yield ids[start : start + MOST_AT_ONCE]
