"""The pictures that a workflow loads: which inputs take references, and what becomes of those that get none.

A picture that a workflow came with (its example) never gets into a user's image: each loader that leads to
the save node gets a picture, or is taken out, or it is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from imagegen.backends.comfyui.workflow.api import Graph, Node, Spot, described, title
from imagegen.backends.comfyui.workflow.loras import CantPlace as CantPlace
from imagegen.backends.comfyui.workflow.modelway import reaching, sinks
from imagegen.backends.comfyui.workflow.nodes import Nodes
from imagegen.backends.comfyui.workflow.passing import used_outputs
from imagegen.backends.comfyui.workflow.removal import Needed, without
from imagegen.backends.comfyui.workflow.walk.links import Walk

_NUMBER = re.compile(r"[0-9]{1,9}")
_REFERENCE = re.compile(r"reference", re.IGNORECASE)


def reference_spots(
    graph: Graph,
    nodes: Nodes | None = None,
    by_hand: Sequence[str] = (),
    start: Sequence[Spot] = (),
    save: str = "",
) -> tuple[Spot, ...]:
    """The inputs that take references, in their order.

    By hand (``41.image``, or ``41`` alone); else, of the loaders that lead to the save node, those with
    "Reference" in their title, numbered ones by their number; else all of them in the order of their node
    ids. ``start`` are the inputs of pictures that are no references (what image to image begins with). A
    loader of masks takes a reference only by hand.

    Raises CantPlace for a node by hand that is not there.
    """
    if by_hand:
        return tuple(_named(graph, text, nodes) for text in by_hand)
    found = [spot for spot in _loading(graph, save, nodes) if spot not in start and not _is_mask(graph, spot)]
    titled = [spot for spot in found if _REFERENCE.search(title(graph[spot.node]))]
    if titled:
        return tuple(sorted(titled, key=lambda spot: _number_in(title(graph[spot.node]))))
    return tuple(found)


def with_references(
    graph: Graph,
    spots: Sequence[Spot],
    names: Sequence[str | None],
    nodes: Nodes | None = None,
    save: str = "",
) -> Graph:
    """A new graph in which each of ``spots`` has its name; it may be a reference or what an image begins with.

    A loader whose name is None or missing is taken out with its branch; see :func:`removal.without`. With
    ``save``, the node that makes the picture, so is every other loader; also one that leads elsewhere only,
    since a server refuses a graph with a file that it has not.

    Raises CantPlace where there are more names than spots, and where the graph can't do without a loader.
    A mask of the workflow's own is never taken out, unless ``spots`` has it: without it all would be changed.
    """
    if len(names) > len(spots):
        raise _too_many(graph, len(names), spots)
    changed = {node_id: {**node, "inputs": dict(node["inputs"])} for node_id, node in graph.items()}
    given = {spot: name for spot, name in zip(spots, names, strict=False) if name is not None}
    for spot, name in given.items():
        changed[spot.node]["inputs"][spot.input] = name
    ends = [save] if save in graph else _ends(graph)
    leading = reaching(graph, ends)
    others = [spot for node_id in graph for spot in _file_inputs(graph, node_id, nodes)] if save else []
    for spot in dict.fromkeys([*spots, *others]):
        if spot in given or spot.node not in changed:
            continue
        if spot.node in leading and _is_mask(graph, spot) and spot not in spots:
            raise CantPlace(
                f"{_shown(graph, spot)} is a mask of the workflow's own, not one for this image",
                f'bindings: {{references: ["{spot}"]}} lets a reference take its place',
            )
        try:
            changed = without(changed, spot.node, ends, nodes)
        except Needed as needed:
            raise CantPlace(
                f"{_shown(graph, spot)} gets no picture, and the workflow can't do without: {needed}",
                "give it one with references:, or with image: where the workflow begins with it",
            ) from None
    return changed


def _loading(graph: Mapping[str, Node], save: str, nodes: Nodes | None) -> list[Spot]:
    """The inputs that name a picture of the server's, where it leads to the save node; in the order of ids."""
    above = reaching(graph, [save] if save in graph else sinks(graph))
    return [spot for node_id in sorted(above, key=_natural) for spot in _file_inputs(graph, node_id, nodes)]


def _file_inputs(graph: Mapping[str, Node], node_id: str, nodes: Nodes | None) -> Iterator[Spot]:
    """``LoadImage``, ``LoadImageMask``, ``LoadImageOutput``, and what else the server has uploads for."""
    node = graph[node_id]
    known = nodes.get(node["class_type"]) if nodes is not None else None
    for name in node["inputs"]:
        uploads = known is not None and name in known.inputs and known.inputs[name].options.get("image_upload")
        if uploads or (name == "image" and "LoadImage" in node["class_type"]):
            yield Spot(node_id, name)


def _ends(graph: Mapping[str, Node]) -> list[str]:
    """What is to be made, where no save node is named: what feeds nothing and is no mere look."""
    ends = sinks(graph)
    return [node_id for node_id in ends if not graph[node_id]["class_type"].startswith("Preview")] or ends


def _is_mask(graph: Graph, spot: Spot) -> bool:
    """Whether only a mask is read from the picture."""
    if "Mask" in graph[spot.node]["class_type"]:
        return True
    walk = Walk(graph)
    return {walk.kind(taker) for takers in used_outputs(graph, spot.node).values() for taker in takers} == {"MASK"}


def _named(graph: Mapping[str, Node], text: str, nodes: Nodes | None) -> Spot:
    if text in graph:
        found = next(_file_inputs(graph, text, nodes), Spot(text, "image"))
    else:
        node_id, _, name = text.rpartition(".")
        found = Spot(node_id, name)
    if found.node not in graph:
        raise CantPlace(f'bindings name "{text}" for a reference, and the workflow has no such node')
    if found.input not in graph[found.node]["inputs"]:
        raise CantPlace(f"bindings name {described(graph, found.node)} for a reference, and it has no {found.input}")
    if not isinstance(graph[found.node]["inputs"][found.input], str):
        raise CantPlace(
            f"bindings name {found} of {described(graph, found.node)} for a reference, and it takes no file's name"
        )
    return found


def _shown(graph: Mapping[str, Node], spot: Spot) -> str:
    picture = graph[spot.node]["inputs"].get(spot.input)
    own = f' with its own "{picture}"' if isinstance(picture, str) and picture else ""
    return described(graph, spot.node) + own


def _too_many(graph: Mapping[str, Node], wanted: int, spots: Sequence[Spot]) -> CantPlace:
    if not spots:
        return CantPlace("the workflow has no place for references", "it takes them in LoadImage nodes")
    references = "1 reference" if wanted == 1 else f"{wanted} references"
    places = "1 place" if len(spots) == 1 else f"{len(spots)} places"
    shown = ", ".join(described(graph, spot.node) for spot in spots)
    return CantPlace(
        f"{references}, and the workflow has {places} for them: {shown}",
        'bindings: {references: ["41.image"]} says where they go',
    )


def _natural(node_id: str) -> tuple[tuple[int, str], ...]:
    """Numbers by their value, ``57:8`` behind ``57:7``, other ids behind numbers."""
    parts = node_id.split(":")
    return tuple((int(part), "") if _NUMBER.fullmatch(part) else (10**9, part) for part in parts)


def _number_in(text: str) -> int:
    """The number behind the word, else any; 1 without."""
    behind = _NUMBER.search(text, _REFERENCE.search(text).end())  # type: ignore[union-attr]
    number = behind or _NUMBER.search(text)
    return int(number[0]) if number else 1
