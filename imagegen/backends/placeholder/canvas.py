"""Where a pattern is painted, and what all patterns need there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw

from imagegen.backends.placeholder.chance import Chance
from imagegen.backends.placeholder.palette import Colour, Palette

Point = tuple[float, float]
Field = Callable[[float, float], float]

MOST_TILES = 420
"""A canvas 16 pixels wide and 8192 long gets larger tiles rather than thousands of them."""


@dataclass(frozen=True)
class Canvas:
    """Where a family paints; lengths are in the pixels of ``image``, larger than the picture's."""

    image: Image.Image
    draw: ImageDraw.ImageDraw
    colours: Palette
    chance: Chance

    @property
    def width(self) -> int:
        return self.image.width

    @property
    def height(self) -> int:
        return self.image.height

    def tile(self, across: float) -> float:
        """A tile's side so that ``across`` of them fill the short side, but not too many in all."""
        least = math.sqrt(self.width * self.height / MOST_TILES)
        return max(min(self.width, self.height) / across, least, 4.0)

    def field(self, size: float) -> Field:
        """A smooth landscape of heights 0 … 1 with valleys ``size`` apart, to take colours from."""
        waves = []
        for _ in range(3):
            angle, length = self.chance.between(0, math.tau), size * self.chance.between(0.7, 1.8)
            waves.append((math.cos(angle) / length, math.sin(angle) / length, self.chance.between(0, math.tau)))
        return lambda x, y: 0.5 + sum(math.sin(math.tau * (a * x + b * y) + c) for a, b, c in waves) / 5

    def disc(self, centre: Point, radius: float, fill: Colour) -> None:
        x, y = centre
        self.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
