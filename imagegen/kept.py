"""Backends that are set up, kept for as long as somebody builds with them.

A run has its own. A program that opens one session after another (the studio, one for each image) hands the same
:class:`Kept` to all of them, so that their places, sockets and what they learned of servers are shared.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from imagegen import backends
from imagegen.backends.base import Backend
from imagegen.errors import WrongInput, listed, nearest
from imagegen.serving import Serving


class Kept:
    """Threads share it. ``say`` tells the user of a server that is started; ``cancelled`` says that
    all is to end."""

    def __init__(
        self, environ: Mapping[str, str], project: Path, say: Callable[[str], None], cancelled: threading.Event
    ):
        self._environ, self._project = environ, project
        self._backends: dict[str, tuple[Mapping[str, Any], Backend]] = {}
        self._outdated: list[Backend] = []
        self._lock = threading.RLock()
        self.leaving = cancelled
        self.serving = Serving(say, cancelled)

    def backend(self, name: str, block: Mapping[str, Any]) -> Backend:
        """The backend called ``name``, set up by ``block``; a new one where the block is another than before.
        Raises WrongInput."""
        with self._lock:
            before, found = self._backends.get(name, (None, None))
            if found is not None and before == block:
                return found
            if name not in backends.names():
                choices = listed(nearest(name, backends.names()))
                raise WrongInput(f'there is no backend "{name}"', f"there are {choices}")
            made = backends.load(name)(block, self._environ, self._project)
            if found is not None:
                self._outdated.append(found)  # somebody may be building with it
            self._backends[name] = block, made
            return made

    def close(self) -> None:
        """Let go of servers."""
        with self._lock:
            for backend in (*self._outdated, *(one for _, one in self._backends.values())):
                backend.close()
            self._outdated, self._backends = [], {}
        self.serving.close()
