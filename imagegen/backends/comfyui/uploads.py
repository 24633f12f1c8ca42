"""Pictures of this machine that a graph needs: each is put among a server's inputs once in a run."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from imagegen.backends.comfyui.client import Client, Refused
from imagegen.errors import BuildFailed

FOLDER = "imagegen"
"""Our folder among the server's inputs."""


class Uploads:
    """What was uploaded to one server. Threads share it: of two that want the same picture one uploads it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._names: dict[str, str] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._most: int | None = None

    def name(self, path: Path) -> str:
        """What a LoadImage node calls the picture at ``path``, which is uploaded if it is not there yet.

        It is named by its content, so that one of that name is the same wherever it comes from. Raises
        Passing, Refused, or BuildFailed where it can't be read or is too big for the server.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BuildFailed(f"can't read {path.name}: {error.strerror or error}") from error
        called = hashlib.sha256(data).hexdigest()[:32] + path.suffix.lower()
        with self._lock:
            lock = self._locks.setdefault(called, threading.Lock())
        with lock:
            if called not in self._names:
                self._check_size(path, len(data))
                self._names[called] = self._client.upload(called, data, FOLDER)
            return self._names[called]

    def forget(self) -> None:
        """The server may have lost them: each is uploaded anew when it is wanted."""
        with self._lock:
            self._names.clear()

    def _check_size(self, path: Path, size: int) -> None:
        if self._most is None:
            try:
                most = self._client.features().get("max_upload_size")
            except Refused:  # an older server, which does not tell
                most = 0
            self._most = most if isinstance(most, int) else 0
        if self._most and size > self._most:
            raise BuildFailed(
                f"{path.name} has {size:,} bytes, and {self._client.address.url} takes uploads up to {self._most:,}",
                "make it smaller, or start ComfyUI with a greater --max-upload-size",
            )
