"""The servers that work for a run: asked beforehand, given images, and left as they were found."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagegen.backends.base import Order, Picture, Refusal, Watch
from imagegen.backends.comfyui import capability
from imagegen.backends.comfyui.address import addresses
from imagegen.backends.comfyui.asking import asked
from imagegen.backends.comfyui.blueprint import Blueprint
from imagegen.backends.comfyui.client import NoAnswer, Passing
from imagegen.backends.comfyui.cutting import cut_when
from imagegen.backends.comfyui.earlier import Earlier
from imagegen.backends.comfyui.journal import Journal
from imagegen.backends.comfyui.making import Desk, Making, again
from imagegen.backends.comfyui.places import Job, Places
from imagegen.backends.comfyui.server import Server
from imagegen.errors import BuildFailed
from imagegen.files import write_whole

_LEAVING = 3.0
"""Seconds that a request may take once all is over."""


class Pool:
    """Threads share it. ``settings`` is the checked ``backends.comfyui`` block; ``blueprint`` makes of an
    order what is sent for it, and raises BuildFailed."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        environ: Mapping[str, str],
        project: Path,
        blueprint: Callable[[Order], Blueprint],
    ) -> None:
        self._blueprint, self._settings = blueprint, settings
        timeout = settings.get("request_timeout", 30)
        self._servers = [Server(number, one, timeout) for number, one in enumerate(addresses(settings, environ))]
        self._journal = Journal(project)
        self._earlier = Earlier(self._journal, self._servers)
        self._places = Places(self._servers, self._earlier.returned)
        self._desk = Desk(self._places, self._journal, self._earlier, settings, set())
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def close(self) -> None:
        self._closed.set()
        for server in self._servers:
            server.client = server.client.hasty(_LEAVING)
        self._earlier.close()
        if not self._earlier.cancelled.is_set():
            for mark in list(self._desk.handed):  # no picture came of it: asking for it again would bring the same
                self._journal.done(mark)
        for server in self._servers:
            server.close()
        self._journal.close()

    # --- asked --------------------------------------------------------------------------------------

    def answers(self) -> bool:
        """See :meth:`imagegen.backends.base.Backend.answers`."""
        return any(self._answers(server) for server in self._servers)

    def object_info(self, names: Sequence[str] = ()) -> Mapping[str, Any]:
        """What the first server that answers tells of these classes, as far as it has them; of all classes
        without names. Raises BuildFailed."""
        silent: dict[Server, BuildFailed] = {}
        for server in self._servers:
            try:
                return server.object_info(names)
            except Passing as error:
                silent[server] = error
        raise _combined(silent)

    def learn(self, path: Path) -> None:
        """Write what a server tells of all its classes to ``path``, as JSON. Raises BuildFailed."""
        found = json.dumps(self.object_info()).encode()
        try:
            write_whole(path, found)
        except OSError as error:
            raise BuildFailed(f"can't write {path}: {error.strerror or error}") from error

    def preflight(self, orders: Sequence[Order], watch: Watch) -> Sequence[Refusal]:
        """See :meth:`imagegen.backends.base.Backend.preflight`.

        A server that does not answer is left out if another does: what only it could make then fails by
        itself, and not all that the others can do with it.
        """
        self._heeds(watch)
        self._earlier.wants(order.digest for order in orders)
        self._places.to_come += len(orders)
        kinds: dict[str, list[Order]] = {}
        for order in orders:
            kinds.setdefault(capability.kind(order), []).append(order)
        classes: dict[str, None] = {}
        refusals: list[Refusal] = []
        for kind, alike in list(kinds.items()):
            try:
                classes.update(dict.fromkeys(capability.classes(self._blueprint(alike[0]).graph)))
            except BuildFailed as error:
                refusals.append(Refusal(_tasks(alike), "", error.message, error.hint))
                del kinds[kind]
        self._ask(list(classes), watch)
        return [*refusals, *self._refusals(kinds)]

    def generate(self, order: Order, watch: Watch) -> Picture:
        """See :meth:`imagegen.backends.base.Backend.generate`."""
        self._heeds(watch)
        with self._lock:
            self._places.to_come = max(0, self._places.to_come - 1)
        plan = self._blueprint(order)
        models = capability.kit(plan.graph)
        making = Making(
            self._desk, order, Job(plan, capability.kind(order), models, capability.pace(order, models)), watch
        )
        left = self._earlier.take(order)
        return (making.collected(left) if left else None) or making.picture()

    # --- how ----------------------------------------------------------------------------------------

    def _heeds(self, watch: Watch) -> None:
        """Leave soon after the run is to be left, even where a server hangs."""
        with self._lock:
            self._earlier.wanted_later = watch.wanted
            if self._earlier.cancelled is not watch.leaving:
                self._earlier.cancelled = watch.leaving
                cut_when(watch.leaving, self._closed, self._cut)

    def _cut(self) -> None:
        for server in self._servers:
            server.client.cut()

    def _ask(self, classes: Sequence[str], watch: Watch) -> None:
        """Ask all servers at once for these classes. Raises BuildFailed where none answers."""
        up = [server for server in self._servers if server.is_up]
        known = 0
        while up:
            silent = asked(up, lambda one: one.learn(classes), watch)
            if len(silent) < len(up):
                break
            error = _combined(silent)
            if not isinstance(error, Passing):
                raise error
            known, before = sum(len(server.known) for server in self._servers), known
            if known == before:  # else it goes on, if slowly: each answer that came is kept
                again(error, watch, self._settings)
        else:  # those who answered before were left out since; an image that comes up knocks at them
            return
        for server, error in silent.items():
            self._places.failed(server, error)
            watch.note(f"{server.url} is left out for now: {error.message}")
        if not self._places.alone:
            for server in self._servers:
                server.listener.start()

    def _refusals(self, kinds: Mapping[str, Sequence[Order]]) -> list[Refusal]:
        """What no server can do, one refusal for all orders of which the same is to be said."""
        up = [server for server in self._servers if server.is_up]
        wrong: dict[tuple[str, str, str], list[Order]] = {}
        for kind, alike in kinds.items():
            plan = self._blueprint(alike[0])
            lacking = {server.url: server.lacks(plan, kind) or () for server in up}
            if all(lacking.values()) and len(up) == len(self._servers):
                for said in capability.said(lacking, ()):
                    wrong.setdefault(said, []).extend(alike)
        return [Refusal(_tasks(some), setting, message, hint) for (setting, message, hint), some in wrong.items()]

    def _answers(self, server: Server) -> bool:
        try:
            server.client.system_stats()
        except BuildFailed:
            return False
        return True


def _tasks(orders: Sequence[Order]) -> tuple[str, ...]:
    return tuple(order.task for order in orders)


def _combined(silent: Mapping[Server, BuildFailed]) -> BuildFailed:
    """One error for servers none of which answered as it should; it can pass if one of them can."""
    errors = list(silent.values())
    if len(errors) == 1:
        return errors[0]
    message = "no server answers: " + "; ".join(
        said if server.url in (said := error.message.removeprefix("no answer from ")) else f"{server.url}: {said}"
        for server, error in silent.items()
    )
    if all(isinstance(error, NoAnswer) for error in errors):
        return NoAnswer(message, "is ComfyUI running there? backends.comfyui.urls or COMFYUI_URLS says where")
    hint = next((error.hint for error in errors if error.hint), "")
    return (Passing if any(isinstance(error, Passing) for error in errors) else BuildFailed)(message, hint)
