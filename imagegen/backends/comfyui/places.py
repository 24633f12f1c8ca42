"""The servers' places: who waits for one, who goes where, and which servers are left out for now.

There is no thread of its own: whoever waits decides for all that wait, knocks at a server that was left out
when its time has come, and learns what a server knows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from imagegen.backends.base import Watch
from imagegen.backends.comfyui import capability
from imagegen.backends.comfyui.blueprint import Blueprint
from imagegen.backends.comfyui.client import NoAnswer, Passing
from imagegen.backends.comfyui.scheduling import Kit, Want, assigned
from imagegen.backends.comfyui.server import Server
from imagegen.errors import BuildFailed

_WAIT = 0.25
"""Seconds after which somebody who waits looks up by himself."""


class Nobody(Passing):
    """No server that could make it answers."""


class Nowhere(NoAnswer, Nobody):
    """No server answers at all."""


class Job(NamedTuple):
    """An image as far as the choice of a server goes: what is sent, of which kind it is (capability.kind),
    which models it needs and what takes alike long."""

    plan: Blueprint
    kind: str
    kit: Kit
    pace: str


class Place(NamedTuple):
    """A place on a server. ``warm``: its last prompt needed the same models."""

    server: Server
    warm: bool


@dataclass(eq=False)
class _Ticket:
    job: Job
    place: Place | None = None


class Places:
    """Threads share it. ``returned`` is called with a server that answers again, before it gets anything."""

    def __init__(self, servers: Sequence[Server], returned: Callable[[Server], None]) -> None:
        self.servers, self._returned = servers, returned
        self.to_come = 0
        """How many images are to be made that nobody has begun."""
        self._waiting: list[_Ticket] = []
        self._changed = threading.Condition()

    @property
    def alone(self) -> bool:
        """Whether there is one server only: it is never left out, there is nobody else."""
        return len(self.servers) == 1

    @contextmanager
    def place(self, job: Job, watch: Watch) -> Iterator[Place]:
        """Hold a place on the server that suits best, once there is one: never more of ours are on it.

        Raises Interrupted while waiting, Nobody where no server that could make it is there now, and
        BuildFailed where none that is there could ever make it.
        """
        ticket = _Ticket(job)
        with self._changed:
            self._waiting.append(ticket)
        try:
            place = self._waited_for(ticket, watch)
            yield place
        finally:
            with self._changed:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
                if ticket.place is not None:
                    ticket.place.server.ours -= 1
                self._changed.notify_all()

    def failed(self, server: Server, error: BuildFailed) -> None:
        """Leave a server out for a while, unless it is the only one."""
        if not self.alone:
            with self._changed:
                server.failed(error)
                self._changed.notify_all()

    def others(self, server: Server, job: Job) -> bool:
        """Whether another server, as far as is known, could make it now."""
        with self._changed:
            return any(one is not server and one.is_up and self._can(one, job) for one in self.servers)

    def gone_for(self, job: Job) -> float:
        """For how many seconds every server that might make it has been away."""
        with self._changed:
            away = [one.down_since for one in self.servers if not one.is_up]
            return time.monotonic() - max(away) if away else 0.0

    # --- waiting ------------------------------------------------------------------------------------

    def _waited_for(self, ticket: _Ticket, watch: Watch) -> Place:
        while True:
            watch.check()
            if not self.alone:
                self._look_around(ticket.job)
            with self._changed:
                self._assign()
                if ticket.place is not None:
                    self._waiting.remove(ticket)
                    return ticket.place
                if not self.alone and not any(one.is_up and self._can(one, ticket.job) for one in self.servers):
                    if any(one.knocking for one in self.servers):
                        self._changed.wait(_WAIT)
                        continue
                    raise self._nobody(ticket.job)
                self._changed.wait(_WAIT)

    def _assign(self) -> None:
        """Decide for all that wait. The caller holds the lock."""
        up = {server.number: server for server in self.servers if server.is_up}
        waiting = [ticket for ticket in self._waiting if ticket.place is None]
        wants = [
            Want(job.kit, job.pace, frozenset(number for number, server in up.items() if self._can(server, job)))
            for job in (ticket.job for ticket in waiting)
        ]
        changed = False
        standings = [server.standing() for server in up.values()]
        for position, number in assigned(standings, wants, self.to_come).items():
            server, ticket = up[number], waiting[position]
            ticket.place = Place(server, server.kit == ticket.job.kit)
            server.ours += 1
            server.kit = ticket.job.kit
            changed = True
        if changed:  # else those who wait would wake each other without end
            self._changed.notify_all()

    def _can(self, server: Server, job: Job) -> bool:
        return self.alone or server.lacks(job.plan, job.kind) == ()

    # --- looking around, without the lock: it may take a while ----------------------------------------

    def _look_around(self, job: Job) -> None:
        for server in self.servers:
            if server.is_up:
                try:
                    server.learn(capability.classes(job.plan.graph))
                    server.look()
                except BuildFailed as error:
                    self.failed(server, error)
        with self._changed:
            lonely = not any(one.is_up and self._can(one, job) for one in self.servers)
            now = time.monotonic()
            due = [
                one for one in self.servers if not one.is_up and not one.knocking and (lonely or one.ask_again < now)
            ]
            for server in due:
                server.knocking = True
        for server in due:
            self._knock(server)

    def _knock(self, server: Server) -> None:
        try:
            server.knock()
            self._returned(server)
        except BuildFailed as error:
            with self._changed:
                server.failed(error)
        else:
            with self._changed:
                server.came_back()
        finally:
            with self._changed:
                server.knocking = False
                self._changed.notify_all()

    def _nobody(self, job: Job) -> BuildFailed:
        away = [server for server in self.servers if server.down is not None]
        if len(away) == len(self.servers):
            return Nowhere("no server answers: " + "; ".join(_why(server) for server in away), _HINT)
        lacking = {one.url: one.lacks(job.plan, job.kind) or () for one in self.servers if one.is_up}
        found = capability.said(lacking, [server.url for server in away])
        _, message, hint = found[0] if found else ("", "no server can make it now", "")
        return (Nobody if away else BuildFailed)(message, hint)


_HINT = "is ComfyUI running there? backends.comfyui.urls or COMFYUI_URLS says where"


def _why(server: Server) -> str:
    """Why it was left out, with its address."""
    said = server.down.message if server.down is not None else ""
    said = said.removeprefix("no answer from ")
    return said if server.url in said else f"{server.url}: {said}"
