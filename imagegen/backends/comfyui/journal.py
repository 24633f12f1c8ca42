"""The prompts that a run has under way, kept so that a later run finds what a killed one left at a server.

One file a run under ``.imagegen/prompts/``, of lines that are only added, locked as long as its run lives.
A line is written before its prompt is submitted; a run that ends in order removes its file. It holds no
prompt's text and no secret. Losing it costs making some images again, so trouble with the disk fails nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imagegen.files import STATE, write_whole

FOLDER = f"{STATE}/prompts"
OLDEST = 7 * 24 * 3600.0
"""Seconds after which nobody looks for a prompt any more: its server is not coming back."""

_LINES = 512
"""Lines after which those of prompts that are done are left out of the file."""


@dataclass(frozen=True)
class Entry:
    """One prompt: the server's address without credentials, its mark (see prompt.MARK), the task and the
    digest of the recipe it was for, and when it was submitted, in seconds since 1970."""

    server: str
    mark: str
    task: str
    recipe: str
    at: float


class Journal:
    """One run's file; made when there is something to write. Threads share it."""

    def __init__(self, project: Path) -> None:
        self._folder = project / FOLDER
        self._path = self._folder / f"{int(time.time())}-{secrets.token_hex(4)}.jsonl"
        self._open: dict[str, Entry] = {}
        self._lock = threading.Lock()
        self._held: Any = None
        self._lines = 0
        self._file: int | None = None
        self._others: Sequence[Path] = ()
        self._read_at = 0

    def add(self, entry: Entry) -> bool:
        """Keep an entry; whether it is on the disk."""
        with self._lock:
            self._open[entry.mark] = entry
            return self._append(asdict(entry))

    def done(self, mark: str) -> None:
        """Nothing of this prompt is left to be found."""
        with self._lock:
            if self._open.pop(mark, None) is None:
                return
            self._append({"done": mark})
            if self._lines > _LINES + 4 * len(self._open):
                self._rewrite()

    def close(self) -> None:
        """The run is over: the file goes, unless something is left to be found."""
        with self._lock:
            if self._file is not None:
                if self._lines > len(self._open) > 0:
                    self._rewrite()
                else:
                    os.close(self._file)
                    self._file = None
            if not self._open:
                with contextlib.suppress(OSError):
                    self._path.unlink(missing_ok=True)
            if self._held is not None:
                _let_go(self._held, self._path, remove=not self._open)
                self._held = None

    def earlier(self) -> Iterator[tuple[Path, list[Entry]]]:
        """The files of runs that live no more, and what is open in each, not older than a week.

        Each file is this run's alone until the iteration goes on; who has kept its entries removes it then.
        """
        for path in self._of_others():
            lock = _taken(path)
            if lock is None:  # its run lives
                continue
            try:
                yield path, list(_read(path))
            finally:
                _let_go(lock, path, remove=not path.exists())

    def _of_others(self) -> Sequence[Path]:
        """Other runs' files. Asked for each image: while none has come or gone, the folder is not read again."""
        try:
            changed = self._folder.stat().st_mtime_ns
            if changed != self._read_at:
                found = [path for path in self._folder.iterdir() if path.suffix == ".jsonl" and path != self._path]
                self._others, self._read_at = sorted(found), changed
        except OSError:
            return ()
        return self._others

    # --- the file -----------------------------------------------------------------------------------

    def _append(self, value: Mapping[str, Any]) -> bool:
        line = b"\n" + json.dumps(value).encode() + b"\n"  # whatever a full disk has cut off before ends here
        try:
            if self._file is None:
                self._begin()
            assert self._file is not None
            self._lines += 1
            return os.write(self._file, line) == len(line)
        except OSError:
            return False

    def _begin(self) -> None:
        """Lock first, then the file: a file whose lock can be had belongs to nobody."""
        if self._held is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._held = _taken(self._path)
            if self._held is None:  # unlocked, it would look like a dead run's
                raise OSError("no lock to be had")
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)

    def _rewrite(self) -> None:
        if self._file is not None:
            os.close(self._file)  # Windows replaces no file that is open
            self._file = None
        text = "".join(json.dumps(asdict(entry)) + "\n" for entry in self._open.values())
        with contextlib.suppress(OSError):
            write_whole(self._path, text.encode())
        self._lines = len(self._open)


def _read(path: Path) -> Iterator[Entry]:
    """The open entries of a file; a line that was cut off is none."""
    found: dict[str, Entry] = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
            value = json.loads(line)
            if "done" in value:
                found.pop(value["done"], None)
                continue
            server, mark, task, recipe = (str(value[key]) for key in ("server", "mark", "task", "recipe"))
            found[mark] = Entry(server, mark, task, recipe, float(value["at"]))
    oldest = time.time() - OLDEST
    yield from (entry for entry in found.values() if entry.at > oldest)


def _taken(path: Path) -> Any:
    """The lock of a run's file, None where another run holds it."""
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_suffix(".lock"), thread_local=False)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return None
    return lock


def _let_go(lock: Any, path: Path, remove: bool) -> None:
    # Removed while it is held, so that nobody holds a lock on a file that is no longer there for others.
    if remove and os.name != "nt":
        with contextlib.suppress(OSError):
            path.with_suffix(".lock").unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        lock.release()
    if remove and os.name == "nt":
        with contextlib.suppress(OSError):
            path.with_suffix(".lock").unlink(missing_ok=True)
