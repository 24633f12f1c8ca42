"""A process of this machine, known by more than its number: numbers are given to others once it has ended."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from imagegen.errors import BuildFailed

_SAME_START = 2.0
"""Seconds that two readings of a process's start may lie apart."""
GENTLE = 10.0
"""Seconds that a process has to end by itself."""


@dataclass(frozen=True)
class Identity:
    """``started`` in seconds since 1970, ``uptime`` in seconds since the machine's start: when a clock is set,
    some systems shift the one and some the other. ``words`` is its command line without the program, which a
    system may show by another path."""

    pid: int
    started: float
    uptime: float
    words: tuple[str, ...]


def detached(command: Sequence[str], folder: Path, log: int) -> int:
    """Start a program that outlives us and the terminal; its number. ``log`` takes all it prints.

    Raises BuildFailed where it can't be started."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    try:
        began = subprocess.Popen(
            list(command), cwd=folder, env={**kept, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, **apart,
        )  # fmt: skip
    except OSError as error:
        raise BuildFailed(f"{command[0]} can't be started: {error.strerror or error}") from error
    began.returncode = 0  # it is nobody's child from now on: no warning that it was not waited for
    return began.pid


def of(pid: int, words: Sequence[str]) -> Identity:
    """The identity of a process just started. One that is gone already is never found."""
    try:
        return Identity(pid, *_start(psutil.Process(pid)), tuple(words))
    except psutil.Error:
        return Identity(pid, 0.0, 0.0, tuple(words))


def _start(process: psutil.Process) -> tuple[float, float]:
    return process.create_time(), process.create_time() - psutil.boot_time()


def lives(one: Identity) -> bool:
    return _process(one) is not None


def end(one: Identity, patience: float = GENTLE) -> bool:
    """End it and its children, asking first (not on Windows, where nobody can ask); whether it was there."""
    process = _process(one)
    if process is None:
        return False
    family = [process]
    with contextlib.suppress(psutil.Error):
        family += process.children(recursive=True)
    with contextlib.suppress(psutil.Error):
        process.terminate()
    psutil.wait_procs([process], timeout=patience)
    for left in family:  # psutil looks itself that the number is not another's by now
        with contextlib.suppress(psutil.Error):
            left.kill()
    psutil.wait_procs(family, timeout=patience)
    return True


def _process(one: Identity) -> psutil.Process | None:
    try:
        process = psutil.Process(one.pid)
        started, uptime = _start(process)
        apart = min(abs(started - one.started), abs(uptime - one.uptime))
        if process.status() == psutil.STATUS_ZOMBIE or apart > _SAME_START:
            return None
        return process if tuple(process.cmdline()[1:]) == one.words else None
    except psutil.Error:
        return None


def runs_from(folder: Path) -> bool:
    """Whether some process of this user's runs a program in ``folder``."""
    inside = os.path.join(folder, "")  # noqa: PTH118
    return any((one.info["cmdline"] or [""])[0].startswith(inside) for one in psutil.process_iter(["cmdline"]))


# --- ports -------------------------------------------------------------------------------------------


def is_taken(host: str, port: int) -> bool:
    """Whether somebody listens there, or nobody else could."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as knock:
        knock.settimeout(2)
        if knock.connect_ex((host, port)) == 0:
            return True
    with socket.socket(family, socket.SOCK_STREAM) as stall:
        if os.name != "nt":  # there it would let two listen
            stall.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            stall.bind((host, port))
        except OSError:
            return True
    return False


def who_listens(url: str) -> str:
    """`python3 (pid 4711)`: who has the port of ``url``, where this system lets us see it; else the empty text."""
    port = urlsplit(url).port
    try:
        for one in psutil.net_connections("tcp"):
            if one.status == psutil.CONN_LISTEN and one.pid and one.laddr and one.laddr.port == port:
                return f"{psutil.Process(one.pid).name()} (pid {one.pid})"
    except (psutil.Error, OSError):  # macOS shows other users' only to root
        return ""
    return ""
