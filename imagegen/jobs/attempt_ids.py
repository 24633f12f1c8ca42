"""How a job's attempts are called in the engine's database, and the line in which they wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from imagegen.jobs.event import NAME
from imagegen.jobs.retrying import ATTEMPTS

T = TypeVar("T")

MOST = 500
"""Rows in one statement or transaction."""


def attempt_id(job: str, number: int) -> str:
    """The first attempt has the job's id, the second is ``<job>#2``; an event's id has no ``#``."""
    return job if number == 1 else f"{job}#{number}"


def chain(job: str) -> list[str]:
    """The ids of all attempts that the job may have."""
    return [attempt_id(job, number) for number in range(1, ATTEMPTS + 1)]


def job_of(attempt: str) -> str:
    return attempt.partition("#")[0]


def queue_of(machine: str) -> str:
    """Each machine has a line of its own: a job is made where it was asked for."""
    return f"{NAME}@{machine}"


def chunks(many: list[T]) -> Iterator[list[T]]:
    return (many[start : start + MOST] for start in range(0, len(many), MOST))
