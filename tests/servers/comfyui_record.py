"""What happened at the server, for tests to look at."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from email.message import Message
from typing import Any

from .comfyui_graph import Graph


@dataclass(frozen=True)
class Request:
    """One HTTP request as it came in; `path` is without `/api`, base path and query."""

    method: str
    path: str
    query: dict[str, str]
    headers: Message
    data: bytes

    @property
    def body(self) -> Any:
        """The body read as JSON; None when it is none."""
        try:
            return json.loads(self.data)
        except ValueError:
            return None


class Record:
    """Everything that happened since the server object was made; restarts are lived through."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.submitted: list[Graph] = []  # every graph that was queued
        self.submitted_ids: list[str] = []
        self.executed: list[str] = []  # the ids of the jobs that succeeded, in order
        self.pictures_made = 0  # written or sent; a job served from the cache makes none
        self.interrupts: list[str | None] = []  # the ids in POST /interrupt; None: none given
        self.deleted: list[str] = []  # the ids in POST /queue {"delete": …}
        self.clearances = 0  # how often POST /queue {"clear": true} came
        self.history_deleted: list[str] = []
        self.uploads: list[str] = []  # `subfolder/name`, as kept
        self._most: Counter[str | None] = Counter()

    def max_queued_of(self, client: str | None) -> int:
        """The most jobs that this client had at the server at once, the running one among them."""
        return self._most[client]

    def note_queued(self, client: str | None, count: int) -> None:
        """A client has so many jobs at the server now."""
        self._most[client] = max(self._most[client], count)

    def asked(self, method: str, path: str) -> list[Request]:
        """The requests of that method for that path, or below it."""
        return [
            request
            for request in self.requests
            if request.method == method and (request.path == path or request.path.startswith(path + "/"))
        ]
