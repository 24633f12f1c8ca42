"""The model that a sampler uses → the node that loads it."""

from __future__ import annotations

from collections.abc import Sequence

from imagegen.backends.comfyui.workflow.api import Spot, described
from imagegen.backends.comfyui.workflow.walk.findings import Finding, nowhere, undecided
from imagegen.backends.comfyui.workflow.walk.links import Walk
from imagegen.backends.comfyui.workflow.walk.literals import place

NAMES = ("ckpt_name", "unet_name", "model_name", "gguf_name", "diffusion_name", "checkpoint", "model")
"""What loaders call the file, the most telling first."""


def passed(walk: Walk, starts: Sequence[Spot]) -> list[str]:
    """The nodes that the model comes through and from, nearest first: LoRAs, samplings, switches, the loader."""
    arrivals = walk.back(starts, "MODEL", lambda node: False)
    return list(dict.fromkeys(arrival.node for arrival in arrivals))


def checkpoint(walk: Walk, starts: Sequence[Spot], within: frozenset[str]) -> Finding:
    """Where the checkpoint's or diffusion model's name goes."""
    arrivals = walk.back(starts, "MODEL", lambda node: False)
    loaders = list(dict.fromkeys(one.node for one in arrivals if not walk.through(one, "MODEL")))
    spots = [spot for node in loaders if (spot := _name(walk, node)) is not None]
    found = [place(walk, spot, within) for spot in spots]
    if len({one.places for one in found}) > 1:
        return undecided(walk.graph, "checkpoint", [spot for one in found for spot in one.places], "models")
    if found:
        return found[0]
    return nowhere("checkpoint", f"{described(walk.graph, loaders[0])} has no model's name" if loaders else "")


def _name(walk: Walk, node: str) -> Spot | None:
    inputs = walk.graph[node]["inputs"]
    named = [name for name in NAMES if name in inputs]
    return Spot(node, named[0]) if named else None
