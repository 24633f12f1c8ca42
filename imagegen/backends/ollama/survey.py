"""What the servers are asked before anything is pulled or made, and what they can't do."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from imagegen.backends.base import Order, Refusal, Watch
from imagegen.backends.ollama import models, versions
from imagegen.backends.ollama.seats import Seat, combined
from imagegen.backends.ollama.versions import Ability
from imagegen.errors import BuildFailed

OTHER_SYSTEM = (
    "Ollama's images are made for macOS; on this system builds often fail (image runner failed): its own answer decides"
)


def ask(seat: Seat, wanted: Sequence[str], watch: Watch) -> None:
    """Learn a server's version, and which of the ``wanted`` models it has, as far as that is not known yet.

    What keeps it from making images becomes its ``unfit`` or ``lost``. Raises BuildFailed or Interrupted.
    """
    if seat.told is None:
        told = seat.transport.version(watch)
        if versions.ability(told.counts) is Ability.CANNOT:
            whose = f"the server at {seat.name}" if "://" in seat.name else "the Ollama here"
            seat.unfit = BuildFailed(versions.refusal(told, whose), versions.WAY_OUT)
        seat.told = told
    if seat.unfit is not None:
        return
    for model in wanted:
        if model not in seat.models and (found := seat.transport.look(model, watch)):
            seat.models[model] = found
            if found.draws is False:
                seat.lost[model] = BuildFailed(f"{model} makes no images", f"{_known()} do")


def ask_all(seats: Sequence[Seat], wanted: Sequence[str], watch: Watch) -> dict[Seat, BuildFailed]:
    """Ask all of them at once; those that gave no good answer, and why. Raises Interrupted."""

    def asked(seat: Seat) -> BuildFailed | None:
        try:
            ask(seat, wanted, watch)
        except BuildFailed as error:
            return error
        return None

    if len(seats) == 1:
        errors = [asked(seats[0])]
    else:
        with ThreadPoolExecutor(len(seats), "ollama-asking") as threads:
            errors = list(threads.map(asked, seats))
    return {seat: error for seat, error in zip(seats, errors, strict=True) if error is not None}


def refusals(seats: Sequence[Seat], orders: Mapping[str, Sequence[Order]], pulls: bool) -> list[Refusal]:
    """What none of the servers, all of which have answered, can do; ``orders`` by model."""
    if all(seat.unfit for seat in seats):
        error = combined([(seat, seat.unfit) for seat in seats if seat.unfit])
        tasks = tuple(order.task for some in orders.values() for order in some)
        return [Refusal(tasks, "", error.message, error.hint)]
    found = []
    for model, some in orders.items():
        fit = [seat for seat in seats if seat.unfit is None]
        tasks = tuple(order.task for order in some)
        if all(model in seat.lost for seat in fit):
            error = combined([(seat, seat.lost[model]) for seat in fit])
            found.append(Refusal(tasks, "model", error.message, error.hint))
        elif not pulls and not any(model in seat.models for seat in fit):
            message = f'model "{model}" is not there, and `pull: never` forbids to get it'
            found.append(Refusal(tasks, "model", message, pull_command(model, fit[0])))
    return found


def notes(seats: Sequence[Seat], orders: Mapping[str, Sequence[Order]], pulls: bool) -> list[str]:
    """What is worth a line before images are made with these servers, which can make them."""
    lines = []
    for seat in seats:
        if seat.told and versions.ability(seat.told.counts) is Ability.UNKNOWN:
            told = f'"{seat.told.counts}"' if seat.told.counts else "nothing that can be read"
            lines.append(f"warning: {seat.name} tells {told} as its version; only {versions.RANGE} make images")
    if platform.system() != "Darwin" and any(seat.transport.is_local for seat in seats):
        lines.append(f"warning: {OTHER_SYSTEM}")
    for model, some in orders.items():
        known = models.known(model)
        if known and not known.takes_pictures and any(order.files.get("references") for order in some):
            takers = ", ".join(dict.fromkeys(one.name for one in models.KNOWN if one.takes_pictures))
            lines.append(f"warning: {model} may pass over reference pictures; {takers} take them")
        lacking = [seat.name for seat in seats if model not in seat.models]
        if pulls and len(lacking) == len(seats):
            lines.append(f"{model} is not there yet ({models.licence(model)}): it is pulled before its first image")
    return lines


def pull_command(model: str, seat: Seat) -> str:
    """How a person gets a model there."""
    elsewhere = "://" in seat.name and not seat.transport.is_local
    return f"OLLAMA_HOST={seat.name} ollama pull {model}" if elsewhere else f"ollama pull {model}"


def _known() -> str:
    return ", ".join(dict.fromkeys(one.name.partition(":")[0] for one in models.KNOWN))
