"""Each event as one line of JSON, for programs."""

from __future__ import annotations

import json
from typing import IO, Any

from imagegen.progress import Ended, Event, Preview


class JsonLines:
    """``{"event": "made", "task": "kins:mallsing", "target": …}``"""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def show(self, event: Event) -> None:
        if isinstance(event, Preview):  # a picture is no line
            return
        self._stream.write(json.dumps(_plain(event)) + "\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.flush()


def _plain(event: Event) -> dict[str, Any]:
    plain = {"event": type(event).__name__.lower(), **event._asdict()}
    if isinstance(event, Ended):
        plain["failures"] = [failure._asdict() for failure in event.failures]
    return plain
