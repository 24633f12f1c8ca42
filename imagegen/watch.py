"""What whoever works on one image is handed: whom to tell, when to stop, and how often to try."""

from __future__ import annotations

import threading
from collections.abc import Callable

from imagegen.errors import Interrupted

ATTEMPTS = 3
"""Attempts in all for one image, over retries, servers and job engines together."""


class Attempts:
    """Counts the three attempts one image has, whoever spends them."""

    def __init__(self, limit: int = ATTEMPTS) -> None:
        self.limit, self.used = limit, 0

    @property
    def left(self) -> int:
        return self.limit - self.used

    def spend(self) -> None:
        """One more has failed. Raises nothing: ask :attr:`left` before the next."""
        self.used += 1


class Watch:
    """What a backend is handed while it works on one order: whom to tell, and when to stop."""

    def __init__(
        self,
        cancelled: threading.Event,
        started: Callable[[], None] = lambda: None,
        step: Callable[[int, int], None] = lambda value, total: None,
        attempts: Attempts | None = None,
        flaw: Callable[[bytes], str] = lambda png: "",
        note: Callable[[str], None] = lambda text: None,
        wanted: Callable[[str, str], bool] = lambda task, digest: False,
        preview: Callable[[bytes, str], None] = lambda data, kind: None,
        leaving: threading.Event | None = None,
    ) -> None:
        """``flaw`` says what keeps some bytes from being a whole PNG, the empty text if nothing does:
        a backend that downloads asks it, and may try again. ``note`` tells the user what belongs to no
        image: a server that is left out. ``wanted`` says of a task and a recipe's digest whether a later run
        would make just that. ``preview`` is what the image looks like so far, as the bytes of a ``jpeg`` or ``png``.
        ``leaving`` says that all is to end, not this image alone; where it is not given ``cancelled`` means both."""
        self.cancelled, self.started, self.step = cancelled, started, step
        self.leaving = leaving or cancelled
        self.attempts = attempts or Attempts()
        self.flaw, self.note, self.wanted, self.preview = flaw, note, wanted, preview

    def check(self) -> None:
        """Raise :class:`Interrupted` if the run is being left."""
        if self.cancelled.is_set():
            raise Interrupted("interrupted")

    def pause(self, seconds: float) -> None:
        """Sleep, but wake and raise :class:`Interrupted` when the run is being left."""
        self.cancelled.wait(seconds)
        self.check()
