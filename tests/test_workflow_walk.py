"""The walk back from a graph's save node: save nodes, samplers, chains of them, and their models."""

from __future__ import annotations

import pytest

from imagegen.backends.comfyui.workflow.bindings import BadBinding, NoSave, find
from imagegen.backends.comfyui.workflow.nodes import Nodes
from tests.drawn_workflows import nodes as known_nodes
from tests.drawn_workflows import with_class
from tests.sampled_graphs import base_and_refiner, bound, candidates, custom, guided, trouble, two_passes
from tests.workflow_graphs import node, text_to_image


@pytest.fixture(scope="module")
def nodes() -> Nodes:
    return known_nodes()


class TestTheSaveNode:
    def test_a_preview_counts_where_nothing_is_saved(self) -> None:
        graph = text_to_image()
        graph["8"] = node("PreviewImage", images=["6", 0])
        assert find(graph).save == "7"
        del graph["7"]
        assert find(graph).save == "8"

    def test_of_several_the_end_of_the_longest_chain(self) -> None:
        graph = two_passes()
        graph["60"] = node("VAEDecode", samples=["5", 0], vae=["1", 2])
        graph["70"] = node("SaveImage", images=["60", 0], filename_prefix="first pass")
        assert find(graph).save == "7"
        assert find(dict(reversed(graph.items()))).save == "7"

    def test_two_that_save_one_picture_are_one(self) -> None:
        graph = text_to_image()
        graph["8"] = node("Image Save", images=["6", 0], filename_prefix="copy")
        assert find(graph).save == "7"

    def test_a_title_tells_which_is_the_last(self) -> None:
        graph = text_to_image()
        graph["60"] = node("ImageInvert", image=["6", 0])
        graph["70"] = node("SaveImage", images=["60", 0], filename_prefix="b")
        with pytest.raises(NoSave, match=r"several pictures.*node 7\).*node 70\)") as caught:
            find(graph)
        assert 'bindings: {save: ["7"]}' in caught.value.hint
        graph["70"]["_meta"] = {"title": "Final Image"}
        assert find(graph).save == "70"

    def test_a_picture_through_the_socket_counts_where_no_file_is_saved(self) -> None:
        graph = {"0": node("SaveImageWebsocket", images=["6", 0]), **text_to_image()}
        assert find(graph).save == "7"
        del graph["7"]
        assert find(graph).save == "0"

    def test_a_known_class_must_be_an_output(self, nodes: Nodes) -> None:
        graph = text_to_image()
        graph["8"] = node("SaveImageSettings", images=["5", 0])
        settings = with_class("SaveImageSettings", ["IMAGE"], images=["IMAGE"])
        assert find(graph, settings).save == "7"
        with pytest.raises(NoSave):
            find({name: one for name, one in graph.items() if name != "7"}, settings)

    def test_by_hand_any_of_them(self) -> None:
        graph = text_to_image()
        graph["8"] = node("PreviewImage", images=["6", 0])
        assert find(graph, None, {"save": ["8"]}).save == "8"
        for wrong in (["99"], ["7", "8"]):
            with pytest.raises(BadBinding, match="save"):
                find(graph, None, {"save": wrong})

    @pytest.mark.parametrize("name", ["SaveLatent", "SaveAnimatedWEBP", "SaveVideo", "MaskPreview", "PreviewAny"])
    def test_what_saves_no_picture_does_not_count(self, name: str, nodes: Nodes) -> None:
        graph = text_to_image()
        graph["7"] = node(name, **{"source" if name == "PreviewAny" else "images": ["6", 0]})
        with pytest.raises(NoSave, match="no node that saves a picture"):
            find(graph)
        with pytest.raises(NoSave):
            find(graph, nodes)


class TestSamplers:
    def test_a_node_for_each_part(self) -> None:
        graph = guided()
        expected = {
            "prompt": "2.text",
            "negative_prompt": "3.text",
            "seed": "11.noise_seed",
            "steps": "14.steps",
            "cfg": "12.cfg",
            "sampler": "13.sampler_name",
            "scheduler": "14.scheduler",
            "denoise": "14.denoise",
            "checkpoint": "1.ckpt_name",
            "width": "4.width",
        }
        for setting, spot in expected.items():
            assert bound(graph, setting) == [spot]

    def test_sampler_custom(self) -> None:
        graph = guided()
        graph["5"] = node(
            "SamplerCustom",
            model=["1", 0], positive=["2", 0], negative=["3", 0], sampler=["13", 0], sigmas=["14", 0],
            latent_image=["4", 0], add_noise=True, noise_seed=3, cfg=1,
        )  # fmt: skip
        assert bound(graph, "seed") == ["5.noise_seed"]
        assert bound(graph, "cfg") == ["5.cfg"]
        assert bound(graph, "steps") == ["14.steps"]

    def test_an_unknown_sampler_by_its_inputs(self) -> None:
        graph = text_to_image()
        graph["5"]["class_type"] = "KSampler (Efficient)"
        graph["5"]["inputs"]["preview_method"] = "auto"
        assert bound(graph, "seed") == ["5.seed"]
        assert bound(graph, "prompt") == ["2.text"]

    def test_what_cuts_a_schedule_is_not_the_schedule(self) -> None:
        graph = guided()
        graph["15"] = node("SplitSigmasDenoise", sigmas=["14", 0], denoise=0.4)
        graph["5"]["inputs"]["sigmas"] = ["15", 0]
        assert bound(graph, "denoise") == ["14.denoise"]

    def test_a_schedule_without_a_choice_is_told(self) -> None:
        graph = guided(scheduler="KarrasScheduler")
        del graph["14"]["inputs"]["scheduler"]
        assert trouble(graph, "scheduler").endswith("KarrasScheduler (node 14) has no scheduler")
        graph["13"] = node("SamplerDPMPP_2M_SDE", eta=1)
        assert trouble(graph, "sampler").endswith("SamplerDPMPP_2M_SDE (node 13) has no sampler_name")

    def test_cfg_of_a_model_with_guidance_as_an_input(self) -> None:
        """Flux: FluxGuidance where no cfg acts; SDXL: the sampler's, whatever else stands there."""
        graph = text_to_image()
        graph["50"] = node("FluxGuidance", conditioning=["2", 0], guidance=3.5)
        graph["5"]["inputs"] |= {"positive": ["50", 0], "cfg": 1.0}
        assert bound(graph, "cfg") == ["50.guidance"]
        graph["5"]["inputs"]["cfg"] = 4.0
        assert bound(graph, "cfg") == ["5.cfg"]
        basic = custom("BasicGuider", conditioning=["50", 0]) | {"50": graph["50"]}
        assert bound(basic, "cfg") == ["50.guidance"]
        basic["51"] = node("FluxGuidance", conditioning=["50", 0], guidance=2)
        basic["12"]["inputs"]["conditioning"] = ["51", 0]
        assert bound(basic, "cfg") == ["51.guidance"]
        basic["12"]["inputs"]["conditioning"] = ["2", 0]
        assert trouble(basic, "cfg").endswith("BasicGuider (node 12) has no cfg")

    def test_two_conditionings_and_an_empty_one(self) -> None:
        """OmniGen2's guider: the second conditioning is for the references; PerpNeg's empty one for itself."""
        graph = custom("DualCFGGuider", cond1=["2", 0], cond2=["3", 0], negative=["3", 0], cfg_conds=5)
        assert bound(graph, "prompt") == ["2.text"]
        assert bound(graph, "cfg") == ["12.cfg_conds"]
        graph = custom("PerpNegGuider", positive=["2", 0], negative=["3", 0], empty_conditioning=["50", 0], cfg=5)
        graph["50"] = node("CLIPTextEncode", text="", clip=["1", 1])
        assert bound(graph, "prompt") == ["2.text"]
        assert bound(graph, "negative_prompt") == ["3.text"]

    def test_a_primitive_seed(self) -> None:
        graph = text_to_image()
        graph["5"]["inputs"]["seed"] = ["50", 0]
        for primitive in (node("PrimitiveInt", value=3), node("Seed (rgthree)", seed=3), node("Seed", seed=3, mode="")):
            assert bound(graph | {"50": primitive}, "seed")[0].startswith("50.")


class TestChains:
    def test_base_and_refiner(self) -> None:
        graph = base_and_refiner()
        assert bound(graph, "prompt") == ["2.text", "22.text"]
        assert bound(graph, "negative_prompt") == ["3.text", "23.text"]
        assert bound(graph, "seed") == ["5.noise_seed"]
        assert bound(graph, "width") == ["4.width"]
        assert bound(graph, "steps") == ["5.steps", "25.steps"]
        assert bound(graph, "sampler") == ["5.sampler_name", "25.sampler_name"]
        assert bound(graph, "checkpoint") == ["1.ckpt_name"]

    def test_a_refiner_keeps_what_it_has_for_itself(self) -> None:
        assert bound(base_and_refiner(cfg=6), "cfg") == ["5.cfg"]

    def test_the_seed_goes_to_the_one_that_adds_noise(self) -> None:
        graph = base_and_refiner()
        graph["5"]["inputs"]["add_noise"], graph["25"]["inputs"]["add_noise"] = "disable", "enable"
        assert bound(graph, "seed") == ["25.noise_seed"]
        graph["25"]["inputs"]["add_noise"] = "disable"
        assert trouble(graph, "seed").endswith("no sampler adds noise from a seed")

    def test_split_sigmas(self) -> None:
        """The second half of one schedule, without noise of its own."""
        graph = guided()
        graph["15"] = node("SplitSigmas", sigmas=["14", 0], step=10)
        graph["16"] = node("DisableNoise")
        graph["5"]["inputs"]["sigmas"] = ["15", 0]
        graph["17"] = node(
            "SamplerCustomAdvanced",
            noise=["16", 0], guider=["12", 0], sampler=["13", 0], sigmas=["15", 1], latent_image=["5", 0],
        )  # fmt: skip
        graph["6"]["inputs"]["samples"] = ["17", 0]
        assert bound(graph, "seed") == ["11.noise_seed"]
        assert bound(graph, "steps") == ["14.steps"]
        assert bound(graph, "prompt") == ["2.text"]

    def test_a_second_pass_keeps_its_own_numbers(self) -> None:
        graph = two_passes()
        assert bound(graph, "prompt") == ["2.text"]
        for setting in ("seed", "steps", "cfg", "denoise"):
            assert bound(graph, setting) == [f"5.{setting}"]
        assert bound(graph, "width") == ["4.width"]

    def test_a_second_pass_over_the_scaled_picture(self) -> None:
        graph = two_passes()
        graph["32"] = node("VAEDecode", samples=["5", 0], vae=["1", 2])
        graph["33"] = node("ImageScale", image=["32", 0], width=128, height=128)
        graph["30"] = node("VAEEncode", pixels=["33", 0], vae=["1", 2])
        assert bound(graph, "width") == ["4.width"]
        assert bound(graph, "height") == ["4.height"]

    def test_side_by_side_nothing_tells_which_comes_first(self) -> None:
        graph = text_to_image()
        graph["50"] = node("KSampler", **graph["5"]["inputs"])
        graph["51"] = node("VAEDecode", samples=["50", 0], vae=["1", 2])
        graph["52"] = node("ImageBatch", image1=["6", 0], image2=["51", 0])
        graph["7"]["inputs"]["images"] = ["52", 0]
        assert candidates(graph, "seed") == ["5.seed", "50.seed"]
        assert bound(graph, "prompt") == ["2.text"]
        assert bound(graph, "width") == ["4.width"]

    def test_a_sampler_without_a_text_is_a_tool_of_the_others(self) -> None:
        """Lotus samples a depth picture for the ControlNet: neither its seed nor its model are the item's."""
        graph = custom("BasicGuider", conditioning=["60", 0])
        main = text_to_image()["5"]
        main["inputs"]["positive"] = ["61", 0]
        graph["60"] = node("LotusConditioning")
        graph["12"]["inputs"]["model"] = ["62", 0]
        graph["62"] = node("UNETLoader", unet_name="lotus.safetensors", weight_dtype="default")
        graph["61"] = node("ControlNetApply", conditioning=["2", 0], image=["63", 0], strength=1)
        graph["63"] = node("VAEDecode", samples=["5", 0], vae=["1", 2])
        graph["64"] = main
        graph["6"]["inputs"]["samples"] = ["64", 0]
        assert bound(graph, "seed") == ["64.seed"]
        assert bound(graph, "checkpoint") == ["1.ckpt_name"]
        assert bound(graph, "prompt") == ["2.text"]


class TestModels:
    def test_through_loras_and_samplings(self) -> None:
        graph = text_to_image()
        graph["50"] = node("UNETLoader", unet_name="flux.safetensors", weight_dtype="default")
        graph["51"] = node("LoraLoaderModelOnly", model=["50", 0], lora_name="a", strength_model=1)
        graph["52"] = node("ModelSamplingAuraFlow", model=["51", 0], shift=3)
        graph["5"]["inputs"]["model"] = ["52", 0]
        assert bound(graph, "checkpoint") == ["50.unet_name"]

    def test_merged_models_are_told(self) -> None:
        graph = text_to_image()
        graph["50"] = node("CheckpointLoaderSimple", ckpt_name="other.safetensors")
        graph["51"] = node("ModelMergeSimple", model1=["1", 0], model2=["50", 0], ratio=0.5)
        graph["5"]["inputs"]["model"] = ["51", 0]
        assert candidates(graph, "checkpoint") == ["1.ckpt_name", "50.ckpt_name"]
