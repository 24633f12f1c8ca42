"""A look ahead: while this process imports doit, a second one already looks at the pictures.

Importing doit and looking at 10,000 pictures take about as long as each other, and a plain `run` needs
both. Only where processes can be forked, only for many pictures, and only for the plainest call; whatever
is in its way, the pictures are looked at later as they would be anyway.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from imagegen import manifest, seen, stored
from imagegen.errors import WrongInput
from imagegen.manifest import Manifest, Overrides

WORTH_IT = 1_000
"""Pictures from which on a second process pays."""

CALLS: tuple[list[str], ...] = ([], ["run"])


class Ahead:
    """What a second process is finding out about ``manifest``."""

    def __init__(self, found: Manifest, child: int, pipe: int) -> None:
        self.manifest, self._child, self._pipe = found, child, pipe

    def fresh(self) -> list[bool] | None:
        """For each item whether the quick look finds it fresh; None where the look came to nothing."""
        parts = []
        while part := os.read(self._pipe, 1 << 16):
            parts.append(part)
        os.close(self._pipe)
        os.waitpid(self._child, 0)
        told = b"".join(parts)
        return [byte == 1 for byte in told] if len(told) == len(self.manifest.columns.tasks) else None


def look(arguments: Sequence[str]) -> Ahead | None:
    """Begin to look, if that is worth it. Called before any thread is started."""
    if not hasattr(os, "fork") or list(arguments) not in CALLS or (os.cpu_count() or 1) < 2:
        return None
    try:
        file = manifest.find(manifest.here())
        found = stored.current(file, Overrides()) if file else None
    except WrongInput:
        return None  # it is told where it is asked for
    if found is None or found.file_uses or any(way.record != "full" for way in found.columns.ways):
        return None
    if len(found.columns.tasks) < WORTH_IT or found.outside:
        return None
    ours, theirs = os.pipe()
    child = os.fork()
    if child:
        os.close(theirs)
        return Ahead(found, child, ours)
    _tell(found, theirs)
    os._exit(0)


def _tell(found: Manifest, pipe: int) -> None:
    """The second process: look, tell, and end without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    root = os.fspath(found.project) + os.sep
    told = bytes(seen.carried(root, found.columns.targets, found.columns.recipes))
    sent = 0
    try:
        while sent < len(told):
            sent += os.write(pipe, told[sent:])
    except OSError:
        return  # nobody wants to know any more
