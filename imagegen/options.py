"""What the command line wishes of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagegen.items import Overrides
from imagegen.verdict import Overwrite
from imagegen.watch import ATTEMPTS


@dataclass(frozen=True)
class Options:
    """What the command line wishes of a run. ``again`` makes fresh images too (``run -a``); ``attempts`` is how
    often an image may be tried."""

    assets: str | None = None
    backend: str | None = None
    overwrite: Overwrite | None = None
    reseed: bool = False
    again: bool = False
    allow: tuple[Path, ...] = ()
    attempts: int = ATTEMPTS

    @property
    def overrides(self) -> Overrides:
        return Overrides(self.backend, self.allow)
