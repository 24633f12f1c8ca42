"""Pictures that go into others: each is uploaded once in a run to each server that needs it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.comfyui_stories import changes, ended, held_after, made, not_made, started, tidy, wants
from tests.conftest import Project
from tests.pictures import png_of
from tests.servers.comfyui import ComfyServer

NAMES = ("Mallsing", "Brannick", "Oswin", "Thora")
START = "art/start.png"


@pytest.fixture
def started_from(project: Project) -> str:
    """A picture of the user's own; what it is called on a server."""
    path = project.root / START
    path.parent.mkdir()
    path.write_bytes(png_of((64, 64)))
    return f"imagegen/{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}.png"


def loaded(graph: dict[str, Any]) -> str:
    (name,) = (node["inputs"]["image"] for node in graph.values() if node["class_type"] == "LoadImage")
    return str(name)


def wants_from(project: Project, server: ComfyServer, *names: str, **block: Any) -> None:
    """Images that begin with the user's picture, which gives them their size."""
    wants(project, server, *names, block=block, image=START, denoise=0.5)
    manifest = json.loads((project.root / "assets.yaml").read_text("utf-8"))
    del manifest["defaults"]["size"]
    project.manifest(json.dumps(manifest))


def test_it_is_uploaded_once(project: Project, server: ComfyServer, started_from: str) -> None:
    wants_from(project, server, *NAMES)
    project.run("run").exits(0).says("4 made")
    assert server.uploads == [started_from]
    assert {loaded(graph) for graph in server.submitted} == {started_from}
    made(project, server, *NAMES)
    tidy(project, server)


def test_the_next_run_uploads_it_again(project: Project, server: ComfyServer, started_from: str) -> None:
    """What a server has of earlier days can't be asked, and may be gone."""
    wants_from(project, server, "Mallsing")
    project.run("run").exits(0)
    project.run("run", "-a").exits(0)
    assert server.uploads == [started_from] * 2


def test_another_picture_of_that_name_is_another(project: Project, server: ComfyServer, started_from: str) -> None:
    wants_from(project, server, *NAMES[:2])
    (project.root / "art/other.png").write_bytes(png_of((64, 64), (9, 9, 9)))
    changes(project, "Brannick", image="art/other.png")
    project.run("run").exits(0)
    assert len({*server.uploads}) == len(server.uploads) == 2
    assert started_from in server.uploads


def test_each_server_gets_it(project: Project, server: ComfyServer, started_from: str) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"]) as other:
        wants_from(project, server, *NAMES)
        for one in (server, other):
            one.hold()
        with started(project, "run", COMFYUI_URLS=f"{server.url},{other.url}") as process:
            for one in (server, other):
                one.wait_until(lambda one=one: one.held)
                one.release()
            ended(process).exits(0)
        assert server.uploads == other.uploads == [started_from]


def test_a_server_that_lost_it_gets_it_again(project: Project, server: ComfyServer, started_from: str) -> None:
    wants_from(project, server, *NAMES[:3])
    server.hold()
    with started(project, "run", "-n", "1") as process:
        server.wait_until(lambda: server.held)
        before = server.held
        assert server.files.delete(folder="input", filename=started_from.rpartition("/")[2])
        server.release(1)
        held_after(server, before)
        assert server.uploads == [started_from] * 2
        server.release()
        ended(process).exits(0).says("3 made")
    tidy(project, server)


@pytest.mark.parametrize("fault", ["502", "dropped", "hanging"])
def test_an_upload_that_fails_is_tried_again(
    fault: str, project: Project, server: ComfyServer, started_from: str
) -> None:
    wants_from(project, server, "Mallsing", request_timeout=0.5)
    {
        "502": lambda: server.faults.answer("/upload", 502, times=2),
        "dropped": lambda: server.faults.drop("/upload", times=2),
        "hanging": lambda: server.faults.hang("/upload"),
    }[fault]()
    project.run("run").exits(0).says("1 made")
    assert server.uploads == [started_from]


def test_an_upload_that_never_works(project: Project, server: ComfyServer, started_from: str) -> None:
    wants_from(project, server, "Mallsing")
    server.faults.answer("/upload", 502, times=None)
    project.run("run").exits(1).says("images:mallsing", "502", "3 attempts")
    assert server.submitted == []
    not_made(project, "Mallsing")


def test_a_picture_that_is_too_big_for_the_server(project: Project, started_from: str) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"], max_upload_size=20) as server:
        wants_from(project, server, "Mallsing")
        project.run("run").exits(1).says("images:mallsing", "start.png has", "uploads up to 20")
        assert server.uploads == []


def test_an_older_server_that_tells_no_limit(project: Project, server: ComfyServer, started_from: str) -> None:
    server.faults.answer("/features", 404, times=None)
    wants_from(project, server, "Mallsing")
    project.run("run").exits(0)
    assert server.uploads == [started_from]
