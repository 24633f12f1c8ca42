"""Where a setting of a recipe comes from, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping

from imagegen.items import Item
from imagegen.session import Session

_ORIGINS = {"item": "the item", "job": "its job", "source": "its job's source", "defaults": "defaults"}


def origin(session: Session, setting: str, origins: Mapping[str, str], item: Item, is_drawn: bool) -> str:
    """Which layer gave ``setting``. ``origins`` are the item's, from a manifest that was just loaded; ``is_drawn`` says
    that its seed is random and was drawn."""
    if setting == "backend" and session.options.backend:
        return "the command line"
    if setting in origins:
        kept = ", random: drawn once, kept by the picture" if setting == "seed" and is_drawn else ""
        return _ORIGINS[origins[setting]] + kept
    if setting == "seed":
        return "derived from base_seed, the job and the slug"
    if setting == "name":
        return "the item"
    if setting in session.workshop.backend(item.way.backend).defaults(json.loads(item.recipe)):
        return f"{item.way.backend}'s default"
    return "the documented default"
