"""The storyboards that jobs of the manifest come from: opened once, and which project is whose."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagegen.errors import ImagegenError
from imagegen.items import Source
from imagegen.studio.activities import Sentence

if TYPE_CHECKING:
    from imagegen.storyboard.database import Storyboard

STORYBOARD = "storyboard"
"""The sources' kind."""


class Board(NamedTuple):
    """A project of a storyboard that is a job's source."""

    id: str
    name: str
    job: str
    source: Source


_PAUSE = 5.0
"""Seconds after which a storyboard that could not be had is asked for again."""


class Storyboards:
    """Threads share it. ``sources`` gives those of the manifest as it is now; paths in them count from
    ``project``."""

    def __init__(self, project: Path, sources: Callable[[], Sequence[Source]]) -> None:
        self._project, self._sources = project, sources
        self._lock = threading.RLock()
        self._open: dict[str, Storyboard] = {}
        self._known: dict[tuple[str, str, str], Board] = {}  # as the rows said last
        self._until: dict[tuple[str, str, str], float] = {}  # when they are asked again

    def boards(self) -> Sequence[Board]:
        """The projects of all storyboards that are sources; one that could never be had is left out."""
        found = []
        for source in self._sources():
            if source.kind == STORYBOARD:
                with self._lock:
                    found.append(self._board(source))
        return [one for one in found if one is not None]

    def forget(self) -> None:
        """Rows changed: a name may be another."""
        with self._lock:
            self._until = {}

    def of(self, project: str) -> Board | None:
        """The project with this id; None where no job comes from it."""
        return next((one for one in self.boards() if one.id == project), None)

    def sentence_of(self, task: str) -> Sentence | None:
        """The sentence that an item is, if it is one. Of what is known already no database is asked."""
        job, _, slug = task.partition(":")
        for source in self._sources():
            if source.kind == STORYBOARD and source.job == job:
                board = self._known.get(_key(source))
                if board is None:
                    with self._lock:
                        board = self._board(source)
                return Sentence(board.id, slug) if board else None
        return None

    def opened(self, source: Source) -> Storyboard:
        """The storyboard of a source. Raises WrongInput or Unreachable."""
        from imagegen.storyboard import database

        with self._lock:
            if source.address not in self._open:
                self._open[source.address] = database.open_storyboard(database.address(source.address, self._project))
            return self._open[source.address]

    def close(self) -> None:
        with self._lock:
            for one in self._open.values():
                one.close()
            self._open = {}

    def _board(self, source: Source) -> Board | None:
        key, now = _key(source), time.monotonic()
        if now < self._until.get(key, 0.0):
            return self._known.get(key)
        try:
            self._known[key] = self._read(source)
            self._until[key] = math.inf
        except ImagegenError:  # the manifest's problems tell
            self._until[key] = now + _PAUSE
        return self._known.get(key)

    def _read(self, source: Source) -> Board:
        """Raises WrongInput or Unreachable."""
        from imagegen.storyboard import deciding
        from imagegen.storyboard.tables import Project

        with self.opened(source).reading() as session:
            id = deciding.find_project(session, source.options.get("project", ""))
            row = session.get(Project, id)
            assert row is not None  # in one snapshot
            return Board(id, row.name, source.job, source)


def _key(source: Source) -> tuple[str, str, str]:
    return source.job, source.address, source.options.get("project", "")
