"""Every change of a storyboard. What decides a picture marks it: the digests before and after are compared.

All of it works in a session of :meth:`Storyboard.session`, and raises WrongInput for what can't be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from imagegen.errors import WrongInput, did_you_mean, listed
from imagegen.storyboard import checking
from imagegen.storyboard.columns import now
from imagegen.storyboard.ids import new_id
from imagegen.storyboard.marking import Row, held, held_row, marking
from imagegen.storyboard.ordering import in_order, moved, place
from imagegen.storyboard.tables import Character, Project, Sentence

Checks = Mapping[str, Callable[[Any], Any]]

_SENTENCE: Checks = {
    "text": lambda value: checking.text("text", value),
    "image_prompt": lambda value: checking.text("image_prompt", value),
    "name": lambda value: checking.name("a sentence's name", value),
    "seed": checking.seed,
    "style_lora": lambda value: None if value is None else checking.lora_or_none("style_lora", value),
    "references": lambda value: checking.paths("references", value),
}
_PROJECT: Checks = {
    "name": lambda value: checking.name("the project's name", value),
    "style": lambda value: checking.text("style", value),
    "style_lora": lambda value: checking.lora_or_none("style_lora", value),
    "aspect_ratio": checking.ratio,
    "width": lambda value: checking.side("width", value),
    "height": lambda value: checking.side("height", value),
    "negative_prompt": lambda value: checking.text("negative_prompt", value),
    "workflow": lambda value: checking.path("workflow", value) if value else "",
}
_CHARACTER: Checks = {
    "name": lambda value: checking.name("a character's name", value),
    "description": lambda value: checking.text("description", value),
    "lora": lambda value: checking.lora_or_none("lora", value),
    "references": lambda value: checking.paths("references", value),
}


# --- projects -------------------------------------------------------------------------------------


def create_project(session: Session, name: str, project_id: str = "", **settings: Any) -> Project:
    """A new project without sentences; ``settings`` as for :func:`change_project`. It gets an id of its own unless
    one is given, which no other project has."""
    project = Project(id=project_id or new_id(), name=checking.name("the project's name", name))
    _free(session, Project, project.name)
    session.add(project)
    session.flush()
    _set_project(project, _checked("project", _PROJECT, settings))
    session.flush()
    return project


def change_project(session: Session, project_id: str, **changes: Any) -> Project:
    """Change name, style, style_lora, aspect_ratio (the longer side stays), width, height, negative_prompt or
    workflow; marks each picture that this decides. A side that is given goes before the ratio, and one alone makes the
    other follow where a ratio is given with it. Raises WrongInput."""
    project = held(session, project_id)
    wanted = _checked("project", _PROJECT, changes)
    if wanted.get("name", project.name) != project.name:
        _free(session, Project, wanted["name"])
    with marking(session, project_id):
        _set_project(project, wanted)
        session.flush()
    return project


def _set_project(project: Project, wanted: dict[str, Any]) -> None:
    width, height = wanted.get("width"), wanted.get("height")
    if (ratio := wanted.get("aspect_ratio")) and (width or height or ratio != project.aspect_ratio):
        longer = max(project.width, project.height)
        project.width, project.height = checking.sides(ratio, longer, width, height)
    _set(project, wanted)
    project.aspect_ratio = checking.ratio_of(project.width, project.height, project.aspect_ratio)
    project.updated_at = now()


# --- sentences ------------------------------------------------------------------------------------


def add_sentence(
    session: Session,
    project_id: str,
    text: str,
    image_prompt: str = "",
    after: str | None = None,
    characters: Iterable[str] = (),
    name: str | None = None,
    seed: int | None = None,
) -> Sentence:
    """A new sentence behind the one with the id ``after``; at the end without one, in front of all with the empty
    text. ``characters`` are ids or names. Without a ``name`` it gets the next number. Raises WrongInput."""
    project = held(session, project_id)
    given = {"text": text, "image_prompt": image_prompt, "seed": seed, **({} if name is None else {"name": name})}
    wanted = _checked("sentence", _SENTENCE, given)
    _says_something(wanted["text"], wanted["image_prompt"])
    if name is None:
        wanted["name"] = _next_name(session, project)
    else:
        _free(session, Sentence, wanted["name"], project_id)
    order = [] if after is None else in_order(session, Sentence, project_id)
    if after and after not in order:
        raise WrongInput(f'there is no sentence "{after}" to put one behind', "name one of this project's, by its id")
    last = session.execute(select(func.max(Sentence.position)).where(Sentence.project_id == project_id)).scalar()
    sentence = Sentence(project_id=project_id, position=0 if last is None else last + 1, **wanted)
    sentence.characters = _characters(session, project_id, characters)
    session.add(sentence)
    session.flush()
    if after is not None:
        order.insert(order.index(after) + 1 if after else 0, sentence.id)
        place(session, Sentence, project_id, order)
    return sentence


def change_sentence(session: Session, sentence_id: str, **changes: Any) -> Sentence:
    """Change text, image_prompt, name, seed, characters (ids or names), style_lora (None: the project's) or
    references; marks the picture if this decides it. Raises WrongInput."""
    sentence = _sentence(session, sentence_id)
    cast = changes.pop("characters", None)
    wanted = _checked("sentence", _SENTENCE, changes, "characters")
    _says_something(wanted.get("text", sentence.text), wanted.get("image_prompt", sentence.image_prompt))
    if wanted.get("name", sentence.name) != sentence.name:
        _free(session, Sentence, wanted["name"], sentence.project_id)
    found = None if cast is None else _characters(session, sentence.project_id, cast)
    with marking(session, sentence.project_id, sentence_id):
        _set(sentence, wanted)
        if found is not None:
            sentence.characters = found
        sentence.updated_at = now()
    return sentence


def remove_sentence(session: Session, sentence_id: str) -> None:
    """Take a sentence out of the script; its picture stays where it is. Raises WrongInput."""
    session.delete(_sentence(session, sentence_id))
    session.flush()


def move_sentence(session: Session, sentence_id: str, position: int) -> Sentence:
    """Put a sentence at ``position``, counted from 0, of its script as it is then. Raises WrongInput."""
    sentence = _sentence(session, sentence_id)
    order = in_order(session, Sentence, sentence.project_id)
    place(session, Sentence, sentence.project_id, moved(order, sentence_id, position))
    return sentence


# --- characters -----------------------------------------------------------------------------------


def add_character(session: Session, project_id: str, name: str, **settings: Any) -> Character:
    """A new character, at the end unless ``position`` says where; ``settings`` as for :func:`change_character`.
    Raises WrongInput."""
    held(session, project_id)
    position = settings.pop("position", None)
    wanted = _checked("character", _CHARACTER, {"name": name, **settings}, "position")
    _free(session, Character, wanted["name"], project_id)
    order = in_order(session, Character, project_id)
    character = Character(project_id=project_id, position=len(order), **wanted)
    session.add(character)
    session.flush()
    order.append(character.id)
    place(session, Character, project_id, order if position is None else moved(order, character.id, position))
    return character


def change_character(session: Session, character_id: str, **changes: Any) -> Character:
    """Change name, description, lora, references or position (from 0); marks each picture that this decides.
    Raises WrongInput."""
    character = _character(session, character_id)
    position = changes.pop("position", None)
    wanted = _checked("character", _CHARACTER, changes, "position")
    if wanted.get("name", character.name) != character.name:
        _free(session, Character, wanted["name"], character.project_id)
    with marking(session, character.project_id):
        _set(character, wanted)
        session.flush()
        if position is not None:
            place(
                session,
                Character,
                character.project_id,
                moved(in_order(session, Character, character.project_id), character_id, position),
            )
    return character


def remove_character(session: Session, character_id: str) -> None:
    """Take a character out of the project and of its sentences; marks each picture that this decides."""
    character = _character(session, character_id)
    with marking(session, character.project_id):
        session.delete(character)
        session.flush()
        for row in session.identity_map.values():  # sentences that were read know it still
            if isinstance(row, Sentence):
                session.expire(row, ["characters"])


# --- what all of them need ------------------------------------------------------------------------


def _sentence(session: Session, sentence_id: str) -> Sentence:
    return _there(held_row(session, Sentence, sentence_id), "sentence", sentence_id)


def _character(session: Session, character_id: str) -> Character:
    return _there(held_row(session, Character, character_id), "character", character_id)


def _there(found: Row | None, what: str, row_id: str) -> Row:
    if found is None:
        raise WrongInput(f'the storyboard has no {what} "{row_id}"', "it may have been removed; look again")
    return found


def _checked(what: str, checks: Checks, given: Mapping[str, Any], *also: str) -> dict[str, Any]:
    for key in given:
        if key not in checks:
            choices = [*checks, *also]
            raise WrongInput(f'a {what} has no "{key}"', did_you_mean(key, choices) or f"it has {listed(choices)}")
    return {key: checks[key](value) for key, value in given.items()}


def _set(row: Any, wanted: Mapping[str, Any]) -> None:
    for key, value in wanted.items():
        setattr(row, key, value)


def _says_something(text: str, image_prompt: str) -> None:
    if not text.strip() and not image_prompt.strip():
        raise WrongInput("a sentence has neither text nor image_prompt", "give it one: the picture is made of it")


def _free(session: Session, kind: type[Any], name: str, project_id: str | None = None) -> None:
    """Is no row of that kind called so?"""
    wanted = select(kind.id).where(kind.name == name)
    if project_id is not None:
        wanted = wanted.where(kind.project_id == project_id)
    if session.execute(wanted).first():
        raise WrongInput(f'there is a {kind.__name__.lower()} "{name}" already', "give this one another name")


def _next_name(session: Session, project: Project) -> str:
    while True:
        project.numbered += 1
        found = f"{project.numbered:03d}"
        taken = select(Sentence.id).where(Sentence.project_id == project.id, Sentence.name == found)
        if not session.execute(taken).first():
            return found


def _characters(session: Session, project_id: str, wanted: Iterable[str]) -> list[Character]:
    """The characters of the project with those ids or names."""
    if isinstance(wanted, str):
        raise WrongInput("characters are no list", "write their ids or names as a list")
    known = list(session.execute(select(Character).where(Character.project_id == project_id)).scalars())
    by_key = {one.name: one for one in known} | {one.id: one for one in known}
    found: dict[str, Character] = {}
    for key in wanted:
        if key not in by_key:
            names = [one.name for one in known]
            mend = did_you_mean(str(key), names) or f"it has {listed(names)}"
            raise WrongInput(f'the project has no character "{key}"', mend)
        found[by_key[key].id] = by_key[key]
    return sorted(found.values(), key=lambda one: (one.position, one.id))
