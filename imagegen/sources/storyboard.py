"""Items from a storyboard: each sentence of a project, in the order of its script.

What the database is and how a sentence becomes settings is in :mod:`imagegen.storyboard`, which wants the
``studio`` extra; it is imported when a manifest asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen.document import Document
from imagegen.errors import Place
from imagegen.items import Source
from imagegen.progress import Listener
from imagegen.sources import Follower, Live

if TYPE_CHECKING:
    from imagegen.storyboard.deciding import Board


_GLANCE = ":glance"
"""The state's key, which can be no sentence's id, for a digest of the rows as they are: equal ones mean equal items,
others may too."""


def address(written: str, path: Callable[[str], str]) -> str:
    """A server's address as it stands, a file's path as ``path`` gives it."""
    return written if "://" in written else path(written)


def read_live(address: str, project: Path, options: Mapping[str, Any]) -> Live:
    """The items of a project of the storyboard. Raises WrongInput."""
    from imagegen.storyboard import database, deciding

    glance = _glance(address, project, options)  # first: what changes after it is seen next time
    found, shown = _board(address, project, options), database.address(address, project).shown
    return Live(_Script(shown, found), {**deciding.state(found), _GLANCE: glance})


def is_current(source: Source, project: Path) -> bool:
    """Whether the items still follow from the same. Raises WrongInput."""
    before = dict(source.state)
    glance = before.pop(_GLANCE, "")
    if glance and glance == _glance(source.address, project, source.options):
        return True
    from imagegen.storyboard import deciding

    return deciding.state(_board(source.address, project, source.options)) == before


def follower(project: Path, sources: Sequence[Source], tell: Listener) -> Follower:
    """Who writes into the rows what a run makes of them."""
    from imagegen.storyboard.following import Follower as RowsFollower

    return RowsFollower(project, sources, tell)


def settle(project: Path, source: Source, fresh: Mapping[str, bool], targets: Mapping[str, str]) -> None:
    """Bring the rows' flags in line with the verdicts; ``fresh`` and ``targets`` are by slug. A sentence that has
    changed since the manifest was read keeps its own. Raises WrongInput and Unreachable."""
    from imagegen.storyboard.address import address as parsed
    from imagegen.storyboard.glancing import is_settled

    if is_settled(parsed(source.address, project), source.options.get("project", ""), fresh):
        return

    from imagegen.live.reading import under_way
    from imagegen.storyboard import database, deciding, following

    busy = {task.partition(":")[2] for task in under_way(project)}
    storyboard = database.open_storyboard(database.address(source.address, project))
    try:
        with storyboard.session() as session:
            board = deciding.board(session, source.options.get("project", ""))
            now = deciding.state(board)
            sure = {slug: is_fresh for slug, is_fresh in fresh.items() if now.get(slug) == source.state.get(slug, "-")}
            following.reconcile(session, board.project_id, sure, targets, busy)
    finally:
        storyboard.close()


def _glance(address: str, project: Path, options: Mapping[str, Any]) -> str:
    """A digest of all rows that decide, had without what it takes to understand them; empty where it can't be had."""
    from imagegen.storyboard.address import address as parsed
    from imagegen.storyboard.glancing import glance

    return glance(parsed(address, project), options.get("project", ""))


def _board(address: str, project: Path, options: Mapping[str, Any]) -> Board:
    from imagegen.storyboard import database, deciding

    storyboard = database.open_storyboard(database.address(address, project))
    try:
        with storyboard.reading() as session:
            return deciding.board(session, options.get("project", ""))
    finally:
        storyboard.close()


class _Script(Document):
    """A storyboard's project as a document, whose places are sentences. Each item says which LoRAs and references it
    has, if none: what a workflow's file has there is an example."""

    def __init__(self, name: str, board: Board) -> None:
        items = [{"loras": [], "references": [], **shot.settings} for shot in board.sentences]
        super().__init__(name, {"items": items, "defaults": dict(board.defaults)})
        self._names = [f"sentence {shot.number} ({shot.name})" for shot in board.sentences]

    def place(self, path: tuple[str | int, ...], of_key: bool = False) -> Place:
        if len(path) > 1 and path[0] == "items" and isinstance(path[1], int):
            return Place(f"{self.name}, {self._names[path[1]]}")
        return Place(self.name)
