"""Model files in folders of this machine: which there are, and where one is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from imagegen.backends.base import ModelsFolder

ENDINGS = frozenset({".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".bin", ".pth", ".pkl", ".gguf"})
"""What ComfyUI takes for a model; no other file of a model folder is ever looked at."""


NAMED_BY = {"checkpoints": "checkpoint_paths", "loras": "lora_paths"}
"""For each kind the key of the settings block that names folders of it."""

OTHER_NAMES = {
    "text_encoders": ("clip",),
    "clip": ("text_encoders",),
    "diffusion_models": ("unet",),
    "unet": ("diffusion_models",),
}
"""Kinds that ComfyUI looks for in each other's folders: folder_paths.py, 0.3.64."""


def folders(settings: Mapping[str, Any], project: Path, installed: Sequence[Path], kind: str) -> Sequence[ModelsFolder]:
    """Where models of a kind are looked for: in the ComfyUIs that were set up on this machine, then where the
    block's ``model_paths`` (a folder, or several, for each kind), ``checkpoint_paths`` and ``lora_paths`` say."""
    kinds = (kind, *OTHER_NAMES.get(kind, ()))
    found = [ModelsFolder(place / "models" / one, noted=True) for place in installed for one in kinds]
    given = settings.get("model_paths", {})
    named = [folder for one in kinds if one in given for folder in _several(given[one])]
    named += settings.get(NAMED_BY.get(kind, ""), ())
    return [*found, *(ModelsFolder(project / os.path.expanduser(folder)) for folder in named)]  # noqa: PTH111


def _several(value: Any) -> Sequence[str]:
    return [value] if isinstance(value, str) else list(value)


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
