"""Bindings: what the walk finds, placeholders, ``bindings:`` by hand, and the graph with the settings in it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen.backends.comfyui import graph as built_in
from imagegen.backends.comfyui.workflow.api import Graph, Spot, is_api, is_link
from imagegen.backends.comfyui.workflow.bindings import SETTINGS, BadBinding, NoSave, Unfilled, filled, find
from imagegen.backends.comfyui.workflow.nodes import Nodes
from tests.drawn_workflows import nodes as known_nodes
from tests.sampled_graphs import base_and_refiner, bound, from_picture, guided, shown, trouble, two_passes
from tests.workflow_graphs import garbage, node, text_to_image


@pytest.fixture(scope="module")
def nodes() -> Nodes:
    return known_nodes()


class TestTheBuiltInGraph:
    @pytest.mark.parametrize(("picture", "has_size"), [(False, True), (True, False), (True, True)])
    def test_the_walk_finds_what_the_graph_itself_says(self, picture: bool, has_size: bool) -> None:
        graph = built_in.graph(picture, has_size)
        told, found = built_in.bindings(graph), find(graph)
        assert found.save == told.save
        assert found.places == told.places
        assert found.trouble.keys() == told.trouble.keys()

    def test_every_setting_is_bound_or_in_trouble(self) -> None:
        found = find(text_to_image())
        assert {*found.places, *found.trouble} == set(SETTINGS)
        assert not found.places.keys() & found.trouble.keys()

    def test_known_classes_change_nothing(self, nodes: Nodes) -> None:
        for graph in (text_to_image(), guided(), base_and_refiner(), two_passes(), from_picture()):
            assert find(graph, nodes) == find(graph)


class TestPlaceholders:
    def graph(self) -> Graph:
        graph = text_to_image()
        graph["2"]["inputs"]["text"] = "{{PROMPT}}, masterpiece"
        graph["3"]["inputs"]["text"] = "{{NEGATIVE}}"
        graph["5"]["inputs"]["seed"] = "{{SEED}}"
        graph["7"]["inputs"]["filename_prefix"] = "{{WIDTH}}x{{HEIGHT}}"
        graph["4"]["inputs"] |= {"width": "{{WIDTH}}", "height": "{{HEIGHT}}"}
        return graph

    def test_they_are_the_place(self) -> None:
        found = find(self.graph())
        assert {"prompt", "negative_prompt", "seed", "width", "height"} == found.placeholders.keys()
        assert not found.placeholders.keys() & {*found.places, *found.trouble}
        assert found.placeholders["width"] == (Spot("4", "width"), Spot("7", "filename_prefix"))

    def test_a_whole_string_becomes_the_value_and_a_part_its_text(self) -> None:
        values = {"prompt": "a {{SEED}} cat", "negative_prompt": "text", "seed": 7, "width": 32, "height": 48}
        new = filled(self.graph(), find(self.graph()), values)
        assert new["2"]["inputs"]["text"] == "a {{SEED}} cat, masterpiece"
        assert new["3"]["inputs"]["text"] == "text"
        assert new["5"]["inputs"]["seed"] == 7
        assert new["4"]["inputs"]["width"] == 32
        assert new["7"]["inputs"]["filename_prefix"] == "32x48"

    def test_an_unset_negative_is_empty_and_others_are_refused(self) -> None:
        values = {"prompt": "a cat", "seed": 7, "width": 32, "height": 48}
        assert filled(self.graph(), find(self.graph()), values)["3"]["inputs"]["text"] == ""
        for missing in values:
            with pytest.raises(Unfilled, match=f"there is no {missing}"):
                filled(self.graph(), find(self.graph()), {**values, missing: None})

    def test_by_hand_wins_and_no_placeholder_is_left(self) -> None:
        graph = self.graph()
        graph["8"] = node("CLIPTextEncode", text="{{PROMPT}}", clip=["1", 1])
        found = find(graph, None, {"prompt": ["8.text"]})
        assert found.places["prompt"] == (Spot("8", "text"),)
        new = filled(graph, found, {"prompt": "a cat", "seed": 1, "width": 8, "height": 8})
        assert new["8"]["inputs"]["text"] == "a cat"
        assert new["2"]["inputs"]["text"] == "a cat, masterpiece"

    def test_what_the_walk_finds_gives_way(self) -> None:
        """Else the prompt would overwrite the other's placeholder."""
        graph = text_to_image()
        graph["2"]["inputs"]["text"] = "a mouse, {{WIDTH}} wide"
        assert "2.text would take prompt and another setting" in trouble(graph, "prompt")

    def test_small_letters_are_the_workflows_own(self) -> None:
        graph = text_to_image()
        graph["2"]["inputs"]["text"] = "{{prompt}} {{ PROMPT }} {PROMPT}"
        assert find(graph).placeholders == {}


class TestByHand:
    def test_it_wins_and_goes_to_each(self) -> None:
        graph = base_and_refiner()
        assert bound(graph, "prompt", prompt=["22.text", "2.text"]) == ["22.text", "2.text"]
        assert bound(graph, "seed", seed=["25.noise_seed"]) == ["25.noise_seed"]

    def test_ids_and_inputs_with_dots(self) -> None:
        graph = text_to_image()
        graph["a.b"] = node("Any", **{"values.a": 1, "c": 2})
        assert bound(graph, "steps", steps=["a.b.values.a"]) == ["a.b.values.a"]
        graph["a"] = node("Any", **{"b.c": 3})
        assert find(graph, None, {"steps": ["a.b.c"]}).places["steps"] == (Spot("a.b", "c"),)

    @pytest.mark.parametrize(
        ("by_hand", "message", "hint"),
        [
            ({"prompt": ["99.text"]}, "no node 99", "CheckpointLoaderSimple (node 1)"),
            ({"prompt": ["2.txt"]}, "CLIPTextEncode (node 2) has no input txt", 'did you mean "text"?'),
            ({"prompt": ["2"]}, "names a node and no input", '"text"'),
            ({"prompt": ["2.clip"]}, "linked to CheckpointLoaderSimple (node 1)", "value of its own"),
            ({"promt": ["2.text"]}, "no setting promt", 'did you mean "prompt"?'),
            ({"references": ["99.image"]}, 'no node "99.image"', "node 1"),
            ({"loras": ["99"]}, 'no node "99"', "node 1"),
            ({"prompt": [""]}, "no node", "node 1"),
        ],
    )
    def test_what_is_wrong_is_told(self, by_hand: Mapping[str, list[str]], message: str, hint: str) -> None:
        with pytest.raises(BadBinding) as caught:
            find(text_to_image(), None, by_hand)
        assert message in str(caught.value)
        assert hint in caught.value.hint

    def test_a_linked_input_has_its_source_named(self) -> None:
        graph = text_to_image()
        graph["50"] = node("PrimitiveInt", value=2)
        graph["5"]["inputs"]["denoise"] = ["50", 0]
        graph["5"]["inputs"]["steps"] = ["50", 0]
        with pytest.raises(BadBinding) as caught:
            find(graph, None, {"cfg": ["5.steps"]})
        assert caught.value.hint == 'bind "50.value", where its value stands'

    def test_whatever_the_walk_names_may_be_named(self) -> None:
        graph = text_to_image()
        graph["50"] = node("ResolutionSelector", aspect_ratio="16:9", megapixels=1.0)
        graph["4"]["inputs"] |= {"width": ["50", 0], "height": ["50", 1]}
        assert bound(graph, "width", width=["4.width"]) == ["4.width"]

    def test_an_input_that_is_left_at_its_default(self, nodes: Nodes) -> None:
        graph = text_to_image()
        del graph["4"]["inputs"]["batch_size"]
        assert find(graph, nodes, {"steps": ["4.batch_size"]}).places["steps"] == (Spot("4", "batch_size"),)
        with pytest.raises(BadBinding):
            find(graph, None, {"steps": ["4.batch_size"]})

    def test_other_engineers_keys_are_only_looked_at(self) -> None:
        graph = from_picture()
        assert find(graph, None, {"references": ["40.image"], "loras": ["5"]}).places == find(graph).places


class TestFilling:
    def test_what_is_not_given_keeps_the_workflows_own_value(self) -> None:
        graph = text_to_image()
        before = json.dumps(graph)
        new = filled(graph, find(graph), {"prompt": "a cat", "seed": None})
        assert new["2"]["inputs"]["text"] == "a cat"
        assert {name: new[name] for name in new if name != "2"} == {name: graph[name] for name in graph if name != "2"}
        assert json.dumps(graph) == before


_NAMES = [
    *("model", "clip", "positive", "negative", "latent_image", "samples", "pixels", "images", "image", "text", "value"),
    *("guider", "noise", "sigmas", "sampler", "switch", "on_true", "on_false", "string_a", "string_b", "delimiter"),
    *(
        "seed",
        "noise_seed",
        "steps",
        "cfg",
        "sampler_name",
        "denoise",
        "width",
        "height",
        "ckpt_name",
        "add_noise",
        "x",
    ),
]
_KINDS = [
    *("KSampler", "SamplerCustomAdvanced", "CFGGuider", "CLIPTextEncode", "ConditioningCombine", "ConditioningZeroOut"),
    *("EmptyLatentImage", "VAEEncode", "VAEDecode", "LoadImage", "PrimitiveInt", "ComfySwitchNode", "SaveImage", "Odd"),
]


@st.composite
def tangles(draw: st.DrawFn) -> Graph:
    """Graphs with the right words in any order: circles, links to nowhere and to outputs that are not there."""
    ids = [str(number) for number in range(draw(st.integers(1, 8)))]
    links = st.tuples(st.sampled_from([*ids, "gone"]), st.integers(-2, 3)).map(list)
    literals = st.sampled_from(["a mouse", "{{PROMPT}}", 1, 1.0, True, None, [], {}, ["1"], ["1", True], [1, 2]])
    inputs = st.dictionaries(st.sampled_from(_NAMES), links | literals, max_size=7)
    nodes_of = st.builds(lambda name, given: {"class_type": name, "inputs": given}, st.sampled_from(_KINDS), inputs)
    return {name: draw(nodes_of) for name in ids}


class TestAnyGraph:
    @settings(max_examples=400, deadline=None)
    @given(graph=tangles() | garbage(), known=st.booleans())
    def test_it_is_bound_or_refused_in_words(self, nodes: Nodes, graph: Graph, known: bool) -> None:
        assert is_api(graph)
        try:
            found = find(graph, nodes if known else None)
        except NoSave:
            return
        assert {*found.places, *found.trouble, *found.placeholders} == set(SETTINGS) | found.placeholders.keys()
        assert len({spot for spots in found.places.values() for spot in spots}) == sum(map(len, found.places.values()))
        new = filled(graph, found, dict.fromkeys(SETTINGS, 3))
        for setting, spots in found.places.items():
            for spot in spots:
                assert new[spot.node]["inputs"][spot.input] == 3, setting

    @settings(max_examples=100, deadline=None)
    @given(graph=tangles())
    def test_what_the_walk_names_is_taken_by_hand(self, graph: Graph) -> None:
        try:
            found = find(graph)
        except NoSave:
            return
        named = {setting: [str(spot) for spot in spots] for setting, spots in found.places.items()}
        named |= {setting: [str(one.candidates[0])] for setting, one in found.trouble.items() if one.candidates}
        assert shown(find(graph, None, named)) == named

    @given(order=st.permutations(sorted(base_and_refiner())))
    @settings(max_examples=25, deadline=None)
    def test_the_order_of_nodes_does_not_matter(self, order: list[str]) -> None:
        graph = base_and_refiner()
        assert find({name: graph[name] for name in order}).places == find(graph).places

    def test_a_long_chain_is_walked_without_recursion(self) -> None:
        graph = text_to_image()
        for number in range(100, 3000):
            graph[str(number)] = node("FluxGuidance", conditioning=[str(number + 1), 0], guidance=1)
            graph[f"s{number}"] = node("PreviewAny", source=[f"s{number + 1}", 0])
        graph["3000"] = graph["2"] | {"inputs": {"text": ["s100", 0], "clip": ["1", 1]}}
        graph["s3000"] = node("PrimitiveString", value="a mouse")
        graph["5"]["inputs"]["positive"] = ["100", 0]
        assert bound(graph, "prompt") == ["s3000.value"]
        assert is_link(graph["5"]["inputs"]["positive"])
