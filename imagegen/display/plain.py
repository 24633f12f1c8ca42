"""One plain line an image: for pipes, files and CI."""

from __future__ import annotations

from typing import IO

from imagegen.display import words
from imagegen.progress import Event


class Plain:
    """Writes lines as they come."""

    def __init__(self, stream: IO[str], root: str = "") -> None:
        self._stream, self._root = stream, root

    def show(self, event: Event) -> None:
        text = words.line(event, self._root)
        if text is not None:
            self._stream.write(text + "\n")
            self._stream.flush()

    def close(self) -> None:
        self._stream.flush()
