"""generate with a workflow, references, LoRAs and a picture to start from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import handiwork
from tests.conftest import Project
from tests.servers.comfyui import ComfyServer
from tests.workflow_stories import (
    NOBODY,
    comfy,
    drawn,
    loaded,
    of_class,
    put,
    referring,
    sent,
    uploaded,
    wants,
)

BUILT_IN: dict[str, Any] = {"checkpoint": "dream.safetensors", "steps": 2}


@pytest.fixture
def server() -> Iterator[ComfyServer]:
    with comfy() as running:
        yield running


def test_generate_takes_files_from_where_it_is_called(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Other", prompt="a ferry", **BUILT_IN)
    graph = referring(1)
    graph["8"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "in ink", "clip": ["1", 1]}}
    graph["9"] = {
        "class_type": "ConditioningCombine",
        "inputs": {"conditioning_1": ["13", 0], "conditioning_2": ["8", 0]},
    }
    graph["5"]["inputs"]["positive"] = ["9", 0]
    put(project, graph, "deep/flow.json")
    picture = handiwork.draw(project.root / "deep/a.png")
    words = ["--workflow", "flow.json", "--reference", "a.png", "--lora", "ink.safetensors:0.5"]
    project.run("generate", "a mill", *words, cwd="deep").exits(3).says("--prompt", "2.text", "8.text")
    project.run("generate", "a mill", *words, "--binding", "prompt=2.text", cwd="deep").exits(0).says("1 made")
    assert (project.root / "deep/a-mill.png").exists()
    sent_graph = sent(server)
    assert sent_graph["2"]["inputs"]["text"] == "a mill"
    assert uploaded(server, loaded(sent_graph)[0]) == picture
    (lora,) = of_class(sent_graph, "LoraLoader")
    assert (lora["inputs"]["lora_name"], lora["inputs"]["strength_model"]) == ("ink.safetensors", 0.5)


def test_generate_starts_from_a_picture_anywhere(
    project: Project, server: ComfyServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "a b.png"
    picture = handiwork.draw(elsewhere)
    words = ["--image", str(elsewhere), "--checkpoint", "dream.safetensors", "--steps", "2"]
    project.run("generate", "a mill", *words, COMFYUI_URL=server.url).exits(0).says("1 made")
    assert uploaded(server, loaded(sent(server))[0]) == picture
    assert [path.name for path in project.root.iterdir()] == ["a-mill.png"]


def test_generate_asks_the_server_what_a_page_means(project: Project, server: ComfyServer) -> None:
    put(project, drawn(), "page.json")
    project.run("generate", "a mill", "--workflow", "page.json", COMFYUI_URL=NOBODY).exits(3).says("plain Save", NOBODY)
    project.run("generate", "a mill", "--workflow", "page.json", COMFYUI_URL=server.url).exits(0).says("1 made")
    assert sent(server)["2"]["inputs"]["text"] == "a mill"
    assert sorted(path.name for path in project.root.iterdir()) == ["a-mill.png", "page.json"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--workflow", "none.json"], "--workflow: none.json is not there"),
        (["--image", "none.png", "--checkpoint", "dream.safetensors"], "--image: there is no none.png"),
        (["--workflow", "flow.json", "--reference", "none.png"], "--reference: there is no none.png"),
        (["--workflow", "flow.json", "--binding", "prompt"], "--binding prompt=6.text"),
        (["--workflow", "flow.json", "--binding", "prompt=77.text"], "--binding"),
        (["--workflow", "flow.json", "--lora", ""], "--lora"),
    ],
)
def test_what_is_wrong_is_told_in_the_words_of_the_command_line(
    project: Project, server: ComfyServer, words: list[str], told: str
) -> None:
    put(project, referring(1), "flow.json")
    outcome = project.run("generate", "a mill", *words, COMFYUI_URL=server.url)
    outcome.exits(3).says(told)
    assert server.submitted == []
    assert "generated" not in outcome.err
