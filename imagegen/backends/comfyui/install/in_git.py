"""What the project's own git makes of a folder that was set up inside the project: nothing of it belongs there."""

from __future__ import annotations

from pathlib import Path

from imagegen.backends.base import Watch
from imagegen.backends.comfyui.install.checkout import git
from imagegen.backends.comfyui.install.program import Failed
from imagegen.errors import BuildFailed
from imagegen.files import inside


def line_to_ignore(folder: Path, project: Path, watch: Watch) -> str:
    """The line that .gitignore lacks; empty where git ignores the folder already, or is not in use here."""
    if not inside(project, folder) or not _top(project, watch):
        return ""
    try:
        git(project, watch, "check-ignore", "--quiet", "--", f"{folder}/")  # it need not be there yet
    except Failed as error:
        return f"/{folder.resolve().relative_to(project.resolve()).as_posix()}/" if error.code == 1 else ""
    return ""


def is_tracked(folder: Path, project: Path, watch: Watch) -> bool:
    """Whether files of ``folder`` are in the project's git: then a pull could change what is started."""
    if not inside(project, folder) or not _top(project, watch):
        return False
    try:
        return git(project, watch, "ls-files", "--", str(folder)) != ""
    except Failed:
        return False


def _top(project: Path, watch: Watch) -> str:
    """The folder of the git that the project is in; empty without one."""
    try:
        return git(project, watch, "rev-parse", "--show-toplevel")
    except BuildFailed:  # no git here at all
        return ""
