"""Patterns that are one picture: hills, rays, ripples, contours."""

from __future__ import annotations

import math

from PIL import Image

from imagegen.backends.placeholder.canvas import Canvas
from imagegen.backends.placeholder.palette import mixed


def hills(on: Canvas) -> None:
    """Ranges of hills, the nearest darkest, under a low sun."""
    chance, ramp = on.chance, on.colours.ramp
    short = min(on.width, on.height)
    sun = (on.width * chance.between(0.2, 0.8), on.height * chance.between(0.16, 0.36))
    on.image.paste(ramp[-2], (0, 0, on.width, on.height))
    for ring, part in ((0.62, 0.3), (0.45, 0.6), (0.31, 0.9)):
        on.disc(sun, short * ring, mixed(ramp[-2], ramp[-1], part))
    on.disc(sun, short * 0.16, mixed(on.colours.paper, on.colours.accent, chance.pick((0.0, 0.3, 0.6))))
    ranges = chance.whole(5, 7)
    stretch = max(short * 0.9, on.width / 24)
    for index in range(ranges):
        part = index / (ranges - 1)
        base = on.height * (0.36 + 0.52 * part**1.15)
        waves = [
            (stretch * chance.between(0.9, 1.5) / k, short * 0.075 / k, chance.between(0, math.tau))
            for k in (1, 2.3, 4.1)
        ]
        count = max(48, int(on.width / stretch * 56))
        ridge = []
        for number in range(count + 1):
            x = on.width * number / count
            lift = sum(high * math.sin(math.tau * x / long + turn) for long, high, turn in waves)
            ridge.append((x, base - lift))
        fill = mixed(ramp[-3], ramp[0], part)
        on.draw.polygon([(0, on.height), *ridge, (on.width, on.height)], fill=fill)


def rays(on: Canvas) -> None:
    """Beams from one point, broken by rings in which light and dark change places."""
    chance = on.chance
    centre = (on.width * chance.between(0.25, 0.75), on.height * chance.between(0.15, 0.6))
    reach = 1.1 * math.hypot(max(centre[0], on.width - centre[0]), max(centre[1], on.height - centre[1]))
    beams, start = 2 * chance.whole(8, 15), chance.between(0, math.tau)
    level, short = chance.between(0.0, 0.15), min(on.width, on.height)
    inner = [short * part for part in (0.95, 0.68, 0.46, 0.29)]
    for ring, radius in enumerate([reach, *(r for r in inner if r < reach * 0.85)]):
        tones = (on.colours.at(level + 0.05 + 0.17 * ring), on.colours.at(level + 0.22 + 0.17 * ring))
        on.disc(centre, radius, tones[0])
        for beam in range(ring % 2, beams, 2):
            # Bent outwards at the rim, where the chord of a wide beam would leave a gap in the ring.
            angles = [start + math.tau * (beam + k / 4) / beams for k in range(5)]
            rim = [(centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a)) for a in angles]
            on.draw.polygon([centre, *rim], fill=tones[1])
    on.disc(centre, short * 0.165, on.colours.paper)
    on.disc(centre, short * 0.145, on.colours.accent)


def ripples(on: Canvas) -> None:
    """Rings of rain on a pond, the later over the earlier."""
    chance, short = on.chance, min(on.width, on.height)
    on.image.paste(on.colours.ramp[0], (0, 0, on.width, on.height))
    side = max(short / 2.2, on.tile(99) * 2)
    columns, rows = math.ceil(on.width / side), math.ceil(on.height / side)
    drops = sorted(
        (chance.unit(), (column + chance.between(0.1, 0.9), row + chance.between(0.1, 0.9)))
        for row in range(rows)
        for column in range(columns)
    )
    for index, (_, (across, down)) in enumerate(drops):
        drop = (across * on.width / columns, down * on.height / rows)
        radius, rings = side * chance.between(0.7, 1.0), chance.whole(5, 8)
        low = 0.6 * index / len(drops)
        for ring in range(rings):
            part = ring / rings
            tone = on.colours.at(low + 0.5 * part + (0.14 if ring % 2 else -0.06))
            on.disc(drop, radius * (1 - part), tone)
        on.disc(drop, radius / rings * 0.45, on.colours.accent if chance.yes(0.4) else on.colours.paper)


def contours(on: Canvas) -> None:
    """Sheets of paper cut along a map's lines of height, each casting a shadow on the one below."""
    chance = on.chance
    side = on.tile(chance.between(2.6, 4.2))
    grid = (math.ceil(on.width / side) + 2, math.ceil(on.height / side) + 2)
    coarse = Image.frombytes("L", grid, bytes(chance.whole(0, 255) for _ in range(grid[0] * grid[1])))
    # The middle of the outermost squares is cut off: there the curve would run flat. Floats, because
    # whole numbers rounded once across and once down make ragged edges.
    box = (0.5, 0.5, grid[0] - 0.5, grid[1] - 0.5)
    size = (on.width, on.height)
    heights = coarse.convert("F").resize(size, Image.Resampling.BICUBIC, box=box).convert("L")
    sheets, tones = len(on.colours.ramp) + 1, []
    for height in range(256):
        sheet, near = divmod(height / 256 * sheets, 1)
        tone = mixed(on.colours.at((sheet - 0.5) / (sheets - 1)), on.colours.at(sheet / (sheets - 1)), 0.5)
        shade = 0.42 * max(0.0, (near - 0.35) / 0.65) ** 2
        tones.append(mixed(tone, on.colours.ink, shade if sheet < sheets - 1 else 0))
    heights.putpalette([part for tone in tones for part in tone])
    on.image.paste(heights.convert("RGB"))
