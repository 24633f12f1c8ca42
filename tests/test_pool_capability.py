"""What a graph asks of a server, held against the whole object_info of a real one."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from imagegen.backends.base import Order
from imagegen.backends.comfyui import graph
from imagegen.backends.comfyui.blueprint import Blueprint, Upload
from imagegen.backends.comfyui.capability import kind, kit, lacks, said, spelled
from imagegen.backends.comfyui.workflow.api import Graph, Spot
from imagegen.backends.comfyui.workflow.nodes import Nodes

RECIPE: dict[str, Any] = {
    **graph.DEFAULTS, "checkpoint": "sdxl/dream.safetensors", "prompt": "a kin", "seed": 7,
}  # fmt: skip


@cache
def recorded() -> dict[str, Any]:
    path = Path(__file__).parent / "servers" / "recordings" / "object_info-0.3.64.json"
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def nodes(*checkpoints: str) -> Nodes:
    info = copy.deepcopy(recorded())
    info["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"][0] = list(checkpoints)
    return Nodes(info)


def plan(made: Graph, *uploads: Spot, **places: Spot) -> Blueprint:
    save = next((name for name, node in made.items() if node["class_type"] == "SaveImage"), "")
    sent = tuple(Upload(Path("x.png"), (spot,)) for spot in uploads)
    return Blueprint(made, {name: (spot,) for name, spot in places.items()}, save, (), sent)


def built_in(**changed: Any) -> Graph:
    return graph.built_in({**RECIPE, **changed})


def messages(blueprint: Blueprint, known: Nodes) -> list[str]:
    return [lack.said("HERE") for lack in lacks(blueprint, known)]


def test_a_real_server_can_make_the_built_in_graph() -> None:
    assert messages(plan(built_in()), nodes("sdxl\\dream.safetensors")) == []


def test_what_is_wrong_is_named_by_its_setting_or_by_its_node() -> None:
    made = built_in(sampler="eular", steps=0)
    (checkpoint,) = (Spot(name, "ckpt_name") for name, node in made.items() if "ckpt_name" in node["inputs"])
    assert messages(plan(made, checkpoint=checkpoint), nodes("ink.safetensors")) == [
        "KSampler's steps 0 is less than the 1 that KSampler takes at HERE",
        'KSampler\'s sampler_name "eular" is not known to HERE',
        'checkpoint "sdxl/dream.safetensors" is not known to HERE',
    ]
    (found,) = lacks(plan(built_in(), checkpoint=checkpoint), nodes())
    assert found.hint == "it has none"


def test_a_missing_input_and_an_unknown_class() -> None:
    made = built_in()
    sampler = next(name for name, node in made.items() if node["class_type"] == "KSampler")
    del made[sampler]["inputs"]["denoise"]
    (missing,) = messages(plan(made), nodes("sdxl/dream.safetensors"))
    assert missing.startswith(f"KSampler (node {sampler}") and missing.endswith("has no denoise, which HERE wants")
    made[sampler]["class_type"] = "KSamplerOfTomorrow"
    assert messages(plan(made), nodes()) == ['the node class "KSamplerOfTomorrow" is not known to HERE']


def test_what_no_output_needs_is_not_looked_at() -> None:
    made = built_in() | {"99": {"class_type": "KSampler", "inputs": {"sampler_name": "eular"}}}
    assert messages(plan(made), nodes("sdxl/dream.safetensors")) == []


def test_pictures_that_are_uploaded_are_no_choice() -> None:
    made: Graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "imagegen/0123.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    }
    assert messages(plan(made), nodes()) == messages(plan(made, Spot("1", "image")), nodes()) == []


def test_the_server_s_own_spelling() -> None:
    made = built_in()
    own = spelled(made, nodes("a/b.ckpt", "sdxl\\dream.safetensors"))
    assert [node["inputs"]["ckpt_name"] for node in own.values() if "ckpt_name" in node["inputs"]] == [
        "sdxl\\dream.safetensors"
    ]
    assert made == built_in(), "the graph that was given is as it was"
    assert spelled(made, nodes("sdxl/dream.safetensors")) == made


def test_the_models_of_a_graph() -> None:
    assert kit(built_in(checkpoint="sdxl\\dream.safetensors", prompt="a.b. c")) == {"sdxl/dream.safetensors"}


numbers = st.integers(0, 2**32 - 1)


@given(st.text(), st.text(), numbers, numbers, st.lists(st.text(), min_size=2, max_size=2))
def test_texts_seeds_and_pixels_make_no_other_kind(
    one: str, other: str, seed: int, another: int, pixels: list[str]
) -> None:
    def order(prompt: str, seed: Any, picture: str) -> Order:
        recipe = {**RECIPE, "prompt": prompt, "seed": seed, "references": [picture], "image": picture}
        return Order("a:b", "b", recipe, "")

    first = kind(order(one, seed, pixels[0]))
    assert first == kind(order(other, another, pixels[1])) == kind(order(one, "random", pixels[0]))
    assert first != kind(order(one, 2**63, pixels[0]))
    assert first != kind(Order("a:b", "b", {**RECIPE, "steps": 21}, ""))


def test_pictures_that_are_still_to_be_made_make_another_kind() -> None:
    def order(*pictures: str, **recipe: Any) -> Order:
        return Order("a:b", "b", {**RECIPE, **recipe}, "", files={"references": tuple(map(Path, pictures))})

    assert kind(order("a.png")) != kind(order())
    assert kind(order("a.png")) == kind(order("b.png", references=["sha256:1"])) != kind(order("a.png", "b.png"))


def test_what_is_said_of_several_servers() -> None:
    checkpoint = plan(built_in())
    here, there = lacks(checkpoint, nodes("a.ckpt")), lacks(checkpoint, nodes("b.ckpt"))
    ((_, message, hint),) = said({"HERE": here, "THERE": there}, ())
    assert message.endswith('ckpt_name "sdxl/dream.safetensors" is not known to HERE and THERE')
    assert hint == 'HERE: it has "a.ckpt"; THERE: it has "b.ckpt"'
    ((_, message, hint),) = said({"HERE": here}, ["AWAY"])
    assert message.endswith("is not known to HERE; AWAY does not answer") and hint == 'HERE: it has "a.ckpt"'
