"""What the nodes of a graph hand on: sizes and keys instead of tensors, so that every class costs nothing.

A node is run by the types of what it gives (`/object_info`), not by its name; only those that make pictures
of one colour or read files are known by name. So a graph of any of ComfyUI's classes runs here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .comfyui_pictures import Picture, of_file

_LATENT_PIXELS = 8  # SD's autoencoder: one latent cell is 8×8 pixels

Pictures = tuple[Picture, ...]


@dataclass(frozen=True)
class Latent:
    """A batch of latent images: the size is in pixels."""

    width: int
    height: int
    batch: int


def samples(info: dict[str, Any], inputs: dict[str, Any]) -> bool:
    """Whether this is a sampling node: it reports progress for each of its steps."""
    return "LATENT" in info["output"] and isinstance(inputs.get("steps"), int)


def batch_of(inputs: dict[str, Any]) -> int:
    """How many pictures a node works on at once."""
    sizes = [value.batch for value in inputs.values() if isinstance(value, Latent)]
    return max(sizes, default=int(inputs.get("batch_size") or 1))


def run(info: dict[str, Any], inputs: dict[str, Any], key: str, read: Callable[[str], bytes]) -> list[Any]:
    """A node's outputs. `inputs`: links resolved; `key` decides the pixels; `read` opens an uploaded file."""
    kinds = enumerate(info["output"])
    return [_output(info["name"], kind, inputs, f"{key}:{slot}", read) for slot, kind in kinds]


def _output(name: str, kind: str, inputs: dict[str, Any], key: str, read: Callable[[str], bytes]) -> Any:
    if kind == "LATENT":
        return _latent(inputs)
    if kind != "IMAGE":
        return key
    if name == "EmptyImage":
        batch = int(inputs["batch_size"])
        return (Picture(inputs["width"], inputs["height"], colour=inputs["color"]),) * batch
    if name.startswith("LoadImage"):
        return (of_file(read(inputs["image"])),)
    return _images(inputs, key)


def _latent(inputs: dict[str, Any]) -> Latent:
    width, height, batch = _size(inputs)
    cell = _LATENT_PIXELS
    return Latent(max(width // cell, 1) * cell, max(height // cell, 1) * cell, batch)


def _images(inputs: dict[str, Any], key: str) -> Pictures:
    width, height, batch = _size(inputs)
    return tuple(Picture(width, height, f"{key}:{number}") for number in range(batch))


def _size(inputs: dict[str, Any]) -> tuple[int, int, int]:
    """Width, height and batch: the node's own, else those of the first image or latent that it is given."""
    width, height, batch = 64, 64, batch_of(inputs)
    for value in inputs.values():
        if isinstance(value, Latent):
            width, height, batch = value.width, value.height, value.batch
            break
        if isinstance(value, tuple) and value:
            width, height, batch = value[0].width, value[0].height, len(value)
            break
    return _whole(inputs.get("width"), width), _whole(inputs.get("height"), height), batch


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and value > 0 else otherwise
