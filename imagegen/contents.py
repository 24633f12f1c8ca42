"""Digests of files: what is in a checkpoint that a recipe only names, and the pixels of an ingredient."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imagegen.files import STATE, digest_of_file, write_whole

LARGE = 64 * 1024 * 1024
"""Bytes from which on reading a file takes long enough to say so."""


class Contents:
    """Digests, remembered with the file's size and time of change under ``.imagegen/``. Threads share it."""

    def __init__(self, project: Path) -> None:
        self._path = project / STATE / "contents.json"
        self._lock = threading.Lock()
        self._known: dict[str, Any] | None = None
        self._new = False

    def digest(self, path: Path) -> str | None:
        """``sha256:…`` of the file; None where it can't be read."""
        try:
            found = self._remembered(str(path), path, _whole)
        except OSError:
            return None
        self.save()
        return found

    def pixels(self, path: Path) -> str:
        """``sha256:…`` of a picture's pixels. Raises OSError or NoPicture. Kept by :meth:`save`."""
        from imagegen import ingredients

        return self._remembered(f"pixels of {path}", path, lambda path: ingredients.pixels(path.read_bytes()))

    def save(self) -> None:
        """Keep what was learned; a folder that can't be written costs only reading it again."""
        with self._lock:
            if self._new:
                self._new = False
                try:
                    write_whole(self._path, json.dumps(self._known, sort_keys=True).encode())
                except OSError:
                    return

    def _remembered(self, key: str, path: Path, read: Callable[[Path], str]) -> str:
        state = path.stat()
        stamp = [state.st_size, state.st_mtime_ns]
        with self._lock:
            known = self._loaded().get(key)
            if isinstance(known, list) and known[:2] == stamp:
                return str(known[2])
            found = read(path)
            self._loaded()[key] = [*stamp, found]
            self._new = True
            return found

    def _loaded(self) -> dict[str, Any]:
        if self._known is None:
            try:
                found = json.loads(self._path.read_text(encoding="utf-8"))
                self._known = found if isinstance(found, dict) else {}
            except (OSError, ValueError):
                self._known = {}
        return self._known


def _whole(path: Path) -> str:
    size = path.stat().st_size
    if size > LARGE:
        print(f"reading {path.name} ({size / 1e9:.1f} GB) once, for its digest", file=sys.stderr)
    return "sha256:" + digest_of_file(path)
