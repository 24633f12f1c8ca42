"""A stand-in for an Ollama server: real HTTP on loopback, its routes for image models, its faults scriptable.

    with OllamaServer(version="0.32.5", models={"x/z-image-turbo": ["image"]}) as server:
        server.faults.append(Fault("/api/generate", status=503))
        …talk to server.url…
        assert server.asked("/api/generate")

The shapes are those of docs/api.md and server/routes.go in Ollama's own source.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

from .ollama_http import Asked, Fault, Handler, Http, digest_of, drawn, full, gone

__all__ = ["Fault", "OllamaServer", "digest_of", "drawn"]


class OllamaServer:
    """Running from construction until `close` or the end of its `with`. Thread-safe.

    `models`: name → abilities, of those that are there; `registry`: those that can be pulled, with the sizes of
    their files in bytes. `wants` is a header without which it answers 401.
    """

    def __init__(
        self,
        version: str = "0.32.5",
        models: dict[str, list[str]] | None = None,
        registry: dict[str, list[int]] | None = None,
        wants: tuple[str, str] | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.version, self.wants = version, wants
        self.models = {full(name): able for name, able in (models or {"x/z-image-turbo": ["image"]}).items()}
        if models is not None:
            self.models = {full(name): able for name, able in models.items()}
        wares = {"x/z-image-turbo": [4_000_000_000, 8_000_000_000, 1000], "x/flux2-klein": [5_700_000_000]}
        self.registry = {full(name): sizes for name, sizes in (wares if registry is None else registry).items()}
        self.faults: list[Fault] = []
        self.requests: list[Asked] = []
        self.made: list[dict[str, Any]] = []
        self.left: list[dict[str, Any]] = []  # whose client went away before they were done
        self.at_once = self.most_at_once = 0
        self.changed = threading.Condition()
        self._open = threading.Event()
        self._open.set()
        self._closing = threading.Event()
        self._http = Http(("127.0.0.1", port), Handler)
        self._http.ollama = self
        self._scheme = "https" if tls else "http"
        if tls:
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self.port: int = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.02,), name="ollama-http", daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def hold(self) -> None:
        """Let no image be done, after its third step, until `release`."""
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def asked(self, route: str) -> list[Asked]:
        with self.changed:
            return [one for one in self.requests if one.route == route]

    def wait_until(self, predicate: Callable[[], Any], timeout: float = 10.0) -> None:
        with self.changed:
            assert self.changed.wait_for(predicate, timeout), f"not within {timeout} s: {self.requests[-3:]}"

    def close(self) -> None:
        self._closing.set()
        self._open.set()
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> OllamaServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- for its own parts ------------------------------------------------------------------------

    def note(self, asked: Asked) -> None:
        with self.changed:
            self.requests.append(asked)
            self.changed.notify_all()

    def fault(self, route: str) -> Fault | None:
        with self.changed:
            for fault in self.faults:
                if fault.route == route:
                    fault.times -= 1
                    if not fault.times:
                        self.faults.remove(fault)
                    return fault
        return None

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        with self.changed:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            self.changed.notify_all()
        try:
            yield
        finally:
            with self.changed:
                self.at_once -= 1
                self.changed.notify_all()

    def waits(self, connection: socket.socket) -> bool:
        """Wait while it is held; whether the client is still there then."""
        while not self._open.wait(0.02):
            if gone(connection):
                return False
        return not self._closing.is_set() and not gone(connection)

    def hang(self, connection: socket.socket) -> None:
        while not self._closing.wait(0.02) and not gone(connection):
            pass

    def able(self) -> bool:
        numbers = tuple(int(part) for part in self.version.split("-")[0].split(".") if part.isdigit())
        return (0, 14, 0) <= numbers <= (0, 32, 5) or numbers in ((), (0, 0, 0))
