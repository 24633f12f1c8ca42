"""The samplers behind a save node, and what feeds each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from imagegen.backends.comfyui.workflow.api import Spot, described
from imagegen.backends.comfyui.workflow.walk.links import Arrival, Walk, is_negative
from imagegen.backends.comfyui.workflow.walk.literals import end
from imagegen.backends.comfyui.workflow.walk.texts import conditioning, encodes

SEEDS = ("seed", "noise_seed")
TUNED = {"sampler_name", "sampler", "sigmas", "cfg", "denoise"}
"""At least one of these has a node that samples; a node that trains has a seed and a positive, too."""
NAMES = {
    "steps": ("steps",),
    "cfg": ("cfg", "cfg_conds"),
    "sampler": ("sampler_name",),
    "scheduler": ("scheduler",),
    "denoise": ("denoise",),
}
"""What samplers, guiders and schedulers call a setting; ``cfg_conds`` is DualCFGGuider's."""


@dataclass(frozen=True)
class Sampler:
    """One sampler, with its guider, noise, sampler and scheduler nodes where it has some.

    ``positive``, ``negative``, ``latent`` and ``model`` are inputs to walk back from. ``tuning`` has the
    input of each setting of NAMES that it has; ``lacks`` says why others are missing.
    ``sigmas`` are the nodes that its schedule comes from.
    """

    node: str
    positive: tuple[Spot, ...]
    negative: tuple[Spot, ...]
    latent: tuple[Spot, ...]
    model: tuple[Spot, ...]
    seed: Spot | None
    adds_noise: bool
    tuning: Mapping[str, Spot]
    lacks: Mapping[str, str] = field(default_factory=dict)
    sigmas: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chain:
    """``samplers`` in the order in which the picture passes through them, and of each the earlier ones."""

    samplers: Sequence[Sampler]
    earlier: Mapping[str, frozenset[str]]

    def first(self, of: Sequence[Sampler] | None = None) -> list[Sampler]:
        """Those (of some of them) that none of the others comes before: one, unless some run side by side."""
        some = self.samplers if of is None else of
        names = {sampler.node for sampler in some}
        begin = [sampler for sampler in some if not self.earlier[sampler.node] & names]
        return begin or list(some[:1])  # in a circle each is before the others


def is_sampler(walk: Walk, node: str) -> bool:
    """Whether a node samples: it has a guider, or a seed, conditioning and something of a sampler's settings."""
    inputs = walk.graph[node]["inputs"]
    kinds = {walk.kind(spot) for spot in walk.inputs(node)}
    if "GUIDER" in kinds:
        return any(name in inputs for name in ("noise", "sigmas", "latent_image"))
    return any(name in inputs for name in SEEDS) and "CONDITIONING" in kinds and bool(TUNED & inputs.keys())


def chain(walk: Walk, save: str) -> Chain:
    """The samplers that the save node depends on. One that no text reaches is a tool of the others (Lotus makes
    a depth picture for a ControlNet), and counts only where there are none but such."""
    every = {node: _read(walk, node) for node in walk.upstream(save) if is_sampler(walk, node)}
    told = {node: sampler for node, sampler in every.items() if _has_text(walk, sampler)}
    read = told or every
    nodes = list(read)
    earlier = {node: frozenset(walk.upstream(node)) & frozenset(nodes) for node in nodes}
    order = {node: number for number, node in enumerate(walk.graph)}
    nodes.sort(key=lambda node: (len(earlier[node]), order[node]))
    return Chain([read[node] for node in nodes], earlier)


def _has_text(walk: Walk, sampler: Sampler) -> bool:
    nodes = conditioning(walk, "prompt", sampler.positive)
    return any(encodes(walk, "prompt", node) for node in nodes)


def _read(walk: Walk, node: str) -> Sampler:
    guiders = _behind(walk, node, "GUIDER")
    holders = [node, *guiders]
    told = [spot for one in holders for spot in walk.inputs(one) if walk.kind(spot) == "CONDITIONING"]
    models = [spot for one in holders for spot in walk.inputs(one) if walk.kind(spot) == "MODEL"]
    noises = _behind(walk, node, "NOISE")
    # What only cuts or turns a schedule has steps and a denoise that mean something else.
    sigmas = [one for one in _behind(walk, node, "SIGMAS") if not _takes(walk, one, "SIGMAS")]
    choosers = _behind(walk, node, "SAMPLER")
    tuning: dict[str, Spot] = {}
    for setting, names in NAMES.items():
        found = [
            Spot(one, name)
            for one in (*holders, *choosers, *sigmas)
            for name in names
            if name in walk.graph[one]["inputs"]
        ]
        if found:
            tuning[setting] = found[0]
    seeds = [Spot(one, name) for one in (*noises, node) for name in SEEDS if name in walk.graph[one]["inputs"]]
    return Sampler(
        node,
        positive=tuple(_positive(told)),
        negative=tuple(spot for spot in told if is_negative(spot.input)),
        latent=tuple(_latent(walk, node)),
        model=tuple(_main(models)),
        seed=seeds[0] if seeds else None,
        adds_noise=bool(seeds) and walk.value(end(walk, Spot(node, "add_noise"))) not in ("disable", False),
        tuning=tuning,
        lacks=_lacks(walk, node, guiders, choosers, sigmas),
        sigmas=tuple(sigmas),
    )


def _behind(walk: Walk, node: str, kind: str) -> list[str]:
    """The nodes that a sampler's guider, noise, sampler or sigmas come from or through."""
    starts = [spot for spot in walk.inputs(node) if walk.kind(spot) == kind]
    arrivals: list[Arrival] = walk.back(starts, kind, lambda one: False)
    return list(dict.fromkeys(arrival.node for arrival in arrivals))


def _takes(walk: Walk, node: str, kind: str) -> bool:
    return any(walk.kind(spot) == kind for spot in walk.inputs(node))


def _positive(conditioning: Sequence[Spot]) -> list[Spot]:
    """Neither the negative, nor PerpNegGuider's empty conditioning, nor DualCFGGuider's second, which is for
    the references alone."""
    positive = [spot for spot in conditioning if not is_negative(spot.input)]
    return [spot for spot in positive if spot.input == "positive"] or positive[:1]


def _main(models: Sequence[Spot]) -> list[Spot]:
    """Not the second model of a guider that has one for the negative."""
    return [spot for spot in models if spot.input == "model"][:1] or list(models[:1])


def _latent(walk: Walk, node: str) -> list[Spot]:
    """Where the sampler begins: a latent, or a picture where it takes one itself (an upscaler, a detailer)."""
    for kind in ("LATENT", "IMAGE"):
        found = [spot for spot in walk.inputs(node) if walk.kind(spot) == kind]
        if found:
            return [spot for spot in found if spot.input == "latent_image"] or found[:1]
    return []


def _lacks(
    walk: Walk, node: str, guiders: Sequence[str], choosers: Sequence[str], sigmas: Sequence[str]
) -> Mapping[str, str]:
    def of(nodes: Sequence[str]) -> str:
        return described(walk.graph, nodes[0] if nodes else node)

    return {
        "prompt": f"{of(guiders)} takes no positive",
        "negative_prompt": f"{of(guiders)} takes no negative",
        "steps": f"{of(sigmas)} has no steps",
        "cfg": f"{of(guiders)} has no cfg",
        "sampler": f"{of(choosers)} has no sampler_name",
        "scheduler": f"{of(sigmas)} has no scheduler",
        "denoise": f"{of(sigmas)} has no denoise",
    }
