"""What the page shows of an item: as a card among many."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from imagegen import png, seen
from imagegen.recipe import RANDOM
from imagegen.studio.activities import Activity
from imagegen.studio.project import Stamp, View
from imagegen.verdict import State

EXACT = 2**53 - 1
"""Larger whole numbers are no numbers to a browser: they travel as text."""


def exact(number: Any) -> Any:
    """A whole number as JSON that a browser reads without loss."""
    return str(number) if isinstance(number, int) and abs(number) > EXACT else number


def address(kind: str, task: str, stamp: Stamp, rest: str = "") -> str:
    """The URL of a picture; another content has another one."""
    return f"/{kind}/{quote(task, safe=':')}{rest}?v={stamp[0]:x}-{stamp[1]:x}"


def card(view: View, number: int, activity: Activity | None) -> dict[str, Any]:
    """The card of one item."""
    item, verdict, stamp = view.items[number], view.verdicts[number], view.stamps[number]
    recipe = json.loads(item.recipe)
    path = view.listing.manifest.path(item)
    shown = stamp if verdict.state not in (State.MISSING, State.DAMAGED) else None
    seed = recipe.get("seed")
    if seed == RANDOM:
        record = seen.look(path).record if shown else None
        seed = record.seed if record else None
    width, height = recipe.get("width"), recipe.get("height")
    if shown and None in (width, height):
        width, height = size(path) or (width, height)
    return {
        "task": item.task,
        "name": item.name,
        "job": item.job,
        "state": verdict.state.value,
        "reasons": list(verdict.reasons),
        "seed": exact(seed),
        "backend": item.way.backend,
        "target": item.target,
        "width": width,
        "height": height,
        "picture": address("pictures", item.task, shown) if shown else None,
        "thumbnail": address("thumbnails", item.task, shown) if shown else None,
        **doing(activity),
    }


def doing(activity: Activity | None) -> dict[str, Any]:
    """The part of a card that tells what goes on."""
    if activity is None:
        return {"status": None, "progress": None, "message": "", "error": "", "hint": ""}
    return {
        "status": activity.status,
        "progress": activity.progress if activity.busy else None,
        "message": activity.message,
        "error": activity.error,
        "hint": activity.hint,
    }


def cards(view: View, numbers: Sequence[int], activities: Mapping[str, Activity]) -> list[dict[str, Any]]:
    return [card(view, number, activities.get(view.items[number].task)) for number in numbers]


def size(path: Path) -> tuple[int, int] | None:
    """Width and height of a PNG in pixels, from its header."""
    try:
        with path.open("rb") as stream:
            head = stream.read(png.HEADER_SIZE)
    except OSError:
        return None
    if not head.startswith(png.SIGNATURE) or len(head) < png.HEADER_SIZE:
        return None
    return png.size_of(png.Chunk(b"IHDR", head[16:29]))
