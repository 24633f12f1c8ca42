"""Patterns of many like pieces: hexes, scales, weave, glass, quarters."""

from __future__ import annotations

import math
from collections.abc import Iterator

from imagegen.backends.placeholder.canvas import Canvas, Point
from imagegen.backends.placeholder.palette import Colour, mixed


def hexes(on: Canvas) -> None:
    """A honeycomb, each cell with a smaller one set in it."""
    radius = on.tile(on.chance.between(7, 11)) * 0.62
    heights, upright = on.field(min(on.width, on.height) * 0.9), on.chance.yes()
    inset = on.chance.between(0.42, 0.66)
    on.image.paste(mixed(on.colours.ramp[0], on.colours.ink, 0.5), (0, 0, on.width, on.height))
    wide, high = math.sqrt(3) * radius, 1.5 * radius
    across, down = (on.width, on.height) if upright else (on.height, on.width)
    for row in range(-1, int(down / high) + 3):
        for column in range(-1, int(across / wide) + 3):
            x, y = (column + 0.5 * (row % 2)) * wide, row * high
            if not upright:
                x, y = y, x
            level = heights(x, y) + on.chance.between(-0.10, 0.10)
            turn = math.pi / 6 if upright else 0
            on.draw.polygon(list(_ring(x, y, radius * 0.955, 6, turn)), fill=on.colours.at(level))
            inner = on.colours.accent if on.chance.yes(0.035) else on.colours.at(level + 0.15)
            on.draw.polygon(list(_ring(x, y, radius * inset, 6, turn)), fill=inner)


def scales(on: Canvas) -> None:
    """Overlapping circles with circles in them, row before row, as waves are drawn in Japan."""
    radius = on.tile(on.chance.between(4.5, 8)) * 0.72
    heights = on.field(min(on.width, on.height) * 1.1)
    rings = on.chance.whole(3, 5)
    for row in range(-1, int(2 * on.height / radius) + 4):
        for column in range(-1, int(on.width / radius / 2) + 2):
            x, y = (2 * column + row % 2) * radius, row * radius / 2
            level = heights(x, y)
            rim = mixed(on.colours.at(level - 0.5), on.colours.ink, 0.25)
            on.disc((x, y), radius, rim)
            for ring in range(rings):
                size = radius * (0.93 - 0.78 * ring / rings)
                on.disc((x, y), size, on.colours.at(level + (0.22 if ring % 2 == 0 else -0.12)))


def weave(on: Canvas) -> None:
    """Bands over and under each other, laid askew."""
    chance = on.chance
    pitch = on.tile(chance.between(7, 11)) * 1.1
    band, float_over = pitch * chance.between(0.76, 0.88), chance.pick((2, 2, 3))
    angle = math.radians(chance.pick((45, 45, 30, 60, 0)))
    cos, sin = math.cos(angle), math.sin(angle)
    middle = (on.width / 2, on.height / 2)
    warp = [chance.between(0.45, 1.0) for _ in range(chance.whole(3, 5))]
    weft = [chance.between(0.0, 0.5) for _ in range(chance.whole(3, 5))]
    dark = mixed(on.colours.ramp[0], on.colours.ink, 0.6)
    on.image.paste(dark, (0, 0, on.width, on.height))

    def block(u: float, v: float, wide: float, high: float, fill: Colour) -> None:
        corners = ((u - wide, v - high), (u + wide, v - high), (u + wide, v + high), (u - wide, v + high))
        on.draw.polygon([(middle[0] + a * cos - b * sin, middle[1] + a * sin + b * cos) for a, b in corners], fill=fill)

    # As far as the canvas reaches along either slanted axis, and one more.
    far_u = int((on.width * abs(cos) + on.height * abs(sin)) / 2 / pitch) + 2
    far_v = int((on.width * abs(sin) + on.height * abs(cos)) / 2 / pitch) + 2
    for i in range(-far_u, far_u + 1):
        for j in range(-far_v, far_v + 1):
            u, v = i * pitch, j * pitch
            x, y = middle[0] + u * cos - v * sin, middle[1] + u * sin + v * cos
            if not (-pitch < x < on.width + pitch and -pitch < y < on.height + pitch):
                continue
            down, along = on.colours.at(warp[i % len(warp)]), on.colours.at(weft[j % len(weft)])
            shade = mixed(dark, along, 0.45), mixed(dark, down, 0.45)
            over = (i + j) % float_over == 0
            # The lower band goes dark where it dives under the upper one.
            if over:
                block(u, v, pitch / 2, band / 2, shade[0])
                block(u, v, band / 2, pitch / 2, down)
                block(u, v, band / 9, pitch / 2, mixed(down, on.colours.paper, 0.22))
            else:
                block(u, v, band / 2, pitch / 2, shade[1])
                block(u, v, pitch / 2, band / 2, along)
                block(u, v, pitch / 2, band / 9, mixed(along, on.colours.paper, 0.22))


def glass(on: Canvas) -> None:
    """Stained glass: triangles of uneven shape between lines of lead."""
    chance, side = on.chance, on.tile(on.chance.between(4.5, 7.5))
    heights = on.field(min(on.width, on.height) * 0.8)
    columns, rows = math.ceil(on.width / side) + 2, math.ceil(on.height / side) + 2

    def corner(column: int, row: int) -> Point:
        return (
            (column - 0.75 + chance.between(-0.3, 0.3)) * side,
            (row - 0.75 + chance.between(-0.3, 0.3)) * side,
        )

    net = [[corner(column, row) for column in range(columns + 1)] for row in range(rows + 1)]
    lead, width = mixed(on.colours.ramp[0], on.colours.ink, 0.75), max(1, round(side * 0.035))
    for row in range(rows):
        for column in range(columns):
            a, b = net[row][column], net[row][column + 1]
            d, c = net[row + 1][column], net[row + 1][column + 1]
            halves = ((a, b, c), (a, c, d)) if chance.yes() else ((a, b, d), (b, c, d))
            for half in halves:
                x, y = sum(p[0] for p in half) / 3, sum(p[1] for p in half) / 3
                fill = on.colours.at(heights(x, y) + chance.between(-0.20, 0.20))
                on.draw.polygon(half, fill=on.colours.accent if chance.yes(0.03) else fill)
                on.draw.line([*half, half[0]], fill=lead, width=width, joint="curve")


def quarters(on: Canvas) -> None:
    """Square tiles with quarters and halves of circles, as the Bauhaus liked them."""
    chance, side = on.chance, on.tile(on.chance.between(4, 7))
    heights = on.field(min(on.width, on.height) * 1.2)
    left, top = (on.width % side - side) / 2, (on.height % side - side) / 2
    for row in range(int(on.height / side) + 2):
        for column in range(int(on.width / side) + 2):
            x, y = left + column * side, top + row * side
            level = heights(x, y) + chance.between(-0.15, 0.15)
            ground = on.colours.at(level)
            figure = on.colours.at(level + 0.45 if level < 0.5 else level - 0.45)
            if chance.yes(0.08):
                figure = on.colours.accent
            on.draw.rectangle((x, y, x + side, y + side), fill=ground)
            _motif(on, chance.whole(0, 5), chance.whole(0, 3), (x, y), side, (figure, ground))


def _motif(on: Canvas, kind: int, turn: int, at: Point, side: float, tones: tuple[Colour, Colour]) -> None:
    x, y = at
    figure, ground = tones
    corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
    here, there = corners[turn], corners[(turn + 2) % 4]

    def quarter(centre: Point, which: int, radius: float, fill: Colour) -> None:
        a, b = centre
        box = (a - radius, b - radius, a + radius, b + radius)
        on.draw.pieslice(box, 90 * which, 90 * which + 90, fill=fill)

    if kind == 0:
        quarter(here, turn, side, figure)
        quarter(here, turn, side * 0.5, ground)
    elif kind == 1:
        quarter(here, turn, side, figure)
    elif kind == 2:
        quarter(here, turn, side / 2, figure)
        quarter(there, turn + 2, side / 2, figure)
    elif kind == 3:
        on.disc((x + side / 2, y + side / 2), side * 0.36, figure)
        on.disc((x + side / 2, y + side / 2), side * 0.14, ground)
    elif kind == 4:
        on.draw.polygon([here, corners[(turn + 1) % 4], there], fill=figure)
    else:
        middle = ((here[0] + corners[(turn + 1) % 4][0]) / 2, (here[1] + corners[(turn + 1) % 4][1]) / 2)
        a, b = middle
        box = (a - side / 2, b - side / 2, a + side / 2, b + side / 2)
        on.draw.pieslice(box, 90 * turn, 90 * turn + 180, fill=figure)


def _ring(x: float, y: float, radius: float, corners: int, turn: float) -> Iterator[Point]:
    for corner in range(corners):
        angle = turn + math.tau * corner / corners
        yield (x + radius * math.cos(angle), y + radius * math.sin(angle))
