"""The jobs that this process has heard of, for an engine whose queue is elsewhere."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator
from weakref import WeakValueDictionary

from imagegen.jobs.event import Event


class Known:
    """Thread-safe. A job is known from the first that is heard of it until it is over; a job that was over or
    cancelled once stays so."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: dict[str, Event] = {}
        self._over: set[str] = set()
        self._cancelled: set[str] = set()
        self._runs: dict[str, str] = {}
        self._at_work: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()

    def add(self, events: Iterable[Event]) -> list[Event]:
        """Those of them that are not over."""
        with self._lock:
            open = [event for event in events if event.id not in self._over]
            self._events.update({event.id: event for event in open})
        return open

    def unknown(self, events: Iterable[Event]) -> list[Event]:
        """Those that nothing was heard of."""
        with self._lock:
            return [event for event in events if event.id not in self._events and event.id not in self._over]

    def events(self) -> list[Event]:
        """Of all that are not over, the oldest first."""
        with self._lock:
            return list(self._events.values())

    def is_over(self, job: str) -> bool:
        return job in self._over

    def over(self, job: str) -> None:
        with self._lock:
            self._events.pop(job, None)
            self._runs.pop(job, None)
            self._over.add(job)

    def claim(self, job: str, run: str) -> bool:
        """Whether this run of the queue's has the job: the first that is heard of, until it is let go."""
        with self._lock:
            return self._runs.setdefault(job, run) == run

    def let_go(self, job: str) -> None:
        """Its run has ended, and the job has not."""
        with self._lock:
            self._runs.pop(job, None)

    def unclaimed(self, events: Iterable[Event]) -> list[Event]:
        """Those of them that are not over and that no run has."""
        with self._lock:
            return [event for event in events if event.id not in self._over and event.id not in self._runs]

    def cancel(self, jobs: Iterable[str]) -> list[Event]:
        """Those of them that are not over; they are cancelled from now on."""
        with self._lock:
            found = [self._events[job] for job in dict.fromkeys(jobs) if job in self._events]
            self._cancelled.update(event.id for event in found)
        return found

    def is_cancelled(self, job: str) -> bool:
        return job in self._cancelled

    @contextlib.contextmanager
    def at_work(self, event: Event) -> Iterator[None]:
        """One at a time for each job."""
        self.add([event])
        with self._lock:
            mine = self._at_work.get(event.id) or threading.Lock()
            self._at_work[event.id] = mine
        with mine:
            yield
