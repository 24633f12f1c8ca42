"""A download of a model, told as it goes on: a bar of percents, and a line for each tenth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from imagegen.backends.base import Watch
from imagegen.backends.ollama import models

_BAR = re.compile(
    r"(?P<what>[^\s:%]+):?\s+\d+%[^%]*?(?P<done>[\d.]+) ?(?P<unit>[KMGT]?B)/\s*(?P<all>[\d.]+) ?(?P<of>[KMGT]?B)"
)
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
PARTS = 10
"""A line for each such part of what there is to get, as far as that is known."""


class Pulling:
    """One model's download. A model is many files, and their sizes become known one after another."""

    def __init__(self, model: str, watch: Watch, where: str) -> None:
        self._model, self._watch, self._where = model, watch, where
        self._files: dict[str, tuple[int, int]] = {}
        self._told: int | None = None  # bytes that were there when it was told last

    def status(self, line: Mapping[str, Any]) -> None:
        """One line of ``/api/pull``: ``{"status", "digest", "total", "completed"}``, sizes in bytes."""
        done, whole = line.get("completed") or 0, line.get("total") or 0
        if isinstance(done, int) and isinstance(whole, int) and whole > 0:
            self._note(str(line.get("digest") or line.get("status")), done, whole)

    def text(self, line: str) -> None:
        """One line that ``ollama pull`` printed: ``pulling 8ac4…:  45% ▕███ ▏ 5.2 GB/ 12 GB  50 MB/s``."""
        if found := _BAR.search(line):
            done = float(found["done"]) * _UNITS[found["unit"]]
            self._note(found["what"], int(done), int(float(found["all"]) * _UNITS[found["of"]]))

    def ended(self) -> None:
        """The model is there."""
        size = sum(whole for _, whole in self._files.values())
        self._watch.note(f"pulled {self._model}" + (f" ({spoken(size)})" if size else ""))

    def _note(self, what: str, done: int, whole: int) -> None:
        self._files[what] = (min(done, whole), whole)
        had = sum(part for part, _ in self._files.values())
        size = sum(part for _, part in self._files.values())
        if self._told is None:
            self._told = 0
            said = f"{spoken(size)}, {models.licence(self._model)}"
            self._watch.note(f"pulling {self._model} ({said}) to {self._where}, once")
        if had < size and (had - self._told) * PARTS >= size:
            self._told = had
            self._watch.note(f"pulling {self._model}: {spoken(had)} of {spoken(size)}")
        self._watch.step(had * 100 // size, 100)


def spoken(size: int) -> str:
    """``12.3 GB``: decimal units, as Ollama has them."""
    for unit in ("GB", "MB", "KB"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:.1f} {unit}"
    return f"{size} bytes"
