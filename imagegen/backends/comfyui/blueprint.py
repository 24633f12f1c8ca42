"""What is sent for one order, before a server is chosen: the graph, and what a server has to be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagegen.backends.base import Complaint, Order, Unusable
from imagegen.backends.comfyui import graph as built_in
from imagegen.backends.comfyui.library import Library
from imagegen.backends.comfyui.workflow import bindings, loras, pictures
from imagegen.backends.comfyui.workflow.api import Graph, Spot, is_link
from imagegen.backends.comfyui.workflow.bindings import Bindings
from imagegen.backends.comfyui.workflow.nodes import Nodes

REMOVE = 'remove it, or say where it goes: bindings: {{{}: ["NODE.input"]}}'
"""The mend for a setting without a place."""

UPLOADED = "imagegen"
"""The folder, among a server's inputs, of the pictures we upload."""


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


@dataclass(frozen=True)
class Base:
    """What a blueprint begins with: a graph, where its settings go, and what of it is bound by hand."""

    graph: Graph
    bindings: Bindings
    by_hand: Mapping[str, Sequence[str]] = field(default_factory=dict)
    nodes: Nodes | None = None
    called: str = "the built-in graph"


def base(order: Order, library: Library) -> Base:
    """The graph that an order changes. Raises Unusable."""
    if "workflow" not in order.files:
        has_size = "width" in order.recipe or "height" in order.recipe
        graph = built_in.graph("image" in order.files, has_size)
        return Base(graph, built_in.bindings(graph))
    (path,) = order.files["workflow"]
    by_hand = order.recipe.get("bindings", {})
    found = library.workflow(path)
    if found.content != order.recipe.get("workflow"):
        raise Unusable(Complaint("workflow", f"{path.name} changed while images were being made", "run again"))
    return Base(library.graph(path), library.bindings(path, by_hand), by_hand, library.nodes, path.name)


def blueprint(order: Order, library: Library) -> Blueprint:
    """What is sent for ``order``. Raises Unusable with the setting to blame."""
    start = base(order, library)
    recipe = order.recipe
    values = {setting: recipe[setting] for setting in bindings.SETTINGS if setting in recipe and setting != "image"}
    for setting in values:
        if complaint := unbound(start, setting):
            raise Unusable(complaint)
    try:
        graph = bindings.filled(start.graph, start.bindings, values)
    except bindings.Unfilled as error:
        raise Unusable(Complaint("workflow", f"{start.called}: {error}")) from error
    graph, uploads, placed = _with_pictures(start, graph, order)
    places = {**start.bindings.placeholders, **start.bindings.places, **placed}
    if "loras" in recipe:
        wanted = [loras.Lora(one["name"], one["strength"], one["strength_clip"]) for one in recipe["loras"]]
        try:
            graph, spots = loras.placed(graph, wanted, start.nodes, start.by_hand.get("loras"), (start.bindings.save,))
        except loras.CantPlace as error:
            raise Unusable(Complaint("loras", f"{start.called}: {error}", error.hint)) from error
        places["loras"] = spots
    graph = _saved(graph, start.bindings.save)
    prefixes = tuple(
        Spot(name, "filename_prefix")
        for name, node in graph.items()
        if "filename_prefix" in node["inputs"] and not is_link(node["inputs"]["filename_prefix"])
    )
    return Blueprint(graph, places, start.bindings.save, prefixes, uploads)


def unbound(start: Base, setting: str) -> Complaint | None:
    """Why a setting has no place in a graph, if it has none."""
    if setting in start.bindings.places or setting in start.bindings.placeholders:
        return None
    trouble = start.bindings.trouble[setting]
    named = ", ".join(str(spot) for spot in trouble.candidates)
    choose = f"bindings: {{{setting}: [{named}]}} says which of them" if named else REMOVE.format(setting)
    hint = trouble.hint or choose
    return Complaint(setting, f"{start.called}: {trouble.message}", hint, useless=not trouble.candidates)


def _with_pictures(
    start: Base, graph: Graph, order: Order
) -> tuple[Graph, tuple[Upload, ...], dict[str, tuple[Spot, ...]]]:
    """The graph with its pictures: the one to start from and the references, each in its place, and no
    other picture of the workflow's own."""
    first = start.bindings.places.get("image", ())
    given = order.files.get("image", ())
    if given and (complaint := unbound(start, "image")):
        raise Unusable(complaint)
    references = order.files.get("references", ())
    save, by_hand = start.bindings.save, start.by_hand.get("references", ())
    try:
        spots = pictures.reference_spots(graph, start.nodes, by_hand, first, save)
        if not spots and not given:  # where an edit starts from the picture that it is to resemble
            spots = pictures.reference_spots(graph, start.nodes, by_hand, (), save)
        known = order.recipe.get("references", [])
        names = [_name(path, known[number : number + 1]) for number, path in enumerate(references)]
        start_name = [_name(path, [order.recipe["image"]] if "image" in order.recipe else []) for path in given]
        own = start_name * len(first)
        graph = pictures.with_references(graph, (*first[: len(own)], *spots), (*own, *names), start.nodes, save)
    except pictures.CantPlace as error:
        setting = "references" if references or not first else "image"
        raise Unusable(Complaint(setting, f"{start.called}: {error}", error.hint)) from error
    uploads = [Upload(path, (spots[number],)) for number, path in enumerate(references)]
    uploads += [Upload(path, tuple(first)) for path in given]
    placed = {"references": tuple(spots[: len(references)])} if references else {}
    return graph, tuple(uploads), placed


def _name(path: Path, digests: Sequence[str]) -> str:
    """What a picture is called in the graph that is kept with the image: by its pixels, so that the same
    recipe gives the same bytes wherever the file lies."""
    return f"{UPLOADED}/{digests[0].removeprefix('sha256:')[:32] if digests else path.stem}.png"


def _saved(graph: Graph, save: str) -> Graph:
    """A picture sent through the socket is lost with it, so it is saved like any other."""
    node = graph[save]
    if node["class_type"] != "SaveImageWebsocket":
        return graph
    inputs = {**node["inputs"], "filename_prefix": built_in.PREFIX}
    return {**graph, save: {**node, "class_type": "SaveImage", "inputs": inputs}}


def changes(start: Graph, graph: Graph) -> list[tuple[str, Any, Any]]:
    """What differs between a workflow and the graph that is sent: ``(place, old, new)``, None where a side
    has nothing."""
    found: list[tuple[str, Any, Any]] = []
    for name in [*start, *(name for name in graph if name not in start)]:
        old, new = start.get(name), graph.get(name)
        if old is None or new is None:
            whole = new or old or {}
            what = f"a {whole.get('class_type')}"
            found.append((f"node {name}", what if new is None else None, what if old is None else None))
            continue
        for key in [*old["inputs"], *(key for key in new["inputs"] if key not in old["inputs"])]:
            before, after = old["inputs"].get(key), new["inputs"].get(key)
            if before != after:
                found.append((str(Spot(name, key)), before, after))
    return found
