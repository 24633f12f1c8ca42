"""JSON over HTTP to one server, which a signal or the end of an image's time cuts off at once.

The connection is ours to the socket, because a server that loads a model is silent for minutes, and closing
the connection is how it is told to stop.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from imagegen.backends.base import Watch
from imagegen.backends.ollama.host import Address
from imagegen.backends.ollama.wording import CAN_PASS, STARTED, NoAnswer, Passing, Unfit
from imagegen.errors import BuildFailed

LONGEST_LINE = 256 * 1024 * 1024
"""Bytes of one line of an answer: a picture is one."""

LONGEST_TEXT = 16 * 1024 * 1024
_GLANCE = 0.05


class Refused(BuildFailed):
    """The server answered, and the answer is no: ``status`` (0: in the middle of an answer) and what it ``said``."""

    def __init__(self, message: str, status: int, said: str) -> None:
        super().__init__(message)
        self.status_code, self.said = status, said


class OutOfTime(BuildFailed):
    """The connection was cut because the time for all of it was over."""


class Wire:
    """``patience``: seconds to connect, and for an answer to what should take no time."""

    def __init__(self, address: Address, patience: float) -> None:
        self.address, self._patience = address, patience

    def ask(self, method: str, path: str, watch: Watch, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """A small answer. Raises NoAnswer, Passing, Refused or Interrupted."""
        try:
            with self._answer(method, path, watch, body, self._patience, self._patience) as answer:
                data = answer.read(LONGEST_TEXT)
        except OutOfTime as error:
            raise NoAnswer(f"no answer from {self.address.url}: it took too long", STARTED) from error
        return self._mapping(data, path)

    def stream(
        self, path: str, watch: Watch, body: Mapping[str, Any], seconds: float | None, silence: float | None
    ) -> Iterator[Mapping[str, Any]]:
        """An answer of one JSON object a line, within ``seconds`` in all and at most ``silence`` between two, None
        for no such bound. Raises also OutOfTime; a line ``{"error": …}`` is a Refused like any."""
        with self._answer("POST", path, watch, body, seconds, silence) as answer:
            rest = bytearray()
            while data := answer.read1(1 << 20):
                rest += data
                if len(rest) > LONGEST_LINE:
                    raise Unfit(f"{self.address.url} sent more than a picture can be")
                if b"\n" in data:
                    *lines, last = rest.split(b"\n")
                    rest = bytearray(last)
                    for line in lines:
                        if line.strip():
                            yield self._line(line, path)
            if rest.strip():
                yield self._line(rest, path)

    # --- how ------------------------------------------------------------------------------------

    def _line(self, line: bytes | bytearray, path: str) -> Mapping[str, Any]:
        found = self._mapping(bytes(line), path)
        if "error" in found:
            said = self.address.hidden(str(found["error"]))
            raise Refused(f"{self.address.url}: {said[:300]}", 0, said)
        return found

    def _mapping(self, data: bytes, path: str) -> Mapping[str, Any]:
        try:
            found = json.loads(data)
        except ValueError as error:
            what = "an HTML page" if b"<html" in data[:1000].lower() else "something that is not JSON"
            hint = "a proxy may stand in front of an Ollama that is not there (yet)"
            raise Passing(f"{self.address.url} answered {path} with {what}", hint) from error
        if not isinstance(found, dict):
            raise Unfit(f"{self.address.url} answered {path} with something unexpected")
        return found

    @contextlib.contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        watch: Watch,
        body: Mapping[str, Any] | None,
        seconds: float | None,
        silence: float | None,
    ) -> Iterator[http.client.HTTPResponse]:
        watch.check()
        connection = self._connection()
        guard = _Guard(connection, watch, seconds)
        headers = {**self.address.headers, "Accept": "application/json"}
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        try:
            connection.connect()
            guard.begin()
            connection.request(method, self.address.path + path, data, headers)
            connection.sock.settimeout(silence)
            answer = connection.getresponse()
            self._look_at(answer, path)
            yield answer
        except (OSError, http.client.HTTPException, UnicodeError) as error:  # the last of a host's name
            watch.check()
            if guard.is_out_of_time:
                raise OutOfTime(f"{self.address.url}: it took longer than {seconds:g} seconds") from error
            raise NoAnswer(f"no answer from {self.address.url}: {_why(error)}", STARTED) from error
        finally:
            guard.end()
            connection.close()
        watch.check()  # a connection that was cut may look like one that ended
        if guard.is_out_of_time:
            raise OutOfTime(f"{self.address.url}: it took longer than {seconds:g} seconds")

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self.address.host, self.address.port
        if self.address.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=self._patience, context=context)
        return http.client.HTTPConnection(host, port, timeout=self._patience)

    def _look_at(self, answer: http.client.HTTPResponse, path: str) -> None:
        """Raises Refused or Passing where it is no good answer."""
        status = answer.status
        if status < 300:
            return
        url = self.address.url
        if status < 400:  # followed nowhere: what goes with a request is for this server alone
            raise Unfit(f"{url} sends elsewhere ({status}): give the address it sends to as url")
        said = self.address.hidden(_error(answer.read(LONGEST_TEXT)))
        shown = f"{url} answered {path} with {status} {answer.reason}" + (f": {said[:300]}" if said else "")
        if status in (401, 403):
            raise Unfit(shown, "it wants a name and password: http://NAME:PASSWORD@HOST in OLLAMA_HOST")
        raise (Passing(shown) if status in CAN_PASS else Refused(shown, status, said))


class _Guard:
    """Shuts a connection's socket when the run is being left or the time is over: whoever waits for it wakes."""

    def __init__(self, connection: http.client.HTTPConnection, watch: Watch, seconds: float | None) -> None:
        self._connection, self._watch = connection, watch
        self._until = None if seconds is None else time.monotonic() + seconds
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self.is_out_of_time = False

    def begin(self) -> None:
        self._thread = threading.Thread(target=self._guard, name="ollama-guard", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _guard(self) -> None:
        while not self._over.wait(_GLANCE):
            self.is_out_of_time = self._until is not None and time.monotonic() > self._until
            if self.is_out_of_time or self._watch.cancelled.is_set():
                sock = self._connection.sock
                with contextlib.suppress(OSError):  # it is closed already
                    if sock is not None:
                        # The plain socket's own: that of TLS takes the reader's state away under it.
                        socket.socket.shutdown(sock, socket.SHUT_RDWR)
                return


def _error(data: bytes) -> str:
    """What the body of a refusal says, in a line: Ollama's ``{"error": …}``, or a text that is no page."""
    try:
        found = json.loads(data)
    except ValueError:
        text = data.decode("utf-8", "replace").strip()
        return "" if text.startswith("<") or not text else text.splitlines()[0]
    return str(found["error"]) if isinstance(found, dict) and "error" in found else ""


def _why(error: Exception) -> str:
    """The reason of a failed request, in a few words."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, http.client.HTTPException | ConnectionResetError | BrokenPipeError):
        return "the connection was cut"
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
