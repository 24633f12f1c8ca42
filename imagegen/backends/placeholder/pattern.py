"""Which of the nine patterns a picture gets."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageDraw

from imagegen.backends.placeholder.canvas import Canvas
from imagegen.backends.placeholder.chance import Chance
from imagegen.backends.placeholder.palette import Palette
from imagegen.backends.placeholder.scenes import contours, hills, rays, ripples
from imagegen.backends.placeholder.tilings import glass, hexes, quarters, scales, weave

FAMILIES: tuple[Callable[[Canvas], None], ...] = (
    hills,
    rays,
    hexes,
    scales,
    weave,
    glass,
    quarters,
    ripples,
    contours,
)


def paint(image: Image.Image, colours: Palette, chance: Chance) -> None:
    """Cover ``image`` (RGB) with the family and its numbers that ``chance`` gives."""
    family = chance.pick(FAMILIES)
    family(Canvas(image, ImageDraw.Draw(image), colours, chance))
