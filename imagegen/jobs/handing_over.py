"""Jobs on their way to a queue that is elsewhere and that may not answer."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence

from imagegen.errors import Unreachable
from imagegen.jobs.answering import Answering
from imagegen.jobs.event import Event, new_id
from imagegen.jobs.telling import tell

Send = Callable[[Sequence[tuple[str, Event]]], None]
"""Send events, each under that id. Raises Unreachable."""

PATIENCE = 3.0
"""Times the first delay, the longest being twice that, until a job for which no call comes counts as lost."""

INSIST = 5.0
"""Seconds until a queue that does not answer is asked again to take on what it may have forgotten."""


class HandingOver:
    """Threads share it."""

    def __init__(self, answering: Answering, send: Send) -> None:
        self._answering, self._known, self._send = answering, answering.known, send

    def now(self, events: Iterable[Event]) -> None:
        """Raises Unreachable, and has failed them all then."""
        fresh = self._announced(events)
        try:
            self._send([(event.id, event) for event in fresh])
        except Unreachable as error:
            self._known.cancel(event.id for event in fresh)  # the first of them may be there already
            for event in fresh:
                self._answering.fail(event, error.message, error.hint, 0)
            raise

    def if_lost(self, events: Iterable[Event]) -> None:
        """Send anew those for which no call comes in good time."""
        self._anew(self._announced(events), PATIENCE * self._answering.first_delay)

    def again(self, event: Event) -> None:
        """Its run has ended, and the job has not."""
        self._known.let_go(event.id)
        self._anew(self._announced([event]), 0)

    def _announced(self, events: Iterable[Event]) -> list[Event]:
        fresh = self._known.add(events)
        for event in fresh:
            tell(self._answering.site, event, "queued")
        return fresh

    def _anew(self, events: Sequence[Event], after: float) -> None:
        """From a thread that goes on until the queue takes them: it may be started after the studio. It takes an id
        once, so they have others now."""
        ids = {event.id: new_id() for event in events}

        def insist() -> None:
            wait = after
            while not self._answering.leaving.wait(wait):
                with contextlib.suppress(Unreachable):
                    self._send([(ids[event.id], event) for event in self._known.unclaimed(events)])
                    return
                wait = INSIST

        if events:
            threading.Thread(target=insist, name="handing-over", daemon=True).start()
