"""Following all the runs of a project, whoever started them."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from imagegen import live

_SILENT = 1.0
_LOOK = 2.0


class Told(NamedTuple):
    """One event of one run. ``kind`` is whose run it is (``run`` or ``studio``); ``event`` is begun, queued,
    started, step (``data``: value, total), preview (file, a whole path; type), made (target, seed, seconds), skipped
    (reason), failed (message, hint), withdrawn, or ended (lost: whether its process is gone without a word)."""

    run: str
    kind: str
    event: str
    task: str
    data: Mapping[str, Any]


class _Run:
    def __init__(self, path: Path) -> None:
        self.path, self.kind = path, "run"
        self.read, self.rest = 0, b""
        self.heard = time.monotonic()
        self.over = False


class LiveReader:
    """Reads what is new, again and again: cheap enough for ten times a second."""

    def __init__(self, project: Path) -> None:
        self._place = live.folder(project)
        self._runs: dict[str, _Run] = {}
        self._looked = -_LOOK
        self._first = True

    def read(self) -> list[Told]:
        """All that was told since the last call; at the first call what the runs under way have told so far."""
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            live.watching(self._place)
            self._looked = now
        told: list[Told] = []
        try:
            there = {entry.name[:-6]: entry for entry in os.scandir(self._place) if entry.name.endswith(".jsonl")}
        except OSError:
            there = {}
        for name in sorted(there):
            run = self._runs.setdefault(name, _Run(self._place / f"{name}.jsonl"))
            if not run.over:
                told.extend(self._news(name, run, now))
        for name in set(self._runs) - set(there):
            if not self._runs.pop(name).over:  # deleted under way
                told.append(Told(name, "run", "ended", "", {"lost": True}))
        if self._first:
            self._first = False
            over = {one.run for one in told if one.event == "ended"}
            told = [one for one in told if one.run not in over]
        return told

    def _news(self, name: str, run: _Run, now: float) -> Iterator[Told]:
        try:
            with run.path.open("rb") as stream:
                stream.seek(run.read)
                fresh = stream.read()
        except OSError:
            return
        run.read += len(fresh)
        *lines, run.rest = (run.rest + fresh).split(b"\n")
        for line in lines:
            yield from self._told(name, run, line)
        if fresh:
            run.heard = now
        elif not run.over and now - run.heard > _SILENT:
            run.heard = now
            if self._is_gone(name) and run.path.stat().st_size == run.read:
                run.over = True
                yield Told(name, run.kind, "ended", "", {"lost": True})

    def _told(self, name: str, run: _Run, line: bytes) -> Iterator[Told]:
        data: dict[str, Any] = {}
        with contextlib.suppress(ValueError):  # cut off by a full disk
            data = json.loads(line)
        event = data.pop("event", "")
        if event == "begun":
            run.kind = data.get("kind", "run")
        if event == "ended":
            run.over = True
            data = {"lost": False}
        if event == "preview":
            data["file"] = str(self._place / Path(data["file"]).name)
        tasks = data.pop("tasks", None)
        for task in [data.pop("task", "")] if tasks is None else tasks:
            if event:
                yield Told(name, run.kind, event, task, data)

    def _is_gone(self, name: str) -> bool:
        from filelock import FileLock, Timeout

        path = self._place / f"{name}.lock"
        if not path.exists():
            return True
        try:
            with FileLock(path, timeout=0):
                pass
        except Timeout:
            return False
        except OSError:
            return False
        with contextlib.suppress(OSError):
            path.unlink()
        return True
