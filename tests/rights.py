"""Folders that can't be written to, also where the tests run as root."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import Project

# Run as `python -c`. Root writes where nobody may, by its capabilities: without them (Linux, capset(2)) it is a
# user like any other, and unlike another user it can read an interpreter that lies in root's home.
AS_USER = """
import ctypes, os, runpy, sys
if os.geteuid() == 0:
    version, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capset(version, none) == 0
sys.argv = ["imagegen", *sys.argv[1:]]
runpy.run_module("imagegen", run_name="__main__")
"""


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody may make or remove anything in that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o555)
    try:
        yield
    finally:
        folder.chmod(0o755)


def run_as_user(project: Project, *words: str) -> subprocess.Popen[str]:
    """`imagegen WORDS` without root's rights, not waited for."""
    return subprocess.Popen(
        [sys.executable, "-c", AS_USER, *words], cwd=project.root, env=project.environ, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
