"""What a finished prompt's entry in the history says: its pictures, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.errors import BuildFailed


def images(entry: Mapping[str, Any], save_node: str | None) -> list[Mapping[str, Any]]:
    """The pictures of a finished prompt, those of ``save_node`` and written for good first.

    Raises BuildFailed where it failed, was interrupted, or made none.
    """
    status = entry.get("status") or {}
    messages = [message for message in status.get("messages") or () if len(message) == 2]
    last = messages[-1] if messages else ("", {})
    if last[0] == "execution_interrupted":
        raise BuildFailed("was interrupted on the server by somebody else", "run again to make it")
    if last[0] == "execution_error":
        said = last[1]
        raise BuildFailed(
            f"failed on the server in {said.get('node_type')} (node {said.get('node_id')}): "
            f"{str(said.get('exception_message', '')).strip() or said.get('exception_type')}"
        )
    if status.get("status_str") == "error":
        raise BuildFailed("failed on the server, which gives no reason; its log may")
    outputs = entry.get("outputs") or {}
    found = [
        (node != save_node, image.get("type") != "output", image)
        for node, output in outputs.items()
        if not any(output.get("animated") or ())
        for image in output.get("images") or ()
        if image.get("filename")
    ]
    if not found:
        raise BuildFailed("ended on the server without a picture")
    best = min(found, key=lambda one: one[:2])[:2]
    return [image for *rank, image in found if tuple(rank) == best]
