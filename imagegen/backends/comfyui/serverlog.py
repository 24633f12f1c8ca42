"""The log of a server that was started here: begun anew at each start, the one before kept, and followed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from imagegen.errors import BuildFailed
from imagegen.files import STATE, inside

LAST = 20
"""Lines that an error shows."""
LARGE = 32 * 1024 * 1024
"""Bytes from which on a log is cut to its end; a server may run for months."""
_KEPT = 1024 * 1024
_POLL = 0.2


def place(project: Path) -> Path:
    return project / STATE / "server.log"


def begun(path: Path, project: Path) -> BinaryIO:
    """A new, empty log; the one before becomes ``server.log.1``. Raises BuildFailed.

    The folder comes with the project, so that a link in the log's place is not written through.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not inside(project, path.parent):
            raise BuildFailed(f"{path.parent} leads out of the project by a link", "remove the link")
        if path.exists() or path.is_symlink():
            path.replace(path.with_name(f"{path.name}.1"))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
    except OSError as error:
        raise BuildFailed(f"can't write {path}: {error.strerror or error}") from error
    return os.fdopen(handle, "ab", buffering=0)


def shortened(path: Path) -> None:
    """Cut a log that has grown large to its end. The server goes on at the end, as it opened it for appending;
    on Windows, where that does not hold for who inherits it, nothing is done."""
    if os.name == "nt" or not path.is_file() or path.is_symlink() or path.stat().st_size < LARGE:
        return
    with path.open("r+b") as stream:
        stream.seek(-_KEPT, os.SEEK_END)
        end = stream.read()
        stream.seek(0)
        stream.truncate()
        stream.write(end.partition(b"\n")[2])


def last(path: Path, lines: int = LAST) -> list[str]:
    """Its last lines; none where it can't be read."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - 64 * 1024))
            text = stream.read().decode(errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-lines:]


def lines(path: Path, goes_on: Callable[[], bool]) -> Iterator[str]:
    """Its lines; after the last one those to come while ``goes_on``. Raises BuildFailed where there is no log."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise BuildFailed(f"there is no log in {path}", "imagegen server start begins one") from error
    with stream:
        rest = b""
        while True:
            more = goes_on()  # asked first: what it wrote before it ended is still read
            data = stream.read()
            if data:
                whole, newline, rest = (rest + data).rpartition(b"\n")
                if newline:
                    yield from whole.decode(errors="replace").splitlines()
                continue
            if not more:
                break
            if stream.tell() > path.stat().st_size:  # it was shortened
                stream.seek(0)
            time.sleep(_POLL)
        if rest:
            yield from rest.decode(errors="replace").splitlines()
