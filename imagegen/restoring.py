"""Bringing back an earlier version of a picture, and accepting it for the current recipe."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from imagegen import png, previous
from imagegen.errors import BuildFailed
from imagegen.items import Item
from imagegen.session import Session


class Restored(NamedTuple):
    """Where the version was (counted from the project, with ``/``), and what the user should know."""

    where: str
    notes: tuple[str, ...]


def restore(session: Session, item: Item, number: int | None = None) -> Restored:
    """Bring back version ``number``, else the newest kept one that is another picture than the one that stands
    there; what stood there becomes the newest previous version. Raises BuildFailed."""
    kept = previous.versions(session.project, item.target)
    if number is not None:
        kept = [version for version in kept if int(version.stem) == number]
    if not kept:
        which = "" if number is None else f" with the number {number}"
        raise BuildFailed(f"no previous version of {item.target}{which} is kept")
    flaws = []
    for version in reversed(kept):
        where = version.relative_to(session.project).as_posix()
        try:
            data = _whole(version)
        except BuildFailed as error:
            flaws.append(f"{where} {error.message}")
            continue
        done = session.workshop.adopt(item, data)
        if done.changed:
            version.unlink(missing_ok=True)  # it stands at the target now
            return Restored(where, (*done.notes, *(f"passed over: {flaw}" for flaw in flaws)))
    if flaws:
        raise BuildFailed("; ".join(flaws))
    if number is not None:
        raise BuildFailed(f"{item.target} is that version already")
    raise BuildFailed(f"no other version of {item.target} is kept: it is the previous one already")


def _whole(version: Path) -> bytes:
    """The bytes of a whole PNG. Raises BuildFailed."""
    try:
        data = version.read_bytes()
        for _ in png.chunks(data):
            pass
    except OSError as error:
        raise BuildFailed(f"can't be read: {error.strerror or error}") from error
    except png.NotWhole as error:
        raise BuildFailed(f"is no whole PNG: {error}") from error
    return data
