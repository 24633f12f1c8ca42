"""Following all the runs of a project, whoever started them."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from imagegen import live
from imagegen.live.lines import understood

_SILENT = 1.0
_LOOK = 2.0
_AT_ONCE, _LONGEST = 16_000_000, 64_000_000
"""Bytes that are read at one look, and that one line has at most: the names of 100,000 tasks are less."""


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

    def __init__(self, project: Path, looks_on: bool = True) -> None:
        """``looks_on``: somebody wants to see previews, which are made only then."""
        self._place, self._looks_on = live.folder(project), looks_on
        self._runs: dict[str, _Run] = {}
        self._looked = -_LOOK
        self._first = True

    def read(self) -> list[Told]:
        """All that was told since the last call; at the first call what the runs under way have told so far."""
        now = time.monotonic()
        if self._looks_on and now - self._looked >= _LOOK:
            live.watching(self._place)
            self._looked = now
        told: list[Told] = []
        try:
            with os.scandir(self._place) as entries:
                there = {one.name[:-6] for one in entries if one.name.endswith(".jsonl") and _is_plain(one)}
        except OSError:
            there = set()
        for name in sorted(there):
            run = self._runs.setdefault(name, _Run(self._place / f"{name}.jsonl"))
            if not run.over:
                told.extend(self._news(name, run, now))
        for name in set(self._runs) - there:
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
                fresh = stream.read(_AT_ONCE)
        except OSError:
            return
        run.read += len(fresh)
        *lines, run.rest = (run.rest + fresh).split(b"\n")
        if len(run.rest) > _LONGEST:  # no line of ours
            run.over = True
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
        said = understood(line)
        if said is None:
            return
        data = dict(said.data)
        if said.event == "begun":
            run.kind = data.get("kind") or "run"
        if said.event == "ended":
            run.over = True
            data = {"lost": False}
        if said.event == "preview":
            data["file"] = str(self._place / Path(data["file"]).name)
        for task in said.tasks:
            yield Told(name, run.kind, said.event, task, data)

    def _is_gone(self, name: str) -> bool:
        return _is_gone(self._place, name)


def _is_plain(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file: opening a pipe would wait for good, and a link may lead to what never ends."""
    return entry.is_file(follow_symlinks=False)


_BEGUN = ("queued", "started", "step", "preview")


def under_way(project: Path) -> set[str]:
    """The tasks that runs make now or have queued; of a run whose process is gone, none."""
    tasks: dict[str, set[str]] = {}
    for one in LiveReader(project, looks_on=False).read():
        own = tasks.setdefault(one.run, set())
        if one.event in _BEGUN:
            own.add(one.task)
        else:
            own.discard(one.task)
    place = live.folder(project)
    return {task for run, own in tasks.items() if own and not _is_gone(place, run) for task in own}


def _is_gone(place: Path, run: str) -> bool:
    """Whether no process holds the lock of a run."""
    from filelock import FileLock, Timeout

    path = place / f"{run}.lock"
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
