"""The node whose picture is the item's."""

from __future__ import annotations

import re

from imagegen.backends.comfyui.workflow.api import Spot, described, title
from imagegen.backends.comfyui.workflow.walk.links import Walk
from imagegen.backends.comfyui.workflow.walk.samplers import is_sampler

OTHER = re.compile(r"latent|mask|animated|video|gif|webm|text|lora|svg", re.IGNORECASE)
"""Save nodes of other things than one picture."""
SOCKET = re.compile(r"websocket", re.IGNORECASE)
LAST = re.compile(r"\b(final|result|output)\b", re.IGNORECASE)


class NoSave(ValueError):
    """The graph has no node that saves or previews a picture, or several that can't be told apart."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def save_node(walk: Walk) -> str:
    """The save node at the end of the longest chain of samplers, else the one whose title says that it is the
    last; one that only sends the picture through the socket, or previews it, where nothing is saved.
    Raises NoSave."""
    nodes = list(walk.graph)
    saving = [node for node in nodes if _shows_picture(walk, node, "save")]
    files = [node for node in saving if not SOCKET.search(walk.graph[node]["class_type"])]
    found = files or saving or [node for node in nodes if _shows_picture(walk, node, "preview")]
    if not found:
        raise NoSave("the workflow has no node that saves a picture", "add a SaveImage node")
    length = {node: sum(is_sampler(walk, one) for one in walk.upstream(node)) for node in found}
    best = [node for node in found if length[node] == max(length.values())]
    pictures = {walk.source(spot) for node in best for spot in _pictures(walk, node)}
    if len(best) == 1 or len(pictures) == 1:
        return best[0]
    titled = [node for node in best if LAST.search(title(walk.graph[node]))]
    if len(titled) == 1:
        return titled[0]
    shown = ", ".join(described(walk.graph, node) for node in best)
    raise NoSave(
        f"the workflow saves several pictures, and nothing tells which is the image: {shown}",
        f'say which: bindings: {{save: ["{best[0]}"]}}',
    )


def _shows_picture(walk: Walk, node: str, verb: str) -> bool:
    name = walk.graph[node]["class_type"]
    known = walk.known(node)
    if known is not None and not known.is_output:
        return False
    fits = verb in name.lower() and ("image" in name.lower() or verb == "save")
    return fits and not OTHER.search(name) and bool(_pictures(walk, node))


def _pictures(walk: Walk, node: str) -> list[Spot]:
    return [spot for spot in walk.inputs(node) if walk.kind(spot) == "IMAGE"]
