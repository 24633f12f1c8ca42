"""Runs one program of another's (git, pip) to its end: what it prints is kept, and Ctrl-C ends it."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from imagegen.backends.base import Watch
from imagegen.errors import BuildFailed, Interrupted

TOLD = 15
"""The last lines of a failed program that its error shows."""
_GENTLE = 5.0


class Failed(BuildFailed):
    """A program ended with an error; ``output`` is all it printed."""

    def __init__(self, what: str, code: int, output: str) -> None:
        last = [line for line in output.splitlines() if line.strip()][-TOLD:]
        told = "\n".join([f"{what} failed (exit {code})", *(f"    {line.rstrip()}" for line in last)])
        super().__init__(told, "what was there is as it was; the same command goes on from here")
        self.code, self.output = code, output


def run(
    command: Sequence[str],
    watch: Watch,
    *,
    what: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    heard: Callable[[str], None] = lambda line: None,
) -> str:
    """What it printed, errors too. ``what`` names the step in messages; ``heard`` gets each line at once.

    Raises Failed, BuildFailed where it can't be started, Interrupted when the run is being left.
    """
    watch.check()
    lines: list[str] = []
    try:
        process = subprocess.Popen(
            list(command), cwd=cwd, env=dict(env) if env is not None else None, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise BuildFailed(f"{what}: {command[0]} can't be started: {error.strerror or error}") from error

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            heard(line.rstrip())

    reader = threading.Thread(target=read, name="program", daemon=True)
    reader.start()
    try:
        while True:
            try:
                process.wait(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                if watch.cancelled.is_set():
                    raise Interrupted("interrupted") from None
    except BaseException:
        _end(process)
        raise
    reader.join(timeout=_GENTLE)  # a grandchild may hold the pipe open
    watch.check()  # Ctrl-C reaches the program too, and it may be first
    output = "".join(lines)
    if process.returncode:
        raise Failed(what, process.returncode, output)
    return output


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(timeout=_GENTLE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
