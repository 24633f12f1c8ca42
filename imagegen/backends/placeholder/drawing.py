"""One placeholder from its subject: the pattern, its light, and the card or emblem on top."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

from PIL import Image

from imagegen.backends.placeholder.card import card, words
from imagegen.backends.placeholder.chance import Chance
from imagegen.backends.placeholder.label import put
from imagegen.backends.placeholder.lettering import Faces
from imagegen.backends.placeholder.palette import Palette, mixed, palette
from imagegen.backends.placeholder.pattern import paint

COMPRESSION = 5
"""zlib's level, fixed because the bytes are to be the same every time. 6 takes up to 50 ms more for 5 %."""

LARGEST_PATTERN = 2_400_000
"""Pixels; a pattern of a larger picture is painted at this size and enlarged, which nobody sees."""


@dataclass(frozen=True)
class Subject:
    """What is drawn: sides in pixels, ``digest`` 64 hex digits, ``seed`` as it is to be read."""

    name: str
    prompt: str
    width: int
    height: int
    seed: str
    digest: str


def drawn(subject: Subject) -> bytes:
    """The picture as a PNG file, RGB, of exactly the subject's size."""
    colours = palette(Chance(subject.digest, "palette"))
    picture = ground(subject, colours)
    faces = Faces()
    said = words(subject.name, subject.prompt, subject.width, subject.height, subject.seed)
    label = card(said, subject.width, subject.height, faces)
    if label is not None:
        put(label, picture, colours, Chance(subject.digest, "emblem"), faces)
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=COMPRESSION)
    return file.getvalue()


def ground(subject: Subject, colours: Palette) -> Image.Image:
    """The pattern with its light, without words."""
    size = (subject.width, subject.height)
    pixels = size[0] * size[1]
    shrink = max(1.0, math.sqrt(pixels / LARGEST_PATTERN))
    small = (max(1, round(size[0] / shrink)), max(1, round(size[1] / shrink)))
    # Pillow draws without antialiasing: paint larger and reduce.
    larger = 4 if pixels <= 300_000 else 3
    if shrink > 1:
        larger = 2
    image = Image.new("RGB", (small[0] * larger, small[1] * larger))
    paint(image, colours, Chance(subject.digest, "pattern"))
    lit = _lit(image.reduce(larger), colours, Chance(subject.digest, "light"))
    return lit if lit.size == size else lit.resize(size, Image.Resampling.BICUBIC)


def _lit(image: Image.Image, colours: Palette, chance: Chance) -> Image.Image:
    """A soft light from above and darker corners."""
    fall = Image.radial_gradient("L")  # 256 x 256, black in the middle
    glow_box = (
        round(image.width * chance.between(-0.5, 0.1)),
        round(image.height * -0.55),
    )
    glow = Image.new("L", image.size)
    bright = fall.point([max(0, 66 - round(66 * v / 150)) for v in range(256)])
    glow.paste(bright.resize((round(image.width * 1.4), round(image.height * 1.4))), glow_box)
    dark = fall.point([round(96 * max(0, v - 70) ** 1.6 / 185**1.6) for v in range(256)])
    image.paste(mixed(colours.ramp[-1], colours.paper, 0.5), (0, 0), glow)
    image.paste(mixed(colours.ramp[0], colours.ink, 0.6), (0, 0), dark.resize(image.size))
    return image
