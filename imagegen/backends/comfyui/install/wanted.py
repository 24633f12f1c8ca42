"""What is to be set up: the manifest's ``backends.comfyui.install`` and the command line's wishes, as one value.

Nothing is looked at here but names. Only addresses that git reads by https, ssh or from this disk are taken:
git knows others that run a program (``ext::``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from imagegen.errors import Problem, WrongInput
from imagegen.files import inside

REPOSITORY = "https://github.com/Comfy-Org/ComfyUI"
WELL_KNOWN = frozenset({"github.com/comfy-org/comfyui", "github.com/comfyanonymous/comfyui"})
"""ComfyUI's own homes; any other repository wants --yes, because its code will run here."""
DIR = "tools/ComfyUI"
BLOCK = "backends.comfyui.install"
COMFY_CLI = "comfy-cli"
"""As --dir: the folder that comfy-cli has for its own."""

_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+@-]*")
_SCP = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?![/\\]{2})[^\s:]+")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True)
class Wanted:
    """``folder`` is absolute; ``named`` says that it was named on the command line. ``ref`` may be empty: the
    repository's own newest state. ``torch`` may be empty: what was there before, else found out; ``torch_index``
    too: PyTorch's own. ``existing`` says that nothing is to be cloned."""

    repository: str
    ref: str
    folder: Path
    named: bool = False
    update: bool = False
    torch: str = ""
    torch_index: str = ""
    python: str = ""
    yes: bool = False
    existing: bool = False

    @property
    def is_well_known(self) -> bool:
        parts = urlsplit(self.repository)
        place = f"{parts.hostname}{parts.path}" if parts.scheme == "https" else ""
        return place.lower().rstrip("/").removesuffix(".git") in WELL_KNOWN


def asked_for(settings: Mapping[str, Any], project: Path, wishes: Mapping[str, Any]) -> Wanted:
    """``settings`` is the checked ``backends.comfyui`` block; the command line wins. Raises WrongInput."""
    install = settings.get("install", {})
    named = wishes.get("dir")
    folder = path(named) if named else project / path(install.get("dir") or DIR)
    return Wanted(
        repository=repository(str(install.get("repository") or REPOSITORY), project),
        ref=ref(str(wishes["ref"]), "--ref")
        if wishes.get("ref")
        else ref(str(install.get("ref") or ""), f"{BLOCK}.ref"),
        folder=folder.absolute(),
        named=bool(named),
        update=bool(wishes.get("update")),
        torch=str(wishes.get("torch") or ""),
        torch_index=_index(str(wishes.get("torch_index") or "")),
        python=str(wishes.get("python") or ""),
        yes=bool(wishes.get("yes")),
        existing=bool(wishes.get("existing")),
    )


def path(text: str) -> Path:
    """A path as somebody types it; ``~nobody/x`` of a user that is not known stays as it is."""
    return Path(os.path.expanduser(text))  # noqa: PTH111  (Path's own way raises for that)


def check_place(one: Wanted, project: Path) -> None:
    """A manifest may have nothing written outside its project. Raises WrongInput."""
    if not one.named and not inside(project, one.folder):
        raise WrongInput(
            [
                Problem(
                    f"{one.folder} lies outside the project",
                    f"{BLOCK}.dir",
                    hint=f"if that is meant, name it: imagegen setup comfyui --dir {one.folder}",
                )
            ]
        )


def repository(text: str, project: Path) -> str:
    """The address as git is to have it; a path counts from the project. Raises WrongInput."""

    def wrong(message: str, hint: str = "an https:// or ssh:// address, or a folder of this disk") -> WrongInput:
        return WrongInput([Problem(message, f"{BLOCK}.repository", hint=hint)])

    if re.search(r"[\x00-\x20\x7f]", text) and not _is_path(text):
        raise wrong("holds a blank or a control character")
    if text.startswith("-"):
        raise wrong("looks like an option of git's")
    if "::" in text:
        raise wrong("names a helper program of git's")
    if "://" in text:
        parts = urlsplit(text)
        if parts.scheme not in ("https", "ssh") or not parts.hostname or parts.hostname.startswith("-"):
            raise wrong("is no address that is cloned from")
        if parts.password or (parts.scheme == "https" and parts.username):
            raise wrong("holds a password or token", "git asks your credential helper (git help credentials)")
        return text
    if _is_path(text):
        place = path(text)
        return str(place if place.is_absolute() or _DRIVE.match(text) else (project / place).absolute())
    if _SCP.fullmatch(text):
        return text
    if ":" in text:
        raise wrong("is no address that is cloned from")
    return str((project / text).absolute())


def _is_path(text: str) -> bool:
    return text.startswith(("/", ".", "~", "\\")) or _DRIVE.match(text) is not None


def _index(text: str) -> str:
    """The address of an index for pip. Raises WrongInput."""
    if text and not re.fullmatch(r"(?:https?|file)://\S+", text):
        raise WrongInput(f"--torch-index {text}: no address of an index", "for example https://pypi.org/simple")
    return text


def ref(text: str, where: str) -> str:
    """A tag, a branch or a commit. Raises WrongInput for what git could take for something else."""
    if text and (not _REF.fullmatch(text) or ".." in text or "@{" in text or text.endswith((".lock", "/", "."))):
        raise WrongInput([Problem("is no name of a tag, branch or commit", where, hint="for example v0.3.64")])
    return text
