"""The server's WebSocket: it says at once what polling would find a quarter of a second later.

Nothing rests on it. A refused, silent or dropped socket loses only the steps' progress; what is true
is asked over HTTP.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import uuid
from collections.abc import Mapping
from typing import Any, Protocol

import websocket

from imagegen.backends.comfyui.address import Address
from imagegen.backends.comfyui.client import remaining

FINAL = frozenset({"execution_success", "execution_error", "execution_interrupted"})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 15.0
_CONNECT_TIMEOUT = 10.0
_PREVIEW, _FORMATS = 1, {1: "jpeg", 2: "png"}
_LARGEST = 4 * 1024 * 1024


class Follower(Protocol):
    """Who wants to hear of one prompt; called from the listener's thread, and must not block."""

    def began(self) -> None: ...

    def stepped(self, value: int, total: int) -> None: ...

    def looked(self, data: bytes, kind: str) -> None: ...

    def ended(self) -> None: ...


class Listener:
    """One socket to one server, opened again whenever it closes, until :meth:`close`."""

    def __init__(self, address: Address) -> None:
        self.client_id = uuid.uuid4().hex
        self._address = address
        self._followers: dict[str, Follower] = {}
        self._running = ""  # the prompt that the server works on, as far as it has said
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._socket: websocket.WebSocket | None = None
        self._thread: threading.Thread | None = None
        self.connected = threading.Event()
        self.remaining: int | None = None

    @property
    def queued(self) -> int | None:
        """How many prompts, anybody's, wait or run at the server; None while the socket does not tell."""
        return self.remaining if self.connected.is_set() else None

    def start(self) -> None:
        """Open the socket."""
        with self._lock:
            self._started()

    def follow(self, prompt_id: str, follower: Follower) -> None:
        """Tell ``follower`` of this prompt; the first call opens the socket."""
        with self._lock:
            self._followers[prompt_id] = follower
            self._started()

    def unfollow(self, prompt_id: str) -> None:
        with self._lock:
            self._followers.pop(prompt_id, None)

    def close(self) -> None:
        self._closed.set()
        if self._socket is not None:
            _wake(self._socket)
        if self._thread is not None:
            # A thread that is still connecting has nothing to lose; it ends with the program.
            self._thread.join(timeout=2 if self.connected.is_set() else 0.1)

    def _started(self) -> None:
        if self._thread is None and not self._closed.is_set():
            self._thread = threading.Thread(target=self._listen, name="comfyui-listener", daemon=True)
            self._thread.start()

    def _listen(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closed.is_set():
            try:
                self._socket = self._connect()
                self.connected.set()
                pause = _FIRST_PAUSE
                self._read(self._socket)
            except (websocket.WebSocketException, OSError, ValueError):
                pass  # refused, dropped or not a WebSocket at all: polling goes on meanwhile
            finally:
                self.connected.clear()
                self.remaining = None
                if self._socket is not None:
                    self._socket.shutdown()
            self._closed.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _connect(self) -> websocket.WebSocket:
        made = websocket.create_connection(
            f"{self._address.ws_url}?clientId={self.client_id}",
            timeout=_CONNECT_TIMEOUT,
            header=[f"{name}: {value}" for name, value in self._address.headers.items()],
            suppress_origin=True,  # a server behind a proxy refuses an Origin that does not fit its Host
            skip_utf8_validation=True,  # byte by byte in Python, it costs more than all else; json checks anyway
            redirect_limit=0,  # the headers are for this server alone
            # The library asks http_no_proxy only beside a proxy of its own, whatever that is called.
            **({"http_proxy_host": "none", "http_no_proxy": ["*"]} if self._address.is_local else {}),
        )
        if made.getstatus() != 101:  # a redirect, which is not followed
            made.shutdown()
            raise websocket.WebSocketException(f"status {made.getstatus()}")
        return made

    def _read(self, open_socket: websocket.WebSocket) -> None:
        open_socket.settimeout(None)
        while not self._closed.is_set():
            opcode, data = open_socket.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                return
            if opcode == websocket.ABNF.OPCODE_TEXT:
                self._told(data)
            elif opcode == websocket.ABNF.OPCODE_BINARY:
                self._shown(data)

    def _told(self, raw: bytes) -> None:
        # Not a message of ComfyUI's, or nothing that can be shown: what is true is asked over HTTP.
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            message = json.loads(raw)
            kind, data = message["type"], message["data"]
            prompt_id = data.get("prompt_id")
            with self._lock:
                follower = self._followers.get(prompt_id)
            if follower is not None:
                self._running = "" if kind in FINAL else prompt_id
                _tell(follower, kind, data)
            elif kind == "status":
                self.remaining = remaining(data["status"])

    def _shown(self, frame: bytes) -> None:
        """A preview: four bytes that say so, four for its format, then the picture. It names no prompt, and is of
        the one that runs: a server works on one at a time."""
        event, form = int.from_bytes(frame[:4], "big"), int.from_bytes(frame[4:8], "big")
        with self._lock:
            follower = self._followers.get(self._running)
        if follower is not None and event == _PREVIEW and form in _FORMATS and len(frame) < _LARGEST:
            follower.looked(bytes(frame[8:]), _FORMATS[form])


def _wake(open_socket: websocket.WebSocket) -> None:
    """Bring the listener's thread out of recv, which a mere close does not."""
    raw = open_socket.sock
    if raw is not None:
        with contextlib.suppress(OSError):  # it is closing by itself at this moment
            raw.shutdown(socket.SHUT_RDWR)


def _tell(follower: Follower, kind: str, data: Mapping[str, Any]) -> None:
    if kind in FINAL or (kind == "executing" and data.get("node") is None):
        follower.ended()
    elif kind == "progress":
        value, total = data.get("value"), data.get("max")
        if isinstance(value, int | float) and isinstance(total, int | float):
            follower.stepped(int(value), int(total))
    elif kind in ("execution_start", "executing", "progress_state"):
        follower.began()
