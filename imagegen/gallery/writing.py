"""A project's contact sheet, written into a folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from imagegen.errors import ImagegenError
from imagegen.files import inside
from imagegen.gallery.folder import Folder
from imagegen.gallery.sheet import Card, page
from imagegen.items import Item
from imagegen.session import Session
from imagegen.thumbnails import KIND, SIZE, drawn
from imagegen.verdict import State, Verdict

LARGE = 1600
"""Pixels of the longer side of what a click shows, where the pictures themselves are not copied."""

_STATIC = ("gallery.css", "gallery.js")
_NO_PICTURE = (State.MISSING, State.DAMAGED)


class _Seen(NamedTuple):
    thumbnail: str
    picture: str
    width: int
    height: int


def write(
    session: Session, items: Sequence[Item], out: Path, whole: bool, said: Callable[[int], None] = lambda done: None
) -> int:
    """Write the sheet of ``items``; ``whole`` copies the pictures as they are, else a click shows a smaller one.
    ``said`` is called with the number of pictures done. How many pictures are in it.

    Raises WrongInput and ImagegenError.
    """
    folder = Folder(out)
    all_of_it = len(items) == len(session.manifest.items)
    judged = session.judged_all() if all_of_it else session.judged(items)
    folder.begin()
    workers = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        jobs = [
            workers.submit(_seen, session, item, found, folder, whole)
            for item, found in zip(items, judged, strict=True)
        ]
        cards = []
        for number, (item, found, job) in enumerate(zip(items, judged, jobs, strict=True), 1):
            cards.append(_card(session, item, found, job.result()))
            said(number)
    finally:
        workers.shutdown(cancel_futures=True)
    here = Path(__file__).parent / "page"
    for name in _STATIC:
        folder.write(name, (here / name).read_bytes())
    folder.write("index.html", page(session.project.name, cards).encode(errors="replace"))
    folder.finish()
    return sum(bool(card.thumbnail) for card in cards)


def _seen(session: Session, item: Item, found: Verdict, folder: Folder, whole: bool) -> _Seen | None:
    """Small and large versions of an item's picture, written where the gallery has not got them; None without one."""
    path = session.manifest.path(item)
    if found.state in _NO_PICTURE or not any(inside(root, path) for root in (session.project, *session.options.allow)):
        return None  # a link out of the project: what a gallery shows, everybody may see
    try:
        data = path.read_bytes()
        name = f"{hashlib.sha256(data).hexdigest()[:24]}"
        small = f"thumbnails/{name}.{KIND}"
        large = f"pictures/{name}.{'png' if whole else KIND}"
        if not folder.has(small):
            thumbnail = drawn(path)
            if thumbnail is None:
                return None
            folder.write(small, thumbnail)
        if not folder.has(large):
            folder.write(large, data if whole else drawn(path, LARGE) or b"")
    except OSError as error:
        raise ImagegenError(f"can't read {item.target}: {error.strerror or error}") from error
    width, height = _size(folder.path / small)
    return _Seen(small, large, width, height)


def _size(path: Path) -> tuple[int, int]:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.size
    except OSError:
        return SIZE, SIZE


def _card(session: Session, item: Item, found: Verdict, seen: _Seen | None) -> Card:
    recipe = session.settled(item)
    open_record = item.way.record != "digest"  # such a picture tells nobody what it was made from
    return Card(
        item.task,
        item.name,
        found.state,
        found.reasons if open_record else (),
        str(recipe.get("seed", "")),
        item.way.backend,
        str(recipe.get("prompt", "")) if open_record else "",
        seen.thumbnail if seen else "",
        seen.picture if seen else "",
        seen.width if seen else SIZE,
        seen.height if seen else SIZE,
    )
