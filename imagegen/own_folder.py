"""The project's own state folder, `.imagegen`, where a cloned project may have brought links: nothing is to be read,
written or swept outside the project through them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from imagegen.errors import WrongInput
from imagegen.files import STATE, inside


def check(project: Path, allowed: Iterable[Path] = ()) -> None:
    """Does the state folder, and what lies directly in it, stay in the project, or in a folder that the command line
    allows? Raises WrongInput."""
    roots = (project, *allowed)
    for path in _links(project / STATE):
        if not any(inside(root, path) for root in roots):
            shown, real = path.relative_to(project).as_posix(), os.path.realpath(path)
            raise WrongInput(
                f"{shown} leads out of the project by a link",
                f"remove it; or if that is meant, allow it: --allow-path {real}",
            )


def _links(folder: Path) -> Iterator[Path]:
    if folder.is_symlink():
        yield folder
    try:
        with os.scandir(folder) as entries:
            found = [Path(entry.path) for entry in entries if entry.is_symlink()]
    except OSError:  # none yet, or no folder: who needs it says so
        return
    yield from found


def stays(project: Path, part: str, path: Path) -> bool:
    """Whether ``path``, links followed, lies in this ``part`` of the state folder, which :func:`check` has seen."""
    return inside(project / STATE / part, path)
