"""Seed, steps, cfg, sampler, scheduler, denoise: which of a chain's samplers take them.

The seed goes to the first sampler that adds noise. The others go to the first sampler and to those after it
that go on with its noise (a refiner: KSamplerAdvanced without ``add_noise``, DisableNoise) and have the same
value now. A later pass that adds noise of its own (an upscale) keeps what the workflow gives it.
"""

from __future__ import annotations

from collections.abc import Sequence

from imagegen.backends.comfyui.workflow.api import Spot
from imagegen.backends.comfyui.workflow.walk.findings import Finding, Found, nowhere, together, undecided
from imagegen.backends.comfyui.workflow.walk.links import Walk
from imagegen.backends.comfyui.workflow.walk.literals import end, place
from imagegen.backends.comfyui.workflow.walk.samplers import Chain, Sampler
from imagegen.backends.comfyui.workflow.walk.texts import conditioning

TUNING = ("steps", "cfg", "sampler", "scheduler", "denoise")


def seed(walk: Walk, chain: Chain, within: frozenset[str]) -> Finding:
    """Where the seed goes."""
    noisy = [sampler for sampler in chain.samplers if sampler.adds_noise]
    spots = [sampler.seed for sampler in chain.first(noisy) if sampler.seed is not None]
    return _one(walk, "seed", spots, within) if spots else nowhere("seed", "no sampler adds noise from a seed")


def tuned(walk: Walk, setting: str, chain: Chain, within: frozenset[str]) -> Finding:
    """Where one of TUNING goes."""
    first = chain.first()
    spots = [spot for sampler in first for spot in _inputs(walk, setting, sampler)]
    if not spots:
        return nowhere(setting, first[0].lacks[setting] if first else "")
    found = _one(walk, setting, spots, within)
    if not isinstance(found, Found):
        return found
    value = walk.value(end(walk, spots[0]))
    sharing = [
        place(walk, spot, within)
        for sampler in chain.samplers
        if sampler not in first and not sampler.adds_noise
        for spot in _inputs(walk, setting, sampler)
        if walk.value(end(walk, spot)) == value
    ]
    return together([found, *sharing])


def _one(walk: Walk, setting: str, spots: Sequence[Spot], within: frozenset[str]) -> Finding:
    found = [place(walk, spot, within) for spot in spots]
    if len({one.places for one in found}) > 1:
        return undecided(walk.graph, setting, [spot for one in found for spot in one.places], "samplers")
    return found[0]


def _inputs(walk: Walk, setting: str, sampler: Sampler) -> list[Spot]:
    own = [sampler.tuning[setting]] if setting in sampler.tuning else []
    if setting != "cfg":
        return own
    # A cfg of 1 leaves the negative out: models that were trained with guidance as an input (Flux) then
    # have it at FluxGuidance or at their encoder, and that is what a user of theirs calls cfg.
    acts = bool(own) and walk.value(end(walk, own[0])) != 1
    return own if acts else _guidance(walk, sampler) or own


def _guidance(walk: Walk, sampler: Sampler) -> list[Spot]:
    nodes = conditioning(walk, "prompt", sampler.positive)
    spots = [Spot(node, "guidance") for node in nodes if "guidance" in walk.graph[node]["inputs"]]
    return spots[:1]  # the nearest to the sampler overwrites those before it
