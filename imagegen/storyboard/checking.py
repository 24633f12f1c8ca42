"""Is a value one that a storyboard can hold? Pure: each function gives it in the form that is kept, or raises
WrongInput."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from imagegen.errors import WrongInput
from imagegen.settings import MULTIPLE
from imagegen.storyboard.columns import LARGEST_SEED
from imagegen.storyboard.loras import lora
from imagegen.text import LONGEST

SMALLEST_SIDE, LARGEST_SIDE = 16, 16384
"""Pixels, as in the manifest's schema."""

LONGEST_NAME = 200
LONGEST_PATH = 400

_RATIO = re.compile(r"\s*(\d+(?:\.\d+)?)\s*[:/x×]\s*(\d+(?:\.\d+)?)\s*")  # noqa: RUF001


def text(what: str, value: Any, most: int = LONGEST) -> str:
    """A text of at most ``most`` letters, all of which every database can hold; blanks around it are left out."""
    if not isinstance(value, str):
        raise WrongInput(f"{what} is no text", "write it as text")
    kept = value.strip()
    if len(kept) > most:
        raise WrongInput(f"{what} has {len(kept)} letters; at most {most} can be", "shorten it")
    if "\0" in kept or any("\ud800" <= letter <= "\udfff" for letter in kept):
        raise WrongInput(f"{what} holds a letter that can't be kept", "write it anew")
    return kept


def name(what: str, value: Any) -> str:
    """A name of one line, not empty."""
    kept = text(what, value, LONGEST_NAME)
    if not kept or any(ord(letter) < 32 for letter in kept):
        raise WrongInput(f"{what} is empty" if not kept else f"{what} has more than one line", "give it a name")
    return kept


def seed(value: Any) -> int | None:
    """0 … 2**64−1, as a number or in digits; None for a derived one."""
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_SEED:
        raise WrongInput(f"seed is {str(value)[:40]!r}", f"a seed is a whole number from 0 to {LARGEST_SEED}, or none")
    return value


def lora_or_none(what: str, value: Any) -> str:
    """A LoRA's file, perhaps with its strength; or the empty text."""
    kept = text(what, value, LONGEST_PATH)
    if kept:
        try:
            lora(kept)
        except WrongInput as error:
            raise WrongInput(f"{what}: {error.problems[0].message}", error.problems[0].hint) from None
    return kept


def path(what: str, value: Any) -> str:
    """A file's path inside the project, written with ``/``."""
    kept = text(what, value, LONGEST_PATH).replace("\\", "/")
    posix = PurePosixPath(kept)
    if not kept or posix.is_absolute() or PureWindowsPath(kept).drive or ".." in posix.parts or kept == ".":
        raise WrongInput(f'{what} "{kept}" is no path inside the project', "count it from the project's folder")
    return str(posix)


def paths(what: str, value: Any) -> list[str]:
    """Paths in their order; none is there twice."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise WrongInput(f"{what} are no list of paths", "write them as a list")
    return list(dict.fromkeys(path(what, one) for one in value))


def side(what: str, value: Any) -> int:
    """A picture's side in pixels."""
    if isinstance(value, bool) or not isinstance(value, int) or not SMALLEST_SIDE <= value <= LARGEST_SIDE:
        raise WrongInput(f"{what} is {str(value)[:40]!r}", f"it is {SMALLEST_SIDE} to {LARGEST_SIDE} pixels")
    return value


def ratio(value: Any) -> str:
    """``16:9``; sides of a picture to each other."""
    found = _RATIO.fullmatch(value) if isinstance(value, str) and len(value) < 30 else None
    if not found or not float(found[1]) or not float(found[2]):
        raise WrongInput(f"aspect_ratio is {str(value)[:40]!r}", "write width:height, such as 16:9")
    return f"{found[1]}:{found[2]}"


def sides(written: str, longer: int, width: int | None = None, height: int | None = None) -> tuple[int, int]:
    """Width and height in that ratio: with the one that is given, else with ``longer`` pixels for the longer side.
    What follows is a multiple of 8, which is what the models work in.

    >>> sides("9:16", 1920)
    (1080, 1920)
    """
    proportion = _proportion(written)
    if width is None and height is None:
        width, height = (longer, None) if proportion >= 1 else (None, longer)
    found = (
        _following(height or 0, proportion) if width is None else width,
        _following(width or 0, 1 / proportion) if height is None else height,
    )
    if not all(SMALLEST_SIDE <= one <= LARGEST_SIDE for one in found):
        raise WrongInput(
            f"aspect_ratio {written} makes a picture of {found[0]} by {found[1]} pixels",
            f"a side is {SMALLEST_SIDE} to {LARGEST_SIDE} pixels",
        )
    return found


def ratio_of(width: int, height: int, written: str) -> str:
    """The ratio of a picture's sides: as it is ``written`` where they are that, give or take what makes them
    multiples, else in whole numbers."""
    try:
        proportion = _proportion(ratio(written))
    except WrongInput:  # another program wrote it
        proportion = 0.0
    if proportion and (abs(width - height * proportion) < MULTIPLE or abs(height - width / proportion) < MULTIPLE):
        return written
    divisor = math.gcd(width, height)
    return f"{width // divisor}:{height // divisor}"


def _following(side: int, times: float) -> int:
    pixels = round(side * times / MULTIPLE) * MULTIPLE
    return min(pixels, side) if times <= 1 else pixels  # a side of 364 in a square is no 368


def _proportion(written: str) -> float:
    across, _, down = written.partition(":")
    return float(across) / float(down)
