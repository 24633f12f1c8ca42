"""What happens during a run, as values; who shows it is in imagegen/display/."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

# Named tuples: a frozen dataclass takes five times as long to define, and every command defines these.
# ``task`` is ``job:slug``, or empty for the whole run.


class Begun(NamedTuple):
    """A run has been planned: ``total`` images are to be made, ``skipped`` are left alone."""

    task: str = ""
    total: int = 0
    skipped: int = 0


class Started(NamedTuple):
    """The backend works on this image now (it no longer waits in a queue)."""

    task: str = ""


class Step(NamedTuple):
    """``value`` of ``total`` sampling steps are done."""

    task: str = ""
    value: int = 0
    total: int = 0


class Preview(NamedTuple):
    """What the image looks like so far: a small picture's bytes, ``kind`` being jpeg or png."""

    task: str = ""
    data: bytes = b""
    kind: str = "jpeg"


class Note(NamedTuple):
    """Something worth a line that is no error."""

    task: str = ""
    message: str = ""


class Made(NamedTuple):
    """A file was written; ``seconds`` is the time this image took."""

    task: str = ""
    target: str = ""
    seed: int | None = None
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()


class Skipped(NamedTuple):
    """Left alone, with the reason."""

    task: str = ""
    target: str = ""
    reason: str = ""


class Failed(NamedTuple):
    """This image was not made; ``hint`` says what to do. ``passing`` says that the same attempt may go well
    later (a server that did not answer), ``attempts`` how many were spent."""

    task: str = ""
    message: str = ""
    hint: str = ""
    passing: bool = False
    attempts: int = 0


class Ended(NamedTuple):
    """The run is over; counts and the exit status."""

    task: str = ""
    made: int = 0
    skipped: int = 0
    failed: int = 0
    seconds: float = 0.0
    status: int = 0
    failures: tuple[Failed, ...] = ()


Event = Begun | Started | Step | Preview | Note | Made | Skipped | Failed | Ended

Listener = Callable[[Event], None]
"""Takes events from any thread; must not block."""
