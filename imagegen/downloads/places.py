"""Where models lie on this machine, and which of those folders may be written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imagegen import backends
from imagegen.backends.base import ModelsFolder
from imagegen.files import inside


class Places:
    """The folders that the backends name, or those in the ``folder`` that the command line names: a ComfyUI,
    whose ``models`` is meant, or a folder of models itself.

    A folder that only the manifest names is written to where it lies in the project or below one of ``allowed``.
    """

    def __init__(
        self,
        blocks: Mapping[str, Mapping[str, Any]],
        environ: Mapping[str, str],
        project: Path,
        folder: Path | None = None,
        allowed: Sequence[Path] = (),
    ) -> None:
        self._blocks, self._environ, self._project = blocks, environ, project
        self._named = _models_in(folder) if folder is not None else None
        self._roots = (project, *allowed)
        self._known: dict[str, Sequence[ModelsFolder]] = {}

    def folders(self, kind: str) -> list[Path]:
        """Where models of a kind are looked for. Raises WrongInput for a block that can't be."""
        return [one.path for one in self._of(kind)]

    def goal(self, kind: str) -> Path | None:
        """Where a new one goes; None where no folder is known that may be written to."""
        return next((one.path for one in self._of(kind) if self._may_write(one)), None)

    def closed(self, kind: str) -> list[Path]:
        """The folders that would do if the command line allowed them."""
        return [one.path for one in self._of(kind) if not self._may_write(one)]

    def _may_write(self, one: ModelsFolder) -> bool:
        return one.noted or any(inside(root, one.path) for root in self._roots)

    def _of(self, kind: str) -> Sequence[ModelsFolder]:
        if kind not in self._known:
            if self._named is not None:
                self._known[kind] = (ModelsFolder(self._named / kind, noted=True),)
            else:
                self._known[kind] = [one for name in backends.names() for one in self._asked(name, kind)]
        return self._known[kind]

    def _asked(self, name: str, kind: str) -> Sequence[ModelsFolder]:
        backend = backends.load(name)(self._blocks.get(name, {}), self._environ, self._project)
        try:
            return backend.models_folders(kind)
        finally:
            backend.close()


def _models_in(folder: Path) -> Path:
    return folder / "models" if (folder / "models").is_dir() or (folder / "main.py").is_file() else folder
