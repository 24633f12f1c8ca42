"""Images that start from a picture: on the built-in graph, and in a workflow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from tests import handiwork
from tests.conftest import Project
from tests.servers.comfyui import ComfyServer
from tests.workflow_stories import (
    NOBODY,
    PLAIN,
    comfy,
    loaded,
    of_class,
    plain,
    put,
    sent,
    uploaded,
    wants,
)

BUILT_IN: dict[str, Any] = {"checkpoint": "dream.safetensors", "steps": 2}


@pytest.fixture
def server() -> Iterator[ComfyServer]:
    with comfy() as running:
        yield running


def test_an_image_starts_from_a_picture(project: Project, server: ComfyServer) -> None:
    picture = handiwork.draw(project.root / "sketch.png", "teal", (80, 48))
    wants(project, server, "Scene", prompt="a ferry", image="sketch.png", **BUILT_IN)
    project.run("run").exits(0).says("1 made")
    graph = sent(server)
    assert uploaded(server, loaded(graph)[0]) == picture
    assert [one["inputs"]["denoise"] for one in of_class(graph, "KSampler")] == [0.75]
    assert not of_class(graph, "EmptyLatentImage")
    assert len(of_class(graph, "VAEEncode")) == 1
    with Image.open(project.root / "assets/images/scene.png") as image:
        assert image.size == (80, 48)
    recipe = handiwork.record(project.root / "assets/images/scene.png")["recipe"]
    assert recipe["denoise"] == 0.75
    assert recipe["image"].startswith("sha256:")
    assert not {"width", "height"} & set(recipe)
    project.run("status", "--check").exits(0)
    handiwork.draw(project.root / "sketch.png", "red", (80, 48))
    project.run("status").says("stale", "image:")


def test_with_a_size_it_is_scaled_first(project: Project, server: ComfyServer) -> None:
    handiwork.draw(project.root / "sketch.png", "teal", (80, 48))
    wants(project, server, "Scene", prompt="a ferry", image="sketch.png", size="64x96", denoise=0.5, **BUILT_IN)
    project.run("run").exits(0)
    with Image.open(project.root / "assets/images/scene.png") as image:
        assert image.size == (64, 96)
    assert [one["inputs"]["denoise"] for one in of_class(sent(server), "KSampler")] == [0.5]


def test_a_picture_whose_sides_are_no_multiples_of_eight_can_be_started_from(
    project: Project, server: ComfyServer
) -> None:
    """Its latent has whole cells only, so the image is a little smaller, as on a real server."""
    handiwork.draw(project.root / "sketch.png", "teal", (77, 45))
    wants(project, server, "Scene", prompt="a ferry", image="sketch.png", **BUILT_IN)
    project.run("run").exits(0)
    with Image.open(project.root / "assets/images/scene.png") as image:
        assert image.size == (72, 40)
    wants(project, server, {"name": "Scene", "width": 60}, prompt="a ferry", image="sketch.png", height=64, **BUILT_IN)
    project.run("validate").exits(3).says("width 60 is no multiple of 8")


def test_one_side_alone_is_no_size_with_image(project: Project, server: ComfyServer) -> None:
    """The other side follows from the picture's own shape, as ComfyUI scales it."""
    handiwork.draw(project.root / "sketch.png", "teal", (80, 40))
    wants(project, server, "Scene", prompt="a ferry", image="sketch.png", width=64, **BUILT_IN)
    project.run("run").exits(0)
    with Image.open(project.root / "assets/images/scene.png") as image:
        assert image.size == (64, 32)


def test_another_item_is_where_an_image_starts(project: Project, server: ComfyServer) -> None:
    items: list[Any] = [
        {"name": "Later", "image": {"item": "first"}, "denoise": 0.4},
        {"name": "First", "size": "64x64"},
    ]
    wants(project, server, *items, prompt="a ferry", **BUILT_IN)
    project.run("run").exits(0).says("2 made")
    assert uploaded(server, loaded(sent(server))[0]) == project.png("assets/images/first.png")
    project.run("status", "--check").exits(0)


def beginning() -> dict[str, Any]:
    """A workflow that begins with a picture."""
    graph = plain(denoise=0.3)
    graph["10"] = {"class_type": "LoadImage", "inputs": {"image": "example.png"}}
    graph["4"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["10", 0], "vae": ["1", 2]}}
    return graph


def test_a_workflow_that_begins_with_a_picture_takes_image(project: Project, server: ComfyServer) -> None:
    put(project, beginning())
    picture = handiwork.draw(project.root / "sketch.png")
    wants(project, server, "Scene", prompt="a ferry", image="sketch.png", workflow=PLAIN)
    project.run("run").exits(0).says("1 made")
    assert uploaded(server, loaded(sent(server))[0]) == picture
    assert [one["inputs"]["denoise"] for one in of_class(sent(server), "KSampler")] == [0.3]  # its own
    wants(project, server, {"name": "Scene"}, prompt="a ferry", workflow=PLAIN)
    project.run("validate").exits(3).says("gets no picture", "image:")


def test_a_workflow_that_begins_with_nothing_takes_no_image(project: Project) -> None:
    put(project, plain())
    handiwork.draw(project.root / "sketch.png")
    wants(project, NOBODY, {"name": "Scene", "image": "sketch.png"}, prompt="a ferry", workflow=PLAIN)
    project.run("validate").exits(3).says("items[0].image", "plain.json")


@pytest.mark.parametrize("image", ["../sketch.png", "${nothing}.png"])
def test_a_picture_that_is_named_wrong_is_told_once(project: Project, image: str) -> None:
    put(project, beginning())
    wants(project, NOBODY, "Scene", prompt="a ferry", workflow=PLAIN, image=image)
    problems = project.run("validate", "--json").exits(3).json["problems"]
    assert len(problems) == 1, problems
