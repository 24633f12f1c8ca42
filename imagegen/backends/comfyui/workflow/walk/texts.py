"""Conditioning → the text encoders that it comes from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imagegen.backends.comfyui.workflow.api import Spot, described
from imagegen.backends.comfyui.workflow.walk import strings
from imagegen.backends.comfyui.workflow.walk.findings import Finding, Found, Trouble, nowhere, together, undecided
from imagegen.backends.comfyui.workflow.walk.links import Walk
from imagegen.backends.comfyui.workflow.walk.titles import rank

ENCODER = re.compile(r"text_?encode|encode_?text|encode.*prompt", re.IGNORECASE)
ZERO = "ConditioningZeroOut"


def text(walk: Walk, setting: str, starts: Sequence[Spot], lacks: str = "") -> Finding:
    """Where ``prompt`` or ``negative_prompt`` goes for the conditioning that comes to ``starts``; ``lacks`` says
    why there are none."""
    nodes = conditioning(walk, setting, starts)
    encoders = [node for node in nodes if encodes(walk, setting, node)]
    if not encoders:
        zero = [node for node in nodes if walk.graph[node]["class_type"] == ZERO]
        if zero:
            return nowhere(setting, f"{described(walk.graph, zero[0])} empties the conditioning")
        return nowhere(setting, f"no text encoder feeds {starts[0]}" if starts else lacks)
    findings = {node: _encoder(walk, setting, node) for node in encoders}
    first = findings[encoders[0]]
    if isinstance(first, Found) and all(_spots(one) == first.places for one in findings.values()):
        return first
    ranks = {node: rank(walk.graph, setting, [node, *_owners(findings[node])]) for node in encoders}
    best = [node for node in encoders if ranks[node] == min(ranks.values())]
    if len(best) == 1:
        return findings[best[0]]
    return undecided(walk.graph, setting, [spot for node in best for spot in _spots(findings[node])], "texts")


def conditioning(walk: Walk, setting: str, starts: Sequence[Spot]) -> list[str]:
    """The nodes that the conditioning comes from and through, nearest first; nothing behind one that empties it."""
    arrivals = walk.back(starts, "CONDITIONING", lambda node: _ends(walk, setting, node))
    return list(dict.fromkeys(arrival.node for arrival in arrivals))


def encodes(walk: Walk, setting: str, node: str) -> bool:
    """Whether a node makes conditioning from text. One that passes conditioning on (GLIGEN's boxes) does
    not, whatever strings it has, unless it is called an encoder."""
    if walk.branch(node) is not None or (_passes(walk, node) and not ENCODER.search(walk.graph[node]["class_type"])):
        return False
    return bool(strings.texts(walk, setting, node))


def _passes(walk: Walk, node: str) -> bool:
    return any(walk.kind(spot) == "CONDITIONING" for spot in walk.inputs(node))


def _ends(walk: Walk, setting: str, node: str) -> bool:
    if walk.graph[node]["class_type"] == ZERO:
        return True
    return encodes(walk, setting, node) and not _passes(walk, node)


def _encoder(walk: Walk, setting: str, node: str) -> Finding:
    """All texts of one encoder take the prompt (SDXL's two, Flux's two, SD3's three)."""
    findings = [strings.written(walk, setting, spot) for spot in strings.texts(walk, setting, node)]
    troubles = [finding for finding in findings if isinstance(finding, Trouble)]
    return troubles[0] if troubles else together([finding for finding in findings if isinstance(finding, Found)])


def _spots(finding: Finding) -> tuple[Spot, ...]:
    return finding.places if isinstance(finding, Found) else finding.candidates


def _owners(finding: Finding) -> list[str]:
    return [spot.node for spot in _spots(finding)]
