"""A program that is run, listened to, and stopped with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from imagegen.backends.base import Watch
from imagegen.errors import BuildFailed

KEPT = 65536
"""Bytes of each output that are kept, the last ones: a terminal's pictures are printed too."""

_GLANCE = 0.05
_GRACE = 3.0
"""Seconds between asking a program to end and ending it."""


class TookTooLong(BuildFailed):
    """It was stopped because its time was over."""


class Output(NamedTuple):
    """How a program ended, and the end of what it printed."""

    status: int
    out: str
    err: str


def run(
    command: Sequence[str],
    folder: Path | None,
    environ: Mapping[str, str],
    watch: Watch,
    seconds: float | None,
    heard: Callable[[str], None] = lambda line: None,
) -> Output:
    """Run ``command`` in ``folder`` with nothing on its standard input; ``heard`` gets each line of its standard
    error, a bar's redrawn ones among them, in another thread.

    Raises Interrupted, TookTooLong, and BuildFailed where it can't be started; then nothing of it is left.
    """
    watch.check()
    try:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **_apart(),
        )  # fmt: skip
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise BuildFailed(f"can't start {Path(command[0]).name}: {said}") from error
    assert process.stdout is not None and process.stderr is not None
    out, err = _Tail(process.stdout), _Tail(process.stderr, heard)
    until = None if seconds is None else time.monotonic() + seconds
    try:
        while True:
            watch.check()
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = process.wait(_GLANCE)
                break
            if until is not None and time.monotonic() > until:
                raise TookTooLong(f"it took longer than {seconds:g} seconds")
    except BaseException:
        _stop(process)
        raise
    finally:
        out.close()
        err.close()
    return Output(status, out.text, err.text)


class _Tail:
    """The end of what comes out of a pipe, read in a thread of its own so that the pipe is never full."""

    def __init__(self, pipe: IO[bytes], heard: Callable[[str], None] = lambda line: None) -> None:
        self._pipe, self._heard = pipe, heard
        self._kept = b""
        self._thread = threading.Thread(target=self._read, name="ollama-output", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        return self._kept.decode("utf-8", "replace")

    def close(self) -> None:
        """Wait for the rest, but not for a grandchild that keeps the pipe open."""
        self._thread.join(1.0)
        if not self._thread.is_alive():
            self._pipe.close()

    def _read(self) -> None:
        rest = b""
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(self._pipe.fileno(), 65536):
                self._kept = (self._kept + data)[-KEPT:]
                # A bar is drawn over itself: each drawing ends where the cursor goes back.
                *lines, rest = (rest + data.replace(b"\r", b"\n").replace(b"\x1b[1G", b"\n")).split(b"\n")
                rest = rest[-KEPT:]
                for line in lines:
                    self._heard(line.decode("utf-8", "replace"))
        self._heard(rest.decode("utf-8", "replace"))


def _apart() -> dict[str, Any]:
    """A group of its own: Ctrl-C in a terminal is for us, and what the program starts ends with it."""
    if os.name == "nt":
        return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    return {"start_new_session": True}


def _stop(process: subprocess.Popen[bytes]) -> None:
    _signal(process, gently=True)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    _signal(process, gently=False)
    process.wait()


def _signal(process: subprocess.Popen[bytes], gently: bool) -> None:
    with contextlib.suppress(OSError):  # it has ended
        if os.name == "nt":
            if gently:
                process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
            else:
                process.kill()
        else:
            os.killpg(process.pid, signal.SIGTERM if gently else signal.SIGKILL)
