"""Which server makes which image: decided from what is known of the servers, and nothing else. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

ON_SERVER = 2
"""Prompts of ours kept on a server: one runs, one waits, so that the GPU does not idle while a picture comes
down."""

LOADING = 2.0
"""What another model costs a server, in images: loading one takes longer than making one."""

_NEWEST = 0.3
"""How much the newest time counts in a smoothed one."""

Kit = frozenset[str]
"""The model files that a graph needs, in the spelling with ``/``."""


class Want(NamedTuple):
    """One image that waits for a place: the models it needs, its kind (what is alike takes alike long), and
    the servers that can make it, by their number."""

    kit: Kit
    kind: str
    able: frozenset[int]


@dataclass(frozen=True)
class Standing:
    """What is known of one server that is up: how many prompts of ours are on it, how many of others, the
    models of the last prompt (None before the first), and the seconds that images of each kind took."""

    number: int
    ours: int = 0
    others: int = 0
    kit: Kit | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


def assigned(servers: Sequence[Standing], waiting: Sequence[Want], to_come: int = 0) -> dict[int, int]:
    """Who of ``waiting`` (the longest waiting first) goes now, and to which server: position → number.

    Each image is put where it would be done first, counting what is before it in each queue, those that
    wait longer, and the loading of another model. If there is no place for it there it waits, and so keeps
    its models together. Only where more is to be made (``to_come`` more than those that wait) than the
    quicker servers could do in the meantime, it goes to a slower one that has a place.
    """
    queues = [_Queue(server) for server in servers]
    going: dict[int, int] = {}
    left = len(waiting) + to_come
    for position, want in enumerate(waiting):
        able = [queue for queue in queues if queue.number in want.able]
        if not able:
            continue
        usual = _usual(able, want.kind)
        best = min(able, key=lambda queue: queue.rank(want, usual))
        if best.full:
            end = _end(queues, want.kind, usual, left)
            free = [queue for queue in able if not queue.full and not queue.loads(want)]
            free = [queue for queue in free if queue.done(want, usual) <= end]
            best = min(free, key=lambda queue: queue.rank(want, usual), default=best)
        if not best.full:
            going[position] = best.number
            left -= 1
        best.add(want)
    return going


def smoothed(before: float | None, seconds: float) -> float:
    """The time to expect after one more was measured."""
    return seconds if before is None else before + _NEWEST * (seconds - before)


class _Queue:
    """A server with what is already decided to go to it."""

    def __init__(self, server: Standing) -> None:
        self.number = server.number
        self.ahead = server.ours + server.others
        self._ours, self._kit, self._seconds = server.ours, server.kit, server.seconds

    @property
    def full(self) -> bool:
        return self._ours >= ON_SERVER

    def seconds(self, kind: str, usual: float) -> float:
        return self._seconds.get(kind, usual)

    def known(self, kind: str) -> float | None:
        return self._seconds.get(kind)

    def loads(self, want: Want) -> bool:
        """Whether it would have to load other models. What nobody has used yet has nothing to lose."""
        return self._kit is not None and self._kit != want.kit

    def done(self, want: Want, usual: float) -> float:
        """Seconds until it would be done there."""
        return (self.ahead + 1 + LOADING * self.loads(want)) * self.seconds(want.kind, usual)

    def rank(self, want: Want, usual: float) -> tuple[float, bool, int, int, int]:
        return self.done(want, usual), self.loads(want), self._ours, self.ahead, self.number

    def add(self, want: Want) -> None:
        self.ahead += 1
        self._ours += 1
        self._kit = want.kit


def _usual(able: Sequence[_Queue], kind: str) -> float:
    """What to expect of a server that has not made one of this kind: as good as the best, so that it is tried."""
    return min((known for queue in able if (known := queue.known(kind)) is not None), default=1.0)


def _end(queues: Sequence[_Queue], kind: str, usual: float, left: int) -> float:
    """Seconds until everything would be done if all servers shared it as they can."""
    return (left + sum(queue.ahead for queue in queues)) / sum(1 / queue.seconds(kind, usual) for queue in queues)
