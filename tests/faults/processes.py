"""Servers as processes: started, killed, stopped, and started again at the same port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

ROOT = Path(__file__).parents[2]
PATIENCE = 20.0  # seconds; on a busy machine a process takes one to start


class ServerProcess:
    """A stand-in server in a process of its own; what it told outlives its lives.

    `work`: seconds for each picture; `steps_delay`: for each sampling step on top.
    """

    def __init__(self, **options: float | str) -> None:
        self._options = options
        self._told: list[list[Any]] = []
        self._changed = threading.Condition()
        self._port = 0
        self.url = ""
        self.start()

    # --- its lives --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, at the port it had before."""
        self._process = self._started()
        self._greet()

    def restart(self, hold: bool = False) -> None:
        """SIGKILL, and a moment later another one at the same port, which holds its jobs if asked to."""
        words = ["--wait", "--hold"] if hold else ["--wait"]
        another = self._started(*words)
        assert another.stdout is not None and another.stdin is not None
        assert another.stdout.readline() == "ready\n"
        self.kill()
        another.stdin.write("\n")
        another.stdin.flush()
        self._process = another
        self._greet()

    def _started(self, *more: str) -> subprocess.Popen[str]:
        words = [f"--{name.replace('_', '-')}={value}" for name, value in self._options.items()]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults.served", f"--port={self._port}", *words, *more],
            cwd=ROOT, env=_unmeasured(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip

    def _greet(self) -> None:
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url, "the server did not start"
        self._port = int(self.url.rpartition(":")[2])
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def kill(self) -> None:
        """SIGKILL: it has no chance to say or save anything."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._close_pipes()

    def freeze(self) -> None:
        """It holds its port and its connections, and does nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on, as if nothing had been."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it for good."""
        if self._process.poll() is None:
            self.kill()

    def _close_pipes(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- telling it something ---------------------------------------------------------------------

    def tell(self, what: str, *words: Any, **more: Any) -> None:
        """Have it do something, `tell("faults.hang", "/view")`, and wait until it is done."""
        before = len(self.happened("did"))
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([what, words, more]) + "\n")
        self._process.stdin.flush()
        self.wait_until(lambda: len(self.happened("did")) > before)

    # --- what happened, over all its lives --------------------------------------------------------

    def happened(self, what: str) -> list[list[Any]]:
        """What it told of one sort, in order, without that word."""
        with self._changed:
            return [rest for kind, *rest in self._told if kind == what]

    @property
    def queued(self) -> list[str]:
        """The ids of all prompts that were ever queued."""
        return [prompt_id for (prompt_id,) in self.happened("queued")]

    @property
    def done(self) -> list[str]:
        """The ids of the prompts that were a success."""
        return [prompt_id for prompt_id, _, completed in self.happened("done") if completed]

    @property
    def pictures_made(self) -> int:
        """How many pictures were drawn and saved; one served from the cache is not."""
        return sum(pictures for _, pictures, _ in self.happened("done"))

    def asked(self, request: str) -> int:
        """How many requests of that method and path, or below it, came: `asked("GET /view")`."""
        return sum(one == request or one.startswith(request + "/") for (one,) in self.happened("asked"))

    def in_queue(self) -> list[str]:
        """The ids of all prompts that wait or run there now."""
        with requests.Session() as http:
            http.trust_env = False
            found = http.get(f"{self.url}/queue", timeout=5).json()
        return [str(entry[1]) for entry in found["queue_running"] + found["queue_pending"]]

    def wait_for(self, what: str, count: int = 1) -> None:
        """Wait until so many things of that sort have happened."""
        self.wait_until(lambda: len(self.happened(what)) >= count)

    def wait_until_asked(self, request: str, count: int = 1) -> None:
        """Wait until so many such requests have come."""
        self.wait_until(lambda: self.asked(request) >= count)

    def wait_until(self, predicate: Callable[[], Any], timeout: float = PATIENCE) -> None:
        """Wait until the predicate about what happened is true."""
        with self._changed:
            assert self._changed.wait_for(predicate, timeout), f"not within {timeout} s; it told {self._told[-20:]}"

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith("\n"):  # the last one of a killed process may be cut
                with self._changed:
                    self._told.append(json.loads(line))
                    self._changed.notify_all()


def _unmeasured() -> dict[str, str]:
    return {**os.environ, "COVERAGE_PROCESS_CONFIG": "", "COVERAGE_PROCESS_START": ""}
