"""A proxy on loopback between a run and its server, that can be told to misbehave.

It understands just enough of HTTP and WebSocket to delay, cut, double and reorder what passes; what it does
is decided by a `Mischief`. Each connection has a thread.
"""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from tests.faults.mischief import Answer, Asked, Mischief

_TIMEOUT = 30  # seconds for the server behind it
_MOMENT = 0.03  # seconds without a message on a WebSocket


@dataclass
class Proxy:
    """Listens from construction until `close`, or the end of its `with`."""

    upstream: str
    mischief: Mischief = field(default_factory=Mischief)

    def __post_init__(self) -> None:
        self.asked: list[Asked] = []
        self.changed = threading.Condition()
        self.stalled = threading.Event()  # an answer has been sent in part, and will go no further
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def was_asked(self, request: str) -> int:
        """How many such requests have come: `was_asked("GET /view")`."""
        with self.changed:
            return sum(one.is_for(request) for one in self.asked)

    def wait_until(self, predicate: Callable[[], Any], timeout: float = 10.0) -> None:
        """Wait until the predicate about what was asked is true."""
        with self.changed:
            assert self.changed.wait_for(predicate, timeout), f"not within {timeout} s; last {self.asked[-5:]}"

    def close(self) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self.changed:
            for connection in self._open:
                _shut(connection)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- connections ------------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self.changed:
            self._open.add(connection)
        try:
            with connection, connection.makefile("rb") as reader:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while (asked := _request(reader)) is not None:
                    with self.changed:
                        self.asked.append(asked)
                        self.changed.notify_all()
                    if asked.headers.get("upgrade", "").lower() == "websocket":
                        self._relay(connection, reader, asked)
                        return
                    sent = self.mischief.answered(asked, self._fetched(asked))
                    connection.sendall(sent.data)
                    if sent.stall:
                        self.stalled.set()
                        self._closing.wait()
                    if sent.cut or sent.stall:
                        _shut(connection)
                        return
        except (OSError, http.client.HTTPException):
            pass  # one side is gone, and so is the connection to the other
        finally:
            with self.changed:
                self._open.discard(connection)

    def _fetched(self, asked: Asked) -> Answer:
        """The server's answer to the last of as many requests as the mischief wants."""
        for _ in range(self.mischief.forwarded(asked)):
            behind = http.client.HTTPConnection(urlsplit(self.upstream).netloc, timeout=_TIMEOUT)
            with contextlib.closing(behind):
                behind.request(asked.method, asked.target, asked.body or None, {**asked.headers, "connection": "close"})
                found = behind.getresponse()
                answer = Answer(found.status, dict(found.getheaders()), found.read())
        return answer

    # --- WebSockets -------------------------------------------------------------------------------

    def _relay(self, connection: socket.socket, reader: BufferedReader, asked: Asked) -> None:
        parts = urlsplit(self.upstream)
        with socket.create_connection((parts.hostname, parts.port), timeout=_TIMEOUT) as behind:
            lines = [f"{asked.method} {asked.target} HTTP/1.1", *(f"{k}: {v}" for k, v in asked.headers.items())]
            behind.sendall("\r\n".join([*lines, "\r\n"]).encode("latin-1"))
            behind.settimeout(None)
            threading.Thread(target=_pour, args=(reader, behind), daemon=True).start()
            seconds = self.mischief.sockets_last()
            if seconds is not None:
                ending = threading.Timer(seconds, _shut, (connection, behind))
                ending.daemon = True
                ending.start()
            with behind.makefile("rb") as answers:
                connection.sendall(_head(answers))
                for frame in self.mischief.messages(_frames(answers)):
                    connection.sendall(frame)
            _shut(connection)


def _request(reader: BufferedReader) -> Asked | None:
    """The next request of a connection; None at its end."""
    head = _head(reader).decode("latin-1")
    if not head.endswith("\r\n\r\n"):
        return None
    first, *lines = head.rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Asked(method, target, headers, reader.read(int(headers.get("content-length", 0))))


def _head(reader: BufferedReader) -> bytes:
    """Everything up to the empty line."""
    lines = []
    while (line := reader.readline()) not in (b"", b"\r\n"):
        lines.append(line)
    return b"".join([*lines, line])


def _frames(reader: BufferedReader) -> Iterator[bytes | None]:
    """The frames that a server sends, each as it came (RFC 6455, 5.2); None after a moment without any."""
    found: queue.Queue[bytes] = queue.Queue()

    def read() -> None:
        with contextlib.suppress(OSError, ValueError):
            while len(head := reader.read(2)) == 2:
                size = head[1] & 0x7F
                longer = reader.read({126: 2, 127: 8}.get(size, 0))
                found.put(head + longer + reader.read(int.from_bytes(longer) if longer else size))
        found.put(b"")

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            frame = found.get(timeout=_MOMENT)
        except queue.Empty:
            yield None
            continue
        if not frame:
            return
        yield frame


def _pour(reader: BufferedReader, behind: socket.socket) -> None:
    """Everything the client says, to the server."""
    with contextlib.suppress(OSError, ValueError):
        while data := reader.read1(65536):
            behind.sendall(data)
    _shut(behind)


def _shut(*connections: socket.socket) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):  # it is gone already
            connection.shutdown(socket.SHUT_RDWR)
