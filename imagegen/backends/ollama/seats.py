"""The servers' seats: one image at a time on each, and who is left out for now."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from imagegen.backends.base import Watch
from imagegen.backends.ollama.transport import Model, Transport
from imagegen.backends.ollama.versions import Told
from imagegen.backends.ollama.wording import NoAnswer, Passing
from imagegen.errors import BuildFailed

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds after which a server that failed gets another image, doubled each time."""

_WAIT = 0.25
"""Seconds after which somebody who waits looks up by himself."""


class Nobody(Passing):
    """No server that could make it is there now."""


class Nowhere(NoAnswer, Nobody):
    """No server answers at all."""


@dataclass(eq=False)
class Seat:
    """A server, what it told, and whether it can be used.

    ``told`` is None before it was asked; ``models`` are those found there; ``lost`` those that it can't have;
    ``unfit`` what keeps it from making any; ``down`` its last failure, and ``ask_again`` when that is over.
    """

    transport: Transport
    told: Told | None = None
    models: dict[str, Model] = field(default_factory=dict)
    lost: dict[str, BuildFailed] = field(default_factory=dict)
    unfit: BuildFailed | None = None
    down: BuildFailed | None = None
    ask_again: float = 0.0
    failures: int = 0
    busy: bool = False

    @property
    def name(self) -> str:
        return self.transport.name

    @property
    def is_up(self) -> bool:
        return self.down is None or time.monotonic() >= self.ask_again

    def never(self, model: str) -> BuildFailed | None:
        """Why it can't ever make images of a model."""
        return self.unfit or self.lost.get(model)


class Seats:
    """Threads share it."""

    def __init__(self, transports: Sequence[Transport]) -> None:
        self.all = [Seat(transport) for transport in transports]
        self._changed = threading.Condition()

    @property
    def alone(self) -> bool:
        """Whether there is one server only: it is never left out, there is nobody else."""
        return len(self.all) == 1

    @contextmanager
    def seat(self, model: str, watch: Watch) -> Iterator[Seat]:
        """Hold a server, once one is free: one that has the model before one that has to get it.

        Raises Interrupted while waiting, Nobody where none that could make it is there now, and the servers'
        own BuildFailed where none ever could.
        """
        with self._changed:
            while (found := self._free(model)) is None:
                self._changed.wait(_WAIT)
                watch.check()
            found.busy = True
        try:
            yield found
        finally:
            with self._changed:
                found.busy = False
                self._changed.notify_all()

    def failed(self, seat: Seat, error: BuildFailed) -> None:
        """Leave a server out for a while, unless it is the only one."""
        if self.alone:
            return
        with self._changed:
            seat.down = error
            seat.ask_again = time.monotonic() + min(FIRST_PAUSE * 2**seat.failures, LONGEST_PAUSE)
            seat.failures += 1
            self._changed.notify_all()

    def succeeded(self, seat: Seat) -> None:
        seat.down, seat.failures = None, 0

    def others(self, seat: Seat, model: str) -> bool:
        """Whether another server, as far as is known, could make it now."""
        return any(one is not seat and one.is_up and not one.never(model) for one in self.all)

    def _free(self, model: str) -> Seat | None:
        """The caller holds the lock."""
        able = [seat for seat in self.all if not seat.never(model)]
        if not able:
            raise combined([(seat, error) for seat in self.all if (error := seat.never(model))])
        up = [seat for seat in able if seat.is_up]
        if not up:
            raise nobody([(seat, seat.down) for seat in able if seat.down])
        free = [seat for seat in up if not seat.busy]
        return min(free, key=lambda seat: (model not in seat.models, seat.failures), default=None)


def combined(errors: Sequence[tuple[Seat, BuildFailed]]) -> BuildFailed:
    """One error for servers none of which can do it."""
    if len({error.message for _, error in errors}) == 1:
        return errors[0][1]
    return BuildFailed("; ".join(_named(seat, error) for seat, error in errors), errors[0][1].hint)


def nobody(errors: Sequence[tuple[Seat, BuildFailed]]) -> BuildFailed:
    """One error for servers that failed; it can pass."""
    kind = Nowhere if all(isinstance(error, NoAnswer) for _, error in errors) else Nobody
    if len(errors) == 1:
        return kind(errors[0][1].message, errors[0][1].hint)
    return kind("no server answers: " + "; ".join(_named(seat, error) for seat, error in errors), errors[0][1].hint)


def _named(seat: Seat, error: BuildFailed) -> str:
    said = error.message.removeprefix("no answer from ")
    return said if seat.name in said else f"{seat.name}: {said}"
