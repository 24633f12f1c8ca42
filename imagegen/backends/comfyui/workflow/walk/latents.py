"""The latent that a sampler begins with: its size, and the picture it is made from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from imagegen.backends.comfyui.workflow.api import Spot, described
from imagegen.backends.comfyui.workflow.walk.findings import Finding, Found, nowhere, together, undecided
from imagegen.backends.comfyui.workflow.walk.links import Walk
from imagegen.backends.comfyui.workflow.walk.literals import end, place

SIDES = ("width", "height")
LOADS = re.compile(r"load ?image(?!.*(mask|output))", re.IGNORECASE)
"""Nodes that load a picture that was uploaded; LoadImageOutput takes one that the server made."""


def sized(walk: Walk, starts: Sequence[Spot]) -> list[str]:
    """The nodes that give the latent its size: the Empty…Latent… one; or, where a picture is encoded, the
    last that scales that picture. Resizing a latent that another node made is not its size."""
    origins = _origins(walk, starts)
    sizes = [node for node in origins if _has_sides(walk, node)]
    if sizes:
        return sizes
    return [node for node in _pictures(walk, starts) if _has_sides(walk, node)][:1]


def side(walk: Walk, name: str, starts: Sequence[Spot], companions: Iterable[Spot], within: frozenset[str]) -> Finding:
    """Where ``width`` or ``height`` goes. ``companions`` are other inputs that must agree with the latent's."""
    nodes = sized(walk, starts)
    found = [place(walk, Spot(node, name), within) for node in nodes]
    if len({one.places for one in found}) > 1:
        return undecided(walk.graph, name, [spot for one in found for spot in one.places], "latents")
    if not found:
        return nowhere(name, _why_no_size(walk, starts))
    return together([*found, *(place(walk, spot, within) for spot in companions)])


def agreeing(walk: Walk, node: str, name: str, size: str) -> list[Spot]:
    """The inputs of ``node`` that say the same width or height as the latent of ``size`` does now: SDXL's
    encoders have such, of which some workflows set one pair to another size on purpose."""
    spots = [Spot(node, prefix + name) for prefix in ("", "target_") if prefix + name in walk.graph[node]["inputs"]]
    own = walk.value(end(walk, Spot(size, name)))
    return [spot for spot in spots if walk.value(end(walk, spot)) == own]


def sides_of(walk: Walk, nodes: Iterable[str], name: str) -> list[Spot]:
    """``width`` or ``height`` of those nodes that have both: a schedule's or a model sampling's shift depends on
    the latent's size (Flux2Scheduler, ModelSamplingFlux)."""
    return [Spot(node, name) for node in nodes if _has_sides(walk, node)]


def start(walk: Walk, starts: Sequence[Spot]) -> Finding:
    """Where the picture's name goes that the latent is made from (image to image)."""
    spots = [
        Spot(node, "image")
        for node in _pictures(walk, starts)
        if LOADS.search(walk.graph[node]["class_type"]) and "image" in walk.graph[node]["inputs"]
    ]
    if len(spots) > 1:
        return undecided(walk.graph, "image", spots, "pictures")
    if spots:
        return Found((spots[0],), (spots[0],))
    origins = [node for node in _origins(walk, starts) if _has_sides(walk, node)]
    return nowhere("image", f"it begins with {described(walk.graph, origins[0])}" if origins else "")


def _origins(walk: Walk, starts: Sequence[Spot]) -> list[str]:
    """The nodes where the latent begins: they take none."""
    arrivals = walk.back([spot for spot in starts if walk.kind(spot) == "LATENT"], "LATENT", lambda node: False)
    return list(dict.fromkeys(one.node for one in arrivals if not walk.through(one, "LATENT")))


def _pictures(walk: Walk, starts: Sequence[Spot]) -> list[str]:
    """The nodes that the encoded picture comes from and through, nearest first."""
    spots = [spot for spot in starts if walk.kind(spot) == "IMAGE"]
    for node in _origins(walk, starts):
        if not _has_sides(walk, node):
            spots += [spot for spot in walk.inputs(node) if walk.kind(spot) == "IMAGE"]
    arrivals = walk.back(spots, "IMAGE", lambda node: False)
    return list(dict.fromkeys(arrival.node for arrival in arrivals))


def _has_sides(walk: Walk, node: str) -> bool:
    return all(name in walk.graph[node]["inputs"] for name in SIDES)


def _why_no_size(walk: Walk, starts: Sequence[Spot]) -> str:
    pictures = _pictures(walk, starts)
    if pictures:
        return f"it is that of the picture from {described(walk.graph, pictures[-1])}"
    origins = _origins(walk, starts)
    return f"{described(walk.graph, origins[0])} has no width and height" if origins else ""
