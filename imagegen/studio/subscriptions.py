"""What waits to be sent to one page: kept short, so that a page that reads slowly holds up nobody."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

Message = Mapping[str, Any]

MOST_WAITING = 20_000
"""Messages that may wait for one page; one that falls so far behind is let go, and begins anew."""

MOST_TASKS = 500
"""Tasks that one ``changed`` names; more are `null`: everything."""


class Subscription:
    """One page's messages, ``project`` those of one storyboard project alone. Made in an event loop; put into from
    any thread.

    Of several messages about the progress of one job only the latest waits; several ``changed`` become one.
    """

    def __init__(self, project: str | None = None) -> None:
        self.project = project
        self.lost = False
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._lock = threading.Lock()
        self._waiting: dict[object, Message] = {}
        self._number = 0

    def put(self, message: Message) -> None:
        """Have ``message`` sent, if it is of interest here."""
        if self.project is not None and message.get("projectId", self.project) != self.project:
            return
        with self._lock:
            if self.lost:
                return
            was_empty = not self._waiting
            self._merge(message)
            if len(self._waiting) > MOST_WAITING:
                self.lost = True  # what waits is kept: whoever takes it sees that it is lost
        if was_empty or self.lost:
            try:
                self._loop.call_soon_threadsafe(self._ready.set)
            except RuntimeError:  # the server is gone
                self.lost = True

    def _merge(self, message: Message) -> None:
        kind, job = message["type"], message.get("jobId")
        key: object
        if kind == "progress":
            key = ("progress", job)
        elif kind == "changed":
            key = "changed"
            if (before := self._waiting.pop(key, None)) is not None:
                message = {**message, "tasks": _joined(before["tasks"], message["tasks"])}
        else:
            self._waiting.pop(("progress", job), None)
            self._number += 1
            key = self._number
        self._waiting[key] = message

    async def take(self) -> list[Message]:
        """All that waits, once there is something."""
        await self._ready.wait()
        with self._lock:
            self._ready.clear()
            found = list(self._waiting.values())
            self._waiting = {}
        return found


def _joined(one: list[str] | None, other: list[str] | None) -> list[str] | None:
    if one is None or other is None:
        return None
    tasks = list(dict.fromkeys([*one, *other]))
    return tasks if len(tasks) <= MOST_TASKS else None
