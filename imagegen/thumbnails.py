"""Small versions of pictures, made once and kept under ``.imagegen/thumbnails/``."""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import threading
from pathlib import Path

from imagegen import own_folder
from imagegen.files import STATE, write_quickly

SIZE = 320
"""Pixels of the longer side."""

SIZES = (SIZE, 640, 1280)
"""The sizes a browser may choose from: for a small place, a large one, and a large one on a fine screen."""

KIND = "webp"
_LARGEST = 256 * 1024 * 1024
"""Pixels of a picture from which none is made: it would take a gigabyte to look at."""

_LARGE = 16 * 1024 * 1024
_AT_ONCE, _LARGE_ONES = threading.BoundedSemaphore(os.cpu_count() or 1), threading.Lock()
"""Pixels from which on pictures are looked at one after another: forty at once, as a page asks for them, would take all
of the memory."""

_BROKEN = (
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    ArithmeticError,
    MemoryError,
    struct.error,
)
"""What Pillow raises beside its own errors for a file that is not what it says."""


def thumbnail(project: Path, path: Path, size: int = SIZE) -> Path | None:
    """The small version (WebP) of the picture at ``path``, made now if it is not there; None where the file is no
    picture that can be looked at. It is known by the file's name, length and time. Raises OSError."""
    state = path.stat()
    of = f"{os.path.realpath(path)}\n{state.st_size}\n{state.st_mtime_ns}\n{size}"
    name = hashlib.sha256(of.encode("utf-8", "surrogatepass")).hexdigest()
    small = project / STATE / "thumbnails" / name[:2] / f"{name[2:26]}.{KIND}"
    if not own_folder.stays(project, "thumbnails", small):
        raise OSError(f"{small.parent} leads elsewhere by a link")
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
    import warnings

    from PIL import Image, UnidentifiedImageError

    warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # how large is too large is said here
    try:
        with Image.open(path, formats=("PNG", "JPEG", "WEBP", "GIF")) as picture:
            pixels = picture.width * picture.height
            if pixels > _LARGEST:
                return None
            with _LARGE_ONES if pixels > _LARGE else contextlib.nullcontext(), _AT_ONCE:
                picture.draft("RGB", (size * 2, size * 2))
                mode = "RGBA" if "A" in picture.getbands() or "transparency" in picture.info else "RGB"
                whole = picture if picture.mode == mode else picture.convert(mode)  # not twice the memory
                whole.thumbnail((size, size), reducing_gap=2.0)
                small = whole.copy()
    except (UnidentifiedImageError, Image.DecompressionBombError, *_BROKEN):
        return None
    except OSError as error:
        if error.errno is None:  # Pillow's own: the picture is cut off
            return None
        raise
    out = io.BytesIO()
    small.save(out, KIND, quality=82, method=3)
    return out.getvalue()
