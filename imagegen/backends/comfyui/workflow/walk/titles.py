"""Titles decide where the walk leaves two texts."""

from __future__ import annotations

import re
from collections.abc import Iterable

from imagegen.backends.comfyui.workflow.api import Graph, title

DEFAULT = re.compile(r"^clip text encode( \(prompt\))?$", re.IGNORECASE)
"""What the page itself calls an encoder: nobody's decision."""
POSITIVE = re.compile(r"positive", re.IGNORECASE)
NEGATIVE = re.compile(r"negative", re.IGNORECASE)
PROMPT = re.compile(r"\bprompt\b", re.IGNORECASE)
SUBJECT = re.compile(r"\b(caption|subject|description)\b", re.IGNORECASE)
ASIDE = re.compile(r"system|template|instruct|enhance|refine|trigger|style|suffix|prefix", re.IGNORECASE)
NAMED, LIKELY, PERHAPS, SILENT, UNLIKELY, OPPOSITE = range(6)


def rank(graph: Graph, setting: str, nodes: Iterable[str]) -> int:
    """How well the titles of an encoder and of what feeds it fit ``prompt`` or ``negative_prompt``: the less
    the better. "Negative Prompt" on one of them speaks against the prompt whatever the others are called."""
    ranks = [_rank(title(graph[node]), setting == "negative_prompt") for node in nodes]
    return OPPOSITE if OPPOSITE in ranks else min(ranks, default=SILENT)


def _rank(named: str, negative: bool) -> int:
    own, other = (NEGATIVE, POSITIVE) if negative else (POSITIVE, NEGATIVE)
    if other.search(named):
        return OPPOSITE
    if own.search(named):
        return NAMED
    if DEFAULT.search(named):
        return SILENT
    if ASIDE.search(named):
        return UNLIKELY
    if negative:
        return SILENT
    return LIKELY if PROMPT.search(named) else PERHAPS if SUBJECT.search(named) else SILENT
