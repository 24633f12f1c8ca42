"""The jobs of one life of the server: waiting, running, done. Restarting forgets them all."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

from .comfyui_graph import Graph


@dataclass
class Job:
    """One submitted graph."""

    number: float
    prompt_id: str
    graph: Graph
    extra_data: dict[str, Any]
    outputs: list[str]

    @property
    def client(self) -> str | None:
        """Who submitted it, and gets its messages; None: messages go to everyone or no one."""
        return self.extra_data.get("client_id")

    @property
    def entry(self) -> list[Any]:
        """The job as `/queue` and `/history` show it."""
        return [self.number, self.prompt_id, self.graph, self.extra_data, self.outputs]


@dataclass
class JobQueue:
    """Waiting jobs by number, the one that runs, and the history. Guarded by `changed`, which hears of all.

    `updated` is called, with the lock held, whenever the number of jobs left may have changed.
    """

    changed: Condition
    updated: Callable[[], None]
    running: Job | None = None
    history: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs_of: Counter[str | None] = field(default_factory=Counter)  # waiting and running, by client
    _waiting: list[tuple[float, int, Job]] = field(default_factory=list)
    _arrivals: itertools.count[int] = field(default_factory=itertools.count)

    @property
    def pending(self) -> list[Job]:
        """The waiting jobs, the next one first."""
        with self.changed:
            return [job for _, _, job in sorted(self._waiting)]

    @property
    def remaining(self) -> int:
        """How many jobs wait or run."""
        with self.changed:
            return len(self._waiting) + (self.running is not None)

    def put(self, job: Job) -> None:
        """Queue a job."""
        with self.changed:
            heapq.heappush(self._waiting, (job.number, next(self._arrivals), job))
            self.jobs_of[job.client] += 1
            self._tell()

    def take(self, alive: Callable[[], bool]) -> Job | None:
        """Wait for the next job, which then runs; None once `alive` says no."""
        with self.changed:
            self.changed.wait_for(lambda: self._waiting or not alive())
            if not alive():
                return None
            _, _, self.running = heapq.heappop(self._waiting)
            self._tell()
            return self.running

    def done(self, job: Job, result: dict[str, Any]) -> None:
        """The running job has ended: it goes into the history."""
        with self.changed:
            self.running = None
            self.jobs_of[job.client] -= 1
            self.history[job.prompt_id] = {"prompt": job.entry, **result}
            self._tell()

    def delete(self, prompt_id: str) -> bool:
        """Withdraw a waiting job; of two with one id, the next. It leaves no history."""
        with self.changed:
            for item in self._waiting:
                if item[2].prompt_id == prompt_id:
                    self._waiting.remove(item)
                    heapq.heapify(self._waiting)
                    self.jobs_of[item[2].client] -= 1
                    self._tell()
                    return True
            return False

    def clear(self) -> None:
        """Withdraw all waiting jobs, everybody's."""
        with self.changed:
            self.jobs_of.subtract(job.client for _, _, job in self._waiting)
            self._waiting.clear()
            self._tell()

    def history_of(self, prompt_id: str) -> dict[str, Any]:
        """The history entry by its id, or an empty dict."""
        with self.changed:
            return {prompt_id: self.history[prompt_id]} if prompt_id in self.history else {}

    def last(self, most: int | None, offset: int) -> dict[str, Any]:
        """`most` history entries (None: all) from `offset` on; a negative offset: the newest ones."""
        with self.changed:
            entries = list(self.history.items())
        if most is None:
            return dict(entries[max(offset, 0) :])
        start = max(len(entries) - most, 0) if offset < 0 else offset
        return dict(entries[start : start + most])

    def _tell(self) -> None:
        self.updated()
        self.changed.notify_all()
