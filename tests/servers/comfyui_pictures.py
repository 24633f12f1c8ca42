"""Pictures that cost nothing: real PNGs whose pixels follow from a key or a colour."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BLOCK = 8  # pixels; noise in blocks compresses fast and still differs visibly


@dataclass(frozen=True)
class Picture:
    """One RGB picture, not yet drawn: of one `colour` (0xRRGGBB), or of noise that follows from `key`."""

    width: int
    height: int
    key: str = ""
    colour: int | None = None


def encode(picture: Picture, texts: Mapping[str, str] | None = None) -> bytes:
    """The picture as PNG, with `texts` (Latin-1) as tEXt chunks before the pixels, as ComfyUI has it."""
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    notes = (_chunk(b"tEXt", f"{key}\0{text}".encode("latin-1")) for key, text in (texts or {}).items())
    return b"".join([_SIGNATURE, _chunk(b"IHDR", header), *notes, _pixels(picture), _chunk(b"IEND", b"")])


def of_file(data: bytes) -> Picture:
    """The picture that stands for an uploaded file: its size, and noise that follows from its bytes."""
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
    return Picture(width, height, hashlib.sha256(data).hexdigest())


@lru_cache(maxsize=1)
def small_jpeg() -> bytes:
    """A thumbnail such as a server with `--preview-method` sends while it samples."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (90, 90, 120)).save(buffer, "JPEG")
    return buffer.getvalue()


def with_bad_crc(png: bytes) -> bytes:
    """The PNG with one bit of its first IDAT's checksum turned."""
    start = png.index(b"IDAT") - 4
    (size,) = struct.unpack(">I", png[start : start + 4])
    at = start + 8 + size
    return png[:at] + bytes([png[at] ^ 1]) + png[at + 1 :]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@lru_cache(maxsize=256)
def _pixels(picture: Picture) -> bytes:
    if picture.colour is not None:
        rows = (b"\0" + picture.colour.to_bytes(3, "big") * picture.width) * picture.height
    else:
        rows = _noise(picture.width, picture.height, picture.key)
    return _chunk(b"IDAT", zlib.compress(rows, 1))


def _noise(width: int, height: int, key: str) -> bytes:
    across, down = -(-width // _BLOCK), -(-height // _BLOCK)
    noise = hashlib.shake_256(key.encode()).digest(across * down * 3)
    rows = []
    for top in range(0, len(noise), across * 3):
        blocks = (noise[at : at + 3] * _BLOCK for at in range(top, top + across * 3, 3))
        rows.append((b"\0" + b"".join(blocks)[: width * 3]) * _BLOCK)
    return b"".join(rows)[: height * (1 + width * 3)]
