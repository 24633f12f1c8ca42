"""Colours that go together: a ramp through OKLCH, where equal lightness looks equally light.

The matrices are Björn Ottosson's (https://bottosson.github.io/posts/oklab/).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from imagegen.backends.placeholder.chance import Chance

Colour = tuple[int, int, int]

STEPS = 7
"""Colours in a ramp, dark to light."""

# Lightness of the darkest and the lightest step, and the chroma that suits them.
MOODS = (
    (0.28, 0.88, 0.130),  # dusk
    (0.42, 0.93, 0.125),  # day
    (0.56, 0.95, 0.090),  # pastel
    (0.22, 0.76, 0.130),  # night
)


@dataclass(frozen=True)
class Palette:
    """``ramp`` runs dark to light; ``accent`` stands out of it; ``ink`` and ``paper`` are for text."""

    ramp: tuple[Colour, ...]
    accent: Colour
    ink: Colour
    paper: Colour

    def at(self, where: float) -> Colour:
        """The ramp's step for 0 (dark) … 1 (light); what lies beyond is the end."""
        return self.ramp[max(0, min(STEPS - 1, int(where * STEPS)))]


def palette(chance: Chance) -> Palette:
    """A ramp whose hue turns on its way from dark to light, as a sky's does."""
    # From teal by way of blue and violet to red: dark yellows and oranges are mud.
    hue = chance.between(150, 390)
    turn = 90.0
    for _ in range(20):
        turn = chance.between(40, 140) * (1 if chance.yes() else -1)
        # Through olive the ramp would be mud as well.
        if not 85 < (hue + turn / 2) % 360 < 140:
            break
    dark, light, chroma = chance.pick(MOODS)
    ramp = []
    for step in range(STEPS):
        part = step / (STEPS - 1)
        # Most colour in the middle: very dark and very light ones look dirty with much.
        vivid = chroma * (0.72 + 0.42 * math.sin(math.pi * part))
        ramp.append(oklch(dark + (light - dark) * part, vivid, hue + turn * part))
    against = (hue + turn * 0.6 + 180 + chance.between(-35, 35)) % 360
    return Palette(
        ramp=tuple(ramp),
        # Gold instead of grass green, which shouts beside everything.
        accent=oklch(0.84, 0.14, 85 if 95 < against < 165 else against),
        ink=oklch(0.19, 0.035, hue),
        paper=oklch(0.975, 0.010, hue + turn),
    )


def oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """sRGB for a lightness and chroma of 0 … 1 and a hue in degrees, paler where no screen shows it."""
    while True:
        red, green, blue = _linear(lightness, chroma, hue)
        if chroma < 0.005 or all(-0.0005 <= part <= 1.0005 for part in (red, green, blue)):
            return (_byte(red), _byte(green), _byte(blue))
        chroma *= 0.94


def mixed(one: Colour, other: Colour, part: float) -> Colour:
    """``one`` at 0, ``other`` at 1."""
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(one, other, strict=True))
    return (red, green, blue)


def _linear(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _byte(linear: float) -> int:
    linear = max(0.0, min(1.0, linear))
    curved = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(255 * curved)
