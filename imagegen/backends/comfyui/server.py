"""One server of a run: the wire to it, what it knows, what of ours is on it, and whether it answers."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from imagegen.backends.comfyui import capability
from imagegen.backends.comfyui.address import Address
from imagegen.backends.comfyui.blueprint import Blueprint
from imagegen.backends.comfyui.capability import Lack
from imagegen.backends.comfyui.client import Client
from imagegen.backends.comfyui.listener import Listener
from imagegen.backends.comfyui.scheduling import Kit, Standing, smoothed
from imagegen.backends.comfyui.uploads import Uploads
from imagegen.backends.comfyui.workflow.api import Graph
from imagegen.backends.comfyui.workflow.nodes import Nodes
from imagegen.errors import BuildFailed

FORGOTTEN_TOGETHER = 16
"""Finished prompts after which their entries in the history are deleted, in one request."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds after which a server that does not answer is asked again, doubled each time."""

_LOOK = 2.0

_KNOCK = 5.0
"""Seconds that a server which was left out has to answer."""


class Server:
    """Threads share it. ``number`` is its place in the list of servers; ``timeout`` is for one request, in
    seconds. What is public and changes is guarded by the pool's lock."""

    def __init__(self, number: int, address: Address, timeout: float) -> None:
        self.number, self.url = number, address.url
        self.client = Client(address, timeout)
        self.listener = Listener(address)
        self.uploads = Uploads(self.client)
        self.ours = 0
        self.kit: Kit | None = None
        self.down: BuildFailed | None = None
        self.ask_again = 0.0
        self.failures = 0
        self.down_since = 0.0
        self.knocking = False
        self._seconds: dict[str, float] = {}
        self._info: dict[str, Any] = {}
        self._nodes = Nodes(self._info)
        self._lacks: dict[str, tuple[Lack, ...]] = {}
        self._knowing = threading.Lock()
        self._done: dict[str, Callable[[], None]] = {}
        self._queued, self._looked_at = 0, 0.0

    def close(self) -> None:
        self.forget()
        self.listener.close()
        self.client.close()

    # --- what it knows --------------------------------------------------------------------------

    def learn(self, classes: Iterable[str]) -> None:
        """Ask for the node classes that are not known yet, if they are there. Raises Passing or Refused."""
        for name in classes:
            with self._knowing:
                known = name in self._info
            if not known:
                info = self.client.object_info(name).get(name)
                with self._knowing:
                    self._info[name] = info
                    self._lacks.clear()

    @property
    def known(self) -> Sequence[str]:
        """The node classes that were asked for."""
        with self._knowing:
            return list(self._info)

    def lacks(self, plan: Blueprint, kind: str) -> tuple[Lack, ...] | None:
        """What it lacks for a graph of this kind; None where its classes were not asked for."""
        with self._knowing:
            if kind not in self._lacks:
                if any(name not in self._info for name in capability.classes(plan.graph)):
                    return None
                self._lacks[kind] = tuple(capability.lacks(plan, self._nodes))
            return self._lacks[kind]

    def spelled(self, graph: Graph) -> Graph:
        """The graph in the server's own spelling."""
        with self._knowing:
            return capability.spelled(graph, self._nodes)

    # --- whether it answers ---------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        return self.down is None

    def failed(self, error: BuildFailed) -> None:
        """It is left out, and asked again later."""
        if self.down is None:
            self.down_since = time.monotonic()
        self.down = error
        self.ask_again = time.monotonic() + min(FIRST_PAUSE * 2**self.failures, LONGEST_PAUSE)
        self.failures += 1

    def came_back(self) -> None:
        self.down, self.failures = None, 0
        self.kit = None

    def knock(self) -> None:
        """Does it answer, and what does it know now? Raises BuildFailed."""
        with self._knowing:
            known = list(self._info)
        client = self.client.hasty(_KNOCK)
        client.system_stats()
        fresh = {name: client.object_info(name).get(name) for name in known}
        with self._knowing:
            self._info, self._nodes = fresh, Nodes(fresh)
            self._lacks.clear()
        self.uploads.forget()

    # --- what of ours is on it --------------------------------------------------------------------

    def standing(self) -> Standing:
        """What a decision where an image goes needs to know."""
        queued = self._queued if self.listener.queued is None else self.listener.queued
        return Standing(self.number, self.ours, max(0, queued - self.ours), self.kit, self._seconds)

    def look(self) -> None:
        """How long is its queue? Asked now and then where the socket does not tell."""
        if self.listener.queued is None and time.monotonic() - self._looked_at > _LOOK:
            self._looked_at = time.monotonic()
            with contextlib.suppress(BuildFailed):  # whoever wants something of it will see
                self._queued = self.client.hasty(_KNOCK).remaining()

    def measured(self, kind: str, seconds: float) -> None:
        """An image of this kind took so long, with its models loaded before."""
        self._seconds[kind] = smoothed(self._seconds.get(kind), max(seconds, 0.001))

    def forget(self, prompt_id: str = "", then: Callable[[], None] = lambda: None) -> None:
        """Delete what we have from the server's history, which keeps 10,000 whole graphs; some at a time, and
        ``then`` is called."""
        with self._knowing:
            if prompt_id:
                self._done[prompt_id] = then
            if not self._done or (prompt_id and len(self._done) < FORGOTTEN_TOGETHER):
                return
            having, self._done = self._done, {}
        with contextlib.suppress(BuildFailed):  # a courtesy, nothing depends on it
            self.client.forget(list(having))
        for told in having.values():
            told()

    def object_info(self, names: Sequence[str]) -> Mapping[str, Any]:
        """What it tells of these classes, as far as it knows them; of all without names. Raises BuildFailed."""
        if not names:
            return self.client.object_info()
        return {name: info for one in names for name, info in self.client.object_info(one).items() if name == one}
