"""One image on one server: submit its graph, wait for it, or leave nothing behind.

The truth is the server's ``/history`` and ``/queue``; the socket only says sooner. A prompt carries an
id of our choosing, and the same id in ``extra_data`` for servers that give their own, so that after a
lost answer it is found again and never queued twice.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from imagegen.backends.base import Watch
from imagegen.backends.comfyui import whereabouts
from imagegen.backends.comfyui.client import Client, NotConnected, Passing, Refused
from imagegen.backends.comfyui.listener import Listener
from imagegen.backends.comfyui.wording import refusal
from imagegen.errors import BuildFailed

POLL = 0.25
"""Seconds after which the history is asked even if the socket says nothing."""

QUEUE_POLL = 1.0
"""Seconds after which the queue is asked whether the prompt is still there and whether it runs."""

_HURRY = 3.0
"""Seconds that a request may take while the run is being left."""


class Lost(Passing):
    """The server no longer has the prompt or its picture: it was restarted, or somebody deleted it."""


class Rejected(BuildFailed):
    """The server does not take the graph; ``body`` is its answer."""

    def __init__(self, message: str, body: Any) -> None:
        super().__init__(message)
        self.body = body


class Patience(NamedTuple):
    """Seconds that an image may run, and wait in the queue before."""

    running: float
    queued: float


class Prompt:
    """One submission. ``graph`` makes the graph for a prefix that no other submission has, because a
    save node served from the cache writes no file and names one that may be gone. ``before`` is called
    with the prompt's mark before it is submitted."""

    def __init__(
        self,
        client: Client,
        listener: Listener,
        watch: Watch,
        graph: Callable[[str], Mapping[str, Any]],
        patience: Patience,
        before: Callable[[str], None] = lambda mark: None,
    ) -> None:
        self._client, self._listener, self._watch, self._graph = client, listener, watch, graph
        self._patience, self._before = patience, before
        self.mark = str(uuid.uuid4())
        self.id = self.mark
        self._hidden = client.address.hidden
        self._sent = self._on_server = False
        self._queued_at = self._began_at = self._ended_at = 0.0
        self._news = threading.Event()
        self._listener.follow(self.id, self)

    @property
    def maybe_there(self) -> bool:
        """Whether the server may have it."""
        return self._sent

    @property
    def seconds(self) -> float | None:
        """How long it ran, as far as it was seen to begin."""
        return self._ended_at - self._began_at if self._began_at and self._ended_at else None

    def resume(self, mark: str, prompt_id: str) -> None:
        """It was submitted before, under this mark, and is on the server."""
        self.mark = mark
        self._rename(prompt_id)
        self._sent = self._on_server = True
        self._queued_at = time.monotonic()

    # --- what the listener says, from its own thread ----------------------------------------------

    def began(self) -> None:
        if not self._began_at:
            self._began_at = time.monotonic()
            self._watch.started()

    def stepped(self, value: int, total: int) -> None:
        self.began()
        self._watch.step(value, total)

    def looked(self, data: bytes, kind: str) -> None:
        self._watch.preview(data, kind)

    def ended(self) -> None:
        self._news.set()

    # --- the way of a prompt ----------------------------------------------------------------------

    def finished(self) -> Mapping[str, Any]:
        """Submit if it is not there yet, and wait; the history's entry.

        May be called again after Passing: what is still on the server is not submitted again. Raises
        Lost, Passing, Rejected, or BuildFailed for what no further attempt would mend.
        """
        if self._sent and not self._on_server:  # the answer was lost: has it arrived all the same?
            self._on_server = self._found()
        if not self._on_server:
            self._submit()
        try:
            entry = self._wait()
        except Lost:
            self._sent = self._on_server = False
            raise
        self._ended_at = time.monotonic()
        return entry

    def close(self) -> None:
        """Hear no more of it."""
        self._listener.unfollow(self.id)

    def withdraw(self) -> bool:
        """Take it off the server, whether it waits or runs; never anybody else's. False where that can't be
        said to have happened.

        Unless the run is being left, it is waited for until it is gone: its place is not free before.
        """
        if not self._sent:
            return True
        for pause in (0.0, 0.2, 0.5):
            time.sleep(pause)
            if self._watch.cancelled.is_set():
                self._client = self._client.hasty(_HURRY)
            try:
                if self._on_server or self._found():
                    whereabouts.stop(self._client, self.id, self._watch.cancelled)
                return True
            except Passing:
                continue  # a server that does not answer can't be asked to stop: it is asked again
            except BuildFailed:
                return False
        return False

    # --- its parts ----------------------------------------------------------------------------------

    def _submit(self) -> None:
        self._watch.check()
        body = {
            "prompt": self._graph(self.mark),
            "client_id": self._listener.client_id,
            "prompt_id": self.mark,
            "extra_data": {whereabouts.MARK: self.mark},
        }
        self._before(self.mark)
        self._queued_at, self._began_at, self._sent = time.monotonic(), 0.0, True
        try:
            answer = self._client.submit(body)
        except NotConnected:
            self._sent = False
            raise
        except Refused as error:
            self._sent = False
            if error.status_code == 400:
                said = f"the server refused the graph: {self._hidden(refusal(error.body))}"
                raise Rejected(said, error.body) from error
            raise BuildFailed(error.message) from error
        self._rename(str(answer.get("prompt_id") or self.mark))
        self._on_server = True
        if answer.get("node_errors"):  # one output was good and is queued, another is not
            raise BuildFailed(f"the server took the graph only in part: {self._hidden(refusal(answer))}")

    def _rename(self, prompt_id: str) -> None:
        """An older server chose an id of its own."""
        if prompt_id != self.id:
            self._listener.unfollow(self.id)
            self.id = prompt_id
            self._listener.follow(self.id, self)

    def _found(self) -> bool:
        """Whether the server has it, waiting, running or done, by our mark."""
        found = whereabouts.find(self._client, self.mark, self.id)
        if found is not None:
            self._rename(found.prompt_id)
        return found is not None

    def _wait(self) -> Mapping[str, Any]:
        asked_queue = time.monotonic()
        failures = 0
        while True:
            told = self._news.wait(POLL)
            self._news.clear()
            self._watch.check()
            try:
                entry = self._history_soon() if told else self._client.history(self.id)
                if entry is None and time.monotonic() - asked_queue >= QUEUE_POLL:
                    asked_queue = time.monotonic()
                    entry = self._look_in_queue()
                failures = 0
            except Lost:
                raise
            except Passing:
                # Asking costs the image nothing: only several failures in a row are an attempt lost.
                failures += 1
                if failures >= 3:
                    raise
                self._check_time()
                continue
            if entry is not None:
                return entry
            self._check_time()

    def _history_soon(self) -> Mapping[str, Any] | None:
        """The entry; the socket's word may come a moment before the history has it."""
        for pause in (0.0, 0.002, 0.005, 0.01, 0.02, 0.05):
            time.sleep(pause)
            entry = self._client.history(self.id)
            if entry is not None:
                return entry
        return None

    def _look_in_queue(self) -> Mapping[str, Any] | None:
        running, waiting = self._client.queue()
        if any(entry[1] == self.id for entry in running):
            self.began()
            return None
        if any(entry[1] == self.id for entry in waiting):
            return None
        # It may have ended between the two questions; asked in this order the answer is sure.
        entry = self._client.history(self.id)
        if entry is None:
            raise Lost(
                f"{self._client.address.url} no longer knows the prompt: it was restarted, or somebody deleted it"
            )
        return entry

    def _check_time(self) -> None:
        now = time.monotonic()
        running, queued = self._patience
        if self._began_at:
            if now - self._began_at > running:
                raise BuildFailed(f"took longer than {running:g} s to run", "give it more with timeout:")
        elif now - self._queued_at > queued:
            raise BuildFailed(
                f"waited longer than {queued:g} s in the server's queue",
                "others use the server; queue_timeout: gives it more",
            )
