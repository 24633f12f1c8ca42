"""One line of a run's file, understood. A cloned project may have brought such a file, and a full disk may have cut one
off: what is no line of ours says nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

LARGEST = 2**53
"""Steps; more is no number of them."""


class Line(NamedTuple):
    """``tasks`` are those that it is about: one and empty where it is about the run; ``data`` the rest."""

    event: str
    tasks: Sequence[str]
    data: Mapping[str, Any]


def understood(written: bytes) -> Line | None:
    """What a line says; None for one that is not ours."""
    try:
        found = json.loads(written)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not _is_text(found.get("event")):
        return None
    event, many, one = found.pop("event"), found.pop("tasks", None), found.pop("task", "")
    tasks = [one] if many is None else many
    needed = _FORMS.get(event)
    if needed is None or not isinstance(tasks, list) or not all(map(_is_text, tasks)):
        return None
    if not all(fits(found.get(key)) for key, fits in needed.items()):
        return None
    return Line(event, tasks, found)


def _is_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # half a character
        return False
    return True


def _is_name(value: Any) -> bool:
    return _is_text(value) and "\0" not in value


def _is_count(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value <= LARGEST


def _is_seed(value: Any) -> bool:
    return value is None or (isinstance(value, int) and abs(value) < 2**64)


def _is_text_or_none(value: Any) -> bool:
    return value is None or _is_text(value)


_FORMS: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "begun": {"kind": _is_text_or_none},
    "queued": {},
    "withdrawn": {},
    "started": {},
    "step": {"value": _is_count, "total": _is_count},
    "preview": {"file": _is_name},
    "made": {"target": _is_text, "seed": _is_seed},
    "skipped": {"reason": _is_text},
    "failed": {"message": _is_text, "hint": _is_text_or_none},
    "ended": {},
}
"""What each event has at least, beside its tasks."""
