"""What an item's settings narrow from: ``defaults``, its job, the item itself, and where each stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.document import Document
from imagegen.errors import Problem
from imagegen.schema import Path_, path_text

LAYERS = ("defaults", "job", "item")

Layer = tuple[Mapping[str, Any], Document, Path_]
"""Values, and where in which document they stand."""


class Layers:
    """What an item's settings narrow from, the widest first; ``unfilled`` are settings that could not be
    filled in."""

    def __init__(self, layers: list[Layer]) -> None:
        self.all = layers
        self.unfilled: set[str] = set()

    def problem(
        self, message: str, setting: str, hint: str = "", layer: int | None = None, entry: int | None = None
    ) -> Problem:
        """A problem at the place where a layer (the item, unless told) gives ``setting``, or one ``entry`` of
        the list that it is."""
        values, document, path = self.all[-1 if layer is None else layer]
        where = (*path, setting) if setting in values else path
        if setting in values and entry is not None:
            where = (*where, entry)
        return Problem(message, path_text(where), document.place(where), hint)
