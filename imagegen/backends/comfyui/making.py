"""The way of one image over the servers: chosen, submitted, waited for, fetched, and moved where one fails."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from imagegen.backends.base import Order, Picture, Watch
from imagegen.backends.comfyui.client import NoAnswer, Passing, Refused
from imagegen.backends.comfyui.earlier import NOTE, Earlier, Left
from imagegen.backends.comfyui.graph import PREFIX
from imagegen.backends.comfyui.journal import Entry, Journal
from imagegen.backends.comfyui.outcome import images
from imagegen.backends.comfyui.places import Job, Nobody, Place, Places
from imagegen.backends.comfyui.prompt import Lost, Patience, Prompt, Rejected
from imagegen.backends.comfyui.server import Server
from imagegen.backends.comfyui.workflow.api import Graph, Spot
from imagegen.errors import BuildFailed, Interrupted


class Flawed(Passing):
    """What came down is no picture."""


class Ended(NamedTuple):
    """A prompt that has ended well: its server, its entry in the journal, its id there, and its pictures."""

    server: Server
    entry: Entry
    prompt_id: str
    found: list[Mapping[str, Any]]


class Desk(NamedTuple):
    """What all images of a run share."""

    places: Places
    journal: Journal
    earlier: Earlier
    settings: Mapping[str, Any]
    handed: set[str]
    """Marks of prompts whose pictures were handed over, and are not in their places yet."""


class Making:
    """One order's."""

    def __init__(self, desk: Desk, order: Order, job: Job, watch: Watch) -> None:
        self._desk, self._order, self._job, self._watch = desk, order, job, watch
        self._doubted: Server | None = None
        self._shunned: set[int] = set()
        self._uploaded_again = False

    def picture(self) -> Picture:
        """Made, wherever that goes best. Raises BuildFailed or Interrupted."""
        while True:
            try:
                with self._desk.places.place(self._job, self._watch) as place:
                    ended = self._made(place)
            except Nobody as error:
                self._nobody(error)
                continue
            if ended is not None and (png := self._fetched(ended)) is not None:
                return self._handed(ended, png)

    def collected(self, left: Left) -> Picture | None:
        """What an earlier run had submitted, waited for and fetched; None where nothing comes of it."""
        prompt = self._prompt(left.server)
        ended = Ended(left.server, left.entry, left.found.prompt_id, [])
        try:
            prompt.resume(left.entry.mark, left.found.prompt_id)
            entry = left.found.entry or prompt.finished()
            found = images(entry, self._job.plan.save)
            png = self._viewed(left.server, found[0])
        except Interrupted:
            if left.found.entry is None and prompt.withdraw():
                self._desk.journal.done(left.entry.mark)
            raise
        except BuildFailed:  # it is made anew, with all its attempts
            if prompt.withdraw():
                self._desk.journal.done(left.entry.mark)
            else:
                self._desk.earlier.leave(left.entry, left.server)
            return None
        finally:
            prompt.close()
        return self._handed(ended._replace(found=found), png, NOTE)

    # --- on a server ----------------------------------------------------------------------------------

    def _made(self, place: Place) -> Ended | None:
        """Have it made there, through as many attempts as there are; None where another place is to be looked for.

        The caller holds the place: nothing of ours is left there when this is over, unless it does not answer.
        """
        server = place.server
        prompt = self._prompt(server)
        try:
            while True:
                try:
                    entry = prompt.finished()
                    break
                except Rejected as error:
                    if not self._uploads_again(server):
                        raise error from None
                except Passing as error:
                    if not self._stays(error, server, prompt):
                        return None
            self._doubted = None
            if place.warm and prompt.seconds is not None:
                server.measured(self._job.pace, prompt.seconds)
            found = self._images(entry, server)
            return Ended(server, self._entry(server, prompt.mark), prompt.id, found)
        except BaseException:  # an error, Ctrl-C
            if prompt.withdraw():
                self._desk.journal.done(prompt.mark)
            else:
                self._desk.earlier.leave(self._entry(server, prompt.mark), server)
            raise
        finally:
            prompt.close()

    def _stays(self, error: Passing, server: Server, prompt: Prompt) -> bool:
        """Whether to try on where it was tried; raises ``error`` when no attempt is left.

        Where nothing was queued, another server costs nothing the first time. Where something may be there,
        the server has one pause to answer again; what it may still have is withdrawn when it does later.
        """
        desk = self._desk
        others = desk.places.others(server, self._job)
        if isinstance(error, Lost):
            server.uploads.forget()
            desk.journal.done(prompt.mark)
            again(error, self._watch, desk.settings, pause=not others)
            return False
        if not prompt.maybe_there:
            desk.journal.done(prompt.mark)
            if not others or not isinstance(error, NoAnswer):
                again(error, self._watch, desk.settings)
                return not others
            desk.places.failed(server, error)
            if server.number in self._shunned:
                again(error, self._watch, desk.settings, pause=False)
            self._shunned.add(server.number)
            return False
        if not others or self._doubted is not server:
            self._doubted = server
            again(error, self._watch, desk.settings)
            return True
        self._leave(error, server, prompt.mark)
        return False

    def _leave(self, error: Passing, server: Server, mark: str) -> None:
        self._doubted = None
        self._desk.places.failed(server, error)
        self._desk.earlier.leave(self._entry(server, mark), server)

    def _nobody(self, error: Nobody) -> None:
        """Wait for one that could make it, as long as an image has attempts, but not for each image anew."""
        settings = self._desk.settings
        patience = settings.get("retry_delay", 4) * (2 ** settings.get("retries", 2) - 1)
        if self._desk.places.gone_for(self._job) > patience:
            raise error
        again(error, self._watch, settings)

    def _uploads_again(self, server: Server) -> bool:
        """Whether the graph may have been refused for want of a picture that the server has lost."""
        if not self._job.plan.uploads or self._uploaded_again:
            return False
        self._uploaded_again = True
        server.uploads.forget()
        return True

    # --- its parts ------------------------------------------------------------------------------------

    def _prompt(self, server: Server) -> Prompt:
        order, settings, journal = self._order, self._desk.settings, self._desk.journal
        patience = Patience(
            order.timeout or settings.get("timeout", 300), order.queue_timeout or settings.get("queue_timeout", 3600)
        )
        return Prompt(
            server.client,
            server.listener,
            self._watch,
            lambda mark: self._graph(server, mark),
            patience,
            before=lambda mark: void(journal.add(self._entry(server, mark))),
        )

    def _entry(self, server: Server, mark: str) -> Entry:
        return Entry(server.url, mark, self._order.task, self._order.digest, round(time.time(), 3))

    def _graph(self, server: Server, mark: str) -> Graph:
        """What is sent to this server: in its spelling, with its names of the pictures, and a prefix of its own."""
        plan = self._job.plan
        values: dict[Spot, Any] = {
            spot: server.uploads.name(upload.path) for upload in plan.uploads for spot in upload.spots
        }
        values.update(dict.fromkeys(plan.prefixes, f"{PREFIX}/{mark}"))
        graph = dict(server.spelled(plan.graph))
        for (node, name), value in values.items():
            graph[node] = {**graph[node], "inputs": {**graph[node]["inputs"], name: value}}
        return graph

    def _images(self, entry: Mapping[str, Any], server: Server) -> list[Mapping[str, Any]]:
        try:
            return images(entry, self._job.plan.save)
        except BuildFailed as error:  # it repeats what the server said
            raise BuildFailed(server.client.address.hidden(error.message), error.hint) from error

    def _fetched(self, ended: Ended) -> bytes | None:
        """The picture's bytes, whole; None where it has to be made again."""
        server = ended.server
        while True:
            try:
                return self._viewed(server, ended.found[0])
            except Lost as error:
                self._desk.journal.done(ended.entry.mark)
                again(error, self._watch, self._desk.settings)
                return None  # a new submission, under a prefix that no cache knows
            except Passing as error:
                others = not isinstance(error, Flawed) and self._desk.places.others(server, self._job)
                if others and self._doubted is server:
                    self._leave(error, server, ended.entry.mark)
                    return None
                self._doubted = server
                try:
                    again(error, self._watch, self._desk.settings)
                except BuildFailed:
                    self._desk.journal.done(ended.entry.mark)
                    raise
            except BuildFailed:
                self._desk.journal.done(ended.entry.mark)
                raise

    def _viewed(self, server: Server, image: Mapping[str, Any]) -> bytes:
        """Raises Lost where the server no longer has it, Flawed where it came down broken."""
        try:
            png = server.client.view(image)
        except Refused as error:
            if error.status_code == 404:
                raise Lost(f"the picture {image.get('filename')} is gone from the server") from error
            raise
        if flaw := self._watch.flaw(png):
            raise Flawed(f"what came down is no whole PNG: {flaw}")
        return png

    def _handed(self, ended: Ended, png: bytes, *notes: str) -> Picture:
        desk, mark = self._desk, ended.entry.mark
        desk.handed.add(mark)

        def settle() -> None:
            desk.handed.discard(mark)
            # Struck out only then: a kill in between leaves it to the next run to forget.
            ended.server.forget(ended.prompt_id, lambda: desk.journal.done(mark))

        count = len(ended.found)
        several = (f"the graph saved {count} pictures, the first is taken",) if count > 1 else ()
        return Picture(png, {"prompt": json.dumps(self._job.plan.graph)}, (*notes, *several), settle)


def again(error: Passing, watch: Watch, settings: Mapping[str, Any], pause: bool = True) -> None:
    """Spend an attempt and wait; raises ``error`` when none is left, Interrupted when the run is being left."""
    watch.check()
    watch.attempts.spend()
    used = watch.attempts.used
    if not watch.attempts.left or used > settings.get("retries", 2):
        tried = f" ({used} attempts)" if used > 1 else ""
        raise type(error)(error.message + tried, error.hint) from error
    if pause:
        watch.pause(settings.get("retry_delay", 4) * 2 ** (used - 1))


def void(_: object) -> None:
    """Trouble with the journal fails no image."""
