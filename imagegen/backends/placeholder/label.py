"""Draws what `card.py` has laid out: dark glass, an emblem, lines of words."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFilter

from imagegen.backends.placeholder.card import Box, Card, Line, inset
from imagegen.backends.placeholder.chance import Chance
from imagegen.backends.placeholder.emblem import FINER, emblem
from imagegen.backends.placeholder.lettering import Faces
from imagegen.backends.placeholder.palette import Colour, Palette, mixed

CAPITALS, SMALL_LETTERS = 0.70, 0.60
"""Height in ems of what has to look centred in its line; of the mark's word, which has no capitals."""


def put(laid: Card, image: Image.Image, colours: Palette, chance: Chance, faces: Faces) -> None:
    """Draw the label on ``image`` (RGB)."""
    if laid.panel:
        _panel(laid.panel, image, colours, laid.unit)
    if laid.emblem:
        arms = emblem(laid.emblem.width, colours, chance)
        image.paste(arms.convert("RGB"), (laid.emblem.left, laid.emblem.top), arms.getchannel("A"))
    tones = {
        "name": colours.paper,
        "prompt": mixed(colours.paper, colours.ink, 0.16),
        "facts": mixed(colours.paper, colours.ink, 0.36),
        "mark": colours.accent,
    }
    draw = ImageDraw.Draw(image)
    for line in laid.lines:
        if line.role == "mark":
            _frame(draw, line, mixed(colours.ink, colours.accent, 0.55))
        high = SMALL_LETTERS if line.role == "mark" else CAPITALS
        left = line.box.left + (inset(line.size) if line.role == "mark" else 0)
        baseline = round((line.box.top + line.box.bottom + line.size * high) / 2)
        draw.text((left, baseline), line.text, fill=tones[line.role], font=faces(line.size), anchor="ls")


def _frame(draw: ImageDraw.ImageDraw, line: Line, colour: Colour) -> None:
    box = line.box
    edges = (box.left, box.top, box.right - 1, box.bottom - 1)
    draw.rounded_rectangle(edges, box.height // 2, outline=colour, width=max(1, round(line.size / 14)))


def _panel(box: Box, image: Image.Image, colours: Palette, unit: int) -> None:
    """What is behind it shows, but dark and blurred, so that the pattern doesn't disturb the words."""
    size = (box.width, box.height)
    behind = image.crop((box.left, box.top, box.right, box.bottom))
    few = behind.reduce(max(1, min(unit // 3, *size))).filter(ImageFilter.GaussianBlur(2.5))
    glass = Image.blend(few.resize(size, Image.Resampling.BICUBIC), Image.new("RGB", size, colours.ink), 0.8)
    glass.paste(colours.accent, (0, 0, max(1, round(unit * 0.22)), box.height))
    image.paste(glass, (box.left, box.top), _rounded(size, min(round(unit * 0.55), *(s // 2 for s in size))))


def _rounded(size: tuple[int, int], radius: int) -> Image.Image:
    """A mask; only its corners are drawn larger and reduced, the whole would be much to draw."""
    mask = Image.new("L", size, 255)
    if not radius:
        return mask
    corner = Image.new("L", (radius * FINER, radius * FINER))
    across = 2 * radius * FINER - 1
    ImageDraw.Draw(corner).pieslice((0, 0, across, across), 180, 270, fill=255)
    corner = corner.reduce(FINER)
    right, bottom = size[0] - radius, size[1] - radius
    for turn, at in enumerate(((0, 0), (0, bottom), (right, bottom), (right, 0))):
        mask.paste(corner.rotate(90 * turn), at)
    return mask
