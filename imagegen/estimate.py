"""How long images took, and so how long the next ones may take."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from imagegen.files import STATE, write_whole
from imagegen.recipe import Recipe

_KEPT = 8
"""Times kept for images of one kind: the newest tell best."""


class Times:
    """Seconds that earlier images took, by backend, checkpoint, size and steps."""

    def __init__(self, project: Path) -> None:
        self._path = project / STATE / "times.json"
        self._lock = threading.Lock()
        self._times: dict[str, list[float]] | None = None
        self._new = False

    def _loaded(self) -> dict[str, list[float]]:
        if self._times is None:
            try:
                found: Any = json.loads(self._path.read_text(encoding="utf-8"))
                self._times = {str(key): [float(one) for one in times] for key, times in found.items()}
            except (OSError, ValueError, TypeError, AttributeError):
                self._times = {}  # not there, or cut off: it is only a help
        return self._times

    def note(self, recipe: Recipe, seconds: float) -> None:
        """An image of this recipe took ``seconds`` of its backend's time."""
        with self._lock:
            times = self._loaded()
            for key in _keys(recipe):
                times[key] = [*times.get(key, []), round(seconds, 3)][-_KEPT:]
            self._new = True

    def save(self) -> None:
        """Write what was noted; a folder that can't be written costs only the estimates."""
        with self._lock:
            if self._new and self._times is not None:
                self._new = False
                try:
                    write_whole(self._path, json.dumps(self._times, sort_keys=True).encode())
                except OSError:
                    return

    def seconds(self, recipes: Iterable[Recipe]) -> float | None:
        """What images of these recipes would take, one after another; None if nothing like them is known."""
        total = 0.0
        times = self._loaded()
        for recipe in recipes:
            known = next((times[key] for key in _keys(recipe) if times.get(key)), None)
            if known is None:
                return None
            total += sum(known) / len(known)
        return total


def _keys(recipe: Recipe) -> list[str]:
    """From the most like to the least."""
    kind = [
        recipe.get("backend"),
        recipe.get("checkpoint"),
        recipe.get("width"),
        recipe.get("height"),
        recipe.get("steps"),
        recipe.get("workflow"),
    ]
    return [json.dumps(kind), json.dumps(kind[:1])]


def spoken(seconds: float) -> str:
    """``40 s``, ``3 min``, ``2 h 10 min``."""
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
