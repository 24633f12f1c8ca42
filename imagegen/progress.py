"""What happens during a run, as values; who shows it is in imagegen/display/."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Event:
    """One thing that happened; ``task`` is ``job:slug`` or empty for the whole run."""

    task: str = ""

    @property
    def kind(self) -> str:
        """The event's name in ``--json`` lines: the class name, lower case."""
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Begun(Event):
    """A run has been planned: ``total`` images are to be made, ``skipped`` are left alone."""

    total: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Started(Event):
    """The backend works on this image now (it no longer waits in a queue)."""


@dataclass(frozen=True)
class Step(Event):
    """``value`` of ``total`` sampling steps are done."""

    value: int = 0
    total: int = 0


@dataclass(frozen=True)
class Note(Event):
    """Something worth a line that is no error."""

    message: str = ""


@dataclass(frozen=True)
class Made(Event):
    """A file was written; ``seconds`` is the time this image took."""

    target: str = ""
    seed: int | None = None
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Skipped(Event):
    """Left alone, with the reason."""

    target: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Failed(Event):
    """This image was not made; ``hint`` says what to do."""

    message: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Ended(Event):
    """The run is over; counts and the exit status."""

    made: int = 0
    skipped: int = 0
    failed: int = 0
    seconds: float = 0.0
    status: int = 0
    failures: tuple[Failed, ...] = field(default=())


Listener = Callable[[Event], None]
"""Takes events from any thread; must not block."""
