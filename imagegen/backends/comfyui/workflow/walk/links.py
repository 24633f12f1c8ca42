"""Moving over a graph against its links."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from imagegen.backends.comfyui.workflow.api import Graph, Spot, is_link
from imagegen.backends.comfyui.workflow.nodes import NodeClass, Nodes

ANY = "*"
BRANCHES = ("on_false", "on_true")
NAMED = [
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"^(positive|negative|cond)", "CONDITIONING"),
        (r"latent|^samples", "LATENT"),
        (r"^(image|pixels)", "IMAGE"),
        (r"^(model|unet)(\d*|_\w*)$", "MODEL"),
        (r"^clip_vision", "CLIP_VISION"),
        (r"^clip\d*$", "CLIP"),
        (r"^vae", "VAE"),
        (r"mask", "MASK"),
        (r"^noise$", "NOISE"),
        (r"^guider", "GUIDER"),
        (r"^sampler$", "SAMPLER"),
        (r"sigmas", "SIGMAS"),
        (r"^control_net", "CONTROL_NET"),
        (r"width|height|seed|^(steps|length|batch_size|index|select)$", "INT"),
        (r"^(cfg|denoise|guidance|strength)", "FLOAT"),
    )
]
"""What an input of a class that is not known carries, by the names that ComfyUI's own nodes use."""


class Arrival(NamedTuple):
    """A node that the walk came to, and the output it came in by."""

    node: str
    output: int


class Walk:
    """A graph and what is known of its classes. A switch whose choice is a literal has one branch.

    The graph must not change under it: what was found out about a node is kept.
    """

    def __init__(self, graph: Graph, nodes: Nodes | None = None) -> None:
        self.graph, self.nodes = graph, nodes
        self._inputs: dict[str, list[Spot]] = {}
        self._kinds: dict[Spot, str] = {}

    def known(self, node: str) -> NodeClass | None:
        """The node's class, where it is known."""
        return self.nodes.get(self.graph[node]["class_type"]) if self.nodes is not None else None

    def value(self, spot: Spot) -> Any:
        """What stands at an input; None where nothing does."""
        return self.graph[spot.node]["inputs"].get(spot.input)

    def source(self, spot: Spot) -> Arrival | None:
        """What an input is linked to; None for a literal and for a link to nowhere."""
        value = self.value(spot)
        return Arrival(value[0], value[1]) if is_link(value) and value[0] in self.graph else None

    def inputs(self, node: str) -> list[Spot]:
        """The linked inputs of a node: of a switch only the branch that it has chosen."""
        if node not in self._inputs:
            spots = [Spot(node, name) for name in self.graph[node]["inputs"]]
            linked = [spot for spot in spots if self.source(spot) is not None]
            chosen = self.branch(node)
            self._inputs[node] = linked if chosen is None else [spot for spot in linked if spot == chosen]
        return self._inputs[node]

    def branch(self, node: str) -> Spot | None:
        """The input that a switch lets through; None for other nodes and where the choice can't be known."""
        inputs = self.graph[node]["inputs"]
        if not any(name in inputs for name in BRANCHES):
            return None
        at, seen = Spot(node, "switch"), set[Spot]()
        while (source := self.source(at)) is not None and at not in seen:
            seen.add(at)
            only = list(self.graph[source.node]["inputs"])
            if len(only) != 1:
                return None
            at = Spot(source.node, only[0])
        choice = self.value(at)
        if not isinstance(choice, bool):
            return None
        wanted, other = BRANCHES[choice], BRANCHES[not choice]
        return Spot(node, wanted if wanted in inputs else other)

    def kind(self, spot: Spot) -> str:
        """The type that an input carries, as ComfyUI names it; ``*`` where that can't be told."""
        if spot not in self._kinds:
            self._kinds[spot] = self._kind(spot)
        return self._kinds[spot]

    def _kind(self, spot: Spot) -> str:
        known = self.known(spot.node)
        described = known.inputs.get(spot.input) if known is not None else None
        if described is not None and _telling(described.type):
            return described.type
        source = self.source(spot)
        feeding = self.known(source.node) if source is not None else None
        if source is not None and feeding is not None and 0 <= source.output < len(feeding.outputs):
            carried = feeding.outputs[source.output]
            if _telling(carried):
                return carried
        return _named(spot.input)

    def through(self, arrival: Arrival, kind: str) -> list[Spot]:
        """The inputs of a node by which a ``kind`` comes to one of its outputs."""
        linked = self.inputs(arrival.node)
        kinds = {spot: self.kind(spot) for spot in linked}
        passing = [spot for spot in linked if kind in kinds[spot].split(",")]
        passing = passing or [spot for spot in linked if kinds[spot] == ANY]
        return self._of_role(arrival, passing) if kind == "CONDITIONING" else passing

    def back(self, starts: Iterable[Spot], kind: str, stop: Callable[[str], bool]) -> list[Arrival]:
        """Every node that a ``kind`` comes from or through, nearest first; not beyond those that ``stop``."""
        found: dict[Arrival, None] = {}
        waiting = deque(starts)
        while waiting:
            source = self.source(waiting.popleft())
            if source is None or source in found:
                continue
            found[source] = None
            if not stop(source.node):
                waiting.extend(self.through(source, kind))
        return list(found)

    def upstream(self, node: str) -> list[str]:
        """Every node that ``node`` depends on, nearest first, without itself."""
        found: dict[str, None] = {}
        waiting = deque([node])
        while waiting:
            for spot in self.inputs(waiting.popleft()):
                source = self.source(spot)
                if source is not None and source.node not in found:
                    found[source.node] = None
                    waiting.append(source.node)
        return [one for one in found if one != node]

    def _of_role(self, arrival: Arrival, spots: list[Spot]) -> list[Spot]:
        """A node with both a positive and a negative (ControlNetApplyAdvanced, InpaintModelConditioning) gives
        the positive out first."""
        negative = [spot for spot in spots if is_negative(spot.input)]
        positive = [spot for spot in spots if spot not in negative]
        if not negative or not positive:
            return spots
        known = self.known(arrival.node)
        names = known.info.get("output_name") if known is not None else None
        if isinstance(names, list) and 0 <= arrival.output < len(names):
            return negative if is_negative(str(names[arrival.output])) else positive
        return negative if arrival.output > 0 else positive


def is_negative(name: str) -> bool:
    """Whether an input's or output's name says that it has to do with the negative prompt."""
    return "neg" in name.lower()


def _telling(kind: str) -> bool:
    # COMFY_MATCHTYPE_V3 and its like are wildcards.
    return kind != ANY and not kind.startswith("COMFY_")


@lru_cache(maxsize=4096)
def _named(name: str) -> str:
    return next((kind for pattern, kind in NAMED if pattern.search(name)), ANY)
