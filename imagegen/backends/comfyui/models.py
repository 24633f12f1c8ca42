"""Model files in folders of this machine: which there are, and where one is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

ENDINGS = frozenset({".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".bin", ".pth", ".pkl", ".gguf"})
"""What ComfyUI takes for a model; no other file of a model folder is ever looked at."""


def same_name(name: str) -> str:
    """A key under which the spellings of Windows (``\\``) and others (``/``) are one."""
    return name.replace("\\", "/")


def find(folders: Sequence[Path], name: str) -> Path | None:
    """The model file ``name`` (folders joined by ``/``) in the first of ``folders`` that has it."""
    parts = PurePosixPath(same_name(name))
    if parts.is_absolute() or ".." in parts.parts or parts.suffix.lower() not in ENDINGS:
        return None
    for folder in folders:
        path = folder / parts
        if path.is_file():
            return path
    return None


def names(folders: Sequence[Path]) -> Iterator[str]:
    """Every model file in ``folders`` and below, links followed, as ComfyUI lists them but with ``/``."""
    for folder in folders:
        seen: set[str] = set()
        for place, below, files in os.walk(folder, followlinks=True):
            real = os.path.realpath(place)
            if real in seen:  # a link to a folder above
                below.clear()
                continue
            seen.add(real)
            for file in sorted(files):
                path = Path(place, file)
                if path.suffix.lower() in ENDINGS:
                    yield path.relative_to(folder).as_posix()
