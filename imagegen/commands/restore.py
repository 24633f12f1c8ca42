"""restore: bring the previous file back, and accept it for the current recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagegen import build, previous
from imagegen.commands import options
from imagegen.commands.adopt import each
from imagegen.commands.base import Plain
from imagegen.errors import BuildFailed, WrongInput
from imagegen.manifest import Item
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
        session = open_session(options.wishes(params), Path.cwd())
        return each(session, session.select(names), lambda item: _restore(session, item))


def _restore(session: Session, item: Item) -> str:
    kept = previous.versions(session.project, item.target)
    if not kept:
        raise BuildFailed(f"no previous version of {item.target} is kept")
    newest = kept[-1]
    try:
        data = newest.read_bytes()
    except OSError as error:
        raise BuildFailed(f"can't read {newest}: {error.strerror or error}") from error
    notes = build.adopt(item, session.project, session.known(item.way), session.cancelled, data)
    newest.unlink(missing_ok=True)  # it stands at the target now
    return f"restored {item.target}" + "".join(f"\n         {note}" for note in notes)
