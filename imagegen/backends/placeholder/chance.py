"""Numbers that look drawn by lot and follow from a digest alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_BYTES = 6
"""48 bits a number: exact in a float on every machine."""


class Chance:
    """An endless row of numbers, the same for the same ``digest`` and ``purpose`` for ever.

    Python's own ``random`` keeps its numbers between versions but not what ``choice`` and ``shuffle``
    make of them. Each purpose has a row of its own, so that one more draw for the palette doesn't
    change the pattern.
    """

    def __init__(self, digest: str, purpose: str) -> None:
        self._origin = f"{purpose}:{digest}".encode()
        self._block, self._left = 0, b""

    def unit(self) -> float:
        """From 0 up to but not 1."""
        if len(self._left) < _BYTES:
            self._left = hashlib.sha256(self._origin + self._block.to_bytes(4, "big")).digest()
            self._block += 1
        number, self._left = self._left[:_BYTES], self._left[_BYTES:]
        return int.from_bytes(number, "big") / (1 << 8 * _BYTES)

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.unit()

    def whole(self, low: int, high: int) -> int:
        """``low`` and ``high`` are both possible."""
        return low + int(self.unit() * (high - low + 1))

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.whole(0, len(choices) - 1)]

    def yes(self, odds: float = 0.5) -> bool:
        return self.unit() < odds
