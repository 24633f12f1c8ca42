"""The job `image/generate` on Inngest, as a studio's user meets it; a stand-in plays the Inngest server's side."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

pytest.importorskip("inngest", reason="pip install 'imagegen[inngest]'")

from imagegen.errors import Unreachable, WrongInput  # noqa: E402
from imagegen.jobs import event  # noqa: E402
from imagegen.jobs.inngest_engine import Settings  # noqa: E402
from imagegen.jobs.retrying import WillPass, WontPass  # noqa: E402
from imagegen.storyboard.database import Storyboard  # noqa: E402
from tests.servers.inngest import InngestServer  # noqa: E402
from tests.servers.inngest_studio import InngestStudio, development_server  # noqa: E402
from tests.servers.inngest_wire import hashed  # noqa: E402

NAMES = ["create-job", "mark-generating", "generate-image", "update-sentence", "complete-job", "send-completed"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[InngestServer]:
    with development_server(monkeypatch) as running:
        yield running


@pytest.fixture
def studio(server: InngestServer, tmp_path: Path) -> Iterator[InngestStudio]:
    """A studio that the server knows."""
    with InngestStudio(tmp_path) as running:
        assert server.sync(running.url).status == 200
        yield running


def test_a_sentence_gets_its_picture(server: InngestServer, studio: InngestStudio) -> None:
    server.hold()
    job = studio.generate(imagePrompt="a red fox", seed=7)
    assert studio.sentence().status == "queued"  # the page shows it before the server has called
    server.release()
    (run,) = server.wait_for_runs()
    file = f"images/{studio.sentences[0]}.png"
    assert run.stack == [hashed(name) for name in NAMES]
    sentence = studio.sentence()
    assert (sentence.status, sentence.image_file, sentence.is_image_dirty) == ("completed", file, False)
    assert (sentence.image_prompt, sentence.seed) == ("a red fox", 7)
    row = studio.job(job)
    assert (row.status, row.attempts, row.result) == ("completed", 1, {"file": file, "seed": 7})
    (told,) = server.told("image/completed")
    assert told["data"] == {"projectId": studio.id, "sentenceId": studio.sentences[0], "imageFile": file}
    assert studio.site.names(job) == ["queued", "generating", "completed"]
    assert not studio.engine.unfinished()


def test_what_the_server_keeps_is_small(server: InngestServer, studio: InngestStudio) -> None:
    """Never an image: it would be sent along with each further call."""
    studio.generate()
    (run,) = server.wait_for_runs()
    assert run.steps[hashed("generate-image")]["data"].keys() == {"file", "seed", "digest", "made"}
    assert len(json.dumps(run.steps)) < 1000


def test_an_item_of_the_manifest_gets_its_picture(server: InngestServer, studio: InngestStudio) -> None:
    job = studio.engine.submit(event.of_task("kins:aria"))
    server.wait_for_runs()
    assert studio.site.made == {"kins:aria": 1}
    (told,) = server.told("image/completed")
    assert told["data"] == {"imageFile": "images/aria.png"}
    assert studio.site.names(job)[-1] == "completed" and not studio.engine.unfinished()


def test_what_may_pass_is_tried_again(server: InngestServer, studio: InngestStudio) -> None:
    studio.builder.faults[studio.task()] = [WillPass("no server answered", "start one")]
    job = studio.generate()
    (run,) = server.wait_for_runs()
    assert run.waits == pytest.approx([0.05], abs=0.05)
    assert (studio.job(job).status, studio.job(job).attempts) == ("completed", 2)
    again = studio.site.hears("image/retrying", job)["data"]
    assert again == {"error": "no server answered", "hint": "start one", "attempt": 1, "seconds": 0.05}


def test_it_is_tried_three_times_after_30_and_60_seconds(server: InngestServer, tmp_path: Path) -> None:
    server.pace = 0.0005
    with InngestStudio(tmp_path, Settings()) as studio:
        server.sync(studio.url)
        studio.builder.faults[studio.task()] = [WillPass(f"trouble {number}") for number in (1, 2, 3, 4)]
        job = studio.generate()
        run, _ = server.wait_for_runs(2)
        assert run.waits == pytest.approx([30, 60], abs=1)
        assert len(studio.builder.began) == 3
        assert (studio.job(job).status, studio.job(job).attempts) == ("failed", 3)
        assert studio.sentence().status == "failed" and "trouble 3" in studio.sentence().error
        assert run.status == "Failed" and "Traceback" not in json.dumps(run.output)


def test_what_can_t_pass_is_not_tried_again(server: InngestServer, studio: InngestStudio) -> None:
    studio.builder.faults[studio.task()] = [WontPass("there is no checkpoint", "doctor names those there are")]
    job = studio.generate()
    server.wait_for_runs(2)
    assert len(studio.builder.began) == 1
    assert (studio.job(job).status, studio.job(job).attempts) == ("failed", 1)
    failed = studio.site.hears("image/failed", job)["data"]
    assert failed == {"error": "there is no checkpoint", "hint": "doctor names those there are", "attempts": 1}


def test_a_failure_is_told_once(server: InngestServer, studio: InngestStudio) -> None:
    """Though the server tells of it too, in its own words."""
    studio.builder.faults["kins:aria"] = [WontPass("there is no checkpoint")]
    job = studio.engine.submit(event.of_task("kins:aria"))
    server.wait_for_runs(2)
    assert studio.site.names(job) == ["queued", "generating", "failed"]


def test_a_fault_of_ours_fails_the_job_with_its_reason(server: InngestServer, studio: InngestStudio) -> None:
    studio.builder.faults[studio.task()] = [KeyError("sampler")] * 3
    job = studio.generate()
    run, told = server.wait_for_runs(2)
    assert run.status == "Failed" and told.status == "Completed"
    assert studio.job(job).status == "failed" and "sampler" in studio.job(job).error


def test_a_doubled_event_is_one_job(server: InngestServer, studio: InngestStudio) -> None:
    assert [studio.generate(id=id) for id in ("a", "a", "b", "a")] == ["a", "a", "b", "a"]
    server.wait_for_runs(2)
    assert studio.generate(id="a") == "a"
    assert len(server.runs) == 2 and studio.site.made == {studio.task(): 1}


def test_a_job_with_two_runs_is_done_by_the_first(server: InngestServer, studio: InngestStudio) -> None:
    """Its event was sent anew, and the server had not forgotten it."""
    studio.builder.gate.clear()
    job = studio.generate()
    studio.builder.waits_for(lambda: bool(studio.builder.began))
    server.send({**server.told("image/generate")[0], "id": "anew"})
    server.wait_until(lambda: server.ended("Completed"))
    assert server.runs[1].output == {"status": "stopped"} and not server.runs[1].steps
    studio.builder.gate.set()
    server.wait_for_runs(2)
    assert studio.job(job).status == "completed" and studio.sentence().status == "completed"
    assert studio.site.names(job) == ["queued", "generating", "completed"] and len(studio.builder.began) == 1


def test_an_event_of_another_program_is_a_job_too(server: InngestServer, studio: InngestStudio) -> None:
    data = {"projectId": studio.id, "sentenceId": studio.sentences[1], "imagePrompt": "a fox looks about"}
    server.send({"name": "image/generate", "id": "theirs", "data": data})
    server.wait_for_runs()
    assert studio.job("theirs").status == "completed"
    assert studio.sentence(1).image_prompt == "a fox looks about"


@pytest.mark.parametrize("data", [{}, {"projectId": "nowhere", "sentenceId": "x"}, {"task": "unknown"}, {"task": 7}])
def test_an_event_that_makes_no_sense_is_refused_once(
    server: InngestServer, studio: InngestStudio, data: dict[str, object]
) -> None:
    server.send({"name": "image/generate", "data": data})
    run, told = server.wait_for_runs(2)
    assert run.status == "Failed" and not run.waits and told.status == "Completed"
    assert run.output["name"] == "NonRetriableError" and not studio.site.made


def test_studios_that_share_a_server_leave_each_other_s_jobs_alone(
    server: InngestServer, studio: InngestStudio, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It tells each event to all who listen."""
    monkeypatch.setenv("IMAGEGEN_INNGEST_APP", "another")
    with InngestStudio(tmp_path_factory.mktemp("another")) as other:
        server.sync(other.url)
        studio.engine.submit(event.of_task("kins:aria"))
        server.wait_for_runs(2)
        assert studio.site.made == {"kins:aria": 1} and not other.builder.began
        assert {run.status for run in server.runs} == {"Completed"}


@pytest.mark.parametrize("name", ["two words", "-", "a/b", "x" * 65])
def test_a_name_that_is_none_is_refused(
    server: InngestServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("IMAGEGEN_INNGEST_APP", name)
    with pytest.raises(WrongInput, match="IMAGEGEN_INNGEST_APP"):
        InngestStudio(tmp_path)


def test_the_studio_answers_while_it_builds(server: InngestServer, studio: InngestStudio) -> None:
    """A build blocks for minutes, and blocks nobody else."""
    studio.builder.gate.clear()
    studio.generate()
    studio.builder.waits_for(lambda: bool(studio.builder.began))
    assert server.look(studio.url).status == 200
    studio.builder.gate.set()
    server.wait_for_runs()


def test_no_more_steps_are_under_way_than_it_says(server: InngestServer, tmp_path: Path) -> None:
    with InngestStudio(tmp_path, Settings(first_delay=0.05, at_once=2)) as studio:
        server.sync(studio.url)
        for number in range(3):
            studio.generate(number)
        server.wait_for_runs(3)
        assert server.most_under_way == 2 and studio.builder.most <= 2
        assert set(studio.site.made.values()) == {1}


def test_a_storyboard_that_is_not_to_be_had_costs_an_attempt(server: InngestServer, studio: InngestStudio) -> None:
    left, get = 2, studio.site.storyboard

    def sometimes(project: str) -> Storyboard | None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise Unreachable("the database does not answer")
        return get(project)

    studio.site.storyboard = sometimes  # type: ignore[method-assign]
    data = {"projectId": studio.id, "sentenceId": studio.sentences[0]}
    server.send({"name": "image/generate", "id": "one", "data": data})
    (run,) = server.wait_for_runs()
    assert len(run.waits) == 2
    assert studio.job("one").status == "completed"


def test_a_step_that_the_server_lost_sight_of_is_not_done_twice(server: InngestServer, studio: InngestStudio) -> None:
    """The same call once more, while the first still goes on: it waits, and finds the picture."""
    studio.builder.gate.clear()
    studio.generate()
    studio.builder.waits_for(lambda: bool(studio.builder.began))
    answers: list[requests.Response] = []
    posted = server.calls[-1]
    second = threading.Thread(target=lambda: answers.append(requests.post(posted.url, json=posted.body, timeout=20)))
    second.start()
    assert len(studio.builder.began) == 1
    studio.builder.gate.set()
    server.wait_for_runs()
    second.join()
    assert studio.site.made == {studio.task(): 1} and studio.builder.most == 1
    assert answers[0].status_code == 206 or answers[0].json() == {"status": "stopped"}


def test_a_server_that_takes_no_event_fails_the_job_at_once(server: InngestServer, studio: InngestStudio) -> None:
    server.refusal = 401
    with pytest.raises(Unreachable, match="the Inngest server at http://127.0.0.1:"):
        studio.generate(id="one")
    assert studio.job("one").status == "failed" and studio.sentence().status == "failed"
    assert not studio.engine.unfinished()


def test_one_file_knows_the_sdk() -> None:
    package = Path(__file__).parent.parent / "imagegen"
    imports = re.compile(r"^\s*(import|from) inngest\b", re.M)
    found = [path.name for path in package.rglob("*.py") if imports.search(path.read_text("utf-8"))]
    assert found == ["inngest_engine.py"]
