"""What happened at the server, for tests to look at."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
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


@dataclass
class Record:
    """Everything since the server object was made; restarts are lived through."""

    requests: list[Request] = field(default_factory=list)
    submitted: list[Graph] = field(default_factory=list)  # every graph that was queued
    submitted_ids: list[str] = field(default_factory=list)
    executed: list[str] = field(default_factory=list)  # the ids of the jobs that succeeded, in order
    images_made: int = 0  # pictures written or sent; a job served from the cache makes none
    interrupts: list[str | None] = field(default_factory=list)  # the ids in POST /interrupt; None: none given
    deleted: list[str] = field(default_factory=list)  # the ids in POST /queue {"delete": …}
    cleared: int = 0  # POST /queue {"clear": true}
    history_deleted: list[str] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)  # `subfolder/name`, as kept
    most_at_once: Counter[str | None] = field(default_factory=Counter)  # by client; waiting and running
    most_of_all: int = 0
