"""What the tests share: a project in a temporary folder that is used as a person uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers.comfyui import ComfyServer

pytest_plugins = ["tests.browser", "tests.studio_desk"]


@dataclass(frozen=True)
class Outcome:
    """What a command did: its exit status and what it printed."""

    code: int
    out: str
    err: str

    def says(self, *words: str) -> Outcome:
        """Every one of ``words`` was printed."""
        for word in words:
            assert word in self.out + self.err, f"{word!r} is not in:\n{self}"
        return self

    def says_not(self, *words: str) -> Outcome:
        for word in words:
            assert word not in self.out + self.err, f"{word!r} is in:\n{self}"
        return self

    def exits(self, code: int) -> Outcome:
        assert self.code == code, f"exit {self.code}, not {code}:\n{self}"
        return self.says_not("Traceback") if code != 2 else self

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of `run --json`."""
        return [json.loads(line) for line in self.out.splitlines()]

    def __str__(self) -> str:
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


class Project:
    """A folder with a manifest. Commands run as processes of their own, without a terminal."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = {key: value for key, value in os.environ.items()
                        if not key.startswith(("COMFYUI_", "PYTEST", "NO_COLOR", "DOIT_")) and key != "CI"}  # fmt: skip

    @property
    def unmeasured(self) -> dict[str, str]:
        """The environment of a child whose coverage is not measured, which takes modules and disk of its own."""
        return {**self.environ, "COVERAGE_PROCESS_CONFIG": "", "COVERAGE_PROCESS_START": ""}

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def manifest(self, text: str) -> Path:
        return self.write("assets.yaml", text)

    def edit(self, old: str, new: str, name: str = "assets.yaml") -> None:
        """Replace ``old``, which must be there, in a file of the project."""
        path = self.root / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def run(
        self, *words: str, cwd: str = ".", stdin: str | None = None, timeout: float = 60, **environ: str
    ) -> Outcome:
        """`imagegen WORDS` (in the folder ``cwd`` of the project)."""
        return self._call([sys.executable, "-m", "imagegen", *words], cwd, stdin, timeout, environ)

    def doit(
        self, *words: str, cwd: str = ".", stdin: str | None = None, timeout: float = 60, **environ: str
    ) -> Outcome:
        """Plain `doit WORDS`."""
        return self._call([sys.executable, "-m", "doit", *words], cwd, stdin, timeout, environ)

    def start(self, *words: str, **environ: str) -> subprocess.Popen[str]:
        """`imagegen WORDS`, not waited for."""
        return subprocess.Popen(
            [sys.executable, "-m", "imagegen", *words], cwd=self.root, env={**self.environ, **environ},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip

    def _call(
        self, command: list[str], cwd: str, stdin: str | None, timeout: float, environ: dict[str, str]
    ) -> Outcome:
        done = subprocess.run(
            command, cwd=self.root / cwd, env={**self.environ, **environ}, input=stdin or "", capture_output=True,
            text=True, encoding="utf-8", timeout=timeout, check=False,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout, done.stderr)

    def png(self, target: str) -> bytes:
        return (self.root / target).read_bytes()

    def stray_files(self) -> list[str]:
        """Temporary files that somebody left behind, anywhere in the project."""
        return [str(path) for path in self.root.rglob("*.tmp")]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return Project(tmp_path)


@pytest.fixture
def server() -> Iterator[ComfyServer]:
    """A stand-in ComfyUI on loopback, in this process."""
    with ComfyServer(checkpoints=["dream.safetensors", "ink.safetensors"]) as running:
        yield running
