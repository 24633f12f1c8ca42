"""What the nodes of a graph hand on: sizes and keys instead of tensors, so that every class costs nothing.

A node is run by the types of what it gives (`/object_info`), not by its name; only those that make pictures
of one colour, read files or change a size are known by name. So a graph of any of ComfyUI's classes runs here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .comfyui_pictures import Picture, of_file
from .comfyui_sizes import Size, in_cells, size_of

Pictures = tuple[Picture, ...]


@dataclass(frozen=True)
class Latent:
    """A batch of latent images: the size is in pixels."""

    width: int
    height: int
    batch: int


@dataclass(frozen=True)
class Sigmas:
    """A schedule of so many steps."""

    steps: int


def steps_of(info: dict[str, Any], inputs: dict[str, Any]) -> int:
    """The steps for which a sampling node reports progress; 0 for other nodes."""
    if "LATENT" not in info["output"]:
        return 0
    for value in inputs.values():
        if isinstance(value, Sigmas):
            return value.steps
    steps = inputs.get("steps")
    if not isinstance(steps, int):
        return 0
    return max(min(inputs.get("end_at_step", steps), steps) - inputs.get("start_at_step", 0), 0)


def batch_of(inputs: dict[str, Any]) -> int:
    """How many pictures a node works on at once."""
    sizes = [value.batch for value in inputs.values() if isinstance(value, Latent)]
    return max(sizes, default=int(inputs.get("batch_size") or 1))


def run(info: dict[str, Any], inputs: dict[str, Any], key: str, read: Callable[[str], bytes]) -> list[Any]:
    """A node's outputs. `inputs`: links resolved; `key` decides the pixels; `read` opens an uploaded file."""
    if info["name"] == "GetImageSize":
        first = inputs["image"][0]
        return [first.width, first.height, len(inputs["image"])]
    kinds = enumerate(info["output"])
    return [_output(info["name"], kind, inputs, f"{key}:{slot}", read) for slot, kind in kinds]


def _output(name: str, kind: Any, inputs: dict[str, Any], key: str, read: Callable[[str], bytes]) -> Any:
    if kind == "LATENT":
        size, batch = _size(name, inputs)
        return Latent(*in_cells(name, size), batch)
    if kind == "SIGMAS":
        return _sigmas(inputs)
    if kind != "IMAGE":
        return inputs["value"] if name.startswith("Primitive") else key
    if name == "EmptyImage":
        batch = int(inputs["batch_size"])
        return (Picture(inputs["width"], inputs["height"], colour=inputs["color"]),) * batch
    if name.startswith("LoadImage"):
        return (of_file(read(inputs["image"])),)
    size, batch = _size(name, inputs)
    return tuple(Picture(*size, f"{key}:{number}") for number in range(batch))


def _sigmas(inputs: dict[str, Any]) -> Sigmas:
    given = next((value.steps for value in inputs.values() if isinstance(value, Sigmas)), 1)
    return Sigmas(_whole(inputs.get("steps"), given))


def _size(name: str, inputs: dict[str, Any]) -> tuple[Size, int]:
    """A size and a batch: the node's own, else those of the first image or latent that it is given."""
    size, batch = Size(64, 64), batch_of(inputs)
    for value in inputs.values():
        if isinstance(value, Latent):
            size, batch = Size(value.width, value.height), value.batch
            break
        if isinstance(value, tuple) and value:
            size, batch = Size(value[0].width, value[0].height), len(value)
            break
    return size_of(name, inputs, size), batch


def _whole(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and value > 0 else otherwise
