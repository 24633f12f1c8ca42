"""Why a file that ComfyUI's page saved can't be converted."""

from __future__ import annotations

from collections.abc import Iterable

from imagegen.errors import listed


class CantConvert(ValueError):
    """What the API format has no way to say, or what no page would have written. ``str()`` is the
    message, for the user; ``hint`` says how to mend it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class UnknownNodes(CantConvert):
    """``names``: the node classes that object_info lacks, sorted, all at once."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(set(names)))
        super().__init__(
            f"uses node classes that the object_info does not know: {listed(self.names)}",
            "take a snapshot of a server that has them, or save the workflow in API format",
        )
