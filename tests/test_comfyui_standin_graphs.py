"""The stand-in for ComfyUI runs any graph: sizes as a real server made them, pixels that tell graphs apart."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from imagegen.backends.comfyui.workflow.api import Graph
from tests.servers.comfyui import ComfyServer
from tests.servers.comfyui_pictures import Picture, encode
from tests.test_comfyui_standin import every_class as every_class
from tests.test_comfyui_standin import finish, picture, replay, upload
from tests.workflow_graphs import node, text_to_image

WORKFLOWS = Path(__file__).parent.parent / "workflows" / "image"


def pixels(server: ComfyServer, graph: Graph) -> bytes:
    return picture(server, finish(server, graph)).tobytes()


def of_start(*chain: tuple[str, dict[str, Any]]) -> Graph:
    """A picture of 100×60 pixels through nodes: `"<"` stands for the one before."""
    graph = {
        "1": node("LoadImage", image="imagegen/start.png"),
        "9": node("CheckpointLoaderSimple", ckpt_name="tiny-random.safetensors"),
    }
    last = "1"
    for number, (class_type, inputs) in enumerate(chain, 10):
        graph[str(number)] = node(
            class_type, **{name: [last, 0] if value == "<" else value for name, value in inputs.items()}
        )
        last = str(number)
    return graph | {"99": node("SaveImage", images=[last, 0], filename_prefix="size")}


def scaled(**inputs: Any) -> tuple[str, dict[str, Any]]:
    return "ImageScale", {"image": "<", "upscale_method": "area", "crop": "disabled"} | inputs


ENCODE = ("VAEEncode", {"pixels": "<", "vae": ["9", 2]})
DECODE = ("VAEDecode", {"samples": "<", "vae": ["9", 2]})
AS_A_REAL_SERVER_MADE_THEM = {
    (128, 77): [scaled(width=0, height=77)],
    (77, 46): [scaled(width=77, height=0)],
    (100, 60): [scaled(width=0, height=0)],
    (137, 82): [("ImageScaleBy", {"image": "<", "upscale_method": "area", "scale_by": 1.37})],
    (187, 112): [("ImageScaleToTotalPixels", {"image": "<", "upscale_method": "area", "megapixels": 0.02})],
    (40, 40): [("ImageCrop", {"image": "<", "width": 64, "height": 64, "x": 60, "y": 20})],
    (110, 73): [("ImagePadForOutpaint", {"image": "<", "left": 3, "top": 5, "right": 7, "bottom": 8, "feathering": 1})],
    (96, 56): [ENCODE, DECODE],
    (128, 72): [ENCODE, ("LatentUpscaleBy", {"samples": "<", "upscale_method": "area", "scale_by": 1.3}), DECODE],
    (168, 96): [
        ENCODE,
        ("LatentUpscale", {"samples": "<", "upscale_method": "area", "width": 0, "height": 100, "crop": "disabled"}),
        DECODE,
    ],
    (88, 64): [
        ENCODE,
        ("LatentUpscale", {"samples": "<", "upscale_method": "area", "width": 90, "height": 50, "crop": "disabled"}),
        DECODE,
    ],
    (60, 100): [
        ("GetImageSize", {"image": "<"}),
        ("EmptyImage", {"width": ["10", 1], "height": ["10", 0], "batch_size": 1, "color": 0}),
    ],
}  # fmt: skip


@pytest.mark.parametrize("size", AS_A_REAL_SERVER_MADE_THEM, ids=str)
def test_sizes_are_those_of_a_real_server(every_class: ComfyServer, size: tuple[int, int]) -> None:
    upload(every_class.url, "start.png", encode(Picture(100, 60, "start")))
    assert picture(every_class, finish(every_class, of_start(*AS_A_REAL_SERVER_MADE_THEM[size]))).size == size


def everything() -> Graph:
    """Text to image with a LoRA, a ControlNet'ed reference and primitives."""
    graph = text_to_image()
    graph["10"] = node(
        "LoraLoader", model=["1", 0], clip=["1", 1], lora_name="ink.safetensors", strength_model=1.0, strength_clip=1.0
    )
    graph["11"] = node("LoadImage", image="imagegen/start.png")
    graph["12"] = node("VAEEncode", pixels=["11", 0], vae=["1", 2])
    graph["13"] = node("ReferenceLatent", conditioning=["2", 0], latent=["12", 0])
    graph["14"] = node("FluxGuidance", conditioning=["13", 0], guidance=3.5)
    graph["15"] = node("PrimitiveInt", value=128)
    graph["2"]["inputs"]["clip"] = ["10", 1]
    graph["4"]["inputs"]["width"] = ["15", 0]
    graph["5"]["inputs"] |= {"model": ["10", 0], "positive": ["14", 0]}
    return graph  # fmt: skip


OTHER = {
    "text": "another", "lora_name": "gold.safetensors", "image": "imagegen/other.png", "ckpt_name": "other.safetensors",
    "sampler_name": "heun", "scheduler": "karras",
}  # fmt: skip


def test_every_input_that_leads_to_the_picture_changes_it() -> None:
    models = {
        "loras": ["ink.safetensors", "gold.safetensors"],
        "checkpoints": ["tiny-random.safetensors", "other.safetensors"],
    }
    with ComfyServer(whole=True, models=models) as server:
        for name in ("start", "other"):
            upload(server.url, f"{name}.png", encode(Picture(100, 60, name)))
        seen = {pixels(server, everything())}
        changes = [
            (node_id, name, value)
            for node_id, one in everything().items()
            for name, value in one["inputs"].items()
            if not isinstance(value, list) and name not in ("filename_prefix", "batch_size")
        ]
        for node_id, name, value in changes:
            graph = everything()
            graph[node_id]["inputs"][name] = (
                OTHER[name] if isinstance(value, str) else value / 2 if name in ("denoise",) else value + 64
            )
            seen.add(pixels(server, graph))
        past_the_lora = everything()
        past_the_lora["5"]["inputs"]["model"] = ["1", 0]
        seen.add(pixels(server, past_the_lora))
        assert len(seen) == len(changes) + 2
        renamed = {f"a{node_id}": copy.deepcopy(one) for node_id, one in everything().items()}
        for one in renamed.values():
            one["_meta"] = {"title": "another title"}
            one["inputs"] = {
                name: [f"a{value[0]}", value[1]] if isinstance(value, list) else value
                for name, value in one["inputs"].items()
            }
        assert pixels(server, renamed) in seen


def test_a_picture_is_as_large_as_a_primitive_says(every_class: ComfyServer) -> None:
    upload(every_class.url, "start.png", encode(Picture(100, 60, "start")))
    assert picture(every_class, finish(every_class, everything())).size == (128, 64)


def test_a_sampler_tells_the_steps_that_it_makes_itself(every_class: ComfyServer) -> None:
    graph = text_to_image()
    graph["5"]["class_type"] = "KSamplerAdvanced"
    graph["5"]["inputs"] |= {"add_noise": "enable", "noise_seed": 1, "steps": 5, "start_at_step": 1, "end_at_step": 3}
    graph["5"]["inputs"] |= {"return_with_leftover_noise": "enable"}
    said = [one["data"] for one in replay(every_class.url, graph)["websocket"] if one["type"] == "progress"]
    assert [(one["value"], one["max"]) for one in said] == [(1, 2), (2, 2)]


def test_a_file_that_is_no_picture_fails_at_its_node(every_class: ComfyServer) -> None:
    upload(every_class.url, "start.png", b"no picture")
    entry = finish(every_class, of_start())
    event, error = entry["status"]["messages"][-1]
    assert (event, error["node_type"], error["exception_type"]) == (
        "execution_error",
        "LoadImage",
        "PIL.UnidentifiedImageError",
    )
    assert error["exception_message"] == "cannot identify image file '<comfyui>/input/imagegen/start.png'\n"


def test_models_are_offered_by_every_class_that_loads_them() -> None:
    models = {"text_encoders": ["t5.safetensors"], "clip_vision": ["vision.safetensors"], "upscale_models": ["4x.pth"]}
    with ComfyServer(whole=True, models=models) as server:
        types = server.types
        assert types["DualCLIPLoader"]["input"]["required"]["clip_name2"][0] == ["t5.safetensors"]
        assert types["TripleCLIPLoader"]["input"]["required"]["clip_name3"][1]["options"] == ["t5.safetensors"]
        assert types["CLIPVisionLoader"]["input"]["required"]["clip_name"][0] == ["vision.safetensors"]
        assert types["UpscaleModelLoader"]["input"]["required"]["model_name"][1]["options"] == ["4x.pth"]
        assert len(types) == 478


def test_the_default_classes_are_few_and_unchanged(every_class: ComfyServer) -> None:
    with ComfyServer() as few:
        assert few.types.keys() < every_class.types.keys()
        assert {name: json.dumps(every_class.types[name]["output"]) for name in few.types} == {
            name: json.dumps(info["output"]) for name, info in few.types.items()
        }
