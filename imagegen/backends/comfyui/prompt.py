"""One image on one server: submit its graph, wait for it, find its picture, or leave nothing behind.

The truth is the server's ``/history`` and ``/queue``; the socket only says sooner. A prompt carries an
id of our choosing, and the same id in ``extra_data`` for servers that give their own, so that after a
lost answer it is found again and never queued twice.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from imagegen.backends.base import Watch
from imagegen.backends.comfyui.client import Client, Passing, Refused, refusal
from imagegen.backends.comfyui.listener import Listener
from imagegen.errors import BuildFailed

POLL = 0.25
"""Seconds after which the history is asked even if the socket says nothing."""

QUEUE_POLL = 1.0
"""Seconds after which the queue is asked whether the prompt is still there and whether it runs."""

LONGEST_STOP = 30.0
"""Seconds to wait for an interrupted prompt to end: it ends between two sampling steps."""

MARK = "imagegen"
"""The key of our id in ``extra_data``."""


class Lost(Passing):
    """The server no longer has the prompt or its picture: it was restarted, or somebody deleted it."""


class Prompt:
    """One submission. ``graph`` makes the graph for a prefix that no other submission has, because a
    save node served from the cache writes no file and names one that may be gone."""

    def __init__(
        self,
        client: Client,
        listener: Listener,
        watch: Watch,
        graph: Callable[[str], Mapping[str, Any]],
        timeout: float,
        queue_timeout: float,
    ) -> None:
        self._client, self._listener, self._watch, self._graph = client, listener, watch, graph
        self._timeout, self._queue_timeout = timeout, queue_timeout
        self.mark = str(uuid.uuid4())
        self.id = self.mark
        self._hidden = client.address.hidden
        self._sent = self._on_server = False
        self._queued_at = self._began_at = 0.0
        self._news = threading.Event()
        self._listener.follow(self.id, self)

    # --- what the listener says, from its own thread ----------------------------------------------

    def began(self) -> None:
        if not self._began_at:
            self._began_at = time.monotonic()
            self._watch.started()

    def stepped(self, value: int, total: int) -> None:
        self.began()
        self._watch.step(value, total)

    def ended(self) -> None:
        self._news.set()

    # --- the way of a prompt ----------------------------------------------------------------------

    def finished(self) -> Mapping[str, Any]:
        """Submit if it is not there yet, and wait; the history's entry.

        May be called again after Passing: what is still on the server is not submitted again. Raises
        Lost, Passing, or BuildFailed for what no further attempt would mend.
        """
        if self._sent and not self._on_server:  # the answer was lost: has it arrived all the same?
            self._on_server = self._found()
        if not self._on_server:
            self._submit()
        try:
            return self._wait()
        except Lost:
            self._sent = self._on_server = False
            raise

    def close(self) -> None:
        """Hear no more of it."""
        self._listener.unfollow(self.id)

    def withdraw(self) -> None:
        """Take it off the server, whether it waits or runs; never anybody else's.

        Unless the run is being left, it is waited for until it is gone: its place is not free before.
        """
        if not self._sent:
            return
        for pause in (0.0, 0.2, 0.5):
            time.sleep(pause)
            try:
                if self._on_server or self._found():
                    self._stop()
                return
            except Passing:
                continue  # a server that does not answer can't be asked to stop: it is asked again
            except BuildFailed:
                return

    def _stop(self) -> None:
        self._client.delete(self.id)
        until = time.monotonic() + LONGEST_STOP
        told = False
        while True:
            running, _ = self._client.queue()
            if not any(entry[1] == self.id for entry in running):
                return
            if not told:
                self._client.interrupt(self.id)
                told = True
            elif self._watch.cancelled.is_set() or time.monotonic() > until:
                return
            self._watch.cancelled.wait(POLL / 5 if told else 0)

    # --- its parts ----------------------------------------------------------------------------------

    def _submit(self) -> None:
        self._watch.check()
        self._queued_at, self._began_at, self._sent = time.monotonic(), 0.0, True
        body = {
            "prompt": self._graph(self.mark),
            "client_id": self._listener.client_id,
            "prompt_id": self.mark,
            "extra_data": {MARK: self.mark},
        }
        try:
            answer = self._client.submit(body)
        except Refused as error:
            self._sent = False
            raise BuildFailed(
                f"the server refused the graph: {self._hidden(refusal(error.body))}"
                if error.status_code == 400
                else error.message
            ) from error
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
        running, waiting = self._client.queue()
        for entry in running + waiting:
            if entry[1] == self.id or (isinstance(entry[3], dict) and entry[3].get(MARK) == self.mark):
                self._rename(str(entry[1]))
                return True
        if self._client.history(self.id):
            return True
        for prompt_id, entry in self._client.recent().items():
            extra = (entry.get("prompt") or [None] * 4)[3] if isinstance(entry, dict) else None
            if isinstance(extra, dict) and extra.get(MARK) == self.mark:
                self._rename(prompt_id)
                return True
        return False

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
        if self._began_at:
            if now - self._began_at > self._timeout:
                raise BuildFailed(f"took longer than {self._timeout:g} s to run", "give it more with timeout:")
        elif now - self._queued_at > self._queue_timeout:
            raise BuildFailed(
                f"waited longer than {self._queue_timeout:g} s in the server's queue",
                "others use the server; queue_timeout: gives it more",
            )


def images(entry: Mapping[str, Any], save_node: str | None) -> list[Mapping[str, Any]]:
    """The pictures of a finished prompt, those of ``save_node`` and written for good first.

    Raises BuildFailed where it failed, was interrupted, or made none.
    """
    status = entry.get("status") or {}
    messages = [message for message in status.get("messages") or () if len(message) == 2]
    last = messages[-1] if messages else ("", {})
    if last[0] == "execution_interrupted":
        raise BuildFailed("was interrupted on the server by somebody else", "run again to make it")
    if last[0] == "execution_error":
        said = last[1]
        raise BuildFailed(
            f"failed on the server in {said.get('node_type')} (node {said.get('node_id')}): "
            f"{str(said.get('exception_message', '')).strip() or said.get('exception_type')}"
        )
    if status.get("status_str") == "error":
        raise BuildFailed("failed on the server, which gives no reason; its log may")
    outputs = entry.get("outputs") or {}
    found = [
        (node != save_node, image.get("type") != "output", image)
        for node, output in outputs.items()
        if not any(output.get("animated") or ())
        for image in output.get("images") or ()
        if image.get("filename")
    ]
    if not found:
        raise BuildFailed("ended on the server without a picture")
    best = min(found, key=lambda one: one[:2])[:2]
    return [image for *rank, image in found if tuple(rank) == best]
