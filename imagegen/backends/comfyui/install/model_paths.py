"""``model_paths`` of the manifest as ComfyUI's extra_model_paths.yaml.

Only kinds that hold models are taken (the schema lists them): ComfyUI runs what lies in ``custom_nodes``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from imagegen.backends.comfyui.install.wanted import path
from imagegen.files import write_whole

FILE = "extra_model_paths.yaml"
MARK = "# Written by imagegen from backends.comfyui.model_paths; changes made here are lost."


def content(paths: Mapping[str, Sequence[str]], project: Path) -> str:
    """The file's text: each kind with its folders, one a line, relative ones counted from the project."""
    lines = [MARK, "imagegen:"]
    for kind, folders in paths.items():
        whole = [str((project / path(folder)).absolute()) for folder in folders]
        lines.append(f'  {kind}: "{_escaped(chr(10).join(whole))}"')
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """For YAML's double quotes, in ASCII, whatever a folder is called."""
    plain = {chr(number) for number in range(ord(" "), ord("~") + 1)} - {'"', "\\"}
    return "".join(letter if letter in plain else f"\\U{ord(letter):08x}" for letter in text)


def place(paths: Mapping[str, Sequence[str]], project: Path, file: Path) -> bool | None:
    """Bring ``file`` to what ``paths`` say; whether it was changed, None where it is somebody else's.

    Raises OSError.
    """
    try:
        there = file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        there = ""
    if there and not there.startswith(MARK):
        return None
    wanted = content(paths, project) if paths else ""
    if there == wanted:
        return False
    if wanted:
        write_whole(file, wanted.encode())
    else:
        file.unlink()
    return True
