"""Small PNGs for tests, plain and with our record in them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from PIL import Image

from imagegen import png, record, stamp
from imagegen.png import Chunk
from imagegen.recipe import Recipe

RECIPE: Recipe = {"backend": "placeholder", "name": "Mallsing", "prompt": "a ferry", "seed": 7, "cfg": 6.5}


def png_of(size: tuple[int, int] = (8, 8), colour: Any = (200, 30, 60), mode: str = "RGB", **how: Any) -> bytes:
    """A picture of one colour, as Pillow writes it."""
    stream = io.BytesIO()
    Image.new(mode, size, colour).save(stream, "PNG", **how)
    return stream.getvalue()


def ours(
    recipe: Recipe = RECIPE,
    known: Mapping[str, str] | None = None,
    digest_only: bool = False,
    data: bytes | None = None,
    texts: Mapping[str, str] | None = None,
) -> bytes:
    """A picture as a run writes it for ``recipe``."""
    return stamp.made(data or png_of(), recipe, known or {}, texts or {}, digest_only)


def with_chunks(data: bytes, *chunks: Chunk) -> bytes:
    """``data`` with ``chunks`` right after its header."""
    return png.rebuilt(png.chunks(data), chunks)


def with_record(text: str) -> bytes:
    """A picture whose record is ``text``, whatever that is."""
    return with_chunks(png_of(), png.text_chunk(record.KEYWORD, text, international=True))
