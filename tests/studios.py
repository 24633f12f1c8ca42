"""A studio as a person has it: `imagegen studio` as a process of its own, and somebody who talks to it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from websockets.sync.client import ClientConnection, connect

from tests.conftest import Outcome, Project

PATIENCE = 30.0


def until(what: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What ``what`` gives once that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


class Studio:
    """A running one. ``link`` is what it printed, ``url`` its address without the last slash."""

    def __init__(self, project: Project, *words: str, **environ: str) -> None:
        port = () if any(word.startswith("--port") for word in words) else ("--port", "0")
        self.project = project
        self.process = project.start("studio", *port, *words, **environ)
        self.said: list[str] = []
        self.complained: list[str] = []
        self._readers = [
            threading.Thread(target=self._read, args=(stream, said), daemon=True)
            for stream, said in ((self.process.stdout, self.said), (self.process.stderr, self.complained))
        ]
        for reader in self._readers:
            reader.start()
        try:
            self.link: str = until(self._link)
        except AssertionError:
            self.kill()
            raise AssertionError(f"the studio did not start:\n{self.outcome}") from None
        self.url = self.link.partition("/?")[0]
        self.port = urlsplit(self.link).port or 0
        self.token = self.link.partition("token=")[2]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        if self.process.poll() is None:
            self.kill() if reason[0] else self.stop()

    @staticmethod
    def _read(stream: Any, said: list[str]) -> None:
        with contextlib.suppress(ValueError):  # closed
            said.extend(stream)

    def _link(self) -> str:
        if self.process.poll() is not None:
            raise AssertionError
        found = re.search(r"http://\S+\?token=\S+", "".join(self.said))
        ready = found is not None and "Ctrl-C" in "".join(self.said)
        return found[0] if found and ready else ""

    @property
    def outcome(self) -> Outcome:
        """What it printed so far."""
        code = self.process.poll()
        return Outcome(-1 if code is None else code, "".join(self.said), "".join(self.complained))

    # --- its end ----------------------------------------------------------------------------------

    def stop(self, number: int = signal.SIGTERM) -> Outcome:
        """End it as Ctrl-C (SIGINT) and service managers (SIGTERM) do; it has to be gone soon, without complaint."""
        self.process.send_signal(number)
        self.process.wait(timeout=PATIENCE)
        return self._ended()

    def kill(self) -> Outcome:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait(timeout=PATIENCE)
        return self._ended()

    def _ended(self) -> Outcome:
        for reader in self._readers:
            reader.join(timeout=PATIENCE)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return self.outcome

    # --- talking to it ----------------------------------------------------------------------------

    def client(self, **more: Any) -> httpx.Client:
        """One who has the token, and is no browser."""
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False, **more)

    def stranger(self, **more: Any) -> httpx.Client:
        """One who has nothing."""
        return httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False, **more)

    def get(self, path: str) -> Any:
        with self.client() as client:
            answer = client.get(path)
        assert answer.is_success, f"{answer.status_code} {answer.text}"
        return answer.json()

    def send(self, method: str, path: str, body: Any = None) -> Any:
        with self.client() as client:
            answer = client.request(method, path, json=body)
        assert answer.is_success, f"{answer.status_code} {answer.text}"
        return answer.json()

    @contextlib.contextmanager
    def live(self, path: str = "/api/live") -> Iterator[Live]:
        """A front end that listens."""
        headers = {"Authorization": f"Bearer {self.token}"}
        address = f"{self.url.replace('http', 'ws', 1)}{path}"
        with connect(address, additional_headers=headers, proxy=None, open_timeout=PATIENCE) as connection:
            yield Live(connection)


class Live:
    """What a WebSocket tells; ``heard`` keeps all of it."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard: list[dict[str, Any]] = []

    def next(self, kind: str = "", seconds: float = PATIENCE, **wanted: Any) -> dict[str, Any]:
        """The next message of this type, with these values; those before it are passed over."""
        end = time.monotonic() + seconds
        while True:
            try:
                text = self.connection.recv(timeout=max(0.0, end - time.monotonic()))
            except TimeoutError:
                raise AssertionError(f"no {kind} {wanted} in {seconds} s, but {self.heard}") from None
            message: dict[str, Any] = json.loads(text)
            self.heard.append(message)
            if kind in ("", message["type"]) and wanted.items() <= message.items():
                return message


def state_home(project: Project) -> Path:
    """Give the project's commands a state folder of their own, so that no test leaves tokens behind."""
    home = project.root.parent / f"{project.root.name}-home"
    home.mkdir(exist_ok=True)
    for name in ("XDG_STATE_HOME", "HOME", "LOCALAPPDATA", "USERPROFILE"):
        project.environ[name] = os.fspath(home)
    return home
