"""The backends: each module or folder here but ``base`` is one, found by its name."""

from __future__ import annotations

import importlib
from functools import cache

from imagegen.backends import base


@cache
def names() -> tuple[str, ...]:
    """Every backend there is, sorted."""
    return tuple(sorted(base.modules(__path__)))


def load(name: str) -> type[base.Backend]:
    """The class of one backend; its module is imported only now."""
    found: type[base.Backend] = importlib.import_module(f"{__name__}.{name}").Backend
    return found
