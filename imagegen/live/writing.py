"""One run's events as lines of a file that others follow."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from imagegen import live
from imagegen.files import write_quickly
from imagegen.progress import Event, Failed, Made, Preview, Skipped, Started, Step

_STEP_PAUSE, _PREVIEW_PAUSE = 0.1, 0.25


class LiveLog:
    """A listener that writes what it hears; threads share it. ``kind`` says whose run it is: ``run`` for the
    command line's, ``studio`` for the studio's. The file is made with the first line.

    Nothing here fails a run: what can't be written (a full disk, a read-only project) is not told.
    """

    def __init__(self, project: Path, kind: str = "run") -> None:
        self.run = f"{time.time_ns() // 1_000_000}-{os.getpid()}-{secrets.token_hex(2)}"
        self._place, self._kind = live.folder(project), kind
        self._mutex = threading.Lock()
        self._stream: IO[bytes] | None = None
        self._lock: Any = None
        self._over = False
        self._last: dict[tuple[type, str], float] = {}

    def queued(self, tasks: Iterable[str]) -> None:
        """These are to be made."""
        self._write({"event": "queued", "tasks": list(tasks)})

    def withdrawn(self, tasks: Iterable[str]) -> None:
        """These will not be made after all."""
        self._write({"event": "withdrawn", "tasks": list(tasks)})

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started):
            self._write({"event": "started", "task": event.task})
        elif isinstance(event, Step):
            if event.value >= event.total or self._is_time(event, _STEP_PAUSE):
                self._write({"event": "step", "task": event.task, "value": event.value, "total": event.total})
        elif isinstance(event, Preview):
            self._show(event)
        elif isinstance(event, Made):
            told = {"target": event.target, "seed": event.seed, "seconds": event.seconds}
            self._write({"event": "made", "task": event.task, **told})
        elif isinstance(event, Skipped):
            self._write({"event": "skipped", "task": event.task, "reason": event.reason})
        elif isinstance(event, Failed):
            self._write({"event": "failed", "task": event.task, "message": event.message, "hint": event.hint})

    def close(self) -> None:
        """The run is over. Its file stays for a while, for who has not read it yet."""
        with self._mutex:
            if self._stream is not None:
                self._line({"event": "ended"})
                self._stream.close()
            self._stream, self._over = None, True
            if self._lock is not None:
                self._lock.release()
                _removed(self._place / f"{self.run}.lock")
            for left in self._place.glob(f"{self.run}.*.*"):  # previews
                _removed(left)

    def _is_time(self, event: Event, pause: float) -> bool:
        key, now = (type(event), event.task), time.monotonic()
        if now - self._last.get(key, -pause) < pause:
            return False
        self._last[key] = now
        return True

    def _show(self, event: Preview) -> None:
        if not self._is_time(event, _PREVIEW_PAUSE) or not live.is_watched(self._place):
            return
        name = live.preview_name(self.run, event.task, event.kind)
        try:
            write_quickly(self._place / name, event.data)
        except OSError:
            return
        self._write({"event": "preview", "task": event.task, "file": name, "type": event.kind})

    def _write(self, told: dict[str, Any]) -> None:
        with self._mutex:
            if self._over:
                return
            if self._stream is None:
                self._begin()
            self._line(told)

    def _begin(self) -> None:
        from filelock import FileLock

        try:
            self._place.mkdir(parents=True, exist_ok=True)
            _sweep(self._place)
            self._lock = FileLock(self._place / f"{self.run}.lock", thread_local=False)
            self._lock.acquire(timeout=0)
            self._stream = (self._place / f"{self.run}.jsonl").open("ab", buffering=0)
        except OSError:
            self._over = True
            return
        self._line({"event": "begun", "kind": self._kind, "pid": os.getpid()})

    def _line(self, told: dict[str, Any]) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.write(json.dumps(told).encode() + b"\n")


def _sweep(place: Path) -> None:
    """Remove what runs that are over have left."""
    from filelock import FileLock, Timeout

    now = time.time()
    runs: dict[str, float] = {}
    for path in place.iterdir():
        if live.RUN.match(path.name):  # nothing else is ours
            with contextlib.suppress(OSError):
                run = path.name.partition(".")[0]
                runs[run] = max(runs.get(run, 0.0), path.lstat().st_mtime)
    for run, last in runs.items():
        if now - last < live.KEPT:
            continue
        try:
            with FileLock(place / f"{run}.lock", timeout=0):
                for path in place.glob(f"{run}.*"):
                    if path.suffix != ".lock":
                        _removed(path)
        except (Timeout, OSError):  # it goes on
            continue
        _removed(place / f"{run}.lock")


def _removed(path: Path) -> None:
    with contextlib.suppress(OSError):  # somebody reads it (Windows): the next run sweeps it
        path.unlink(missing_ok=True)
