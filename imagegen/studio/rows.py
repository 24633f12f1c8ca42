"""Which rows of a storyboard are others now, whoever wrote them."""

from __future__ import annotations

import threading
from collections import defaultdict
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
        from sqlalchemy import FromClause, select, type_coerce
        from sqlalchemy.types import NULLTYPE

        from imagegen.storyboard.tables import Character, Project, Sentence, appearances

        def as_stored(table: FromClause) -> Any:
            """Whole rows that are only compared: to understand what is in them would take ten times as long."""
            return select(*(type_coerce(column, NULLTYPE).label(column.name) for column in table.c))

        project, character, sentence = Project.__table__, Character.__table__, Sentence.__table__
        with self._storyboards.opened(board.source).reading() as session:
            whose = sentence.c.project_id == board.id
            rows = session.execute(as_stored(sentence).where(whose)).all()
            appearing = defaultdict(list)
            links = select(appearances).join(sentence, sentence.c.id == appearances.c.sentence_id).where(whose)
            for id, who in session.execute(links.order_by(appearances.c.character_id)):
                appearing[id].append(who)
            own = session.execute(as_stored(project).where(project.c.id == board.id)).all()
            cast = as_stored(character).where(character.c.project_id == board.id).order_by(character.c.id)
            whole = (*own, *session.execute(cast))
        return {"": hash(whole), **{row.id: hash((row, *appearing.get(row.id, ()))) for row in rows}}


def _others(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str] | None:
    """The sentences that differ; None where the script's order, its project or its characters do, or too many."""
    if before.get("") != now.get("") or before.keys() != now.keys():
        return None
    found = [id for id in now if before[id] != now[id]]
    return found if len(found) <= MOST else None
