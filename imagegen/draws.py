"""Random seeds that were drawn for images that are not there yet, kept until they are: a run that was
killed goes on with the same ones, and so finds on the server what it had asked for."""

from __future__ import annotations

import hashlib
from pathlib import Path

from imagegen import recipe
from imagegen.files import STATE, write_whole


def kept(project: Path, target: str) -> int | None:
    """The seed drawn earlier for ``target``, if it was not used up. The caller may hold no lock."""
    try:
        number = int(_place(project, target).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return number if 0 < number < 2**32 else None


def draw(project: Path, target: str) -> int:
    """A new seed, noted before anything is made with it. The caller holds the target's lock."""
    number = recipe.drawn_seed()
    try:
        write_whole(_place(project, target), str(number).encode("ascii"))
    except OSError:
        return number  # a kill would then lose it, no more
    return number


def used(project: Path, target: str) -> None:
    """The picture is there, and its record keeps the seed."""
    try:
        _place(project, target).unlink(missing_ok=True)
    except OSError:
        return  # the record wins


def _place(project: Path, target: str) -> Path:
    return project / STATE / "seeds" / hashlib.sha256(target.encode("utf-8", "surrogatepass")).hexdigest()[:24]
