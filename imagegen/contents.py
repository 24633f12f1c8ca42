"""Digests of model files: what is in a checkpoint that a recipe only names."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

from imagegen.files import STATE, digest_of_file, write_whole

LARGE = 64 * 1024 * 1024
"""Bytes from which on reading a file takes long enough to say so."""


class Contents:
    """SHA-256 of files, remembered with size and time of change under ``.imagegen/``."""

    def __init__(self, project: Path) -> None:
        self._path = project / STATE / "contents.json"
        self._lock = threading.Lock()
        self._known: dict[str, Any] | None = None

    def digest(self, path: Path) -> str | None:
        """``sha256:…`` of the file; None where it can't be read."""
        with self._lock:
            try:
                state = path.stat()
                stamp = [state.st_size, state.st_mtime_ns]
                known = self._loaded().get(str(path))
                if isinstance(known, list) and known[:2] == stamp:
                    return str(known[2])
                if state.st_size > LARGE:
                    print(
                        f"reading {path.name} ({state.st_size / 1e9:.1f} GB) once, for its digest",
                        file=sys.stderr,
                    )
                found = "sha256:" + digest_of_file(path)
            except OSError:
                return None
            self._loaded()[str(path)] = [*stamp, found]
            try:
                write_whole(self._path, json.dumps(self._known, sort_keys=True).encode())
            except OSError:
                return found  # it will be read again next time
            return found

    def _loaded(self) -> dict[str, Any]:
        if self._known is None:
            try:
                found = json.loads(self._path.read_text(encoding="utf-8"))
                self._known = found if isinstance(found, dict) else {}
            except (OSError, ValueError):
                self._known = {}
        return self._known
