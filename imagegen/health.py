"""What this machine has of what a project needs, apart from its backends, line by line for `doctor`."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imagegen import database
from imagegen.backends.base import Check
from imagegen.downloads import checks, inventory
from imagegen.downloads.places import Places
from imagegen.files import program, writable
from imagegen.judging import Planned
from imagegen.session import Session
from imagegen.verdict import Action, State

NEEDED_PYTHON = (3, 11)
BYTES_A_PIXEL = 3
"""What a painted picture takes at most, as a PNG; noise alone takes more."""
ROOM = 1.5
"""How many times what is to be made should be free: what is replaced is kept, and files are written aside."""
LONGEST = 5.0
"""Seconds that a program has to tell its version."""
_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")


def of_machine() -> Iterator[Check]:
    """Python and git: they are there without a project too."""
    version = platform.python_version()
    if sys.version_info < NEEDED_PYTHON:
        yield Check("Python", version, "failed", "install Python 3.11 or newer")
    else:
        yield Check("Python", f"{version}, {sys.executable}")
    git = program("git")
    if git is None:
        yield Check("git", "not found", "warning", "install git: `setup comfyui` needs it")
        return
    yield Check("git", _said([str(git), "--version"]).removeprefix("git version ") or str(git))


def of_project(session: Session, planned: list[Planned]) -> Iterator[Check]:
    """The manifest's folders, its pictures, the room for what is still to be made, and doit's database."""
    manifest = session.manifest
    images = len(manifest.items)
    yield Check("manifest", f"{manifest.file}: {images} image{'' if images == 1 else 's'}, and it is right")
    for warning in manifest.warnings:
        yield Check("manifest", f"warning: {warning}", "warning")
    yield from _folders(session)
    yield from _pictures(planned)
    yield from _room(session, [one for one in planned if one.action is Action.MAKE])
    yield _database(session.project)
    yield from _tokens(manifest.backends, session.environ)
    if manifest.models:
        places = Places(manifest.backends, session.environ, session.project, allowed=session.options.allow)
        yield from checks.of(inventory.of(manifest.models, places.folders, places.goal), session.environ)


def _folders(session: Session) -> Iterator[Check]:
    for folder in session.manifest.folders or ("",):
        path = session.project / folder
        there = path
        while not there.exists() and there != there.parent:
            there = there.parent
        shown = folder or "the project's folder"
        if not there.is_dir():
            yield Check("output folder", f"{shown}: {there} is a file", "failed", "move it away")
        elif not writable(there):
            yield Check("output folder", f"{shown} can't be written to", "failed", f"chmod u+w {there}")
        else:
            yield Check("output folder", f"{shown} can be written to")


def _pictures(planned: list[Planned]) -> Iterator[Check]:
    pointers = [
        one.item.task
        for one in planned
        if one.verdict.state is State.DAMAGED and "git-lfs" in " ".join(one.verdict.reasons)
    ]
    if pointers:
        some = ", ".join(pointers[:3]) + (f" and {len(pointers) - 3} more" if len(pointers) > 3 else "")
        yield Check("pictures", f"git-lfs pointers in place of pictures: {some}", "failed", "git lfs pull")
    refused = [one for one in planned if one.action is Action.REFUSE and one.item.task not in pointers]
    if refused:
        count = f"{len(refused)} picture{'' if len(refused) == 1 else 's'} that a run refuses to write over"
        yield Check("pictures", count, "warning", "imagegen status")


def _room(session: Session, to_make: list[Planned]) -> Iterator[Check]:
    sizes = [json.loads(one.item.recipe) for one in to_make]
    wanted = ROOM * sum(BYTES_A_PIXEL * size.get("width", 1024) * size.get("height", 1024) for size in sizes)
    free = shutil.disk_usage(session.project).free
    images = f"{len(to_make)} image{'' if len(to_make) == 1 else 's'}"
    found = f"{free / 1e9:.1f} GB free, {images} to make take up to {wanted / 1e9:.1f} GB"
    if wanted > free:
        yield Check("disk", found, "failed", "free some space; .imagegen/previous holds what runs replaced")
    else:
        yield Check("disk", found)


def _database(project: Path) -> Check:
    path = database.path(project)
    if not path.exists():
        return Check("doit's database", "not there yet")
    try:
        json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        mend = f"delete {path}: it is a cache"
        return Check("doit's database", f"can't be read: {error}", "warning", mend)
    return Check("doit's database", "whole")


def _tokens(blocks: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[Check]:
    """The environment's variables that a backend's headers want: there or not, never their value."""
    for name in sorted(set(_ENV.findall(json.dumps(blocks)))):
        if environ.get(name):
            yield Check("token", f"{name} is set")
        else:
            yield Check("token", f"{name} is not set", "failed", f"export {name}=…")


def _said(command: list[str]) -> str:
    """The first line that a program prints."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONGEST, check=False,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.partition("\n")[0].strip()
