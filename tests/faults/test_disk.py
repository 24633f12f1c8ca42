"""The disk is full, the folder can't be written, or it is not where it seems to be."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfyui_stories import changes, ended, not_made, started, target, there, tidy, wants
from tests.conftest import Outcome, Project
from tests.faults.conftest import Digests
from tests.faults.outcomes import clean, nothing_queued, right
from tests.faults.processes import PATIENCE
from tests.rights import read_only, run_as_user
from tests.servers.comfyui import ComfyServer

NAMES = ("Mallsing", "Brannick", "Oswin", "Thora")
LARGE: dict[str, Any] = {"size": "512x512"}  # a picture of some 40 KB; nothing else that a run writes is as large
SMALL_DISK = 96 * 1024  # bytes: two such pictures, and no third

# Run as `python -c`: the module is run as `python -m imagegen` runs it, under a limit for each file it writes.
LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.argv = ["imagegen", *sys.argv[2:]]
runpy.run_module("imagegen", run_name="__main__")
"""


def run_limited(project: Project, most: int, *words: str) -> Outcome:
    """`imagegen WORDS`, with no file of more than so many bytes."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(most), *words], cwd=project.root, env=project.environ,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


# A full disk


@pytest.mark.parametrize("most", [30_000, 100, 0], ids=["no picture", "hardly anything", "nothing"])
def test_no_file_can_be_written_whole(most: int, project: Project, server: ComfyServer, undisturbed: Digests) -> None:
    wants(project, server, *NAMES, **LARGE)
    outcome = run_limited(project, most, "run").exits(1).says("0 made, 0 skipped, 4 failed", "too large")
    outcome.says(*(f"images:{name.lower()}: can't write {target(name)}" for name in NAMES))
    not_made(project, *NAMES)
    clean(project)
    tidy(project, server)
    project.run("run").exits(0).says("4 made")
    right(project, undisturbed(*NAMES, **LARGE))


def test_what_was_there_stays_when_the_new_one_can_not_be_written(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", **LARGE)
    project.run("run").exits(0)
    before = project.png(target("Mallsing"))
    changes(project, "Mallsing", prompt="another")
    run_limited(project, 1000, "run").exits(1).says("images:mallsing", "what was there is as it was")
    assert project.png(target("Mallsing")) == before
    clean(project)
    tidy(project, server)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """That folder on a disk of its own with hardly any room; False where this machine lets nobody mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(folder)]
    able = shutil.which("mount") is not None and sys.platform == "linux" and os.geteuid() == 0
    mounted = able and subprocess.run(words, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def test_the_disk_of_the_pictures_is_full(project: Project, server: ComfyServer, undisturbed: Digests) -> None:
    """The first fit, the others do not; where no disk can be mounted, a limit for each file stands in for it."""
    wants(project, server, *NAMES, **LARGE)
    with small_disk(project.root / "assets") as mounted:
        outcome = project.run("run") if mounted else run_limited(project, 30_000, "run")
        here = there(project, *NAMES)
        missing = [name for name in NAMES if name not in here]
        outcome.exits(1).says(f"{len(here)} made", f"{len(missing)} failed")
        outcome.says(*(f"images:{name.lower()}: can't write {target(name)}" for name in missing))
        outcome.says("No space left" if mounted else "too large")
        right(project, {name: undisturbed(*NAMES, **LARGE)[name] for name in here})
        tidy(project, server)
    project.run("run").exits(0)
    right(project, undisturbed(*NAMES, **LARGE))


def test_the_disk_of_the_whole_project_is_full(project: Project, server: ComfyServer) -> None:
    """Not even a lock can be had: each item says so, and the server is asked for nothing that would be lost."""
    with small_disk(project.root) as mounted:
        wants(project, server, *NAMES, **LARGE)
        if mounted:
            with contextlib.suppress(OSError), (project.root / "full").open("wb") as stream:
                while True:
                    stream.write(bytes(4096))
        outcome = project.run("run") if mounted else run_limited(project, 0, "run")
        outcome.exits(1).says(*(f"images:{name.lower()}" for name in NAMES)).says("0 made, 0 skipped, 4 failed")
        clean(project)
        tidy(project, server)


def test_what_a_kill_left_half_written_is_swept_later(project: Project, server: ComfyServer) -> None:
    """Beside a target at once, its lock is held; under .imagegen once it can be no other run's any more."""
    wants(project, server, "Mallsing")
    beside = project.write(f"assets/images/.{Path(target('Mallsing')).name}.0a1b2c3d.tmp", "half a picture")
    old = project.write(".imagegen/.times.json.0a1b2c3d.tmp", "half a file")
    new = project.write(".imagegen/.times.json.4e5f6a7b.tmp", "somebody writes it now")
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))
    project.run("run").exits(0)
    assert [path.exists() for path in (beside, old, new)] == [False, False, True]


# A folder that can't be written


def test_a_read_only_output_folder(project: Project, server: ComfyServer, undisturbed: Digests) -> None:
    """Nothing is asked of the server for what could not be written; other folders get their images."""
    wants(project, server, *NAMES)
    manifest = json.loads((project.root / "assets.yaml").read_text("utf-8"))
    *shut, free = manifest.pop("items")
    manifest["jobs"] = {"images": {"items": shut}, "others": {"items": [free]}}
    project.manifest(json.dumps(manifest))
    with read_only(project.root / "assets" / "images"):
        outcome = ended(run_as_user(project, "run")).exits(1).says("1 made, 0 skipped, 3 failed", "permissions")
    outcome.says(*(f"images:{name.lower()}: can't write to the folder" for name in NAMES[:3]))
    assert len(server.submitted) == 1
    tidy(project, server)
    ended(run_as_user(project, "run")).exits(0).says("3 made, 1 skipped")
    right(project, undisturbed(*NAMES[:3]))


def test_a_folder_becomes_read_only_while_its_image_is_made(
    project: Project, server: ComfyServer, undisturbed: Digests
) -> None:
    wants(project, server, "Mallsing")
    server.hold()
    process = run_as_user(project, "run")
    server.wait_until(lambda: server.held, PATIENCE)
    with read_only(project.root / "assets" / "images"):
        server.release()
        outcome = ended(process).exits(1)
    outcome.says(f"images:mallsing: can't write {target('Mallsing')}", "what was there is as it was")
    not_made(project, "Mallsing")
    tidy(project, server)
    ended(run_as_user(project, "run")).exits(0)
    right(project, undisturbed("Mallsing"))


def test_a_read_only_project(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES)
    with read_only(project.root):
        outcome = ended(run_as_user(project, "run")).exits(1).says("0 made, 0 skipped, 4 failed", "ermission")
    outcome.says(*(f"images:{name.lower()}" for name in NAMES))
    assert server.submitted == []
    tidy(project, server)


# A folder that is elsewhere


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the project."""
    return tmp_path_factory.mktemp("elsewhere")


def a_link(project: Project, elsewhere: Path) -> None:
    """The output folder is a link out of the project."""
    (project.root / "assets").mkdir()
    (project.root / "assets" / "images").symlink_to(elsewhere)


def a_link_above(project: Project, elsewhere: Path) -> None:
    """The folder that holds it is one."""
    (project.root / "assets").symlink_to(elsewhere)


@pytest.mark.parametrize("linked", [a_link, a_link_above])
def test_an_output_folder_that_is_a_link_out_of_the_project(
    linked: Callable[[Project, Path], None], project: Project, server: ComfyServer, elsewhere: Path,
    undisturbed: Digests,
) -> None:  # fmt: skip
    wants(project, server, *NAMES)
    linked(project, elsewhere)
    project.run("run").exits(3).says("the folder assets/images leads out of the project", "--allow-path")
    assert list(elsewhere.rglob("*")) == []
    assert server.submitted == []
    project.run("run", "--allow-path", str(elsewhere)).exits(0).says("4 made")
    right(project, undisturbed(*NAMES))
    tidy(project, server)


def test_a_folder_becomes_a_link_out_of_the_project_while_its_image_is_made(
    project: Project, server: ComfyServer, elsewhere: Path
) -> None:
    wants(project, server, "Mallsing")
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held, PATIENCE)
        folder = project.root / "assets" / "images"
        folder.rename(folder.with_name("before"))
        folder.symlink_to(elsewhere)
        server.release()
        ended(process).exits(1).says("images:mallsing", "out of the project")
    assert list(elsewhere.iterdir()) == []
    tidy(project, server)


def test_a_target_that_is_a_link_out_of_the_project(project: Project, server: ComfyServer, elsewhere: Path) -> None:
    """A link to a picture is somebody's own, one to nothing is replaced: nothing is written where they lead."""
    wants(project, server, "Mallsing", "Brannick")
    theirs = elsewhere / "theirs.png"
    theirs.write_bytes(b"somebody's")
    (project.root / "assets" / "images").mkdir(parents=True)
    (project.root / target("Mallsing")).symlink_to(theirs)
    (project.root / target("Brannick")).symlink_to(elsewhere / "nothing.png")
    with started(project, "run") as process:
        outcome = ended(process).exits(1)
    outcome.says("images:mallsing", "left alone")
    assert [path.name for path in elsewhere.iterdir()] == ["theirs.png"]
    assert theirs.read_bytes() == b"somebody's"
    nothing_queued(server.url)
