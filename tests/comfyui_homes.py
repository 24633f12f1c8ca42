"""Homes of a ComfyUI whose `main.py` is the stand-in server: a git repository to clone, a folder that somebody
has, and the wheels that stand in for PyTorch. Nothing here reaches the internet."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sysconfig
import textwrap
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imagegen.backends.comfyui.install.environment import UNNAMED
from imagegen.backends.comfyui.install.torch import PACKAGES
from tests.conftest import Project

ROOT = Path(__file__).parent.parent
MAIN = f"""\
import argparse, os, sys, threading
sys.path += [{str(ROOT)!r}, {sysconfig.get_path("purelib")!r}]
parser = argparse.ArgumentParser()
parser.add_argument("--listen")
parser.add_argument("--port", type=int)
parser.add_argument("--disable-auto-launch", action="store_true")
parser.add_argument("--cpu", action="store_true")
parser.add_argument("--extra-model-paths-config")
asked = parser.parse_args()
assert asked.listen == "127.0.0.1", asked
print("options:", *sys.argv[1:], flush=True)
options = {{{{}}}}
{{before}}
from tests.servers.comfyui import ComfyServer
server = ComfyServer(port=asked.port, checkpoints=["dream.safetensors"], **options)
print("listening at", server.url, flush=True)
threading.Event().wait()
"""


class Machine:
    """What a user's machine is to the commands: their state folder, and where pip and git look."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project, self.folder, self.wheels = project, folder, folder / "wheels"
        self.state = folder / "state"
        self.url = f"http://127.0.0.1:{free_port()}"
        project.environ |= {
            "XDG_STATE_HOME": str(self.state), "HOME": str(folder / "home"), "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.wheels), "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }  # fmt: skip
        for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
            project.environ.pop(name, None)
        for name in (*PACKAGES, *UNNAMED):
            wheel(self.wheels, name)

    def wants(self, *names: str, **block: Any) -> None:
        """A manifest of these images, made by a ComfyUI at :attr:`url`."""
        manifest = {
            "backends": {"comfyui": {"url": self.url, "retry_delay": 0.02, **block}},
            "defaults": {"checkpoint": "dream.safetensors", "size": "64x64", "steps": 2, "prompt": "a ${name}"},
            "items": list(names or ["fox"]),
        }
        self.project.manifest(json.dumps(manifest, indent=1))

    @property
    def notes(self) -> Path:
        return self.state / "imagegen" / "comfyui"

    @property
    def running(self) -> list[int]:
        """The processes that were noted as started, whether they live or not."""
        return [json.loads(path.read_text())["identity"]["pid"] for path in self.notes.glob("server-*.json")]

    def close(self) -> None:
        """End what a test left running: only what was noted, and only a `main.py` of these homes."""
        for pid in self.running:
            with contextlib.suppress(OSError):
                if b"main.py" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def comfyui(folder: Path, before: str = "", requirements: str = "") -> Path:
    """The files of a ComfyUI. `before` is done before it listens; it may give the stand-in more `options`."""
    (folder / "comfy").mkdir(parents=True, exist_ok=True)
    (folder / "comfy" / "__init__.py").touch()
    (folder / "main.py").write_text(MAIN.format(before=textwrap.dedent(before)))
    (folder / "requirements.txt").write_text(requirements)
    (folder / ".gitignore").write_text(".venv*/\nextra_model_paths.yaml\n")
    return folder


class Repository:
    """A git repository of a ComfyUI on this disk."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder, self._environ = comfyui(folder), environ
        self.git("init", "--quiet", "--initial-branch=master")
        self.commit("the first")

    def commit(self, text: str, **files: str) -> str:
        """Commit everything; the revision."""
        for name, content in files.items():
            (self.folder / name.replace("_txt", ".txt")).write_text(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", text)
        return self.git("rev-parse", "HEAD")

    def git(self, *words: str) -> str:
        return git(self.folder, *words, environ=self._environ)


def git(folder: Path, *words: str, environ: Mapping[str, str]) -> str:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(
        ["git", *who, *words], cwd=folder, env=dict(environ), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def wheel(folder: Path, name: str, version: str = "2.9.1", code: str = "") -> None:
    """A wheel of one small module."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"__version__ = '{version}'\n{code}",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
