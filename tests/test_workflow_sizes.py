"""The walk back from a sampler's latent: its size, and the picture that it is made from."""

from __future__ import annotations

from imagegen.backends.comfyui.workflow.bindings import filled, find
from tests.sampled_graphs import bound, candidates, from_picture, guided, trouble
from tests.workflow_graphs import node, text_to_image


class TestSizes:
    def test_a_selector_is_replaced_wherever_it_goes(self) -> None:
        """ResolutionSelector has a ratio and megapixels, no width: a number takes the place of its links."""
        graph = text_to_image()
        graph["50"] = node("ResolutionSelector", aspect_ratio="16:9", megapixels=1.0)
        graph["4"]["inputs"] |= {"width": ["50", 0], "height": ["50", 1]}
        graph["1"] = node("CheckpointLoaderSimple", ckpt_name="a")
        graph["51"] = node("ModelSamplingFlux", model=["1", 0], width=["50", 0], height=["50", 1], max_shift=1)
        graph["5"]["inputs"]["model"] = ["51", 0]
        graph["52"] = node("SomeLayoutPrompt", text="a mouse", width=["50", 0], height=["50", 1])
        graph["2"]["inputs"]["text"] = ["52", 0]
        assert bound(graph, "width") == ["4.width", "51.width", "52.width"]
        new = filled(graph, find(graph), {"width": 1920, "height": 1080})
        assert new["4"]["inputs"]["width"] == new["51"]["inputs"]["width"] == 1920
        assert new["51"]["inputs"]["height"] == 1080

    def test_a_primitive_is_set_itself(self) -> None:
        graph = text_to_image()
        graph["50"], graph["51"] = node("PrimitiveInt", "Width", value=64), node("PrimitiveInt", "Height", value=96)
        graph["4"]["inputs"] |= {"width": ["50", 0], "height": ["51", 0]}
        assert bound(graph, "width") == ["50.value"]
        assert bound(graph, "height") == ["51.value"]

    def test_a_node_that_gives_out_both_sides(self) -> None:
        graph = text_to_image()
        graph["50"] = node("easy imageSize", width=64, height=96, ratio="2:3")
        graph["4"]["inputs"] |= {"width": ["50", 0], "height": ["50", 1]}
        assert bound(graph, "width") == ["50.width"]
        assert bound(graph, "height") == ["50.height"]

    def test_behind_arithmetic_the_result_is_replaced(self) -> None:
        graph = text_to_image()
        graph["50"] = node("PrimitiveInt", value=64)
        graph["51"] = node("ComfyMathExpression", expression="a * 2", **{"values.a": ["50", 0]})
        graph["4"]["inputs"]["width"] = ["51", 1]
        assert bound(graph, "width") == ["4.width"]

    def test_one_primitive_for_both_sides_is_left_alone(self) -> None:
        """A square's: width and height need not be equal, so each goes in place of its link."""
        graph = guided(scheduler="Flux2Scheduler")
        graph["50"] = node("PrimitiveInt", value=64)
        for name in ("4", "14"):
            graph[name]["inputs"] |= {"width": ["50", 0], "height": ["50", 0]}
        assert bound(graph, "width") == ["4.width", "14.width"]
        assert bound(graph, "height") == ["4.height", "14.height"]

    def test_schedules_and_models_that_depend_on_the_size_agree(self) -> None:
        graph = guided(scheduler="Flux2Scheduler")
        graph["14"]["inputs"] |= {"width": 1024, "height": 1024}
        assert bound(graph, "width") == ["4.width", "14.width"]

    def test_the_encoders_of_sdxl_agree_where_they_did(self) -> None:
        graph = text_to_image()
        graph["2"] = node(
            "CLIPTextEncodeSDXL",
            clip=["1", 1], text_g="a", text_l="a", width=4096, height=4096, target_width=64, target_height=64,
        )  # fmt: skip
        assert bound(graph, "width") == ["4.width", "2.target_width"]
        assert bound(graph, "height") == ["4.height", "2.target_height"]

    def test_without_a_sampler_the_empty_picture(self) -> None:
        graph = {"1": node("EmptyImage", width=8, height=8), "2": node("SaveImage", images=["1", 0])}
        assert bound(graph, "width") == ["1.width"]
        assert trouble(graph, "prompt").endswith("no sampler leads to the picture that is saved")

    def test_two_latents_are_told(self) -> None:
        graph = text_to_image()
        graph["50"] = node("EmptyLatentImage", width=32, height=32)
        graph["51"] = node("LatentComposite", samples_to=["4", 0], samples_from=["50", 0], x=0, y=0)
        graph["5"]["inputs"]["latent_image"] = ["51", 0]
        assert candidates(graph, "width") == ["4.width", "50.width"]


class TestImageToImage:
    def test_the_picture_and_no_size(self) -> None:
        graph = from_picture()
        assert bound(graph, "image") == ["40.image"]
        assert trouble(graph, "width").endswith("it is that of the picture from LoadImage (node 40)")

    def test_a_scaled_picture_has_a_size(self) -> None:
        graph = from_picture(class_type="ImageScale", width=64, height=64)
        assert bound(graph, "image") == ["40.image"]
        assert bound(graph, "width") == ["41.width"]
        graph["42"] = node("ImageCrop", image=["41", 0], x=0, y=0, width=32, height=32)
        graph["4"]["inputs"]["pixels"] = ["42", 0]
        assert bound(graph, "width") == ["42.width"]

    def test_inpainting(self) -> None:
        graph = from_picture()
        graph["4"] = node("VAEEncodeForInpaint", pixels=["40", 0], mask=["40", 1], vae=["1", 2])
        assert bound(graph, "image") == ["40.image"]

    def test_no_picture_for_text_to_image(self) -> None:
        assert trouble(text_to_image(), "image").endswith("it begins with EmptyLatentImage (node 4)")

    def test_two_pictures_are_told(self) -> None:
        graph = from_picture()
        graph["42"] = node("LoadImage", image="other.png")
        graph["43"] = node("ImageBlend", image1=["40", 0], image2=["42", 0], blend_factor=0.5)
        graph["4"]["inputs"]["pixels"] = ["43", 0]
        assert candidates(graph, "image") == ["40.image", "42.image"]
