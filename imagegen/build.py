"""One item: verdict → backend → check → replace. The only place that writes over a target."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagegen import draws, files, png, previous, recipe, stamp, verdict
from imagegen.backends.base import ATTEMPTS, Attempts, Backend, Order, Watch
from imagegen.errors import BuildFailed
from imagegen.items import Item
from imagegen.png import NotWhole
from imagegen.progress import Listener, Made, Note, Preview, Skipped, Started, Step
from imagegen.record import FromTheFuture
from imagegen.seen import A_FOLDER, Kind, Seen, closely
from imagegen.verdict import Action, Overwrite, State


@dataclass(frozen=True)
class Wish:
    """What a run wants of one item, as far as the item itself does not say it.

    ``again`` makes fresh ones too, ``reseed`` draws a random seed anew, ``only_missing`` touches nothing
    that is there. ``known`` are the digests of what the recipe only names; ``allowed`` the folders that
    may be written to; ``attempts`` is how often the image may be tried before it fails.
    """

    overwrite: Overwrite
    again: bool = False
    reseed: bool = False
    only_missing: bool = False
    known: Mapping[str, str] = field(default_factory=dict)
    allowed: tuple[Path, ...] = ()
    attempts: int = ATTEMPTS


def order_of(item: Item, project: Path, made: recipe.Recipe) -> Order:
    """The order for an item whose recipe, with its seed settled, is ``made``."""
    used: dict[str, list[Path]] = {"workflow": [project / item.way.workflow]} if item.way.workflow else {}
    for one in item.ingredients:
        used.setdefault(one.setting, []).append(project / one.path)
    return Order(
        item.task,
        item.name,
        made,
        recipe.digest(made),
        item.way.timeout,
        item.way.queue_timeout,
        {setting: tuple(paths) for setting, paths in used.items()},
    )


def build(
    item: Item,
    project: Path,
    wish: Wish,
    backend: Backend,
    cancelled: Any,
    tell: Listener,
    took: Callable[[recipe.Recipe, float], None] = lambda made, seconds: None,
    wanted_later: Callable[[str, str], bool] = lambda task, digest: False,
    leaving: Any = None,
) -> Made | Skipped:
    """Make the item's picture if that is to be done. ``cancelled`` ends this image, ``leaving`` (the same unless
    given) all that the backend has under way.

    Raises BuildFailed (refused, could not be made, could not be written; its ``attempts`` are those that were
    spent) or Interrupted; whatever it raises, the target is what it was before.
    """
    path = project / item.target
    with files.locked(project, path, cancelled) as waited:
        seen = closely(path)
        wanted = json.loads(item.recipe)
        digest_only = item.way.record == "digest"
        found = verdict.judge(wanted, wish.known, seen, digest_only)
        again = (wish.again or wish.reseed) and not waited  # another run has just made it
        todo = verdict.action(found.state, wish.overwrite, wish.only_missing, again)
        if todo is Action.LEAVE:
            return Skipped(
                item.task, item.target, "another run made it" if waited and found.fresh else found.state.value
            )
        if todo is Action.REFUSE:
            raise refused(item, found)
        made = _settled(wanted, seen, lambda: _drawn(project, item.target, wish.reseed), wish.reseed)
        _may_write(path, project, wish.allowed)
        if found.reasons == (verdict.WANTS_DIGESTS,) and not again:
            replace(project, item.target, stamp.adopted(seen.data, made, wish.known, digest_only))
            return Skipped(item.task, item.target, "its record was rewritten, the picture is as it was")
        began = time.monotonic()

        def started() -> None:
            nonlocal began
            began = time.monotonic()
            tell(Started(item.task))

        watch = Watch(
            cancelled,
            started,
            lambda value, total: tell(Step(item.task, value, total)),
            flaw=_flaw,
            note=lambda text: tell(Note(message=text)),
            attempts=Attempts(wish.attempts),
            wanted=wanted_later,
            preview=lambda data, kind: tell(Preview(item.task, data, kind)),
            leaving=leaving,
        )
        watch.check()
        try:
            picture = backend.generate(order_of(item, project, made), watch)
        except BuildFailed as error:
            error.attempts = watch.attempts.used
            raise
        seconds = time.monotonic() - began
        for note in (*picture.notes, *_checked_size(picture.png, made)):
            tell(Note(item.task, note))
        try:
            data = stamp.made(picture.png, made, {**picture.known, **wish.known}, picture.texts, digest_only)
        except NotWhole as error:
            raise BuildFailed(f"what the backend gave is no whole PNG: {error}") from error
        _unchanged_since(item, path, seen, wish.overwrite)
        _stays_inside(path, project, wish.allowed)  # the folder may have become a link meanwhile
        replace(project, item.target, data)
        if wanted.get("seed") == recipe.RANDOM:
            draws.used(project, item.target)
        picture.settle()
        took(made, seconds)
        return Made(item.task, item.target, made.get("seed"), round(seconds, 2), found.reasons)


def refused(item: Item, found: verdict.Verdict) -> BuildFailed:
    """Why an item's target is left as it is."""
    what = {
        State.EDITED: "somebody edited it",
        State.FOREIGN: "it is not ours",
        State.DAMAGED: "it is no whole PNG",
    }[found.state]
    reason = f" ({found.reasons[0]})" if found.reasons else ""
    if found.reasons[:1] == (A_FOLDER,):
        return BuildFailed(f"{item.target} is a folder", "move it away")
    return BuildFailed(f"{item.target} is left alone: {what}{reason}", verdict.MEND[found.state].format(task=item.task))


def _unchanged_since(item: Item, path: Path, seen: Seen, overwrite: Overwrite) -> None:
    """Making an image takes minutes, in which somebody may have put a picture there: it is theirs."""
    now = closely(path)
    if overwrite is not Overwrite.ALWAYS and (now.kind, now.data) != (seen.kind, seen.data):
        raise BuildFailed(
            f"{item.target} was changed while its image was being made: it is left alone",
            verdict.MEND[State.FOREIGN].format(task=item.task),
        )


def replace(project: Path, target: str, data: bytes) -> None:
    """Put ``data`` in the target's place, whole or not at all; what is there is kept. The caller holds
    the lock. Raises BuildFailed."""
    path = project / target
    try:
        files.sweep(path)
        if os.path.lexists(path):
            previous.keep(project, target)
        files.write_whole(path, data)
    except OSError as error:
        raise BuildFailed(f"can't write {target}: {error.strerror or error}", "what was there is as it was") from error


def remove(
    item: Item, project: Path, known: Mapping[str, str], allowed: tuple[Path, ...], cancelled: Any, dry_run: bool
) -> None:
    """Remove a target that is ours as we wrote it, looked at once more under its lock. Raises BuildFailed."""
    path = project / item.target
    _stays_inside(path, project, allowed)
    if dry_run:
        return
    with files.locked(project, path, cancelled):
        seen = closely(path)
        if verdict.judge(json.loads(item.recipe), known, seen).state in (State.FRESH, State.STALE):
            try:
                if seen.record is not None and seen.record.adopted:  # a person's work: no run can make it again
                    previous.keep(project, item.target)
                path.unlink()
            except OSError as error:
                raise BuildFailed(f"can't remove {item.target}: {error.strerror or error}") from error


def _settled(
    wanted: recipe.Recipe, seen: Seen, draw: Callable[[], int] = recipe.drawn_seed, reseed: bool = False
) -> dict[str, Any]:
    """The recipe with its seed as a number: a random one is the record's, or drawn now."""
    made = dict(wanted)
    if made.get("seed") == recipe.RANDOM:
        kept = seen.record.seed if seen.record and not reseed else None
        made["seed"] = kept if isinstance(kept, int) else draw()
    return made


def _drawn(project: Path, target: str, anew: bool) -> int:
    kept = None if anew else draws.kept(project, target)
    return draws.draw(project, target) if kept is None else kept


def _stays_inside(path: Path, project: Path, allowed: tuple[Path, ...]) -> None:
    if not any(files.inside(root, path.parent) for root in (project, *allowed)):
        raise BuildFailed(
            f"{path.parent} leads out of the project by a link",
            f"if that is meant, allow it: --allow-path {path.parent.resolve()}",
        )


def _may_write(path: Path, project: Path, allowed: tuple[Path, ...]) -> None:
    """Before anything is spent on the image: can it be put there at all?"""
    _stays_inside(path, project, allowed)
    if path.is_dir():
        raise BuildFailed(f"{path} is a folder", "move it away")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BuildFailed(f"can't make the folder {path.parent}: {error.strerror or error}") from error
    if not files.writable(path.parent):
        raise BuildFailed(f"can't write to the folder {path.parent}", "its permissions do not allow it")


def _flaw(data: bytes) -> str:
    try:
        for _ in png.chunks(data):
            pass
    except NotWhole as error:
        return str(error)
    return ""


def _checked_size(data: bytes, made: recipe.Recipe) -> Iterator[str]:
    """Is it of the asked size? Looked at before pixels are decoded, so that a header of 50,000 × 50,000 costs
    nothing. A workflow may scale what it made, which is worth a note. Raises BuildFailed."""
    try:
        size = png.size_of(next(iter(png.chunks(data))))
    except NotWhole as error:
        raise BuildFailed(f"what the backend gave is no PNG: {error}") from error
    asked = made.get("width"), made.get("height")
    if None in asked or size == asked:
        return
    if "workflow" not in made:
        raise BuildFailed(f"the backend gave {size[0]} × {size[1]} pixels, {asked[0]} × {asked[1]} were asked for")
    yield f"it has {size[0]} × {size[1]} pixels; the workflow was asked for {asked[0]} × {asked[1]}"


@dataclass(frozen=True)
class Adopted:
    """``changed`` says whether the target's file is another now; ``notes`` are for the user."""

    changed: bool
    notes: tuple[str, ...] = ()


def adopt(
    item: Item,
    project: Path,
    known: Mapping[str, str],
    allowed: tuple[Path, ...],
    cancelled: Any,
    data: bytes | None = None,
) -> Adopted:
    """Accept what stands at the target (or ``data`` in its place) for the item's recipe, generating
    nothing. Raises BuildFailed."""
    path = project / item.target
    _may_write(path, project, allowed)
    with files.locked(project, path, cancelled):
        seen = closely(path)
        given = seen.data if data is None else data
        if data is None and seen.kind in (Kind.MISSING, Kind.DAMAGED):
            what = "there is no file" if seen.kind is Kind.MISSING else seen.why
            raise BuildFailed(f"can't adopt {item.target}: {what}")
        try:
            size = png.size_of(next(iter(png.chunks(given))))
            made = _settled(json.loads(item.recipe), _seen_in(given))
            dressed = stamp.adopted(given, made, known, item.way.record == "digest")
        except (NotWhole, FromTheFuture) as error:
            raise BuildFailed(f"can't adopt {item.target}: {error}") from error
        notes = []
        if size != (made.get("width", size[0]), made.get("height", size[1])):
            notes.append(f"it has {size[0]} × {size[1]} pixels, the recipe asks for {made['width']} × {made['height']}")
        changed = dressed != seen.data
        if changed:
            replace(project, item.target, dressed)
        return Adopted(changed, tuple(notes))


def _seen_in(data: bytes) -> Seen:
    """The record in a picture's bytes, for its seed."""
    from imagegen import record

    for chunk in png.chunks(data):
        if chunk.kind in png.TEXT_CHUNKS and (found := record.read(chunk)):
            return Seen(Kind.OURS, found)
    return Seen(Kind.FOREIGN)
