"""What these stories share: a project whose runs are not measured, and the pictures that are right."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imagegen import png
from tests.comfyui_stories import made, target, wants
from tests.conftest import Project
from tests.servers.comfyui import ComfyServer

# Windows has no signals that a test can send to one process, and other permissions.
collect_ignore = (
    ["test_disk.py", "test_server_dies.py", "test_several_servers.py", "test_signals.py", "test_two_runs.py"]
    if os.name == "nt"
    else []
)

Digests = Callable[..., dict[str, str]]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project. Hundreds of processes run in these tests; measuring them would double their time."""
    return unmeasured(tmp_path)


def unmeasured(root: Path) -> Project:
    """A project whose commands are not measured."""
    found = Project(root)
    found.environ = found.unmeasured
    return found


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """A shell starts what it runs in the background deaf to SIGINT, and its children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Digests:
    """The digests of the pixels of some images when nothing goes wrong: by their names, for these defaults."""
    known: dict[str, dict[str, str]] = {}

    def digests(*names: str, **defaults: Any) -> dict[str, str]:
        mine = known.setdefault(repr(sorted(defaults.items())), {})
        new = [name for name in names if name not in mine]
        if new:
            project = unmeasured(tmp_path_factory.mktemp("undisturbed"))
            with ComfyServer(checkpoints=["dream.safetensors"]) as server:
                wants(project, server, *new, **defaults)
                project.run("run").exits(0)
                made(project, server, *new)
            mine.update({name: png.pixel_digest(project.png(target(name))) for name in new})
        return {name: mine[name] for name in names}

    return digests
