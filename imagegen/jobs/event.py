"""What asks for an image: the event `image/generate`, checked by form."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from imagegen.errors import WrongInput, did_you_mean

NAME = "image/generate"
LONGEST_TEXT = 20_000
MOST_REFERENCES = 64
HIGHEST_SEED = 2**64 - 1
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")


class Event(NamedTuple):
    """``data`` has ``projectId`` and ``sentenceId``, and optionally ``imagePrompt``, ``characterRefs`` (each a
    character's id or name, or the path of a picture in the project), ``styleLora`` and ``seed``, which are
    written into the sentence; or, for any item of the manifest, ``task``, and with ``candidate: true`` the
    ``seed`` of a picture that is put beside the target."""

    id: str
    data: Mapping[str, Any]
    name: str = NAME

    @property
    def sentence(self) -> str:
        """The sentence's id, or the empty text."""
        return str(self.data.get("sentenceId", ""))

    @property
    def project(self) -> str:
        """The storyboard project's id, or the empty text."""
        return str(self.data.get("projectId", ""))

    @property
    def candidate_seed(self) -> int | None:
        return int(self.data["seed"]) if self.data.get("candidate") else None


def new_id() -> str:
    """An id for an event that has none."""
    return uuid.uuid4().hex


def of_sentence(project: str, sentence: str, id: str = "", **carried: Any) -> Event:
    """The event for a sentence. Raises WrongInput."""
    return parse({"id": id or new_id(), "data": {"projectId": project, "sentenceId": sentence, **carried}})


def of_task(task: str, id: str = "", candidate_seed: int | None = None) -> Event:
    """The event for an item of the manifest. Raises WrongInput."""
    beside = {} if candidate_seed is None else {"candidate": True, "seed": candidate_seed}
    return parse({"id": id or new_id(), "data": {"task": task, **beside}})


def parse(given: Any) -> Event:
    """An event as it was sent: ``{"id": …, "name": "image/generate", "data": {…}}``; without an id it gets one.

    Raises WrongInput: wrong types, too long, unknown keys, none or both of a sentence and a task.
    """
    whole = _mapping(given, "an event", {"id", "name", "data", "ts", "v", "user"})
    if whole.get("name", NAME) != NAME:
        raise WrongInput(f"there is no event {_shown(whole['name'])}", f"there is {NAME}")
    id = whole.get("id")
    if id in (None, ""):
        id = new_id()
    if not isinstance(id, str) or not _ID.fullmatch(id):
        raise WrongInput(f"{_shown(id)} can't be an event's id", "up to 100 letters, digits, and . _ : - between them")
    return Event(id, _data(whole.get("data")))


def _data(given: Any) -> dict[str, Any]:
    of_a_task = isinstance(given, Mapping) and "task" in given
    forms = _TASK if of_a_task else _SENTENCE
    data = _mapping(given, "an event's data", set(forms))
    for key, value in data.items():
        forms[key](key, value)
    needed = ["task"] if of_a_task else ["projectId", "sentenceId"]
    missing = [key for key in needed if not data.get(key)]
    if missing:
        raise WrongInput(f"an event's data needs {' and '.join(missing)}", "or task, for an item of the manifest")
    if of_a_task and bool(data.get("candidate")) != ("seed" in data):
        raise WrongInput("candidate: true and seed belong together", "a sentence's own seed is changed by its event")
    return data


def _mapping(given: Any, what: str, keys: set[str]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise WrongInput(f"{what} is a mapping, not {_shown(given)}")
    for key in given:
        if key not in keys:
            raise WrongInput(f"{what} has no key {_shown(key)}", did_you_mean(str(key), keys))
    return dict(given)


def _text(key: str, value: Any) -> None:
    if not isinstance(value, str):
        raise WrongInput(f"{key} is text, not {_shown(value)}")
    if len(value) > LONGEST_TEXT:
        raise WrongInput(f"{key} has {len(value)} characters", f"at most {LONGEST_TEXT}")
    if "\0" in value:
        raise WrongInput(f"{key} has a character that no text has: NUL")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise WrongInput(f"{key} has half a character (a lone surrogate)")


def _name(key: str, value: Any) -> None:
    _text(key, value)
    if len(value) > 1000:
        raise WrongInput(f"{key} has {len(value)} characters", "at most 1000")


def _names(key: str, value: Any) -> None:
    if not isinstance(value, list | tuple):
        raise WrongInput(f"{key} is a list, not {_shown(value)}")
    if len(value) > MOST_REFERENCES:
        raise WrongInput(f"{key} has {len(value)} entries", f"at most {MOST_REFERENCES}")
    for one in value:
        _name(f"an entry of {key}", one)
        if not one.strip():
            raise WrongInput(f"an entry of {key} is empty")


def _seed(key: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= HIGHEST_SEED:
        raise WrongInput(f"{key} is a whole number from 0 to 2^64 - 1, not {_shown(value)}")


def _flag(key: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise WrongInput(f"{key} is true or false, not {_shown(value)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


_Form = Callable[[str, Any], None]
_SENTENCE: dict[str, _Form] = {
    "projectId": _name,
    "sentenceId": _name,
    "imagePrompt": _text,
    "characterRefs": _names,
    "styleLora": _name,
    "seed": _seed,
}
_TASK: dict[str, _Form] = {"task": _name, "candidate": _flag, "seed": _seed}
