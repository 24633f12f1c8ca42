"""Which rows of a storyboard are others now, whoever wrote them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from imagegen.errors import ImagegenError
from imagegen.studio.hub import Hub
from imagegen.studio.storyboards import Board, Storyboards

MOST = 500
"""Sentences that one message names; more are `null`: everything."""


class Rows:
    """Tells the pages what changed since the last look."""

    def __init__(self, storyboards: Storyboards, hub: Hub) -> None:
        self._storyboards, self._hub = storyboards, hub
        self._known: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    def look(self) -> None:
        """Compare all projects that are sources with what they were."""
        with self._lock:
            for board in self._storyboards.boards():
                try:
                    now = self._state(board)
                except ImagegenError:  # locked, or gone: the next look tells
                    continue
                before = self._known.get(board.id)
                self._known[board.id] = now
                if before is not None and before != now:
                    self._hub.announce({"type": "storyboard", "projectId": board.id, "sentences": _others(before, now)})

    def _state(self, board: Board) -> Mapping[str, Any]:
        """For each sentence all that is shown of it; under the empty text the project and its characters."""
        from sqlalchemy import select

        from imagegen.storyboard.tables import Character, Project, Sentence, appearances

        with self._storyboards.opened(board.source).reading() as session:
            found: dict[str, Any] = {}
            whose = Sentence.project_id == board.id
            for row in session.execute(select(*Sentence.__table__.c).where(whose)):
                found[row.id] = [tuple(row)]
            links = select(appearances).join(Sentence, Sentence.id == appearances.c.sentence_id).where(whose)
            for sentence, character in session.execute(links.order_by(appearances.c.character_id)):
                if sentence in found:
                    found[sentence].append(character)
            own = session.execute(select(*Project.__table__.c).where(Project.id == board.id)).all()
            cast = select(*Character.__table__.c).where(Character.project_id == board.id).order_by(Character.id)
            found[""] = [own, session.execute(cast).all()]
            return {id: hash(repr(row)) for id, row in found.items()}


def _others(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str] | None:
    """The sentences that differ; None where the script's order, its project or its characters do, or too many."""
    if before.get("") != now.get("") or before.keys() != now.keys():
        return None
    found = [id for id in now if before[id] != now[id]]
    return found if len(found) <= MOST else None
