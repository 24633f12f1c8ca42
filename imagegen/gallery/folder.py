"""The folder that a gallery is written into: only one that is ours, and only what is in the new gallery stays."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection
from pathlib import Path

from imagegen.errors import ImagegenError, WrongInput
from imagegen.files import inside, write_quickly

NOTE = "imagegen-gallery.json"
"""Names every file of the gallery: whatever else is in the folder is somebody's own."""


class Folder:
    """Raises WrongInput for a folder with other things in it, ImagegenError where it can't be written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._before = _named(path)
        if path.exists() and not path.is_dir():
            raise WrongInput(f"{path} is a file", "name a folder for the gallery")
        if self._before is None and path.is_dir() and any(path.iterdir()):
            raise WrongInput(f"{path} has other things in it", "name a new folder, or an earlier gallery")
        self._written: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether an earlier gallery has this file: its name says what is in it. It stays."""
        there = name in (self._before or ()) and self._is_ours(name) and (self.path / name).is_file()
        if there:
            self._written.add(name)
        return there

    def write(self, name: str, data: bytes) -> None:
        """Put a file there; ``name`` is written with ``/``."""
        path = self.path / name
        if not inside(self.path, path.parent):
            raise WrongInput(f"{path.parent} leads out of the gallery by a link", "remove it, or name a new folder")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_quickly(path, data)
        except OSError as error:
            raise ImagegenError(f"can't write {path}: {error.strerror or error}") from error
        self._written.add(name)

    def begin(self) -> None:
        """Before the first file: a gallery that is cut off is known as one."""
        self._note({*(self._before or ()), "index.html"})

    def finish(self) -> None:
        """Remove what an earlier gallery had and this one has not."""
        gone = set(self._before or ()) - self._written
        for name in filter(self._is_ours, gone):
            with contextlib.suppress(OSError):  # untidy, no more
                (self.path / name).unlink(missing_ok=True)
        self._note(self._written)

    def _is_ours(self, name: str) -> bool:
        """Whether a name leads to a file in the gallery, and not elsewhere by a link: the note may be a cloned
        project's."""
        path = self.path / name
        return inside(self.path, path.parent) and not path.is_symlink()

    def _note(self, names: Collection[str]) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_quickly(self.path / NOTE, (json.dumps(sorted(names), indent=0) + "\n").encode())
        except OSError as error:
            raise ImagegenError(f"can't write {self.path}: {error.strerror or error}") from error


def _named(path: Path) -> list[str] | None:
    """The files of the gallery that is there; None where there is none."""
    try:
        found = json.loads((path / NOTE).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, list):
        return None
    safe = [one for one in found if isinstance(one, str) and not one.startswith("/") and ".." not in one.split("/")]
    return [one for one in safe if one and not {":", "\\", "\0"} & set(one)]
