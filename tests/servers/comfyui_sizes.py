"""How large the pictures are that nodes give: the arithmetic of ComfyUI's own scaling nodes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple


class Size(NamedTuple):
    """In pixels, also of a latent."""

    width: int
    height: int


_CELL = 8  # SD's autoencoder, and most others: one latent cell is 8×8 pixels
_CELL_OF = {"EmptyFlux2LatentImage": 16}


def in_cells(class_type: str, size: Size) -> Size:
    """The size of a latent that was asked for so: whole cells only."""
    cell = _CELL_OF.get(class_type, _CELL)
    return Size(max(size.width // cell, 1) * cell, max(size.height // cell, 1) * cell)


def size_of(class_type: str, inputs: dict[str, Any], given: Size) -> Size:
    """What a node makes of a picture of the size `given`; `inputs` are its own values."""
    rule = _RULES.get(class_type, _asked)
    return rule(inputs, given)


def _asked(inputs: dict[str, Any], given: Size) -> Size:
    return Size(_number(inputs.get("width"), given.width), _number(inputs.get("height"), given.height))


def _number(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and value > 0 else otherwise


def _scaled(inputs: dict[str, Any], given: Size) -> Size:
    """A side of 0 follows from the other."""
    width, height = inputs["width"], inputs["height"]
    if not width and not height:
        return given
    if not width:
        return Size(max(1, round(given.width * height / given.height)), height)
    return Size(width, height or max(1, round(given.height * width / given.width)))


def _scaled_by(inputs: dict[str, Any], given: Size) -> Size:
    return Size(round(given.width * inputs["scale_by"]), round(given.height * inputs["scale_by"]))


def _latent_scaled(inputs: dict[str, Any], given: Size) -> Size:
    """Like a picture; no side that is set may be below 64."""
    sides = {name: max(inputs[name], 64) if inputs[name] else 0 for name in ("width", "height")}
    return _scaled(sides, given)


def _latent_scaled_by(inputs: dict[str, Any], given: Size) -> Size:
    return Size(*(round(side // _CELL * inputs["scale_by"]) * _CELL for side in given))


def _to_total(inputs: dict[str, Any], given: Size) -> Size:
    by = math.sqrt(int(inputs["megapixels"] * 1024 * 1024) / (given.width * given.height))
    return Size(round(given.width * by), round(given.height * by))


def _cropped(inputs: dict[str, Any], given: Size) -> Size:
    left, top = min(inputs["x"], given.width - 1), min(inputs["y"], given.height - 1)
    return Size(min(inputs["width"], given.width - left), min(inputs["height"], given.height - top))


def _padded(inputs: dict[str, Any], given: Size) -> Size:
    return Size(
        given.width + inputs["left"] + inputs["right"],
        given.height + inputs["top"] + inputs["bottom"],
    )


_RULES: dict[str, Callable[[dict[str, Any], Size], Size]] = {
    "ImageScale": _scaled,
    "LatentUpscale": _latent_scaled,
    "ImageScaleBy": _scaled_by,
    "LatentUpscaleBy": _latent_scaled_by,
    "ImageScaleToTotalPixels": _to_total,
    "ImageCrop": _cropped,
    "ImagePadForOutpaint": _padded,
}
