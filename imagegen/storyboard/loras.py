"""A LoRA as one text: its file, and behind a colon its strength where that is not 1. Pure."""

from __future__ import annotations

import math

from imagegen.errors import WrongInput

STRONGEST = 100.0
"""As in the manifest's schema."""


def lora(written: str) -> dict[str, object]:
    """``ink.safetensors:0.8`` as the manifest has it: ``{"name": "ink.safetensors", "strength": 0.8}``.
    Raises WrongInput."""
    name, colon, tail = written.strip().rpartition(":")
    if not colon:
        name, tail = tail, "1"
    try:
        strength = float(tail)
    except ValueError:
        strength = math.nan
    if not name.strip() or not abs(strength) <= STRONGEST:
        raise WrongInput(
            f'"{written[:100]}" is no LoRA with its strength',
            f"write its file, or file:strength with a strength of -{STRONGEST:g} to {STRONGEST:g}: ink.safetensors:0.8",
        )
    return {"name": name.strip(), "strength": strength}
