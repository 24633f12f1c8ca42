"""The verdict: what is to be done about one target, and why. Pure: it opens no file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from imagegen import record
from imagegen.recipe import Recipe
from imagegen.seen import Kind, Seen


class State(Enum):
    """The six verdicts of one target."""

    FRESH = "fresh"
    MISSING = "missing"
    STALE = "stale"
    EDITED = "edited"
    FOREIGN = "foreign"
    DAMAGED = "damaged"

    __hash__ = object.__hash__  # Enum's own is written in Python: 10,000 of them are counted at each look


class Overwrite(Enum):
    """What may be written over: ``stale`` pictures of ours, ``always`` also what a run refuses, ``never``."""

    STALE = "stale"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True)
class Verdict:
    """A state and its reasons, one line each."""

    state: State
    reasons: tuple[str, ...] = ()

    @property
    def fresh(self) -> bool:
        return self.state is State.FRESH


FRESH = Verdict(State.FRESH)


WANTS_DIGESTS = "record: full → digest"
"""The reason of a picture that is right but for its record, which tells what it should not; no image is
made for it, its record is written anew."""


def judge(wanted: Recipe, known: Mapping[str, str], seen: Seen, digest_only: bool = False) -> Verdict:
    """Compare the recipe with what stands at the target; ``digest_only`` comes from ``record: digest``.

    ``known`` holds the digests of what the recipe only names, as far as they can be had here.
    Whether a picture was edited is known only after a close look; until then it reads fresh or stale.
    """
    if seen.kind is Kind.MISSING:
        return Verdict(State.MISSING, ("there is no file",))
    if seen.kind is Kind.DAMAGED:
        return Verdict(State.DAMAGED, (seen.why,))
    if seen.kind is Kind.FOREIGN or seen.record is None:
        return Verdict(State.FOREIGN, ("it has no record of ours",))
    reasons = tuple(record.reasons(seen.record, wanted, known))
    if digest_only and not seen.record.is_digest:
        reasons = (*reasons, WANTS_DIGESTS)
    if seen.edited:
        return Verdict(State.EDITED, ("its pixels are not those we wrote", *reasons))
    return Verdict(State.STALE, reasons) if reasons else FRESH


class Action(Enum):
    """What a run does about a verdict."""

    MAKE = "make"
    LEAVE = "leave"
    REFUSE = "refuse"


def action(state: State, overwrite: Overwrite, only_missing: bool = False, again: bool = False) -> Action:
    """What a run does: the table of docs/architecture.md.

    ``only_missing`` comes with a backend chosen on the command line; ``again`` (``run -a``, ``--reseed``)
    makes fresh ones too. What a person made or changed is written over under ``always`` alone.
    """
    if state is State.MISSING:
        return Action.MAKE
    if overwrite is Overwrite.NEVER or (only_missing and overwrite is not Overwrite.ALWAYS):
        return Action.LEAVE
    if state is State.FRESH:
        return Action.MAKE if again else Action.LEAVE
    if state is State.STALE or overwrite is Overwrite.ALWAYS:
        return Action.MAKE
    return Action.REFUSE


MEND = {
    State.EDITED: "imagegen adopt {task} keeps it, --overwrite makes it anew (the old file is kept)",
    State.FOREIGN: "imagegen adopt {task} keeps it, --overwrite makes it anew (the old file is kept)",
    State.DAMAGED: "mend or remove it, or --overwrite makes it anew (the old file is kept)",
}
"""What to do about a refused target."""
