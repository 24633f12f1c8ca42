"""A studio that runs its jobs on Inngest is closed, killed or given up, and opened again."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("inngest", reason="pip install 'imagegen[inngest]'")

from imagegen.jobs import event, steps  # noqa: E402
from imagegen.jobs.inngest_engine import Settings  # noqa: E402
from imagegen.jobs.retrying import WillPass  # noqa: E402
from tests.servers.inngest import InngestServer  # noqa: E402
from tests.servers.inngest_studio import QUICK, InngestStudio, development_server  # noqa: E402
from tests.servers.inngest_wire import hashed  # noqa: E402


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[InngestServer]:
    with development_server(monkeypatch) as running:
        yield running


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_a_studio_that_is_closed_goes_on_when_it_is_opened_again(server: InngestServer, tmp_path: Path) -> None:
    port = free_port()
    with InngestStudio(tmp_path, Settings(first_delay=5), port) as studio:
        server.sync(studio.url)
        studio.builder.gate.clear()
        job = studio.generate()
        studio.builder.waits_for(lambda: bool(studio.builder.began))
        server.hold()
    server.wait_until(lambda: server.runs[0].waits)
    assert server.runs[0].status == "Running" and server.runs[0].waits == pytest.approx([5], abs=1)
    with InngestStudio(tmp_path, QUICK, port) as studio:
        assert studio.job(job).status == "queued"  # neither failed nor cancelled
        server.release()
        server.wait_for_runs()
        assert (studio.job(job).status, studio.sentence().status) == ("completed", "completed")
        assert studio.site.made == {studio.task(): 1} and not server.ended("Failed")


def test_a_studio_that_is_closed_in_the_last_attempt_has_not_failed(server: InngestServer, tmp_path: Path) -> None:
    port = free_port()
    with InngestStudio(tmp_path, QUICK, port) as studio:
        server.sync(studio.url)
        studio.builder.faults[studio.task()] = [WillPass("trouble"), WillPass("trouble")]
        hold_from(studio, 3)
        job = studio.generate()
        studio.builder.waits_for(lambda: len(studio.builder.began) == 3)
        studio.engine.close()  # while it still answers: the server tells it of the failure
        server.wait_until(lambda: len(server.told("image/generate")) == 1 and server.ended("Failed"))
    with InngestStudio(tmp_path, QUICK, port) as studio:
        assert studio.engine.adopt(steps.unfinished_jobs(studio.board, studio.id)) == [job]
        server.wait_until(lambda: studio.site.made)
        server.wait_for_runs(3)
        assert studio.job(job).status == "completed" and studio.site.made == {studio.task(): 1}


def hold_from(studio: InngestStudio, attempt: int) -> None:
    """Let builds up to that attempt go on at once."""
    builder, build = studio.builder, studio.builder.build

    def held(task: str, job: str, number: int, candidate_seed: int | None = None) -> steps.Built:
        if number >= attempt:
            builder.gate.clear()
        return build(task, job, number, candidate_seed)

    builder.build = held  # type: ignore[method-assign]


def test_a_killed_studio_goes_on_where_it_was(server: InngestServer, tmp_path: Path) -> None:
    with InngestStudio(tmp_path) as earlier:
        made_before = earlier.sentences
    port = free_port()
    command = [sys.executable, "-m", "tests.servers.inngest_studio", str(tmp_path), str(port)]
    with subprocess.Popen(command, cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stdout.readline() == "serving\n"
            server.sync(f"http://127.0.0.1:{port}/api/inngest")
            data = {"projectId": earlier.id, "sentenceId": made_before[0]}
            server.send({"name": "image/generate", "id": "one", "data": data})
            assert process.stdout.readline() == "generating\n"
            server.hold()
        finally:
            process.kill()
    with InngestStudio(tmp_path, port=port) as studio:
        server.release()
        (run,) = server.wait_for_runs()
        assert run.status == "Completed" and studio.job("one").status == "completed"
        assert studio.site.made == {studio.task(): 1}
        done = {hashed("create-job"), hashed("mark-generating")}
        generating = [one for one in server.calls if one.body["steps"].keys() == done]
        assert [one.body["ctx"]["attempt"] for one in generating] == [0, 1]


def test_a_job_that_the_server_gave_up_is_taken_on_at_the_next_start(server: InngestServer, tmp_path: Path) -> None:
    port = free_port()
    with InngestStudio(tmp_path, QUICK, port) as studio:
        server.sync(studio.url)
        studio.builder.gate.clear()
        job = studio.generate()
        studio.builder.waits_for(lambda: bool(studio.builder.began))
    server.wait_for_runs(2)
    assert server.runs[0].status == "Failed"
    with InngestStudio(tmp_path, QUICK, port) as studio:
        left = steps.unfinished_jobs(studio.board, studio.id)
        assert studio.engine.adopt(left) == [job] and studio.engine.adopt(left) == []
        server.wait_for_runs(3)
        assert studio.job(job).status == "completed" and studio.site.made == {studio.task(): 1}


def test_a_job_is_taken_on_once_the_server_answers(server: InngestServer, tmp_path: Path) -> None:
    with InngestStudio(tmp_path) as studio:
        server.sync(studio.url)
        server.refusal = 503
        left = event.of_sentence(studio.id, studio.sentences[0], "one")
        assert steps.create_job(studio.site, left)
        assert studio.engine.adopt([left]) == ["one"]
        server.wait_until(lambda: server.refused)
        assert studio.engine.unfinished() == ["one"]  # it waits, and has not failed
        server.refusal = 0
        server.wait_for_runs()
        assert studio.job("one").status == "completed"
