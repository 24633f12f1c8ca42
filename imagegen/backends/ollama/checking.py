"""What is wrong with one order, as far as it shows without a server. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from imagegen.backends.base import Complaint, Order
from imagegen.backends.ollama import models

LONGEST_SIDE = 4096
"""Pixels; the server refuses more (server/routes.go there)."""

LARGEST_SEED = 2**53
"""The server reads a seed as a floating point number: larger ones would be another's."""

LONGEST_WORD = 30_000
"""Bytes of a prompt on a command line: Windows has 32,767 for all of it."""

API = "transport: api"

_PATH = re.compile(
    r"(?:[A-Za-z]:)?(?:\./|/|\\)[^\t\n\f\r]+?\.(?:jpe?g|png|webp)(?![^\s\"'.,;:!?)\]><&|+}`])", re.IGNORECASE
)


def picture_path(prompt: str) -> str:
    """What of a prompt ``ollama run`` takes for the path of a picture, opens, and cuts out: from a slash or
    backslash on, blanks and all, to the ending of a picture. The empty text where there is none."""
    found = _PATH.search(prompt)
    return found[0] if found else ""


def complaints(order: Order, transport: str) -> Iterator[Complaint]:
    """What Ollama can't do, or would do otherwise than it is asked to."""
    recipe = order.recipe
    model = str(recipe.get("model", models.DEFAULT))
    if models.parts(model) is None:
        yield Complaint("model", f"\"{model}\" can't be a model of Ollama's", f"such as {models.DEFAULT}")
    yield from _of_size(recipe, models.known(model))
    yield from _of_seed(recipe.get("seed"))
    if transport == "cli":
        yield from _of_command_line(order)


def _of_size(recipe: Mapping[str, Any], known: models.Known | None) -> Iterator[Complaint]:
    sides = {side: recipe[side] for side in ("width", "height") if isinstance(recipe.get(side), int)}
    for side, value in sides.items():
        if value > LONGEST_SIDE:
            yield Complaint(side, f"{side} {value} is more than Ollama makes", f"{LONGEST_SIDE} is the most")
        elif known and value % models.MULTIPLE:
            below = value // models.MULTIPLE * models.MULTIPLE
            yield Complaint(
                side,
                f"{side} {value} is no multiple of {models.MULTIPLE}, and {known.name} makes no others",
                f"{below} or {below + models.MULTIPLE} can be made",
            )
    if len(sides) == 2 and known and known.most_pixels and sides["width"] * sides["height"] > known.most_pixels:
        side = "width" if sides["width"] >= sides["height"] else "height"
        most = int(known.most_pixels**0.5)
        yield Complaint(
            side,
            f"{sides['width']} x {sides['height']} is more than {known.name} makes, which would scale it down",
            f"{most} x {most} pixels are the most, in any shape",
        )


def _of_seed(seed: Any) -> Iterator[Complaint]:
    if not isinstance(seed, int):  # random: drawn later, and never one of these
        return
    if seed == 0:
        yield Complaint("seed", "seed 0 means a random one to Ollama", "any other number, or leave it out")
    elif seed > LARGEST_SEED:
        yield Complaint("seed", f"seed {seed} is more than Ollama takes exactly", f"{LARGEST_SEED} is the most")


def _of_command_line(order: Order) -> Iterator[Complaint]:
    prompt = str(order.recipe.get("prompt", ""))
    path = picture_path(prompt)
    if path:
        yield Complaint(
            "prompt",
            f'"{path}" in the prompt would be taken for a picture\'s path by `ollama run`, opened and cut out',
            f"backends.ollama.{API} sends the prompt as it is",
        )
    if "\0" in prompt:
        yield Complaint("prompt", "the prompt holds a NUL, which no command line can", f"backends.ollama.{API}")
    if (size := len(prompt.encode())) > LONGEST_WORD:
        yield Complaint("prompt", f"the prompt has {size} bytes, too many for a command line", f"backends.ollama.{API}")
    if order.files.get("references"):
        yield Complaint("references", "`ollama run` takes no reference pictures", f"backends.ollama.{API} does")
