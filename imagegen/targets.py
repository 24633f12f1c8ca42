"""Where an item's PNG goes: inside the project, allowed on every system, and nobody else's."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path, PurePosixPath, PureWindowsPath

from imagegen import text
from imagegen.errors import Place
from imagegen.files import STATE, inside


class BadTarget(ValueError):
    """A target that can't be; ``setting`` is to blame, ``hint`` the mend."""

    def __init__(self, message: str, setting: str, hint: str) -> None:
        super().__init__(message)
        self.setting, self.hint = setting, hint


class Targets:
    """The targets of one manifest. ``allowed`` are the folders outside the project that may be used."""

    def __init__(self, project: Path, allowed: tuple[Path, ...]) -> None:
        self._project, self._allowed = project, allowed
        self._folders: dict[str, tuple[str, str]] = {}
        self._taken: dict[str, tuple[str, Place]] = {}

    def check_filename(self, filename: str) -> None:
        """Can a file be called so, on every system? Raises BadTarget."""
        if "\\" in filename:
            raise BadTarget("filename joins its folders by \\", "filename", "write /")
        if bad := text.bad_file_name(filename):
            raise BadTarget(f"the file name can't be: {bad}", "filename", "give the item another slug")

    def target(self, output: str, filename: str) -> str:
        """The target, written with ``/``: counted from the project where it lies inside, else whole.

        Raises BadTarget for a folder that can't be.
        """
        folder, _ = self._folder(output)
        return f"{folder}/{filename}.png" if folder else f"{filename}.png"

    def claim(self, task: str, name: str, output: str, target: str, place: Place) -> None:
        """Take task name and target for the item ``name``. Raises BadTarget where another has one of them.

        Two targets are one also if only case, accents or a link tell them apart.
        """
        folder, real = self._folder(output)
        file = text.same_file(posixpath.join(real, target[len(folder) + 1 :] if folder else target))
        for what, key in ((f"target, {target}", file), (f"task name, {task}", f"task {task}")):
            if key in self._taken:
                other, where = self._taken[key]
                other_file = where.file != place.file
                there = f" ({where})" if other_file else f" (line {where.line})" if where.line else ""
                message = f'"{name}" and "{other}"{there} have one {what}'
                raise BadTarget(message, "name", "give one of them a slug: of its own")
            self._taken[key] = (name, place)

    def _folder(self, output: str) -> tuple[str, str]:
        """The folder as it is written into targets, and with links followed."""
        if output not in self._folders:
            written = self._checked(output)
            self._folders[output] = (written, os.path.realpath(self._project / written))
        return self._folders[output]

    def _checked(self, output: str) -> str:
        if "\\" in output:
            raise BadTarget("output joins its folders by \\", "output", "write /")
        if "\0" in output:
            raise BadTarget("output holds a letter that no file's name can hold", "output", "remove it")
        path = PurePosixPath(output)
        if path.is_absolute() or PureWindowsPath(output).drive or ".." in path.parts:
            whole = Path(os.path.normpath(self._project / output))
            # A link before a .. leads elsewhere than the letters say.
            here = inside(self._project, self._project / output)
            if here and whole.is_relative_to(self._project):
                path = PurePosixPath(whole.relative_to(self._project).as_posix())
            elif any(inside(root, whole) for root in self._allowed):
                return whole.as_posix()
            else:
                mend = f"keep it inside, or allow it: --allow-path {whole}"
                raise BadTarget(f"output {output} lies outside the project", "output", mend)
        written = "" if path == PurePosixPath() else str(path)
        if path.parts and path.parts[0].lower() in (STATE, ".git"):
            raise BadTarget(
                f"output {output} lies in {path.parts[0]}, which is not for pictures", "output", "name another"
            )
        if written and (bad := text.bad_file_name(written)):
            raise BadTarget(f"the output folder can't be: {bad}", "output", "name it otherwise")
        return written
