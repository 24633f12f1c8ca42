"""What a stand-in Inngest server answers: registration by an SDK and events."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from .inngest_wire import bearer

if TYPE_CHECKING:
    from .inngest import InngestServer


class Http(ThreadingHTTPServer):
    daemon_threads = True
    inngest: InngestServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nothing to tell."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Http

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on the terminal."""

    def do_POST(self) -> None:
        inngest = self.server.inngest
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
        _, _, key = self.path.partition("/e/")
        if inngest.refusal:
            inngest.note_refusal()
            self._json(inngest.refusal, {"error": f"refused: {self.path}", "status": inngest.refusal})
        elif self.path.startswith("/fn/register"):
            if inngest.signing_key and self.headers.get("Authorization") != bearer(inngest.signing_key):
                self._json(401, {"error": "unauthorized"})
            else:
                self._json(200, inngest.register(body["functions"]))
        elif not key:
            self._json(404, {"error": "not found"})
        elif inngest.event_key not in (None, key):
            self._json(401, {"error": "Event key not found", "status": 401})
        else:
            ids = [inngest.send(one) for one in (body if isinstance(body, list) else [body])]
            self._json(200, {"ids": ids, "status": 200})

    def _json(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
