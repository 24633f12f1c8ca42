"""A run that stops at a moment of its own: at the rename of a picture, before it or after.

Nothing of the program is changed: Python reads a `sitecustomize` when it starts, and ours wraps `os.replace`.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.comfyui_stories import eventually
from tests.conftest import Project
from tests.faults.processes import PATIENCE

_HOOK = """
import os
import pathlib
import time

when, target, folder = os.environ["GATE"].split("|")
real = os.replace


def gated(source, destination, **more):
    if not str(destination).endswith(target):
        return real(source, destination, **more)
    if when == "after":
        real(source, destination, **more)
    here = pathlib.Path(folder)
    (here / "reached").touch()
    while not (here / "open").exists():
        time.sleep(0.01)
    if when == "before":
        real(source, destination, **more)


os.replace = gated
"""


class Gate:
    """Where a run waits at the rename of one target."""

    def __init__(self, project: Project, when: str, target: str) -> None:
        """`when`: "before" the rename or "after" it."""
        self._folder = project.root / "gate"
        project.write("gate/sitecustomize.py", _HOOK)
        path = [str(self._folder), *filter(None, [project.environ.get("PYTHONPATH")])]
        gate = "|".join([when, Path(target).name, str(self._folder)])
        self.environ = {"PYTHONPATH": os.pathsep.join(path), "GATE": gate}

    def wait_until_reached(self) -> None:
        """Wait until the run is there."""
        eventually((self._folder / "reached").exists, timeout=PATIENCE)

    @staticmethod
    def open(project: Project) -> None:
        """Let the project's runs go on, those that wait there and those that come."""
        (project.root / "gate").mkdir(exist_ok=True)
        (project.root / "gate" / "open").touch()
