"""What a run replaced: kept under ``.imagegen/previous/``, every version, until somebody deletes it or
`restore` brings it back."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath

from imagegen import own_folder
from imagegen.files import STATE, keep_copy

_PART = "previous"


def folder(project: Path, target: str) -> Path:
    """Where the earlier versions of ``target`` (as in the manifest, with ``/``) are kept."""
    path = PurePosixPath(target)
    if path.is_absolute() or ".." in path.parts or ":" in target:
        # A folder outside the project, allowed on the command line.
        path = PurePosixPath("outside", hashlib.sha256(target.encode()).hexdigest()[:16], path.name)
    return project / STATE / _PART / path.with_suffix("")


def versions(project: Path, target: str) -> list[Path]:
    """The versions kept, oldest first."""
    place = folder(project, target)
    # "²" is a digit and no number, and a cloned project may have brought links.
    named = (path for path in place.glob("*.png") if path.stem.isascii() and path.stem.isdigit())
    found = [path for path in named if _stays(project, path)] if place.is_dir() else []
    return sorted(found, key=lambda path: int(path.stem))


def keep(project: Path, target: str) -> Path:
    """Keep what stands at ``target`` now, as the newest version; the target stays where it is.

    The caller holds the target's lock. Raises OSError.
    """
    if not _stays(project, folder(project, target)):
        raise OSError(f"{folder(project, target)} leads elsewhere by a link")
    kept = versions(project, target)
    number = int(kept[-1].stem) + 1 if kept else 1
    copy = folder(project, target) / f"{number:04}.png"
    keep_copy(project / target, copy)
    return copy


def _stays(project: Path, path: Path) -> bool:
    return own_folder.stays(project, _PART, path)
