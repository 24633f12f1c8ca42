"""Small versions of pictures, made once and kept under ``.imagegen/thumbnails/``."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from imagegen.files import STATE, write_quickly

SIZE = 320
"""Pixels of the longer side."""

KIND = "webp"
_LARGEST = 256 * 1024 * 1024
"""Pixels of a picture from which none is made: it would take a gigabyte to look at."""


def thumbnail(project: Path, path: Path, size: int = SIZE) -> Path | None:
    """The small version (WebP) of the picture at ``path``, made now if it is not there; None where the file is no
    picture that can be looked at. It is known by the file's name, length and time. Raises OSError."""
    state = path.stat()
    of = f"{os.path.realpath(path)}\n{state.st_size}\n{state.st_mtime_ns}\n{size}"
    name = hashlib.sha256(of.encode("utf-8", "surrogatepass")).hexdigest()
    small = project / STATE / "thumbnails" / name[:2] / f"{name[2:26]}.{KIND}"
    if not small.is_file():
        data = drawn(path, size)
        if data is None:
            return None
        small.parent.mkdir(parents=True, exist_ok=True)
        write_quickly(small, data)
    return small


def drawn(path: Path, size: int = SIZE) -> bytes | None:
    """The bytes of the small version; None where the file is no picture that can be looked at. Raises OSError."""
    import io

    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP", "GIF")) as picture:
            if picture.width * picture.height > _LARGEST:
                return None
            picture.draft("RGB", (size * 2, size * 2))
            mode = "RGBA" if "A" in picture.getbands() or "transparency" in picture.info else "RGB"
            small = picture.convert(mode)
            small.thumbnail((size, size), reducing_gap=2.0)
    except (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError, EOFError):
        return None
    except OSError as error:
        if error.errno is None:  # Pillow's own: the picture is cut off
            return None
        raise
    out = io.BytesIO()
    small.save(out, KIND, quality=82, method=3)
    return out.getvalue()
