"""What there is of what a manifest needs of Ollama, for `doctor`. It changes nothing."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imagegen.backends.base import Check, Order, Watch
from imagegen.backends.ollama import models, survey, versions
from imagegen.backends.ollama.pool import Pool
from imagegen.backends.ollama.seats import Seat
from imagegen.backends.ollama.versions import Ability

WHAT = "ollama"


def checks(pool: Pool, orders: Sequence[Order], settings: Mapping[str, Any], watch: Watch) -> Iterator[Check]:
    """Each server with its version, and each model in use with its licence; then the models that are known."""
    wanted = list(dict.fromkeys(str(order.recipe.get("model", models.DEFAULT)) for order in orders))
    silent = survey.ask_all(pool.seats, wanted, watch)
    one_will_do = any(seat not in silent and seat.unfit is None for seat in pool.seats)
    for seat in pool.seats:
        state = "warning" if one_will_do else "failed"
        if seat in silent:
            error = silent[seat]
            version = f"{seat.told} is there, but " if seat.told else ""
            yield Check(_what(seat), version + error.message, state, error.hint)
        else:
            yield _version(seat, state)
    if platform.system() != "Darwin" and any(seat.transport.is_local for seat in pool.seats):
        yield Check(WHAT, survey.OTHER_SYSTEM, "warning", "or choose another backend, such as comfyui")
    fit = [seat for seat in pool.seats if seat not in silent and seat.unfit is None]
    for model in wanted if fit else ():
        yield _model(model, fit, settings.get("pull", "missing") != "never")
    yield Check(f"{WHAT}: image models", "; ".join(f"{one.name} ({one.licence})" for one in models.KNOWN))


def _what(seat: Seat) -> str:
    return WHAT if seat.name == WHAT else f"{WHAT} {seat.name}"


def _version(seat: Seat, state: str) -> Check:
    what = _what(seat)
    if seat.unfit is not None:
        return Check(what, seat.unfit.message, state, seat.unfit.hint)
    told = seat.told or versions.Told()
    if versions.ability(told.counts) is Ability.UNKNOWN:
        return Check(what, f"it tells no version that can be read; {versions.RANGE} make images", "warning")
    return Check(what, f"{told}; {versions.RANGE} make images")


def _model(model: str, fit: Sequence[Seat], pulls: bool) -> Check:
    what, licence = f"{WHAT}: {model}", models.licence(model)
    lost = [seat.lost[model] for seat in fit if model in seat.lost]
    if len(lost) == len(fit):
        return Check(what, lost[0].message, "failed", lost[0].hint)
    lacking = [seat for seat in fit if model not in seat.models]
    if not lacking:
        return Check(what, f"there ({licence})")
    where = "" if len(fit) == 1 else " at " + ", ".join(seat.name for seat in lacking)
    mend = survey.pull_command(model, lacking[0])
    if pulls:
        return Check(what, f"not there{where} ({licence}); a run pulls it", "warning", mend)
    state = "failed" if len(lacking) == len(fit) else "warning"
    return Check(what, f"not there{where} ({licence}), and `pull: never`", state, mend)
