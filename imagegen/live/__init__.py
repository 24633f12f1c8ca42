"""What is going on in a project right now, told by whoever builds to whoever looks on.

Every run, of the command line or of the studio, appends its events to a file of its own,
``.imagegen/live/<run>.jsonl``, a JSON object a line. While it goes on it holds the lock ``<run>.lock``, which dies
with its process. A preview is a file beside it, written only while somebody looks on: then ``watched`` is younger than
:data:`WATCHED`. All of it may be deleted at any time; nothing rests on it.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
from pathlib import Path

from imagegen.files import STATE

WATCHED = 10.0
"""Seconds for which a look-on counts."""

KEPT = 60.0
"""Seconds for which the file of a run that is over stays, for those who have not read its end."""


RUN = re.compile(r"[0-9]+-[0-9]+-[0-9a-f]{4}\.")
"""How every file of a run begins: when it began, whose process it is, and four letters by chance."""


def folder(project: Path) -> Path:
    """Where the runs of a project tell what they do."""
    return project / STATE / "live"


def is_watched(place: Path) -> bool:
    """Whether somebody looks on."""
    try:
        return time.time() - (place / "watched").stat().st_mtime < WATCHED
    except OSError:
        return False


def watching(place: Path) -> None:
    """Somebody looks on now."""
    with contextlib.suppress(OSError):  # without it there are no previews
        place.mkdir(parents=True, exist_ok=True)
        note = place / "watched"
        if note.is_symlink():  # a cloned project's
            note.unlink()
        note.touch()


def preview_name(run: str, task: str, kind: str) -> str:
    """The file of a task's preview; ``kind`` is jpeg or png."""
    return f"{run}.{hashlib.sha256(task.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}.{kind}"
