"""What can come down in place of a picture: a part of it, something else, or a bomb of pixels."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image

from imagegen import png
from tests.faults.mischief import Answer, Sent
from tests.servers.comfyui_faults import HTML_PAGE
from tests.servers.comfyui_pictures import Picture, encode, with_bad_crc

Spoil = Callable[[Answer], Sent]
SIDE = 50_000  # pixels; a picture of that many squared takes 2.5 GB in memory


def cut(to: Callable[[int], int], how: str) -> Spoil:
    """The picture's first bytes, as far as `to` says, given its length."""

    def spoil(answer: Answer) -> Sent:
        length = len(answer.body)
        part = Answer(answer.status, answer.headers, answer.body[: to(length)])
        if how == "announced-whole":
            return Sent(part.raw(Content_Length=str(length)), cut=True)
        if how == "announced-cut":
            return Sent(part.raw())
        if how == "not-announced":
            return Sent(part.raw(Connection="close"), cut=True)
        chunk = b"%x\r\n%b\r\n" % (len(part.body), part.body)
        end = b"0\r\n\r\n" if how == "in-chunks" else b""
        whole = Answer(answer.status, answer.headers, chunk + end)
        return Sent(whole.raw(Transfer_Encoding="chunked"), cut=not end)

    return spoil


def other(body: Callable[[bytes], bytes], kind: str = "image/png") -> Spoil:
    """Something else, in an answer that is in order."""
    return lambda answer: Sent(Answer(200, {"Content-Type": kind}, body(answer.body)).raw())


def empty_of(width: int, height: int) -> bytes:
    """A whole greyscale PNG of black pixels, made without ever having them."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    size, block = height * (width + 1), 1 << 20
    flat = zlib.compressobj(9, wbits=-15)
    first = flat.compress(bytes(block)) + flat.flush(zlib.Z_FULL_FLUSH)
    rest = flat.compress(bytes(size % block)) + flat.flush()
    checksum = struct.pack(">I", (size % 65521) << 16 | 1)  # Adler-32 of so many zeros
    packed = b"\x78\xda" + first * (size // block) + rest + checksum
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


LENGTHS: dict[str, Callable[[int], int]] = {
    "one-byte": lambda length: 1,
    "half": lambda length: length // 2,
    "one-byte-short": lambda length: length - 1,
}
# A name is the item's too, and so its picture's: small letters and hyphens.
FRAMINGS = ("announced-whole", "announced-cut", "not-announced", "in-chunks", "in-chunks-without-an-end")
PASSING: dict[str, Spoil] = {
    **{f"{part}-{how}": cut(to, how) for part, to in LENGTHS.items() for how in FRAMINGS},
    "a-page": other(lambda _: HTML_PAGE.encode(), "text/html"),
    "a-page-called-a-picture": other(lambda _: HTML_PAGE.encode()),
    "nothing": other(lambda _: b""),
    "a-bad-checksum": other(with_bad_crc),
    "a-jpeg": other(lambda _: _jpeg()),
    "garbage-after-a-good-start": other(lambda png: png[:40] + bytes(range(256)) * 4),
}
FINAL: dict[str, tuple[Spoil, str]] = {
    "the-wrong-size": (other(lambda _: encode(Picture(32, 40, "another"))), "32 × 40 pixels, 64 × 64 were asked for"),
    "a-header-of-many-pixels": (other(lambda data: _with_size(data, SIDE)), "50000 × 50000 pixels, 64 × 64"),
    "that-many-pixels": (other(lambda _: empty_of(SIDE, SIDE)), "50000 × 50000 pixels, 64 × 64 were asked for"),
    "pixels-that-are-none": (other(lambda data: _with_pixels(data, b"no zlib stream")), "no whole PNG"),
    "pixels-left-out": (other(lambda data: _with_pixels(data, _half_as_many(data))), "no whole PNG"),
    "pixels-that-break-off": (other(lambda data: _with_pixels(data, _packed(data)[:-9])), "no whole PNG"),
}


def _jpeg() -> bytes:
    kept = io.BytesIO()
    Image.new("RGB", (64, 64)).save(kept, "JPEG")
    return kept.getvalue()


def _with_size(data: bytes, side: int) -> bytes:
    """The picture with a header that says so many pixels each way, its checksum in order."""
    header = struct.pack(">II", side, side) + data[24:29]
    return data[:8] + _chunk(b"IHDR", header) + data[33:]


def _packed(data: bytes) -> bytes:
    """The compressed pixels."""
    return b"".join(chunk.data for chunk in png.chunks(data) if chunk.kind == b"IDAT")


def _half_as_many(data: bytes) -> bytes:
    """The upper half of the pixels, compressed, with nothing wrong but that the lower half is not there."""
    rows = zlib.decompress(_packed(data))
    return zlib.compress(rows[: len(rows) // 2])


def _with_pixels(data: bytes, packed: bytes) -> bytes:
    """The picture with these compressed pixels, every checksum in order."""
    others = [chunk.encoded() for chunk in png.chunks(data) if chunk.kind not in (b"IDAT", b"IEND")]
    return data[:8] + b"".join(others) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")
