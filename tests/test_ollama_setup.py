"""`setup ollama`: what is there is told; on macOS a missing one is brought, when it may be."""

from __future__ import annotations

import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagegen.backends.base import Watch
from imagegen.backends.ollama import Backend, install
from imagegen.errors import BuildFailed
from tests.conftest import Project
from tests.servers.ollama import OllamaServer
from tests.servers.ollama_program import Program


@pytest.fixture
def program(project: Project, tmp_path: Path) -> Program:
    made = Program(tmp_path / "bin")
    project.environ = {key: value for key, value in project.environ.items() if not key.startswith("OLLAMA")}
    project.environ["PATH"] = made.path
    return made


def test_one_that_is_there_is_told_with_version_range_and_models(project: Project, program: Program) -> None:
    outcome = project.run("setup", "ollama").exits(0)
    outcome.says("0.32.5", "0.14.0 to 0.32.5", "x/z-image-turbo", "Apache-2.0", "FLUX Non-Commercial License")
    outcome.says("nothing to do")
    assert {call["words"][0] for call in program.calls()} == {"--version"}


@pytest.mark.parametrize("version", ["0.13.0", "0.32.6"])
def test_a_version_that_can_t_is_told_with_the_way_out(version: str, project: Project, program: Program) -> None:
    program.does(server=version, client=version)
    project.run("setup", "ollama").exits(1).says(version, "0.14.0 to 0.32.5", "backend: comfyui")


def test_one_whose_server_does_not_run_is_told_how_to_start_it(project: Project, program: Program) -> None:
    program.does(server="")
    project.run("setup", "ollama").exits(0).says("ollama serve")


def test_servers_are_asked_too(project: Project) -> None:
    with OllamaServer() as one, OllamaServer(version="0.32.6") as other:
        block = f"{{transport: api, urls: ['{one.url}', '{other.url}']}}"
        project.manifest(f"backends: {{ollama: {block}}}\nitems: [{{name: a, prompt: p, backend: ollama}}]\n")
        project.run("setup").exits(0).says(f"{one.url} is Ollama 0.32.5", f"{other.url} is Ollama 0.32.6")
    project.run("setup").exits(1).says("no answer from")


# A system of one's choice: in this process


class Brew:
    """A stand-in for Homebrew, which puts a stand-in `ollama` beside itself."""

    def __init__(self, folder: Path, version: str = "0.32.5", status: int = 0) -> None:
        self.folder, self.status = folder, status
        Program(folder / "cellar", client=version, server=version)
        self.folder.joinpath("brew").write_text(
            f"#!{sys.executable}\nimport os, sys\nprint('pouring', file=sys.stderr)\n"
            f"assert sys.argv[1:] == ['install', 'ollama'], sys.argv\n"
            f"os.link({str(folder / 'cellar/ollama')!r}, {str(folder / 'ollama')!r}) if not {status} else None\n"
            f"sys.exit({status})\n",
            "utf-8",
        )
        path = folder / "brew"
        path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr(install, "BREW", ())
    return


def set_up(path: Path, **wishes: Any) -> tuple[bool, list[str]]:
    said: list[str] = []
    backend = Backend({}, {"PATH": str(path)}, path)
    return backend.setup(wishes, said.append, Watch(threading.Event())), said


def test_on_another_system_a_missing_one_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    with pytest.raises(BuildFailed, match="0.14.0 to 0.32.5") as caught:
        set_up(tmp_path, yes=True)
    assert "releases" in caught.value.hint and "comfyui" in caught.value.hint


def test_homebrew_is_run_only_when_it_may(tmp_path: Path, mac: None) -> None:
    Brew(tmp_path)
    with pytest.raises(BuildFailed) as caught:
        set_up(tmp_path)
    assert "--yes" in caught.value.hint and "brew install ollama" in caught.value.hint
    assert "https://ollama.com/download" in caught.value.hint
    assert not (tmp_path / "ollama").exists()


def test_homebrew_brings_it(tmp_path: Path, mac: None) -> None:
    Brew(tmp_path)
    changed, said = set_up(tmp_path, yes=True)
    assert changed and "brew install ollama" in said and "pouring" in said
    assert "ollama is Ollama 0.32.5: it makes images" in said
    changed, said = set_up(tmp_path, yes=True)
    assert not changed and "brew install ollama" not in said


def test_homebrew_brings_one_that_can_t(tmp_path: Path, mac: None) -> None:
    """Its newest release may be one: that is said before and after."""
    Brew(tmp_path, version="0.40.0")
    with pytest.raises(BuildFailed, match="0.40.0"):
        set_up(tmp_path, yes=True)


def test_homebrew_fails(tmp_path: Path, mac: None) -> None:
    Brew(tmp_path, status=1)
    with pytest.raises(BuildFailed, match="failed with 1"):
        set_up(tmp_path, yes=True)


def test_there_is_no_homebrew(tmp_path: Path, mac: None) -> None:
    with pytest.raises(BuildFailed, match="no Homebrew") as caught:
        set_up(tmp_path, yes=True)
    assert "https://ollama.com/download" in caught.value.hint
