"""A coat of arms from the digest: what stands where a name can't be written."""

from __future__ import annotations

import math
from collections.abc import Callable

from PIL import Image, ImageDraw

from imagegen.backends.placeholder.chance import Chance
from imagegen.backends.placeholder.palette import Colour, Palette, mixed

Point = tuple[float, float]

FINER = 4
"""Drawn so many times larger and reduced, for Pillow's own edges are jagged."""

Arms = tuple[ImageDraw.ImageDraw, float]
"""What a charge or division draws with: the drawing, and the side of its square in pixels."""


def emblem(side: int, colours: Palette, chance: Chance) -> Image.Image:
    """A shield ``side`` pixels high and wide, RGBA, clear around its outline."""
    large = side * FINER
    outline = chance.pick(OUTLINES)(large)
    dark, light = chance.pick(((0, 2), (1, 3), (0, 3), (1, 2)))
    fields = (colours.ramp[dark], colours.ramp[light])
    arms = Image.new("RGB", (large, large), fields[0])
    draw = ImageDraw.Draw(arms)
    chance.pick(DIVISIONS)((draw, large), fields[1])
    charge, tincture = chance.pick(CHARGES), chance.pick((colours.accent, colours.paper))
    for x, y, size in chance.pick(PLACES):
        # A dark rim, so that a charge is seen on either field.
        for grown, fill in ((1.16, mixed(colours.ramp[0], colours.ink, 0.6)), (1.0, tincture)):
            charge(draw, (x * large, y * large), size * large * grown, fill)
    shape = Image.new("L", (large, large))
    ImageDraw.Draw(shape).polygon(outline, fill=255)
    # The rim: the whole shape in paper, the arms in a smaller one.
    inner = Image.new("L", (large, large))
    centre = (large / 2, large * 0.49)
    smaller = [(centre[0] + (x - centre[0]) * 0.9, centre[1] + (y - centre[1]) * 0.9) for x, y in outline]
    ImageDraw.Draw(inner).polygon(smaller, fill=255)
    whole = Image.new("RGB", (large, large), colours.paper)
    whole.paste(arms, (0, 0), inner)
    whole.putalpha(shape)
    return whole.reduce(FINER)


def _shield(side: float) -> list[Point]:
    """Flat above, pointed below."""
    right = [
        (side * (0.5 + 0.42 * math.cos(turn) ** 0.8), side * (0.46 + 0.52 * math.sin(turn)))
        for turn in (math.pi / 2 * k / 24 for k in range(25))
    ]
    left = [(side - x, y) for x, y in reversed(right)]
    return [(side * 0.08, side * 0.03), (side * 0.92, side * 0.03), *right, *left]


def _round(side: float) -> list[Point]:
    return _star((side / 2, side / 2), side * 0.48, 48, 1.0)


def _kite(side: float) -> list[Point]:
    """A square on its corner, its sides bent outwards."""
    points = []
    for step in range(64):
        turn = math.tau * step / 64
        x, y = math.cos(turn), math.sin(turn)
        reach = 0.49 / (abs(x) ** 1.35 + abs(y) ** 1.35) ** (1 / 1.35)
        points.append((side * (0.5 + reach * x), side * (0.5 + reach * y)))
    return points


def _halves(arms: Arms, fill: Colour) -> None:
    draw, side = arms
    draw.rectangle((side / 2, 0, side, side), fill=fill)


def _quarters(arms: Arms, fill: Colour) -> None:
    draw, side = arms
    draw.rectangle((side / 2, 0, side, side / 2), fill=fill)
    draw.rectangle((0, side / 2, side / 2, side), fill=fill)


def _bend(arms: Arms, fill: Colour) -> None:
    draw, side = arms
    draw.polygon([(0, 0), (side, 0), (side, side)], fill=fill)


def _chevrons(arms: Arms, fill: Colour) -> None:
    draw, side = arms
    for top in (-0.15, 0.25, 0.65):
        edge, high = side * (top + 0.35), side * 0.2
        peak = (side / 2, side * top)
        draw.polygon(
            [(0, edge), peak, (side, edge), (side, edge + high), (peak[0], peak[1] + high), (0, edge + high)],
            fill=fill,
        )


def _bars(arms: Arms, fill: Colour) -> None:
    draw, side = arms
    for number in range(1, 6, 2):
        draw.rectangle((0, side * number / 6, side, side * (number + 1) / 6), fill=fill)


def _gyronny(arms: Arms, fill: Colour) -> None:
    """Eight wedges, every other one filled."""
    draw, side = arms
    middle = (side / 2, side / 2)
    for wedge in range(0, 8, 2):
        rim = [
            (middle[0] + side * math.cos(turn), middle[1] + side * math.sin(turn))
            for turn in (math.tau * wedge / 8, math.tau * (wedge + 1) / 8)
        ]
        draw.polygon([middle, *rim], fill=fill)


def _star(centre: Point, radius: float, points: int, depth: float) -> list[Point]:
    """``depth`` is how far its inner corners lie from the middle, 1 as far as its points."""
    x, y = centre
    return [
        (x + reach * math.sin(turn), y - reach * math.cos(turn))
        for k in range(2 * points)
        for turn, reach in [(math.pi * k / points, radius * (depth if k % 2 else 1))]
    ]


def _mullet(draw: ImageDraw.ImageDraw, centre: Point, radius: float, fill: Colour) -> None:
    draw.polygon(_star(centre, radius, 5, 0.42), fill=fill)


def _estoile(draw: ImageDraw.ImageDraw, centre: Point, radius: float, fill: Colour) -> None:
    draw.polygon(_star(centre, radius, 8, 0.55), fill=fill)


def _lozenge(draw: ImageDraw.ImageDraw, centre: Point, radius: float, fill: Colour) -> None:
    x, y = centre
    draw.polygon([(x, y - radius), (x + radius * 0.72, y), (x, y + radius), (x - radius * 0.72, y)], fill=fill)


def _roundel(draw: ImageDraw.ImageDraw, centre: Point, radius: float, fill: Colour) -> None:
    draw.polygon(_star(centre, radius * 0.82, 32, 1.0), fill=fill)


def _crescent(draw: ImageDraw.ImageDraw, centre: Point, radius: float, fill: Colour) -> None:
    """Horns upwards: an outer arc there, an inner arc back."""
    x, y = centre
    outer = [
        (x + radius * math.sin(turn), y + radius * math.cos(turn))
        for turn in (math.radians(-140 + 280 * k / 32) for k in range(33))
    ]
    inner_y = y - radius * 0.36
    inner = [
        (x + radius * 0.76 * math.sin(turn), inner_y + radius * 0.76 * math.cos(turn))
        for turn in (math.radians(122 - 244 * k / 32) for k in range(33))
    ]
    draw.polygon([*outer, *inner], fill=fill)


def _cross(draw: ImageDraw.ImageDraw, centre: Point, radius: float, fill: Colour) -> None:
    """Four arms that widen outwards."""
    x, y = centre
    for turn in range(4):
        cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[turn]
        corners = ((0, -0.13), (0.95, -0.5), (0.95, 0.5), (0, 0.13))
        draw.polygon(
            [(x + radius * (a * cos - b * sin), y + radius * (a * sin + b * cos)) for a, b in corners],
            fill=fill,
        )


OUTLINES: tuple[Callable[[float], list[Point]], ...] = (_shield, _shield, _round, _kite)
DIVISIONS: tuple[Callable[[Arms, Colour], None], ...] = (
    _halves,
    _quarters,
    _bend,
    _chevrons,
    _bars,
    _gyronny,
)
CHARGES: tuple[Callable[[ImageDraw.ImageDraw, Point, float, Colour], None], ...] = (
    _mullet,
    _estoile,
    _lozenge,
    _roundel,
    _crescent,
    _cross,
)
PLACES: tuple[tuple[tuple[float, float, float], ...], ...] = (
    ((0.5, 0.46, 0.24),),
    ((0.5, 0.46, 0.24),),
    ((0.33, 0.36, 0.125), (0.67, 0.36, 0.125), (0.5, 0.65, 0.125)),
)
"""Where charges stand, as parts of the side: one in the middle, or two above one."""
