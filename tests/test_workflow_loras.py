"""LoRAs in a workflow: set, spliced in, taken out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.backends.comfyui import graph as built_in
from imagegen.backends.comfyui.workflow.api import Graph, is_link
from imagegen.backends.comfyui.workflow.loras import CantPlace, Lora, placed
from imagegen.backends.comfyui.workflow.nodes import Nodes
from tests.servers.comfyui_types import RECORDINGS
from tests.workflow_graphs import garbage, node, text_to_image

INK, GOLD, MOSS = Lora("ink.safetensors", 0.8, 0.6), Lora("gold.safetensors", 1, 1), Lora("moss.safetensors", 0.5, 0)


@pytest.fixture(scope="module")
def nodes() -> Nodes:
    return Nodes(json.loads((RECORDINGS / "object_info-0.3.64.json").read_text(encoding="utf-8")))


def with_loaders(*ids: str, clip: bool = True) -> Graph:
    """Text to image whose model, and CLIP, go through LoRA loaders of these ids."""
    graph = text_to_image()
    model, last = ["1", 0], ["1", 1]
    for node_id in ids:
        inputs: dict[str, Any] = {"model": model, "lora_name": "own.safetensors", "strength_model": 1.0}
        if clip:
            inputs |= {"clip": last, "strength_clip": 1.0}
        graph[node_id] = node("LoraLoader" if clip else "LoraLoaderModelOnly", **inputs)
        model, last = [node_id, 0], [node_id, 1] if clip else last
    graph["5"]["inputs"]["model"] = model
    graph["2"]["inputs"]["clip"] = graph["3"]["inputs"]["clip"] = last
    return graph


def way(graph: Graph, node_id: str = "5", name: str = "model") -> list[str]:
    """What a model or CLIP goes through on its way into an input: LoRAs by name, other nodes by class."""
    found = []
    while is_link(link := graph[node_id]["inputs"].get(name)):
        node_id = link[0]
        found.append(graph[node_id]["inputs"].get("lora_name", graph[node_id]["class_type"]))
    return found[::-1]


def names(*loras: Lora, of: str = "CheckpointLoaderSimple") -> list[str]:
    return [of, *(lora.name for lora in loras)]


def whole(graph: Graph) -> bool:
    """Whether every link leads somewhere."""
    return all(value[0] in graph for one in graph.values() for value in one["inputs"].values() if is_link(value))


class TestSetting:
    def test_loaders_take_them_in_the_order_in_which_the_model_goes_through(self) -> None:
        graph, spots = placed(with_loaders("90", "12"), [INK, GOLD])
        assert [str(spot) for spot in spots] == ["90.lora_name", "12.lora_name"]
        assert way(graph) == names(INK, GOLD)
        assert (graph["90"]["inputs"]["strength_model"], graph["90"]["inputs"]["strength_clip"]) == (0.8, 0.6)

    def test_the_graph_that_is_given_stays_as_it_is(self) -> None:
        before = with_loaders("10", "11")
        kept = json.dumps(before)
        placed(before, [INK, GOLD, MOSS])
        placed(before, [])
        assert json.dumps(before) == kept

    def test_what_lies_between_loaders_and_sampler_stays(self) -> None:
        graph = with_loaders("10")
        graph["20"] = node("ModelSamplingDiscrete", model=["10", 0], sampling="v_prediction", zsnr=False)
        graph["5"]["inputs"]["model"] = ["20", 0]
        made, _ = placed(graph, [INK, GOLD])
        assert way(made) == [*names(INK, GOLD), "ModelSamplingDiscrete"]

    def test_a_model_only_loader_has_no_place_for_a_strength_clip_of_its_own(self) -> None:
        with pytest.raises(CantPlace, match='no place for the strength_clip of "ink.safetensors"'):
            placed(with_loaders("10", clip=False), [INK])
        for strength_clip in (0.8, 0):  # as much as the model's, which is the default; or none
            graph, _ = placed(with_loaders("10", clip=False), [INK._replace(strength_clip=strength_clip)])
            assert "strength_clip" not in graph["10"]["inputs"]

    def test_a_loader_of_another_pack_is_set_if_it_has_the_same_inputs(self) -> None:
        graph = with_loaders("10")
        graph["10"]["class_type"] = "LoraLoader|pack"
        made, _ = placed(graph, [INK, GOLD])
        graph["10"]["inputs"]["lora_strength"] = graph["10"]["inputs"].pop("strength_model")
        assert placed(graph, [INK])[0]["10"]["inputs"]["lora_strength"] == 0.8
        assert way(made) == names(INK, GOLD)
        assert {made[one]["class_type"] for one in made if "lora_name" in made[one]["inputs"]} == {"LoraLoader|pack"}


class TestSplicing:
    @pytest.mark.parametrize("known", [True, False])
    def test_a_checkpoint_gets_loaders_for_model_and_clip(self, known: bool, nodes: Nodes) -> None:
        graph, spots = placed(text_to_image(), [INK, GOLD], nodes if known else None)
        assert [str(spot) for spot in spots] == ["8.lora_name", "9.lora_name"]
        assert way(graph) == way(graph, "2", "clip") == way(graph, "3", "clip") == names(INK, GOLD)
        assert graph["8"]["class_type"] == "LoraLoader"
        assert way(graph, "6", "vae") == names()

    def test_the_built_in_graph_takes_them(self) -> None:
        graph, _ = placed(built_in.built_in({**built_in.DEFAULTS, "checkpoint": "a", "prompt": "b", "seed": 1}), [INK])
        assert way(graph) == way(graph, "2", "clip") == names(INK)

    @pytest.mark.parametrize("known", [True, False])
    def test_a_clip_from_a_loader_of_its_own_is_left_alone(self, known: bool, nodes: Nodes) -> None:
        graph = text_to_image()
        graph["1"] = node("UNETLoader", unet_name="flux.safetensors", weight_dtype="default")
        graph["20"] = node("DualCLIPLoader", clip_name1="a", clip_name2="b", type="flux")
        graph["2"]["inputs"]["clip"] = graph["3"]["inputs"]["clip"] = ["20", 0]
        made, _ = placed(graph, [GOLD, MOSS], nodes if known else None)
        assert way(made) == names(GOLD, MOSS, of="UNETLoader")
        assert way(made, "2", "clip") == ["DualCLIPLoader"]
        assert made["21"]["class_type"] == "LoraLoaderModelOnly"
        with pytest.raises(CantPlace, match="strength_clip"):
            placed(graph, [INK])

    def test_an_unused_clip_of_the_checkpoint_is_none(self) -> None:
        graph = text_to_image()
        graph["20"] = node("CLIPLoader", clip_name="a", type="sd3")
        graph["2"]["inputs"]["clip"] = graph["3"]["inputs"]["clip"] = ["20", 0]
        made, _ = placed(graph, [GOLD])
        assert made["21"]["class_type"] == "LoraLoaderModelOnly"

    def test_further_ones_are_like_the_last_that_is_there(self) -> None:
        graph, spots = placed(with_loaders("10", clip=False), [GOLD, MOSS])
        assert graph[spots[1].node]["class_type"] == "LoraLoaderModelOnly"
        assert way(graph) == names(GOLD, MOSS)
        graph, _ = placed(with_loaders("10"), [INK, GOLD, MOSS])
        assert way(graph) == way(graph, "3", "clip") == names(INK, GOLD, MOSS)

    def test_a_guider_and_a_scheduler_get_the_changed_model(self) -> None:
        graph = text_to_image()
        graph["20"] = node("BasicGuider", model=["1", 0], conditioning=["2", 0])
        graph["21"] = node("BasicScheduler", model=["1", 0], scheduler="simple", steps=4, denoise=1.0)
        graph["5"] = node("SamplerCustomAdvanced", guider=["20", 0], sigmas=["21", 0], latent_image=["4", 0])
        made, _ = placed(graph, [INK])
        assert way(made, "20") == way(made, "21") == names(INK)

    def test_only_the_first_model_of_several_is_changed(self) -> None:
        graph = with_refiner()
        made, spots = placed(graph, [INK, GOLD])
        assert way(made) == names(INK, GOLD)
        assert way(made, "33") == way(made, "31", "clip") == names()
        assert len(spots) == 2

    def test_ids_are_free_and_the_same_each_time(self) -> None:
        graph = text_to_image()
        graph["57:8"] = node("Note")
        graph["x"] = node("Note")
        first, again = placed(graph, [INK, GOLD]), placed(graph, [INK, GOLD])
        assert first == again
        assert [spot.node for spot in first[1]] == ["58", "59"]


class TestTakingOut:
    def test_surplus_loaders_go(self) -> None:
        graph, _ = placed(with_loaders("10", "11", "12"), [INK])
        assert way(graph) == way(graph, "2", "clip") == names(INK)
        assert not graph.keys() & {"11", "12"}

    def test_an_empty_list_applies_none(self) -> None:
        assert placed(with_loaders("10", "11"), [])[0] == text_to_image()
        assert placed(text_to_image(), [])[0] == text_to_image()

    def test_a_graph_without_model_and_loras_needs_nothing_for_an_empty_list(self) -> None:
        graph = {"1": node("EmptyImage", width=8, height=8), "2": node("SaveImage", images=["1", 0])}
        assert placed(graph, [])[0] == graph
        with pytest.raises(CantPlace, match="no sampler"):
            placed(graph, [INK])


class TestSwitches:
    def switched(self, chosen: Any) -> Graph:
        graph = text_to_image()
        graph["10"] = node("LoraLoaderModelOnly", model=["1", 0], lora_name="turbo.safetensors", strength_model=1.0)
        graph["11"] = node("ComfySwitchNode", on_false=["1", 0], on_true=["10", 0], switch=chosen)
        graph["12"] = node("PrimitiveBoolean", value=True)
        graph["5"]["inputs"]["model"] = ["11", 0]
        return graph

    def test_the_branch_that_is_on_counts(self) -> None:
        graph, spots = placed(self.switched(True), [GOLD])
        assert spots[0].node == "10"
        assert placed(self.switched(["12", 0]), [GOLD])[1] == spots

    def test_a_branch_that_is_off_is_no_place(self) -> None:
        graph, spots = placed(self.switched(False), [GOLD])
        assert spots[0].node == "13"
        assert graph["11"]["inputs"]["on_false"] == graph["10"]["inputs"]["model"] == ["13", 0]
        assert graph["10"]["inputs"]["lora_name"] == "turbo.safetensors"

    def test_reroutes_are_passed(self) -> None:
        graph = with_loaders("10")
        graph["20"] = {"class_type": "Reroute", "inputs": {"": ["10", 0]}}
        graph["5"]["inputs"]["model"] = ["20", 0]
        assert [spot.node for spot in placed(graph, [INK])[1]] == ["10"]


class TestByHand:
    def test_only_those_are_managed_and_in_that_order(self) -> None:
        graph, spots = placed(with_loaders("10", "11", "12"), [INK, GOLD], only=["12", "10"])
        assert [spot.node for spot in spots] == ["12", "10"]
        assert way(graph) == ["CheckpointLoaderSimple", GOLD.name, "own.safetensors", INK.name]

    def test_missing_ones_follow_the_last(self) -> None:
        graph, _ = placed(with_loaders("10", "11"), [INK, GOLD], only=["10"])
        assert way(graph) == ["CheckpointLoaderSimple", INK.name, GOLD.name, "own.safetensors"]

    def test_surplus_ones_are_taken_out_and_others_stay(self) -> None:
        assert way(placed(with_loaders("10", "11"), [], only=["11"])[0]) == [
            "CheckpointLoaderSimple",
            "own.safetensors",
        ]

    def test_none_managed_means_all_are_added(self) -> None:
        graph, _ = placed(with_loaders("10"), [INK], only=[])
        assert way(graph) == ["CheckpointLoaderSimple", INK.name, "own.safetensors"]

    def test_a_hook_can_be_set_and_nothing_can_follow_it(self) -> None:
        graph = text_to_image()
        graph["10"] = node("CreateHookLora", lora_name="a", strength_model=1.0, strength_clip=1.0)
        graph["11"] = node("SetClipHooks", clip=["1", 1], hooks=["10", 0])
        made, _ = placed(graph, [INK], only=["10"])
        assert made["10"]["inputs"] == {"lora_name": INK.name, "strength_model": 0.8, "strength_clip": 0.6}
        with pytest.raises(CantPlace, match="no LoRA can follow CreateHookLora"):
            placed(graph, [INK, GOLD], only=["10"])
        with pytest.raises(CantPlace, match="can't be taken out"):
            placed(graph, [], only=["10"])

    def test_the_input_may_be_named_too(self) -> None:
        assert placed(with_loaders("10"), [INK], only=["10.lora_name"]) == placed(with_loaders("10"), [INK])

    @pytest.mark.parametrize(("only", "why"), [("77", "has not"), ("5", "no lora_name"), ("10", "no strength_model")])
    def test_a_wrong_node_is_named(self, only: str, why: str) -> None:
        graph = text_to_image()
        graph["10"] = node("LoraTagLoader", lora_name="a")
        with pytest.raises(CantPlace, match=why):
            placed(graph, [INK], only=[only])


class TestWhatCantBe:
    def test_a_node_with_loras_of_its_own(self) -> None:
        graph = text_to_image()
        graph["10"] = node("Power Lora Loader", model=["1", 0], lora_1={"on": True, "lora": "a", "strength": 1})
        graph["5"]["inputs"]["model"] = ["10", 0]
        for wanted in ([], [INK]):
            with pytest.raises(
                CantPlace, match="Power Lora Loader .node 10. applies LoRAs in a way of its own"
            ) as error:
                placed(graph, wanted)
            assert "bindings" in error.value.hint

    def test_two_models_that_are_merged_get_them_behind(self) -> None:
        made, _ = placed(merged(), [GOLD])
        assert way(made) == names(GOLD, of="ModelMergeSimple")
        assert way(made, "2", "clip") == names(GOLD)
        assert made["20"]["inputs"]["model1"] == ["1", 0]

    def test_a_lora_on_one_of_two_merged_models(self) -> None:
        graph = merged()
        graph["22"] = node("LoraLoaderModelOnly", model=["1", 0], lora_name="a", strength_model=1.0)
        graph["20"]["inputs"]["model1"] = ["22", 0]
        with pytest.raises(CantPlace, match="changes only one of several models"):
            placed(graph, [GOLD])

    def test_two_samplers_that_could_be_first(self) -> None:
        graph = text_to_image()
        graph["21"] = node("CheckpointLoaderSimple", ckpt_name="b")
        graph["22"] = node("KSampler", **{**graph["5"]["inputs"], "model": ["21", 0]})
        graph["23"] = node("LatentBlend", samples1=["5", 0], samples2=["22", 0], blend_factor=0.5)
        graph["6"]["inputs"]["samples"] = ["23", 0]
        with pytest.raises(
            CantPlace, match="behind CheckpointLoaderSimple .node 1.* or CheckpointLoaderSimple .node 21"
        ):
            placed(graph, [INK])
        graph["22"]["inputs"]["model"] = ["1", 0]
        assert way(placed(graph, [INK])[0], "22") == names(INK)

    def test_what_does_not_lead_to_the_picture_does_not_count(self) -> None:
        graph = text_to_image()
        graph["21"] = node("CheckpointLoaderSimple", ckpt_name="b")
        graph["22"] = node("KSampler", **{**graph["5"]["inputs"], "model": ["21", 0]})
        graph["23"] = node("PreviewLatent", samples=["22", 0])
        assert way(placed(graph, [INK], before=["7"])[0]) == names(INK)


def with_refiner() -> Graph:
    graph = text_to_image()
    graph["30"] = node("CheckpointLoaderSimple", ckpt_name="refiner")
    graph["31"] = node("CLIPTextEncode", text="", clip=["30", 1])
    graph["33"] = node(
        "KSamplerAdvanced", model=["30", 0], positive=["31", 0], negative=["31", 0], latent_image=["5", 0]
    )
    graph["6"]["inputs"]["samples"] = ["33", 0]
    return graph


def merged() -> Graph:
    graph = text_to_image()
    graph["19"] = node("UNETLoader", unet_name="b", weight_dtype="default")
    graph["20"] = node("ModelMergeSimple", model1=["1", 0], model2=["19", 0], ratio=0.5)
    graph["5"]["inputs"]["model"] = ["20", 0]
    return graph


SOME = st.lists(st.sampled_from([INK, GOLD, MOSS]), max_size=4)


@given(first=SOME, then=SOME, there=st.integers(0, 3))
def test_what_was_there_before_makes_no_difference(first: list[Lora], then: list[Lora], there: int) -> None:
    before = with_loaders(*(str(10 + number) for number in range(there)))
    graph, spots = placed(placed(before, first)[0], then)
    assert whole(graph)
    assert way(graph) == way(graph, "2", "clip") == names(*then)
    assert [graph[spot.node]["inputs"]["lora_name"] for spot in spots] == [lora.name for lora in then]
    assert placed(graph, then) == (graph, spots)


@given(graph=garbage(), loras=SOME, only=st.none() | st.lists(st.sampled_from(["1", "2", "3"]), max_size=2))
def test_garbage_is_placed_or_refused(graph: Graph, loras: list[Lora], only: list[str] | None) -> None:
    try:
        made, spots = placed(graph, loras, only=only)
    except CantPlace as error:
        assert str(error)
    else:
        assert [made[spot.node]["inputs"]["lora_name"] for spot in spots][: len(loras)] == [one.name for one in loras]
