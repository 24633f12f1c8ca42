"""Settings narrow from ``defaults`` to job to item, and sizes become width and height. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BUILTIN = {
    "backend": "comfyui",
    "output": "assets/${job}",
    "filename": "${slug}",
    "overwrite": "stale",
    "record": "full",
    "seed": "derived",
    "base_seed": 0,
}
"""The documented defaults of what is not left unset."""

NOT_SETTINGS = frozenset({"name", "slug", "vars", "items", "source", "matrix", "exclude"})
"""Keys of a job or item that are no settings."""

ABOUT_THE_FILE = frozenset(
    {"backend", "output", "filename", "overwrite", "record", "base_seed", "timeout", "queue_timeout"}
)
"""Settings that no backend needs to have a use for."""

_SIZES = ("width", "height", "size", "aspect_ratio", "megapixels")
MEGAPIXEL = 1024 * 1024
MULTIPLE = 8


class BadSize(ValueError):
    """Sizes that contradict each other; ``layer`` is the one to blame, ``key`` the setting."""

    def __init__(self, message: str, layer: int, key: str) -> None:
        super().__init__(message)
        self.layer, self.key = layer, key


@dataclass(frozen=True)
class Narrowed:
    """The settings of one item, and for each the layer that gave it (absent: a documented default)."""

    values: Mapping[str, Any]
    origins: Mapping[str, int]
    useless: Sequence[tuple[int, str]] = ()


def narrow(layers: Sequence[Mapping[str, Any]], multiple: int = MULTIPLE) -> Narrowed:
    """What holds for an item whose ``layers`` go from the widest to the item's own; sides that follow from a
    ratio are ``multiple`` pixels times something. Raises BadSize."""
    values: dict[str, Any] = dict(BUILTIN)
    origins: dict[str, int] = {}
    sized = False
    for number, layer in enumerate(layers):
        for key, value in layer.items():
            if key in NOT_SETTINGS:
                continue
            values[key] = value
            origins[key] = number
            sized = sized or key in _SIZES
    if not sized:
        return Narrowed(values, origins)
    width, height, from_layer, useless = _size(layers, multiple)
    for key in _SIZES:
        values.pop(key, None)
        origins.pop(key, None)
    for key, pixels in (("width", width), ("height", height)):
        if pixels is not None:
            values[key], origins[key] = pixels, from_layer[key]
    return Narrowed(values, origins, useless)


def _size(
    layers: Sequence[Mapping[str, Any]], multiple: int
) -> tuple[int | None, int | None, dict[str, int], list[tuple[int, str]]]:
    pixels: dict[str, int | None] = {"width": None, "height": None}
    origin = {"width": 0, "height": 0}
    ratio: tuple[float, float] | None = None
    area, area_layer = 1.0, None
    for number, layer in enumerate(layers):
        ways = [key for key in ("size", "aspect_ratio") if key in layer]
        ways += ["width and height"] if "width" in layer or "height" in layer else []
        if len(ways) > 1:
            raise BadSize(f"gives its size twice, by {' and by '.join(ways)}", number, ways[0])
        if "megapixels" in layer:
            area, area_layer = float(layer["megapixels"]), number
        if "aspect_ratio" in layer:
            across, down = sides(layer["aspect_ratio"])
            if not across or not down:
                raise BadSize("an aspect_ratio's sides are more than 0", number, "aspect_ratio")
            ratio = (across, down)
        if "aspect_ratio" in layer or ("megapixels" in layer and ratio):
            assert ratio is not None
            try:
                pixels["width"], pixels["height"] = of_ratio(*ratio, area, multiple)
            except (OverflowError, ZeroDivisionError, ValueError) as error:
                raise BadSize("is no ratio that an image can have", number, "aspect_ratio") from error
            origin = dict.fromkeys(origin, number)
            area_layer = None
        given: dict[str, int | None] = {key: layer[key] for key in ("width", "height") if key in layer}
        if "size" in layer:
            across, down = sides(layer["size"])
            given = {"width": int(across), "height": int(down)}
        if given:
            ratio = None
            pixels.update(given)
            origin.update(dict.fromkeys(given, number))
    for key, value in pixels.items():
        if value is not None and not 16 <= value <= 16384:
            raise BadSize(f"gives a {key} of {value} pixels; 16 to 16384 can be", origin[key], "size")
    useless = [] if area_layer is None or ratio else [(area_layer, "megapixels")]
    return pixels["width"], pixels["height"], origin, useless


def without_sizes(layer: Mapping[str, Any]) -> Mapping[str, Any]:
    """A layer without what decides the size, to look at the rest of it."""
    return {key: value for key, value in layer.items() if key not in _SIZES}


def sides(text: str) -> tuple[float, float]:
    """The two numbers of ``1024x1024`` or ``16:9``."""
    across, down = re.findall(r"[0-9]+(?:\.[0-9]+)?", text)
    return float(across), float(down)


def of_ratio(across: float, down: float, megapixels: float, multiple: int = MULTIPLE) -> tuple[int, int]:
    """Width and height of about ``megapixels`` × 1024 × 1024 pixels, in multiples of ``multiple``.

    >>> of_ratio(16, 9, 1.0)
    (1368, 768)
    """
    area = megapixels * MEGAPIXEL

    def rounded(length: float) -> int:
        return max(multiple, multiple * math.floor(length / multiple + 0.5))

    return rounded(math.sqrt(area * across / down)), rounded(math.sqrt(area * down / across))
