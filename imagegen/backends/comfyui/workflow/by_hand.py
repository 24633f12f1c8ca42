"""``bindings:`` in a manifest: where a user says that settings go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from imagegen.backends.comfyui.workflow.api import Graph, Spot, described
from imagegen.backends.comfyui.workflow.walk.links import Walk
from imagegen.backends.comfyui.workflow.walk.literals import literal
from imagegen.errors import did_you_mean, listed

NODES = ("save", "loras", "references")
"""Keys that name nodes; ``references`` may name their inputs."""


class BadBinding(ValueError):
    """A binding that names no node, no input, a linked input, or no setting. ``setting`` is its key."""

    def __init__(self, setting: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.setting, self.message, self.hint = setting, message, hint


def check(graph: Graph, bindings: Mapping[str, Sequence[str]], settings: Sequence[str]) -> None:
    """Look at the keys, and at the bindings that name nodes. Raises BadBinding."""
    for key in bindings:
        if key not in settings and key not in NODES:
            known = (*settings, *NODES)
            raise BadBinding(key, f"bindings: there is no setting {key}", did_you_mean(key, known) or listed(known, 20))
        for text in _texts(bindings, key) if key in NODES else ():
            if text not in graph and not any(node in graph for node, _ in _splits(text)):
                raise BadBinding(key, f'bindings: {key}: the workflow has no node "{text}"', _nodes(graph, text))


def save(graph: Graph, bindings: Mapping[str, Sequence[str]]) -> str | None:
    """The save node that is named; None where none is. Raises BadBinding."""
    named = _texts(bindings, "save")
    if len(named) > 1:
        raise BadBinding("save", "bindings: save: names several nodes", "an image is what one node saves")
    if not named:
        return None
    return named[0] if named[0] in graph else next(node for node, _ in _splits(named[0]) if node in graph)


def places(
    walk: Walk, bindings: Mapping[str, Sequence[str]], setting: str, linked: Collection[Spot] = ()
) -> tuple[Spot, ...]:
    """The inputs that take ``setting``; () where it is not bound by hand. ``linked`` are the linked inputs that
    may be named: those where the walk itself would put the value in place of the link. Raises BadBinding."""
    spots = [_spot(walk, setting, text) for text in _texts(bindings, setting)]
    for spot in spots:
        if isinstance(walk.value(spot), list) and spot not in linked:
            raise _linked(walk, setting, spot)
    return tuple(dict.fromkeys(spots))


def _spot(walk: Walk, setting: str, text: str) -> Spot:
    """Ids of nodes and names of inputs may both have dots: the last at which there is such a node counts."""
    where = f'bindings: {setting}: "{text}"'
    own = [Spot(node, name) for node, name in _splits(text) if node in walk.graph]
    for spot in own:
        if spot.input in walk.graph[spot.node]["inputs"] or _takes(walk, spot):
            return spot
    if own:
        inputs = list(walk.graph[own[0].node]["inputs"])
        hint = did_you_mean(own[0].input, inputs) or f"it has {listed(inputs)}"
        raise BadBinding(setting, f"{where}: {described(walk.graph, own[0].node)} has no input {own[0].input}", hint)
    if text in walk.graph:
        inputs = list(walk.graph[text]["inputs"])
        raise BadBinding(setting, f"{where} names a node and no input", f'write "{text}.text"; it has {listed(inputs)}')
    node = text.rpartition(".")[0] or text
    raise BadBinding(setting, f"{where}: the workflow has no node {node}", _nodes(walk.graph, node))


def _takes(walk: Walk, spot: Spot) -> bool:
    """An input with a default may be missing from the graph."""
    known = walk.known(spot.node)
    return known is not None and spot.input in known.inputs


def _linked(walk: Walk, setting: str, spot: Spot) -> BadBinding:
    behind = literal(walk, spot)
    source = walk.source(spot)
    origin = described(walk.graph, source.node) if source is not None else "a node that is not there"
    hint = f'bind "{behind}", where its value stands' if behind is not None else "bind an input with a value of its own"
    return BadBinding(setting, f'bindings: {setting}: "{spot}" is linked to {origin}', hint)


def _splits(text: str) -> Iterable[tuple[str, str]]:
    """(node's id, input's name) for each dot, the last first."""
    parts = text.split(".")
    return [(".".join(parts[:at]), ".".join(parts[at:])) for at in range(len(parts) - 1, 0, -1)]


def _texts(bindings: Mapping[str, Sequence[str]], key: str) -> list[str]:
    named = bindings.get(key) or ()
    return [named] if isinstance(named, str) else [str(one) for one in named]


def _nodes(graph: Graph, wrong: str) -> str:
    close = did_you_mean(wrong, graph)
    return close or "it has " + ", ".join(described(graph, node) for node in list(graph)[:12])
