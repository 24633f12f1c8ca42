"""The example workflows: what is bound in them, and that servers take and run them."""

from __future__ import annotations

import copy
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagegen.backends.comfyui.workflow import bindings
from imagegen.backends.comfyui.workflow.api import Graph, is_api, is_link, title
from imagegen.backends.comfyui.workflow.loras import Lora, placed
from imagegen.backends.comfyui.workflow.nodes import Nodes
from imagegen.backends.comfyui.workflow.pictures import reference_spots, with_references
from tests import test_comfyui_standin as standin
from tests.conftest import Project
from tests.servers.comfyui import ComfyServer
from tests.servers.comfyui_pictures import Picture, encode
from tests.servers.comfyui_types import NEWER, every_class
from tests.test_comfyui_standin import finish, get, picture, post, replay, upload

FOLDER = Path(__file__).parent.parent / "workflows" / "image"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.json"))
REAL = os.environ.get("COMFYUI_URL", "").rstrip("/")
MODELS = {
    "checkpoints": ["sd_xl_base_1.0.safetensors", "v1-5-pruned-emaonly-fp16.safetensors"],
    "diffusion_models": ["flux2_dev_fp8mixed.safetensors"],
    "text_encoders": ["mistral_3_small_flux2_bf16.safetensors"],
    "vae": ["flux2-vae.safetensors"],
    "loras": ["ink.safetensors", "style.safetensors", "moss.safetensors"],
}


def example(name: str) -> Graph:
    graph = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert is_api(graph)
    return graph


def newer_types() -> dict[str, Any]:
    """The classes that flux-2.json needs beyond those of 0.3.64."""
    loader = copy.deepcopy(every_class()["CLIPLoader"])
    loader["input"]["required"]["type"][0].append("flux2")
    return {**NEWER, "CLIPLoader": loader}


@pytest.fixture
def server() -> Iterator[ComfyServer]:
    """A server with the examples' models and classes."""
    with ComfyServer(whole=True, models=MODELS, nodes=newer_types()) as running:
        upload(running.url, "start.png", encode(Picture(96, 64, "start")))
        upload(running.url, "mouse.png", encode(Picture(64, 96, "mouse")))
        yield running


@pytest.fixture(params=["with object_info", "without"])
def nodes(request: pytest.FixtureRequest) -> Nodes | None:
    return Nodes({**every_class(), **newer_types()}) if request.param == "with object_info" else None


def test_there_are_three() -> None:
    assert EXAMPLES == ["flux-2", "image-to-image", "sdxl-lora"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_node_has_a_title_and_leads_to_the_picture(name: str) -> None:
    graph = example(name)
    assert all(title(node) for node in graph.values())
    fed = {value[0] for node in graph.values() for value in node["inputs"].values() if is_link(value)}
    assert [node["class_type"] for name, node in graph.items() if name not in fed] == ["SaveImage"]


PLACES = {
    "flux-2": {
        "prompt": "7.text",
        "seed": "20.noise_seed",
        "width": "5.value",
        "height": "6.value",
        "steps": "18.steps",
        "cfg": "8.guidance",
        "sampler": "21.sampler_name",
        "checkpoint": "1.unet_name",
    },
    "image-to-image": {
        "prompt": "4.text",
        "negative_prompt": "5.text",
        "seed": "6.seed",
        "steps": "6.steps",
        "cfg": "6.cfg",
        "sampler": "6.sampler_name",
        "scheduler": "6.scheduler",
        "denoise": "6.denoise",
        "checkpoint": "1.ckpt_name",
        "image": "2.image",
    },
    "sdxl-lora": {
        "prompt": "3.text",
        "negative_prompt": "4.text",
        "seed": "6.seed",
        "width": "5.width",
        "height": "5.height",
        "steps": "6.steps",
        "cfg": "6.cfg",
        "sampler": "6.sampler_name",
        "scheduler": "6.scheduler",
        "denoise": "6.denoise",
        "checkpoint": "1.ckpt_name",
    },
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_setting_has_its_place(name: str, nodes: Nodes | None) -> None:
    found = bindings.find(example(name), nodes)
    assert {setting: ", ".join(map(str, spots)) for setting, spots in found.places.items()} == PLACES[name]
    assert found.trouble.keys() == set(bindings.SETTINGS) - PLACES[name].keys()
    assert example(name)[found.save]["class_type"] == "SaveImage"


class TestFlux2:
    def test_what_has_no_place_is_told_with_the_reason(self, nodes: Nodes | None) -> None:
        told = {setting: one.message for setting, one in bindings.find(example("flux-2"), nodes).trouble.items()}
        assert "BasicGuider" in told["negative_prompt"]
        assert "EmptyFlux2LatentImage" in told["image"]
        assert "Flux2Scheduler" in told["scheduler"] and "Flux2Scheduler" in told["denoise"]

    def test_it_is_16_to_9_unless_a_size_is_given(self) -> None:
        graph = example("flux-2")
        assert (graph["5"]["inputs"]["value"], graph["6"]["inputs"]["value"]) == (1920, 1080)
        for node_id in ("18", "19", "24"):  # the schedule, the latent and the picture agree, whatever is given
            assert (graph[node_id]["inputs"]["width"], graph[node_id]["inputs"]["height"]) == (["5", 0], ["6", 0])

    def test_a_setting_changes_its_place_and_nothing_else(self, nodes: Nodes | None) -> None:
        graph = example("flux-2")
        found = bindings.find(graph, nodes)
        values: dict[str, Any] = {"prompt": "a mouse", "seed": 7, "width": 1280, "height": 720, "steps": 4, "cfg": 2.5}
        made = bindings.filled(graph, found, values)
        changed = {
            f"{node_id}.{name}": value
            for node_id, node in made.items()
            for name, value in node["inputs"].items()
            if value != graph[node_id]["inputs"][name]
        }
        assert changed == {PLACES["flux-2"][setting]: value for setting, value in values.items()}

    def test_references_go_to_their_places_or_their_branches_go(self, nodes: Nodes | None) -> None:
        graph = example("flux-2")
        spots = reference_spots(graph, nodes, save="25")
        assert [str(spot) for spot in spots] == ["9.image", "13.image"]
        both = with_references(graph, spots, ["a.png", "b.png"], nodes, "25")
        assert both["17"]["inputs"]["conditioning"] == ["16", 0]
        one = with_references(graph, spots, ["a.png"], nodes, "25")
        assert one["17"]["inputs"]["conditioning"] == ["12", 0]
        assert graph.keys() - one.keys() == {"13", "14", "15", "16"}
        none = with_references(graph, spots, [], nodes, "25")
        assert none["17"]["inputs"]["conditioning"] == ["8", 0]
        assert not any(node["class_type"] == "LoadImage" for node in none.values())

    def test_a_style_lora_takes_the_loader_that_is_there(self, nodes: Nodes | None) -> None:
        graph = example("flux-2")
        one, spots = placed(graph, [Lora("moss.safetensors", 0.7, 0.7)], nodes, before=["25"])
        assert [str(spot) for spot in spots] == ["4.lora_name"]
        assert one["4"]["inputs"] == {"model": ["1", 0], "lora_name": "moss.safetensors", "strength_model": 0.7}
        none, _ = placed(graph, [], nodes, before=["25"])
        assert none["17"]["inputs"]["model"] == ["1", 0] and "4" not in none
        two, spots = placed(graph, [Lora("ink", 1, 1), Lora("moss", 1, 1)], nodes, before=["25"])
        assert two["17"]["inputs"]["model"] == [spots[1].node, 0]
        assert two[spots[1].node]["class_type"] == "LoraLoaderModelOnly"

    def test_the_picture_has_the_size_that_is_asked_for(self, server: ComfyServer) -> None:
        graph = example("flux-2")
        graph["9"]["inputs"]["image"], graph["13"]["inputs"]["image"] = "imagegen/start.png", "imagegen/mouse.png"
        assert picture(server, finish(server, graph)).size == (1920, 1080)

    def test_every_reference_and_lora_decides_the_picture(self, server: ComfyServer) -> None:
        graph = bindings.filled(example("flux-2"), bindings.find(example("flux-2")), {"width": 64, "height": 48})
        spots = reference_spots(graph)
        pictures = set()
        for names in (
            [],
            ["imagegen/start.png"],
            [None, "imagegen/start.png"],
            ["imagegen/start.png", "imagegen/mouse.png"],
        ):
            for loras in ([], [Lora("ink.safetensors", 1, 1)]):
                made, _ = placed(with_references(graph, spots, names, None, "25"), loras)
                pictures.add(picture(server, finish(server, made)).tobytes())
        assert len(pictures) == 6  # a single reference is the same in either place


class TestOnAServer:
    def test_sdxl_lora_runs(self, server: ComfyServer) -> None:
        assert picture(server, finish(server, example("sdxl-lora"))).size == (1024, 1024)

    def test_image_to_image_runs(self, server: ComfyServer) -> None:
        graph = example("image-to-image")
        graph["2"]["inputs"]["image"] = "imagegen/start.png"
        assert picture(server, finish(server, graph)).size == (96, 64)

    def test_an_example_picture_of_its_own_is_not_there(self, server: ComfyServer) -> None:
        refused = post(server.url, "/prompt", {"prompt": example("image-to-image")}).json()
        assert refused["node_errors"]["2"]["errors"][0]["details"] == "image - Invalid image file: sketch.png"


@pytest.mark.skipif(not REAL, reason="COMFYUI_URL names no real server")
class TestOnARealServer:
    @pytest.fixture(autouse=True)
    def patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(standin, "TIMEOUT", 120)

    def test_image_to_image_runs(self) -> None:
        graph = example("image-to-image")
        known = replay(REAL, graph)["post"]["body"]["node_errors"]["1"]["errors"][0]["extra_info"]["input_config"][0]
        upload(REAL, "start.png", encode(Picture(96, 64, "start")))
        graph["1"]["inputs"]["ckpt_name"], graph["2"]["inputs"]["image"] = known[0], "imagegen/start.png"
        graph["6"]["inputs"]["steps"] = 2
        told = replay(REAL, graph)
        (entry,) = told["history"].values()
        assert entry["status"]["status_str"] == "success", entry["status"]
        (image,) = entry["outputs"]["8"]["images"]
        assert Image.open(io.BytesIO(get(REAL, "/view", params=image).content)).size == (96, 64)

    def test_of_sdxl_lora_only_the_model_files_are_missing(self) -> None:
        refused = replay(REAL, example("sdxl-lora"))["post"]
        assert refused["status"] == 400
        wrong = {
            (node_id, error["extra_info"]["input_name"]): error["type"]
            for node_id, told in refused["body"]["node_errors"].items()
            for error in told["errors"]
        }
        assert wrong == {("1", "ckpt_name"): "value_not_in_list", ("2", "lora_name"): "value_not_in_list"}


class TestInAProject:
    @pytest.fixture
    def wanted(self, project: Project, server: ComfyServer) -> Project:
        shutil.copytree(FOLDER.parent, project.root / "workflows")
        for name, width, height in (("sketch", 96, 64), ("style", 64, 64)):
            (project.root / f"{name}.png").write_bytes(encode(Picture(width, height, name)))
        project.manifest(f"""
            backends: {{comfyui: {{url: "{server.url}"}}}}
            jobs:
              kins:
                workflow: workflows/image/flux-2.json
                size: 320x180
                references: [style.png]
                loras: [{{name: ink.safetensors, strength: 0.8}}]
                items:
                  - {{name: Mallsing, prompt: a mouse}}
                  - {{name: Mallsing at sea, prompt: the same mouse, references: [style.png, {{item: mallsing}}]}}
                  - {{name: Oswin, prompt: an owl, references: [], loras: []}}
              inked:
                workflow: workflows/image/sdxl-lora.json
                size: 128x64
                items: [{{name: Ferry, prompt: a ferry}}]
              drawn:
                workflow: workflows/image/image-to-image.json
                items: [{{name: Inn, prompt: an inn, image: sketch.png, denoise: 0.4}}]
            """)
        return project

    def test_they_make_pictures_and_know_when_to_make_them_again(self, wanted: Project, server: ComfyServer) -> None:
        wanted.run("run").exits(0).says("5 made")
        sizes = {path.stem: Image.open(path).size for path in (wanted.root / "assets").rglob("*.png")}
        assert sizes == {
            "mallsing": (320, 180), "mallsing-at-sea": (320, 180), "oswin": (320, 180),
            "ferry": (128, 64), "inn": (96, 64),
        }  # fmt: skip
        sent = [node for graph in server.submitted for node in graph.values()]
        pictures = {node["inputs"]["image"] for node in sent if node["class_type"] == "LoadImage"}
        assert len(pictures) == 3 and all(name.startswith("imagegen/") for name in pictures)
        assert len([node for node in sent if node["class_type"] == "LoraLoaderModelOnly"]) == 2
        wanted.run("run").exits(0).says("Nothing to do")
        (wanted.root / "sketch.png").write_bytes(encode(Picture(96, 64, "another")))
        wanted.run("run").exits(0).says("1 made", "assets/drawn/inn.png")
        wanted.edit(
            '"lora_name": "ink.safetensors"', '"lora_name": "moss.safetensors"', "workflows/image/sdxl-lora.json"
        )
        wanted.run("run").exits(0).says("1 made", "assets/inked/ferry.png")

    def test_an_unknown_lora_fails_with_the_choices(self, wanted: Project) -> None:
        wanted.edit("name: ink.safetensors", "name: inc.safetensors")
        wanted.run("run").says("inc.safetensors", "ink.safetensors", "kins:mallsing").exits(3)

    def test_a_picture_to_start_from_is_asked_for(self, wanted: Project) -> None:
        wanted.edit(", image: sketch.png", "")
        wanted.run("validate").exits(3).says("assets.yaml:", "Start", "image:")

    def test_a_reference_too_many_is_refused(self, wanted: Project) -> None:
        wanted.edit("references: [style.png]", "references: [style.png, sketch.png, style.png]")
        wanted.run("validate").exits(3).says("3 references", "2 places", "Reference 1")
