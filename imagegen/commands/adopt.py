"""adopt: accept an existing picture for the current recipe, generating nothing."""

from __future__ import annotations

import sys
from typing import Any

from imagegen import errors
from imagegen.commands import options
from imagegen.commands.base import Plain
from imagegen.errors import BuildFailed, WrongInput
from imagegen.items import Item
from imagegen.session import Session, open_session
from imagegen.settling import settle


class Adopt(Plain):
    doc_purpose = "accept existing pictures for the current recipes"
    doc_usage = "JOB|JOB:SLUG ..."
    doc_description = (
        "The picture becomes fresh; its record says for what it is accepted and, where that is known, "
        "what really made it. The file as it was is kept under .imagegen/previous/."
    )
    cmd_options = (options.ASSETS, options.ALLOW)

    def work(self, params: Any, names: list[str]) -> int:
        if not names:
            raise WrongInput("adopt wants the names of images, as job:slug")
        session = open_session(options.wishes(params))
        return each(session, session.select(names), lambda item: _adopt(session, item))


def _adopt(session: Session, item: Item) -> str:
    done = session.workshop.adopt(item)
    return f"adopted  {session.shown(item)}" + "".join(f"\n         {note}" for note in done.notes)


def each(session: Session, items: list[Item], act: Any) -> int:
    """Do ``act`` with every item; one that fails does not keep the others from it."""
    failed = 0
    for item in items:
        try:
            print(act(item))
        except BuildFailed as error:
            failed += 1
            print(f"failed   {item.task}: {error}")
    for warning in settle(session):
        print(warning, file=sys.stderr)
    return errors.FAILED if failed else errors.DONE
