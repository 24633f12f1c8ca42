"""A Python environment of ComfyUI's own: PyTorch for this machine, then ComfyUI's requirements.

One environment is made for each set of wishes, under a name that is made of them, and never changed: a failed
step removes what it began, and what ran before still runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from imagegen.backends.base import Watch
from imagegen.backends.comfyui.install import checkout
from imagegen.backends.comfyui.install.existing import python_in
from imagegen.backends.comfyui.install.program import Failed, run
from imagegen.backends.comfyui.install.torch import PACKAGES, Torch
from imagegen.errors import BuildFailed
from imagegen.files import write_whole

_MARK = "imagegen.json"
"""Written last into an environment: one without it is not whole."""
_PIP = ("-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar", "off")
UNNAMED = ("requests",)
"""What ComfyUI imports without naming it (app/frontend_management.py of 0.3.64): transformers brought it along
before its version 5."""
_VERSIONS = (
    "import importlib.metadata as m\n"
    f"for name in {PACKAGES!r}:\n"
    "    try: print(f'{name}=={m.version(name)}')\n"
    "    except m.PackageNotFoundError: pass"
)
_DEVICE = (
    "import torch\n"
    "gpu = getattr(torch, 'cuda', None)\n"
    "mps = getattr(getattr(torch, 'backends', None), 'mps', None)\n"
    "print('DEVICE', torch.__version__, 'gpu' if gpu and gpu.is_available() or mps and mps.is_available() else 'cpu')"
)


def place(folder: Path, requirements: str, torch: Torch) -> Path:
    """Where the environment for these requirements and this PyTorch is, or would be."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    text = json.dumps([requirements, UNNAMED, torch.kind, torch.index, version])
    return folder / f".venv-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def is_whole(environment: Path) -> bool:
    """Whether it was made to the end, and the Python it stands on is still there."""
    return (environment / _MARK).is_file() and python_in(environment).exists()


def make(environment: Path, requirements: str, torch: Torch, say: Callable[[str], None], watch: Watch) -> None:
    """Make it anew. Raises BuildFailed or Interrupted, and nothing is left of it."""
    checkout.remove(environment)
    try:
        _make(environment, requirements, torch, say, watch)
    except BaseException:
        checkout.remove(environment)
        raise


def _make(environment: Path, requirements: str, torch: Torch, say: Callable[[str], None], watch: Watch) -> None:
    say(f"making a Python environment in {environment}")
    try:
        run([sys.executable, "-m", "venv", str(environment)], watch, what="making the environment", env=_environ())
    except Failed as error:
        if "ensurepip" in error.output:
            raise BuildFailed(error.message, "on Debian and Ubuntu: apt install python3-venv") from error
        raise
    python = str(python_in(environment))

    def heard(line: str) -> None:
        if line.lstrip().startswith("Downloading "):
            say(f"  {line.strip()}")

    def pip(what: str, *words: str) -> None:
        run([python, *_PIP, *words], watch, what=what, env=_environ(), heard=heard)

    say(f"installing PyTorch for {torch.kind} ({torch.why})")
    pip("installing PyTorch", *(("--index-url", torch.index) if torch.index else ()), *PACKAGES)
    say("installing ComfyUI's requirements")
    with tempfile.TemporaryDirectory() as folder:
        wanted, fixed = Path(folder) / "requirements.txt", Path(folder) / "constraints.txt"
        wanted.write_text(requirements, encoding="utf-8")
        # Else a requirement could put another build of PyTorch in the place of the one for this machine.
        versions = run([python, "-c", _VERSIONS], watch, what="asking for PyTorch's version", env=_environ())
        fixed.write_text(versions, encoding="utf-8")
        pip("installing ComfyUI's requirements", "--constraint", str(fixed), "--requirement", str(wanted), *UNNAMED)
    try:
        said = run([python, "-c", _DEVICE], watch, what="PyTorch", env=_environ())
    except Failed as error:
        raise BuildFailed(error.message, "--torch cpu, or another kind, makes the environment anew") from error
    version, device = said.rpartition("DEVICE ")[2].split()[:2]
    say(f"PyTorch {version} is there")
    if torch.kind != "cpu" and device == "cpu":
        say("  but it sees no graphics card: images would be made on the processor, which takes minutes for each")
    try:
        write_whole(environment / _MARK, json.dumps({"torch": torch.kind, "index": torch.index}).encode())
    except OSError as error:
        raise BuildFailed(f"can't write into {environment}: {error.strerror or error}") from error


def _environ() -> Mapping[str, str]:
    """Without what would lead this Python to other packages than its own."""
    left_out = {"PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "__PYVENV_LAUNCHER__"}
    return {**{name: value for name, value in os.environ.items() if name not in left_out}, "PYTHONNOUSERSITE": "1"}
