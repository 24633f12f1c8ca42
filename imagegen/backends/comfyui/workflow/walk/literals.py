"""Where the value that reaches an input stands as a literal."""

from __future__ import annotations

from imagegen.backends.comfyui.workflow.api import Spot, consumers
from imagegen.backends.comfyui.workflow.walk.findings import Found
from imagegen.backends.comfyui.workflow.walk.links import Walk

HOLDS = ("value", "seed", "noise_seed", "int", "float", "number", "boolean")
"""What primitives call what they give out."""
ANYTHING = ("", "*", "any", "anything", "input", "source")
"""What nodes of a single input call what they pass on."""


def literal(walk: Walk, spot: Spot) -> Spot | None:
    """The input that holds what reaches ``spot``: itself, or that of a primitive behind it.

    None where the value is computed (by a resolution selector, by arithmetic), or is linked to nowhere.
    """
    origin = end(walk, spot)
    return origin if not isinstance(walk.value(origin), list) else None


def end(walk: Walk, spot: Spot) -> Spot:
    """The farthest input whose value is the one that reaches ``spot``, as nodes pass it on unchanged."""
    seen = {spot}
    while (source := walk.source(spot)) is not None:
        holder = _holder(walk, source.node, spot.input)
        if holder is None or holder in seen:
            break
        seen.add(holder)
        spot = holder
    return spot


def _holder(walk: Walk, node: str, asked: str) -> Spot | None:
    """The input that a node gives out unchanged: of a switch the branch that it has chosen; of a primitive
    its only one; a number that is called as what was asked for."""
    inputs = walk.graph[node]["inputs"]
    chosen = walk.branch(node)
    if chosen is not None:
        return chosen
    if len(inputs) == 1:
        only = next(iter(inputs))
        return Spot(node, only) if only in (asked, *HOLDS, *ANYTHING) else None
    if any(isinstance(value, list) for value in inputs.values()):
        return None
    numbers = [name for name, value in inputs.items() if isinstance(value, int | float)]
    if asked in numbers:
        return Spot(node, asked)
    called = [name for name in numbers if name in HOLDS]
    return Spot(node, called[0]) if len(called) == 1 else None


def place(walk: Walk, spot: Spot, within: frozenset[str]) -> Found:
    """Where to put a value that must reach ``spot``.

    A primitive is set itself, so that all that it feeds stay in agreement. A computed value is replaced
    by a literal at every input of the nodes ``within`` that it goes to, for the same reason.
    """
    origin = end(walk, spot)
    source = walk.source(origin)
    if source is None:
        return Found((origin,), (spot,))
    fed = [one for one in consumers(walk.graph, source.node, source.output) if one.node in within]
    return Found(tuple(fed) or (origin,), (spot,))
