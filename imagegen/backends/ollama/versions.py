"""Which releases of Ollama make images, and how they tell what they are. Pure."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

FIRST, LAST = (0, 14, 0), (0, 32, 5)
"""Image models came with 0.14.0; 0.32.6 took them out again."""

RANGE = "0.14.0 to 0.32.5"
WAY_OUT = (
    "install Ollama 0.32.5 (https://github.com/ollama/ollama/releases/tag/v0.32.5), or make these with backend: comfyui"
)

_NUMBER = re.compile(r"v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})(?:[-+][0-9A-Za-z.+-]*)?")


class Ability(Enum):
    """Whether a version makes images; UNKNOWN where it can't be read, as a build of one's own."""

    CAN = "can"
    CANNOT = "cannot"
    UNKNOWN = "unknown"


class Told(NamedTuple):
    """Versions as they were told, empty where they were not. ``alone``: no server answered the client."""

    server: str = ""
    client: str = ""
    alone: bool = False

    @property
    def counts(self) -> str:
        """The version that counts: it is the server that makes the image."""
        return self.server or self.client

    def __str__(self) -> str:
        if self.server and self.client and self.server != self.client:
            return f"{self.server} (its command is {self.client})"
        return self.counts or "a version that it does not tell"


def printed(output: str) -> Told:
    """What ``ollama --version`` printed: the server's version, and the command's own where it is another or
    no server answers."""
    server = re.search(r"ollama version is (\S+)", output)
    client = re.search(r"client version is (\S+)", output)
    return Told(server[1] if server else "", client[1] if client else "", "could not connect" in output)


def numbers(version: str) -> tuple[int, int, int] | None:
    """``0.32.5`` and ``v0.32.5-rc1`` as numbers; None for anything else, and for the 0.0.0 of a build that was
    given no version."""
    found = _NUMBER.fullmatch(version.strip())
    if not found:
        return None
    major, minor, patch = (int(part) for part in found.groups())
    return (major, minor, patch) if major or minor or patch else None


def ability(version: str) -> Ability:
    """Whether that version makes images."""
    found = numbers(version)
    if found is None:
        return Ability.UNKNOWN
    return Ability.CAN if FIRST <= found <= LAST else Ability.CANNOT


def refusal(told: Told, whose: str) -> str:
    """Why a version can't do it; ``whose`` names the server or the program."""
    return f"{whose} is Ollama {told}, and only {RANGE} make images"
