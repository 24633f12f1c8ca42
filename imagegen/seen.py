"""What stands at a target: nothing, a picture of ours, somebody else's, or no picture at all.

``carries`` is the quick look that 10,000 fresh pictures get: 4 KB from the front, 12 bytes from the
back. ``look`` reads on until it knows; ``closely`` reads the whole file and checks every chunk.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from imagegen import png, record
from imagegen.png import NotWhole

A_FOLDER = "a folder"

_FRONT = 4096
_O_BINARY = getattr(os, "O_BINARY", 0)  # Windows translates line ends without it


class Kind(Enum):
    """What there is."""

    MISSING = "missing"
    OURS = "ours"
    FOREIGN = "foreign"
    DAMAGED = "damaged"


@dataclass(frozen=True)
class Seen:
    """``record`` for OURS; ``why`` says what a DAMAGED file is; ``edited`` only after a close look."""

    kind: Kind
    record: record.Record | None = None
    why: str = ""
    edited: bool = False
    data: bytes = b""


_PLAIN_FRONT = b'{"format":1,"idat":"'
_PLAIN_LENGTH = len(b'{"format":1,"idat":"","pixels":""') + 2 * 64
"""A record that holds nothing but the two digests before its recipe: made here, of no known content."""


def carried(root: str, targets: Sequence[str], recipes: Sequence[bytes]) -> list[bool]:
    """For each target whether it carries the plainest record there is of its recipe (canonical JSON).

    Targets count from ``root``, none is absolute. This is :func:`carries` written out for speed: a run with
    nothing to do spends its time here. False means only that a longer look is needed; a record with a known
    content needs one too.
    """
    opened, read, seek, close = os.open, os.read, os.lseek, os.close
    from_bytes, crc32 = int.from_bytes, zlib.crc32
    flags, end, end_size = os.O_RDONLY | _O_BINARY, png.END, -len(png.END)
    kind_at, text_at = png.HEADER_SIZE + 4, png.HEADER_SIZE + 8 + len(record.START)
    start, middle = b"iTXt" + record.START + _PLAIN_FRONT, b',"recipe":'
    front_size = text_at + _PLAIN_LENGTH
    recipe_at = front_size + len(middle)
    found: list[bool] = []
    add = found.append
    for target, recipe in zip(targets, recipes, strict=True):
        try:
            handle = opened(root + target, flags)
        except OSError:
            add(False)
            continue
        try:
            head = read(handle, _FRONT)
            seek(handle, end_size, 2)  # os.SEEK_END
            whole = read(handle, 12) == end
        except OSError:
            whole = False
        close(handle)
        stop = recipe_at + len(recipe) + 1
        add(
            whole
            and head[recipe_at : stop - 1] == recipe
            and head[front_size:recipe_at] == middle
            and head[stop - 1 : stop] == b"}"
            and from_bytes(head[33:37], "big") == stop - 41
            and head.startswith(start, kind_at)
            and from_bytes(head[stop : stop + 4], "big") == crc32(head[kind_at:stop])
            and head.startswith(png.SIGNATURE)
        )
    return found


def carries(path: str, ending: bytes, known: bytes = b"") -> bool:
    """Whether the file is a PNG that ends whole and whose record, first after the header, has this
    ending (:func:`imagegen.record.ending`). ``known`` is the canonical JSON of what is known here.

    False means only that a longer look is needed.
    """
    try:
        handle = os.open(path, os.O_RDONLY | _O_BINARY)
    except OSError:
        return False
    try:
        head = os.read(handle, _FRONT)
        (length,) = struct.unpack_from(">I", head, png.HEADER_SIZE) if len(head) > 64 else (0,)
        begin = png.HEADER_SIZE + 8
        if not length or head[begin - 4 : begin + len(record.START)] != b"iTXt" + record.START:
            return False
        stop = begin + length
        while len(head) < stop + 4:
            more = os.read(handle, stop + 4 - len(head))
            if not more:
                return False
            head += more
        if not head.startswith(png.SIGNATURE) or not head.endswith(ending, begin, stop):
            return False
        if int.from_bytes(head[stop : stop + 4], "big") != zlib.crc32(head[begin - 4 : stop]):
            return False
        rest = head[begin + len(record.START) : stop - len(ending)]
        # An adopted picture, a later format or another checkpoint's content want the longer look.
        if not rest.startswith(b'{"format":1,') or b'"made":' in rest:
            return False
        if known and b'"known":' in rest and b'"known":' + known not in rest:
            return False
        os.lseek(handle, -len(png.END), os.SEEK_END)
        return os.read(handle, len(png.END)) == png.END
    except OSError:
        return False
    finally:
        os.close(handle)


def look(path: Path) -> Seen:
    """What stands at ``path``, without reading its pixels."""
    try:
        with path.open("rb") as stream:
            head = stream.read(png.HEADER_SIZE)
            if not head.startswith(png.SIGNATURE) or len(head) < png.HEADER_SIZE or head[12:16] != b"IHDR":
                cut = bool(head) and png.SIGNATURE.startswith(head[:8])
                return Seen(Kind.DAMAGED, why="cut off" if cut else png.what_is(head + stream.read(64)))
            found: record.Record | None = None
            while True:
                front = stream.read(8)
                if len(front) < 8:
                    return Seen(Kind.DAMAGED, why="cut off")
                length, kind = struct.unpack(">I4s", front)
                if kind == b"IEND":
                    break
                if kind != b"iTXt" or found:
                    stream.seek(length + 4, os.SEEK_CUR)
                    continue
                body = stream.read(length)
                crc = stream.read(4)
                if len(body) < length or len(crc) < 4:
                    return Seen(Kind.DAMAGED, why="cut off")
                if int.from_bytes(crc, "big") != zlib.crc32(body, zlib.crc32(kind)):
                    return Seen(Kind.DAMAGED, why="damaged: its text has a wrong checksum")
                found = record.read(png.Chunk(kind, body)) if body.startswith(b"imagegen\0") else None
            if stream.read(4) != png.END[-4:]:
                return Seen(Kind.DAMAGED, why="cut off")
            return Seen(Kind.OURS if found else Kind.FOREIGN, found)
    except FileNotFoundError:
        return Seen(Kind.MISSING)
    except (NotWhole, record.FromTheFuture) as error:
        return Seen(Kind.DAMAGED, why=str(error))
    except OSError as error:
        why = A_FOLDER if path.is_dir() else f"it can't be read: {error.strerror or error}"
        return Seen(Kind.DAMAGED, why=why)


def closely(path: Path) -> Seen:
    """What stands at ``path``, every chunk checked, and whether its pixels are those we wrote."""
    first = look(path)
    if first.kind in (Kind.MISSING, Kind.DAMAGED):
        return first
    try:
        data = path.read_bytes()
        parts = list(png.chunks(data))
        edited = False
        if first.record and png.data_digest(parts) != first.record.idat:
            edited = png.pixel_digest(data) != first.record.pixels  # else only compressed anew
        return Seen(first.kind, first.record, edited=edited, data=data)
    except NotWhole as error:
        return Seen(Kind.DAMAGED, why=str(error))
    except OSError as error:
        return Seen(Kind.DAMAGED, why=f"it can't be read: {error.strerror or error}")
