"""One plain line an image: for pipes, files and CI."""

from __future__ import annotations

from typing import IO

from imagegen.display import words
from imagegen.progress import Event


class Plain:
    """Writes lines as they come."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def show(self, event: Event) -> None:
        text = words.line(event)
        if text is not None:
            self._stream.write(text + "\n")
            self._stream.flush()

    def close(self) -> None:
        self._stream.flush()
