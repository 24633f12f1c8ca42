"""The recipe: exactly what decides an image's pixels, its one written form, and how two differ.

All of it is pure: values in, values out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Recipe = Mapping[str, Any]

RANDOM = "random"
"""The seed of an item whose seed is drawn once and then kept by the picture's record."""

RANDOM_SEED = b'"seed":"random"'
"""How a recipe's canonical form shows such a seed (inside a text the quotes would be escaped)."""

ABSENT_MEANS: Mapping[str, Any] = {}
"""For each setting that a later version added: the value that a record without it was made with.
Under it older records stay fresh."""

UNSET = object()


def canonical(value: Any) -> bytes:
    """Canonical JSON, UTF-8: keys sorted, no blanks, letters as themselves, one form for each number
    (``7.0`` is written ``7``; other fractions as Python's shortest form that reads back the same).

    >>> canonical({"b": 7.0, "a": "é"}).decode()
    '{"a":"é","b":7}'
    """
    return _encoder.encode(_one_form(value)).encode()


_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _one_form(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _one_form(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_one_form(item) for item in value]
    return value


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def derived_seed(base_seed: int, job: str, slug: str) -> int:
    """The seed of an item that gives none: 1 … 2**32−1, from the base seed, the job and the slug, so
    that other items may come, go and move without changing it. Never 0, which Ollama takes for random."""
    number = int.from_bytes(hashlib.sha256(f"{base_seed}\n{job}\n{slug}".encode()).digest()[:8], "big")
    return 1 + number % (2**32 - 1)


def drawn_seed() -> int:
    """A new random seed, 1 … 2**32−1."""
    import secrets

    return 1 + secrets.randbelow(2**32 - 1)


def with_seed_of(wanted: Recipe, record: Recipe) -> Recipe:
    """``wanted`` with a random seed settled to the one the record keeps, where it keeps one."""
    if wanted.get("seed") == RANDOM and isinstance(record.get("seed"), int):
        return {**wanted, "seed": record["seed"]}
    return wanted


def differences(made: Recipe, wanted: Recipe) -> Iterator[tuple[str, Any, Any]]:
    """``(field, old, new)`` for each field that differs, by name; UNSET where a side has none."""
    for field in sorted({*made, *wanted}):
        old, new = made.get(field, UNSET), wanted.get(field, UNSET)
        default = ABSENT_MEANS.get(field, UNSET)
        if default is not UNSET:
            old, new = (default if side is UNSET else side for side in (old, new))
        if old is UNSET or new is UNSET or canonical(old) != canonical(new):
            yield field, old, new


_CONTENT = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")


def shown(value: Any) -> str:
    """A setting's value as a reason shows it: JSON, digests shortened, and ``unset``."""
    return "unset" if value is UNSET else _CONTENT.sub(r"\1…", canonical(value).decode())
