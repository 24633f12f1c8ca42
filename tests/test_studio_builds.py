"""What a click makes: images, candidates, earlier versions brought back; all as the command line does it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from imagegen import files
from tests.comfyui_stories import wants
from tests.conftest import Project
from tests.handiwork import draw, edit, pixels
from tests.servers.comfyui import ComfyServer
from tests.storyboards import film
from tests.studio_desk import Desk, Open
from tests.studios import Studio, state_home, until

MANIFEST = """
    defaults: {backend: placeholder, size: 64x36}
    jobs:
      kins:
        items:
          - {name: Ana, prompt: a fox}
          - {name: Bo, prompt: a wolf}
      places:
        items: [{name: Harbour, prompt: ships}]
"""
ANA = "assets/kins/ana.png"


@pytest.fixture
def studio(project: Project) -> Iterator[Studio]:
    """On three items of which none is made."""
    state_home(project)
    project.manifest(MANIFEST)
    with Studio(project, "--retry-delay", "0.1") as running:
        yield running


@pytest.fixture
def desk(project: Project, open_desk: Open) -> Desk:
    project.manifest(MANIFEST)
    return open_desk()


# --- builds -----------------------------------------------------------------------------------------


def test_a_click_makes_just_that_image_as_a_run_does(studio: Studio) -> None:
    with studio.live() as live:
        live.next("hello")
        (job,) = studio.send("POST", "/api/builds", {"tasks": ["kins:ana"]})["jobs"]
        queued = live.next("progress", task="kins:ana", status="queued")
        done = live.next("job_complete", task="kins:ana")
        assert queued["jobId"] == done["jobId"] == job["id"] and done["result"]["file"] == ANA
        assert studio.get("/api/items/kins:ana")["state"] == "fresh"
    clicked = studio.project.png(ANA)
    studio.project.run("status", "kins:ana", "--check").exits(0)
    (studio.project.root / ANA).unlink()
    studio.project.run("run", "kins:ana").exits(0)
    assert studio.project.png(ANA) == clicked
    assert not (studio.project.root / "assets/kins/bo.png").exists()


def test_all_of_a_job_and_all_of_everything(studio: Studio) -> None:
    draw(studio.project.root / "assets/kins/bo.png")  # somebody's own: a run would refuse it
    until(lambda: studio.get("/api/items/kins:bo")["state"] == "foreign")
    with studio.live() as live:
        found = studio.send("POST", "/api/builds", {"job": "kins", "all": True})["jobs"]
        assert [one["task"] for one in found] == ["kins:ana"]
        live.next("job_complete", task="kins:ana")
        found = studio.send("POST", "/api/builds", {"all": True})["jobs"]
        assert [one["task"] for one in found] == ["places:harbour"]
        live.next("job_complete", task="places:harbour")
        assert studio.send("POST", "/api/builds", {"all": True})["jobs"] == []


def test_what_a_run_would_refuse_fails_with_the_reason(studio: Studio) -> None:
    drawn = draw(studio.project.root / ANA)
    with studio.live() as live:
        studio.send("POST", "/api/builds", {"tasks": ["kins:ana"]})
        failed = live.next("job_failed", task="kins:ana")
        assert "it is not ours" in failed["error"] and "imagegen adopt kins:ana" in failed["hint"]
    card = studio.get("/api/items/kins:ana")
    assert (card["status"], card["error"], card["hint"]) == ("failed", failed["error"], failed["hint"])
    assert studio.project.png(ANA) == drawn


def test_a_fresh_image_is_left_and_its_job_done(studio: Studio) -> None:
    studio.project.run("run", "kins:ana").exits(0)
    before = (studio.project.root / ANA).stat()
    with studio.live() as live:
        studio.send("POST", "/api/builds", {"tasks": ["kins:ana"]})
        assert live.next("job_complete", task="kins:ana")["result"]["file"] == ANA
    assert (studio.project.root / ANA).stat().st_mtime_ns == before.st_mtime_ns


def test_steps_previews_cancel_and_again(project: Project) -> None:
    state_home(project)
    with ComfyServer(checkpoints=["dream.safetensors"], steps_delay=0.4, previews=True) as server:
        wants(project, server, "Ana", "Bo", steps=20)
        with Studio(project) as studio, studio.live() as live:
            live.next("hello")
            jobs = {one["task"]: one["id"] for one in studio.send("POST", "/api/builds", {"all": True})["jobs"]}
            step = live.next("progress", step=2)  # one goes first, the other waits for the server
            first = step["task"]
            (second,) = jobs.keys() - {first}
            assert step["steps"] == 20 and step["jobId"] == jobs[first]
            while not step["preview"]:
                step = live.next("progress", task=first)
            again = studio.send("POST", "/api/builds", {"tasks": [first]})["jobs"]
            assert again == [{"id": jobs[first], "task": first}], "what is under way is not begun twice"
            assert studio.send("POST", "/api/builds/cancel", {"tasks": [first]}) == {"cancelled": 1}
            live.next("job_cancelled", task=first, jobId=jobs[first])
            assert studio.send("POST", "/api/builds/cancel", {"all": True}) == {"cancelled": 1}
            live.next("job_cancelled", task=second)
            until(lambda: {*server.interrupts, *server.deleted} >= set(server.submitted_ids))
            assert studio.get("/api/items?state=busy")["total"] == 0
            assert studio.get("/api/project")["states"]["missing"] == 2
            assert studio.send("POST", "/api/builds/cancel", {"all": True}) == {"cancelled": 0}


def test_a_refused_graph_is_not_tried_again_and_a_server_that_comes_back_is(project: Project) -> None:
    state_home(project)
    with ComfyServer(checkpoints=["dream.safetensors"]) as server:
        wants(project, server, "Ana")
        with Studio(project, "--retry-delay", "0.2") as studio, studio.live() as live:
            server.faults.answer("/prompt", 400, times=1)
            studio.send("POST", "/api/builds", {"tasks": ["images:ana"]})
            live.next("job_failed", task="images:ana")
            server.faults.answer("/prompt", 502, times=1)
            studio.send("POST", "/api/builds", {"tasks": ["images:ana"]})
            while "tries again" not in live.next("progress", task="images:ana")["message"]:
                continue
            live.next("job_complete", task="images:ana")
    assert len(server.executed) == 1


def test_what_goes_into_an_image_is_made_first(project: Project) -> None:
    state_home(project)
    with ComfyServer(checkpoints=["dream.safetensors"], whole=True) as server:
        project.manifest(f"""
            backends: {{comfyui: {{url: "{server.url}"}}}}
            defaults: {{checkpoint: dream.safetensors, size: 64x64, steps: 2, prompt: p}}
            items: [first, {{name: second, image: {{item: first}}, denoise: 0.5}}]
        """)
        with Studio(project) as studio, studio.live() as live:
            studio.send("POST", "/api/builds", {"all": True})
            live.next("job_complete", task="images:second")
            until(lambda: studio.get("/api/project")["states"]["fresh"] == 2)
        assert len(server.executed) == 2


def test_a_run_and_a_click_share_one_image(project: Project) -> None:
    state_home(project)
    with ComfyServer(checkpoints=["dream.safetensors"], steps_delay=0.5) as server:
        wants(project, server, "Ana", steps=4)
        with Studio(project) as studio, studio.live() as live:
            run = project.start("run")
            live.next("progress", task="images:ana", status="generating")
            (job,) = studio.send("POST", "/api/builds", {"tasks": ["images:ana"]})["jobs"]
            live.next("job_complete", jobId=job["id"])
            assert run.wait(30) == 0
            run.communicate()
        assert len(server.executed) == 1


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, "say which images"),
        ({"tasks": ["kins:ana"], "all": True}, 400, "say which images"),
        ({"tasks": ["kins:nobody"]}, 404, 'no image "kins:nobody"'),
        ({"job": "none", "all": True}, 404, 'no job "none"'),
        ({"tasks": "kins:ana"}, 422, "tasks"),
        ({"tasks": [7]}, 422, "tasks"),
        ({"tasks": ["a" * 1001]}, 422, "tasks"),
        ({"all": True, "overwrite": "always"}, 422, "overwrite"),
    ],
)
def test_a_wish_that_means_nothing_is_refused(desk: Desk, body: object, status: int, words: str) -> None:
    assert words in desk.refuses(status, "POST", "/api/builds", body)
    assert desk.engine.submitted == []


def test_a_sentence_s_image_is_asked_for_as_the_sentence_s(project: Project, open_desk: Open) -> None:
    (sentence,) = film(project, ["It rains."])
    desk = open_desk()
    desk.ask("POST", "/api/builds", {"all": True})
    (event,) = desk.engine.submitted
    assert event.sentence == sentence and event.project and "task" not in event.data
    assert desk.get(f"/api/items/film:{sentence}")["sentence"] == {"projectId": event.project, "sentenceId": sentence}


# --- restoring and adopting -----------------------------------------------------------------------------


def test_an_earlier_version_comes_back_by_its_number(desk: Desk) -> None:
    pictures = []
    for prompt in ("a fox", "a lynx", "an owl"):
        desk.project.manifest(MANIFEST.replace("a fox", prompt))
        desk.project.run("run", "kins:ana").exits(0)
        pictures.append(desk.project.png(ANA))
    desk.shown.sweep()
    found = desk.ask("POST", "/api/items/kins:ana/restore", {"number": 1}).json()
    assert found["state"] == "fresh" and pixels(desk.project.root / ANA) == _pixels(desk, pictures[0])
    assert "with the number 77" in desk.refuses(409, "POST", "/api/items/kins:ana/restore", {"number": 77})
    assert "no previous version" in desk.refuses(409, "POST", "/api/items/places:harbour/restore", {})


def _pixels(desk: Desk, data: bytes) -> bytes:
    path = desk.project.root / "compared.png"
    path.write_bytes(data)
    return pixels(path)


def test_an_edited_picture_is_adopted(desk: Desk) -> None:
    desk.project.run("run", "kins:ana").exits(0)
    edit(desk.project.root / ANA)
    desk.project.manifest(MANIFEST.replace("a fox", "a lynx"))
    desk.shown.reload()
    assert desk.card("kins:ana")["state"] == "edited"
    found = desk.ask("POST", "/api/items/kins:ana/adopt").json()
    assert found["state"] == "fresh" and len(found["previous"]) == 1
    assert "no file" in desk.refuses(409, "POST", "/api/items/kins:bo/adopt")


def test_what_is_being_made_is_not_changed_beside(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagegen.studio.deeds.PATIENCE", 0.2)
    desk.project.run("run", "kins:ana").exits(0)
    with files.locked(desk.project.root, desk.project.root / ANA, threading.Event()):  # by some other program
        assert "is being made" in desk.refuses(409, "POST", "/api/items/kins:ana/adopt")
    desk.hub.claim("run", "kins:ana", "job")
    desk.hub.announced({"name": "image/generating", "jobId": "job", "task": "kins:ana"})
    assert "is being made" in desk.refuses(409, "POST", "/api/items/kins:ana/candidate", {})
