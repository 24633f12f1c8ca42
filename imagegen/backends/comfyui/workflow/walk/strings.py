"""A text input → the inputs where its text is written."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from imagegen.backends.comfyui.workflow.api import Spot, described
from imagegen.backends.comfyui.workflow.walk.findings import Finding, Found, Trouble, undecided
from imagegen.backends.comfyui.workflow.walk.links import ANY, Walk
from imagegen.backends.comfyui.workflow.walk.titles import rank

TEXT = re.compile(
    r"text|prompt|string|caption|^(replace|clip_l|clip_g|t5xxl|llama|bert|mt5xl|positive|negative|value|source)$"
)
"""What text inputs are called, for classes that are not known."""
ASIDE = re.compile(
    r"system|delimiter|separator|^find$|regex|pattern|mode|path|file|folder|^key$|format|language|device|type"
)
"""Strings that are never the prompt."""
JOINS = ("delimiter", "separator")


class Leaf(NamedTuple):
    """A string literal that a text is made of. ``fixed`` says that it stands in a node beside a text that
    comes by a link: the template, or the trigger word, around the changeable one."""

    spot: Spot
    fixed: bool


def written(walk: Walk, setting: str, spot: Spot) -> Finding:
    """Where the text that reaches ``spot`` is written: in it, in a primitive, or in one of the texts that
    are put together for it."""
    leaves, last = _leaves(walk, setting, spot)
    if not leaves:
        origin = f"comes from {described(walk.graph, last)}" if last else "is linked to no node"
        return Trouble(
            f"the workflow has no place for {setting}: the text of {spot} {origin}, and nothing there can be set",
            (spot,),
            f'to put it in place of that link: bindings: {{{setting}: ["{spot}"]}}',
        )
    loose = [leaf for leaf in leaves if not leaf.fixed] or leaves
    joined = {leaf.spot.node for leaf in loose} if len(loose) > 1 else set[str]()
    if len(joined) == 1 and any(name in walk.graph[loose[0].spot.node]["inputs"] for name in JOINS):
        # Of two texts joined in one node the first is the subject: a style or a trigger word is appended.
        return Found((loose[0].spot,), (spot,))
    ranks = {leaf: rank(walk.graph, setting, [leaf.spot.node]) for leaf in loose}
    best = [leaf for leaf in loose if ranks[leaf] == min(ranks.values())]
    if len(best) == 1:
        return Found((best[0].spot,), (spot,))
    return undecided(walk.graph, setting, [leaf.spot for leaf in best], "texts")


def texts(walk: Walk, setting: str, node: str) -> list[Spot]:
    """The inputs of a node that take text, written in it or linked; of a switch the branch that it has chosen."""
    chosen = walk.branch(node)
    if chosen is not None:
        return [chosen]
    spots = [Spot(node, name) for name in walk.graph[node]["inputs"] if not ASIDE.search(name.lower())]
    return _of_role(setting, [spot for spot in spots if _is_text(walk, spot)])


def _of_role(setting: str, spots: Sequence[Spot]) -> list[Spot]:
    """Of a node with a positive and a negative text (a styler, a loader that encodes) only the one asked for."""
    own, other = ("negative", "positive") if setting == "negative_prompt" else ("positive", "negative")
    named = [spot for spot in spots if own in spot.input.lower()]
    return named or [spot for spot in spots if other not in spot.input.lower()]


def _leaves(walk: Walk, setting: str, start: Spot) -> tuple[list[Leaf], str]:
    """Every string literal that comes to ``start``, nearest first; and the farthest node that was looked at."""
    found: dict[Spot, Leaf] = {}
    seen: dict[str, None] = {}
    waiting = deque([(start, False)])
    while waiting:
        spot, fixed = waiting.popleft()
        source = walk.source(spot)
        if source is None:
            if isinstance(walk.value(spot), str):
                found.setdefault(spot, Leaf(spot, fixed))
        elif source.node not in seen:
            seen[source.node] = None
            here = texts(walk, setting, source.node) or _passed_on(walk, source.node)
            linked = any(walk.source(one) is not None for one in here)
            waiting.extend((one, linked and walk.source(one) is None) for one in here)
    return list(found.values()), next(reversed(seen), "")


def _is_text(walk: Walk, spot: Spot) -> bool:
    linked = walk.source(spot) is not None
    if not linked and not isinstance(walk.value(spot), str):
        return False
    known = walk.known(spot.node)
    takes = known.inputs.get(spot.input) if known is not None else None
    if takes is not None and takes.type != ANY:
        return "STRING" in takes.type.split(",")
    return bool(TEXT.search(spot.input.lower())) and (not linked or walk.kind(spot) in ("STRING", ANY))


def _passed_on(walk: Walk, node: str) -> list[Spot]:
    """Links of nodes that pass on whatever they are given: switches, reroutes, displays."""
    return [spot for spot in walk.inputs(node) if walk.kind(spot) in ("STRING", ANY)]
