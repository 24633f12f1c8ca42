"""Pictures that go into other pictures: references, and the picture that an image starts from.

Their pixels are part of the recipe, by digest, so a recipe is whole only when they are there. Where they
lie and what their files are called is not.
"""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from imagegen import png, record
from imagegen.items import Ingredient
from imagegen.png import NotWhole

FORMATS = ("PNG", "JPEG", "WEBP")
"""What may go into a picture: what every ComfyUI reads and the usual programs write."""


class NoPicture(ValueError):
    """A file that can't go into a picture; the message says what it is instead."""


def pixels(data: bytes) -> str:
    """``sha256:…`` of a picture's size and RGBA pixels, as :func:`imagegen.png.pixel_digest` counts them,
    turned as its EXIF says, since that is how ComfyUI's LoadImage reads it. Raises NoPicture."""
    if data.startswith(png.SIGNATURE):
        try:
            found = _as_recorded(data) or png.pixel_digest(data)
            if not any(_may_turn(part) for part in png.chunks(data)):
                return f"sha256:{found}"
        except NotWhole as error:
            raise NoPicture(str(error)) from error
    return "sha256:" + _decoded(data)


def _as_recorded(data: bytes) -> str | None:
    """What the record of a picture of ours says of its pixels, where they are as we wrote them: decoding
    takes ten times as long as reading."""
    parts = list(png.chunks(data))
    for part in parts[1:2]:  # our record stands right behind the header
        if part.kind == b"iTXt" and part.data.startswith(record.START):
            try:
                found = record.read(part)
            except (record.FromTheFuture, NotWhole):  # what its record says is no matter here
                return None
            if found is not None and png.data_digest(parts) == found.idat:
                return found.pixels
    return None


def _may_turn(part: png.Chunk) -> bool:
    """Whether a chunk of a PNG may say that the picture is to be turned; Pillow reads all three."""
    return part.kind == b"eXIf" or (
        part.kind in png.TEXT_CHUNKS and part.data.startswith((b"Raw profile type exif\0", b"XML:com.adobe.xmp\0"))
    )


def _decoded(data: bytes) -> str:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > png.MAX_PIXELS:
                raise NoPicture(f"it has {width} × {height} pixels, too many to look at")
            turned = ImageOps.exif_transpose(image)
            found = hashlib.sha256(f"{turned.width}x{turned.height}\n".encode())
            found.update(turned.convert("RGBA").tobytes())
            return found.hexdigest()
    except UnidentifiedImageError as error:
        raise NoPicture(f"it is {png.what_is(data[:64]).replace('not a PNG', 'no picture')}") from error
    except (OSError, SyntaxError, ValueError, EOFError, zlib.error, MemoryError) as error:
        raise NoPicture(f"it can't be decoded ({error})") from error


def with_pixels(
    recipe: bytes, ingredients: Sequence[Ingredient], digest: Callable[[Ingredient], str]
) -> dict[str, Any]:
    """The recipe (canonical JSON) with the digests of its ingredients: ``references`` is a list of them,
    ``image`` is one. ``digest`` may raise NoPicture."""
    whole: dict[str, Any] = json.loads(recipe)
    for one in ingredients:
        if one.setting == "image":
            whole["image"] = digest(one)
        else:
            whole.setdefault(one.setting, []).append(digest(one))
    return whole


def in_making_order(needs: Iterable[tuple[str, Sequence[str]]]) -> tuple[list[str], list[str]]:
    """Tasks, each behind those it needs; and a cycle, if there is one, as a list that ends where it began.

    ``needs`` are (task, the tasks it needs). Nothing recurses: a chain may have thousands of links.
    """
    waits = dict(needs)
    done: dict[str, bool] = {}  # False while its needs are looked at
    order: list[str] = []
    for first in waits:
        path = [] if first in done else [(first, iter(waits[first]))]
        if path:
            done[first] = False
        while path:
            task, rest = path[-1]
            need = next(rest, None)
            if need is None:
                done[task] = True
                order.append(task)
                path.pop()
            elif need not in done:
                done[need] = False
                path.append((need, iter(waits.get(need, ()))))
            elif not done[need]:
                names = [name for name, _ in path]
                return [], [*names[names.index(need) :], need]
    return order, []
