"""ComfyUI's own templates with LoRAs and references: what comes out is a graph that a server takes."""

from __future__ import annotations

from functools import cache

import pytest

from imagegen.backends.comfyui.workflow.api import Graph
from imagegen.backends.comfyui.workflow.bindings import NoSave, find
from imagegen.backends.comfyui.workflow.loras import CantPlace, Lora, placed
from imagegen.backends.comfyui.workflow.modelway import reaching
from imagegen.backends.comfyui.workflow.nodes import Nodes
from imagegen.backends.comfyui.workflow.pictures import reference_spots, with_references
from imagegen.backends.comfyui.workflow.ui import CantConvert, to_api
from tests.drawn_workflows import nodes
from tests.servers.comfyui_types import every_class
from tests.servers.comfyui_validation import check
from tests.test_workflow_corpus import templates

LORAS = [Lora("ink.safetensors", 1, 1), Lora("moss.safetensors", 1, 1)]
NOT_OURS = {"value_not_in_list"}
"""Models that the recorded server did not have."""


@cache
def graphs() -> dict[str, tuple[Graph, str]]:
    """Each template that a 0.3.64 knows, in API format, and its save node."""
    found = {}
    for name, template in templates().items():
        try:
            graph = to_api(template, nodes())
            found[name] = graph, find(graph, nodes()).save
        except (CantConvert, NoSave):
            continue
    return found


def complaints(graph: Graph) -> set[tuple[str, str, str]]:
    """What a server would say against a graph: node, input, kind of error."""
    judged = check({node_id: {**node, "inputs": dict(node["inputs"])} for node_id, node in graph.items()},
                   every_class(), lambda name: True)  # fmt: skip
    return {
        (node_id, error["extra_info"].get("input_name", ""), error["type"])
        for node_id, about in judged.node_errors.items()
        for error in about["errors"]
        if error["type"] not in NOT_OURS
    }


def known_or_not(known: bool) -> Nodes | None:
    return nodes() if known else None


@pytest.mark.parametrize("known", [True, False], ids=["with object_info", "without"])
def test_loras_leave_a_sound_graph(known: bool) -> None:
    done = []
    for name, (graph, save) in graphs().items():
        try:
            made, spots = placed(graph, LORAS, known_or_not(known), before=[save])
        except CantPlace:
            continue
        assert complaints(made) <= complaints(graph), name
        assert {spot.node for spot in spots} <= reaching(made, [save]), name
        none, _ = placed(made, [], known_or_not(known), before=[save])
        assert not any("lora_name" in none[node_id]["inputs"] for node_id in reaching(none, [save])), name
        done.append(name)
    assert len(done) >= 49  # may only rise


@pytest.mark.parametrize("known", [True, False], ids=["with object_info", "without"])
def test_references_leave_a_sound_graph_without_any_other_picture(known: bool) -> None:
    done = 0
    for name, (graph, save) in graphs().items():
        start = find(graph, known_or_not(known)).places.get("image", ())
        spots = reference_spots(graph, known_or_not(known), (), start, save)
        for count in range(len(spots) + 1):
            given = (*("start.png" for _ in start), *("reference.png" for _ in range(count)))
            try:
                made = with_references(graph, (*start, *spots), given, known_or_not(known), save)
            except CantPlace:
                continue
            assert complaints(made) <= complaints(graph), name
            left = {node["inputs"]["image"] for node in made.values() if node["class_type"].startswith("LoadImage")}
            assert left <= {*given}, name
            done += bool(spots)
    assert done >= 21  # may only rise
