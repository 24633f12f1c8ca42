"""Pictures that a workflow loads: which take references, and that none of the workflow's own is left."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.backends.comfyui.workflow.api import Graph, Spot, is_link
from imagegen.backends.comfyui.workflow.loras import CantPlace
from imagegen.backends.comfyui.workflow.nodes import Nodes
from imagegen.backends.comfyui.workflow.pictures import reference_spots, with_references
from tests.servers.comfyui_types import RECORDINGS
from tests.workflow_graphs import garbage, node, text_to_image

KNOWN = Nodes(json.loads((RECORDINGS / "object_info-0.3.64.json").read_text(encoding="utf-8")))


@pytest.fixture(params=["with object_info", "without"])
def nodes(request: pytest.FixtureRequest) -> Nodes | None:
    return KNOWN if request.param == "with object_info" else None


def load(title: str = "", name: str = "example.png", kind: str = "LoadImage", **more: Any) -> dict[str, Any]:
    return node(kind, title, image=name, **more)


def with_nodes(**more: dict[str, Any]) -> Graph:
    """Text to image with more nodes: ``n10`` is node 10."""
    return text_to_image() | {name[1:]: one for name, one in more.items()}


def kontext(*titles: str) -> Graph:
    """References that go through ReferenceLatent, one behind the other: loaders 10, 20, …"""
    graph, conditioning = text_to_image(), ["2", 0]
    for number, title in enumerate(titles, 1):
        graph[f"{number}0"] = load(title, f"example-{number}.png")
        graph[f"{number}1"] = node(
            "ImageScaleToTotalPixels", image=[f"{number}0", 0], upscale_method="area", megapixels=1.0
        )
        graph[f"{number}2"] = node("VAEEncode", pixels=[f"{number}1", 0], vae=["1", 2])
        graph[f"{number}3"] = node("ReferenceLatent", conditioning=conditioning, latent=[f"{number}2", 0])
        conditioning = [f"{number}3", 0]
    graph["5"]["inputs"]["positive"] = conditioning
    return graph


def in_latent() -> Graph:
    """Image to image: loader 10."""
    graph = with_nodes(n10=load("Start", "sketch.png"), n11=node("VAEEncode", pixels=["10", 0], vae=["1", 2]))
    graph["5"]["inputs"]["latent_image"] = ["11", 0]
    return graph


def texts(spots: tuple[Spot, ...]) -> list[str]:
    return [str(spot) for spot in spots]


def whole(graph: Graph) -> bool:
    return all(value[0] in graph for one in graph.values() for value in one["inputs"].values() if is_link(value))


class TestWhichTakeReferences:
    def test_all_loaders_in_the_order_of_their_ids(self, nodes: Nodes | None) -> None:
        assert texts(reference_spots(kontext("", "", ""), nodes)) == ["10.image", "20.image", "30.image"]
        graph = {("9" if name == "20" else name): one for name, one in kontext("", "").items()}
        graph["21"]["inputs"]["image"] = ["9", 0]
        assert texts(reference_spots(graph, nodes)) == ["9.image", "10.image"]

    def test_titles_say_it_better(self, nodes: Nodes | None) -> None:
        graph = kontext("reference 3", "Pose", "Character Reference 2", "REFERENCE")
        assert texts(reference_spots(graph, nodes)) == ["40.image", "30.image", "10.image"]

    def test_by_hand_wins(self) -> None:
        graph = kontext("Reference 1", "Reference 2")
        assert texts(reference_spots(graph, by_hand=["20", "10.image"])) == ["20.image", "10.image"]
        graph["57:8.5"] = load()
        assert texts(reference_spots(graph, by_hand=["57:8.5", "57:8.5.image"])) == ["57:8.5.image"] * 2
        with pytest.raises(CantPlace, match="no such node"):
            reference_spots(graph, by_hand=["77.image"])
        with pytest.raises(CantPlace, match="no picture"):
            reference_spots(graph, by_hand=["10.picture"])

    def test_what_the_image_starts_from_is_none(self, nodes: Nodes | None) -> None:
        graph = in_latent()
        assert texts(reference_spots(graph, nodes)) == ["10.image"]
        assert reference_spots(graph, nodes, start=[Spot("10", "image")]) == ()

    def test_masks_and_what_leads_nowhere_are_none(self, nodes: Nodes | None) -> None:
        graph = inpainting()
        graph["30"] = load()
        graph["31"] = node("PreviewImage", images=["30", 0])
        graph["32"] = load()
        assert texts(reference_spots(graph, nodes, save="7")) == ["10.image"]

    def test_a_picture_of_which_only_the_mask_is_read_is_a_mask(self, nodes: Nodes | None) -> None:
        graph = in_latent()
        graph["12"] = load()
        graph["13"] = node("SetLatentNoiseMask", samples=["11", 0], mask=["12", 1])
        graph["5"]["inputs"]["latent_image"] = ["13", 0]
        assert texts(reference_spots(graph, nodes)) == ["10.image"]


def inpainting() -> Graph:
    graph = in_latent()
    graph["12"] = load(name="mask.png", kind="LoadImageMask", channel="alpha")
    graph["13"] = node("SetLatentNoiseMask", samples=["11", 0], mask=["12", 0])
    graph["5"]["inputs"]["latent_image"] = ["13", 0]
    return graph


class TestSetting:
    def test_names_go_to_their_places(self, nodes: Nodes | None) -> None:
        before = kontext("", "")
        kept = json.dumps(before)
        graph = with_references(before, reference_spots(before, nodes), ["a.png", "b.png"], nodes, "7")
        assert (graph["10"]["inputs"]["image"], graph["20"]["inputs"]["image"]) == ("a.png", "b.png")
        assert graph.keys() == before.keys()
        with_references(before, reference_spots(before, nodes), [], nodes, "7")
        assert json.dumps(before) == kept

    def test_too_many_are_refused_with_the_number_of_places(self) -> None:
        graph = kontext("Reference")
        with pytest.raises(CantPlace, match="2 references, and the workflow has 1 place for them: LoadImage .node 10"):
            with_references(graph, reference_spots(graph), ["a", "b"])
        with pytest.raises(CantPlace, match="no place for references"):
            with_references(text_to_image(), (), ["a"])

    def test_pictures_of_the_output_folder_are_replaced_too(self, nodes: Nodes | None) -> None:
        graph = kontext("")
        graph["10"]["class_type"] = "LoadImageOutput"
        graph["10"]["inputs"]["image"] = "last.png [output]"
        made = with_references(graph, reference_spots(graph, nodes), ["a.png"], nodes, "7")
        assert made["10"]["inputs"]["image"] == "a.png"


class TestTakingOut:
    def test_reference_latents_go_with_their_branch(self, nodes: Nodes | None) -> None:
        graph = kontext("", "", "")
        spots = reference_spots(graph, nodes)
        first = with_references(graph, spots, ["a.png"], nodes, "7")
        assert first.keys() == graph.keys() - {"20", "21", "22", "23", "30", "31", "32", "33"}
        assert first["5"]["inputs"]["positive"] == ["13", 0]
        last = with_references(graph, spots, [None, None, "c.png"], nodes, "7")
        assert last["33"]["inputs"]["conditioning"] == ["2", 0]
        assert with_references(graph, spots, [], nodes, "7") == text_to_image()

    def test_a_controlnet_goes_and_positive_and_negative_stay_apart(self, nodes: Nodes | None) -> None:
        graph = with_nodes(
            n10=load(),
            n11=node("Canny", image=["10", 0], low_threshold=0.4, high_threshold=0.8),
            n12=node("ControlNetLoader", control_net_name="canny.safetensors"),
            n13=node("ControlNetApplyAdvanced", positive=["2", 0], negative=["3", 0], control_net=["12", 0],
                     image=["11", 0], strength=1.0, start_percent=0.0, end_percent=1.0),
            n14=node("PreviewImage", images=["11", 0]),
        )  # fmt: skip
        graph["5"]["inputs"] |= {"positive": ["13", 0], "negative": ["13", 1]}
        assert with_references(graph, reference_spots(graph, nodes), [], nodes, "7") == text_to_image()

    @pytest.mark.parametrize("kind", ["unCLIPConditioning", "StyleModelApply"])
    def test_what_a_picture_was_to_add_to_the_conditioning_goes(self, kind: str, nodes: Nodes | None) -> None:
        more = {"style_model": ["14", 0]} if kind == "StyleModelApply" else {}
        graph = with_nodes(
            n10=load(),
            n11=node("CLIPVisionLoader", clip_name="vision.safetensors"),
            n12=node("CLIPVisionEncode", clip_vision=["11", 0], image=["10", 0], crop="center"),
            n13=node(kind, conditioning=["2", 0], clip_vision_output=["12", 0], strength=1.0, **more),
        )
        if more:
            graph["14"] = node("StyleModelLoader", style_model_name="style.safetensors")
        graph["5"]["inputs"]["positive"] = ["13", 0]
        assert with_references(graph, reference_spots(graph, nodes), [], nodes, "7") == text_to_image()

    def test_a_model_goes_past_an_adapter_that_nobody_knows(self, nodes: Nodes | None) -> None:
        graph = with_nodes(
            n10=load(),
            n11=node("IPAdapterUnifiedLoader", model=["1", 0], preset="PLUS"),
            n12=node("IPAdapter", model=["11", 0], ipadapter=["11", 1], image=["10", 0], weight=1.0),
        )
        graph["5"]["inputs"]["model"] = ["12", 0]
        made = with_references(graph, reference_spots(graph, nodes), [], nodes, "7")
        assert made["5"]["inputs"]["model"] == ["11", 0]
        assert not made.keys() & {"10", "12"}

    def test_of_two_pictures_put_together_one_is_left(self, nodes: Nodes | None) -> None:
        graph = kontext("")
        graph["20"] = load()
        graph["21"] = node("ImageStitch", image1=["10", 0], image2=["20", 0], direction="right")
        graph["11"]["inputs"]["image"] = ["21", 0]
        spots = reference_spots(graph, nodes)
        second = with_references(graph, spots, [None, "b.png"], nodes, "7")
        assert second["11"]["inputs"]["image"] == ["20", 0]
        assert with_references(graph, spots, [], nodes, "7") == text_to_image()
        first = with_references(graph, spots, ["a.png"], nodes, "7")
        assert "20" not in first and whole(first) and "10" in first

    def test_a_class_that_nobody_knows_may_make_pictures_from_pictures(self) -> None:
        graph = with_nodes(n10=load("Reference 1"), n11=load("Reference 2"))
        graph["12"] = node("CloudImageModel", image1=["10", 0], image2=["11", 0], prompt="a mouse")
        graph["7"]["inputs"]["images"] = ["12", 0]
        with pytest.raises(CantPlace, match="can't do without: LoadImage .* → CloudImageModel"):
            with_references(graph, reference_spots(graph), ["a.png"], save="7")

    def test_a_loader_that_leads_elsewhere_goes_with_what_hangs_on_it(self, nodes: Nodes | None) -> None:
        graph = text_to_image()
        more = with_nodes(
            n10=load(name="pose.png", kind="LoadImageMask", channel="red"),
            n11=node("MaskToImage", mask=["10", 0]),
            n12=node("PreviewImage", images=["11", 0]),
        )
        assert reference_spots(more, nodes, save="7") == ()
        assert with_references(more, (), (), nodes, "7") == graph

    def test_a_text_encoder_does_without(self, nodes: Nodes | None) -> None:
        graph = with_nodes(n10=load(), n11=load())
        own = {"clip": ["1", 1], "prompt": "a mouse", "vae": ["1", 2]}
        graph["2"] = node("TextEncodeQwenImageEditPlus", **own, image1=["10", 0], image2=["11", 0])
        spots = reference_spots(graph, nodes)
        assert with_references(graph, spots, ["a.png"], nodes, "7")["2"]["inputs"] == {**own, "image1": ["10", 0]}
        assert with_references(graph, spots, [], nodes, "7")["2"]["inputs"] == own

    def test_a_branch_that_is_switched_off_goes(self, nodes: Nodes | None) -> None:
        graph = kontext("")
        graph["30"] = node("ComfySwitchNode", on_false=["2", 0], on_true=["13", 0], switch=False)
        graph["5"]["inputs"]["positive"] = ["30", 0]
        graph["13"]["class_type"] = "SomethingElse"
        graph["13"]["inputs"] = {"latent": ["12", 0]}
        assert with_references(graph, reference_spots(graph, nodes), [], nodes, "7") == text_to_image()
        graph["30"]["inputs"]["switch"] = True
        with pytest.raises(CantPlace, match="ComfySwitchNode"):
            with_references(graph, reference_spots(graph, nodes), [], nodes, "7")

    def test_only_the_optional_input_goes_where_the_node_has_more_to_do(self) -> None:
        required = {"model": ["MODEL"], "image": ["IMAGE"]}
        adapter = {"input": {"required": required, "optional": {"image_negative": ["IMAGE"]}}, "output": ["MODEL"]}
        graph = with_nodes(n10=load(), n11=load())
        graph["12"] = node("Adapter", model=["1", 0], image=["10", 0], image_negative=["11", 0])
        graph["5"]["inputs"]["model"] = ["12", 0]
        made = with_references(graph, reference_spots(graph), ["a.png"], Nodes({"Adapter": adapter}), "7")
        assert made["12"]["inputs"] == {"model": ["1", 0], "image": ["10", 0]}
        assert made["5"]["inputs"]["model"] == ["12", 0]


class TestWhatCantBeDoneWithout:
    def test_the_way_to_the_picture_is_shown(self, nodes: Nodes | None) -> None:
        graph = in_latent()
        with pytest.raises(CantPlace, match='LoadImage .*"Start".* with its own "sketch.png" gets no picture') as error:
            with_references(graph, [Spot("10", "image")], [None], nodes, "7")
        assert "→ VAEEncode (node 11) → KSampler (node 5) → VAEDecode (node 6) → SaveImage (node 7)" in str(error.value)
        assert "image:" in error.value.hint

    def test_every_loader_that_leads_to_the_save_node_is_looked_at(self, nodes: Nodes | None) -> None:
        graph = kontext("Reference", "Pose")
        made = with_references(graph, reference_spots(graph, nodes), ["a.png"], nodes, "7")
        assert not made.keys() & {"20", "21", "22", "23"}
        with pytest.raises(CantPlace, match="sketch.png"):
            with_references(in_latent(), (), (), nodes, "7")

    def test_a_size_that_comes_from_the_picture(self, nodes: Nodes | None) -> None:
        graph = kontext("")
        graph["30"] = node("GetImageSize", image=["10", 0])
        graph["4"]["inputs"] |= {"width": ["30", 0], "height": ["30", 1]}
        spots = reference_spots(graph, nodes)
        with pytest.raises(CantPlace, match="GetImageSize .node 30. → EmptyLatentImage .node 4"):
            with_references(graph, spots, [], nodes, "7")
        graph["4"]["inputs"] |= {"width": 64, "height": 64}
        assert with_references(graph, spots, [], nodes, "7") == text_to_image()

    def test_a_mask_is_left_out_only_when_it_is_named(self, nodes: Nodes | None) -> None:
        graph = inpainting()
        start = Spot("10", "image")
        with pytest.raises(CantPlace, match='"mask.png" is a mask of the workflow\'s own') as error:
            with_references(graph, [start], ["a.png"], nodes, "7")
        assert '"12.image"' in error.value.hint
        mask = reference_spots(graph, nodes, by_hand=["12"])
        assert (
            with_references(graph, [start, *mask], ["a.png", "m.png"], nodes, "7")["12"]["inputs"]["image"] == "m.png"
        )
        made = with_references(graph, [start, *mask], ["a.png"], nodes, "7")
        assert made["5"]["inputs"]["latent_image"] == ["11", 0]


def chained(kinds: list[str]) -> Graph:
    """Conditioning that goes through one reference after the other, each of its own kind."""
    graph, conditioning = text_to_image(), ["2", 0]
    graph["90"] = node("CLIPVisionLoader", clip_name="vision.safetensors")
    for number, kind in enumerate(kinds):
        at = 100 + 10 * number
        graph[str(at)] = load(f"Reference {number}")
        if kind == "latent":
            graph[str(at + 1)] = node("VAEEncode", pixels=[str(at), 0], vae=["1", 2])
            own = node("ReferenceLatent", conditioning=conditioning, latent=[str(at + 1), 0])
        elif kind == "vision":
            graph[str(at + 1)] = node("CLIPVisionEncode", clip_vision=["90", 0], image=[str(at), 0], crop="none")
            own = node(
                "unCLIPConditioning", conditioning=conditioning, clip_vision_output=[str(at + 1), 0], strength=1.0
            )
        else:
            own = node("ControlNetApply", conditioning=conditioning, image=[str(at), 0], control_net=["91", 0])
            graph["91"] = node("ControlNetLoader", control_net_name="canny.safetensors")
        graph[str(at + 9)] = own
        conditioning = [str(at + 9), 0]
    graph["5"]["inputs"]["positive"] = conditioning
    if "vision" not in kinds:
        del graph["90"]
    return graph


@given(
    kinds=st.lists(st.sampled_from(["latent", "vision", "net"]), max_size=5),
    kept=st.sets(st.integers(0, 4)),
    known=st.booleans(),
)
def test_what_is_left_is_the_graph_of_those_that_have_a_picture(kinds: list[str], kept: set[int], known: bool) -> None:
    nodes = KNOWN if known else None
    graph = chained(kinds)
    spots = reference_spots(graph, nodes, save="7")
    names = ["r.png" if number in kept else None for number in range(len(kinds))]
    made = with_references(graph, spots, names, nodes, "7")
    assert whole(made)
    wanted = chained([kind for number, kind in enumerate(kinds) if number in kept])
    assert sorted(one["class_type"] for one in made.values()) == sorted(one["class_type"] for one in wanted.values())
    assert all(one["inputs"].get("image") != "example.png" for one in made.values())


@given(graph=garbage(), given_names=st.lists(st.sampled_from(["a.png", None]), max_size=3), known=st.booleans())
def test_garbage_is_changed_or_refused(graph: Graph, given_names: list[str | None], known: bool) -> None:
    nodes, save = KNOWN if known else None, next(iter(graph))
    spots = reference_spots(graph, nodes, save=save)
    try:
        made = with_references(graph, spots, given_names, nodes, save)
    except CantPlace as error:
        assert str(error)
    else:
        assert save in made
