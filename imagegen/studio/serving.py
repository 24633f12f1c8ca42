"""The server, in a thread and an event loop of its own, so that signals stay with the program."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn

LEAVING = 1
"""Seconds that answers under way have to end."""

LARGEST_MESSAGE = 64 * 1024
"""Bytes of a WebSocket's message from a client: they have little to say."""


class Serving:
    """``app`` on the open socket ``at``. ``ended`` is called once it serves no more, for whatever reason."""

    def __init__(self, app: Any, at: socket.socket, ended: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",  # strict, and the same wherever other parsers happen to be installed
            ws="websockets-sansio",
            ws_max_size=LARGEST_MESSAGE,
            lifespan="on",
            log_config=None,
            log_level="critical",  # what went wrong in the app is shown by the guard
            access_log=False,  # it would hold the token of the printed link
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=LEAVING,
        )
        self._server, self._socket, self._ended = uvicorn.Server(config), at, ended
        self._thread = threading.Thread(target=self._serve, name="server", daemon=True)

    def start(self) -> bool:
        """Begin; whether it came up."""
        self._thread.start()
        while self._thread.is_alive() and not self._server.started:
            time.sleep(0.005)
        return self._server.started

    def stop(self) -> None:
        """Ask it to end; from any thread."""
        self._server.should_exit = True

    def join(self) -> None:
        if self._thread.ident is not None:  # else it never began
            self._thread.join(timeout=LEAVING + 4)

    def _serve(self) -> None:
        try:
            asyncio.run(self._server.serve(sockets=[self._socket]))
        except SystemExit:  # the app could not begin, which the guard has shown
            return
        finally:
            self._ended()
