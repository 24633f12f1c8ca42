"""Another picture for an item, tried with another seed beside its target, kept or discarded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from imagegen import build, files
from imagegen.studio import deeds
from tests.conftest import Project
from tests.handiwork import pixels, record
from tests.storyboards import film, query, rows, target
from tests.studio_desk import Desk, Open
from tests.studios import Studio, state_home

MANIFEST = """
    defaults: {backend: placeholder, size: 64x36}
    jobs:
      kins:
        items: [{name: Ana, prompt: a fox}]
"""
ANA = "assets/kins/ana.png"


@pytest.fixture
def studio(project: Project) -> Iterator[Studio]:
    state_home(project)
    project.manifest(MANIFEST)
    with Studio(project) as running:
        yield running


@pytest.fixture
def desk(project: Project, open_desk: Open) -> Desk:
    project.manifest(MANIFEST)
    return open_desk()


def test_another_seed_is_tried_beside_the_picture_and_kept(studio: Studio) -> None:
    studio.project.run("run", "kins:ana").exits(0)
    old = studio.project.png(ANA)
    with studio.live() as live:
        found = studio.send("POST", "/api/items/kins:ana/candidate", {"seed": 99})
        assert found["seed"] == 99
        assert live.next("job_complete", jobId=found["id"])["result"]["seed"] == 99
    detail = studio.get("/api/items/kins:ana")
    assert detail["candidate"]["seed"] == 99 and detail["state"] == "fresh" and studio.project.png(ANA) == old
    with studio.client() as client:
        tried = client.get(detail["candidate"]["picture"]).content
        assert tried != old and client.get(detail["candidate"]["thumbnail"]).headers["content-type"] == "image/webp"
    kept = studio.send("POST", "/api/items/kins:ana/candidate/keep")
    assert kept["candidate"] is None and kept["state"] == "fresh" and len(kept["previous"]) == 1
    target = studio.project.root / ANA
    assert record(target)["made"]["recipe"]["seed"] == 99, "it says what really made it"
    with studio.client() as client:
        assert client.get(kept["previous"][0]["picture"]).content == old
    studio.project.run("status", "kins:ana", "--check").exits(0)
    restored = studio.send("POST", "/api/items/kins:ana/restore", {})
    assert restored["state"] == "fresh" and pixels(target) != b"" and target.read_bytes() == old


def test_a_candidate_is_discarded_and_nothing_is_left_of_it(studio: Studio) -> None:
    studio.project.run("run", "kins:ana").exits(0)
    old = studio.project.png(ANA)
    with studio.live() as live:
        job = studio.send("POST", "/api/items/kins:ana/candidate", {})
        assert 0 < job["seed"] < 2**32
        live.next("job_complete", jobId=job["id"])
        second = studio.send("POST", "/api/items/kins:ana/candidate", {"seed": "7"})
        live.next("job_complete", jobId=second["id"])
    assert studio.get("/api/items/kins:ana")["candidate"]["seed"] == 7
    assert studio.send("DELETE", "/api/items/kins:ana/candidate")["candidate"] is None
    assert studio.project.png(ANA) == old
    assert not list((studio.project.root / ".imagegen/candidates").rglob("*.png"))
    assert not list((studio.project.root / ".imagegen/previous").rglob("*.png"))


def test_a_sentence_takes_the_seed_of_the_candidate_that_is_kept(project: Project) -> None:
    state_home(project)
    (sentence,) = film(project, ["It rains."])
    task = f"film:{sentence}"
    with Studio(project) as studio, studio.live() as live:
        live.next("job_complete", jobId=studio.send("POST", "/api/builds", {"tasks": [task]})["jobs"][0]["id"])
        live.next("job_complete", jobId=studio.send("POST", f"/api/items/{task}/candidate", {"seed": 41})["id"])
        kept = studio.send("POST", f"/api/items/{task}/candidate/keep")
        assert kept["seed"] == 41 and kept["state"] == "fresh" and kept["candidate"] is None
        assert query(project, "select seed from sentences") in ([("41",)], [(41,)])
        assert rows(project)[0][1:] == ("completed", 0)
    target = project.root / kept["target"]
    assert record(target)["recipe"]["seed"] == 41 and "made" not in record(target), "its recipe is just that"
    project.run("status", "--check").exits(0)


def test_keeping_without_a_candidate_is_refused(desk: Desk) -> None:
    assert "no candidate" in desk.refuses(409, "POST", "/api/items/kins:ana/candidate/keep")
    assert 0 < desk.ask("POST", "/api/items/kins:ana/candidate").json()["seed"] < 2**32, "any seed will do"
    assert "kins:nobody" in desk.refuses(404, "POST", "/api/items/kins:nobody/candidate", {})
    assert "seed" in desk.refuses(400, "POST", "/api/items/kins:ana/candidate", {"seed": "many"})
    assert "seed" in desk.refuses(400, "POST", "/api/items/kins:ana/candidate", {"seed": -1})
    assert "seed" in desk.refuses(400, "POST", "/api/items/kins:ana/candidate", {"seed": 2**64})
    assert desk.ask("DELETE", "/api/items/kins:ana/candidate").status_code == 200, "there is none: as was asked"


def make(desk: Desk, task: str, seed: int | None = None) -> None:
    """The picture, or with a ``seed`` a candidate, as an engine has it made."""
    job = f"job-{seed}"
    built = desk.builder.build(task, job, 1, seed)
    desk.hub.announced({"name": "image/completed", "jobId": job, "task": task, "data": {"imageFile": built.file}})


def test_a_candidate_that_can_t_be_kept_now_changes_nothing(
    project: Project, open_desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's run has the target: the sentence keeps its seed, and the candidate stays."""
    (sentence,) = film(project, ["A fox."])
    desk, task = open_desk(), f"film:{sentence}"
    make(desk, task)
    make(desk, task, 7)
    place = target(project, sentence)
    picture = place.read_bytes()
    with files.locked(project.root, place, threading.Event()), monkeypatch.context() as soon:
        soon.setattr(deeds, "PATIENCE", 0.5)
        assert "is being made" in desk.refuses(409, "POST", f"/api/items/{task}/candidate/keep")
    assert query(project, "select seed from sentences") == [(None,)] and place.read_bytes() == picture
    assert desk.get(f"/api/items/{task}")["candidate"]["seed"] == 7
    assert desk.ask("POST", f"/api/items/{task}/candidate/keep").status_code == 200
    assert query(project, "select seed from sentences") == [("7",)]
    kept = desk.get(f"/api/items/{task}")
    assert (kept["state"], kept["candidate"], [one["number"] for one in kept["previous"]]) == ("fresh", None, [1])


def test_a_candidate_that_comes_while_one_is_kept_stays(
    desk: Desk, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was looked at takes the target's place; the next waits until that is done, and is not removed."""
    make(desk, "kins:ana")
    make(desk, "kins:ana", 5)
    put, coming = build.replace, []

    def slowly(*given: Any) -> None:
        coming.append(threading.Thread(target=desk.builder.build, args=("kins:ana", "next", 1, 6)))
        coming[0].start()
        coming[0].join(timeout=1)  # it waits
        monkeypatch.setattr(build, "replace", put)
        put(*given)

    monkeypatch.setattr(build, "replace", slowly)
    assert desk.ask("POST", "/api/items/kins:ana/candidate/keep").status_code == 200
    coming[0].join(timeout=30)
    found = desk.get("/api/items/kins:ana")
    assert record(project.root / ANA)["made"]["recipe"]["seed"] == 5 and found["candidate"]["seed"] == 6
