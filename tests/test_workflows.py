"""A project whose images are made by workflows of its own: what of them decides the pixels, where settings go,
and what is said of those that can't be used."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import handiwork
from tests.comfyui_stories import ended, started, target
from tests.conftest import Project
from tests.pictures import png_of
from tests.servers.comfyui import ComfyServer
from tests.workflow_graphs import node
from tests.workflow_stories import NOBODY, PLAIN, comfy, drawn, of_class, plain, put, sent, unsigned, wants

LEARNED = ".imagegen/object_info.json"
SNAPSHOT = "workflows/object_info.json"


@pytest.fixture
def server() -> Iterator[ComfyServer]:
    with comfy() as running:
        yield running


@pytest.fixture
def made(project: Project, server: ComfyServer) -> Project:
    """A project with one image that a workflow made."""
    put(project, plain())
    wants(project, server, {"name": "Mallsing", "prompt": "a ferry", "workflow": PLAIN})
    project.run("run").exits(0).says("1 made")
    return project


# What of a workflow is in the recipe


def test_what_the_manifest_gives_goes_in_and_the_rest_stays(made: Project, server: ComfyServer) -> None:
    graph, wanted = sent(server), plain(text="a ferry")
    seed = handiwork.seed(made.root / target("Mallsing"))
    assert graph["2"]["inputs"]["text"] == "a ferry"
    assert graph["3"]["inputs"]["text"] == "text"  # the workflow's own negative
    assert graph["5"]["inputs"] == {**wanted["5"]["inputs"], "seed": seed}
    assert graph["4"] == wanted["4"]
    recipe = handiwork.record(made.root / target("Mallsing"))["recipe"]
    assert sorted(recipe) == ["backend", "prompt", "seed", "workflow"]
    assert recipe["workflow"].startswith("sha256:")


def test_another_content_makes_its_images_stale(made: Project, server: ComfyServer) -> None:
    put(made, plain(steps=3))
    made.run("status", "--check").exits(1).says("stale", "images:mallsing", 'workflow: "sha256:')
    made.run("run").exits(0).says("1 made")
    assert sent(server)["5"]["inputs"]["steps"] == 3
    made.run("status", "--check").exits(0)


def retitled(graph: dict[str, Any]) -> None:
    graph["2"]["_meta"] = {"title": "Positive Prompt"}


def test_a_title_is_content_because_it_may_decide_where_the_prompt_goes(made: Project) -> None:
    graph = plain()
    retitled(graph)
    put(made, graph)
    made.run("status").says("stale")


def test_where_the_file_lies_and_how_it_is_laid_out_is_not(made: Project) -> None:
    reversed_keys = {key: plain()[key] for key in reversed(plain())}
    put(made, reversed_keys, "deeper/renamed.json", indent=7)
    made.edit(PLAIN, "deeper/renamed.json")
    (made.root / PLAIN).unlink()
    made.run("status", "--check").exits(0).says("1 fresh")
    made.run("run").exits(0).says("Nothing to do")


def test_moving_a_node_on_the_page_changes_nothing(project: Project, server: ComfyServer) -> None:
    put(project, drawn())
    wants(project, server, {"name": "Mallsing", "prompt": "a ferry", "workflow": PLAIN})
    project.run("run").exits(0)
    page = drawn()
    for number, one in enumerate(page["nodes"]):
        one |= {"pos": [number * 100, 40], "size": [315, 98], "order": number, "flags": {"collapsed": True}}
    page |= {"groups": [{"title": "Sampling"}], "extra": {"ds": {"scale": 0.8}}, "last_node_id": 40, "revision": 3}
    put(project, page, indent=2)
    project.run("status", "--check").exits(0).says("1 fresh")
    page["nodes"][1]["widgets_values"] = ["another text"]
    put(project, page)
    project.run("status", "--check").exits(1).says('workflow: "sha256:')


def test_a_workflow_with_its_own_texts_needs_no_prompt(project: Project, server: ComfyServer) -> None:
    put(project, plain(text="a mouse"))
    wants(project, server, "Mallsing", workflow=PLAIN)
    project.run("run").exits(0).says("1 made")
    assert sent(server)["2"]["inputs"]["text"] == "a mouse"


def test_an_empty_prompt_is_still_an_error(project: Project) -> None:
    put(project, plain())
    wants(project, NOBODY, {"name": "Mallsing", "prompt": " "}, workflow=PLAIN)
    project.run("validate").exits(3).says("its prompt is empty")


def test_a_slug_in_the_path_gives_each_item_its_own(project: Project, server: ComfyServer) -> None:
    put(project, plain(steps=3), "workflows/mallsing.json")
    put(project, plain(steps=4), "workflows/oswin.json")
    wants(project, server, "Mallsing", "Oswin", workflow="workflows/${slug}.json", prompt="a ferry")
    project.run("run").exits(0).says("2 made")
    assert sorted(graph["5"]["inputs"]["steps"] for graph in server.submitted) == [3, 4]
    wants(project, server, "Mallsing", "Brannick", workflow="workflows/${slug}.json", prompt="a ferry")
    project.run("validate").exits(3).says("workflows/brannick.json is not there", "assets.yaml:")


def test_a_file_edited_during_a_run_is_never_mixed_in(project: Project, server: ComfyServer) -> None:
    """The picture shows what its record says: the workflow as it was when the run began."""
    put(project, plain())
    wants(project, server, *(f"Kin {number}" for number in range(6)), workflow=PLAIN, prompt="a ferry")
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held)
        put(project, plain(steps=9))
        server.release()
        ended(process)
    assert {graph["5"]["inputs"]["steps"] for graph in server.submitted} == {2}
    project.run("status", "--check").exits(1).says('workflow: "sha256:')


def test_placeholders_in_its_texts_are_replaced(project: Project, server: ComfyServer) -> None:
    graph = plain()
    graph["2"]["inputs"]["text"] = "ink drawing of {{PROMPT}}, old paper"
    graph["3"]["inputs"]["text"] = "{{NEGATIVE}}"
    put(project, graph)
    wants(project, server, {"name": "Mallsing", "prompt": "a ferry"}, workflow=PLAIN)
    project.run("run").exits(0)
    assert sent(server)["2"]["inputs"]["text"] == "ink drawing of a ferry, old paper"
    assert sent(server)["3"]["inputs"]["text"] == ""


def test_a_placeholder_without_a_value_is_an_error(project: Project) -> None:
    put(project, plain() | {"2": node("CLIPTextEncode", text="{{PROMPT}}", clip=["1", 1])})
    wants(project, NOBODY, "Mallsing", workflow=PLAIN)
    project.run("validate").exits(3).says("assets.yaml:", "{{PROMPT}}")


# Files that are no workflows


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda path: None, "is not there"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(png_of()), "a PNG"),
        (lambda path: path.write_text("{'nodes': 1}"), "not JSON"),
        (lambda path: path.write_text("[" * 100_000), "not JSON"),
        (lambda path: path.write_text("[1, 2]"), "no workflow"),
        (lambda path: path.write_text('{"1": 5}'), "no workflow"),
        (lambda path: path.write_text("{}"), "no workflow"),
        (lambda path: path.write_text(json.dumps(plain(cfg=math.nan))), "it holds NaN"),
        (lambda path: path.write_text('{"text": "' + "a" * 33_600_000 + '"}'), "larger than 32 MB"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "not JSON"),
    ],
    ids=["missing", "folder", "png", "no-json", "deep", "list", "numbers", "empty", "nan", "large", "bytes"],
)
def test_what_is_no_workflow_is_told_where_it_is_named(
    project: Project, write: Callable[[Path], object], told: str
) -> None:
    (project.root / "workflows").mkdir()
    write(project.root / PLAIN)
    wants(project, NOBODY, {"name": "Mallsing", "prompt": "a ferry", "workflow": PLAIN})
    project.run("validate").exits(3).says("assets.yaml:", "items[0].workflow", PLAIN, told)
    project.run("status").exits(3).says(told)


def test_a_graph_that_saves_nothing_is_no_way_to_an_image(project: Project) -> None:
    graph = plain()
    del graph["7"]
    put(project, graph)
    wants(project, NOBODY, {"name": "Mallsing", "prompt": "a ferry"}, workflow=PLAIN)
    project.run("validate").exits(3).says(PLAIN, "save")


@pytest.mark.parametrize("way", ["plain path", "dots", "a link"])
def test_a_workflow_outside_the_project_has_to_be_allowed(project: Project, tmp_path_factory: Any, way: str) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "flow.json").write_text(json.dumps(plain()))
    named = str(elsewhere / "flow.json")
    if way == "dots":
        named = f"../{elsewhere.name}/flow.json"
        (project.root.parent / elsewhere.name).mkdir(exist_ok=True)
        (project.root.parent / elsewhere.name / "flow.json").write_text(json.dumps(plain()))
        elsewhere = project.root.parent / elsewhere.name
    if way == "a link":
        (project.root / "flow.json").symlink_to(named)
        named = "flow.json"
    wants(project, NOBODY, {"name": "Mallsing", "prompt": "a ferry", "workflow": named})
    project.run("validate").exits(3).says("lies outside the project", f"--allow-path {elsewhere}")
    project.run("validate", "--allow-path", str(elsewhere)).exits(0)


# Settings without a place, and with two


def two_prompts() -> dict[str, Any]:
    """Two encoders go into one conditioning, and nothing tells which of them takes the prompt."""
    graph = plain()
    graph["8"] = node("CLIPTextEncode", text="in ink", clip=["1", 1])
    graph["9"] = node("ConditioningCombine", conditioning_1=["2", 0], conditioning_2=["8", 0])
    graph["5"]["inputs"]["positive"] = ["9", 0]
    return graph


def without_negative() -> dict[str, Any]:
    graph = plain()
    graph["3"] = node("ConditioningZeroOut", conditioning=["2", 0])
    return graph


def test_a_setting_without_a_place_is_an_error_at_the_item(project: Project) -> None:
    put(project, without_negative())
    items: list[Any] = [{"name": "Mallsing", "negative_prompt": "text"}, {"name": "Oswin"}]
    wants(project, NOBODY, *items, workflow=PLAIN, prompt="a ferry")
    project.run("validate").exits(3).says("items[0].negative_prompt", "plain.json", "remove it").says_not("items[1]")


def test_from_defaults_it_is_a_warning_and_not_in_the_recipe(project: Project, server: ComfyServer) -> None:
    put(project, without_negative())
    wants(project, server, "Mallsing", workflow=PLAIN, prompt="a ferry", negative_prompt="text")
    project.run("validate").exits(0).says("warning: assets.yaml", "negative_prompt")
    project.run("run").exits(0).says("1 made")
    assert "negative_prompt" not in handiwork.record(project.root / target("Mallsing"))["recipe"]
    wants(project, server, "Mallsing", workflow=PLAIN, prompt="a ferry", negative_prompt="something else")
    project.run("status", "--check").exits(0)


def test_a_workflow_without_a_sampler_needs_no_seed(project: Project, server: ComfyServer) -> None:
    """The seed is a documented default: nobody asked for it."""
    graph = {
        "1": node("EmptyImage", width=64, height=64, batch_size=1, color=255),
        "2": node("SaveImage", images=["1", 0], filename_prefix="a"),
    }
    put(project, graph)
    wants(project, server, "Mallsing", workflow=PLAIN)
    project.run("run").exits(0).says("1 made")
    assert "seed" not in handiwork.record(project.root / target("Mallsing"))["recipe"]
    project.run("status", "--check").exits(0)
    wants(project, server, {"name": "Mallsing", "seed": 7}, workflow=PLAIN)
    project.run("validate").exits(3).says("items[0].seed", "remove it")


def test_of_two_candidates_the_user_chooses(project: Project, server: ComfyServer) -> None:
    put(project, two_prompts())
    wants(project, server, {"name": "Mallsing", "prompt": "a ferry"}, workflow=PLAIN)
    project.run("validate").exits(3).says("items[0].prompt", "2.text", "8.text", "bindings")
    project.run("run").exits(3)
    assert server.submitted == []
    wants(project, server, {"name": "Mallsing", "prompt": "a ferry"}, workflow=PLAIN, bindings={"prompt": "8.text"})
    project.run("run").exits(0).says("1 made")
    assert sent(server)["2"]["inputs"]["text"] == "a mouse"
    assert sent(server)["8"]["inputs"]["text"] == "a ferry"


def test_two_candidates_are_an_error_even_from_defaults(project: Project) -> None:
    """To leave the prompt out quietly would make the wrong picture."""
    put(project, two_prompts())
    wants(project, NOBODY, "Mallsing", workflow=PLAIN, prompt="a ferry")
    project.run("validate").exits(3).says("2.text", "8.text")


def test_bindings_may_name_several_inputs_and_are_in_the_recipe(project: Project, server: ComfyServer) -> None:
    put(project, two_prompts())
    bindings: dict[str, Any] = {"prompt": ["2.text", "8.text"], "seed": ["5.seed"]}
    wants(project, server, "Mallsing", workflow=PLAIN, prompt="a ferry", bindings=bindings)
    project.run("run").exits(0)
    assert [one["inputs"]["text"] for one in of_class(sent(server), "CLIPTextEncode")] == ["a ferry", "text", "a ferry"]
    wants(project, server, "Mallsing", workflow=PLAIN, prompt="a ferry", bindings={**bindings, "seed": "5.seed"})
    project.run("status", "--check").exits(0)  # one place, with or without its list
    wants(project, server, "Mallsing", workflow=PLAIN, prompt="a ferry", bindings={"prompt": "2.text"})
    project.run("status", "--check").exits(1).says("bindings:")


@pytest.mark.parametrize(
    ("bindings", "told"),
    [
        ({"prompt": "99.text"}, "no node 99"),
        ({"prompt": "2.txet"}, "no input txet"),
        ({"prompt": "2"}, "2.text"),
        ({"prompt": "2.clip"}, "is linked to CheckpointLoaderSimple (node 1)"),
        ({"promt": "2.text"}, 'did you mean "prompt"?'),
        ({"save": "99"}, 'no node "99"'),
        ({"save": ["7", "6"]}, "several nodes"),
        ({"references": "99.image"}, 'no node "99.image"'),
    ],
)
def test_wrong_bindings_say_what_there_is(project: Project, bindings: dict[str, Any], told: str) -> None:
    put(project, plain())
    wants(project, NOBODY, {"name": "Mallsing", "bindings": bindings}, workflow=PLAIN, prompt="a ferry")
    project.run("validate").exits(3).says("items[0].bindings", told)


def test_nothing_in_a_file_writes_to_the_terminal(project: Project) -> None:
    """A workflow comes from anywhere, and an escape sequence in a title could hide what is said."""
    graph = plain()
    graph["2"]["_meta"] = {"title": "\x1b[2J\nall is well \ud800"}
    put(project, graph)
    wants(project, NOBODY, {"name": "Mallsing", "bindings": {"prompt": "2.nope"}}, workflow=PLAIN, prompt="a ferry")
    outcome = project.run("validate").exits(3).says("all is well", "no input nope")
    outcome.says_not("\x1b", "\nall")
    project.run("workflow", "check", PLAIN).exits(0).says_not("\x1b", "\nall")


def test_bindings_are_of_no_use_without_a_workflow(project: Project) -> None:
    item: dict[str, Any] = {"name": "Mallsing", "bindings": {"prompt": "2.text"}}
    wants(project, NOBODY, item, prompt="a ferry", checkpoint="dream.safetensors")
    project.run("validate").exits(3).says("items[0].bindings", "there is none")


def test_everything_wrong_is_told_at_once(project: Project) -> None:
    put(project, without_negative())
    items: list[Any] = [
        {"name": "Mallsing", "negative_prompt": "text", "bindings": {"seed": "5.sed"}},
        {"name": "Oswin", "workflow": "workflows/none.json"},
        {"name": "Brannick", "negative_prompt": "text"},
        {"name": "Odd", "image": "no.png"},
        {"name": "Even", "loras": [{"name": "ink.safetensors", "strenght": 1}]},
    ]
    wants(project, NOBODY, *items, workflow=PLAIN, prompt="a ferry")
    outcome = project.run("validate", "--json").exits(3)
    told = {problem["path"]: problem for problem in outcome.json["problems"]}
    assert {"items[0].bindings", "items[1].workflow", "items[2].negative_prompt"} <= set(told)
    assert {"items[3].image", "items[4].loras[0]"} <= set(told)
    assert all(problem["line"] for problem in told.values())


def test_thousands_of_items_may_have_lists_of_their_own(project: Project) -> None:
    put(project, plain())
    own: dict[str, Any] = {
        "loras": ["ink.safetensors", {"name": "moss.safetensors", "strength": 0.5}],
        "bindings": {"seed": ["5.seed"]},
    }
    items: list[Any] = [
        {"name": f"Kin {number}", "references": [{"item": "kin-0"}], **own} for number in range(1, 1200)
    ]
    wants(project, NOBODY, "Kin 0", *items, backend="placeholder", workflow=PLAIN, prompt="a ferry")
    project.run("validate").exits(0).says("1200 images")


# What is shown before it is sent


def test_explain_shows_where_settings_go_and_what_that_changes(made: Project) -> None:
    told = made.run("explain", "images:mallsing").exits(0)
    told.says(PLAIN, "2.text in CLIPTextEncode (node 2)", "5.seed in KSampler (node 5)")
    told.says('2.text: "a mouse" → "a ferry"')
    found = made.run("explain", "images:mallsing", "--json").exits(0).json
    assert found["bindings"]["prompt"] == ["2.text in CLIPTextEncode (node 2)"]
    assert {"place": "2.text", "old": "a mouse", "new": "a ferry"} in found["changes"]
    assert found["origins"]["workflow"] == "the item"


def test_the_graph_that_is_shown_is_the_graph_that_is_sent(made: Project, server: ComfyServer) -> None:
    submitted = sent(server)
    server.close()
    graph = made.run("explain", "images:mallsing", "--graph").exits(0).json
    assert unsigned(graph) == unsigned(submitted)
    assert json.loads(handiwork.texts_of(made.root / target("Mallsing"))["prompt"]) == graph


# A backend that sends nothing takes all of it


def test_the_placeholder_stands_for_a_workflow(project: Project) -> None:
    put(project, plain())
    items: list[Any] = [{"name": "Mallsing", "bindings": {"prompt": "2.text"}, "loras": ["ink.safetensors"]}, "Oswin"]
    wants(project, NOBODY, *items, workflow=PLAIN, prompt="a ferry", size="64x64")
    project.run("run", "--backend", "placeholder").exits(0).says("2 made")
    project.run("status", "--backend", "placeholder", "--check").exits(0)
    put(project, plain(steps=9))
    project.run("status", "--backend", "placeholder").says("workflow")
