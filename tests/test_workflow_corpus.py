"""ComfyUI's own templates (the package comfyui-workflow-templates-json), as far as a 0.3.64 knows their nodes.

The counts may only rise: a number that sinks is something that we could do and can't any more.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import pytest

from imagegen.backends.comfyui.workflow import api as api_format
from imagegen.backends.comfyui.workflow import file, ui
from imagegen.backends.comfyui.workflow.api import Graph
from imagegen.backends.comfyui.workflow.bindings import find
from tests.drawn_workflows import nodes

pytest.importorskip("comfyui_workflow_templates_json", reason="a development dependency")

PAGE_ONLY = {"Note", "MarkdownNote", "Reroute", "PrimitiveNode"}


@cache
def templates() -> Mapping[str, Any]:
    """Every workflow of the package by its file's name without ending."""
    found = {}
    for path in (files("comfyui_workflow_templates_json") / "templates").iterdir():
        if path.name.endswith(".json"):
            value = json.loads(path.read_bytes())
            if ui.is_ui(value):
                found[path.name.removesuffix(".json")] = value
    return dict(sorted(found.items()))


def subgraphs(template: Any) -> list[Any]:
    return list(template.get("definitions", {}).get("subgraphs", []))


def classes(template: Any) -> set[str]:
    """The classes of a template's nodes, those in its subgraphs too."""
    own = {node["type"] for graph in [template, *subgraphs(template)] for node in graph["nodes"]}
    return own - {one["id"] for one in subgraphs(template)} - PAGE_ONLY


def local_text_to_image() -> dict[str, Any]:
    """Those that need no other's server and no picture, and save one."""
    return {
        name: template
        for name, template in templates().items()
        if not name.startswith("api_")
        and "SaveImage" in classes(template)
        and not any(one.startswith("LoadImage") for one in classes(template))
    }


@cache
def converted() -> Mapping[str, Graph]:
    """The local text-to-image templates whose nodes are all known, in API format."""
    known = {name: one for name, one in local_text_to_image().items() if all(kind in nodes() for kind in classes(one))}
    return {name: ui.to_api(template, nodes()) for name, template in known.items()}


def test_the_corpus_is_what_the_counts_are_of() -> None:
    assert len(templates()) >= 644
    assert len(local_text_to_image()) >= 55


# --- converts ---------------------------------------------------------------------------------------


def test_every_local_text_to_image_template_with_known_nodes_converts() -> None:
    assert len(converted()) >= 26
    for name, graph in converted().items():
        assert api_format.is_api(graph), name
        assert any(node["class_type"] == "SaveImage" for node in graph.values()), name


def test_the_others_say_which_nodes_are_unknown() -> None:
    others = local_text_to_image().keys() - converted().keys()
    for name in others:
        with pytest.raises(ui.UnknownNodes) as caught:
            ui.to_api(templates()[name], nodes())
        assert set(caught.value.names) == {kind for kind in classes(templates()[name]) if kind not in nodes()}, name


def test_every_template_converts_or_says_which_nodes_are_unknown() -> None:
    done = 0
    for name, template in templates().items():
        try:
            graph = ui.to_api(template, nodes())
        except ui.UnknownNodes as error:
            assert set(error.names) <= classes(template), name
        else:
            done += 1
            if not name.startswith("api_"):  # some of those use outputs that 0.3.64's classes do not have yet
                check(name, graph)
    assert done >= 116


def check(name: str, graph: Graph) -> None:
    """Every link leads to an output that is there, and every required value is."""
    for node_id, node in graph.items():
        known = nodes()[node["class_type"]]
        for input_name, source, number in api_format.links(node):
            assert number < len(nodes()[graph[source]["class_type"]].outputs), f"{name}: {node_id}.{input_name}"
        missing = {own for own, described in known.inputs.items() if described.required} - node["inputs"].keys()
        assert not missing, f"{name}: {api_format.described(graph, node_id)} lacks {missing}"


def test_a_page_saved_again_in_another_order_has_the_same_content() -> None:
    """ComfyUI's page puts a node that was clicked last, and Save As draws another id for the file."""
    for name, template in local_text_to_image().items():
        again = copy.deepcopy(template) | {"id": "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"}
        for graph in [again, *subgraphs(again)]:
            graph["nodes"].reverse()
            graph["links"].reverse()
        assert file.content(again) == file.content(template), name
        if name in converted():
            assert ui.to_api(again, nodes()) == converted()[name], name


def test_another_node_in_a_subgraph_is_another_content() -> None:
    template = next(one for one in local_text_to_image().values() if subgraphs(one))
    again = copy.deepcopy(template)
    subgraphs(again)[0]["nodes"][0]["mode"] = 4
    assert file.content(again) != file.content(template)


# --- is bound ---------------------------------------------------------------------------------------


class Bound(NamedTuple):
    """Where the settings of a template go, as one reads it off the file; several places apart by blanks.
    ``sides`` is the node whose ``width`` and ``height`` they are."""

    prompt: str
    negative: str
    seed: str
    sides: str


BOUND = {
    "flux1_krea_dev": Bound("200:195.text", "", "200:197.seed", "200:196"),
    "flux_dev_checkpoint_example": Bound("56:51.text", "", "56:52.seed", "56:50"),
    "flux_dev_full_text_to_image": Bound("194:49.text", "", "194:50.seed", "194:48"),
    "flux_schnell": Bound("6.text", "33.text", "31.seed", "27"),
    "flux_schnell_full_text_to_image": Bound("41.clip_l 41.t5xxl", "", "31.seed", "27"),
    "hidream_i1_dev": Bound("16.text", "40.text", "3.seed", "53"),
    "hidream_i1_fast": Bound("85.text", "90.text", "94.seed", "84"),
    "hidream_i1_full": Bound("91.text", "85.text", "93.seed", "86"),
    "image_anima_preview": Bound("60:11.text", "60:12.text", "60:19.seed", "60:28"),
    "image_chroma1_radiance_text_to_image": Bound("762:693.text", "762:728.text", "762:718.noise_seed", "762:760"),
    "image_chroma_text_to_image": Bound("748.text", "749.text", "718.noise_seed", "737"),
    "image_kandinsky5_t2i": Bound("12:7.text", "12:2.text", "12:8.seed", "12:18"),
    "image_netayume_lumina_t2i": Bound("48:51.value", "", "48:33.seed", "48:31"),
    "image_newbieimage_exp0_1-t2i": Bound("48.value", "41:49.text", "41:3.seed", "41:31"),
    "image_omnigen2_t2i": Bound("42:6.text", "42:7.text", "42:21.noise_seed", "42:11"),
    "image_ovis_text_to_image": Bound("57:45.text", "57:49.text", "57:44.seed", "57:41"),
    "image_qwen_image_2512_with_2steps_lora": Bound("108.text", "", "106.seed", "107"),
    "image_sdxl_simple": Bound("10.text", "11.text", "12.seed", "13"),
    "image_z_image_turbo": Bound("57:27.text", "", "57:3.seed", "57:13"),
    "image_z_image_turbo_int8": Bound("57:27.text", "", "57:3.seed", "57:13"),
    "sd3.5_simple_example": Bound("16.text", "40.text", "3.seed", "53"),
    "sdxl_refiner_prompt_example": Bound("6.text 15.text", "7.text 16.text", "10.noise_seed", "5"),
    "sdxl_simple_example": Bound("6.text 15.text", "7.text 16.text", "10.noise_seed", "5"),
    "sdxlturbo_example": Bound("6.text", "7.text", "13.noise_seed", "5"),
    "template_qwen_image_illustration_lora": Bound("76:6.text", "76:7.text", "76:3.seed", "76:58"),
    "template_sugar_coated_gummy_style_qwen": Bound("76:80.string_a", "76:7.text", "76:3.seed", "76:58"),
}
"""Every local text-to-image template whose nodes a 0.3.64 server knows. Of those without a negative most
empty it (ConditioningZeroOut); ``netayume`` puts its together from two texts that are both titled "System prompt"."""


def test_the_count_of_what_is_bound_only_rises() -> None:
    assert len(BOUND) >= 26
    assert BOUND.keys() == converted().keys()


@pytest.mark.parametrize("name", BOUND)
def test_prompt_seed_and_size_go_where_one_reads_them(name: str) -> None:
    found = find(converted()[name], nodes())
    places = {setting: " ".join(map(str, spots)) for setting, spots in found.places.items()}
    told = BOUND[name]
    assert places["prompt"] == told.prompt
    assert places.get("negative_prompt", "") == told.negative
    assert places["seed"] == told.seed
    assert places["width"] == f"{told.sides}.width"
    assert places["height"] == f"{told.sides}.height"
    assert {"steps", "cfg", "sampler", "checkpoint"} <= places.keys()


def test_unknown_classes_make_no_difference() -> None:
    for name, graph in converted().items():
        assert find(graph) == find(graph, nodes()), name


def test_what_is_not_bound_says_why() -> None:
    """Each reason names the setting, and the node that it is about."""
    for name, graph in converted().items():
        for setting, trouble in find(graph, nodes()).trouble.items():
            assert setting in trouble.message, name
            assert "(node " in trouble.message, (name, trouble.message)
