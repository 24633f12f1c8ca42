"""What an engine of jobs is: it takes events, runs the steps of each, and forgets none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from imagegen.jobs.event import Event


class Engine(Protocol):
    """Threads share it. A job's id is its event's."""

    def start(self) -> None:
        """Run what is waiting, which is announced as queued, and go on with what a killed process left. Raises
        WrongInput."""

    def submit(self, event: Event) -> str:
        """Have this made, and return the job's id; what the event carries is in the sentence when this returns.

        An event whose id was seen before is that job, also where that has failed or was cancelled: who wants it
        tried once more sends another id. Raises WrongInput, or Unreachable.
        """

    def submit_all(self, events: Iterable[Event]) -> list[str]:
        """Like :meth:`submit`, quicker for many; they come in this order, and either all or none."""

    def adopt(self, events: Iterable[Event]) -> list[str]:
        """Take on jobs that a storyboard has as unfinished (:func:`imagegen.jobs.steps.unfinished_jobs`); those that
        are so here go on as they are. The ids of the others, which begin anew: the engine's database was deleted,
        or a kill came between storyboard and engine."""

    def cancel(self, job: str) -> bool:
        """Withdraw a job: one that waits never starts, one under way is stopped. Whether there was one."""

    def cancel_all(self, jobs: Iterable[str]) -> list[str]:
        """Like :meth:`cancel`, quicker for many: the ids of those that there were."""

    def unfinished(self) -> Sequence[str]:
        """The ids of all jobs that wait or are under way, the oldest first."""

    def close(self) -> None:
        """Leave: what is under way is withdrawn, and goes on at the next start."""
