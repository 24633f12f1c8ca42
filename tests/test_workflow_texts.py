"""The walk back from a sampler's conditioning to where its text is written."""

from __future__ import annotations

from typing import Any

import pytest

from imagegen.backends.comfyui.workflow.api import Graph
from imagegen.backends.comfyui.workflow.bindings import filled, find
from imagegen.backends.comfyui.workflow.nodes import Nodes
from tests.drawn_workflows import nodes as known_nodes
from tests.sampled_graphs import bound, candidates, custom, trouble
from tests.workflow_graphs import node, text_to_image


@pytest.fixture(scope="module")
def nodes() -> Nodes:
    return known_nodes()


class TestPrompts:
    def test_through_whatever_lies_between(self) -> None:
        """ControlNet gives out both, the positive first; FluxGuidance and areas pass on."""
        graph = text_to_image()
        graph["50"] = node("FluxGuidance", conditioning=["2", 0], guidance=3.5)
        graph["51"] = node(
            "ControlNetApplyAdvanced",
            positive=["50", 0], negative=["3", 0], control_net=["52", 0], image=["53", 0], strength=1,
        )  # fmt: skip
        graph["52"] = node("ControlNetLoader", control_net_name="canny.safetensors")
        graph["53"] = node("LoadImage", image="edges.png")
        graph["54"] = node("InpaintModelConditioning", positive=["51", 0], negative=["51", 1], pixels=["53", 0])
        graph["5"]["inputs"] |= {"positive": ["54", 0], "negative": ["54", 1]}
        assert bound(graph, "prompt") == ["2.text"]
        assert bound(graph, "negative_prompt") == ["3.text"]
        assert bound(graph, "width") == ["4.width"]

    def test_what_empties_the_conditioning_has_no_negative(self) -> None:
        graph = text_to_image()
        graph["50"] = node("ConditioningZeroOut", conditioning=["2", 0])
        graph["5"]["inputs"]["negative"] = ["50", 0]
        assert "ConditioningZeroOut (node 50) empties the conditioning" in trouble(graph, "negative_prompt")
        assert bound(graph, "prompt") == ["2.text"]

    def test_an_emptied_branch_beside_a_text_is_no_second_text(self) -> None:
        """As the authors' SD3 workflow has it: the negative acts at the beginning only."""
        graph = text_to_image()
        graph["50"] = node("ConditioningZeroOut", conditioning=["3", 0])
        graph["51"] = node("ConditioningSetTimestepRange", conditioning=["50", 0], start=0.1, end=1)
        graph["52"] = node("ConditioningSetTimestepRange", conditioning=["3", 0], start=0, end=0.1)
        graph["53"] = node("ConditioningCombine", conditioning_1=["51", 0], conditioning_2=["52", 0])
        graph["5"]["inputs"]["negative"] = ["53", 0]
        assert bound(graph, "negative_prompt") == ["3.text"]

    @pytest.mark.parametrize(
        ("encoder", "texts"),
        [
            ("CLIPTextEncodeSDXL", ["text_g", "text_l"]),
            ("CLIPTextEncodeFlux", ["clip_l", "t5xxl"]),
            ("CLIPTextEncodeSD3", ["clip_l", "clip_g", "t5xxl"]),
            ("CLIPTextEncodeHiDream", ["clip_l", "clip_g", "t5xxl", "llama"]),
            ("CLIPTextEncodeHunyuanDiT", ["bert", "mt5xl"]),
            ("TextEncodeQwenImageEdit", ["prompt"]),
            ("SomebodysT5TextEncode", ["prompt_text"]),
        ],
    )
    def test_all_texts_of_an_encoder(self, encoder: str, texts: list[str], nodes: Nodes) -> None:
        graph = text_to_image()
        graph["2"] = node(encoder, clip=["1", 1], **dict.fromkeys(texts, "a mouse"), empty_padding="none")
        assert bound(graph, "prompt") == [f"2.{text}" for text in texts]
        assert find(graph, nodes) == find(graph)

    def test_a_choice_beside_the_text_is_no_text(self, nodes: Nodes) -> None:
        graph = text_to_image()
        graph["2"] = node("CLIPTextEncodeLumina2", clip=["1", 1], system_prompt="superior", user_prompt="a mouse")
        assert bound(graph, "prompt") == ["2.user_prompt"]
        assert find(graph, nodes) == find(graph)

    def test_a_box_with_a_phrase_is_no_encoder(self) -> None:
        graph = text_to_image()
        graph["50"] = node("GLIGENTextBoxApply", conditioning_to=["2", 0], clip=["1", 1], text="a hat", width=8)
        graph["5"]["inputs"]["positive"] = ["50", 0]
        assert bound(graph, "prompt") == ["2.text"]

    def test_two_encoders_are_told_unless_a_title_decides(self) -> None:
        graph = text_to_image()
        graph["50"] = node("CLIPTextEncode", "CLIP Text Encode (Prompt)", text="in the rain", clip=["1", 1])
        graph["51"] = node("ConditioningCombine", conditioning_1=["2", 0], conditioning_2=["50", 0])
        graph["5"]["inputs"]["positive"] = ["51", 0]
        assert trouble(graph, "prompt").startswith("two texts could take prompt: 2.text of CLIPTextEncode")
        assert candidates(graph, "prompt") == ["2.text", "50.text"]
        assert 'bindings: {prompt: ["2.text"]}' in find(graph).trouble["prompt"].hint
        assert bound(graph, "prompt", prompt=["50.text"]) == ["50.text"]
        for title in ("Positive Prompt", "POSITIVE", "My prompt"):
            graph["2"]["_meta"] = {"title": title}
            assert bound(graph, "prompt") == ["2.text"]

    def test_a_title_speaks_against(self) -> None:
        graph = text_to_image()
        graph["50"] = node("CLIPTextEncode", "Negative", text=["52", 0], clip=["1", 1])
        graph["52"] = node("PrimitiveString", "Prompt", value="text")
        graph["51"] = node("SomebodysMixer", cond_a=["50", 0], cond_b=["2", 0])
        graph["5"]["inputs"]["positive"] = ["51", 0]
        assert bound(graph, "prompt") == ["2.text"]

    def test_two_encoders_of_one_text(self) -> None:
        graph = text_to_image()
        graph["49"] = node("PrimitiveString", value="a mouse")
        graph["2"]["inputs"]["text"] = ["49", 0]
        graph["50"] = node("CLIPTextEncode", text=["49", 0], clip=["1", 1])
        graph["51"] = node("ConditioningCombine", conditioning_1=["2", 0], conditioning_2=["50", 0])
        graph["5"]["inputs"]["positive"] = ["51", 0]
        assert bound(graph, "prompt") == ["49.value"]

    def test_titles_alone_decide_nothing(self) -> None:
        """The links say which is the positive, whatever the boxes are called."""
        graph = text_to_image()
        graph["2"]["_meta"], graph["3"]["_meta"] = {"title": "Negative Prompt"}, {"title": "Positive Prompt"}
        assert bound(graph, "prompt") == ["2.text"]
        assert bound(graph, "negative_prompt") == ["3.text"]

    def test_one_encoder_for_both_belongs_to_the_prompt(self) -> None:
        graph = text_to_image()
        graph["5"]["inputs"]["negative"] = ["2", 0]
        assert bound(graph, "prompt") == ["2.text"]
        assert trouble(graph, "negative_prompt").endswith("2.text is the prompt's own text")

    def test_a_guider_without_a_negative(self) -> None:
        graph = custom("BasicGuider", conditioning=["2", 0])
        assert bound(graph, "prompt") == ["2.text"]
        assert trouble(graph, "negative_prompt").endswith("BasicGuider (node 12) takes no negative")


class TestStrings:
    def graph(self, **sources: Any) -> Graph:
        """Text to image whose encoder's text is node 50's."""
        graph = text_to_image()
        graph["2"]["inputs"]["text"] = ["50", 0]
        return {**graph, **{key.lstrip("_"): value for key, value in sources.items()}}

    @pytest.mark.parametrize("name", ["PrimitiveString", "PrimitiveStringMultiline", "SomebodysText"])
    def test_a_primitive_is_followed_to_its_literal(self, name: str) -> None:
        assert bound(self.graph(_50=node(name, value="a mouse")), "prompt") == ["50.value"]

    def test_nodes_that_pass_text_on(self) -> None:
        graph = self.graph(
            _50=node("PreviewAny", source=["51", 0]),
            _51=node("CaseConverter", string=["52", 0], mode="lowercase"),
            _52=node("PrimitiveString", value="a mouse"),
        )
        assert bound(graph, "prompt") == ["52.value"]

    def test_joined_texts_are_told_unless_a_title_decides(self) -> None:
        graph = self.graph(
            _50=node("StringConcatenate", string_a=["51", 0], string_b=["52", 0], delimiter=", "),
            _51=node("PrimitiveString", value="masterpiece"),
            _52=node("PrimitiveString", value="a mouse"),
        )
        assert candidates(graph, "prompt") == ["51.value", "52.value"]
        graph["51"]["_meta"] = {"title": "System prompt"}
        assert bound(graph, "prompt") == ["52.value"]
        graph["51"]["_meta"] = {"title": "Prompt Template"}
        graph["52"]["_meta"] = {"title": "User Prompt"}
        assert bound(graph, "prompt") == ["52.value"]

    def test_a_text_by_link_goes_before_the_fixed_one_beside_it(self) -> None:
        """A trigger word, a template with a blank: only the linked text is meant to change."""
        graph = self.graph(
            _50=node("StringConcatenate", string_a="pixel art", string_b=["51", 0], delimiter=", "),
            _51=node("StringReplace", string="a photo of {subject}", find="{subject}", replace=["52", 0]),
            _52=node("PrimitiveString", value="a mouse"),
        )
        assert bound(graph, "prompt") == ["52.value"]

    def test_of_two_texts_joined_in_one_node_the_first(self) -> None:
        graph = self.graph(_50=node("StringConcatenate", string_a="a mouse", string_b="gummy style", delimiter=","))
        assert bound(graph, "prompt") == ["50.string_a"]

    def test_a_language_model_that_writes_the_prompt_is_asked_with_ours(self) -> None:
        graph = self.graph(
            _50=node("TextGenerate", clip=["1", 1], prompt=["51", 0], system_prompt=["52", 0], max_length=512),
            _51=node("PrimitiveStringMultiline", value="a mouse"),
            _52=node("PrimitiveStringMultiline", value="You are an expert"),
        )
        assert bound(graph, "prompt") == ["51.value"]

    def test_a_styler_has_a_text_for_each(self) -> None:
        graph = self.graph(_50=node("SDXLPromptStyler", text_positive="a mouse", text_negative="text", style="base"))
        graph["3"]["inputs"]["text"] = ["50", 1]
        assert bound(graph, "prompt") == ["50.text_positive"]
        assert bound(graph, "negative_prompt") == ["50.text_negative"]

    def test_a_text_from_nowhere_can_be_replaced_by_hand(self) -> None:
        graph = self.graph(_50=node("CaptionOfAPicture", image=["51", 0]), _51=node("LoadImage", image="a.png"))
        assert "the text of 2.text comes from CaptionOfAPicture (node 50)" in trouble(graph, "prompt")
        assert candidates(graph, "prompt") == ["2.text"]
        found = find(graph, None, {"prompt": ["2.text"]})
        assert filled(graph, found, {"prompt": "a cat"})["2"]["inputs"]["text"] == "a cat"

    def test_a_primitive_that_feeds_both_prompts_is_no_place_for_either(self) -> None:
        graph = self.graph(_50=node("PrimitiveString", value="a mouse"))
        graph["3"]["inputs"]["text"] = ["50", 0]
        assert "50.value would take prompt and another setting" in trouble(graph, "prompt")
        assert candidates(graph, "prompt") == ["2.text"]
        assert candidates(graph, "negative_prompt") == ["3.text"]
        assert bound(graph, "prompt", prompt=["2.text"], negative_prompt=["3.text"]) == ["2.text"]
        assert bound(graph, "negative_prompt", prompt=["2.text"]) == ["50.value"]


class TestSwitches:
    def graph(self, choice: Any) -> Graph:
        graph = text_to_image()
        graph["50"] = node("PrimitiveString", value="plain")
        graph["51"] = node("PrimitiveString", value="with the LoRA's word")
        graph["52"] = node("ComfySwitchNode", switch=choice, on_false=["50", 0], on_true=["51", 0])
        graph["53"] = node("PrimitiveBoolean", value=True)
        graph["2"]["inputs"]["text"] = ["52", 0]
        graph["60"] = node("LoraLoaderModelOnly", model=["1", 0], lora_name="a", strength_model=1)
        graph["61"] = node("ComfySwitchNode", switch=choice, on_false=["1", 0], on_true=["60", 0])
        graph["62"] = node("PrimitiveInt", value=50)
        graph["63"] = node("PrimitiveInt", value=4)
        graph["64"] = node("ComfySwitchNode", switch=choice, on_false=["62", 0], on_true=["63", 0])
        graph["5"]["inputs"] |= {"model": ["61", 0], "steps": ["64", 0]}
        return graph

    @pytest.mark.parametrize(("choice", "text", "steps"), [(False, "50", "62"), (True, "51", "63")])
    def test_the_chosen_branch_is_followed(self, choice: bool, text: str, steps: str) -> None:
        graph = self.graph(choice)
        assert bound(graph, "prompt") == [f"{text}.value"]
        assert bound(graph, "steps") == [f"{steps}.value"]
        assert bound(graph, "checkpoint") == ["1.ckpt_name"]

    def test_the_choice_may_come_by_a_link(self) -> None:
        assert bound(self.graph(["53", 0]), "prompt") == ["51.value"]

    def test_a_branch_that_is_not_there(self) -> None:
        graph = self.graph(True)
        del graph["52"]["inputs"]["on_true"]
        assert bound(graph, "prompt") == ["50.value"]

    def test_both_where_the_choice_can_not_be_known(self) -> None:
        graph = self.graph(["99", 0])
        assert candidates(graph, "prompt") == ["50.value", "51.value"]
        assert bound(graph, "steps") == ["5.steps"]
        assert bound(graph, "checkpoint") == ["1.ckpt_name"]
