"""Who is connected, and who is told what. Its faults: silence, noise, and everything said twice."""

from __future__ import annotations

import json
import struct
from threading import Condition
from typing import Any

from .comfyui_websocket import Socket

PREVIEW_IMAGE, JPEG, PNG = 1, 1, 2  # the kind of a binary message, and the formats of its image

_NOISE = (
    '{"type": "crystools.monitor", "data": {"cpu_utilization": 3.1, "gpus": []}}',
    "not JSON at all",
    '["a list"]',
    '{"type": "executing"}',
    '{"type": "executed", "data": {"node": "7", "display_node": "7", "output": {"images": [{"filename":'
    ' "somebody_else_00001_.png", "subfolder": "", "type": "output"}]}, "prompt_id": "somebody-else"}}',
    '{"type": "execution_success", "data": {"prompt_id": "somebody-else", "timestamp": 1795188240553}}',
    '{"type": "executing", "data": {"node": null, "prompt_id": "somebody-else"}}',
)


class Sockets:
    """All open WebSockets. A client has one at a time, by its `clientId`."""

    def __init__(self, changed: Condition) -> None:
        self._changed = changed
        self._by_client: dict[str, Socket] = {}
        self._open: set[Socket] = set()
        self.noisy = False
        self.twice = False

    @property
    def clients(self) -> list[str]:
        """The ids of those who would be told something now."""
        with self._changed:
            return list(self._by_client)

    def join(self, client: str, socket: Socket, status: dict[str, Any], node: str | None) -> None:
        """A client has connected: it gets the status, and the current `node` if its own job runs."""
        with self._changed:
            self._by_client[client] = socket
            self._open.add(socket)
            self.send("status", {**status, "sid": client}, client)
            if node is not None:
                self.send("executing", {"node": node}, client)
            self._changed.notify_all()

    def leave(self, client: str, socket: Socket) -> None:
        """A connection is over.

        As in the real server, the client is forgotten even when it has connected anew meanwhile: its second
        socket then stays open and hears nothing more.
        """
        with self._changed:
            self._by_client.pop(client, None)
            self._open.discard(socket)
            self._changed.notify_all()

    def send(self, event: str, data: dict[str, Any], client: str | None) -> None:
        """Tell one client, or everyone (None)."""
        text = json.dumps({"type": event, "data": data})
        with self._changed:
            for socket in self._listeners(client):
                if self.noisy:
                    self._make_noise(socket)
                for _ in range(2 if self.twice else 1):
                    socket.send_text(text)

    def send_image(self, image: bytes, client: str | None, kind: int = PNG) -> None:
        """Send a picture as a binary message: event, format, file, as recorded in save-image-websocket."""
        with self._changed:
            for socket in self._listeners(client):
                for _ in range(2 if self.twice else 1):
                    socket.send_binary(struct.pack(">II", PREVIEW_IMAGE, kind) + image)

    def send_raw(self, text: str, client: str | None = None) -> None:
        """Send any text to one client, or to everyone (None)."""
        with self._changed:
            for socket in self._listeners(client):
                socket.send_text(text)

    def silence(self, client: str | None = None) -> None:
        """Say nothing more to those connected now; their sockets stay open."""
        for socket in self._listeners(client):
            socket.silent = True

    def drop(self, client: str | None = None, gracefully: bool = False) -> int:
        """End the sockets of one client, or all (None); how many there were."""
        with self._changed:
            sockets = list(self._open) if client is None else self._listeners(client)
        for socket in sockets:
            if gracefully:
                socket.close()
            else:
                socket.abort()
        return len(sockets)

    def _listeners(self, client: str | None) -> list[Socket]:
        with self._changed:
            if client is None:
                return list(self._by_client.values())
            return [self._by_client[client]] if client in self._by_client else []

    def _make_noise(self, socket: Socket) -> None:
        for text in _NOISE:
            socket.send_text(text)
        socket.send_binary(struct.pack(">I", 99) + b"of a kind from the future")
        socket.send_binary(b"\0")
