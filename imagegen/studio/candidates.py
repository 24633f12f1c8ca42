"""Another picture for an item, with another seed, beside its target until it is kept or discarded."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path, PurePosixPath

from imagegen import build, files, own_folder, seen, verdict
from imagegen.errors import BuildFailed
from imagegen.files import STATE
from imagegen.items import Item
from imagegen.recipe import canonical
from imagegen.session import Session

_PART = "candidates"


def target(of: str) -> str:
    """Where the candidate for a target stands, as a target is written."""
    path = PurePosixPath(of)
    if path.is_absolute() or ".." in path.parts or ":" in of:  # a folder that the command line allowed
        path = PurePosixPath("outside", hashlib.sha256(of.encode()).hexdigest()[:16], path.name)
    return f"{STATE}/{_PART}/{path}"


def path(project: Path, of: str) -> Path:
    """The same, on this machine."""
    return project / target(of)


def item_of(item: Item, seed: int) -> Item:
    """The item whose target is the candidate."""
    recipe = {**json.loads(item.recipe), "seed": seed}
    return item._replace(target=target(item.target), recipe=canonical(recipe))


def seed(session: Session, item: Item) -> int | None:
    """The seed of an item's candidate; None where there is no candidate."""
    record = seen.look(path(session.project, item.target)).record
    return record.seed if record else None


def _placed(session: Session, of: str) -> Path:
    """Where a target's candidate stands. Raises BuildFailed where that leads elsewhere by a link."""
    place = path(session.project, of)
    if not own_folder.stays(session.project, _PART, place.parent):
        raise BuildFailed(f"{place.parent} leads elsewhere by a link", "remove that link")
    return place


def make_room(session: Session, item: Item, candidate: Item) -> None:
    """Remove an earlier candidate of ``item``, unless it is the one that is wanted (a job that goes on after a kill).
    Raises BuildFailed."""
    place = _placed(session, item.target)
    with files.locked(session.project, place, session.cancelled):
        if not is_fresh(session, candidate, seen.look(place)):
            place.unlink(missing_ok=True)


def is_fresh(session: Session, item: Item, there: seen.Seen) -> bool:
    """Whether a picture is what the item asks for, whatever stands at the item's own target. Raises BuildFailed."""
    wanted = json.loads(session.whole(item).recipe)
    return verdict.judge(wanted, session.known(item.way), there, item.way.record == "digest").fresh


def discard(session: Session, item: Item) -> None:
    """Remove the candidate of an item, if there is one. Raises BuildFailed, or Interrupted while waiting."""
    place = _placed(session, item.target)
    with files.locked(session.project, place, session.cancelled):
        _removed(place)


def keep(session: Session, item: Item) -> None:
    """Put the candidate in the target's place; what stood there is kept as a previous version. A picture that the
    item's recipe asks for goes there as it is; another is accepted for it, as `imagegen restore` does. Raises
    BuildFailed, or Interrupted while waiting."""
    place = _placed(session, item.target)
    with files.locked(session.project, place, session.cancelled):  # another one may be on its way to this place
        there = seen.closely(place) if not place.is_symlink() else seen.Seen(seen.Kind.FOREIGN)
        if there.kind is not seen.Kind.OURS:
            raise BuildFailed(f"{item.task} has no candidate", "regenerate it with another seed first")
        goal = session.manifest.path(item)
        stays = any(files.inside(root, goal.parent) for root in (session.project, *session.options.allow))
        if stays and is_fresh(session, item, there):
            with files.locked(session.project, goal, session.cancelled):
                build.replace(session.project, item.target, there.data)
        else:
            session.workshop.adopt(item, there.data)
        _removed(place)


def _removed(place: Path) -> None:
    """Raises BuildFailed."""
    try:
        place.unlink(missing_ok=True)
    except OSError as error:
        raise BuildFailed(f"the candidate can't be removed: {error.strerror or error}") from error
