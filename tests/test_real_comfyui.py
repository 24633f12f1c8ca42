"""The whole story against a real ComfyUI server: set COMFYUI_URL to one that has a checkpoint."""

from __future__ import annotations

import json
import os
import signal
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests
from PIL import Image

from imagegen import png
from tests import handiwork
from tests.comfyui_stories import ended, eventually, not_made, started, target, texts, there, whole
from tests.conftest import Project
from tests.workflow_stories import PLAIN, drawn, plain, put, referring

URL = os.environ.get("COMFYUI_URL", "").rstrip("/")
pytestmark = pytest.mark.skipif(not URL, reason="COMFYUI_URL names no real server")
NAMES = ("Mallsing", "Brannick", "Oswin")
FOR_LONG = 2000  # steps; long enough to be interrupted in, even on a GPU

Manifest = Callable[..., None]


def ask(path: str, **query: str) -> Any:
    answer = requests.get(URL + path, params=query, timeout=30)
    answer.raise_for_status()
    return answer.json()


@pytest.fixture
def mark() -> str:
    """A word that no other user of the server has in a prompt."""
    return uuid.uuid4().hex


@pytest.fixture
def wanted(project: Project, mark: str) -> Manifest:
    """Writes a manifest of these images: 64×64 and 2 steps, of the first checkpoint that the server lists."""
    checkpoints = ask("/models/checkpoints")
    if not checkpoints:
        pytest.skip(f"{URL} has no checkpoint")

    def write(*names: str, **defaults: Any) -> None:
        settings = {"checkpoint": checkpoints[0].replace("\\", "/"), "size": "64x64", "steps": 2, **defaults}
        items = [{"name": name, "prompt": f"portrait of {name}, {mark}"} for name in names]
        manifest = {"backends": {"comfyui": {"url": URL}}, "defaults": settings, "items": items}
        project.manifest(json.dumps(manifest, indent=1))

    return write


def of_ours(mark: str) -> tuple[list[str], list[str]]:
    """The ids of our jobs at the server: the running ones, and those that wait."""
    queue = ask("/queue")
    running, waiting = (
        [entry[1] for entry in queue[key] if mark in json.dumps(entry[2])] for key in ("queue_running", "queue_pending")
    )
    return running, waiting


def in_history(mark: str) -> list[str]:
    return [prompt_id for prompt_id, entry in ask("/history").items() if mark in json.dumps(entry["prompt"][2])]


def test_from_a_manifest_to_images_and_again(project: Project, wanted: Manifest, mark: str) -> None:
    wanted(*NAMES)
    project.run("validate", "--online").exits(0)
    project.run("run", timeout=300).exits(0).says("3 made, 0 skipped, 0 failed")
    pictures = {name: project.png(target(name)) for name in NAMES}
    for name, data in pictures.items():
        assert whole(data)
        assert png.size_of(next(png.chunks(data))) == (64, 64)
        found = texts(data)
        assert set(found) == {"imagegen", "parameters", "prompt"}
        assert name in json.loads(found["imagegen"])["recipe"]["prompt"]
    assert len({png.pixel_digest(data) for data in pictures.values()}) == len(NAMES)
    project.run("status", "--check", "--verify").exits(0).says("3 fresh")
    project.run("run").exits(0).says("Nothing to do")
    assert {name: project.png(target(name)) for name in NAMES} == pictures
    project.edit("portrait of Oswin", "another portrait of Oswin")
    project.run("run", timeout=300).exits(0).says("1 made, 2 skipped, 0 failed")
    assert project.png(target("Oswin")) != pictures["Oswin"]
    assert [project.png(target(name)) for name in NAMES[:2]] == [pictures[name] for name in NAMES[:2]]
    assert of_ours(mark) == ([], [])
    assert in_history(mark) == []
    assert project.stray_files() == []


def test_the_same_recipe_gives_the_same_bytes(project: Project, wanted: Manifest) -> None:
    wanted("Mallsing", seed=7)
    project.run("run", timeout=300).exits(0)
    first = project.png(target("Mallsing"))
    (project.root / target("Mallsing")).unlink()
    project.run("run", timeout=300).exits(0)
    assert project.png(target("Mallsing")) == first


def test_the_server_takes_the_graph_in_the_picture(project: Project, wanted: Manifest) -> None:
    """As when the picture is dropped on ComfyUI's page and queued there."""
    wanted("Mallsing")
    project.run("run", timeout=300).exits(0)
    body = {"prompt": json.loads(texts(project.png(target("Mallsing")))["prompt"]), "prompt_id": str(uuid.uuid4())}
    answer = requests.post(f"{URL}/prompt", json=body, timeout=30).json()
    assert (answer["prompt_id"], answer["node_errors"]) == (body["prompt_id"], {})
    eventually(lambda: ask(f"/history/{answer['prompt_id']}"), timeout=300)
    entry = ask(f"/history/{answer['prompt_id']}")[answer["prompt_id"]]
    requests.post(f"{URL}/history", json={"delete": [answer["prompt_id"]]}, timeout=30)
    (output,) = entry["outputs"].values()
    again = requests.get(f"{URL}/view", params=output["images"][0], timeout=30).content
    assert png.pixel_digest(again) == png.pixel_digest(project.png(target("Mallsing")))


def test_steps_are_told(project: Project, wanted: Manifest) -> None:
    wanted("Mallsing", steps=8)
    events = project.run("run", "--json", timeout=300).exits(0).events
    kinds = [event["event"] for event in events]
    assert (kinds[0], kinds[-2], kinds[-1]) == ("begun", "made", "ended")
    assert "started" in kinds
    assert [event["value"] for event in events if event["event"] == "step"][-1] == 8


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that a test can send to one process")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_leaving_leaves_an_empty_queue(sent: signal.Signals, project: Project, wanted: Manifest, mark: str) -> None:
    wanted(*NAMES, steps=FOR_LONG)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # else deaf to it in a shell's background
    try:
        with started(project, "run") as process:
            eventually(lambda: [len(jobs) for jobs in of_ours(mark)] == [1, 1], timeout=60)
            process.send_signal(sent)
            ended(process, timeout=60).exits(130).says("Interrupted")
    finally:
        signal.signal(signal.SIGINT, before)
    eventually(lambda: of_ours(mark) == ([], []), timeout=60)
    not_made(project, *NAMES)
    assert project.stray_files() == []


def test_an_image_that_takes_too_long(project: Project, wanted: Manifest, mark: str) -> None:
    wanted("Mallsing", steps=FOR_LONG, timeout=1)
    project.run("run", timeout=120).exits(1).says("images:mallsing", "took longer than 1 s")
    eventually(lambda: of_ours(mark) == ([], []), timeout=60)
    assert there(project, "Mallsing") == []


@pytest.mark.parametrize(
    ("setting", "wrong", "right"), [("sampler", "eular", "euler"), ("scheduler", "karas", "karras")]
)
def test_what_it_does_not_know_is_refused(
    setting: str, wrong: str, right: str, project: Project, wanted: Manifest, mark: str
) -> None:
    wanted(*NAMES, **{setting: wrong})
    project.run("run").exits(3).says(f'{setting} "{wrong}"', f'it has "{right}"')
    assert of_ours(mark) == ([], [])
    assert in_history(mark) == []
    not_made(project, *NAMES)


def test_an_unknown_checkpoint_is_refused_with_what_there_is(project: Project, wanted: Manifest) -> None:
    wanted("Mallsing", checkpoint="no-such.safetensors")
    project.run("run").exits(3).says("no-such.safetensors", ask("/models/checkpoints")[0])
    not_made(project, "Mallsing")


# Workflows and references


@pytest.fixture
def checkpoint() -> str:
    found = ask("/models/checkpoints")
    if not found:
        pytest.skip(f"{URL} has no checkpoint")
    return str(found[0])


def of(project: Project, *items: Any, **defaults: Any) -> None:
    project.manifest(
        json.dumps({"backends": {"comfyui": {"url": URL}}, "defaults": defaults, "items": items}, indent=1)
    )


def pixels(project: Project, name: str) -> str:
    return png.pixel_digest(project.png(target(name)))


def test_a_workflow_in_either_format_and_the_built_in_graph_give_the_same_pixels(
    project: Project, checkpoint: str, mark: str
) -> None:
    page = drawn()
    page["nodes"][0]["widgets_values"] = [checkpoint]
    put(project, plain(ckpt_name=checkpoint), "api.json")
    put(project, page, "page.json")
    same: dict[str, Any] = {"prompt": f"a ferry, {mark}", "negative_prompt": "text", "seed": 7}
    own: dict[str, Any] = {"checkpoint": checkpoint.replace("\\", "/"), "size": "64x64", "steps": 2, "cfg": 7}
    items: list[Any] = [
        {"name": "Api", "workflow": "api.json"},
        {"name": "Page", "workflow": "page.json"},
        {"name": "Own", **own},
    ]
    of(project, *items, **same)
    project.run("workflow", "snapshot").exits(0)
    project.run("validate", "--online").exits(0)
    project.run("run", timeout=300).exits(0).says("3 made")
    assert pixels(project, "Api") == pixels(project, "Page") == pixels(project, "Own")
    project.run("status", "--check", "--verify", COMFYUI_URL="http://127.0.0.1:9").exits(0).says("3 fresh")


def test_a_page_without_a_snapshot_is_understood_by_asking(project: Project, checkpoint: str, mark: str) -> None:
    page = drawn()
    page["nodes"][0]["widgets_values"] = [checkpoint]
    put(project, page)
    of(project, "Mallsing", workflow=PLAIN, prompt=f"a ferry, {mark}")
    project.run("run", timeout=300).exits(0).says("1 made")
    project.run("status", "--check", COMFYUI_URL="http://127.0.0.1:9").exits(0)


def test_pictures_go_into_pictures(project: Project, checkpoint: str, mark: str) -> None:
    put(project, referring(2, ckpt_name=checkpoint))
    handiwork.draw(project.root / "art/kin.png")
    own: dict[str, Any] = {"checkpoint": checkpoint.replace("\\", "/"), "size": "64x64", "steps": 2}
    items: list[Any] = [
        {"name": "Poster", "workflow": PLAIN, "references": ["art/kin.png", {"item": "scene"}]},
        {"name": "Scene", "image": {"item": "kin"}, **own},
        {"name": "Kin", **own},
        {"name": "Lonely", "workflow": PLAIN},
    ]
    of(project, *items, prompt=f"a ferry, {mark}")
    project.run("run", timeout=300).exits(0).says("4 made")
    project.run("status", "--check", "--verify").exits(0).says("4 fresh")
    for name in ("Poster", "Scene", "Lonely"):
        assert "example.png" not in texts(project.png(target(name)))["prompt"]
    project.run("run", "-a", timeout=300).exits(0).says("4 made")
    project.run("status", "--check").exits(0)


@pytest.mark.parametrize("ending", ["png", "webp", "jpg"])
def test_a_picture_is_turned_as_its_camera_says(project: Project, checkpoint: str, mark: str, ending: str) -> None:
    """The server's LoadImage does so, and therefore our digest does."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 128), "teal").save(project.root / f"photo.{ending}", exif=exif)
    own: dict[str, Any] = {"checkpoint": checkpoint.replace("\\", "/"), "steps": 1}
    of(project, "Scene", image=f"photo.{ending}", prompt=f"a ferry, {mark}", **own)
    project.run("run", timeout=300).exits(0).says("1 made")
    assert png.size_of(next(png.chunks(project.png(target("Scene"))))) == (128, 64)


def test_image_to_image_scales_to_a_size_first(project: Project, checkpoint: str, mark: str) -> None:
    handiwork.draw(project.root / "sketch.png", "teal", (80, 40))
    own: dict[str, Any] = {
        "checkpoint": checkpoint.replace("\\", "/"),
        "steps": 1,
        "image": "sketch.png",
        "prompt": f"a ferry, {mark}",
    }
    items: list[Any] = [{"name": "Both", "size": "64x96"}, {"name": "Width", "width": 64}, "Neither"]
    of(project, *items, **own)
    project.run("run", timeout=300).exits(0).says("3 made")
    sizes = {name: png.size_of(next(png.chunks(project.png(target(name))))) for name in ("Both", "Width", "Neither")}
    assert sizes == {"Both": (64, 96), "Width": (64, 32), "Neither": (80, 40)}


def test_an_unknown_lora_is_refused_before_anything_is_queued(project: Project, checkpoint: str, mark: str) -> None:
    put(project, plain(ckpt_name=checkpoint))
    of(project, {"name": "Mallsing", "loras": ["no-such.safetensors"]}, workflow=PLAIN, prompt=f"a ferry, {mark}")
    project.run("run").exits(3).says("no-such.safetensors", "images:mallsing")
    assert of_ours(mark) == ([], [])
    assert in_history(mark) == []


def test_a_node_class_that_it_lacks_is_named(project: Project, checkpoint: str, mark: str) -> None:
    graph = plain(ckpt_name=checkpoint)
    graph["6"]["class_type"] = "VAEDecodeOfTomorrow"
    put(project, graph)
    of(project, "Mallsing", workflow=PLAIN, prompt=f"a ferry, {mark}")
    project.run("run").exits(3).says("VAEDecodeOfTomorrow")
    assert in_history(mark) == []
