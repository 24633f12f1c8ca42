"""What an item's settings narrow from: ``defaults``, its job, the item itself, and where each stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.document import Document
from imagegen.errors import Problem
from imagegen.schema import Path_, path_text

LAYERS = ("defaults", "source", "job", "item")
"""``source`` is what a job's source gives for all its items, such as a storyboard's style."""

_OF_SOURCE, _OF_ITEM = LAYERS.index("source"), LAYERS.index("item")

Layer = tuple[Mapping[str, Any], Document, Path_]
"""Values, and where in which document they stand."""


class Layers:
    """What an item's settings narrow from, the widest first; ``unfilled`` are settings that could not be
    filled in. ``soft`` says that the source gives what it has, whatever the backend: what that has no use for is left
    out."""

    def __init__(self, layers: list[Layer], soft: bool = False) -> None:
        self.all = layers
        self.unfilled: set[str] = set()
        self._soft = soft

    def is_soft(self, layer: int | None) -> bool:
        """Whether a setting of this layer may be left out where the backend has no use for it."""
        return self._soft and layer in (_OF_SOURCE, _OF_ITEM)

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
