"""A picture's bytes with its record in them, and the texts that other programs read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from imagegen import png, record
from imagegen.png import Chunk
from imagegen.recipe import Recipe

PARAMETERS = "parameters"


def made(
    data: bytes, recipe: Recipe, known: Mapping[str, str], texts: Mapping[str, str], digest_only: bool = False
) -> bytes:
    """A picture that was just made for ``recipe``: what its maker wrote beside the pixels (times, paths,
    its own text) is left out, so that the same pixels give the same bytes.

    Raises NotWhole where ``data`` is no whole PNG.
    """
    parts = png.picture_only(png.chunks(data))
    chunks = [record.written(recipe, png.pixel_digest(data), png.data_digest(parts), known, digest_only)]
    if not digest_only:
        chunks.append(png.text_chunk(PARAMETERS, parameters(recipe)))
        chunks.extend(png.text_chunk(keyword, text) for keyword, text in texts.items())
    return png.rebuilt(parts, chunks)


def adopted(data: bytes, recipe: Recipe, known: Mapping[str, str], digest_only: bool = False) -> bytes:
    """An existing picture accepted for ``recipe``: the pixels and everything else in it stay, among it the
    ``parameters`` of what made it; the record says for what it is accepted and, where its old record tells,
    what really made it. ``digest_only`` leaves every text out.

    Raises NotWhole where ``data`` is no whole PNG.
    """
    parts = list(png.chunks(data))
    idat, pixels = png.data_digest(parts), png.pixel_digest(data)
    old: record.Record | None = None
    kept: list[Chunk] = []
    for part in parts:
        if part.kind in png.TEXT_CHUNKS:
            keyword, text = png.text_of(part)
            if keyword == record.KEYWORD:
                old = record.parse(text)
            if digest_only or keyword == record.KEYWORD:
                continue
        kept.append(part)
    chunk = record.written(recipe, pixels, idat, known, digest_only, adopted=True, made=_maker(old, pixels))
    if old is not None and _made_for_just_this(old, recipe, known, pixels):
        # Its record stands as it was; only its form may be another now.
        chunk = record.written(recipe, pixels, idat, known if old.is_digest else old.known or known, digest_only)
    return png.rebuilt(kept, [chunk])


def _made_for_just_this(old: record.Record, recipe: Recipe, known: Mapping[str, str], pixels: str) -> bool:
    return not old.adopted and old.pixels == pixels and not any(record.reasons(old, recipe, known))


def _maker(old: record.Record | None, pixels: str) -> Any:
    """What really made an adopted picture: its recipe, and whether somebody edited it since."""
    if old is None:
        return None
    if old.adopted:
        return old.made
    edited = {"edited": True} if old.pixels != pixels else {}
    return {"recipe": old.recipe, **edited} if old.recipe is not None else {"seed": old.seed, **edited}


def parameters(recipe: Recipe) -> str:
    """The recipe as A1111's web UI writes it and Civitai reads it (modules/processing.py there:
    prompt with its LoRAs, negative prompt, then one line of ``Key: value`` pairs; values with a comma or colon
    quoted)."""
    loras = [f"<lora:{PurePosixPath(one['name']).stem}:{one['strength']:g}>" for one in recipe.get("loras", ())]
    lines = [" ".join(filter(None, [str(recipe.get("prompt", "")), *loras]))]
    if recipe.get("negative_prompt"):
        lines.append(f"Negative prompt: {recipe['negative_prompt']}")
    pairs: list[tuple[str, Any]] = [
        ("Steps", recipe.get("steps")),
        ("Sampler", recipe.get("sampler")),
        ("Schedule type", recipe.get("scheduler")),
        ("CFG scale", recipe.get("cfg")),
        ("Seed", recipe.get("seed")),
        ("Size", f"{recipe['width']}x{recipe['height']}" if {"width", "height"} <= set(recipe) else None),
        ("Model", PurePosixPath(str(recipe["checkpoint"])).stem if recipe.get("checkpoint") else None),
        ("Denoising strength", recipe.get("denoise") if recipe.get("denoise", 1) != 1 else None),
        ("Version", f"imagegen ({recipe.get('backend')})"),
    ]
    lines.append(", ".join(f"{key}: {_quoted(value)}" for key, value in pairs if value is not None))
    return "\n".join(lines)


def _quoted(value: Any) -> str:
    import json

    text = format(value, "g") if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else text
