"""The servers that work for a run: asked beforehand, given a model where they lack it, and given images."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from imagegen.backends.base import Order, Picture, Refusal, Watch
from imagegen.backends.ollama import models, survey
from imagegen.backends.ollama.pulling import Pulling
from imagegen.backends.ollama.seats import Seat, Seats, nobody
from imagegen.backends.ollama.transport import Transport, Wanted
from imagegen.backends.ollama.wording import Lacking, Passing, Unfit
from imagegen.errors import BuildFailed

TIMEOUT = 900
"""Seconds for one image with its model's loading, unless the block says otherwise."""


class Pool:
    """Threads share it. ``settings`` is the checked ``backends.ollama`` block."""

    def __init__(self, settings: Mapping[str, Any], transports: Sequence[Transport]) -> None:
        self._settings = settings
        self._pulls = settings.get("pull", "missing") != "never"
        self._seats = Seats(transports)
        self._noted: set[str] = set()
        self._lock = threading.Lock()

    @property
    def seats(self) -> Sequence[Seat]:
        return self._seats.all

    def close(self) -> None:
        for seat in self._seats.all:
            seat.transport.close()

    def answers(self, watch: Watch) -> bool:
        """Whether a server answers."""
        for seat in self._seats.all:
            try:
                if seat.transport.version(watch).alone:  # on macOS looking for a model starts the app
                    seat.transport.look(models.DEFAULT, watch)
                return True
            except BuildFailed:
                continue
        return False

    def preflight(self, orders: Sequence[Order], watch: Watch) -> Sequence[Refusal]:
        """See :meth:`imagegen.backends.base.Backend.preflight`. A server that does not answer, or whose version
        is none that makes images, is left out if another can."""
        by_model: dict[str, list[Order]] = {}
        for order in orders:
            by_model.setdefault(str(order.recipe.get("model", models.DEFAULT)), []).append(order)
        everyone = self._seats.all
        while True:
            silent = survey.ask_all(everyone, list(by_model), watch)
            if len(silent) < len(everyone):
                break
            error = nobody(list(silent.items())) if len(silent) > 1 else next(iter(silent.values()))
            if not isinstance(error, Passing):
                raise error
            again(error, watch, self._settings)
        for seat, why in silent.items():
            self._seats.failed(seat, why)
            self._note(f"{seat.name} is left out for now: {why.message}", watch)
        found = survey.refusals(everyone, by_model, self._pulls) if not silent else []
        if found:
            return found
        fit = [seat for seat in everyone if seat not in silent and seat.unfit is None]
        for seat in everyone:
            if seat.unfit is not None:
                self._note(f"{seat.name} is left out: {seat.unfit.message}", watch)
        for line in survey.notes(fit, by_model, self._pulls) if fit else ():
            self._note(line, watch)
        return []

    def generate(self, order: Order, watch: Watch) -> Picture:
        """See :meth:`imagegen.backends.base.Backend.generate`."""
        wanted = Wanted.of(order.recipe, pictures(order))
        while True:
            seat: Seat | None = None
            try:
                with self._seats.seat(wanted.model, watch) as seat:
                    self._ready(seat, wanted.model, watch)
                    watch.started()
                    timeout = order.timeout or self._settings.get("timeout", TIMEOUT)
                    png = seat.transport.generate(wanted, watch, timeout)
                self._seats.succeeded(seat)
                break
            except (Passing, Unfit, Lacking) as error:
                self._after(error, seat, wanted.model, watch)
        if flaw := watch.flaw(png):
            raise BuildFailed(f"{seat.name}: what came is no whole PNG: {flaw}")
        digest = seat.models[wanted.model].digest
        return Picture(png, known={"model": digest} if digest else {})

    # --- how ------------------------------------------------------------------------------------

    def _ready(self, seat: Seat, model: str, watch: Watch) -> None:
        """See to it that a server, which the caller holds, has the model. Raises BuildFailed."""
        survey.ask(seat, [model], watch)
        if never := seat.never(model):
            raise Unfit(never.message, never.hint)
        if model in seat.models:
            return
        if not self._pulls:
            message = f"{model} is not at {seat.name}, and `pull: never` forbids to get it"
            raise self._lost(seat, model, BuildFailed(message, survey.pull_command(model, seat)))
        pulling = Pulling(model, watch, seat.name)
        try:
            seat.transport.pull(model, watch, pulling)
        except Lacking as error:
            hint = f"known image models: {', '.join(one.name for one in models.KNOWN)}"
            lost = BuildFailed(f"{model} can't be pulled, there is no such model: {error.message}", hint)
            raise self._lost(seat, model, lost) from error
        except Passing:
            raise
        except BuildFailed as error:
            lost = BuildFailed(f"{model} can't be pulled: {error.message}", error.hint)
            raise self._lost(seat, model, lost) from error
        pulling.ended()
        found = seat.transport.look(model, watch)
        if found is None:
            raise self._lost(seat, model, BuildFailed(f"{model} was pulled, and {seat.name} does not have it"))
        seat.models[model] = found
        if found.draws is False:
            raise self._lost(seat, model, BuildFailed(f"{model} makes no images"))

    def _lost(self, seat: Seat, model: str, error: BuildFailed) -> Unfit:
        seat.lost[model] = error
        return Unfit(error.message, error.hint)

    def _after(self, error: BuildFailed, seat: Seat | None, model: str, watch: Watch) -> None:
        """Spend an attempt on a failure, and leave the server out; raises it where nothing is left to try."""
        if seat is None:  # nobody was there to be asked
            again(error, watch, self._settings)
            return
        others = self._seats.others(seat, model)
        if isinstance(error, Lacking):  # somebody has removed the model meanwhile
            seat.models.pop(model, None)
        elif isinstance(error, Unfit) and not others:
            raise error
        elif not seat.never(model):
            self._seats.failed(seat, error)
        if others:
            self._note(f"{seat.name} is left out for now: {error.message}", watch)
        again(error, watch, self._settings, pause=not others)

    def _note(self, text: str, watch: Watch) -> None:
        """Tell it once."""
        with self._lock:
            new = text not in self._noted
            self._noted.add(text)
        if new:
            watch.note(text)


def pictures(order: Order) -> tuple[bytes, ...]:
    """The bytes of the reference pictures. Raises BuildFailed."""
    found = []
    for path in order.files.get("references", ()):
        try:
            found.append(path.read_bytes())
        except OSError as error:
            raise BuildFailed(f"can't read {path.name}: {error.strerror or error}") from error
    return tuple(found)


def again(error: BuildFailed, watch: Watch, settings: Mapping[str, Any], pause: bool = True) -> None:
    """Spend an attempt and wait; raises ``error`` when none is left."""
    watch.attempts.spend()
    used = watch.attempts.used
    if not watch.attempts.left or used > settings.get("retries", 2):
        tried = f" ({used} attempts)" if used > 1 else ""
        raise type(error)(error.message + tried, error.hint) from error
    if pause:
        watch.pause(settings.get("retry_delay", 4) * 2 ** (used - 1))
