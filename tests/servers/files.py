"""A server of files on loopback, as those that offer models are: ranges, redirects, refusals, and faults on demand.

With ``certificate`` it speaks TLS; :class:`Tunnel` then lets a client reach it under any name, as a proxy does.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PATIENCE = 30.0


@dataclass
class Offer:
    """What is at one path. ``fixed`` (status, body) is an answer to any question; ``location`` a redirect's.

    ``cuts`` are byte counts after which the connection breaks, one for each answer to come; ``holds_after`` is where
    an answer waits until :attr:`released`. ``claims`` is the Content-Length where it is not the true one (-1: none).
    """

    data: bytes = b""
    etag: str = ""
    modified: str = ""
    ranges: bool = True
    kind: str = "application/octet-stream"
    location: str = ""
    fixed: tuple[int, bytes] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    fails: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    holds_after: int | None = None
    claims: int | None = None
    needs: str = ""
    released: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Asked:
    """A question: its path with what is behind ``?``, the headers, and how many bytes of the body were sent."""

    path: str
    headers: Message
    sent: list[int] = field(default_factory=lambda: [0])

    @property
    def host(self) -> str:
        return str(self.headers["Host"])

    @property
    def token(self) -> str | None:
        return self.headers["Authorization"]

    @property
    def bytes_sent(self) -> int:
        return self.sent[0]


class FileServer:
    """Offers by path; what was asked is in :attr:`asked`."""

    def __init__(self, certificate: ssl.SSLContext | None = None) -> None:
        self.offers: dict[str, Offer] = {}
        self.asked: list[Asked] = []
        self._changed = threading.Condition()
        self._http = _Http(("127.0.0.1", 0), _Handler)
        self._http.files = self
        if certificate is not None:
            self._http.socket = certificate.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port: int = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for offer in self.offers.values():
            offer.released.set()
        self._http.shutdown()
        self._http.server_close()

    def offer(self, path: str, data: bytes = b"", **more: Any) -> str:
        """Put something at ``path``; its address."""
        self.offers[path] = Offer(data, **more)
        return self.url(path)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def note(self, asked: Asked) -> None:
        with self._changed:
            self.asked.append(asked)
            self._changed.notify_all()

    def told(self, asked: Asked, count: int) -> None:
        with self._changed:
            asked.sent[0] += count
            self._changed.notify_all()

    def wait_until_sent(self, count: int) -> None:
        """Wait until so many bytes of bodies have gone out in all."""
        with self._changed:
            assert self._changed.wait_for(lambda: sum(one.bytes_sent for one in self.asked) >= count, PATIENCE)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    files: FileServer

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)  # HTTPServer's own way asks the DNS for a name
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to tell."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def do_GET(self) -> None:
        files = self.server.files
        path = self.path.partition("?")[0]
        asked = Asked(self.path, self.headers)
        files.note(asked)
        offer = files.offers.get(path)
        if offer is None:
            self._answer(404, b"not here")
        elif offer.needs and self.headers["Authorization"] != f"Bearer {offer.needs}":
            self._answer(403 if self.headers["Authorization"] else 401, b"who are you?")
        elif offer.fails:
            self._answer(offer.fails.pop(0), b"busy")
        elif offer.fixed is not None:
            self._answer(*offer.fixed, kind=offer.kind)
        elif offer.location:
            self.send_response(302)
            self.send_header("Location", offer.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._file(offer, asked)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on the terminal."""

    def _answer(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self, offer: Offer, asked: Asked) -> None:
        start = self._start(offer)
        whole = len(offer.data)
        if start is not None and start >= whole:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{whole}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = offer.data[start or 0 :]
        self.send_response(200 if start is None else 206)
        if start is not None:
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        for name, value in (("ETag", offer.etag), ("Last-Modified", offer.modified), *offer.headers.items()):
            if value:
                self.send_header(name, value)
        self.send_header("Content-Type", offer.kind)
        claims = len(body) if offer.claims is None else offer.claims
        if claims >= 0:
            self.send_header("Content-Length", str(claims))
        else:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        self._body(offer, asked, body)

    def _start(self, offer: Offer) -> int | None:
        """Where the answer begins; None where the whole file is the answer."""
        wanted, condition = self.headers["Range"], self.headers["If-Range"]
        if not wanted or not offer.ranges or (condition and condition not in (offer.etag, offer.modified)):
            return None
        return int(wanted.removeprefix("bytes=").removesuffix("-"))

    def _body(self, offer: Offer, asked: Asked, body: bytes) -> None:
        cut = offer.cuts.pop(0) if offer.cuts else len(body)
        for end in sorted({min(cut, len(body)), min(offer.holds_after or 0, cut, len(body))}):
            begin = asked.bytes_sent
            self.wfile.write(body[begin:end])
            self.wfile.flush()
            self.server.files.told(asked, end - begin)
            if end == offer.holds_after:
                offer.released.wait(PATIENCE)
        if cut < len(body):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


class Tunnel:
    """A proxy on loopback that takes every CONNECT to the server of that name. ``names`` are hosts and ports."""

    def __init__(self, names: Mapping[str, int]) -> None:
        self.names = names
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._connect, args=(connection,), daemon=True).start()

    def _connect(self, connection: socket.socket) -> None:
        with connection:
            head = b""
            while b"\r\n\r\n" not in head and (more := connection.recv(4096)):
                head += more
            host = head.split(b" ")[1].decode().rpartition(":")[0]
            self.asked.append(host)
            if host not in self.names:
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self.names[host])) as there:
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_pour, args=(there, connection), daemon=True)
                back.start()
                _pour(connection, there)
                back.join(PATIENCE)


def _pour(source: socket.socket, goal: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            goal.sendall(data)
        goal.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one side has hung up
