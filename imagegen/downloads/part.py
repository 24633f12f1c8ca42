"""What has come of a file so far: ``NAME.part`` beside where it will be, and how to go on in ``NAME.part.json``."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from imagegen.files import write_whole

_BLOCK = 1 << 20


class Source(NamedTuple):
    """What a part was begun from. ``url`` is the address's SHA-256, since an address can be a key; ``sha256`` what
    the manifest says of the whole, ``etag``, ``modified`` and ``size`` what the server said (0: nothing)."""

    url: str
    sha256: str = ""
    etag: str = ""
    modified: str = ""
    size: int = 0


def path_of_part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def size_of_part(path: Path) -> int:
    """Bytes that have come of the file at ``path``."""
    try:
        return path_of_part(path).stat().st_size
    except OSError:
        return 0


class Part:
    """The part of one file; its digest grows with it. Methods raise OSError. The caller sees to it that nobody
    else works on it."""

    def __init__(self, path: Path) -> None:
        self.path = path_of_part(path)
        self._source = self.path.with_name(f"{self.path.name}.json")
        self.size = size_of_part(path)
        self._hash: hashlib._Hash | None = None if self.size else hashlib.sha256()

    @property
    def source(self) -> Source | None:
        """What it was begun from, where that is known."""
        try:
            found = Source(**json.loads(self._source.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return found if [type(one) for one in found] == [str, str, str, str, int] else None

    def begin(self, source: Source) -> None:
        """Begin anew, from this source."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(b"")
        self.size, self._hash = 0, hashlib.sha256()
        write_whole(self._source, json.dumps(source._asdict()).encode())

    def read(self, check: Callable[[], None]) -> None:
        """Read what is there for its digest; ``check`` is called between blocks and may raise."""
        if self._hash is None:
            found = hashlib.sha256()
            with self.path.open("rb") as stream:
                while block := stream.read(_BLOCK):
                    check()
                    found.update(block)
            self._hash = found

    def append(self, data: bytes) -> None:
        """Write ``data`` behind what is there, at once."""
        assert self._hash is not None
        with self.path.open("ab", buffering=0) as stream:
            written = stream.write(data)
        self._hash.update(data[:written])
        self.size += written
        if written < len(data):  # the disk is nearly full: the rest says so
            self.append(data[written:])

    @property
    def sha256(self) -> str:
        assert self._hash is not None
        return self._hash.hexdigest()

    def forget(self) -> None:
        """Remove it."""
        for path in (self.path, self._source):
            path.unlink(missing_ok=True)
        self.size, self._hash = 0, hashlib.sha256()

    def become(self, path: Path) -> None:
        """Move it, whole, to ``path``."""
        with self.path.open("rb+") as stream:
            os.fsync(stream.fileno())
        self.path.replace(path)
        with contextlib.suppress(OSError):  # untidy, no more
            self._source.unlink(missing_ok=True)
