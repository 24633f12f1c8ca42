"""One input can't take two settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagegen.backends.comfyui.workflow.api import Spot
from imagegen.backends.comfyui.workflow.walk.findings import Finding, Found, Trouble, nowhere

TEXTS = ("prompt", "negative_prompt")


def settled(findings: Mapping[str, Finding], fixed: Mapping[str, Sequence[Spot]]) -> Mapping[str, Finding]:
    """``findings`` without two settings at one input.

    A primitive that feeds two numbers (a square's width and height) is left alone: each number is put at the
    inputs themselves, in place of the link. Where that is no way out, both are in trouble. ``fixed`` are
    settings that were put somewhere by hand or by placeholders; what the walk found gives way to them.
    """
    found = dict(findings)
    for setting in _sharing(found, fixed):
        one = found[setting]
        if isinstance(one, Found) and setting not in TEXTS:
            found[setting] = Found(one.direct, one.direct)
    for setting in _sharing(found, fixed):
        one = found[setting]
        if isinstance(one, Found):
            found[setting] = _trouble(setting, one, findings)
    return found


def _sharing(found: Mapping[str, Finding], fixed: Mapping[str, Sequence[Spot]]) -> list[str]:
    """The settings of ``found`` whose places are also another's."""
    owners: dict[Spot, set[str]] = {}
    for setting, spots in fixed.items():
        for spot in spots:
            owners.setdefault(spot, set()).add(setting)
    for setting, one in found.items():
        for spot in one.places if isinstance(one, Found) and setting not in fixed else ():
            owners.setdefault(spot, set()).add(setting)
    shared = {setting for several in owners.values() if len(several) > 1 for setting in several}
    if set(TEXTS) <= shared and _same_encoder(found):
        # A graph that needs no negative often gives the positive encoder for both: the prompt may have it.
        shared.discard("prompt")
    return [setting for setting in found if setting in shared and setting not in fixed]


def _same_encoder(found: Mapping[str, Finding]) -> bool:
    prompt, negative = (found.get(setting) for setting in TEXTS)
    return isinstance(prompt, Found) and isinstance(negative, Found) and prompt.direct == negative.direct


def _trouble(setting: str, one: Found, findings: Mapping[str, Finding]) -> Trouble:
    if setting == "negative_prompt" and _same_encoder(findings):
        return nowhere(setting, f"{one.direct[0]} is the prompt's own text")
    shown = ", ".join(str(spot) for spot in one.places)
    return Trouble(
        f"{shown} would take {setting} and another setting at once",
        one.direct,
        f'say where it goes: bindings: {{{setting}: ["{one.direct[0]}"]}}',
    )
