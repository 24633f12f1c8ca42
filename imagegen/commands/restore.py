"""restore: bring the previous file back, and accept it for the current recipe."""

from __future__ import annotations

from typing import Any

from imagegen.commands import options
from imagegen.commands.adopt import each
from imagegen.commands.base import Plain
from imagegen.errors import WrongInput
from imagegen.items import Item
from imagegen.restoring import restore
from imagegen.session import Session, open_session


class Restore(Plain):
    doc_purpose = "bring the previous pictures back"
    doc_usage = "JOB|JOB:SLUG ..."
    doc_description = (
        "The newest version under .imagegen/previous/ takes the target's place and is accepted for the "
        "current recipe; what stood there becomes the newest previous version, so that a second restore "
        "undoes the first."
    )
    cmd_options = (options.ASSETS, options.ALLOW)

    def work(self, params: Any, names: list[str]) -> int:
        if not names:
            raise WrongInput("restore wants the names of images, as job:slug")
        session = open_session(options.wishes(params))
        return each(session, session.select(names), lambda item: _restore(session, item))


def _restore(session: Session, item: Item) -> str:
    done = restore(session, item)
    return f"restored {session.shown(item)} from {done.where}" + "".join(f"\n         {note}" for note in done.notes)
