"""A job on Inngest is cancelled: while it builds, while it waits, by another studio, unheard by the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("inngest", reason="pip install 'imagegen[inngest]'")

from imagegen.jobs import event, steps  # noqa: E402
from imagegen.jobs.inngest_engine import Settings  # noqa: E402
from imagegen.jobs.retrying import WillPass  # noqa: E402
from tests.servers.inngest import InngestServer  # noqa: E402
from tests.servers.inngest_studio import InngestStudio, development_server  # noqa: E402


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


def test_a_cancelled_job_is_stopped(server: InngestServer, studio: InngestStudio) -> None:
    studio.builder.gate.clear()
    job, waiting = studio.generate(0), studio.generate(1)
    studio.builder.waits_for(lambda: len(studio.builder.began) == 2)
    assert studio.engine.unfinished() == [job, waiting]
    assert studio.engine.cancel(job) and not studio.engine.cancel(job)
    assert studio.engine.unfinished() == [waiting]
    studio.builder.gate.set()
    server.wait_for_runs(2)
    assert studio.job(job).status == "cancelled" and studio.sentence(0).status == "idle"
    assert studio.site.made == {studio.task(1): 1} and not server.ended("Failed")


def test_a_job_that_waits_for_its_next_attempt_is_cancelled(server: InngestServer, tmp_path: Path) -> None:
    with InngestStudio(tmp_path, Settings(first_delay=30)) as studio:
        server.sync(studio.url)
        studio.builder.faults[studio.task()] = [WillPass("trouble")]
        job = studio.generate()
        server.wait_until(lambda: server.runs and server.runs[0].waits)
        assert studio.job(job).status == "queued" and studio.engine.cancel(job)
        assert server.runs[0].status == "Cancelled"
        assert studio.job(job).status == "cancelled" and len(studio.builder.began) == 1


def test_a_cancelled_job_stays_so_where_the_server_does_not_hear_of_it(
    server: InngestServer, studio: InngestStudio
) -> None:
    studio.builder.gate.clear()
    job = studio.generate()
    studio.builder.waits_for(lambda: bool(studio.builder.began))
    server.refusal = 401
    assert studio.engine.cancel(job)
    (run,) = server.wait_for_runs()
    assert run.status == "Completed" and run.output == {"status": "stopped"}
    assert studio.job(job).status == "cancelled" and not studio.site.made


def test_a_job_that_another_studio_cancels_ends_with_its_attempt(server: InngestServer, studio: InngestStudio) -> None:
    """They share the storyboard; the server was not told."""
    studio.builder.gate.clear()
    studio.builder.faults[studio.task()] = [WillPass("trouble")]
    job = studio.generate()
    studio.builder.waits_for(lambda: bool(studio.builder.began))
    assert steps.cancel_job(studio.site, event.of_sentence(studio.id, studio.sentences[0], job))
    studio.builder.gate.set()
    (run,) = server.wait_for_runs()
    assert run.output == {"status": "stopped"} and not run.waits
    assert studio.job(job).status == "cancelled" and not studio.site.made
