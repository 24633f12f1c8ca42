"""What is asked of an Ollama, whichever way it is reached: its command line or its API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from imagegen.backends.base import Watch
from imagegen.backends.ollama.pulling import Pulling
from imagegen.backends.ollama.versions import Told


class Wanted(NamedTuple):
    """One image. ``steps`` None leaves them to the model; ``pictures`` are files' bytes that go into it."""

    model: str
    prompt: str
    width: int
    height: int
    seed: int
    steps: int | None = None
    pictures: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, recipe: Mapping[str, Any], pictures: tuple[bytes, ...] = ()) -> Wanted:
        """What a recipe, with its defaults and its seed as a number, asks for."""
        return cls(
            str(recipe["model"]),
            str(recipe["prompt"]),
            int(recipe["width"]),
            int(recipe["height"]),
            int(recipe["seed"]),
            recipe.get("steps"),
            pictures,
        )


class Model(NamedTuple):
    """A model that is there. ``digest`` is ``sha256:…``, empty where it is not told; ``draws`` whether it makes
    images, None where that is not told."""

    digest: str = ""
    draws: bool | None = None


class Transport(Protocol):
    """One server, or the program that talks to one. Every method raises BuildFailed (among them wording's
    Passing, Unfit and Lacking) or Interrupted."""

    name: str
    """How messages call it."""
    is_local: bool

    def version(self, watch: Watch) -> Told:
        """Its versions. NoAnswer where nobody is there."""

    def look(self, model: str, watch: Watch) -> Model | None:
        """A model, if it is there; None where it is to be pulled."""

    def pull(self, model: str, watch: Watch, pulling: Pulling) -> None:
        """Download a model."""

    def generate(self, wanted: Wanted, watch: Watch, seconds: float) -> bytes:
        """Make one image within so many seconds: the bytes of a PNG, as far as the other side says."""

    def close(self) -> None:
        """Let go of it."""
