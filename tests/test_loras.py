"""LoRAs: all that an image asks for, in order, in workflows and on the built-in graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import handiwork
from tests.comfyui_stories import target
from tests.conftest import Project
from tests.servers.comfyui import ComfyServer
from tests.workflow_stories import (
    NOBODY,
    PLAIN,
    comfy,
    of_class,
    plain,
    put,
    sent,
    wants,
    with_lora,
)


@pytest.fixture
def server() -> Iterator[ComfyServer]:
    with comfy() as running:
        yield running


def loras_in(graph: dict[str, Any]) -> list[tuple[Any, Any, Any]]:
    """Name and strengths, from the checkpoint to the sampler."""
    found = []
    (sampler,) = of_class(graph, "KSampler")
    at = graph[sampler["inputs"]["model"][0]]
    while "lora_name" in at["inputs"]:
        inputs = at["inputs"]
        found.append((inputs["lora_name"], inputs["strength_model"], inputs.get("strength_clip")))
        at = graph[inputs["model"][0]]
    return found[::-1]


@pytest.mark.parametrize(
    ("loras", "strengths"),
    [
        (["ink.safetensors"], [("ink.safetensors", 1, 1)]),
        ([{"name": "ink.safetensors", "strength": 0.8}], [("ink.safetensors", 0.8, 0.8)]),
        ([{"name": "ink.safetensors", "strength_clip": 0.2}], [("ink.safetensors", 1, 0.2)]),
        (
            ["moss.safetensors", {"name": "style/woodcut.safetensors", "strength": -0.5, "strength_clip": 0}],
            [("moss.safetensors", 1, 1), ("style/woodcut.safetensors", -0.5, 0)],
        ),
        ([], []),
    ],
)
@pytest.mark.parametrize("own", [(), ("moss.safetensors",), ("moss.safetensors", "ink.safetensors")])
def test_the_loras_of_an_image_are_all_and_in_order(
    project: Project, server: ComfyServer, loras: list[Any], strengths: list[Any], own: tuple[str, ...]
) -> None:
    put(project, with_lora(*own))
    wants(project, server, "Mallsing", workflow=PLAIN, prompt="a ferry", loras=loras)
    project.run("run").exits(0).says("1 made")
    assert loras_in(sent(server)) == strengths


def test_without_a_word_on_loras_the_workflow_keeps_its_own(project: Project, server: ComfyServer) -> None:
    put(project, with_lora("moss.safetensors"))
    wants(project, server, "Mallsing", workflow=PLAIN, prompt="a ferry")
    project.run("run").exits(0)
    assert loras_in(sent(server)) == [("moss.safetensors", 0.5, 0.5)]


def test_the_built_in_graph_takes_loras_too(project: Project, server: ComfyServer) -> None:
    small: dict[str, Any] = {"checkpoint": "dream.safetensors", "size": "64x64", "steps": 2}
    wants(project, server, "Mallsing", prompt="a ferry", loras=["ink.safetensors", "moss.safetensors"], **small)
    project.run("run").exits(0)
    assert [name for name, _, _ in loras_in(sent(server))] == ["ink.safetensors", "moss.safetensors"]
    wants(project, server, "Mallsing", prompt="a ferry", loras=["moss.safetensors", "ink.safetensors"], **small)
    project.run("status").says("stale", "loras")


def test_the_same_lora_written_in_two_ways_is_the_same(project: Project, server: ComfyServer) -> None:
    put(project, plain())
    wants(project, server, "Mallsing", workflow=PLAIN, prompt="a ferry", loras=["ink.safetensors"])
    project.run("run").exits(0)
    spelled = [{"name": "ink.safetensors", "strength": 1.0, "strength_clip": 1}]
    wants(project, server, "Mallsing", workflow=PLAIN, prompt="a ferry", loras=spelled)
    project.run("status", "--check").exits(0)


def test_an_unknown_lora_fails_with_the_choices_and_nothing_is_queued(project: Project, server: ComfyServer) -> None:
    put(project, plain())
    wants(
        project, server, {"name": "Mallsing", "loras": ["inc.safetensors"]}, "Oswin", workflow=PLAIN, prompt="a ferry"
    )
    project.run("run").exits(3).says("inc.safetensors", "ink.safetensors", "images:mallsing")
    assert server.submitted == []


@pytest.mark.parametrize("name", ["lora.exe", "../up.safetensors", ""])
def test_a_name_that_no_lora_has_is_told(project: Project, server: ComfyServer, name: str) -> None:
    put(project, plain())
    wants(project, server, {"name": "Mallsing", "loras": [name]}, workflow=PLAIN, prompt="a ferry")
    project.run("run").exits(3)
    assert server.submitted == []


def test_lora_folders_are_looked_at_offline_and_their_content_is_recorded(
    project: Project, server: ComfyServer
) -> None:
    put(project, plain())
    lora = project.write("models/ink.safetensors", "weights")
    item: dict[str, Any] = {"name": "Mallsing", "loras": ["inc.safetensors"]}
    wants(project, NOBODY, item, workflow=PLAIN, prompt="a ferry", block={"lora_paths": ["models"]})
    project.run("validate").exits(3).says('lora "inc.safetensors"', "lora_paths", "ink.safetensors")
    item = {"name": "Mallsing", "loras": ["ink.safetensors"]}
    wants(project, server, item, workflow=PLAIN, prompt="a ferry", block={"lora_paths": ["models"]})
    project.run("run").exits(0)
    known = handiwork.record(project.root / target("Mallsing"))["known"]
    assert known["ink.safetensors"].startswith("sha256:")
    lora.write_text("other weights")
    project.run("status", "--check").exits(1).says("stale", "ink.safetensors")
    project.run("run").exits(0).says("1 made")
    lora.unlink()
    (project.root / "models").rmdir()
    wants(project, server, item, workflow=PLAIN, prompt="a ferry")
    project.run("status", "--check").exits(0)  # what can't be known is no difference


@pytest.mark.parametrize("wrong", [0, 1])
def test_a_strength_without_a_place_is_told_of_its_own_item_alone(project: Project, wrong: int) -> None:
    put(project, model_only())
    strengths = [{"name": "moss.safetensors"}, {"name": "moss.safetensors"}]
    strengths[wrong] = {"name": "ink.safetensors", "strength_clip": 0.5}
    items = [{"name": f"Kin {number}", "loras": [one]} for number, one in enumerate(strengths)]
    wants(project, NOBODY, *items, workflow=PLAIN, prompt="a ferry")
    (problem,) = project.run("validate", "--json").exits(3).json["problems"]
    assert problem["path"] == f"items[{wrong}].loras"
    assert "ink.safetensors" in problem["message"]


def model_only() -> dict[str, Any]:
    """A graph whose model and CLIP have loaders of their own, as Flux has it."""
    graph = plain()
    graph["1"] = {"class_type": "UNETLoader", "inputs": {"unet_name": "flux.safetensors", "weight_dtype": "default"}}
    graph["20"] = {"class_type": "CLIPLoader", "inputs": {"clip_name": "t5.safetensors", "type": "flux"}}
    graph["21"] = {"class_type": "VAELoader", "inputs": {"vae_name": "ae.safetensors"}}
    for node in graph.values():
        for name, source in {"clip": "20", "vae": "21"}.items():
            if name in node["inputs"]:
                node["inputs"][name] = [source, 0]
    return graph
