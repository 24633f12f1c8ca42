"""A ComfyUI that somebody set up without us: is a folder one, which Python runs it, which does comfy-cli know."""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from imagegen.backends.comfyui.install.wanted import path
from imagegen.errors import WrongInput

ENVIRONMENTS = (".venv", "venv", "env")
PORTABLE = "../python_embeded/python.exe"
"""Where ComfyUI's portable package for Windows has its Python; the folder is spelled so."""


def is_comfyui(folder: Path) -> bool:
    """Whether what makes a ComfyUI is there."""
    return (folder / "main.py").is_file() and (folder / "comfy").is_dir()


def python_in(environment: Path) -> Path:
    """The interpreter of a virtual environment. Links are not followed: the path is what makes it one."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def python_for(folder: Path, named: str) -> Path:
    """The Python that runs the ComfyUI in ``folder``: ``named`` (a program or an environment's folder), else the
    environment in the folder. Raises WrongInput."""
    if named:
        place = path(named).absolute()
        found = python_in(place) if place.is_dir() else place
        if not found.is_file():
            raise WrongInput(f"--python {named}: there is no such program")
        return found
    ours = sorted(one.name for one in folder.glob(".venv-*"))
    for python in (*(python_in(folder / name) for name in (*ENVIRONMENTS, *ours)), folder / PORTABLE):
        if python.is_file():
            return python
    raise WrongInput(
        f"which Python runs the ComfyUI in {folder}? There is no environment in it ({', '.join(ENVIRONMENTS)})",
        f"imagegen setup comfyui --dir {folder} --python PATH names the program, or the environment's folder",
    )


def comfy_cli_folder(environ: Mapping[str, str]) -> Path:
    """The workspace that comfy-cli starts: the default one, else the recent one. Raises WrongInput."""
    home = Path.home()
    if sys.platform == "win32":
        file = home / "AppData/Local/comfy-cli/config.ini"
    elif sys.platform == "darwin":
        file = home / "Library/Application Support/comfy-cli/config.ini"
    else:
        file = home / ".config/comfy-cli/config.ini"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        parser.clear()
    for key in ("default_workspace", "recent_workspace"):
        text = parser.defaults().get(key, "").strip()
        if text and is_comfyui(path(text)):
            return path(text)
    raise WrongInput(f"comfy-cli knows no ComfyUI here ({file})", "--dir FOLDER names it")
