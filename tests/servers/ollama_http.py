"""What a stand-in Ollama server answers: its routes for image models, and the faults that strike a request."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import select
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

from .comfyui_pictures import Picture, encode

if TYPE_CHECKING:
    from .ollama import OllamaServer

STEPS = 9
UNSUPPORTED = "image generation models are not currently supported"


@dataclass
class Fault:
    """What goes wrong with the next request of a route. `kind`: `answer` (with `status` and `body`), `drop`
    (the connection, unanswered), `hang`; and for streams, after the first lines: `error` (a line that says
    `body`), `cut` (the connection), `end` (without the last line). Or the picture: `text`, `empty`, `half`,
    `other`."""

    route: str
    kind: str = "answer"
    status: int = 500
    body: Any = "internal"
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)


class Asked(NamedTuple):
    """A request as it came."""

    route: str
    body: dict[str, Any]
    headers: dict[str, str]


def digest_of(model: str) -> str:
    return hashlib.sha256(model.encode()).hexdigest()


def full(model: str) -> str:
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


def gone(connection: socket.socket) -> bool:
    """Whether the client has closed its side; with TLS that is not seen."""
    if isinstance(connection, ssl.SSLSocket):
        return False
    try:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True


class Http(ThreadingHTTPServer):
    daemon_threads = True
    ollama: OllamaServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to tell."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Http

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on the terminal."""

    def do_GET(self) -> None:
        ollama = self.server.ollama
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        route = self.path[self.path.index("/api/") :] if "/api/" in self.path else self.path
        body = json.loads(data) if data else {}
        ollama.note(Asked(self.path, body, dict(self.headers.items())))
        if ollama.wants and self.headers.get(ollama.wants[0]) != ollama.wants[1]:
            self._json(401, {"error": "unauthorized"})
            return
        fault = ollama.fault(route)
        if fault and fault.kind in ("drop", "hang", "answer"):
            self._misbehave(fault)
            return
        match self.command, route:
            case "GET", "/api/version":
                self._json(200, {"version": ollama.version})
            case "GET", "/api/tags":
                found = [{"name": name, "model": name, "digest": digest_of(name)} for name in ollama.models]
                self._json(200, {"models": found})
            case "POST", "/api/show":
                able = ollama.models.get(full(body["model"]))
                if able is None:
                    self._json(404, {"error": f"model '{body['model']}' not found"})
                else:
                    self._json(200, {"capabilities": able, "details": {}})
            case "POST", "/api/pull":
                self._stream(self._pulled(body["model"], fault))
            case "POST", "/api/generate":
                self._generate(body, fault)
            case _:
                self._send(404, b"404 page not found", "text/plain")

    do_POST = do_GET

    def _misbehave(self, fault: Fault) -> None:
        if fault.kind == "hang":
            self.server.ollama.hang(self.connection)
        if fault.kind in ("drop", "hang"):
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = {"error": fault.body} if isinstance(fault.body, str) and not fault.body.startswith("<") else fault.body
        if isinstance(body, str):
            self._send(fault.status, body.encode(), "text/html", fault.headers)
        else:
            self._json(fault.status, body, fault.headers)

    def _pulled(self, model: str, fault: Fault | None) -> Iterator[dict[str, Any] | None]:
        ollama = self.server.ollama
        yield {"status": "pulling manifest"}
        sizes = ollama.registry.get(full(model))
        if sizes is None:
            yield {"error": "pull model manifest: file does not exist"}
            return
        for number, size in enumerate(sizes):
            layer = digest_of(f"{model} {number}")
            for tenth in range(11):
                line = {"status": f"pulling {layer[:12]}", "digest": f"sha256:{layer}", "total": size}
                yield {**line, "completed": size * tenth // 10}
                if fault and tenth == 5:
                    yield {"error": fault.body} if fault.kind == "error" else None
                    return
        for said in ("verifying sha256 digest", "writing manifest", "success"):
            yield {"status": said}
        ollama.models[full(model)] = ["image"]

    def _generate(self, body: dict[str, Any], fault: Fault | None) -> None:
        ollama = self.server.ollama
        if full(body["model"]) not in ollama.models:
            self._json(404, {"error": f"model '{body['model']}' not found"})
        elif not ollama.able():
            self._json(400, {"error": UNSUPPORTED})
        elif max(body["width"], body["height"]) > 4096:
            self._json(400, {"error": "width and height must be <= 4096"})
        else:
            with ollama.working():
                self._stream(self._made(body, fault))

    def _made(self, body: dict[str, Any], fault: Fault | None) -> Iterator[dict[str, Any] | None]:
        ollama = self.server.ollama
        steps = body.get("steps") or STEPS
        for step in range(steps + 1):
            yield {"model": body["model"], "completed": step, "total": steps, "done": False}
            if step == min(3, steps):
                if not ollama.waits(self.connection):
                    with ollama.changed:
                        ollama.left.append(body)
                        ollama.changed.notify_all()
                    yield None
                    return
                if fault and fault.kind in ("error", "cut", "end"):
                    if fault.kind == "error":
                        yield {"error": fault.body}
                    elif fault.kind == "cut":
                        yield None
                    return
        picture = base64.b64encode(drawn(body)).decode()
        match fault.kind if fault else "":
            case "text":
                picture = base64.b64encode(b"no picture").decode()
            case "empty":
                picture = ""
            case "half":
                picture = base64.b64encode(drawn(body)[:200]).decode()
            case "letters":
                picture = "*** not base64 ***"
            case "other":
                picture = base64.b64encode(drawn({**body, "width": body["width"] + 16})).decode()
        with ollama.changed:
            ollama.made.append(body)
            ollama.changed.notify_all()
        yield {"model": body["model"], "done": True, "done_reason": "stop", "image": picture}

    # --- answers ----------------------------------------------------------------------------------

    def _stream(self, lines: Iterator[dict[str, Any] | None]) -> None:
        """One JSON object a line, chunked; None cuts the connection."""
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for line in lines:
            if line is None:
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
                return
            data = json.dumps(line).encode() + b"\n"
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _json(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(body).encode(), "application/json; charset=utf-8", headers)

    def _send(self, status: int, data: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def drawn(body: dict[str, Any]) -> bytes:
    """The picture for a request: the same for the same, as a model would have it."""
    inputs = [hashlib.sha256(base64.b64decode(one)).hexdigest() for one in body.get("images", ())]
    key = json.dumps([body["model"], body["prompt"], body.get("steps"), body["options"].get("seed"), inputs])
    return encode(Picture(body["width"], body["height"], key))
