"""What is sent for one order, before a server is chosen: the graph, and what a server has to be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imagegen.backends.base import Order
from imagegen.backends.comfyui import graph as built_in
from imagegen.backends.comfyui.workflow.api import Graph, Spot


@dataclass(frozen=True)
class Upload:
    """A picture of this machine, and the inputs that take the name it gets on the server."""

    path: Path
    spots: tuple[Spot, ...]


@dataclass(frozen=True)
class Blueprint:
    """``graph`` has no server's own spelling in it. ``places`` say where each setting was put, so that an
    error can name the setting; ``save`` is the node whose picture is the item's; ``prefixes`` are the
    inputs that must differ in every submission, because a save node served from the cache writes no file.
    """

    graph: Graph
    places: Mapping[str, Sequence[Spot]]
    save: str
    prefixes: tuple[Spot, ...]
    uploads: tuple[Upload, ...] = field(default=())


def blueprint(order: Order) -> Blueprint:
    """What is sent for ``order``."""
    return Blueprint(
        built_in.built_in(order.recipe),
        built_in.PLACES,
        built_in.SAVE_NODE,
        (Spot(built_in.SAVE_NODE, "filename_prefix"),),
    )
