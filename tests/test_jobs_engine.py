"""The engine that comes with imagegen: what becomes of jobs while it runs, is left and is begun again."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from imagegen.errors import Interrupted, Unreachable, WrongInput
from imagegen.jobs import steps
from imagegen.jobs.database import DEFAULT
from imagegen.jobs.dbos_engine import DbosEngine
from imagegen.jobs.event import Event, of_sentence, of_task
from imagegen.jobs.retrying import WillPass, WontPass
from imagegen.storyboard import editing
from imagegen.storyboard.database import address, open_storyboard
from imagegen.storyboard.tables import Job, Sentence
from tests.jobs_site import PATIENCE, PictureSite
from tests.postgres import PASSWORD, WRITTEN_PASSWORD, postgres  # noqa: F401


class Film:
    """A storyboard with sentences, and engines for it, one after the other."""

    def __init__(self, project: Path, database: str = DEFAULT) -> None:
        self.project, self.database = project, database
        self.board = open_storyboard(address("board.sqlite", project), create=True)
        with self.board.session() as session:
            self.id = editing.create_project(session, "film").id
            self.sentences = [editing.add_sentence(session, self.id, f"Sentence {n}.").id for n in range(6)]

    @contextlib.contextmanager
    def running(
        self, workers: int = 2, first_delay: float = 0.2, **more: object
    ) -> Iterator[tuple[PictureSite, DbosEngine]]:
        """A studio's engine, left at the end."""
        site = PictureSite(self.project, self.board)
        engine = DbosEngine(site, self.project, workers, self.database, first_delay, poll=0.02, **more)  # type: ignore[arg-type]
        engine.start()
        try:
            yield site, engine
        finally:
            engine.close()

    def event(self, number: int = 0, **carried: object) -> Event:
        return of_sentence(self.id, self.sentences[number], **carried)

    def task(self, number: int = 0) -> str:
        return f"script:{self.sentences[number]}"

    def sentence(self, number: int = 0) -> Sentence:
        with self.board.reading() as session:
            found = session.get(Sentence, self.sentences[number])
            assert found is not None
            return found

    def job(self, event: Event) -> Job:
        with self.board.reading() as session:
            found = session.get(Job, event.id)
            assert found is not None
            return found


@pytest.fixture(params=["file", "server"])
def film(request: pytest.FixtureRequest, tmp_path: Path) -> Film:
    """One on SQLite, one on PostgreSQL."""
    return Film(tmp_path, DEFAULT if request.param == "file" else request.getfixturevalue("postgres").address)


@pytest.fixture
def short(tmp_path: Path) -> Film:
    """On SQLite, where the database makes no difference."""
    return Film(tmp_path)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


# --- an image ---------------------------------------------------------------------------------------


def test_a_click_becomes_a_picture(film: Film):
    event = film.event(imagePrompt="a fox", seed=2**64 - 1)
    with film.running() as (site, engine):
        assert engine.submit(event) == event.id
        assert film.sentence().image_prompt == "a fox"  # at once, not when its turn comes
        data = site.hears("image/completed", event.id)["data"]
        until(lambda: not engine.unfinished())
    assert data == {
        "projectId": film.id,
        "sentenceId": film.sentences[0],
        "imageFile": f"images/{film.sentences[0]}.png",
    }
    assert site.names(event.id) == ["queued", "generating", "completed"]
    assert (film.sentence().status, film.sentence().is_image_dirty) == ("completed", False)
    assert (film.job(event).status, film.job(event).attempts) == ("completed", 1)


def test_what_passes_is_tried_three_times_in_all(film: Film):
    passing, lasting = film.event(0), film.event(1)
    with film.running() as (site, engine):
        site.builder.faults[film.task(0)] = [WillPass("no connection"), WillPass("no connection")]
        site.builder.faults[film.task(1)] = [WillPass("no connection", "start it")] * 4
        engine.submit_all([passing, lasting])
        site.hears("image/completed", passing.id)
        failed = site.hears("image/failed", lasting.id)
        until(lambda: not engine.unfinished())
    assert failed["data"] == {"error": "no connection", "hint": "start it", "attempts": 3}
    assert site.names(passing.id) == ["queued", *["generating", "retrying"] * 2, "generating", "completed"]
    assert [
        one["data"]["seconds"] for one in site.heard if one["name"] == "image/retrying" and one["jobId"] == lasting.id
    ] == [0.2, 0.4]
    assert site.builder.began.count(film.task(1)) == 3
    assert (film.job(passing).status, film.job(passing).attempts) == ("completed", 3)
    assert (film.job(lasting).status, film.job(lasting).attempts) == ("failed", 3)
    assert "no connection" in film.sentence(1).error and "start it" in film.sentence(1).error


def test_what_cant_pass_is_not_tried_again(short: Film):
    refused, unknown = short.event(), of_task("unknown:thing")
    with short.running() as (site, engine):
        site.builder.faults[short.task()] = [WontPass("there is no checkpoint dream.safetensors", "download it")]
        engine.submit_all([refused, unknown])
        said = site.hears("image/failed", refused.id)["data"]
        assert "unknown:thing" in site.hears("image/failed", unknown.id)["data"]["error"]
    assert said == {"error": "there is no checkpoint dream.safetensors", "hint": "download it", "attempts": 1}
    assert site.names(refused.id) == ["queued", "generating", "failed"]


def test_an_interruption_that_nobody_asked_for_is_tried_again(short: Film):
    event = short.event()
    with short.running() as (site, engine):
        site.builder.faults[short.task()] = [Interrupted("interrupted")]
        engine.submit(event)
        site.hears("image/completed", event.id)
    assert short.job(event).attempts == 2


def test_a_fault_in_the_builder_fails_its_job_and_is_in_the_log(short: Film):
    broken, good = short.event(0), short.event(1)
    with short.running() as (site, engine):
        site.builder.faults[short.task(0)] = [ZeroDivisionError("a bug of ours")]
        engine.submit_all([broken, good])
        site.hears("image/completed", good.id)
        assert "imagegen itself" in site.hears("image/failed", broken.id)["data"]["error"]
    assert short.sentence(0).status == "failed"
    assert "a bug of ours" in (short.project / ".imagegen/jobs.log").read_text()


def test_items_that_are_no_sentences_are_made_too(short: Film):
    event, candidate = of_task("other:thing"), of_task("other:thing2", candidate_seed=5)
    with short.running() as (site, engine):
        engine.submit_all([event, candidate])
        assert site.hears("image/completed", event.id)["data"] == {"imageFile": "images/thing.png"}
        assert site.hears("image/completed", candidate.id)["candidate"]


# --- turns ------------------------------------------------------------------------------------------


def test_a_good_job_runs_while_a_failing_one_waits_for_its_retry(film: Film):
    failing, good = film.event(0), film.event(1)
    with film.running(workers=1, first_delay=600) as (site, engine):
        site.builder.faults[film.task(0)] = [WillPass("no connection")]
        engine.submit(failing)
        site.hears("image/retrying", failing.id)
        threads = threading.active_count()
        engine.submit(good)
        site.hears("image/completed", good.id)
        until(lambda: list(engine.unfinished()) == [failing.id])
        assert threading.active_count() <= threads
        assert film.sentence(0).status == "queued"
        assert "no connection" in film.job(failing).error


def test_who_came_first_goes_first_also_after_a_retry(short: Film):
    events = [short.event(number) for number in range(6)]
    with short.running(workers=1, first_delay=0.05) as (site, engine):
        site.builder.faults[short.task(0)] = [WillPass("no connection")]
        engine.submit_all(events[:1])
        site.hears("image/retrying", events[0].id)
        site.builder.gate.clear()
        engine.submit_all(events[1:])
        site.builder.waits_for(lambda: len(site.builder.began) == 2)
        # The background thread of the library looks each second whose delay is over.
        until(lambda: "ENQUEUED" in states(short, f"{events[0].id}#2"))
        site.builder.gate.set()
        for event in events:
            site.hears("image/completed", event.id)
    assert site.builder.began == [short.task(number) for number in (0, 1, 0, 2, 3, 4, 5)]


def states(film: Film, attempt: str) -> list[str]:
    with contextlib.closing(sqlite3.connect(film.project / DEFAULT)) as database:
        found = database.execute("SELECT status FROM workflow_status WHERE workflow_uuid = ?", [attempt])
        return [row[0] for row in found]


def test_many_jobs_wait_without_threads_and_in_order(short: Film):
    many = [of_task(f"many:{number}") for number in range(300)]
    with short.running(workers=3) as (site, engine):
        site.builder.gate.clear()
        threads = threading.active_count()
        assert engine.submit_all(many) == [event.id for event in many]
        site.builder.waits_for(lambda: len(site.builder.began) == 3)
        assert list(engine.unfinished()) == [event.id for event in many]
        assert threading.active_count() <= threads + 3
        assert sorted(engine.cancel_all(engine.unfinished())) == sorted(event.id for event in many)
        assert not engine.unfinished()
    assert site.builder.most == 3 and not site.made


# --- doubled events ---------------------------------------------------------------------------------


def test_a_doubled_event_is_one_job_also_after_a_restart(film: Film):
    event, failing = film.event(0), film.event(1)
    with film.running() as (site, engine):
        site.builder.faults[film.task(1)] = [WontPass("refused")]
        assert engine.submit_all([event, event, failing]) == [event.id, event.id, failing.id]
        engine.submit(event)
        site.hears("image/completed", event.id)
        site.hears("image/failed", failing.id)
    with film.running() as (site, engine):
        assert engine.submit_all([event, failing]) == [event.id, failing.id]
        assert not engine.unfinished() and not site.heard
    assert site.made[film.task(0)] == 1 and site.made[film.task(1)] == 0


def test_a_doubled_event_is_one_job_also_after_the_engine_has_forgotten_it(short: Film):
    event = short.event()
    with short.running() as (site, engine):
        engine.submit(event)
        site.hears("image/completed", event.id)
        until(lambda: not engine.unfinished())
    with short.running(kept=timedelta(0)) as (site, engine):
        assert states(short, event.id) == []
        engine.submit(event)
        assert not engine.unfinished()


# --- cancelling -------------------------------------------------------------------------------------


def test_a_queued_job_that_is_cancelled_never_starts_and_one_under_way_is_stopped(film: Film):
    running, queued = film.event(0), film.event(1)
    with film.running(workers=1) as (site, engine):
        site.builder.gate.clear()
        engine.submit_all([running, queued])
        site.builder.waits_for(lambda: bool(site.builder.began))
        assert engine.cancel(queued.id) and not engine.cancel(queued.id)
        assert engine.cancel(running.id)
        assert not engine.cancel("unknown")
        assert not engine.unfinished()
        site.builder.gate.set()
        other = film.event(2)
        engine.submit(other)
        site.hears("image/completed", other.id)
    assert site.builder.began == [film.task(0), film.task(2)]
    assert site.names(running.id) == ["queued", "generating", "cancelled"]
    assert site.names(queued.id) == ["queued", "cancelled"]
    assert [film.job(event).status for event in (running, queued)] == ["cancelled", "cancelled"]
    assert [film.sentence(number).status for number in (0, 1)] == ["idle", "idle"]
    with film.running() as (site, engine):
        assert not engine.unfinished()


def test_a_job_that_waits_for_its_retry_can_be_cancelled(short: Film):
    event = short.event()
    with short.running(first_delay=600) as (site, engine):
        site.builder.faults[short.task()] = [WillPass("no connection")]
        engine.submit(event)
        site.hears("image/retrying", event.id)
        assert engine.cancel(event.id)
        assert not engine.unfinished()
    assert (short.sentence().status, short.job(event).status) == ("idle", "cancelled")


# --- leaving ----------------------------------------------------------------------------------------


def test_leaving_withdraws_what_is_under_way_and_it_goes_on_at_the_next_start(film: Film):
    under_way, queued = film.event(0), film.event(1)
    with film.running(workers=1) as (site, engine):
        site.builder.gate.clear()
        engine.submit_all([under_way, queued])
        site.builder.waits_for(lambda: bool(site.builder.began))
    assert site.names(under_way.id) == ["queued", "generating"]
    assert [film.sentence(number).status for number in (0, 1)] == ["queued", "queued"]
    assert [film.job(event).status for event in (under_way, queued)] == ["queued", "queued"]
    with film.running() as (site, engine):
        for event in (under_way, queued):
            site.hears("image/completed", event.id)
            assert film.job(event).attempts == 1
            assert "queued" in site.names(event.id)  # pages that were opened since know of it
    assert sorted(site.made.values()) == [1, 1]


def test_leaving_ends_every_thread_and_file(short: Film):
    before = threading.active_count()
    for _ in range(2):
        with short.running():
            pass
        until(lambda: threading.active_count() == before)
    if Path("/proc/self/fd").is_dir():
        held = [os.fspath(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
        own = os.fspath((short.project / ".imagegen").resolve())
        assert not [name for name in held if name.startswith(own)]


# --- what got lost ----------------------------------------------------------------------------------


def test_jobs_go_on_after_their_database_was_deleted(short: Film):
    event, done, cancelled = short.event(0), short.event(1), short.event(2)
    with short.running(workers=1) as (site, engine):
        engine.submit(done)
        site.hears("image/completed", done.id)
        site.builder.gate.clear()
        engine.submit_all([event, cancelled])
        engine.cancel(cancelled.id)
    shutil.rmtree(short.project / ".imagegen")
    with short.running() as (site, engine):
        waiting = steps.unfinished_jobs(short.board, short.id)
        assert waiting == [event]
        assert engine.adopt(waiting) == [event.id]
        assert engine.adopt(waiting) == []
        site.hears("image/completed", event.id)
    assert site.made[short.task(0)] == 1 and short.job(event).status == "completed"


def test_a_running_studio_outlives_the_removal_of_its_folder(short: Film):
    under_way = short.event(0)
    with short.running(workers=1) as (site, engine):
        site.builder.gate.clear()
        engine.submit(under_way)
        site.builder.waits_for(lambda: bool(site.builder.began))
        shutil.rmtree(short.project / ".imagegen")
        site.builder.gate.set()
        site.hears("image/completed", under_way.id)

        def is_over() -> bool:
            try:
                return not engine.unfinished()
            except Unreachable:  # connections that are open still reach the removed file, a new one can't
                return False

        until(is_over)
    with short.running() as (site, engine):
        assert engine.adopt(steps.unfinished_jobs(short.board, short.id)) == []


def test_a_click_that_the_jobs_database_refuses_has_failed(short: Film, monkeypatch: pytest.MonkeyPatch):
    event = short.event()
    with short.running() as (site, engine):

        def refuse(events: object) -> None:
            raise OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))

        monkeypatch.setattr(engine._line, "put", refuse)
        with pytest.raises(Unreachable, match="the jobs can't be kept"):
            engine.submit(event)
    assert (short.sentence().status, short.job(event).status) == ("failed", "failed")


def test_jobs_that_are_known_are_not_adopted_and_one_that_ended_by_a_fault_is(short: Film):
    broken, waiting = short.event(0), short.event(1)
    with short.running(workers=1, first_delay=600) as (site, engine):
        site.builder.faults[short.task(1)] = [WillPass("no connection")]
        engine.submit(waiting)
        site.hears("image/retrying", waiting.id)
        engine.submit(broken)
        site.hears("image/completed", broken.id)
        with short.board.session() as session:  # as if a fault of ours had kept the last step from being done
            session.get(Job, broken.id).status = "running"  # type: ignore[union-attr]
        until(lambda: list(engine.unfinished()) == [waiting.id])
        assert engine.adopt(steps.unfinished_jobs(short.board, short.id)) == [broken.id]
        until(lambda: short.job(broken).status == "completed")
    assert site.made[short.task(0)] == 1


def test_a_cancellation_that_a_kill_kept_from_the_row_is_written_at_the_next_start(short: Film):
    event = short.event()
    with short.running(workers=1) as (site, engine):
        site.builder.gate.clear()
        engine.submit_all([of_task("other:thing"), event])
        engine._line.cancel([event.id])
    with short.running() as (site, engine):
        assert engine.adopt(steps.unfinished_jobs(short.board, short.id)) == []
    assert (short.job(event).status, short.sentence().status) == ("cancelled", "idle")


def test_a_storyboard_that_cant_be_had_is_waited_for(short: Film, monkeypatch: pytest.MonkeyPatch):
    event, refusals = short.event(), [Unreachable("the server does not answer")] * 2
    with short.running() as (site, engine):
        before = site.storyboard

        def storyboard(project: str):
            if refusals and site.builder.began:
                raise refusals.pop()
            return before(project)

        monkeypatch.setattr(site, "storyboard", storyboard)
        engine.submit(event)
        site.hears("image/completed", event.id)
    assert not refusals and short.job(event).status == "completed"


# --- several machines -------------------------------------------------------------------------------


def test_the_jobs_of_a_machine_that_never_comes_back_can_be_taken_over(tmp_path: Path, postgres, monkeypatch):  # noqa: F811
    film = Film(tmp_path, postgres.address)
    under_way, waiting, queued = (film.event(number) for number in range(3))
    monkeypatch.setattr("platform.node", lambda: "attic")
    with film.running(workers=1, first_delay=600) as (site, engine):
        attic = engine.name
        site.builder.faults[film.task(1)] = [WillPass("no connection")]
        engine.submit(waiting)
        site.hears("image/retrying", waiting.id)
        site.builder.gate.clear()
        engine.submit_all([under_way, queued])
        site.builder.waits_for(lambda: len(site.builder.began) == 2)
    monkeypatch.setattr("platform.node", lambda: "cellar")
    with film.running() as (site, engine):
        assert attic.startswith("attic-") and engine.name.startswith("cellar-")
        assert not engine.unfinished() and engine.elsewhere() == {attic: 3}
        assert engine.adopt(steps.unfinished_jobs(film.board, film.id)) == []
        assert sorted(engine.take_over(attic)) == sorted(event.id for event in (under_way, waiting, queued))
        for event in (under_way, waiting, queued):
            site.hears("image/completed", event.id)
        assert engine.elsewhere() == {}
    assert sorted(site.made.values()) == [1, 1, 1]
    assert film.job(waiting).attempts == 2


# --- care -------------------------------------------------------------------------------------------


def test_a_second_studio_of_a_project_is_told_that_there_is_one(short: Film):
    with short.running(), pytest.raises(WrongInput, match="another studio"), short.running():
        pass
    with short.running():
        pass


def test_a_brought_database_runs_no_code(short: Film, tmp_path: Path):
    """A cloned project may bring its `.imagegen`, and in the library's database a pickle in any row."""
    import base64

    event = short.event()
    with short.running(workers=1) as (site, engine):
        site.builder.gate.clear()
        engine.submit(event)
    evil = b"cos\nsystem\n(S'touch " + os.fsencode(tmp_path / "harmed") + b"'\ntR."
    with contextlib.closing(sqlite3.connect(short.project / DEFAULT)) as database, database:
        database.execute("UPDATE workflow_status SET serialization = 'py_pickle'")
        database.execute("UPDATE workflow_input SET inputs = ?", [base64.b64encode(evil).decode()])
        database.execute(
            "UPDATE operation_outputs SET serialization = 'py_pickle', output = ?", [base64.b64encode(evil).decode()]
        )
    with short.running() as (site, engine):
        until(lambda: not engine.unfinished())
        engine.cancel(event.id)
    assert not (tmp_path / "harmed").exists()


def test_what_is_recorded_is_small_and_legible(short: Film):
    event = short.event(imagePrompt="a fox")
    with short.running() as (site, engine):
        engine.submit(event)
        site.hears("image/completed", event.id)
        until(lambda: not engine.unfinished())
    with contextlib.closing(sqlite3.connect(short.project / DEFAULT)) as database:
        outputs = [row[0] for row in database.execute("SELECT output FROM operation_outputs ORDER BY function_id")]
    assert outputs[0] == '{"value": true}' and '"file"' in outputs[2]
    assert max(len(output) for output in outputs) < 300


def test_what_finished_long_ago_is_forgotten(short: Film):
    events = [short.event(number) for number in range(3)]
    with short.running() as (site, engine):
        engine.submit_all(events)
        for event in events:
            site.hears("image/completed", event.id)
        until(lambda: not engine.unfinished())
    with short.running(), contextlib.closing(sqlite3.connect(short.project / DEFAULT)) as database:
        assert database.execute("SELECT count(*) FROM workflow_status").fetchone() == (3,)
    with short.running(kept=timedelta(0)), contextlib.closing(sqlite3.connect(short.project / DEFAULT)) as database:
        for table in ("workflow_status", "workflow_input", "workflow_output", "operation_outputs"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("postgresql://ann:gehe%40im@127.0.0.1:1/jobs", "does not answer"),
        ("mysql://ann:geheim@db/jobs", "mysql"),
        ("assets.yaml/jobs.sqlite", "can't be"),
        ("notes.txt", "no database"),
    ],
)
def test_a_database_that_cant_be_had_is_told_without_its_password(tmp_path: Path, database: str, said: str):
    (tmp_path / "assets.yaml").write_text("items: []")
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be looked at as one" * 99)
    film = Film(tmp_path, database)
    with pytest.raises(WrongInput) as refused, film.running():
        pass
    assert said in str(refused.value)
    assert "gehe" not in str(refused.value)


def test_a_wrong_password_is_not_shown(tmp_path: Path, postgres):  # noqa: F811
    film = Film(tmp_path, postgres.url("Falsches:Wort".replace(":", "%3A")))
    with pytest.raises(WrongInput) as refused, film.running():
        pass
    assert "Falsches" not in str(refused.value) and "password" in str(refused.value).lower()


@pytest.mark.parametrize("kind", ["file", "server"])
def test_nothing_is_printed_nor_logged_that_nobody_asked_for(tmp_path: Path, kind: str, request: pytest.FixtureRequest):
    database = DEFAULT if kind == "file" else request.getfixturevalue("postgres").address
    Film(tmp_path)
    wishes = {"database": database, "event": {"data": {"task": "other:thing"}}}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.jobs_site", tmp_path, json.dumps(wishes)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "ready\n", "")
    assert not (tmp_path / ".imagegen/jobs.log").exists()
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert WRITTEN_PASSWORD.encode() not in kept and PASSWORD.encode() not in kept
