"""What may be said of a project, a character and a sentence in a script: how it is called, and what it may be. Pure.

What a storyboard can hold is for :mod:`imagegen.storyboard.checking`; here are the forms in which people write it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from imagegen.errors import WrongInput
from imagegen.storyboard import checking

PARTING = ";"
"""What parts names and paths of a list that is written as text; a comma does where there is no semicolon."""
NOTHING = frozenset({"", "-", "none"})
"""How a person writes that there is none."""
DERIVED = NOTHING | {"derived"}

_SIZE = re.compile(r"\s*([0-9]{1,6})\s*[x×X]\s*([0-9]{1,6})\s*")


class Of(Enum):
    """Whose settings they are."""

    PROJECT = "the project"
    CHARACTER = "a character"
    SENTENCE = "a sentence"


def _text(called: str, value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise WrongInput(f"{called} is no text", f'write "{value}"')
    return checking.text(called, value)


def _name(called: str, value: Any) -> str:
    return checking.name(called, _text(called, value))


def _lora(called: str, value: Any) -> str:
    """From text, or from ``{"name": …, "strength": …}`` as a manifest has it."""
    if isinstance(value, Mapping):
        if unknown := [key for key in value if key not in ("name", "strength")] or "name" not in value:
            told = f" and no {unknown[0]}" if isinstance(unknown, list) else ""
            raise WrongInput(f"{called} is a file's name, or an object with name and strength{told}")
        strength = value.get("strength", 1)
        value = value["name"] if strength == 1 else f"{value['name']}:{strength}"
    if value is None or (isinstance(value, str) and value.strip().lower() in NOTHING):
        return ""
    return checking.lora_or_none(called, value)


def _own_lora(called: str, value: Any) -> str | None:
    """A sentence's, in place of the project's; empty for none, None for the project's."""
    return None if value is None else _lora(called, value)


def _seed(called: str, value: Any) -> int | None:
    if isinstance(value, str) and value.strip().lower() in DERIVED:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return checking.seed(value.strip() if isinstance(value, str) else value)


def _side(called: str, value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,6}\s*", value):
        value = int(value)
    return checking.side(called, value)


def _size(called: str, value: Any) -> tuple[int, int]:
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise WrongInput(f"{called} is {str(value)[:40]!r}", "write width x height in pixels, such as 1920x1080")
    return checking.side("width", int(found[1])), checking.side("height", int(found[2]))


def _list(called: str, value: Any) -> list[str]:
    if value is None or (isinstance(value, str) and value.strip().lower() in NOTHING):
        return []
    if isinstance(value, str):
        value = [one.strip() for one in value.split(PARTING if PARTING in value else ",") if one.strip()]
    if not isinstance(value, list):
        raise WrongInput(f"{called} is no list", 'such as ["Ada", "Bo"]')
    for number, one in enumerate(value):
        if one in value[:number]:
            raise WrongInput(f'{called} has "{one}" twice', "keep one")
    return value


def _names(called: str, value: Any) -> list[str]:
    return [_name(called, one) for one in _list(called, value)]


def _paths(called: str, value: Any) -> list[str]:
    return checking.paths(called, _list(called, value))


SETTINGS: Mapping[Of, Mapping[str, Callable[[str, Any], Any]]] = {
    Of.PROJECT: {
        "name": _name, "style": _text, "style_lora": _lora, "aspect_ratio": lambda _, value: checking.ratio(value),
        "size": _size, "width": _side, "height": _side, "negative_prompt": _text,
        "workflow": lambda called, value: checking.path(called, value) if value else "",
    },
    Of.CHARACTER: {"name": _name, "description": _text, "lora": _lora, "references": _paths},
    Of.SENTENCE: {
        "text": _text, "image_prompt": _text, "characters": _names, "seed": _seed, "name": _name,
        "style_lora": _own_lora, "references": _paths,
    },
}  # fmt: skip
"""Each setting by its own name, with what makes its value of what a script calls so and writes. Raises WrongInput."""

ALSO: Mapping[Of, Mapping[str, str]] = {
    Of.PROJECT: {"project": "name", "title": "name", "lora": "style_lora", "negative": "negative_prompt"},
    Of.CHARACTER: {"reference": "references", "pictures": "references"},
    Of.SENTENCE: {
        "sentence": "text", "prompt": "image_prompt", "character": "characters", "lora": "style_lora",
        "reference": "references",
    },
}  # fmt: skip
"""What else they are called where people write for people."""


def key_of(written: str, of: Of) -> str:
    """The setting that is written so, in any case, with blanks, - or _; empty for none.

    >>> key_of("Style LoRA", Of.PROJECT), key_of("Prompt", Of.SENTENCE), key_of("Camera", Of.SENTENCE)
    ('style_lora', 'image_prompt', '')
    """
    plain = re.sub(r"[\s_-]+", "_", written.strip().lower())
    plain = ALSO[of].get(plain, plain)
    return plain if plain in SETTINGS[of] else ""


def nearly(written: str, of: Of) -> str:
    """The name of a setting that ``written`` was surely meant to be; empty for any other word."""
    import difflib  # only what is no setting needs it

    plain = re.sub(r"[\s-]+", "_", written.strip().lower())
    close = difflib.get_close_matches(plain, [*SETTINGS[of], *ALSO[of]], n=1, cutoff=0.8)
    return close[0].replace("_", " ") if close else ""


def mend(written: str, of: Of) -> str:
    """What to do about a name that is none of the settings."""
    meant = nearly(written, of)
    return f'did you mean "{meant}"?' if meant else f"{of.value} has {', '.join(SETTINGS[of])}"
