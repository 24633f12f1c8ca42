"""Pictures as people leave them: edited, drawn elsewhere, cut off; and what is written in one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def edit(path: Path) -> bytes:
    """Change one pixel, as a person would in a program that keeps the picture's texts; the new bytes."""
    with Image.open(path) as image:
        image.load()
        kept = PngImagePlugin.PngInfo()
        for keyword, text in getattr(image, "text", {}).items():
            kept.add_itxt(keyword, text)
        changed = image.convert("RGB")
        red, green, blue = changed.crop((3, 3, 4, 4)).tobytes()
        changed.putpixel((3, 3), (255 - red, green, blue))
        changed.save(path, pnginfo=kept)
    return path.read_bytes()


def draw(path: Path, colour: str = "teal", size: tuple[int, int] = (64, 64), **texts: str) -> bytes:
    """A picture of somebody else's, with ``texts`` in it; its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    info = PngImagePlugin.PngInfo()
    for keyword, text in texts.items():
        info.add_itxt(keyword, text)
    Image.new("RGB", size, colour).save(path, pnginfo=info)
    return path.read_bytes()


def cut_off(path: Path) -> bytes:
    """Only the first half of the file, as a full disk or a broken copy leaves it; its bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path.read_bytes()


def pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.convert("RGBA").tobytes()


def texts_of(path: Path) -> dict[str, str]:
    """The texts in a picture by keyword."""
    with Image.open(path) as image:
        image.load()
        return dict(getattr(image, "text", {}))


def record(path: Path) -> dict[str, Any]:
    """imagegen's record in a picture."""
    found = json.loads(texts_of(path)["imagegen"])
    assert isinstance(found, dict)
    return found


def seed(path: Path) -> int:
    """The seed that a picture was made with."""
    return int(record(path)["recipe"]["seed"])
