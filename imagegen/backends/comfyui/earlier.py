"""What earlier runs left at the servers, and what this one had to leave behind: collected or withdrawn.

A prompt of ours that is wanted is waited for and fetched instead of being made again; what nobody wants is
taken off the server; what another run may want, or can't be asked about now, stays in the journal for that.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from imagegen.backends.base import Order
from imagegen.backends.comfyui import whereabouts
from imagegen.backends.comfyui.journal import Entry, Journal
from imagegen.backends.comfyui.server import Server
from imagegen.backends.comfyui.whereabouts import Found
from imagegen.errors import BuildFailed

NOTE = "collected: an earlier run had submitted it"


@dataclass(frozen=True)
class Left:
    """A prompt that is still on a server, and wanted."""

    entry: Entry
    server: Server
    found: Found


class Earlier:
    """Threads share it. ``cancelled`` tells when the run is being left; ``wanted_later`` whether a later run
    would make an image of this task and recipe."""

    def __init__(self, journal: Journal, servers: Sequence[Server]) -> None:
        self._journal = journal
        self.cancelled = threading.Event()
        self.wanted_later: Callable[[str, str], bool] = lambda task, digest: False
        self._servers = {server.url: server for server in servers}
        self._wanted: set[str] = set()
        self._unasked: dict[str, list[Entry]] = {}
        self._left: dict[str, list[Left]] = {}
        self._looking = threading.Lock()
        self._lock = threading.Lock()

    def wants(self, digests: Iterable[str]) -> None:
        """Recipes of which this run makes images."""
        with self._lock:
            self._wanted.update(digests)

    def take(self, order: Order) -> Left | None:
        """What an earlier run, or one that was killed meanwhile, left of this order; nobody else gets it."""
        with self._looking:  # nobody makes anew what is just being found
            self._look()
        with self._lock:
            self._wanted.discard(order.digest)
            found = self._left.get(order.digest, [])
            own = next((left for left in found if left.entry.task == order.task), found[0] if found else None)
            if own is not None:
                found.remove(own)
            return own

    def leave(self, entry: Entry, server: Server) -> None:
        """A prompt of this run that may be on a server that does not answer; it is made elsewhere."""
        with self._lock:
            self._unasked.setdefault(server.url, []).append(entry)

    def returned(self, server: Server) -> None:
        """A server answers: what is there of ours? Raises BuildFailed where it falls silent again."""
        with self._lock:
            entries = self._unasked.pop(server.url, [])
        while entries:  # the last first, so that none begins to run because one before it was withdrawn
            try:
                self._sort(entries[-1], server)
            except BuildFailed:
                with self._lock:
                    self._unasked.setdefault(server.url, []).extend(entries)
                raise
            entries.pop()

    def close(self) -> None:
        """Nobody wants the rest; what is done already is kept for the next run if this one is cut short."""
        for server in self._servers.values():
            if server.url in self._unasked:  # it may answer again
                with contextlib.suppress(BuildFailed):
                    self.returned(server)
        for left in [left for some in self._left.values() for left in some]:
            if left.found.entry is None or not self.cancelled.is_set():
                with contextlib.suppress(BuildFailed):
                    self._withdraw(left.entry, left.server, left.found)

    # --- looking --------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Take over what runs that are dead had under way, and ask the servers about it."""
        taken_over = False
        for path, entries in self._journal.earlier():
            taken_over = True
            kept = [self._journal.add(entry) for entry in entries]
            if all(kept):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
            for entry in entries:
                self._unasked.setdefault(entry.server, []).append(entry)
        for server in self._servers.values() if taken_over else ():
            if server.is_up:
                with contextlib.suppress(BuildFailed):  # asked again when it answers again, or by a later run
                    self.returned(server)

    def _sort(self, entry: Entry, server: Server) -> None:
        found = whereabouts.find(server.client, entry.mark)
        if found is None:
            self._journal.done(entry.mark)
            return
        with self._lock:
            wanted = entry.recipe in self._wanted
            if wanted:
                self._left.setdefault(entry.recipe, []).append(Left(entry, server, found))
        if not wanted and not self.wanted_later(entry.task, entry.recipe):
            self._withdraw(entry, server, found)

    def _withdraw(self, entry: Entry, server: Server, found: Found) -> None:
        if found.entry is None:
            whereabouts.stop(server.client, found.prompt_id, self.cancelled)
        server.client.forget([found.prompt_id])
        self._journal.done(entry.mark)
