"""A process that is killed (SIGKILL) anywhere in a job: the next goes on, and one image is made."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from imagegen.jobs.event import of_sentence
from imagegen.storyboard import editing
from imagegen.storyboard.database import address, open_storyboard
from imagegen.storyboard.tables import Job, Sentence
from tests.jobs_site import PictureSite
from tests.postgres import postgres  # noqa: F401

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")

STEPS = ("create_job", "mark_generating", "generate_image", "update_sentence", "complete_job")


@pytest.mark.parametrize("kind", ["file", "server"])
def test_a_kill_at_any_place_costs_no_image(tmp_path: Path, kind: str, request: pytest.FixtureRequest):
    """Each process finishes the job in which the one before was killed, and is killed in the next: before a step, and
    when it is done and not yet recorded. What is recorded is as good as before the next step, but for the last."""
    where = {} if kind == "file" else {"database": request.getfixturevalue("postgres").address}
    places = [f"{step} {when}" for step in STEPS for when in ("before", "after")] + ["complete_job recorded"]
    if kind == "server":
        places = ["generate_image after", "complete_job after"]
    board = open_storyboard(address("board.sqlite", tmp_path), create=True)
    with board.session() as session:
        project = editing.create_project(session, "film").id
        sentences = [editing.add_sentence(session, project, place, f"about {place}").id for place in places]
    events = [of_sentence(project, sentence, seed=number) for number, sentence in enumerate(sentences)]
    for event, place in zip(events, places, strict=True):
        wishes = {**where, "kill": place, "event": {"id": event.id, "data": dict(event.data)}}
        assert run(tmp_path, wishes) == -signal.SIGKILL, place
    assert run(tmp_path, where) == 0

    assert PictureSite(tmp_path).made == {f"script:{sentence}": 1 for sentence in sentences}
    with board.reading() as session:
        for event, place in zip(events, places, strict=True):
            job, sentence = session.get(Job, event.id), session.get(Sentence, event.sentence)
            assert job is not None and sentence is not None
            assert (job.status, job.attempts) == ("completed", 1), place
            assert (sentence.status, sentence.is_image_dirty) == ("completed", False), place
            assert sentence.image_file == f"images/{sentence.id}.png"
    board.close()


def run(project: Path, wishes: dict[str, object]) -> int:
    """The status with which a process ended."""
    environ = {**os.environ, "COVERAGE_PROCESS_CONFIG": "", "COVERAGE_PROCESS_START": ""}
    command = [sys.executable, "-m", "tests.jobs_site", os.fspath(project), json.dumps(wishes)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode
