"""Each event as one line of JSON, for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import IO

from imagegen.progress import Event


class JsonLines:
    """``{"event": "made", "task": "kins:mallsing", "target": …}``"""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def show(self, event: Event) -> None:
        self._stream.write(json.dumps({"event": event.kind, **asdict(event)}, ensure_ascii=False) + "\n")
        self._stream.flush()

    def close(self) -> None:
        self._stream.flush()
