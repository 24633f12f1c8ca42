"""What goes through a node: what stands for its outputs when it is left out of a graph."""

from __future__ import annotations

import re
from collections.abc import Collection

from imagegen.backends.comfyui.workflow.api import Graph, Spot, consumers
from imagegen.backends.comfyui.workflow.walk.links import ANY, Walk

_JOINS = re.compile(r"stitch|batch|concat|join|combine|composite|blend|list", re.IGNORECASE)


def used_outputs(graph: Graph, node_id: str) -> dict[int, list[Spot]]:
    """Each output that goes anywhere, with the inputs it goes to."""
    used: dict[int, list[Spot]] = {}
    for spot in consumers(graph, node_id):
        used.setdefault(graph[spot.node]["inputs"][spot.input][1], []).append(spot)
    return dict(sorted(used.items()))


def output_kind(walk: Walk, node_id: str, number: int) -> str:
    """``MODEL``, ``CLIP``, …; of an unknown class it is what the inputs are that it goes to; ``*`` where it
    can't be told."""
    known = walk.known(node_id)
    if known is not None and 0 <= number < len(known.outputs) and known.outputs[number].isupper():
        return known.outputs[number]
    kinds = (_kind(walk, spot) for spot in consumers(walk.graph, node_id, number))
    return next((kind for kind in kinds if kind != ANY), ANY)


def passed_on(walk: Walk, node_id: str, without: Collection[str] = ()) -> dict[int, str] | None:
    """For each output in use the linked input that stands for it when the node is left out; None where an
    output has none.

    An output and an input of the same kind belong together; where a node has several of a kind
    (``positive`` and ``negative``), the first belongs to the first. For a switch the branch stands that it
    is set to. Inputs in ``without`` don't count. A picture goes through a class that is not known only where
    its name says that it puts pictures together: it may as well make a new one.
    """
    used = used_outputs(walk.graph, node_id)
    branch = walk.branch(node_id)
    if branch is not None:
        return dict.fromkeys(used, branch.input) if branch.input not in without else None
    known = walk.known(node_id)
    joins = known is not None or _JOINS.search(walk.graph[node_id]["class_type"])
    numbers = sorted({*used, *range(len(known.outputs) if known is not None else 0)})
    kinds = {number: output_kind(walk, node_id, number) for number in numbers}
    linked = walk.inputs(node_id)
    found: dict[int, str] = {}
    for number, takers in used.items():
        fitting = [spot.input for spot in linked if kinds[number] != ANY and _kind(walk, spot) == kinds[number]]
        alike = [one for one in numbers if kinds[one] == kinds[number]]
        if len(alike) > 1:
            rank = alike.index(number)
            same = [name for name in fitting if name in {taker.input for taker in takers}]
            fitting = same[:1] or fitting[rank : rank + 1]
        left = [name for name in fitting if name not in without]
        if not left or (kinds[number] == "IMAGE" and not joins):
            return None
        found[number] = left[0]
    return found


def _kind(walk: Walk, spot: Spot) -> str:
    """``clip_vision_output`` is not what ``clip_vision`` is."""
    told = walk.known(spot.node) is not None or not spot.input.endswith("_output")
    return walk.kind(spot) if told else ANY
