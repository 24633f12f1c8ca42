"""Ids of a storyboard's rows: short enough for a file's name, and nothing that reads as a word."""

from __future__ import annotations

import secrets

LENGTH = 10
LETTERS = "bcdfghjkmnpqrstvwxz"
DIGITS = "23456789"


def new_id() -> str:
    """Ten small letters and digits that begin with a letter; no vowels, and none of 0, 1, l and o, which are
    taken for each other. There are 1.4 × 10**14 of them."""
    return secrets.choice(LETTERS) + "".join(secrets.choice(LETTERS + DIGITS) for _ in range(LENGTH - 1))


def is_id(text: str) -> bool:
    """Whether :func:`new_id` may have given it."""
    return len(text) == LENGTH and text[0] in LETTERS and set(text) <= set(LETTERS + DIGITS)
