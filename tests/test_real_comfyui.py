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

from imagegen import png
from tests.comfyui_stories import ended, eventually, not_made, started, target, texts, there, whole
from tests.conftest import Project

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
