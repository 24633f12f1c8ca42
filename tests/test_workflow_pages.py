"""Workflows as ComfyUI's plain Save writes them, which need the server's node classes to be understood."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Project
from tests.servers.comfyui import ComfyServer
from tests.workflow_stories import (
    NOBODY,
    PLAIN,
    comfy,
    drawn,
    plain,
    put,
    sent,
    unsigned,
    wants,
)

LEARNED = ".imagegen/object_info.json"
SNAPSHOT = "workflows/object_info.json"


@pytest.fixture
def server() -> Iterator[ComfyServer]:
    with comfy() as running:
        yield running


def test_without_server_and_snapshot_the_way_to_one_is_told(project: Project) -> None:
    put(project, drawn())
    wants(project, NOBODY, {"name": "Mallsing", "prompt": "a ferry", "workflow": PLAIN})
    for verb in ("validate", "status", "list"):
        told = project.run(verb).exits(3)
        told.says(PLAIN, "plain Save", "imagegen workflow snapshot", "Export (API)")
    project.run("run").exits(3).says("imagegen workflow snapshot", NOBODY)
    project.run("plan").exits(3).says("imagegen workflow snapshot", NOBODY)


def test_a_run_asks_the_server_once_and_keeps_what_it_said(project: Project, server: ComfyServer) -> None:
    put(project, drawn())
    wants(project, server, {"name": "Mallsing", "prompt": "a ferry", "workflow": PLAIN})
    project.run("validate").exits(3)
    project.run("run").exits(0).says("1 made")
    assert (project.root / LEARNED).exists()
    assert sent(server)["2"]["inputs"]["text"] == "a ferry"
    assert len(whole_object_infos(server)) == 1
    server.close()
    project.run("validate").exits(0)
    project.run("status", "--check").exits(0)
    project.run("run").exits(0).says("Nothing to do")
    assert len(whole_object_infos(server)) == 1


def whole_object_infos(server: ComfyServer) -> list[Any]:
    return [one for one in server.asked("GET", "/object_info") if one.path == "/object_info"]


def test_with_a_snapshot_nothing_needs_a_server(project: Project, server: ComfyServer) -> None:
    put(project, drawn())
    wants(project, server, {"name": "Mallsing", "prompt": "a ferry", "workflow": PLAIN})
    project.run("workflow", "snapshot").exits(0).says(SNAPSHOT)
    project.run("run").exits(0)
    submitted = sent(server)
    server.close()
    project.run("validate").exits(0)
    project.run("status", "--check").exits(0)
    graph = project.run("explain", "images:mallsing", "--graph").exits(0).json
    assert unsigned(graph) == unsigned(submitted)
    assert not (project.root / LEARNED).exists()


def test_a_snapshot_may_lie_elsewhere_in_the_project_only(project: Project, server: ComfyServer) -> None:
    put(project, drawn())
    item: dict[str, Any] = {"name": "Mallsing", "prompt": "a ferry", "workflow": PLAIN}
    wants(project, server, item, block={"object_info": "tools/nodes.json"})
    project.run("validate").exits(3).says("tools/nodes.json is not there", "imagegen workflow snapshot")
    project.run("workflow", "snapshot").exits(0).says("tools/nodes.json")
    project.run("validate").exits(0)
    wants(project, server, item, block={"object_info": "../nodes.json"})
    project.run("validate").exits(3).says("nodes.json lies outside the project")
    project.run("workflow", "snapshot").exits(3).says("lies outside the project")
    assert not (project.root.parent / "nodes.json").exists()


@pytest.mark.parametrize("text", ["not JSON", "[1]", '{"KSampler": 5}', ""])
def test_what_is_no_snapshot_is_told(project: Project, text: str) -> None:
    put(project, drawn())
    project.write(SNAPSHOT, text)
    wants(project, NOBODY, {"name": "Mallsing", "prompt": "a ferry", "workflow": PLAIN})
    project.run("validate").exits(3).says(SNAPSHOT, "no snapshot", "imagegen workflow snapshot")


def test_another_snapshot_may_mean_another_graph(project: Project, server: ComfyServer) -> None:
    """The stored manifest is looked at anew when the snapshot has changed."""
    put(project, drawn())
    wants(project, server, {"name": "Mallsing", "prompt": "a ferry", "workflow": PLAIN})
    project.run("workflow", "snapshot").exits(0)
    project.run("validate").exits(0)
    known = json.loads((project.root / SNAPSHOT).read_text("utf-8"))
    del known["KSampler"]
    (project.root / SNAPSHOT).write_text(json.dumps(known))
    project.run("validate").exits(3).says("KSampler")


def test_node_classes_that_nobody_knows_are_named(project: Project, server: ComfyServer) -> None:
    page = drawn()
    page["nodes"][4]["type"] = "KSamplerOfTomorrow"
    put(project, page)
    wants(project, server, {"name": "Mallsing", "prompt": "a ferry", "workflow": PLAIN})
    project.run("run").exits(3).says(PLAIN, "KSamplerOfTomorrow")
    project.run("workflow", "snapshot").exits(0)
    project.run("validate").exits(3).says("KSamplerOfTomorrow")
    assert server.submitted == []


def test_a_class_that_the_server_lacks_is_named_before_anything_is_queued(
    project: Project, server: ComfyServer
) -> None:
    graph = plain()
    graph["6"]["class_type"] = "VAEDecodeOfTomorrow"
    put(project, graph)
    wants(project, server, "Mallsing", "Oswin", workflow=PLAIN, prompt="a ferry")
    project.run("run").exits(3).says("VAEDecodeOfTomorrow", "images:mallsing")
    assert server.submitted == []
