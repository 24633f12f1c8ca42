"""HTTP on a loopback port: connections, the faults that strike a request, and the way to `/ws`."""

from __future__ import annotations

import socket
import sys
import threading
import uuid
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .comfyui_faults import Fault
from .comfyui_record import Request
from .comfyui_routes import Response, is_foreign, respond
from .comfyui_websocket import Socket, accept_key

if TYPE_CHECKING:
    from .comfyui import ComfyServer

_POLL = 0.02  # seconds until a closing listener notices
_NO_UPGRADE = b'No WebSocket UPGRADE hdr: None\n Can "Upgrade" only to "WebSocket".'


class Listener:
    """The port. It can stop listening, and start again at the same port."""

    def __init__(self, server: ComfyServer, host: str, port: int) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._http: _Http | None = None
        self._closed = False
        self.address = (host, port)

    def start(self) -> None:
        """Listen, unless it does already."""
        with self._lock:
            if self._http is None and not self._closed:
                self._http = _Http(self.address, _Handler)
                self._http.comfy = self._server
                self.address = (self.address[0], self._http.server_address[1])
                serve = self._http.serve_forever
                threading.Thread(target=serve, args=(_POLL,), name="comfyui-http", daemon=True).start()

    def stop(self) -> None:
        """Close the port, and every connection that came by it."""
        with self._lock:
            http, self._http = self._http, None
        if http is not None:
            http.shutdown()
            http.server_close()
            http.hang_up()

    def close(self) -> None:
        """Stop for good: an outage that ends later changes nothing."""
        with self._lock:
            self._closed = True
        self.stop()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    comfy: ComfyServer

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._connections: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)  # HTTPServer's own way asks the DNS for a name
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        with self._guard:
            connections = list(self._connections)
        for connection in connections:
            _shut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client that went away is nothing to tell
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def do_GET(self) -> None:
        """Any method at all: take the request, let a fault strike, answer."""
        comfy = self.server.comfy
        request = self._request(comfy.options.base_path)
        comfy.note(request)
        response = self._refusal(request)
        if response is not None:
            self._send(response)
            return
        if (late := self._fault("delay", request)) is not None:
            comfy.faults.wait_until_cleared(late.seconds)
        if self._fault("hang", request):
            comfy.faults.wait_until_cleared()
            self._hang_up()
        elif self._fault("drop", request):
            self._hang_up()
        elif (fixed := self._fault("answer", request)) is not None:
            self._send(Response(fixed.status, fixed.body, dict(fixed.headers)))
        elif request.path == "/ws":
            self._websocket(request)
        else:
            self._serve(request)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on the terminal."""

    def _request(self, base_path: str) -> Request:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        inside = path.startswith(base_path + "/") or path == base_path
        path = path.removeprefix(base_path) if inside else f"/outside{path}"
        if path == "/api" or path.startswith("/api/"):
            path = path.removeprefix("/api")
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return Request(self.command, path or "/", dict(parse_qsl(parts.query)), self.headers, data)

    def _fault(self, what: str, request: Request) -> Fault | None:
        return self.server.comfy.faults.take(what, request.path, f"{request.method} {request.path}")

    def _refusal(self, request: Request) -> Response | None:
        if is_foreign(request.headers):
            return Response(403)
        wanted = self.server.comfy.options.required_header
        if wanted is not None and request.headers.get(wanted[0]) != wanted[1]:
            return Response(401, b"Unauthorized", {"Content-Type": "text/plain; charset=utf-8"})
        return None

    def _serve(self, request: Request) -> None:
        twice = self._fault("do twice", request)
        response = respond(self.server.comfy, request)
        if twice:
            response = respond(self.server.comfy, request)
        if self._fault("lose answer", request):
            self._hang_up()
        else:
            self._send(response, self._fault("cut", request))

    def _send(self, response: Response, cut: Fault | None = None) -> None:
        lines = [f"HTTP/1.1 {response.status} {_reason(response.status)}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        lines += [f"Content-Length: {len(response.body)}", "Server: ComfyUI-stand-in"]
        if response.status == 500:  # aiohttp's way
            lines.append("Connection: close")
            self.close_connection = True
        head = "\r\n".join([*lines, "\r\n"]).encode("latin-1")
        body = b"" if self.command == "HEAD" else response.body
        self.connection.sendall(head + (body if cut is None else body[: cut.count]))
        if cut is not None:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        _shut(self.connection)

    def _websocket(self, request: Request) -> None:
        comfy = self.server.comfy
        if request.headers.get("Upgrade", "").lower() != "websocket":
            self._send(Response(400, _NO_UPGRADE, {"Content-Type": "text/plain; charset=utf-8"}))
            return
        key = accept_key(request.headers.get("Sec-WebSocket-Key", ""))
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: upgrade"]
        lines += [f"Sec-WebSocket-Accept: {key}", "\r\n"]
        self.connection.sendall("\r\n".join(lines).encode())
        self.close_connection = True
        open_socket = Socket(self.connection, self.rfile)
        open_socket.silent = comfy.faults.take("silent socket") is not None
        comfy.serve_socket(request.query.get("clientId") or uuid.uuid4().hex, open_socket)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # 524 and the like, from Cloudflare
        return "Unknown"


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the client was faster
