"""What a click does to one image at once, without a job: keep or discard a candidate, restore, adopt."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from imagegen.errors import Interrupted
from imagegen.items import Item
from imagegen.session import Session
from imagegen.studio.hub import Hub
from imagegen.studio.project import Project
from imagegen.studio.refusal import Refused

PATIENCE = 10.0
"""Seconds that a click waits for a run that has the target."""


def do(project: Project, hub: Hub, task: str, act: Callable[[Session, Item], None]) -> None:
    """Let ``act`` work on an item, on the manifest as it is now, and look at what came of it.

    Raises Refused (404, and 409 while the image is being made), WrongInput, and what ``act`` raises.
    """
    busy = Refused(409, f"{task} is being made", "cancel that first, or wait for it")
    activity = hub.activities.get(task)
    if activity is not None and activity.status == "generating":
        raise busy
    with contextlib.closing(project.session()) as session:
        item = session.by_task.get(task)
        if item is None:
            raise Refused(404, f'there is no image "{task}"', "it may have left the manifest")
        patience = threading.Timer(PATIENCE, session.cancelled.set)
        patience.start()
        try:
            act(session, item)
        except Interrupted:
            raise busy from None
        finally:
            patience.cancel()
            project.look([task])
