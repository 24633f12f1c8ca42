"""Pictures that go into other pictures: references and the picture an image starts from, files of the user's own
and other items, which are made first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagegen.commands.init import DODO
from tests import handiwork
from tests.comfyui_stories import ended, started, whole
from tests.conftest import Project
from tests.servers.comfyui import ComfyServer
from tests.workflow_stories import (
    NOBODY,
    PLAIN,
    comfy,
    loaded,
    plain,
    put,
    referring,
    sent,
    unsigned,
    uploaded,
    wants,
)

BUILT_IN: dict[str, Any] = {"checkpoint": "dream.safetensors", "steps": 2}
SMALL: dict[str, Any] = {"backend": "placeholder", "size": "16x16", "prompt": "a kin"}


@pytest.fixture
def server() -> Iterator[ComfyServer]:
    with comfy() as running:
        yield running


@pytest.fixture
def kins(project: Project) -> Project:
    """Two kins drawn by the placeholder, and a scene with both; each is made in an instant."""
    project.manifest("""\
        defaults: {backend: placeholder, size: 16x16, prompt: a kin}
        jobs:
          kins: {items: [Mallsing, Oswin]}
          scenes:
            items:
              - {name: Ferry, references: [{item: "kins:mallsing"}, assets/kins/oswin.png]}
              - Empty
        """)
    return project


# Files of the user's own


def test_a_reference_is_uploaded_once_and_set_in(project: Project, server: ComfyServer) -> None:
    put(project, referring(1))
    picture = handiwork.draw(project.root / "art/mallsing.png")
    names = [f"Scene {number}" for number in range(5)]
    wants(project, server, *names, workflow=PLAIN, prompt="a ferry", references=["art/mallsing.png"])
    project.run("run").exits(0).says("5 made")
    assert len(server.uploads) == 1
    (name,) = {one for graph in server.submitted for one in loaded(graph)}
    assert name.startswith("imagegen/")
    assert uploaded(server, name) == picture


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_pictures_of_the_usual_formats_are_references(project: Project, server: ComfyServer, ending: str) -> None:
    put(project, referring(1))
    Image.new("RGB", (40, 24), "teal").save(project.root / f"mallsing.{ending}")
    wants(project, server, "Scene", workflow=PLAIN, prompt="a ferry", references=[f"mallsing.{ending}"])
    project.run("run").exits(0).says("1 made")
    assert loaded(sent(server))[0].endswith(f".{ending}")
    project.run("status", "--check").exits(0)


def test_two_references_keep_their_order(project: Project, server: ComfyServer) -> None:
    put(project, referring(2))
    first = handiwork.draw(project.root / "a.png", "teal")
    second = handiwork.draw(project.root / "b.png", "red")
    wants(project, server, "Scene", workflow=PLAIN, prompt="a ferry", references=["b.png", "a.png"])
    project.run("run").exits(0)
    assert [uploaded(server, name) for name in loaded(sent(server))] == [second, first]
    wants(project, server, "Scene", workflow=PLAIN, prompt="a ferry", references=["a.png", "b.png"])
    project.run("status", "--check").exits(1).says("references")
    project.run("run").exits(0)
    assert [uploaded(server, name) for name in loaded(sent(server))] == [first, second]


def test_their_pixels_are_in_the_recipe_and_nothing_else_of_them(project: Project, server: ComfyServer) -> None:
    put(project, referring(1))
    handiwork.draw(project.root / "a.png", "teal")
    wants(project, server, "Scene", workflow=PLAIN, prompt="a ferry", references=["a.png"])
    project.run("run").exits(0)
    recipe = handiwork.record(project.root / "assets/images/scene.png")["recipe"]
    assert [one.startswith("sha256:") for one in recipe["references"]] == [True]
    with Image.open(project.root / "a.png") as image:  # the same pixels, written otherwise and elsewhere
        image.save(project.root / "moved.png", compress_level=0)
        image.save(project.root / "moved.webp", lossless=True)
    (project.root / "a.png").unlink()
    for name in ("moved.png", "moved.webp"):
        wants(project, server, "Scene", workflow=PLAIN, prompt="a ferry", references=[name])
        project.run("status", "--check").exits(0)
    handiwork.draw(project.root / "moved.webp", "red")
    project.run("status", "--check").exits(1).says("stale", "references")
    project.run("plan").exits(0).says("make", "references")
    project.run("run").exits(0).says("1 made")
    assert len(server.uploads) == 2


def test_the_same_recipe_gives_the_same_bytes_wherever_the_reference_lies(
    project: Project, server: ComfyServer
) -> None:
    put(project, referring(1))
    handiwork.draw(project.root / "a.png", "teal")
    target = project.root / "assets/images/scene.png"
    wants(project, server, "Scene", workflow=PLAIN, prompt="a ferry", references=["a.png"])
    project.run("run").exits(0)
    first = target.read_bytes()
    target.unlink()
    (project.root / "deep").mkdir()
    (project.root / "a.png").rename(project.root / "deep/b.png")
    wants(project, server, "Scene", workflow=PLAIN, prompt="a ferry", references=["deep/b.png"])
    project.run("run").exits(0)
    assert target.read_bytes() == first


def _link_out(path: Path) -> None:
    outside = path.parent.parent / "outside.png"
    handiwork.draw(outside)
    path.symlink_to(outside)


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda path: None, "there is no a.png"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_text("words"), "no picture"),
        (lambda path: path.write_text(handiwork.LFS_POINTER), "git-lfs"),
        (lambda path: (handiwork.draw(path), handiwork.cut_off(path)), "a.png is no picture"),
        (lambda path: path.write_bytes(b"GIF89a" + bytes(40)), "a GIF"),
        (_link_out, "outside the project"),
    ],
    ids=["missing", "folder", "text", "lfs", "cut off", "gif", "link out"],
)
@pytest.mark.parametrize("setting", ["references", "image"])
def test_what_is_no_picture_is_told_before_anything_is_queued(
    project: Project, server: ComfyServer, write: Callable[[Path], object], told: str, setting: str
) -> None:
    put(project, referring(1))
    write(project.root / "a.png")
    settings: dict[str, Any] = (
        {"workflow": PLAIN, "references": ["a.png"]} if setting == "references" else {**BUILT_IN, "image": "a.png"}
    )
    wants(
        project,
        server,
        {"name": "Scene", "prompt": "a ferry", **settings},
        {"name": "Other", **BUILT_IN, "prompt": "a"},
    )
    project.run("validate").exits(3).says("assets.yaml:", f"items[0].{setting}", told)
    project.run("run").exits(3).says(told)
    assert server.submitted == []


@pytest.mark.parametrize("named", ["../a.png", "/etc/a.png", "art\\a.png", "C:/a.png"])
def test_a_reference_stays_in_the_project(project: Project, named: str) -> None:
    put(project, referring(1))
    handiwork.draw(project.root.parent / "a.png")
    wants(project, NOBODY, {"name": "Scene", "prompt": "a ferry", "references": [named]}, workflow=PLAIN)
    project.run("validate").exits(3).says("items[0].references[0]")


@pytest.mark.parametrize("linked", ["art/a.png", "art"])
def test_a_picture_that_becomes_a_link_out_of_the_project_is_not_read(
    project: Project, tmp_path_factory: pytest.TempPathFactory, linked: str
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    handiwork.draw(elsewhere / "a.png", "red")
    handiwork.draw(project.root / "art/a.png")
    wants(project, NOBODY, "Scene", references=["art/a.png"], **SMALL)
    project.run("run").exits(0).says("1 made")
    (project.root / "art").rename(project.root / "before")
    path = project.root / linked
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(elsewhere if linked == "art" else elsewhere / "a.png")
    project.run("status").exits(0).says("stale", "out of the project")
    project.run("run").exits(3).says("references[0]", "out of the project")
    project.run("run", "--allow-path", str(elsewhere)).exits(0).says("1 made")


def test_a_folder_outside_may_be_allowed(project: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    handiwork.draw(elsewhere / "a.png")
    item: dict[str, Any] = {"name": "Scene", "references": [str(elsewhere / "a.png")]}
    wants(project, NOBODY, item, **SMALL)
    project.run("run").exits(3).says(f"--allow-path {elsewhere}")
    project.run("run", "--allow-path", str(elsewhere)).exits(0).says("1 made")
    project.run("status", "--check", "--allow-path", str(elsewhere)).exits(0)


def test_a_reference_that_no_place_takes_is_an_error(project: Project) -> None:
    put(project, plain())
    put(project, referring(1), "workflows/one.json")
    for name in ("a.png", "b.png"):
        handiwork.draw(project.root / name)
    items: list[Any] = [
        {"name": "None", "workflow": PLAIN, "references": ["a.png"]},
        {"name": "Two", "workflow": "workflows/one.json", "references": ["a.png", "b.png"]},
        {"name": "Built in", **BUILT_IN, "references": ["a.png"]},
    ]
    wants(project, NOBODY, *items, prompt="a ferry")
    told = project.run("validate").exits(3)
    told.says("items[0].references", "no place for references")
    told.says("items[1].references", "2 references, and the workflow has 1 place")
    told.says("items[2].references", "the built-in graph has no place for references")


def test_the_workflows_own_example_is_never_sent(project: Project, server: ComfyServer) -> None:
    put(project, referring(2))
    picture = handiwork.draw(project.root / "a.png")
    items: list[Any] = [{"name": "None"}, {"name": "One", "references": ["a.png"]}]
    wants(project, server, *items, workflow=PLAIN, prompt="a ferry")
    project.run("run").exits(0).says("2 made")
    graphs = {len(loaded(graph)): graph for graph in server.submitted}
    assert sorted(graphs) == [0, 1]
    assert "example.png" not in json.dumps(server.submitted)
    (name,) = loaded(graphs[1])
    assert uploaded(server, name) == picture


def test_where_the_graph_cannot_do_without_a_picture_that_is_an_error(project: Project, server: ComfyServer) -> None:
    graph = referring(1)
    graph["4"] = graph["12"]  # what the first reference encodes is where the sampler begins
    put(project, graph)
    wants(project, server, {"name": "Scene", "prompt": "a ferry"}, workflow=PLAIN)
    project.run("run").exits(3).says("LoadImage (node 11", "gets no picture", "example.png")
    assert server.submitted == []


def test_bindings_say_which_node_takes_the_reference(project: Project, server: ComfyServer) -> None:
    put(project, referring(2))
    handiwork.draw(project.root / "a.png")
    wants(
        project, server, "Scene", workflow=PLAIN, prompt="a", references=["a.png"], bindings={"references": "21.image"}
    )  # fmt: skip
    project.run("run").exits(0)
    graph = sent(server)
    assert "11" not in graph
    assert graph["21"]["inputs"]["image"].startswith("imagegen/")


def test_explain_tells_where_a_reference_goes_and_sends_nothing(project: Project, server: ComfyServer) -> None:
    put(project, referring(2))
    handiwork.draw(project.root / "a.png")
    wants(project, server, "Scene", workflow=PLAIN, prompt="a ferry", references=["a.png"])
    told = project.run("explain", "images:scene").exits(0)
    told.says("references from a.png", "11.image in LoadImage (node 11", "node 21: a LoadImage is taken out")
    graph = project.run("explain", "images:scene", "--graph").exits(0).json
    assert server.requests == []
    project.run("run").exits(0)
    assert unsigned(graph) == unsigned(sent(server))


# Other items


def test_what_an_item_refers_to_is_made_first(project: Project, server: ComfyServer) -> None:
    put(project, referring(2))
    both = [{"item": "kins:mallsing"}, {"item": "kins:oswin"}]
    jobs: dict[str, Any] = {
        "scenes": [{"name": "Ferry", "workflow": PLAIN, "references": both}],
        "kins": [{"name": name, "prompt": name, **BUILT_IN, "size": "64x64"} for name in ("Mallsing", "Oswin")],
    }
    wants(project, server, jobs=jobs, prompt="a ferry")
    project.run("run").exits(0).says("3 made")
    *kins, scene = server.submitted
    assert sorted(graph["2"]["inputs"]["text"] for graph in kins) == ["Mallsing", "Oswin"]
    assert [uploaded(server, name) for name in loaded(scene)] == [
        project.png("assets/kins/mallsing.png"),
        project.png("assets/kins/oswin.png"),
    ]
    project.run("status", "--check", "--verify").exits(0).says("3 fresh")
    project.run("run").exits(0).says("Nothing to do")


def test_a_scene_asked_for_by_name_makes_what_it_needs(kins: Project) -> None:
    kins.run("run", "scenes:ferry").exits(0).says("3 made")
    assert not (kins.root / "assets/scenes/empty.png").exists()
    kins.run("run", "scenes:ferry").exits(0).says_not("made assets")


def test_what_is_to_be_made_first_is_told(kins: Project) -> None:
    kins.run("status", "scenes:ferry").exits(0).says("missing")
    kins.run("run").exits(0).says("4 made")
    kins.edit("[Mallsing, Oswin]", "[{name: Mallsing, prompt: an older kin}, Oswin]")
    kins.run("status").exits(0).says("stale    scenes:ferry  may change, after kins:mallsing", "2 stale", "2 fresh")
    kins.run("plan").exits(0).says("make", "scenes:ferry", "may change, after kins:mallsing", "2 to make, 2 to leave")
    assert kins.run("plan", "scenes:ferry", "--json").exits(0).json["counts"]["make"] == 2
    kins.run("status", "--check").exits(1)
    kins.run("run").exits(0).says("2 made")
    kins.run("status", "--check").exits(0)


def test_what_comes_out_the_same_changes_nothing_downstream(kins: Project) -> None:
    kins.run("run").exits(0)
    scene = kins.root / "assets/scenes/ferry.png"
    before = scene.stat().st_mtime_ns
    (kins.root / "assets/kins/mallsing.png").unlink()
    kins.run("status").says("missing  kins:mallsing", "scenes:ferry  may change, after kins:mallsing")
    kins.run("run").exits(0).says("1 made")
    assert scene.stat().st_mtime_ns == before
    kins.run("run", "-a", "kins:mallsing").exits(0).says("1 made")
    assert scene.stat().st_mtime_ns == before
    kins.run("status", "--check").exits(0)


def test_an_adopted_picture_goes_into_the_scene(kins: Project) -> None:
    kins.run("run").exits(0)
    handiwork.draw(kins.root / "assets/kins/mallsing.png", "teal", (16, 16))
    kins.run("adopt", "kins:mallsing").exits(0)
    kins.run("status").says("stale    scenes:ferry", "references")
    kins.run("run").exits(0).says("1 made")
    kins.run("status", "--check").exits(0)


@pytest.mark.parametrize("change", ["edited", "foreign"])
def test_a_picture_that_is_left_alone_goes_in_as_it_is(kins: Project, change: str) -> None:
    """It is what the project has for that item; only its own making anew is refused."""
    kins.run("run").exits(0)
    path = kins.root / "assets/kins/mallsing.png"
    if change == "edited":
        handiwork.edit(path)
    else:
        handiwork.draw(path, "teal", (16, 16))
    kins.run("status", "scenes:ferry").says("stale", "references")
    kins.run("run").exits(0 if change == "edited" else 1).says("made     assets/scenes/ferry.png")
    kins.run("status", "--check", "scenes:ferry").exits(0)


def test_what_fails_fails_those_that_need_it_and_no_others(project: Project, server: ComfyServer) -> None:
    put(project, referring(1))
    broken = plain()
    broken["5"]["class_type"] = "KSamplerAdvanced"
    jobs: dict[str, Any] = {
        "kins": [{"name": name, "prompt": name, **BUILT_IN, "size": "64x64"} for name in ("Mallsing", "Oswin")],
        "scenes": [
            {"name": "Ferry", "workflow": PLAIN, "references": [{"item": "kins:mallsing"}]},
            {"name": "Mill", "workflow": PLAIN, "references": [{"item": "kins:oswin"}]},
        ],
        "posters": [{"name": "Ferry", "workflow": PLAIN, "references": [{"item": "scenes:ferry"}]}],
    }
    wants(project, server, jobs=jobs, prompt="a ferry")
    (project.root / "assets/kins/mallsing.png").mkdir(parents=True)
    outcome = project.run("run").exits(1)
    outcome.says("kins:mallsing", "scenes:ferry", "posters:ferry", "2 made", "3 failed")
    assert whole(project.png("assets/scenes/mill.png"))
    assert len(server.submitted) == 2
    told = {
        event["task"]: event["message"] for event in project.run("run", "--json").events if event["event"] == "failed"
    }
    assert "kins:mallsing" in told["scenes:ferry"]


def test_a_scene_interrupted_behind_its_kin_is_made_by_the_next_run(project: Project, server: ComfyServer) -> None:
    put(project, referring(1))
    jobs: dict[str, Any] = {
        "kins": [{"name": "Mallsing", "prompt": "a kin", **BUILT_IN, "size": "64x64"}],
        "scenes": [{"name": "Ferry", "workflow": PLAIN, "references": [{"item": "kins:mallsing"}]}],
    }
    wants(project, server, jobs=jobs, prompt="a ferry")
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held)
        server.release(1)
        server.wait_until(lambda: len(server.submitted) == 2 and server.held)
        process.terminate()
        server.release()
        ended(process).exits(130)
    project.run("status").exits(0).says("missing  scenes:ferry", "1 fresh")
    project.run("run").exits(0).says("1 made")


@pytest.mark.parametrize(
    ("needs", "told"),
    [
        ({"a": ["a"]}, "refers to itself: images:a → images:a"),
        ({"a": ["b"], "b": ["a"]}, "images:a → images:b → images:a"),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, "images:b → images:c → images:b"),
        ({"a": [], "b": ["a", "d"], "c": ["b"], "d": ["c"]}, "images:b → images:d → images:c → images:b"),
    ],
)
def test_a_cycle_is_printed(project: Project, needs: dict[str, list[str]], told: str) -> None:
    items: list[Any] = [{"name": name, "references": [{"item": one} for one in own]} for name, own in needs.items()]
    wants(project, NOBODY, *items, **SMALL)
    for verb in ("validate", "run", "status"):
        project.run(verb).exits(3).says("assets.yaml:", told)


def test_a_cycle_by_way_of_paths_is_one_too(project: Project) -> None:
    items: list[Any] = [
        {"name": "A", "image": "assets/images/b.png"},
        {"name": "B", "references": ["./assets/images/../images/A.png"]},
    ]
    wants(project, NOBODY, *items, **SMALL)
    project.run("validate").exits(3).says("images:a → images:b → images:a")


def test_a_large_cycle_is_printed_too(project: Project) -> None:
    count = 500
    items: list[Any] = [{"name": f"K{n}", "references": [{"item": f"k{(n + 1) % count}"}]} for n in range(count)]
    wants(project, NOBODY, *items, **SMALL)
    project.run("validate").exits(3).says("images:k0 → images:k1", "images:k499 → images:k0")


@pytest.mark.parametrize("named", ["kins:malsing", "malsing", "kins", "scenes:ferry:x", ""])
def test_an_unknown_item_says_what_was_meant(kins: Project, named: str) -> None:
    kins.edit('{item: "kins:mallsing"}', json.dumps({"item": named}))
    kins.run("validate").exits(3).says("scenes.items[0].references[0]")
    if named == "kins:malsing":
        kins.run("validate").says(f'there is no item "{named}"', 'did you mean "kins:mallsing"?')


def test_an_item_is_named_within_its_job_by_its_slug(project: Project) -> None:
    items: list[Any] = ["Mallsing", {"name": "Ferry", "references": [{"item": "mallsing"}]}]
    wants(project, NOBODY, *items, **SMALL)
    project.run("run").exits(0).says("2 made")


def test_a_var_may_name_the_item(project: Project) -> None:
    items: list[Any] = ["Mallsing", {"name": "Ferry", "vars": {"kin": "mallsing"}}]
    manifest = {
        "defaults": SMALL,
        "jobs": {
            "kins": {"items": ["Mallsing"]},
            "scenes": {"references": [{"item": "kins:${kin}"}], "items": [items[1]]},
        },
    }
    project.manifest(json.dumps(manifest, indent=1))
    project.run("run").exits(0).says("2 made")
    project.edit('"kin": "mallsing"', '"kim": "mallsing"')
    project.run("validate").exits(3).says('unknown "${kin}"')


# Many


CHAIN = 300


@pytest.fixture
def chain(project: Project) -> Project:
    """Each refers to the one before; the last comes first in the manifest."""
    items: list[Any] = [{"name": "K0"}] + [
        {"name": f"K{n}", "references": [{"item": f"k{n - 1}"}]} for n in range(1, CHAIN)
    ]
    wants(project, NOBODY, *reversed(items), **SMALL)
    project.write("dodo.py", DODO)
    return project


def test_a_long_chain_is_made_judged_listed_and_removed(chain: Project) -> None:
    chain.run("run").exits(0).says(f"{CHAIN} made")
    chain.run("status", "--check").exits(0).says(f"{CHAIN} fresh")
    chain.run("list", "--all").exits(0).says("images:k299")
    chain.edit('"name": "K0"', '"name": "K0", "seed": 7')
    chain.run("status").says(f"{CHAIN} stale", "after images:k298")
    chain.run("run", "images:k5").exits(0).says("6 made")
    chain.run("clean").exits(0)
    assert list((chain.root / "assets/images").glob("*.png")) == []


def test_a_long_chain_in_plain_doit(chain: Project) -> None:
    chain.doit(timeout=120).exits(0)
    assert len(list((chain.root / "assets/images").glob("*.png"))) == CHAIN
    chain.doit().exits(0)
    chain.run("status", "--check").exits(0)


def test_a_chain_is_made_by_several_threads_in_its_order(chain: Project) -> None:
    events = chain.run("run", "-n", "4", "--json").exits(0).events
    assert [event["task"] for event in events if event["event"] == "made"] == [f"images:k{n}" for n in range(CHAIN)]


def test_a_chain_of_stale_images_ends_where_one_comes_out_the_same(chain: Project) -> None:
    chain.run("run").exits(0)
    (chain.root / "assets/images/k0.png").unlink()
    chain.run("run").exits(0).says("1 made")


# What a picture keeps


def test_a_record_of_digests_knows_its_references(kins: Project) -> None:
    kins.edit("defaults: {", "defaults: {record: digest, ")
    kins.run("run").exits(0)
    kins.run("status", "--check").exits(0)
    (kins.root / ".imagegen/contents.json").unlink()
    kins.run("status", "--check", "--verify").exits(0)
    handiwork.draw(kins.root / "assets/kins/oswin.png", "teal", (16, 16))
    kins.run("adopt", "kins:oswin").exits(0)
    kins.run("status").says("stale    scenes:ferry", "references")


def test_a_scene_is_adopted_with_the_pictures_it_has(kins: Project) -> None:
    kins.run("run", "kins").exits(0)
    handiwork.draw(kins.root / "assets/scenes/ferry.png", "teal", (16, 16))
    kins.run("adopt", "scenes:ferry").exits(0)
    kins.run("status", "--check", "scenes:ferry").exits(0)
    kins.edit("[Mallsing, Oswin]", "[{name: Mallsing, prompt: an older kin}, Oswin]")
    kins.run("run").exits(0)
    assert handiwork.pixels(kins.root / "assets/scenes/ferry.png") != bytes([0, 128, 128, 255]) * 256
    kins.run("restore", "scenes:ferry").exits(0)
    assert handiwork.pixels(kins.root / "assets/scenes/ferry.png") == bytes([0, 128, 128, 255]) * 256
    kins.run("status", "--check").exits(0)


def test_a_scene_cannot_be_adopted_before_its_pictures_are_there(kins: Project) -> None:
    handiwork.draw(kins.root / "assets/scenes/ferry.png", "teal", (16, 16))
    kins.run("adopt", "scenes:ferry").exits(1).says("kins:mallsing is not there")


def test_clean_removes_scenes_whose_pictures_are_gone(kins: Project) -> None:
    kins.run("run").exits(0)
    for name in ("mallsing", "oswin"):
        (kins.root / f"assets/kins/{name}.png").unlink()
    kins.run("clean").exits(0)
    assert not list((kins.root / "assets").rglob("*.png"))
    kins.run("run").exits(0).says("4 made")
    handiwork.edit(kins.root / "assets/scenes/ferry.png")
    kins.run("clean").exits(0).says("leaving assets/scenes/ferry.png: edited")


def test_clean_of_one_item_leaves_what_went_into_it(kins: Project) -> None:
    kins.run("run").exits(0)
    kins.run("clean", "scenes:ferry").exits(0)
    assert sorted(path.name for path in kins.root.rglob("*.png") if ".imagegen" not in path.parts) == [
        "empty.png",
        "mallsing.png",
        "oswin.png",
    ]


def test_a_clone_without_its_state_is_up_to_date(kins: Project) -> None:
    kins.run("run").exits(0)
    for path in (kins.root / ".imagegen").iterdir():
        if path.is_file():
            path.unlink()
    kins.run("status", "--check").exits(0)


def test_a_random_seed_stays_while_references_change(kins: Project) -> None:
    kins.edit("{name: Ferry,", "{name: Ferry, seed: random,")
    kins.run("run").exits(0)
    seed = handiwork.seed(kins.root / "assets/scenes/ferry.png")
    kins.run("status", "--check").exits(0)
    kins.edit("[Mallsing, Oswin]", "[{name: Mallsing, prompt: an older kin}, Oswin]")
    kins.run("run").exits(0).says("2 made")
    assert handiwork.seed(kins.root / "assets/scenes/ferry.png") == seed
    kins.run("run", "--reseed", "scenes:ferry").exits(0).says("1 made")
    assert handiwork.seed(kins.root / "assets/scenes/ferry.png") != seed


def test_never_overwriting_upstream_leaves_downstream_fresh(kins: Project) -> None:
    """What is not made anew does not make others stale."""
    kins.run("run").exits(0)
    kins.edit("[Mallsing, Oswin]", "[{name: Mallsing, prompt: an older kin, overwrite: never}, Oswin]")
    kins.run("status").says("1 stale, 3 fresh", "stale    kins:mallsing").says_not("may change")
    kins.run("run").exits(0).says_not("made   ")


def test_a_backend_of_the_command_line_makes_what_is_missing_in_order(project: Project) -> None:
    put(project, referring(2))
    jobs: dict[str, Any] = {
        "scenes": [{"name": "Ferry", "workflow": PLAIN, "references": [{"item": "kins:mallsing"}]}],
        "kins": [{"name": "Mallsing", **BUILT_IN, "image": "sketch.png"}],
    }
    handiwork.draw(project.root / "sketch.png")
    wants(project, NOBODY, jobs=jobs, prompt="a kin", width=32, height=32)
    project.run("run", "--backend", "placeholder").exits(0).says("2 made")
    project.run("status", "--backend", "placeholder", "--check").exits(0)
    project.run("status").says("2 stale", "backend")
