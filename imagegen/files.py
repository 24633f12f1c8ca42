"""Files: digests, atomic replacement, locks, what lies inside the project, and where programs are."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from imagegen.errors import BuildFailed, Interrupted

STATE = ".imagegen"
"""The folder, in the project's own, of all that may be deleted at any time, and of the previous pictures."""


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file's content, 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` whole or not at all: a temporary file in the same folder, synced, renamed.

    Raises OSError; nothing half-written is left behind, not even after a full disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        _replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_quickly(path: Path, data: bytes) -> None:
    """As :func:`write_whole`, for what may be lost with the machine: nothing is synced. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _replace(source: Path, path: Path) -> None:
    """``os.replace``; on Windows it fails while a viewer or a virus scanner has the file open, which passes."""
    until = time.monotonic() + 5.0
    while True:
        try:
            source.replace(path)
            return
        except PermissionError:
            if os.name != "nt" or time.monotonic() > until:
                raise
            time.sleep(0.1)


def sweep(path: Path) -> None:
    """Remove what a kill left of earlier attempts to write ``path``; the caller holds its lock. Raises OSError."""
    if path.parent.is_dir():
        for name in os.listdir(path.parent):  # noqa: PTH208  (a glob would read the name as a pattern)
            if name.startswith(f".{path.name}.") and name.endswith(".tmp"):
                path.with_name(name).unlink(missing_ok=True)


FORGOTTEN = 3600.0
"""Seconds after which a temporary file is nobody's: writing one takes less."""


def sweep_forgotten(folder: Path) -> None:
    """Remove the temporary files that a kill left in ``folder``; another run may be writing younger ones."""
    if not folder.is_dir():
        return
    for path in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):  # untidy, no more
            if time.time() - path.stat().st_mtime > FORGOTTEN:
                path.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable where folders can be synced (not on Windows)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems refuse; the rename stands anyway
            os.fsync(handle)
    finally:
        os.close(handle)


def keep_copy(path: Path, copy: Path) -> None:
    """Make ``copy`` hold what ``path`` holds, while ``path`` stays where it is. Raises OSError."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(os.path.realpath(path), copy)  # of a link the picture, not the link
    except OSError:  # no hard links here (FAT, some network shares), or another device
        temporary = copy.with_name(f".{copy.name}.{secrets.token_hex(4)}.tmp")
        try:
            shutil.copy2(path, temporary)
            temporary.replace(copy)
        finally:
            temporary.unlink(missing_ok=True)


def from_here(path: Path) -> str:
    """``path`` as it is written from the current folder; whole where it is on another drive."""
    try:
        return os.path.relpath(path)
    except ValueError:
        return os.fspath(path)


def inside(folder: Path, path: Path) -> bool:
    """Whether ``path``, links followed, lies in ``folder``, links followed."""
    root, real = os.path.realpath(folder), os.path.realpath(path)
    return os.path.normcase(real) == os.path.normcase(root) or os.path.normcase(real).startswith(
        os.path.join(os.path.normcase(root), "")  # noqa: PTH118
    )


@contextlib.contextmanager
def locked(project: Path, target: Path, cancelled: threading.Event) -> Iterator[bool]:
    """Hold the lock for one target, across processes. Yields whether somebody else held it first.

    The lock dies with its process. Raises Interrupted while waiting, BuildFailed where none can be had.
    """
    from filelock import FileLock, Timeout

    real = Path(os.path.realpath(target.parent)) / target.name  # one picture has one lock, however it is reached
    name = hashlib.sha256(os.path.normcase(real).encode("utf-8", "surrogatepass")).hexdigest()[:24]
    folder = project / STATE / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{name}.lock", thread_local=False)
        waited = False
        while True:
            try:
                # Looked at often: another run's image may be done at any moment.
                lock.acquire(timeout=0.25 if waited else 0, poll_interval=0.02)
                break
            except Timeout:
                waited = True
                if cancelled.is_set():
                    raise Interrupted("interrupted") from None
    except OSError as error:
        raise BuildFailed(
            f"can't lock {target.name}: {error.strerror or error}",
            f"make {STATE} writable, or free some space",
        ) from error
    try:
        yield waited
    finally:
        lock.release()


def writable(folder: Path) -> bool:
    """Whether files can be made in ``folder``. On Windows permissions show only when one is made."""
    return os.name == "nt" or os.access(folder, os.W_OK | os.X_OK)


def program(name: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """A program on the PATH. A folder that is not named in full is left out, and the current one is never
    looked at, on Windows neither: it may be a cloned project's."""
    for folder in environ.get("PATH", "").split(os.pathsep):
        path = Path(folder.strip('"')) / (name if os.name != "nt" or name.endswith(".exe") else f"{name}.exe")
        if path.is_absolute() and path.is_file() and os.access(path, os.X_OK):
            return path
    return None
