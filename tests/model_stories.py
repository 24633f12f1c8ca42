"""Stories about `imagegen setup models`: a project, a server of files, and the folder that models go to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagegen.commands import setup_models
from imagegen.downloads import fetching
from tests.conftest import Outcome, Project
from tests.servers.files import FileServer


def content(size: int, seed: int = 1) -> bytes:
    """``size`` bytes that no two seeds share and that don't repeat."""
    return hashlib.shake_128(str(seed).encode()).digest(size)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Story:
    """A project whose manifest lists models, with ``models`` as the folder they go to."""

    def __init__(self, project: Project, files: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.project, self.files, self._capsys = project, files, capsys
        self.models = project.root / "models"
        self.entries: list[dict[str, Any]] = []

    def wants(self, file: str, url: str, kind: str = "checkpoints", **more: Any) -> Path:
        """List one more model; where it will be."""
        self.entries.append({"kind": kind, "file": file, "url": url, **more})
        self.manifest()
        return self.models / kind / file

    def manifest(self, **more: Any) -> None:
        whole = {
            "defaults": {"backend": "placeholder", "prompt": "p"}, "items": ["a"], "models": self.entries, **more,
        }  # fmt: skip
        self.project.manifest(json.dumps(whole, indent=1))

    def offered(self, file: str = "dream.safetensors", size: int = 300_000, **more: Any) -> tuple[Path, bytes]:
        """List a model that the server has, with its right size and digest; where it will be, and its bytes."""
        data = content(size)
        url = self.files.offer(f"/{file}", data, **{"etag": '"one"', **more})
        return self.wants(file, url, sha256=sha256(data), size=size), data

    def run(self, **more: Any) -> Outcome:
        """`setup models` in this process, into ``models``."""
        given = {"folder": self.models, "yes": True, **more}
        code = setup_models.run(self.project.root / "assets.yaml", **given)
        out, err = self._capsys.readouterr()
        return Outcome(code, out, err)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The command as a process of its own, not waited for."""
        return self.project.start("setup", "models", "--yes", "--dir", str(self.models), *words)

    def ends(self, process: subprocess.Popen[str]) -> Outcome:
        out, err = process.communicate(timeout=60)
        return Outcome(process.returncode, out, err)

    @property
    def left_behind(self) -> list[str]:
        """All files in the folder of models."""
        return sorted(path.relative_to(self.models).as_posix() for path in self.models.rglob("*") if path.is_file())

    @property
    def bytes_sent(self) -> int:
        return sum(one.bytes_sent for one in self.files.asked)


@contextlib.contextmanager
def told(
    project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, state: Path
) -> Iterator[Story]:
    """A story whose pauses between attempts take no time; ``state`` is the user's own folder of imagegen's."""
    monkeypatch.setattr(fetching, "FIRST_PAUSE", 0.0)
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    project.environ["XDG_STATE_HOME"] = str(state)
    for name in ("HF_TOKEN", "CIVITAI_TOKEN", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        project.environ.pop(name, None)
    with FileServer() as files:
        yield Story(project, files, capsys)
