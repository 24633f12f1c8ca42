"""What `server start` notes of a server that it started: in the user's own state folder, one for each port."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from imagegen.backends.comfyui import process
from imagegen.backends.comfyui.install import noted
from imagegen.errors import BuildFailed
from imagegen.files import write_whole


@dataclass(frozen=True)
class Running:
    """A server's process, its ``url``, the ComfyUI's ``folder``, and the ``log`` in the project that started it."""

    identity: process.Identity
    url: str
    folder: str
    log: str


def at(url: str) -> Running | None:
    """What was started for ``url`` and still lives; a note of what has ended is removed."""
    path = _file(url)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        own = found.pop("identity")
        one = Running(process.Identity(own["pid"], own["started"], own["uptime"], tuple(own["words"])), **found)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if process.lives(one.identity):
        return one
    forget(url)
    return None


def note(one: Running) -> None:
    """Raises OSError."""
    write_whole(_file(one.url), json.dumps(asdict(one), indent=1).encode())


def forget(url: str) -> None:
    with contextlib.suppress(OSError):  # it is judged by what lives, not by what is noted
        _file(url).unlink(missing_ok=True)


@contextlib.contextmanager
def alone(url: str, patience: float) -> Iterator[None]:
    """Only one starts or stops the server of ``url`` at a time. Raises BuildFailed after ``patience`` seconds."""
    from filelock import FileLock, Timeout

    try:
        noted.state().mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(_file(url).with_suffix(".lock")).acquire(timeout=patience, poll_interval=0.1):
            yield
    except Timeout as error:
        raise BuildFailed(f"somebody else has been starting or stopping the server of {url} for long") from error


def _file(url: str) -> Path:
    return noted.state() / f"server-{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"
