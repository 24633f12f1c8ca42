"""What the walk finds for a setting: inputs that take it, or why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from imagegen.backends.comfyui.workflow.api import Graph, Spot, described

NUMBERS = ("no", "one", "two", "three", "four", "five", "six")


@dataclass(frozen=True)
class Trouble:
    """Why a setting has no place in the graph, or more than one that can't be told apart.

    ``message`` and ``hint`` are for the user; ``candidates`` are what ``bindings:`` could name.
    """

    message: str
    candidates: tuple[Spot, ...] = ()
    hint: str = ""


class Found(NamedTuple):
    """``places`` take the setting. ``direct`` are the inputs that the walk reached: other than ``places``
    where those are primitives that feed them."""

    places: tuple[Spot, ...]
    direct: tuple[Spot, ...]


Finding = Found | Trouble


def nowhere(setting: str, why: str = "") -> Trouble:
    """A setting that the graph has no use for."""
    return Trouble(f"the workflow has no place for {setting}" + (f": {why}" if why else ""))


def undecided(graph: Graph, setting: str, candidates: Sequence[Spot], what: str = "inputs") -> Trouble:
    """A setting for which the walk leaves several places."""
    several = tuple(dict.fromkeys(candidates))
    count = NUMBERS[len(several)] if len(several) < len(NUMBERS) else str(len(several))
    shown = ", ".join(f"{spot} of {described(graph, spot.node)}" for spot in several[:6])
    more = f" and {len(several) - 6} more" if len(several) > 6 else ""
    hint = f'say which: bindings: {{{setting}: ["{several[0]}"]}}' if several else ""
    return Trouble(f"{count} {what} could take {setting}: {shown}{more}", several, hint)


def together(findings: Sequence[Found]) -> Found:
    """All of them as one, each input once."""
    return Found(
        tuple(dict.fromkeys(spot for found in findings for spot in found.places)),
        tuple(dict.fromkeys(spot for found in findings for spot in found.direct)),
    )
