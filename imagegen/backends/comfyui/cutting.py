"""Requests that can be cut short from another thread: who leaves a run does not wait for a server that hangs."""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from collections.abc import Callable
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

GRACE = 2.0
"""Seconds that a request under way has to end by itself once the run is being left."""

_GLANCE = 0.5


class Cuttable(HTTPAdapter):
    """The adapter of requests for one server, which knows its connections."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self._connections: weakref.WeakSet[HTTPConnection] = weakref.WeakSet()
        opened = self._connections.add

        class Plain(HTTPConnection):
            def connect(self) -> None:
                super().connect()
                opened(self)

        class Secure(HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                opened(self)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}

    def cut(self) -> None:
        """End all connections; whoever waits for an answer on one gets a network error."""
        for connection in list(self._connections):
            open_socket = getattr(connection, "sock", None)
            if open_socket is not None:
                with contextlib.suppress(OSError):  # it has ended by itself
                    open_socket.shutdown(socket.SHUT_RDWR)


def cut_when(cancelled: threading.Event, closed: threading.Event, cut: Callable[[], None]) -> None:
    """Call ``cut`` some seconds after ``cancelled``, unless ``closed`` comes first; returns at once."""

    def waiting() -> None:
        while not cancelled.wait(_GLANCE):
            if closed.is_set():
                return
        if not closed.wait(GRACE):
            cut()

    threading.Thread(target=waiting, name="comfyui-cutting", daemon=True).start()
