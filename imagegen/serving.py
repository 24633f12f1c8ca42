"""Servers that are started for what needs them: ``backends.<name>.start: auto``, and ``stop_after: true``.

The two keys mean the same in the block of every backend that has a service.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from imagegen.backends.base import Backend, Service, Watch
from imagegen.errors import BuildFailed


class Serving:
    """For one run. ``say`` gets a line at a time."""

    def __init__(self, say: Callable[[str], None], cancelled: threading.Event) -> None:
        self._say, self._watch = say, Watch(cancelled)
        self._asked: set[str] = set()
        self._starting = threading.Lock()  # nobody goes ahead before the server is there
        self._to_end: list[Service] = []

    def need(self, backend: Backend, block: Mapping[str, Any]) -> None:
        """Before the backend is asked for something: start its server if that is wished and it does not run.

        Raises BuildFailed, WrongInput or Interrupted.
        """
        if block.get("start") != "auto":
            return
        with self._starting:
            if backend.name in self._asked:
                return
            self._asked.add(backend.name)
            service = backend.service()
            if service is None:  # it is on another machine
                return
            if service.start(self._say, self._watch) and block.get("stop_after"):
                self._to_end.append(service)

    def close(self) -> None:
        """End what was started and is to be ended, unless others have come to use it."""
        while self._to_end:
            service = self._to_end.pop()
            try:
                if service.status().get("queue"):
                    self._say("the server that was started for this run goes on: others' images are in its queue")
                else:
                    service.stop(self._say)
            except BuildFailed as error:
                self._say(str(error))
