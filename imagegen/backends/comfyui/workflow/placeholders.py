"""``{{PROMPT}}`` and its like in a workflow's strings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from imagegen.backends.comfyui.workflow.api import Graph, Spot

NAMES = {"PROMPT": "prompt", "NEGATIVE": "negative_prompt", "SEED": "seed", "WIDTH": "width", "HEIGHT": "height"}
PLACEHOLDER = re.compile(r"\{\{(" + "|".join(NAMES) + r")\}\}")
"""Capitals only: ComfyUI's own templates have ``{{width}}`` in texts that their nodes fill in."""


class Unfilled(ValueError):
    """A placeholder of a setting that has no value."""

    def __init__(self, setting: str, spot: Spot) -> None:
        name = next(name for name, own in NAMES.items() if own == setting)
        self.message = f"the workflow has {{{{{name}}}}} in {spot}, and there is no {setting}"
        self.hint = f"give the item, its job or defaults a {setting}"
        super().__init__(self.message)


def placeholders(graph: Graph) -> Mapping[str, tuple[Spot, ...]]:
    """Setting → the inputs in whose strings it stands."""
    found: dict[str, dict[Spot, None]] = {}
    for node_id, node in graph.items():
        for name, value in node["inputs"].items():
            if isinstance(value, str) and "{{" in value:
                for match in PLACEHOLDER.finditer(value):
                    found.setdefault(NAMES[match[1]], {})[Spot(node_id, name)] = None
    return {setting: tuple(spots) for setting, spots in found.items()}


def replaced(text: str, spot: Spot, values: Mapping[str, Any]) -> Any:
    """``text`` with its placeholders filled in. One that is the whole text becomes the value itself, a number
    where it is one. An unset negative is the empty text; any other that is unset raises Unfilled."""

    def value(match: re.Match[str]) -> Any:
        setting = NAMES[match[1]]
        found = values.get(setting)
        if found is None and setting != "negative_prompt":
            raise Unfilled(setting, spot)
        return "" if found is None else found

    whole = PLACEHOLDER.fullmatch(text)
    return value(whole) if whole else PLACEHOLDER.sub(lambda match: str(value(match)), text)
