"""Noticing what changes in the project, whoever changes it: pictures, the manifest and what it is made of, the
rows of a storyboard. Only what is concerned is looked at anew."""

from __future__ import annotations

import contextlib
import os
import posixpath
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

from watchfiles import watch

from imagegen.studio.hub import Hub
from imagegen.studio.project import Project, Stamp, stamp_of
from imagegen.studio.rows import Rows

_GATHER, _STEP = 400, 50
"""Milliseconds for which changes are gathered, at most and while no more come."""

_SWEEP, _SWEEP_BLIND, _ASK = 30.0, 2.0, 3.0
"""Seconds between two looks at everything: where changes are told (not all are), and where they are not; and between
two questions to a server's database, which tells nothing."""

_TICK = 1.0
"""Seconds after which something is looked at even where nothing was heard."""

_SHARE, _REST = 4, 3.0
"""Times as long as a look at a storyboard's rows took they are left alone, at most so many seconds: a run writes them
again and again, and a long script takes a while."""

_EASY = 20.0
"""Times as long as a look at everything took nobody looks again."""

_SETTLED = 1.0
"""Seconds after which a watch surely has begun; what changed before is seen by a look at everything."""


class Watching:
    """Keeps ``project`` and ``hub`` in step with the files, in threads of its own, from :meth:`start` to
    :meth:`close`: one hears what changed, one looks at it."""

    def __init__(self, project: Project, hub: Hub) -> None:
        self._project, self._hub = project, hub
        self._rows = Rows(project.storyboards, hub)
        self._closing, self._elsewhere = threading.Event(), threading.Event()
        self._paths: SimpleQueue[Sequence[str]] = SimpleQueue()
        self._places: dict[str, str] = {}  # a watched folder, links followed → as the manifest writes it
        self._folders: dict[str, tuple[int, int]] = {}  # which folder that is: one that is made anew is another
        self._blind = False
        self._databases: dict[str, Stamp | None] = {}
        self._threads: list[threading.Thread] = []
        self._asked = time.monotonic()
        self._due = self._asked + _SETTLED
        self._rested = 0.0  # when a storyboard's rows may be looked at again

    def start(self) -> None:
        self._hub.start()
        self._place()
        self._databases = self._database_stamps()
        self._threads = [
            threading.Thread(target=work, name=f"studio-{name}", daemon=True)
            for name, work in (("watching", self._listen), ("looking", self._look))
        ]
        for thread in self._threads:
            thread.start()

    def nudge(self) -> None:
        """Rows of a storyboard were changed by us: look now. Does not wait for it."""
        self._paths.put(())

    def close(self) -> None:
        self._closing.set()
        self._elsewhere.set()
        self.nudge()
        for thread in self._threads:
            thread.join()
        self._hub.close()

    # --- hearing --------------------------------------------------------------------------------

    def _listen(self) -> None:
        while not self._closing.is_set():
            self._elsewhere.clear()
            try:
                for changes in watch(
                    *self._places,
                    watch_filter=None,
                    debounce=_GATHER,
                    step=_STEP,
                    stop_event=self._elsewhere,
                    recursive=False,
                    raise_interrupt=False,
                ):
                    self._blind = False
                    self._paths.put([path for _, path in changes])
            except (OSError, RuntimeError):  # no more watches are to be had here, or a folder went
                self._blind, self._due = True, 0.0
                self._closing.wait(_SWEEP_BLIND)

    def _place(self) -> bool:
        """See which folders are to be watched; whether they are others than before."""
        manifest = self._project.view.listing.manifest
        files = [
            manifest.file,
            *manifest.inputs,
            *(use.file for use in manifest.picture_uses),
            *(source.address for source in manifest.sources if "://" not in source.address),
        ]
        wanted = {*manifest.folders, *(posixpath.dirname(file) for file in files)}
        there = {_there(self._project.folder, folder) for folder in wanted}
        self._places = {os.path.realpath(self._project.folder / folder): folder for folder in there}
        before, self._folders = self._folders, {place: _which(place) for place in self._places}
        return before != self._folders

    # --- looking --------------------------------------------------------------------------------

    def _look(self) -> None:
        self._rows.look()
        while not self._closing.is_set():
            try:
                self._changed(self._heard())
                self._sweep()
            except OSError:  # a disk that is full or gone: the next look tells
                self._closing.wait(_SWEEP_BLIND)
            if self._place():
                self._elsewhere.set()
                self._due = time.monotonic() + _SETTLED

    def _heard(self) -> Sequence[str]:
        """What changed, as soon as something did; else, after a while, nothing."""
        held_back = self._databases != self._database_stamps()
        patience = min(_TICK, max(0.0, self._rested - time.monotonic())) if held_back else _TICK
        with contextlib.suppress(Empty):
            return self._paths.get(timeout=patience)
        return ()

    def _changed(self, paths: Iterable[str]) -> None:
        manifest, listing = self._project.view.listing.manifest, self._project.view.listing
        reading = {manifest.file, *manifest.inputs}
        tasks: set[str] = set()
        reload = False
        for name in self._names(paths):
            if name in reading:
                reload = True
            elif name in listing.by_target:
                tasks.add(listing.by_target[name])
            else:
                tasks.update(listing.needed_by.get(name, ()))
        before, stamps = time.monotonic(), self._database_stamps()
        rows = stamps != self._databases and before >= self._rested
        if rows:
            self._databases = stamps
            self._project.storyboards.forget()
            self._rows.look()
        if rows or reload:
            self._project.reload()
        if rows:
            now = time.monotonic()
            self._rested = now + min(_REST, _SHARE * (now - before))
        if tasks:
            self._project.look(tasks)

    def _names(self, paths: Iterable[str]) -> Iterator[str]:
        """The files as the manifest writes them."""
        for path in paths:
            folder, file = os.path.split(path)
            known = self._places.get(folder, self._places.get(os.path.realpath(folder)))
            if known is not None:
                yield posixpath.join(known, file)

    def _sweep(self) -> None:
        """Look at everything, if it is time for that."""
        now = time.monotonic()
        if now >= self._due:
            self._project.sweep()
            took = time.monotonic() - now
            # What a manifest that can't be read is made of is not known: no folder of it may be watched.
            often = self._blind or self._project.problems
            self._due = now + max(_SWEEP_BLIND if often else _SWEEP, _EASY * took)
        if now - self._asked >= _ASK and any("://" in one.address for one in self._project.sources):
            self._asked = now
            self._rows.look()
            self._project.reload()

    def _database_stamps(self) -> dict[str, Stamp | None]:
        """The states of the storyboards' files. SQLite appends to a log beside the file; an empty one says nothing."""
        found: dict[str, Stamp | None] = {}
        for source in self._project.sources:
            if "://" not in source.address:
                for name in (source.address, f"{source.address}-wal"):
                    stamp = stamp_of(self._project.folder / name)
                    found[name] = stamp if stamp and stamp[1] else None
        return found


def _which(place: str) -> tuple[int, int]:
    try:
        state = os.stat(place)
    except OSError:
        return 0, 0
    return state.st_dev, state.st_ino


def _there(project: Path, folder: str) -> str:
    """The folder, or where it is not there the next above it that is."""
    while folder and not (project / folder).is_dir():
        folder = posixpath.dirname(folder)
    return folder
