"""A stand-in for any backend: no server, no model, a picture to lay things out with.

The item's name, its prompt and its size over a pattern and a palette that follow from the recipe's
digest. The same recipe gives the same bytes for one version of Pillow, so it is good for layouts, for
trying the tool and for CI, and every picture with room for the word says ``placeholder``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagegen.backends.base import (
    Check,
    Complaint,
    ModelsFolder,
    Order,
    Picture,
    Refusal,
    Sent,
    Service,
    Unusable,
    Watch,
    Workflows,
)
from imagegen.files import digest_of_file

SMALLEST, LARGEST = 16, 8192
"""Sides in pixels."""

MOST_PIXELS = 64_000_000
"""Four workers hold one picture each, at four bytes a pixel."""

DEFAULTS: Mapping[str, Any] = {"width": 1024, "height": 1024}

EVERY_SETTING = frozenset(
    {"prompt", "negative_prompt", "checkpoint", "width", "height", "steps", "cfg", "sampler", "scheduler"}
    | {"denoise", "seed", "model", "loras", "references", "image", "workflow", "bindings"}
)


class Backend:
    """Draws with Pillow, which is imported with the first picture: judging 10,000 items needs none of it.

    It accepts every setting there is, because it stands in for whichever backend will use them, and all
    of them decide its pixels through the recipe's digest.
    """

    name = "placeholder"
    uses = EVERY_SETTING
    file_settings: frozenset[str] = frozenset()
    draws_name = True
    multiple = 8

    def __init__(self, settings: Mapping[str, Any], environ: Mapping[str, str], project: Path) -> None:
        """The schema lets ``settings`` be empty only."""
        self._went_by: dict[Path, None] = {}

    @property
    def workers(self) -> int:
        """Pictures at once; more than four gain little and cost memory."""
        return min(4, os.cpu_count() or 1)

    def defaults(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """A square."""
        return DEFAULTS

    def check(self, order: Order) -> Iterable[Complaint]:
        """Sides of 16 to 8192 pixels, 64 megapixels in all."""
        sides = {side: order.recipe.get(side, DEFAULTS[side]) for side in ("width", "height")}
        wrong = [complaint for side, value in sides.items() for complaint in _complaints(side, value)]
        if wrong:
            return wrong
        width, height = sides["width"], sides["height"]
        if width * height <= MOST_PIXELS:
            return []
        return [
            Complaint(
                "width" if width >= height else "height",
                f"{width} x {height} is {width * height / 1e6:.1f} megapixels, a placeholder has at most "
                f"{MOST_PIXELS // 1_000_000}",
                f"{MOST_PIXELS // max(width, height)} is the most beside {max(width, height)}",
            )
        ]

    def content(self, setting: str, path: Path) -> str:
        """The bytes of the file: whatever it is, it is only drawn after."""
        self._went_by[path] = None
        try:
            return "sha256:" + digest_of_file(path)
        except OSError as error:
            raise Unusable(Complaint(setting, f"can't read {path.name}: {error.strerror or error}")) from error

    def read(self) -> Iterable[Path]:
        """Those whose content was asked for."""
        return list(self._went_by)

    def learn(self) -> None:
        """There is nobody to ask."""

    def workflows(self) -> Workflows | None:
        """None: no graph is sent."""
        return None

    def searches(self, setting: str) -> bool:
        """Never: no file is needed."""
        return False

    def locate(self, setting: str, value: str) -> Path | None:
        """None: a checkpoint's name decides the pixels here, its content doesn't."""
        return None

    def models_folders(self, kind: str) -> Sequence[ModelsFolder]:
        """None: it draws without a model."""
        return ()

    def answers(self) -> bool:
        """Always: there is no server."""
        return True

    def preflight(self, orders: Sequence[Order], watch: Watch) -> Sequence[Refusal]:
        """There is no server to ask."""
        return []

    def sent(self, order: Order) -> Sent | None:
        """Nothing is sent."""
        return None

    def service(self) -> Service | None:
        """None: there is no server."""
        return None

    def checks(self, orders: Sequence[Order], watch: Watch) -> Iterable[Check]:
        """Nothing is needed."""
        return []

    def setup(self, wishes: Mapping[str, Any], say: Callable[[str], None], watch: Watch) -> bool:
        """Nothing is needed."""
        return False

    def generate(self, order: Order, watch: Watch) -> Picture:
        """Draw one picture. Raises Interrupted if the run is being left."""
        watch.check()
        watch.started()
        # Here and not above, so that Pillow is loaded only by who draws.
        from imagegen.backends.placeholder.drawing import Subject, drawn

        recipe = order.recipe
        subject = Subject(
            name=str(recipe.get("name", order.name)),
            prompt=str(recipe.get("prompt") or ""),
            width=int(recipe.get("width", DEFAULTS["width"])),
            height=int(recipe.get("height", DEFAULTS["height"])),
            seed=str(recipe.get("seed", "")),
            digest=order.digest,
        )
        picture = Picture(png=drawn(subject))
        watch.step(1, 1)
        return picture

    def close(self) -> None:
        """Nothing is held open."""


def _complaints(side: str, value: Any) -> Iterator[Complaint]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield Complaint(side, f"{side} is {value!r}, not a whole number of pixels", "for example 1024")
    elif not SMALLEST <= value <= LARGEST:
        nearest = SMALLEST if value < SMALLEST else LARGEST
        yield Complaint(
            side,
            f"{side} is {value}, a placeholder has sides of {SMALLEST} to {LARGEST} pixels",
            f"the nearest is {nearest}",
        )
