"""How often one image is tried, and how long is waited between."""

from __future__ import annotations

from imagegen.watch import ATTEMPTS as ATTEMPTS  # three in all, whoever counts them

FIRST_DELAY = 30.0
"""Seconds before the second attempt; the third waits twice as long."""


def delay(attempt: int, first: float = FIRST_DELAY) -> float:
    """Seconds to wait after the failed ``attempt`` (1, 2, …): 30, 60, …"""
    return first * 2.0 ** (attempt - 1)


class WillPass(Exception):
    """An attempt failed, and another may not. ``hint`` says what the user could do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class WontPass(Exception):
    """No further attempt would mend this: a refused graph, a missing checkpoint, a target that was edited."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint
