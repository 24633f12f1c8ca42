"""Models by their names in Ollama: which are valid, which are known to make images, and under which licence.

A name is ``[host/][namespace/]model[:tag]``, the tag ``latest`` where none is given (types/model/name.go there).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

DEFAULT = "x/z-image-turbo"
REGISTRY, NAMESPACE, TAG = "registry.ollama.ai", "library", "latest"

OF_THE_SERVICE = Path("/usr/share/ollama/.ollama/models")
"""Where the service that Ollama's installer sets up on Linux keeps its models."""

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}")


class Known(NamedTuple):
    """An image model. ``takes_pictures`` beside the prompt; ``most_pixels`` it makes, more are scaled down."""

    name: str
    licence: str
    takes_pictures: bool = False
    most_pixels: int = 0


KNOWN = (
    Known("x/z-image-turbo", "Apache-2.0"),
    Known("x/flux2-klein", "Apache-2.0", True, 2048 * 2048),
    Known("x/flux2-klein:4b", "Apache-2.0", True, 2048 * 2048),
    Known("x/flux2-klein:9b", "FLUX Non-Commercial License", True, 2048 * 2048),
)
"""Ollama's own image models. The size limit of FLUX.2 is x/imagegen/models/flux2 there."""

MULTIPLE = 16
"""Sides of the known models are multiples of it: their latents have 8 pixels, taken two by two."""


def known(model: str) -> Known | None:
    """What is known of a model: by its name, or for another quantization (``:9b-bf16``) by what it begins with."""
    bare, _, tag = model.removeprefix(f"{REGISTRY}/").partition(":")
    same = [one for one in KNOWN if one.name.partition(":")[0] == bare]
    exact = [one for one in same if one.name.partition(":")[2] and tag.startswith(one.name.partition(":")[2])]
    return next(iter((*exact, *same)), None)


def licence(model: str) -> str:
    """The licence in words, for a line about a model."""
    found = known(model)
    return found.licence if found else "licence: see `ollama show --license`"


def full(model: str) -> str:
    """The one spelling of a name: with its tag, without what is understood."""
    name = model.removeprefix(f"{REGISTRY}/").removeprefix(f"{NAMESPACE}/")
    return name if ":" in name.rpartition("/")[2] else f"{name}:{TAG}"


def parts(model: str) -> tuple[str, str, str, str] | None:
    """Host, namespace, model and tag; None where it is no name of a model."""
    *above, last = model.split("/")
    name, colon, tag = last.partition(":")
    if len(above) > 2 or not _PART.fullmatch(name) or (colon and not _PART.fullmatch(tag)):
        return None
    host = above[0] if len(above) == 2 else REGISTRY
    namespace = above[-1] if above else NAMESPACE
    if not _HOST.fullmatch(host) or not _PART.fullmatch(namespace):
        return None
    found = host, namespace, name, tag or TAG
    return None if any(".." in part for part in found) else found


def manifest(model: str, environ: Mapping[str, str]) -> Path | None:
    """The file of a local server whose SHA-256 is the model's digest, as ``/api/tags`` tells it; None where
    none is there, or several folders have one and which is used can't be known."""
    named = parts(model)
    if named is None or ":" in named[0]:  # how a port is written into a folder's name differs
        return None
    inner = PurePosixPath("manifests", *named)
    found = [path for folder in _folders(environ) if (path := folder / inner).is_file()]
    return found[0] if len(found) == 1 else None


def _folders(environ: Mapping[str, str]) -> list[Path]:
    """Where a local server keeps its models: OLLAMA_MODELS, else the user's or the Linux service's folder."""
    given = environ.get("OLLAMA_MODELS", "").strip(" \"'")
    if given:
        return [Path(given)] if Path(given).is_absolute() else []
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return [*([Path(home) / ".ollama" / "models"] if home else []), OF_THE_SERVICE]
