"""One studio a project: a second one finds out where the first one runs."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from imagegen.errors import ImagegenError
from imagegen.files import STATE, write_whole

PATIENCE = 10.0
"""Seconds that one which is just starting has to say where it listens."""


class Where(NamedTuple):
    """A running studio's address, without its token; ``given`` whether the token came from its environment."""

    url: str
    given: bool = False


class RunsAlready(ImagegenError):
    """The project's studio runs; ``where`` is None if it does not say."""

    def __init__(self, where: Where | None) -> None:
        at = f" at {where.url}" if where else ""
        super().__init__(f"a studio of this project runs already{at}", "" if where else "it is starting or ending")
        self.where = where


@contextlib.contextmanager
def alone(project: Path) -> Iterator[Callable[[Where], None]]:
    """Be the project's studio; what is yielded says where. The lock dies with its process.

    Raises RunsAlready, and ImagegenError where nothing can be written.
    """
    from filelock import FileLock, Timeout

    lock, note = project / STATE / "studio.lock", project / STATE / "studio.json"
    try:
        lock.parent.mkdir(exist_ok=True)
        held = FileLock(lock, thread_local=False)
        try:
            held.acquire(timeout=0)
        except Timeout:
            raise RunsAlready(_read(note)) from None
        note.unlink(missing_ok=True)  # a killed one's
    except OSError as error:
        raise ImagegenError(f"can't write to {lock.parent}: {error.strerror or error}") from error

    def say(where: Where) -> None:
        write_whole(note, json.dumps({**where._asdict(), "pid": os.getpid()}).encode())

    try:
        yield say
    finally:
        with contextlib.suppress(OSError):
            note.unlink(missing_ok=True)
        held.release()


def _read(note: Path) -> Where | None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            found = json.loads(note.read_bytes())
            return Where(str(found["url"]), bool(found["given"]))
        except (OSError, ValueError, KeyError, TypeError):
            time.sleep(0.1)
    return None
