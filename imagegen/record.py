"""The record: what made a PNG, kept in the PNG as one iTXt chunk right after its header.

Canonical JSON::

    {"format": 1,
     "idat":   SHA-256 of the compressed pixels as they are (a quick first look),
     "known":  {"checkpoint": digests of what the recipe only names, where they could be had},
     "made":   for an adopted picture: the record's recipe that really made it, or null where unknown,
     "pixels": SHA-256 of size and RGBA pixels,
     "recipe": every setting that decided the pixels}

With ``record: digest`` it holds, in place of ``recipe``, ``"seed"`` and ``"digests"``: for each field
SHA-256 of the pixels' digest (the salt), the field's name and its canonical value. ``recipe`` sorts
last, so that a fresh picture is known by the end of its record's bytes, without parsing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from imagegen import recipe as recipes
from imagegen.png import Chunk, NotWhole, text_chunk, text_of
from imagegen.recipe import Recipe, canonical

KEYWORD = "imagegen"
FORMAT = 1
START = KEYWORD.encode() + b"\0\0\0\0\0"
"""How the data of our iTXt chunk begins: keyword, not compressed, no language, no translation."""


class FromTheFuture(ValueError):
    """A record of a format that this version does not know; refused by name, not guessed."""


@dataclass(frozen=True)
class Record:
    """A record as read. Exactly one of ``recipe`` and ``digests`` is there."""

    pixels: str
    idat: str = ""
    recipe: Recipe | None = None
    digests: Mapping[str, str] | None = None
    seed: int | None = None
    known: Mapping[str, str] | None = None
    made: Any = None
    adopted: bool = False

    @property
    def is_digest(self) -> bool:
        return self.recipe is None


def ending(recipe: bytes) -> bytes:
    """How a full record of this canonical recipe ends."""
    return b',"recipe":' + recipe + b"}"


def written(
    recipe: Recipe,
    pixels: str,
    idat: str,
    known: Mapping[str, str],
    digest_only: bool = False,
    adopted: bool = False,
    made: Any = None,
) -> Chunk:
    """The chunk for a picture made for ``recipe``; ``made`` goes with ``adopted``."""
    body: dict[str, Any] = {"format": FORMAT, "idat": idat, "pixels": pixels}
    if digest_only:
        body["digests"] = {field: _salted(pixels, field, value) for field, value in recipe.items()}
        body["seed"] = recipe.get("seed")
        if known:
            body["known"] = {name: _salted(pixels, name, value) for name, value in known.items()}
        if adopted:
            body["made"] = None
    else:
        body["recipe"] = dict(recipe)
        if known:
            body["known"] = dict(known)
        if adopted:
            body["made"] = made
    return text_chunk(KEYWORD, canonical(body).decode(), international=True)


def _salted(salt: str, field: str, value: Any) -> str:
    return hashlib.sha256(b"\n".join((salt.encode(), field.encode(), canonical(value)))).hexdigest()


def read(chunk: Chunk) -> Record | None:
    """The record in a text chunk; None where the chunk is somebody else's.

    Raises NotWhole where it is ours and can't be read, FromTheFuture for a later format.
    """
    keyword, text = text_of(chunk)
    return parse(text) if keyword == KEYWORD else None


def parse(text: str) -> Record:
    """A record's text. Raises NotWhole or FromTheFuture."""
    try:
        body = json.loads(text)
        canonical(body)  # no NaN, no half letters, no endless depth
        if body["format"] != FORMAT:
            raise FromTheFuture(
                f"its record has format {body['format']}, this imagegen knows {FORMAT}: update imagegen"
            )
        recipe, digests, known = (_mapping(body, key) for key in ("recipe", "digests", "known"))
        if (recipe is None) == (digests is None):
            raise ValueError("it wants either a recipe or digests")
        seed = body.get("seed") if recipe is None else recipe.get("seed")
        return Record(
            pixels=str(body["pixels"]),
            idat=str(body.get("idat", "")),
            recipe=recipe,
            digests=digests,
            seed=seed if isinstance(seed, int) else None,
            known={key: str(value) for key, value in known.items()} if known else None,
            made=body.get("made"),
            adopted="made" in body,
        )
    except FromTheFuture:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else error
        raise NotWhole(f"damaged: its imagegen record can't be read ({what})") from error


def _mapping(body: dict[str, Any], key: str) -> dict[str, Any] | None:
    value = body.get(key)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{key} is no mapping")
    return value


def reasons(record: Record, wanted: Recipe, known: Mapping[str, str]) -> Iterator[str]:
    """Why a picture with this record is not what ``wanted`` asks for: one line a field that differs.

    A digest in ``known`` that either side lacks is no difference.
    """
    if record.recipe is not None:
        for field, old, new in recipes.differences(record.recipe, recipes.with_seed_of(wanted, record.recipe)):
            yield f"{field}: {recipes.shown(old)} → {recipes.shown(new)}"
    else:
        yield from _digest_reasons(record, recipes.with_seed_of(wanted, {"seed": record.seed}))
    for name, value in known.items():
        old_digest = (record.known or {}).get(name)
        new_digest = _salted(record.pixels, name, value) if record.is_digest else value
        if old_digest and old_digest != new_digest:
            yield f"{name}'s content: {_short(old_digest)} → {_short(new_digest)}"


def _digest_reasons(record: Record, wanted: Recipe) -> Iterator[str]:
    digests = record.digests or {}
    for field in sorted({*digests, *wanted}):
        default = recipes.ABSENT_MEANS.get(field, recipes.UNSET)
        value = wanted.get(field, default)
        old = digests.get(field)
        if old is None and value == default:
            continue
        if value is recipes.UNSET or old != _salted(record.pixels, field, value):
            if field == "seed":
                yield f"seed: {record.seed} → {recipes.shown(value)}"
            else:
                yield f"{field}: changed"


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]
