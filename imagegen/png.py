"""PNG files: is it a whole one, the text in it, the digest of its pixels.

Chunks are walked here and not by Pillow, which loads and verifies a file that is one byte short,
and decodes the whole picture to read its text. Format: https://www.w3.org/TR/png-3/
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
HEADER_SIZE = 33
"""Bytes up to the end of IHDR; our record is the chunk that follows it."""

MAX_PIXELS = 178_956_970
"""More than this many pixels are not decoded (a quarter of a gigabyte as RGB, Pillow's own bound)."""

# What decides how a picture looks; the rest (text, times, thumbnails) may change from run to run.
PICTURE_CHUNKS = frozenset(
    {
        b"IHDR",
        b"PLTE",
        b"IDAT",
        b"IEND",
        b"tRNS",
        b"gAMA",
        b"cHRM",
        b"sRGB",
        b"iCCP",
        b"sBIT",
        b"pHYs",
        b"cICP",
        b"mDCV",
        b"cLLI",
        b"acTL",
        b"fcTL",
        b"fdAT",
    }
)
TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})


class NotWhole(ValueError):
    """Not a whole PNG; the message says what it is instead."""


@dataclass(frozen=True)
class Chunk:
    """One chunk: its four-letter kind and its data, without length and CRC."""

    kind: bytes
    data: bytes

    def encoded(self) -> bytes:
        crc = zlib.crc32(self.data, zlib.crc32(self.kind))
        return struct.pack(">I", len(self.data)) + self.kind + self.data + struct.pack(">I", crc)


def what_is(head: bytes) -> str:
    """What a file that is no PNG is, from its first bytes."""
    if not head:
        return "an empty file"
    if head.startswith(b"version https://git-lfs"):
        return "a git-lfs pointer: run `git lfs pull`"
    kinds = {
        b"\xff\xd8\xff": "a JPEG",
        b"GIF8": "a GIF",
        b"BM": "a BMP",
        b"<!DOCTYPE": "an HTML page",
        b"<html": "an HTML page",
        b"{": "JSON text",
        b"<svg": "an SVG",
    }
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a WebP"
    for start, name in kinds.items():
        if head.startswith(start):
            return name
    return "not a PNG"


def chunks(data: bytes) -> Iterator[Chunk]:
    """Walk a PNG from its signature to IEND, checking every length and CRC. Raises NotWhole."""
    if not data.startswith(SIGNATURE):
        cut = data and SIGNATURE.startswith(data)
        raise NotWhole("cut off" if cut else what_is(data[:64]))
    at, first, has_pixels = len(SIGNATURE), True, False
    while True:
        if at + 12 > len(data):
            raise NotWhole("cut off")
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            raise NotWhole("cut off")
        body = data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack_from(">I", data, at + 8 + length)
        if crc != zlib.crc32(body, zlib.crc32(kind)):
            raise NotWhole(f"damaged: its {kind.decode('latin-1')} chunk has a wrong checksum")
        if first and (kind != b"IHDR" or length != 13):
            raise NotWhole("damaged: it does not begin with its header")
        first = False
        has_pixels = has_pixels or kind == b"IDAT"
        yield Chunk(kind, body)
        at += 12 + length
        if kind == b"IEND":
            break
    if not has_pixels:
        raise NotWhole("damaged: it has no pixels")


def size_of(header: Chunk) -> tuple[int, int]:
    """Width and height in pixels, from the IHDR chunk."""
    width, height = struct.unpack_from(">II", header.data)
    return width, height


def text_chunk(keyword: str, text: str, international: bool = False) -> Chunk:
    """``text`` as tEXt where Latin-1 can hold it, else (or when asked) as iTXt in UTF-8."""
    if not international:
        try:
            return Chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + text.encode("latin-1"))
        except UnicodeEncodeError:
            pass  # iTXt holds every letter
    return Chunk(b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode())


MAX_TEXT = 8 * 1024 * 1024
"""Compressed text is not inflated past this many bytes."""


def text_of(chunk: Chunk) -> tuple[str, str]:
    """Keyword and text of a text chunk. Raises NotWhole where it is malformed."""
    keyword, separator, rest = chunk.data.partition(b"\0")
    try:
        if not separator:
            raise ValueError("no keyword")
        if chunk.kind == b"tEXt":
            return keyword.decode("latin-1"), rest.decode("latin-1")
        if chunk.kind == b"zTXt":
            return keyword.decode("latin-1"), _inflate(rest[1:]).decode("latin-1")
        compressed, _method, rest = rest[0], rest[1], rest[2:]
        _language, _, rest = rest.partition(b"\0")
        _translated, _, rest = rest.partition(b"\0")
        return keyword.decode("latin-1"), (_inflate(rest) if compressed else rest).decode()
    except (ValueError, IndexError, zlib.error) as error:
        raise NotWhole(f"damaged: its text can't be read ({error})") from error


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    text = inflater.decompress(data, MAX_TEXT)
    if inflater.unconsumed_tail:
        raise ValueError("too long")
    return text


def rebuilt(parts: Iterable[Chunk], texts: Iterable[Chunk]) -> bytes:
    """A PNG of ``parts`` with ``texts`` right after the header."""
    out = [SIGNATURE]
    for part in parts:
        out.append(part.encoded())
        if part.kind == b"IHDR":
            out.extend(text.encoded() for text in texts)
    return b"".join(out)


def picture_only(parts: Iterable[Chunk]) -> list[Chunk]:
    """The chunks that decide how the picture looks, without text, times and the like."""
    return [part for part in parts if part.kind in PICTURE_CHUNKS]


def data_digest(parts: Iterable[Chunk]) -> str:
    """SHA-256 of the compressed pixels as they are: a quick first look, equal bytes are equal pixels."""
    found = hashlib.sha256()
    for part in parts:
        if part.kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT"):
            found.update(part.kind + part.data)
    return found.hexdigest()


def pixel_digest(data: bytes) -> str:
    """SHA-256 of size and RGBA pixels: the same whatever the compression, mode or chunks.

    Raises NotWhole where the pixels can't be decoded.
    """
    import io

    from PIL import Image, UnidentifiedImageError

    if len(data) < HEADER_SIZE:
        raise NotWhole("cut off")
    width, height = struct.unpack_from(">II", data, 16)
    if width * height > MAX_PIXELS:
        raise NotWhole(f"{width} × {height} pixels, too large to look at")
    _check_all_pixels_there(data)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            deep = image.mode.startswith("I")  # 16 bits of grey, of which RGBA would keep 8
            pixels = (image if deep else image.convert("RGBA")).tobytes()
    except UnidentifiedImageError as error:  # its own words are an address in memory
        raise NotWhole("damaged: its pixels can't be decoded") from error
    except (OSError, SyntaxError, ValueError, EOFError, zlib.error, MemoryError) as error:
        raise NotWhole(f"damaged: its pixels can't be decoded ({error})") from error
    found = hashlib.sha256(f"{width}x{height}\n".encode())
    found.update(pixels)
    return found.hexdigest()


_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples a pixel, by colour type."""

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, and the steps, of each pass of an interlaced picture (PNG specification, 8.1)."""


def _check_all_pixels_there(data: bytes) -> None:
    """Pillow fills rows that a complete but too short stream lacks with black, and says nothing.
    Raises NotWhole."""
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    bits = depth * _CHANNELS.get(colour, 1)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    wanted = 0
    for left, top, across, down in passes:
        columns, rows = (width - left + across - 1) // across, (height - top + down - 1) // down
        if columns > 0 and rows > 0:
            wanted += rows * (1 + (columns * bits + 7) // 8)
    packed = b"".join(part.data for part in chunks(data) if part.kind == b"IDAT")
    try:
        found = len(zlib.decompressobj().decompress(packed, wanted + 1))
    except zlib.error as error:
        raise NotWhole(f"damaged: its pixels can't be decoded ({error})") from error
    if found < wanted:
        raise NotWhole("damaged: it has fewer pixels than its header says")


def texts_in(parts: Iterable[Chunk]) -> Mapping[str, str]:
    """All text in the picture, keyword to text; the first of a keyword counts."""
    found: dict[str, str] = {}
    for part in parts:
        if part.kind in TEXT_CHUNKS:
            keyword, text = text_of(part)
            found.setdefault(keyword, text)
    return found
