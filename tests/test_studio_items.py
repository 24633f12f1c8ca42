"""What the page is told of the project's items."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Project
from tests.handiwork import draw, edit
from tests.servers.comfyui import ComfyServer
from tests.studio_desk import Desk, Open

KINS = """
    defaults: {backend: placeholder, size: 64x36}
    jobs:
      kins:
        items:
          - {name: Ana, prompt: a red fox}
          - {name: Béla, prompt: a grey wolf}
          - {name: Cid, prompt: a red deer, seed: 18446744073709551615}
      places:
        items:
          - {name: Harbour, prompt: ships at dusk}
"""


@pytest.fixture
def desk(project: Project, open_desk: Open) -> Desk:
    """Four items, of which Béla's and Cid's pictures are there and Béla's prompt has changed."""
    project.manifest(KINS)
    project.run("run", "kins:bela", "kins:cid").exits(0)
    project.edit("a grey wolf", "a white wolf")
    return open_desk()


# --- the project ------------------------------------------------------------------------------------


def test_the_project_is_told_with_its_jobs_and_counts(desk: Desk) -> None:
    found = desk.get("/api/project")
    assert found["name"] == desk.project.root.name and found["total"] == 4
    assert found["jobs"] == [
        {"name": "kins", "count": 3, "storyboard": None},
        {"name": "places", "count": 1, "storyboard": None},
    ]
    assert found["states"] == {"fresh": 1, "missing": 2, "stale": 1, "edited": 0, "foreign": 0, "damaged": 0}
    assert found["backends"] == ["placeholder"] and found["problems"] == [] and found["busy"] == 0


def test_a_project_without_images_is_empty_and_no_error(project: Project, open_desk: Open) -> None:
    project.manifest("items: []\n")
    desk = open_desk()
    assert desk.get("/api/project")["total"] == 0 and desk.tasks() == []
    assert desk.ask("POST", "/api/builds", {"all": True}).json() == {"jobs": []}


# --- cards and filters ------------------------------------------------------------------------------


def test_a_card_has_verdict_reasons_seed_and_the_way_to_its_picture(desk: Desk) -> None:
    (card,) = desk.get("/api/items?q=white")["items"]
    assert (card["task"], card["name"], card["job"], card["state"]) == ("kins:bela", "Béla", "kins", "stale")
    assert card["reasons"] == ['prompt: "a grey wolf" → "a white wolf"']
    assert (card["width"], card["height"], card["backend"]) == (64, 36, "placeholder")
    assert card["target"] == "assets/kins/bela.png" and card["status"] is None
    assert card["picture"].startswith("/pictures/kins:bela?v=")
    assert desk.fetch(card["picture"]).content == desk.project.png("assets/kins/bela.png")
    assert desk.fetch(card["thumbnail"]).headers["content-type"] == "image/webp"


def test_what_has_no_picture_has_no_way_to_one(desk: Desk) -> None:
    card = desk.card("places:harbour")
    assert card["state"] == "missing" and card["picture"] is card["thumbnail"] is None
    path = desk.project.root / "assets/places/harbour.png"
    path.parent.mkdir(parents=True)
    path.write_text("version https://git-lfs.github.com/spec/v1\n", "utf-8")
    desk.shown.look(["places:harbour"])
    card = desk.card("places:harbour")
    assert card["state"] == "damaged" and card["picture"] is None and "git lfs pull" in card["reasons"][0]


def test_a_seed_that_a_browser_can_t_hold_travels_as_text(desk: Desk) -> None:
    assert desk.card("kins:cid")["seed"] == "18446744073709551615"
    assert desk.get("/api/items/kins:cid")["recipe"]["seed"] == "18446744073709551615"
    assert isinstance(desk.card("kins:bela")["seed"], int)


def test_a_random_seed_is_the_one_that_the_picture_keeps(project: Project, open_desk: Open) -> None:
    project.manifest("defaults: {backend: placeholder, size: 16x16, seed: random}\nitems: [{name: a, prompt: p}]\n")
    assert open_desk().card("images:a")["seed"] is None
    project.run("run").exits(0)
    assert open_desk().card("images:a")["seed"] == project.run("explain", "images:a", "--json").json["recipe"]["seed"]


def test_items_are_found_by_job_state_and_words(desk: Desk) -> None:
    assert desk.tasks() == ["kins:ana", "kins:bela", "kins:cid", "places:harbour"]
    assert desk.tasks("job=kins&state=missing") == ["kins:ana"]
    assert desk.tasks("state=missing&state=stale") == ["kins:ana", "kins:bela", "places:harbour"]
    assert desk.tasks("q=RED") == ["kins:ana", "kins:cid"]
    assert desk.tasks("q=red+deer") == ["kins:cid"]
    assert desk.tasks("q=b%C3%A9la") == ["kins:bela"]
    assert desk.tasks("q=nothing") == desk.tasks("job=none") == []


def test_counts_are_those_before_the_verdicts_filter(desk: Desk) -> None:
    found = desk.get("/api/items?job=kins&state=stale")
    assert found["total"] == 1 and found["version"] == desk.shown.view.version
    assert found["counts"] == {"fresh": 1, "missing": 1, "stale": 1, "edited": 0, "foreign": 0, "damaged": 0, "busy": 0}


def test_items_come_page_by_page(desk: Desk) -> None:
    found = desk.get("/api/items?offset=1&limit=2")
    assert (found["total"], found["offset"]) == (4, 1)
    assert [one["task"] for one in found["items"]] == ["kins:bela", "kins:cid"]
    assert desk.get("/api/items?offset=99")["items"] == []


@pytest.mark.parametrize("query", ["limit=501", "limit=-1", "offset=-1", "limit=many", "q=" + "a" * 1001])
def test_a_query_that_means_nothing_is_refused(desk: Desk, query: str) -> None:
    assert query.partition("=")[0] in desk.refuses(422, "GET", f"/api/items?{query}")


def test_what_is_under_way_is_busy(desk: Desk) -> None:
    desk.hub.announced({"name": "image/queued", "jobId": "j", "task": "kins:ana", "data": {}})
    assert desk.tasks("state=busy") == ["kins:ana"]
    assert desk.card("kins:ana")["status"] == "queued" and desk.get("/api/project")["busy"] == 1
    desk.hub.announced(
        {"name": "image/failed", "jobId": "j", "task": "kins:ana", "data": {"error": "no", "hint": "do"}}
    )
    card = desk.card("kins:ana")
    assert (card["status"], card["error"], card["hint"], desk.tasks("state=busy")) == ("failed", "no", "do", [])


# --- one item ---------------------------------------------------------------------------------------


def test_one_item_tells_its_recipe_and_where_each_setting_is_from(desk: Desk) -> None:
    found = desk.get("/api/items/kins:bela")
    assert found["index"] == 1 and found["prompt"] == "a white wolf" and found["recipe"]["width"] == 64
    assert found["origins"]["prompt"] == "the item" and found["origins"]["width"] == "defaults"
    assert found["origins"]["seed"].startswith("derived")
    assert found["changes"] == [{"field": "prompt", "old": "a grey wolf", "new": "a white wolf"}]
    assert found["previous"] == [] and found["candidate"] is None and found["sentence"] is None


def test_previous_versions_are_listed_the_newest_first(desk: Desk) -> None:
    first = desk.project.png("assets/kins/bela.png")
    desk.project.run("run", "kins:bela").exits(0)
    second = desk.project.png("assets/kins/bela.png")
    desk.project.edit("a white wolf", "a black wolf")
    desk.project.run("run", "kins:bela").exits(0)
    found = desk.get("/api/items/kins:bela")["previous"]
    assert [one["number"] for one in found] == [2, 1] and found[0]["seed"] == desk.card("kins:bela")["seed"]
    assert [desk.fetch(one["picture"]).content for one in found] == [second, first]
    assert desk.fetch(found[0]["thumbnail"]).headers["content-type"] == "image/webp"


def test_what_goes_into_a_picture_is_shown_with_it(project: Project, open_desk: Open, server: Any) -> None:
    draw(project.root / "art/photo.png")
    project.manifest(f"""
        backends: {{comfyui: {{url: "{server.url}"}}}}
        defaults: {{checkpoint: dream.safetensors, size: 64x64, steps: 2, prompt: p}}
        items:
          - first
          - {{name: second, image: art/photo.png, denoise: 0.5}}
          - {{name: third, image: {{item: first}}, denoise: 0.5}}
    """)
    desk = open_desk()
    (photo,) = desk.get("/api/items/images:second")["references"]
    assert photo["path"] == "art/photo.png" and photo["task"] is None
    assert desk.fetch(photo["picture"]).content == project.png("art/photo.png")
    (item,) = desk.get("/api/items/images:third")["references"]
    assert item == {"picture": None, "path": "assets/images/first.png", "task": "images:first"}


def test_an_item_that_is_not_there_is_said_by_name(desk: Desk) -> None:
    assert 'no image "kins:dora"' in desk.refuses(404, "GET", "/api/items/kins:dora")


def test_a_record_of_digests_tells_no_old_values(project: Project, open_desk: Open) -> None:
    project.manifest(
        "defaults: {backend: placeholder, size: 16x16, record: digest}\nitems: [{name: a, prompt: secret}]\n"
    )
    project.run("run").exits(0)
    project.edit("secret", "open")
    found = open_desk().get("/api/items/images:a")
    assert found["reasons"] == ["prompt: changed"] and found["changes"] == [] and found["prompt"] == "open"


# --- a manifest that is wrong -----------------------------------------------------------------------


def test_while_the_manifest_is_wrong_the_last_good_one_is_shown(desk: Desk) -> None:
    version = desk.shown.view.version
    desk.project.edit("  places:\n", "  places:\n    nonsense: 1\n")
    desk.shown.reload()
    found = desk.get("/api/project")
    assert "nonsense" in found["problems"][0] and "assets.yaml:" in found["problems"][0]
    assert found["total"] == 4 and found["version"] > version and len(desk.tasks()) == 4
    again = desk.shown.view.version
    desk.shown.reload()
    assert desk.shown.view.version == again, "the same fault is no news"
    desk.project.manifest(KINS + "          - {name: Pier, prompt: p}\n")
    desk.shown.reload()
    assert desk.get("/api/project")["problems"] == [] and desk.tasks()[-1] == "places:pier"


def test_a_manifest_that_is_wrong_from_the_start_opens_and_says_so(project: Project, open_desk: Open) -> None:
    project.manifest("items: 7\n")
    desk = open_desk()
    assert desk.get("/api/project")["problems"] and desk.tasks() == []
    project.manifest(KINS)
    desk.shown.reload()
    assert len(desk.tasks()) == 4 and desk.get("/api/project")["problems"] == []


def test_a_manifest_that_goes_is_a_problem_and_comes_back(desk: Desk) -> None:
    path = desk.project.root / "assets.yaml"
    path.rename(path.with_name("away"))
    desk.shown.reload()
    assert "assets.yaml" in desk.get("/api/project")["problems"][0] and len(desk.tasks()) == 4
    path.with_name("away").rename(path)
    desk.shown.reload()
    assert desk.get("/api/project")["problems"] == []


# --- looking anew -----------------------------------------------------------------------------------


def test_only_what_changed_is_told(desk: Desk) -> None:
    told: list[frozenset[str] | None] = []
    desk.shown.on_change(told.append)
    desk.shown.look(["kins:cid"])
    desk.shown.reload()
    desk.shown.sweep()
    assert told == []
    (desk.project.root / "assets/kins/cid.png").unlink()
    desk.shown.sweep()
    assert told == [frozenset({"kins:cid"})] and desk.card("kins:cid")["state"] == "missing"


def test_an_edited_prompt_is_told_by_its_name_and_an_item_more_as_everything(desk: Desk) -> None:
    told: list[frozenset[str] | None] = []
    desk.shown.on_change(told.append)
    desk.project.edit("a red deer", "a red hind")
    desk.shown.reload()
    desk.project.manifest(KINS + "          - {name: Pier, prompt: p}\n")
    desk.shown.reload()
    assert told == [frozenset({"kins:cid"}), None]


def test_a_picture_that_goes_into_another_makes_that_one_stale(project: Project, open_desk: Open) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"], whole=True) as server:
        project.manifest(f"""
            backends: {{comfyui: {{url: "{server.url}"}}}}
            defaults: {{checkpoint: dream.safetensors, size: 64x64, steps: 2, prompt: p}}
            items: [first, {{name: second, image: {{item: first}}, denoise: 0.5}}]
        """)
        project.run("run").exits(0)
    desk = open_desk()
    assert desk.card("images:second")["state"] == "fresh"
    edit(project.root / "assets/images/first.png")
    desk.shown.look(["images:first"])
    assert desk.card("images:second")["state"] == "stale"


def test_verdicts_are_those_of_status_after_any_way_of_looking(desk: Desk) -> None:
    draw(desk.project.root / "assets/kins/ana.png")
    desk.project.edit("a red deer", "a red hind")
    desk.project.edit("Harbour", "Haven")
    desk.shown.sweep()
    wanted = {one["task"]: one["verdict"] for one in desk.project.run("status", "--json").json["items"]}
    assert {task: desk.card(task)["state"] for task in desk.tasks()} == wanted
