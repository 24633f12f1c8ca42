"""plan: what `run` would do, why, and about how long it would take."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from imagegen import errors
from imagegen.commands import options
from imagegen.commands.base import Plain
from imagegen.estimate import spoken
from imagegen.judging import Planned
from imagegen.options import Options
from imagegen.session import Session, open_session
from imagegen.verdict import Action, State

_WORDS = {Action.MAKE: "make", Action.REFUSE: "refuse", Action.LEAVE: "leave"}


class Plan(Plain):
    doc_purpose = "show what run would do, why, and an estimate"
    doc_usage = "[JOB|JOB:SLUG ...]"
    cmd_options = (
        *options.WISHES,
        options.option("always", "always-execute", "as run -a", short="a", type=bool),
        options.JSON,
    )

    def work(self, params: Any, names: list[str]) -> int:
        return show(options.wishes(params), names, as_json=bool(params["as_json"]))


def show(wishes: Options, names: Sequence[str], as_json: bool) -> int:
    """Print the plan; nothing is asked of a server, and nothing is made."""
    session = open_session(wishes, may_ask=True)
    session.check_files()
    planned = session.planned(names)
    to_make = [one for one in planned if one.action is Action.MAKE]
    seconds = session.times.seconds(json.loads(one.item.recipe) for one in to_make)
    if as_json:
        options.print_json(_as_json(planned, seconds))
        return errors.DONE
    warned(session)
    for one in planned:
        if one.action is Action.LEAVE and one.verdict.fresh:
            continue
        print(f"{_WORDS[one.action]:7} {one.item.task}  {why(one)}")
    print(_summary(planned, to_make, seconds))
    return errors.DONE


def why(one: Planned) -> str:
    """The verdict and its reasons in one line."""
    if one.verdict.fresh:
        return "fresh, but asked for again"
    if one.verdict.state is State.MISSING:
        return "missing"
    return f"{one.verdict.state.value}: {'; '.join(shorter(reason) for reason in one.verdict.reasons)}"


def shorter(reason: str, most: int = 160) -> str:
    """A reason cut to what a line can hold; --json has the whole."""
    return reason if len(reason) <= most else reason[: most - 1] + "…"


def _summary(planned: Sequence[Planned], to_make: Sequence[Planned], seconds: float | None) -> str:
    refused = sum(1 for one in planned if one.action is Action.REFUSE)
    left = len(planned) - len(to_make) - refused
    text = f"{len(to_make)} to make, {left} to leave" + (f", {refused} refused" if refused else "")
    if not to_make:
        return text
    return text + (
        f"; about {spoken(seconds)}, going by earlier images"
        if seconds is not None
        else "; no earlier image tells how long that takes"
    )


def _as_json(planned: Sequence[Planned], seconds: float | None) -> dict[str, Any]:
    items = [
        {
            "task": one.item.task,
            "name": one.item.name,
            "target": one.item.target,
            "action": _WORDS[one.action],
            "verdict": one.verdict.state.value,
            "reasons": list(one.verdict.reasons),
            "backend": one.item.way.backend,
        }
        for one in planned
    ]
    counts = {word: sum(1 for one in planned if one.action is action) for action, word in _WORDS.items()}
    return {"items": items, "counts": counts, "seconds": None if seconds is None else round(seconds, 1)}


def warned(session: Session) -> None:
    """Print the manifest's warnings."""
    for warning in session.manifest.warnings:
        print(f"warning: {warning}", file=sys.stderr)
