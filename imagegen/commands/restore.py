"""restore: bring the previous file back, and accept it for the current recipe."""

from __future__ import annotations

from typing import Any

from imagegen import png, previous
from imagegen.commands import options
from imagegen.commands.adopt import each
from imagegen.commands.base import Plain
from imagegen.errors import BuildFailed, WrongInput
from imagegen.items import Item
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
    """Bring back the newest kept version that is another picture than the one that stands there."""
    kept = previous.versions(session.project, item.target)
    if not kept:
        raise BuildFailed(f"no previous version of {item.target} is kept")
    flaws = []
    for version in reversed(kept):
        where = version.relative_to(session.project).as_posix()
        try:
            data = version.read_bytes()
            for _ in png.chunks(data):
                pass
        except OSError as error:
            flaws.append(f"{where} can't be read: {error.strerror or error}")
            continue
        except png.NotWhole as error:
            flaws.append(f"{where} is no whole PNG: {error}")
            continue
        done = session.workshop.adopt(item, data)
        if done.changed:
            version.unlink(missing_ok=True)  # it stands at the target now
            notes = [*done.notes, *(f"passed over: {flaw}" for flaw in flaws)]
            return f"restored {session.shown(item)} from {where}" + "".join(f"\n         {note}" for note in notes)
    if flaws:
        raise BuildFailed("; ".join(flaws))
    raise BuildFailed(f"no other version of {item.target} is kept: it is the previous one already")
