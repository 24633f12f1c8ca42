"""Where each setting goes in a graph, and the graph with the settings in it.

The graph is walked back from its save node (``walk``); ``{{PROMPT}}`` and its like in a workflow's strings
(``placeholders``) come before what the walk finds, and ``bindings:`` in a manifest (``by_hand``) before both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagegen.backends.comfyui.workflow import by_hand as hand
from imagegen.backends.comfyui.workflow import placeholders as holders
from imagegen.backends.comfyui.workflow.api import Graph, Spot
from imagegen.backends.comfyui.workflow.by_hand import BadBinding
from imagegen.backends.comfyui.workflow.conflicts import settled
from imagegen.backends.comfyui.workflow.nodes import Nodes
from imagegen.backends.comfyui.workflow.placeholders import Unfilled
from imagegen.backends.comfyui.workflow.walk import latents, models, samplers, texts, tuning
from imagegen.backends.comfyui.workflow.walk.findings import Finding, Found, Trouble, nowhere, together
from imagegen.backends.comfyui.workflow.walk.links import Walk
from imagegen.backends.comfyui.workflow.walk.samplers import Chain, Sampler
from imagegen.backends.comfyui.workflow.walk.save import NoSave, save_node

__all__ = ["SETTINGS", "BadBinding", "Bindings", "NoSave", "Trouble", "Unfilled", "filled", "find"]

SETTINGS = (
    "prompt",
    "negative_prompt",
    "seed",
    "width",
    "height",
    "steps",
    "cfg",
    "sampler",
    "scheduler",
    "denoise",
    "checkpoint",
    "image",
)


@dataclass(frozen=True)
class Bindings:
    """``save`` is the node whose picture is the item's. ``places`` says which inputs take a setting; several
    are all set. ``placeholders`` are inputs with ``{{PROMPT}}`` and its like. Every setting of SETTINGS that
    is in neither is in ``trouble``, which is the user's only when the setting is given."""

    save: str
    places: Mapping[str, tuple[Spot, ...]]
    trouble: Mapping[str, Trouble]
    placeholders: Mapping[str, tuple[Spot, ...]]


def find(graph: Graph, nodes: Nodes | None = None, by_hand: Mapping[str, Sequence[str]] | None = None) -> Bindings:
    """Where each setting goes in ``graph``, which :func:`~.api.is_api` accepts.

    ``nodes`` sharpens what is told by names otherwise. ``by_hand`` is setting → ``"node.input"``; also
    ``save`` → one node; ``loras`` and ``references`` are only looked at. Raises BadBinding and NoSave.
    """
    bound = by_hand or {}
    walk = Walk(graph, nodes)
    hand.check(graph, bound, SETTINGS)
    save = hand.save(graph, bound) or save_node(walk)
    walked = _walked(walk, save)
    told = {setting: hand.places(walk, bound, setting, _linked(walked[setting])) for setting in SETTINGS}
    told = {setting: spots for setting, spots in told.items() if spots}
    held = holders.placeholders(graph)
    found = settled(walked, {**held, **told})
    places, trouble = dict[str, tuple[Spot, ...]](), dict[str, Trouble]()
    for setting in SETTINGS:
        one = found[setting]
        if setting in told:
            places[setting] = told[setting]
        elif setting in held:
            continue
        elif isinstance(one, Found):
            places[setting] = one.places
        else:
            trouble[setting] = one
    return Bindings(save, places, trouble, held)


def filled(graph: Graph, bindings: Bindings, values: Mapping[str, Any]) -> Graph:
    """A new graph with ``values`` (setting → value) in their places; nodes that nothing goes to are shared.

    A setting without a value keeps what the workflow has; a value without a place is left out, so look at
    ``trouble`` before. Raises Unfilled for a placeholder without a value.
    """
    changed: dict[Spot, Any] = {}
    for spot in dict.fromkeys(spot for spots in bindings.placeholders.values() for spot in spots):
        changed[spot] = holders.replaced(graph[spot.node]["inputs"][spot.input], spot, values)
    for setting, spots in bindings.places.items():
        if values.get(setting) is not None:
            changed.update(dict.fromkeys(spots, values[setting]))
    result = dict(graph)
    for node in dict.fromkeys(spot.node for spot in changed):
        own = {spot.input: value for spot, value in changed.items() if spot.node == node}
        result[node] = {**graph[node], "inputs": {**graph[node]["inputs"], **own}}
    return result


def _walked(walk: Walk, save: str) -> dict[str, Finding]:
    """What the walk finds for each setting."""
    within = frozenset((save, *walk.upstream(save)))
    chain = samplers.chain(walk, save)
    first = chain.first()
    pictures = tuple(spot for spot in walk.inputs(save) if walk.kind(spot) == "IMAGE")
    # Without a sampler the picture itself may have a size (EmptyImage) or be a file (an upscaler's).
    begin = tuple(dict.fromkeys(spot for one in first for spot in one.latent)) if first else pictures
    model = tuple(dict.fromkeys(spot for one in first for spot in one.model))
    found: dict[str, Finding] = {
        "prompt": _texts(walk, "prompt", chain),
        "negative_prompt": _texts(walk, "negative_prompt", chain),
        "seed": tuning.seed(walk, chain, within),
        "checkpoint": models.checkpoint(walk, model, within),
        "image": latents.start(walk, begin),
    }
    for side in latents.SIDES:
        found[side] = latents.side(walk, side, begin, _companions(walk, side, chain, begin, model), within)
    for setting in tuning.TUNING:
        found[setting] = tuning.tuned(walk, setting, chain, within)
    if not first:
        why = "no sampler leads to the picture that is saved"
        found = {setting: one if isinstance(one, Found) else nowhere(setting, why) for setting, one in found.items()}
    return found


def _texts(walk: Walk, setting: str, chain: Chain) -> Finding:
    """The prompt goes to each sampler of the chain; one whose negative is emptied needs none."""
    findings = [
        texts.text(walk, setting, _conditioning(setting, sampler), sampler.lacks[setting]) for sampler in chain.samplers
    ]
    found = [one for one in findings if isinstance(one, Found)]
    undecided = [one for one in findings if isinstance(one, Trouble) and (one.candidates or not found)]
    if undecided:
        return undecided[0]
    return together(found) if found else nowhere(setting)


def _conditioning(setting: str, sampler: Sampler) -> Sequence[Spot]:
    return sampler.positive if setting == "prompt" else sampler.negative


def _companions(walk: Walk, side: str, chain: Chain, begin: Sequence[Spot], model: Sequence[Spot]) -> list[Spot]:
    """Inputs that must agree with the latent's size: of the first schedule and model, and of SDXL's encoders."""
    schedules = [node for sampler in chain.first() for node in sampler.sigmas]
    found = latents.sides_of(walk, (*schedules, *models.passed(walk, model)), side)
    sizes = latents.sized(walk, begin)[:1]
    for sampler in chain.samplers:
        for setting in ("prompt", "negative_prompt"):
            for node in texts.conditioning(walk, setting, _conditioning(setting, sampler)):
                if sizes and texts.encodes(walk, setting, node):
                    found += latents.agreeing(walk, node, side, sizes[0])
    return found


def _linked(finding: Finding) -> Sequence[Spot]:
    return (*finding.places, *finding.direct) if isinstance(finding, Found) else finding.candidates
