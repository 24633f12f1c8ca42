"""`imagegen workflow`: what a file is and what would be bound, its API form, and the server's node classes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests import handiwork
from tests.conftest import Project
from tests.servers.comfyui import ComfyServer
from tests.servers.comfyui_types import every_class
from tests.workflow_stories import NOBODY, PLAIN, comfy, drawn, plain, put, referring, wants

NO_SERVER: dict[str, Any] = {"COMFYUI_URL": NOBODY}
SNAPSHOT = "workflows/object_info.json"


@pytest.fixture
def server() -> Iterator[ComfyServer]:
    with comfy() as running:
        yield running


def snapshot(project: Project, *left_out: str, name: str = "nodes.json") -> None:
    """A file of all node classes of a 0.3.64 but some."""
    known = {kind: info for kind, info in every_class().items() if kind not in left_out}
    project.write(name, json.dumps(known))


# check


def test_check_tells_what_would_be_bound_and_needs_no_project(project: Project) -> None:
    put(project, referring(2), "flow.json")
    told = project.run("workflow", "check", "flow.json", **NO_SERVER).exits(0)
    told.says("flow.json: API format, 13 nodes, saved by 7 in SaveImage (node 7)")
    told.says("prompt", "2.text in CLIPTextEncode (node 2)", "5.seed in KSampler (node 5)")
    told.says('11.image in LoadImage (node 11, "Reference 1")', '21.image in LoadImage (node 21, "Reference 2")')
    assert not (project.root / ".imagegen").exists()


def test_check_as_json_tells_what_is_not_bound_and_why(project: Project) -> None:
    graph = plain()
    graph["3"] = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["2", 0]}}
    put(project, graph, "flow.json")
    (found,) = project.run("workflow", "check", "--json", "flow.json", **NO_SERVER).exits(0).json
    assert found["format"] == "api"
    assert found["places"]["prompt"] == ["2.text in CLIPTextEncode (node 2)"]
    assert set(found["unbound"]) == {"negative_prompt", "image"}
    assert all(why["why"] for why in found["unbound"].values())


def test_several_files_are_each_told_and_one_that_is_broken_decides_the_status(
    project: Project, server: ComfyServer
) -> None:
    put(project, plain(), "api.json")
    put(project, drawn(), "page.json")
    project.write("broken.json", "{")
    handiwork.draw(project.root / "picture.png")
    names = ["api.json", "page.json", "broken.json", "picture.png", "none.json"]
    told = project.run("workflow", "check", *names, COMFYUI_URL=server.url).exits(3)
    told.says("api.json: API format", "page.json: the format of ComfyUI's Save")
    told.says("broken.json", "not JSON", "a PNG", "none.json is not there")
    found = project.run("workflow", "check", "--json", *names, COMFYUI_URL=server.url).exits(3).json
    assert [("problem" in one, one["file"].rpartition("/")[2]) for one in found] == [
        (False, "api.json"),
        (False, "page.json"),
        (True, "broken.json"),
        (True, "picture.png"),
        (True, "none.json"),
    ]
    project.run("workflow", "check", "api.json", "page.json", COMFYUI_URL=server.url).exits(0)


def test_the_same_is_bound_in_both_formats(project: Project) -> None:
    snapshot(project)
    put(project, plain(), "api.json")
    put(project, drawn(), "page.json")
    api, page = project.run("workflow", "check", "--json", "--object-info", "nodes.json", "api.json", "page.json").json
    assert spots(api) == spots(page)


def spots(found: dict[str, Any]) -> dict[str, list[str]]:
    """Setting → places, without what the nodes are called."""
    return {setting: [spot.partition(" in ")[0] for spot in own] for setting, own in found["places"].items()}


def test_a_page_that_nobody_can_explain_is_a_problem_and_no_crash(project: Project) -> None:
    put(project, drawn(), "page.json")
    put(project, plain(), "api.json")
    told = project.run("workflow", "check", "page.json", "api.json", **NO_SERVER).exits(3)
    told.says("page.json: the format of ComfyUI's Save", "can't be used", NOBODY, "api.json: API format")


def test_unknown_classes_are_named(project: Project) -> None:
    put(project, drawn(), "page.json")
    snapshot(project, "KSampler", "VAEDecode")
    told = project.run("workflow", "check", "--object-info", "nodes.json", "page.json", **NO_SERVER).exits(3)
    told.says("KSampler", "VAEDecode")


def test_two_samplers_side_by_side_list_both_candidates(project: Project) -> None:
    graph = plain()
    graph["8"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "in ink", "clip": ["1", 1]}}
    graph["9"] = {
        "class_type": "ConditioningCombine",
        "inputs": {"conditioning_1": ["2", 0], "conditioning_2": ["8", 0]},
    }
    graph["5"]["inputs"]["positive"] = ["9", 0]
    put(project, graph, "flow.json")
    told = project.run("workflow", "check", "flow.json").exits(0)
    told.says("perhaps 2.text in CLIPTextEncode (node 2)", "perhaps 8.text in CLIPTextEncode (node 8)")


# convert


def test_convert_prints_the_api_form_and_nothing_else(project: Project, server: ComfyServer) -> None:
    put(project, drawn(), "page.json")
    graph = project.run("workflow", "convert", "page.json", COMFYUI_URL=server.url).exits(0).json
    assert {name: (one["class_type"], one["inputs"]) for name, one in graph.items()} == {
        name: (one["class_type"], one["inputs"]) for name, one in plain().items()
    }


def test_convert_by_a_snapshot_asks_nobody(project: Project, server: ComfyServer) -> None:
    put(project, drawn(), "page.json")
    snapshot(project)
    project.run("workflow", "convert", "page.json", "--object-info", "nodes.json", COMFYUI_URL=server.url).exits(0)
    assert server.requests == []


def test_a_snapshot_named_on_the_command_line_may_lie_anywhere(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "nodes.json").write_text(json.dumps(every_class()))
    put(project, drawn(), "page.json")
    words = ["--object-info", str(elsewhere / "nodes.json")]
    project.run("workflow", "convert", "page.json", *words, **NO_SERVER).exits(0)
    project.run("workflow", "convert", "page.json", "--object-info", "none.json", **NO_SERVER).exits(3).says(
        "none.json"
    )


def test_what_is_api_format_already_is_printed_as_it_is(project: Project) -> None:
    put(project, plain(), "flow.json")
    assert project.run("workflow", "convert", "flow.json", **NO_SERVER).exits(0).json == plain()


def test_what_was_converted_means_the_same(project: Project, server: ComfyServer) -> None:
    """A person may keep the API form instead."""
    put(project, drawn(), "page.json")
    text = project.run("workflow", "convert", "page.json", COMFYUI_URL=server.url).exits(0).out
    project.write("flow.json", text)
    graphs = []
    for name in ("page.json", "flow.json"):
        wants(project, server, {"name": "Mallsing", "prompt": "a ferry", "workflow": name})
        project.run("run", "-a").exits(0).says("1 made")
        graphs.append(project.run("explain", "images:mallsing", "--graph").exits(0).json)
    assert graphs[0] == graphs[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "check, convert or snapshot"),
        (["chekc", "a.json"], 'did you mean "check"?'),
        (["check"], "wants a file"),
        (["convert"], "wants one file"),
        (["convert", "a.json", "b.json"], "wants one file"),
        (["convert", "none.json"], "is not there"),
    ],
)
def test_wrong_words_are_told(project: Project, words: list[str], told: str) -> None:
    project.run("workflow", *words, **NO_SERVER).exits(3).says(told)


def test_no_server_is_told_as_such(project: Project) -> None:
    put(project, drawn(), "page.json")
    project.run("workflow", "convert", "page.json", **NO_SERVER).exits(1).says(NOBODY)
    project.run("workflow", "snapshot", **NO_SERVER).exits(1).says(NOBODY)
    assert not (project.root / SNAPSHOT).exists()


# snapshot


def test_a_snapshot_holds_the_classes_of_the_projects_workflows(project: Project, server: ComfyServer) -> None:
    put(project, drawn())
    put(project, referring(1), "workflows/other.json")
    items: list[Any] = [{"name": "A", "workflow": PLAIN}, {"name": "B", "workflow": "workflows/other.json"}]
    wants(project, server, *items, prompt="a ferry")
    handiwork.draw(project.root / "a.png")
    told = project.run("workflow", "snapshot").exits(0)
    told.says(f"{SNAPSHOT}: the node classes of 2 workflows")
    known = json.loads((project.root / SNAPSHOT).read_text("utf-8"))
    assert set(known) == {one["class_type"] for one in referring(1).values()}
    assert known["KSampler"] == every_class()["KSampler"]


def test_the_same_server_gives_the_same_bytes(project: Project, server: ComfyServer) -> None:
    put(project, drawn())
    wants(project, server, {"name": "A", "workflow": PLAIN}, prompt="a ferry")
    project.run("workflow", "snapshot").exits(0)
    first = project.png(SNAPSHOT)
    project.run("workflow", "snapshot").exits(0)
    assert project.png(SNAPSHOT) == first


def test_a_snapshot_of_named_files_or_of_everything_goes_where_it_is_told(
    project: Project, server: ComfyServer
) -> None:
    put(project, drawn(), "page.json")
    project.run("workflow", "snapshot", "page.json", "-o", "some.json", COMFYUI_URL=server.url).exits(0)
    assert len(json.loads((project.root / "some.json").read_text("utf-8"))) == 6
    project.run("workflow", "snapshot", "--all", "--output", "all.json", COMFYUI_URL=server.url).exits(0)
    assert len(json.loads((project.root / "all.json").read_text("utf-8"))) == len(every_class())


def test_a_snapshot_that_lacks_a_class_is_mended_by_a_new_one(project: Project, server: ComfyServer) -> None:
    """The hint that validate gives works."""
    put(project, drawn())
    wants(project, server, {"name": "A", "workflow": PLAIN}, prompt="a ferry")
    snapshot(project, "KSampler", name=SNAPSHOT)
    project.run("validate").exits(3).says("KSampler", "imagegen workflow snapshot")
    project.run("workflow", "snapshot").exits(0)
    project.run("validate").exits(0)
    (project.root / SNAPSHOT).write_text("garbage")
    project.run("validate").exits(3).says("imagegen workflow snapshot")
    project.run("workflow", "snapshot").exits(0)
    project.run("validate").exits(0)


def test_classes_of_subgraphs_are_in_it_too(project: Project, server: ComfyServer) -> None:
    page: dict[str, Any] = drawn()
    page["definitions"] = {"subgraphs": [{"id": "x", "nodes": [{"id": 1, "type": "LoraLoader"}], "links": []}]}
    put(project, page, "page.json")
    project.run("workflow", "snapshot", "page.json", "-o", "some.json", COMFYUI_URL=server.url).exits(0)
    assert "LoraLoader" in json.loads((project.root / "some.json").read_text("utf-8"))
