"""Words in the one typeface that comes with Pillow: what it can write, and where lines break.

No system fonts, because the same pixels are to come out on every machine. Pillow's Aileron has hardly
more than ASCII; what it lacks is written in Latin letters, and what can't be is not written at all.
"""

from __future__ import annotations

import importlib
import re
import threading
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice

from PIL import ImageFont

SMALLEST = 9
"""Pixels an em; smaller type can't be read."""

LONGEST = 900
"""Characters of a text that are looked at: more never fit, and a prompt may have thousands."""

FEWEST = 5
"""Characters that have to be left of a text that is cut off, or it says nothing."""

_NOWHERE = "\U0010ffff"
"""Never a character, so every font answers with the box for what it lacks."""

_PIECES = re.compile(r"(?<=[\s_/-])")
_measuring = threading.Lock()


class Faces:
    """The typeface in the sizes that one picture needs.

    Kept for one picture and not for all: FreeType's faces are not to be shared between threads.
    """

    def __init__(self) -> None:
        self._sizes: dict[int, ImageFont.FreeTypeFont] = {}

    def __call__(self, size: int) -> ImageFont.FreeTypeFont:
        """``size`` in pixels an em. Raises LookupError where Pillow was built without FreeType."""
        if size not in self._sizes:
            self._sizes[size] = _face(size)
        return self._sizes[size]

    def length(self, text: str, size: int) -> float:
        """How far ``text`` reaches, in pixels."""
        return float(self(size).getlength(text))


def available() -> bool:
    """Can anything be written at all: was Pillow built with FreeType?"""
    try:
        _face(SMALLEST)
    except LookupError:
        return False
    return True


@lru_cache(maxsize=8192)
def covers(char: str) -> bool:
    """Has the typeface a visible drawing of its own for this character (the blank counts, too)?

    Pillow tells no font's list of characters, so its drawing is compared with the one for what is not
    there: at 32 pixels no character of Aileron looks like that box.
    """
    if char == " ":
        return True
    # Marks would be set beside their letter, and controls do who knows what.
    if unicodedata.category(char)[0] in "MCZ":
        return False
    face, missing = _specimen()
    with _measuring:
        mask = face.getmask(char)
    return mask.getbbox() is not None and (mask.size, bytes(mask)) != missing


def legible(text: str) -> str:
    """``text`` with only what :func:`covers` has; empty where too little of it could be read.

    One line, blanks single. ``Ελένη`` becomes ``Elene``, ``é`` ``e``, ``①`` ``1``. Symbols and emoji
    beside words are left out; a text of which more letters are lost than kept isn't a text any more.
    """
    one_line = " ".join(text.split())
    shown = unicodedata.normalize("NFC", one_line[:LONGEST])
    written = [_written(char) for char in shown]
    result = " ".join("".join(written).split())
    lost = [unicodedata.category(c)[0] for c, form in zip(shown, written, strict=True) if not form.strip()]
    letters = sum(unicodedata.category(char)[0] in "LN" for char in shown)
    if 2 * sum(kind in "LN" for kind in lost) > letters:
        return ""
    # What is left of "🐉!" says nothing; a name that is "!!!" is just that.
    if any(kind in "LNSP" for kind in lost) and not any(char.isalnum() for char in result):
        return ""
    return result + (ellipsis() if result and len(one_line) > LONGEST else "")


def ellipsis() -> str:
    return "…" if covers("…") else "..."


def times() -> str:
    """What stands between width and height."""
    return "×" if covers("×") else "x"


def dot() -> str:
    """What stands between two things in one line."""
    return "·" if covers("·") else "-"


def wrapped(text: str, faces: Faces, size: int, width: float, most: int, cut: bool) -> list[str] | None:
    """``text`` in at most ``most`` lines of ``width`` pixels, or None where it doesn't fit.

    With ``cut`` a word that is too long is broken anywhere and a text that is too long ends in an
    ellipsis; None then means that too little would be left.
    """
    pieces = _PIECES.split(text)
    if not cut and any(faces.length(piece.rstrip(), size) > width for piece in pieces):
        return None
    lines = list(islice(_broken(pieces, faces, size, width), most + 1))
    if len(lines) > most:
        if not cut:
            return None
        end = ellipsis()
        last = lines[most - 1]
        last = last[: _fitting(last, faces, size, width - faces.length(end, size))].rstrip(" ,.;:-_")
        lines = [*lines[: most - 1], last + end]
        if sum(map(len, lines)) - len(end) < FEWEST:
            return None
    return lines if all(faces.length(line, size) <= width for line in lines) else None


def balanced(text: str, faces: Faces, size: int, width: float, most: int) -> list[str] | None:
    """As :func:`wrapped` without ``cut``, but the lines about equally long."""
    lines = wrapped(text, faces, size, width, most, cut=False)
    if lines is None or len(lines) < 2:
        return lines
    for part in range(50, 100, 5):
        narrower = wrapped(text, faces, size, width * part / 100, len(lines), cut=False)
        if narrower is not None:
            return narrower
    return lines


def _broken(pieces: list[str], faces: Faces, size: int, width: float) -> Iterator[str]:
    """Lines as full as they get; a piece longer than a line is broken where the line ends."""
    line = ""
    for piece in pieces:
        if faces.length((line + piece).rstrip(), size) <= width:
            line += piece
            continue
        if line.strip():
            yield line.strip()
        line = piece
        while faces.length(line.rstrip(), size) > width:
            fitting = max(1, _fitting(line, faces, size, width))
            yield line[:fitting]
            line = line[fitting:]
    if line.strip():
        yield line.strip()


def _fitting(text: str, faces: Faces, size: int, width: float) -> int:
    """How many of the first characters fit."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if faces.length(text[:middle], size) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def _written(char: str) -> str:
    """One character as the typeface can write it: itself, a plainer form, Latin letters, or nothing."""
    if char.isspace():
        return " "
    if unicodedata.category(char)[0] == "C":
        return ""
    # A Greek letter that the typeface happens to have would stand alone among Latin ones.
    if covers(char) and (char.isascii() or not char.isalpha() or "LATIN" in unicodedata.name(char, "")):
        return char
    plain = unicodedata.normalize("NFKC", char)
    if plain != char and all(map(covers, plain)):
        return plain
    latin = "".join(map(_unidecode(), plain))
    # Its tables say [?] where they know that they don't know.
    return "" if "[?]" in latin or not all(map(covers, latin)) else latin


@lru_cache(maxsize=1)
def _unidecode() -> Callable[[str], str]:
    """What python-slugify brings; text-unidecode first, because that is what it brings everywhere."""
    for module in ("text_unidecode", "unidecode"):
        try:
            decode: Callable[[str], str] = importlib.import_module(module).unidecode
        except ImportError:
            continue
        return decode
    return lambda char: ""


@lru_cache(maxsize=1)
def _specimen() -> tuple[ImageFont.FreeTypeFont, tuple[tuple[int, int], bytes]]:
    """A face to measure characters with, and its box for those it lacks."""
    face = _face(32)
    box = face.getmask(_NOWHERE)
    return face, (box.size, bytes(box))


def _face(size: int) -> ImageFont.FreeTypeFont:
    try:
        face = ImageFont.load_default(size)
    except ImportError as error:
        raise LookupError("Pillow was built without FreeType") from error
    if not isinstance(face, ImageFont.FreeTypeFont):
        raise LookupError("Pillow was built without FreeType")
    return face
