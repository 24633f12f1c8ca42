"""The server's folders `output`, `temp` and `input`, in memory, with ComfyUI's rules for names."""

from __future__ import annotations

import posixpath
import re
import threading
import time
from pathlib import PurePosixPath

ROOT = "<comfyui>"  # what the recordings call the server's own folder
FOLDERS = ("output", "temp", "input")


class OutsideError(Exception):
    """A name that leads out of its folder; the text is the real server's."""


class Files:
    """What lies in the three folders. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._folders: dict[tuple[str, str], dict[str, bytes]] = {}
        self._counters: dict[tuple[str, str, str], int] = {}  # the highest in use, so that saving stays fast
        self.uploads: list[str] = []  # what lies in `input` itself, sorted, as LoadImage offers it

    def read(self, folder: str, subfolder: str, filename: str) -> bytes | None:
        """A file's bytes, or None."""
        with self._lock:
            return self._folders.get((folder, _normal(subfolder)), {}).get(filename)

    def write(self, folder: str, subfolder: str, filename: str, data: bytes) -> None:
        """Write or replace a file."""
        with self._lock:
            self._folders.setdefault((folder, _normal(subfolder)), {})[filename] = data
            self.uploads[:] = sorted(self._folders.get(("input", ""), {}))

    def save(self, folder: str, prefix: str, width: int, height: int, data: bytes) -> dict[str, str]:
        """Write a picture under the next free number, and name it as the history does.

        Raises OutsideError when the prefix leads out of the folder.
        """
        path = posixpath.normpath(_filled_in(prefix, width, height))
        subfolder, name = posixpath.split(path)
        if posixpath.isabs(path) or path.startswith("../"):
            raise OutsideError(
                "**** ERROR: Saving image outside the output folder is not allowed."
                f"\n full_output_folder: {posixpath.normpath(posixpath.join(ROOT, folder, subfolder))}"
                f"\n         output_dir: {ROOT}/{folder}"
                f"\n         commonpath: {ROOT}"
            )
        with self._lock:
            counter = self._highest(folder, subfolder, name) + 1
            self._counters[folder, subfolder, name] = counter
            filename = f"{name}_{counter:05}_.png"
            self.write(folder, subfolder, filename, data)
        return {"filename": filename, "subfolder": subfolder, "type": folder}

    def upload(self, folder: str, subfolder: str, filename: str, data: bytes, overwrite: bool) -> str:
        """Keep an uploaded file, and tell its name: `name (1).png` where the name is taken by other bytes."""
        stem, ending = posixpath.splitext(filename)
        with self._lock:
            number = 0
            while not overwrite and (there := self.read(folder, subfolder, filename)) is not None:
                if there == data:
                    return filename
                number += 1
                filename = f"{stem} ({number}){ending}"
            self.write(folder, subfolder, filename, data)
            return filename

    def delete(self, filename: str | None = None, folder: str | None = None) -> int:
        """Remove every file of that name (None: of any name) from that folder (None: from all); how many."""
        removed = 0
        with self._lock:
            for (kind, _), files in self._folders.items():
                if folder in (None, kind):
                    gone = [name for name in files if filename in (None, name)]
                    for name in gone:
                        del files[name]
                    removed += len(gone)
            self._counters.clear()
            self.uploads[:] = sorted(self._folders.get(("input", ""), {}))
        return removed

    def names(self, folder: str) -> list[str]:
        """All of a folder's files, sorted, each as `subfolder/filename`."""
        with self._lock:
            found = [
                posixpath.join(subfolder, name)
                for (kind, subfolder), files in self._folders.items()
                if kind == folder
                for name in files
            ]
        return sorted(found)

    def _highest(self, folder: str, subfolder: str, name: str) -> int:
        known = self._counters.get((folder, subfolder, name))
        if known is not None:
            return known
        numbered = re.compile(re.escape(name) + r"_(\d+)", re.IGNORECASE)
        found = (numbered.match(there) for there in self._folders.get((folder, subfolder), {}))
        return max((int(match[1]) for match in found if match), default=0)


def annotated(name: str, default: str) -> tuple[str, str, str]:
    """A name as a LoadImage node gives it, `a/b.png [output]`, taken apart: folder, subfolder, filename."""
    match = re.fullmatch(r"(.*) \[(output|temp|input)\]", name)
    path, folder = (match[1], match[2]) if match else (name, default)
    subfolder, filename = posixpath.split(path)
    return folder, subfolder, filename


def is_outside(subfolder: str) -> bool:
    """Whether a subfolder leads out of the folder it is asked in."""
    return posixpath.isabs(subfolder) or ".." in PurePosixPath(_normal(subfolder)).parts


def _normal(subfolder: str) -> str:
    path = posixpath.normpath(subfolder.replace("\\", "/"))
    return "" if path == "." else path


def _filled_in(prefix: str, width: int, height: int) -> str:
    now = time.localtime()
    clock = zip(("year", "month", "day", "hour", "minute", "second"), now[:6], strict=True)
    for name, value in [("width", width), ("height", height), *clock]:
        prefix = prefix.replace(f"%{name}%", f"{value:02}")
    return prefix
