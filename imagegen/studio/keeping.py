"""Keeping a candidate: the picture that was tried takes the target's place."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from imagegen.errors import BuildFailed
from imagegen.items import Item
from imagegen.session import Session
from imagegen.studio import candidates
from imagegen.studio.refusal import Refused

if TYPE_CHECKING:
    from imagegen.studio.running import Studio


def keep(studio: Studio, session: Session, item: Item) -> None:
    """Keep the item's candidate. A sentence's row gets its seed first, so that picture and row agree.

    Raises BuildFailed, Refused, or Interrupted while waiting for a run that has the target.
    """
    sentence = studio.project.storyboards.sentence_of(item.task)
    if sentence is None:
        candidates.keep(session, item)
        return
    from imagegen.storyboard import deciding, editing, following
    from imagegen.storyboard.tables import Sentence

    board = studio.site.storyboard(sentence.project)
    seed = candidates.seed(session, item)
    if board is None or seed is None:
        raise BuildFailed(f"{item.task} has no candidate", "regenerate it with another seed first")
    with board.session() as rows:
        row = rows.get(Sentence, sentence.id)
        before = row.seed if row is not None else None
        editing.change_sentence(rows, sentence.id, seed=seed)
        shot = deciding.shot(rows, sentence.id)

    def as_it_was() -> None:
        with board.session() as rows:
            row = rows.get(Sentence, sentence.id)
            if row is not None and row.seed == seed:
                editing.change_sentence(rows, sentence.id, seed=before)

    with contextlib.ExitStack() as undo, contextlib.closing(studio.project.session()) as anew:
        undo.callback(as_it_was)  # who is refused has changed nothing
        now = anew.by_task.get(item.task)
        if now is None or shot is None:
            raise Refused(404, f'there is no image "{item.task}"', "it was removed meanwhile")
        anew.cancelled = session.cancelled  # whose patience it is
        candidates.keep(anew, now)
        undo.pop_all()
    with board.session() as rows:
        following.succeeded(rows, sentence.id, item.target, shot.digest)
    studio.project.reload()
