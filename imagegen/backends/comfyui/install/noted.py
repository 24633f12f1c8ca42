"""What the user set up on this machine, kept in their own state folder: only that is ever started.

A project's files come from anywhere, so none of them may say which program to run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imagegen.errors import BuildFailed
from imagegen.files import write_whole

_FILE = "installed.json"


@dataclass(frozen=True)
class Installed:
    """A ComfyUI: its ``folder``, links followed; the ``python`` that runs it; for one of ``ours`` where it is
    from, the ``ref`` that was asked for, the ``revision`` it is at, and the kind and the index of its ``torch``."""

    folder: str
    python: str
    ours: bool = False
    repository: str = ""
    ref: str = ""
    revision: str = ""
    torch: str = ""
    index: str = ""


def state() -> Path:
    """The folder of all that imagegen knows of ComfyUI on this machine."""
    import platformdirs

    return platformdirs.user_state_path("imagegen", appauthor=False) / "comfyui"


def of_folder(folder: Path) -> Installed | None:
    """What was noted of ``folder``."""
    real = os.path.realpath(folder)
    for known in _loaded().get("installed", []):
        if isinstance(known, dict) and known.get("folder") == real:
            try:
                return Installed(**known)
            except TypeError:  # from another version
                return None
    return None


def of_project(project: Path) -> Path | None:
    """The folder that the user named for this project, if it is still there."""
    folder = _loaded().get("projects", {}).get(os.path.realpath(project))
    return Path(folder) if isinstance(folder, str) and Path(folder).is_dir() else None


def note(one: Installed, project: Path | None) -> bool:
    """Remember it, and with ``project`` that this project uses it; whether that is news. Raises BuildFailed."""
    from filelock import FileLock

    try:
        state().mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(state() / "installed.lock"):
            before = _loaded()
            others = [
                known
                for known in before.get("installed", [])
                if isinstance(known, dict) and known.get("folder") != one.folder
            ]
            projects = dict(before.get("projects", {}))
            if project is not None:
                projects[os.path.realpath(project)] = one.folder
            now = {"installed": [*others, asdict(one)], "projects": projects}
            if of_folder(Path(one.folder)) == one and projects == before.get("projects", {}):
                return False
            write_whole(state() / _FILE, json.dumps(now, indent=1).encode())
    except OSError as error:
        raise BuildFailed(f"can't note in {state()} what was set up: {error.strerror or error}") from error
    return True


def _loaded() -> Mapping[str, Any]:
    try:
        found = json.loads((state() / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
