"""The servers that work for a run (one, so far): places on it, attempts, and the way of one order."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from imagegen.backends.base import Order, Picture, Refusal, Watch
from imagegen.backends.comfyui import choices, graph, models
from imagegen.backends.comfyui.address import address
from imagegen.backends.comfyui.client import Client, Passing, Refused
from imagegen.backends.comfyui.listener import Listener
from imagegen.backends.comfyui.prompt import Lost, Prompt, images
from imagegen.errors import BuildFailed

ON_SERVER = 2
"""Prompts kept on the server: one runs, one waits, so that the GPU does not idle while a picture comes
down."""

FORGOTTEN_TOGETHER = 16
"""Finished prompts after which their entries in the history are deleted, in one request."""


class Pool:
    """Threads share it. ``settings`` is the checked ``backends.comfyui`` block."""

    def __init__(self, settings: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        where = address(settings, environ)
        self._settings = settings
        self._client = Client(where, settings.get("request_timeout", 30))
        self._listener = Listener(where)
        self._places = threading.BoundedSemaphore(ON_SERVER)
        self._lock = threading.Lock()
        self._have: list[str] = []
        self._spelling: Mapping[tuple[str, str], str] = {}

    def close(self) -> None:
        self._forget()
        self._listener.close()
        self._client.close()

    def answers(self) -> bool:
        """See :meth:`imagegen.backends.base.Backend.answers`."""
        try:
            self._client.system_stats()
        except BuildFailed:
            return False
        return True

    def preflight(self, orders: Sequence[Order], watch: Watch) -> Sequence[Refusal]:
        """See :meth:`imagegen.backends.base.Backend.preflight`."""
        while True:
            try:
                known = choices.known_to(self._client)
                break
            except Passing as error:
                self._again(error, watch)
        self._spelling = choices.spellings(known)
        return choices.refusals(orders, known, self._client.address.url)

    def generate(self, order: Order, watch: Watch) -> Picture:
        """See :meth:`imagegen.backends.base.Backend.generate`."""
        while True:
            with self._place(watch):
                found, prompt_id = self._made(order, watch)
            try:
                png = self._fetched(found[0], watch)
                break
            except Lost as error:
                self._again(error, watch)  # and then a new submission, under a prefix that no cache knows
        notes = (f"the graph saved {len(found)} pictures, the first is taken",) if len(found) > 1 else ()
        own_graph = json.dumps(graph.built_in(order.recipe))
        return Picture(png, {"prompt": own_graph}, notes, lambda: self._forget(prompt_id))

    def _made(self, order: Order, watch: Watch) -> tuple[list[Mapping[str, Any]], str]:
        """Have it made on the server, through as many attempts as there are; its pictures and its id there.

        The caller holds a place: nothing of ours is left on the server when this is over.
        """
        prompt = self._prompt(order, watch)
        try:
            while True:
                try:
                    return self._images(prompt.finished()), prompt.id
                except Passing as error:
                    self._again(error, watch)
                    if isinstance(error, Lost):
                        prompt.close()
                        prompt = self._prompt(order, watch)
        except BaseException:  # an error, Ctrl-C
            prompt.withdraw()
            raise
        finally:
            prompt.close()

    def _images(self, entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        try:
            return images(entry, graph.SAVE_NODE)
        except BuildFailed as error:  # it repeats what the server said
            raise BuildFailed(self._client.address.hidden(error.message), error.hint) from error

    def _prompt(self, order: Order, watch: Watch) -> Prompt:
        recipe = {
            **order.recipe,
            **{setting: self._spelled(setting, order.recipe[setting]) for setting in choices.NODE_OF},
        }
        return Prompt(
            self._client,
            self._listener,
            watch,
            graph=lambda mark: graph.built_in(recipe, f"{graph.PREFIX}/{mark}"),
            timeout=order.timeout or self._settings.get("timeout", 300),
            queue_timeout=order.queue_timeout or self._settings.get("queue_timeout", 3600),
        )

    def _spelled(self, setting: str, value: str) -> str:
        return self._spelling.get((setting, models.same_name(value)), value)

    @contextmanager
    def _place(self, watch: Watch) -> Iterator[None]:
        """Hold one of the server's places: never more of ours are on it, whoever else uses it."""
        while not self._places.acquire(timeout=0.25):
            watch.check()
        try:
            yield
        finally:
            self._places.release()

    def _fetched(self, image: Mapping[str, Any], watch: Watch) -> bytes:
        """The picture's bytes, whole. Raises Lost where the server no longer has it."""
        while True:
            try:
                png = self._client.view(image)
                if flaw := watch.flaw(png):
                    raise Passing(f"what came down is no whole PNG: {flaw}")
                return png
            except Refused as error:
                if error.status_code == 404:
                    raise Lost(f"the picture {image.get('filename')} is gone from the server") from error
                raise
            except Passing as error:
                self._again(error, watch)

    def _forget(self, prompt_id: str | None = None) -> None:
        """Delete what we have from the server's history, which keeps 10,000 whole graphs; some at a time."""
        with self._lock:
            self._have += [prompt_id] if prompt_id else []
            if not self._have or (prompt_id and len(self._have) < FORGOTTEN_TOGETHER):
                return
            having, self._have = self._have, []
        with contextlib.suppress(BuildFailed):  # a courtesy, nothing depends on it
            self._client.forget(having)

    def _again(self, error: Passing, watch: Watch) -> None:
        """Spend an attempt and wait; raises ``error`` when none is left."""
        watch.attempts.spend()
        used = watch.attempts.used
        if not watch.attempts.left or used > self._settings.get("retries", 2):
            tried = f" ({used} attempts)" if used > 1 else ""
            raise type(error)(error.message + tried, error.hint) from error
        watch.pause(self._settings.get("retry_delay", 4) * 2 ** (used - 1))
