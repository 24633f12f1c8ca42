"""What becomes of a picture, written into its sentence's row: by a run, by jobs, and after the verdicts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from imagegen.items import Source
from imagegen.progress import Begun, Event, Failed, Made, Note, Skipped, Started, Step
from imagegen.storyboard import database, editing, following
from imagegen.storyboard.following import Follower
from imagegen.storyboard.tables import Job, Sentence
from tests.scripts import FILE, Script


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    made = Script(tmp_path)
    yield made
    made.storyboard.close()


def row(script: Script, sentence_id: str) -> tuple[bool, str, str, str | None]:
    """(is dirty, status, error, image file)"""
    found = script.sentence(sentence_id)
    return found.is_image_dirty, found.status, found.error, found.image_file


# --- one picture ----------------------------------------------------------------------------------


def test_success_clears_the_flag(script: Script) -> None:
    before = script.sentence(script.third).updated_at
    script.do(following.began, script.third)
    assert row(script, script.third) == (True, "generating", "", None)
    assert script.do(following.succeeded, script.third, "a.png", script.digest(script.third)) is True
    assert row(script, script.third) == (False, "completed", "", "a.png")
    assert script.sentence(script.third).updated_at > before


@pytest.mark.parametrize("change", ["image_prompt", "seed", "characters", "style", "lora"])
def test_the_flag_stays_if_something_changed_meanwhile(script: Script, change: str) -> None:
    digest = script.digest(script.third)
    script.do(following.began, script.third)
    if change == "style":
        script.change_all(style="oil")
    elif change == "lora":
        script.do(editing.change_character, script.tom, lora="")
    else:
        new = {"image_prompt": "fog", "seed": None, "characters": ["Tom"]}[change]
        script.change(script.third, **{change: new})
    assert script.do(following.succeeded, script.third, "a.png", digest) is False
    assert row(script, script.third) == (True, "completed", "", "a.png")


def test_the_flag_is_cleared_if_what_changed_does_not_decide(script: Script) -> None:
    digest = script.digest(script.third)
    script.do(editing.move_sentence, script.third, 0)
    script.change_all(name="Birch")
    assert script.do(following.succeeded, script.third, "a.png", digest) is True


def test_the_digest_decides_whatever_another_program_wrote_into_the_flag(script: Script) -> None:
    digest = script.digest(script.first)
    script.sql("UPDATE sentences SET image_prompt = 'fog' WHERE id = ?", script.first)
    assert script.dirty == {script.third}  # it did not know of the flag
    script.sql("UPDATE sentences SET is_image_dirty = 1 WHERE id = ?", script.first)
    assert script.do(following.succeeded, script.first, "a.png", digest) is False
    assert script.do(following.succeeded, script.first, "a.png", script.digest(script.first)) is True


def test_without_a_digest_nothing_is_known(script: Script) -> None:
    assert script.do(following.succeeded, script.third, "a.png", "") is False
    script.sql("UPDATE sentences SET style_lora = 'oil:strong' WHERE id = ?", script.third)
    assert script.do(following.succeeded, script.third, "a.png", "") is False
    assert script.third in script.dirty


def test_failure_says_why_and_a_new_start_forgets_it(script: Script) -> None:
    script.do(following.failed, script.third, "the server has no such LoRA", "install it")
    assert row(script, script.third) == (True, "failed", "the server has no such LoRA\ninstall it", None)
    script.do(following.began, script.third, "queued")
    assert row(script, script.third) == (True, "queued", "", None)
    script.do(following.failed, script.third, "bad \0 letters \ud800" + "x" * 9000)
    assert row(script, script.third)[2].startswith("bad  letters ?xxx")


def test_what_is_left_is_as_it_was(script: Script) -> None:
    script.do(following.began, script.third)
    script.do(following.left, script.third)
    assert script.sentence(script.third).status == "idle"
    script.do(following.began, script.first)
    script.do(following.left, script.first)
    assert script.sentence(script.first).status == "completed"
    script.do(following.failed, script.first, "no")
    script.do(following.left, script.first)
    assert script.sentence(script.first).status == "failed"


def test_a_sentence_that_is_gone_is_no_error(script: Script) -> None:
    script.do(following.began, "gone")
    script.do(following.failed, "gone", "x")
    script.do(following.left, "gone")
    assert script.do(following.succeeded, "gone", "a.png", "0" * 16) is False


def test_what_a_session_has_changed_already_is_kept(script: Script) -> None:
    with script.storyboard.session() as session:
        sentence = session.get(Sentence, script.third)
        assert sentence is not None
        sentence.image_prompt = "fog"
        following.began(session, script.third)
    assert script.sentence(script.third).image_prompt == "fog"
    with script.storyboard.session() as session:
        sentence = session.get(Sentence, script.third)
        assert sentence is not None
        following.reconcile(session, script.id, {script.third: True}, {}, ())
        assert sentence.status == "completed" and not sentence.is_image_dirty


# --- after the verdicts ---------------------------------------------------------------------------


def reconciled(script: Script, fresh: dict[str, bool], busy: tuple[str, ...] = (), **more: Any) -> set[str]:
    files = {one: f"data/projects/{script.id}/images/{one}.png" for one in script.order}
    return set(script.do(following.reconcile, script.id, fresh, files, busy, **more))


def test_the_verdict_decides(script: Script) -> None:
    """The first was remade by hand of somebody who knew nothing of rows, the third was made."""
    fresh = {script.first: False, script.second: True, script.third: True}
    script.do(following.succeeded, script.second, f"data/projects/{script.id}/images/{script.second}.png", "")
    assert reconciled(script, fresh) == {script.first, script.third}
    assert row(script, script.first)[:2] == (True, "idle")
    assert row(script, script.third) == (False, "completed", "", f"data/projects/{script.id}/images/{script.third}.png")
    assert reconciled(script, fresh) == set()


def test_work_that_nobody_does_any_more_is_idle(script: Script) -> None:
    for one in script.order:
        script.do(following.began, one)
    with script.storyboard.session() as session:
        session.add(Job(id="e1", project_id=script.id, sentence_id=script.second, status="running"))
    assert reconciled(script, {}, busy=(script.first,)) == {script.third}
    assert [script.sentence(one).status for one in script.order] == ["generating", "generating", "idle"]
    with script.storyboard.session() as session:
        session.execute(select(Job)).scalar_one().status = "completed"
    assert reconciled(script, {}) == {script.first, script.second}
    assert [script.sentence(one).status for one in script.order] == ["completed", "completed", "idle"]


def test_a_failure_stays_until_the_picture_is_there(script: Script) -> None:
    script.do(following.failed, script.third, "no GPU")
    assert reconciled(script, {script.third: False}) == set()
    assert row(script, script.third)[1:3] == ("failed", "no GPU")
    assert reconciled(script, {script.third: True}) == {script.third}
    assert row(script, script.third)[1:3] == ("completed", "")


def test_a_busy_sentence_keeps_its_status_and_learns_its_flag(script: Script) -> None:
    script.do(following.began, script.third)
    reconciled(script, {script.third: True}, busy=(script.third,))
    assert row(script, script.third)[:2] == (False, "generating")


def test_a_verdict_on_what_has_changed_since_counts_for_nothing(script: Script) -> None:
    state = script.state
    script.change(script.first, image_prompt="fog")
    fresh = dict.fromkeys(script.order, True)
    assert script.first not in reconciled(script, fresh, state=state)
    assert row(script, script.first)[:2] == (True, "idle")
    assert row(script, script.third)[:2] == (False, "completed")


def test_in_a_long_script_too(script: Script) -> None:
    for number in range(30):
        script.do(editing.add_sentence, script.id, f"It rains for {number} days.")
    state = script.state
    script.change(script.first, image_prompt="fog")
    changed = reconciled(script, dict.fromkeys(script.order, True), state=state)
    assert changed == {*script.order} - {script.first}


def test_rows_that_are_in_line_are_not_read_closely(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long script takes a while, and the studio asks after each picture."""
    fresh = dict.fromkeys(script.order, True)
    reconciled(script, fresh, state=script.state)
    monkeypatch.setattr(following, "digests", None)
    assert reconciled(script, fresh, state=script.state) == set()


# --- a run ----------------------------------------------------------------------------------------


class Run:
    """A run that the follower listens to; what it tells."""

    def __init__(self, script: Script, *others: Source) -> None:
        self.script = script
        self.told: list[Event] = []
        own = Source("tale", "storyboard", script.written, {"project": "Ash"}, script.state)
        self.follower = Follower(script.folder, [own, *others], self.told.append)

    def tells(self, *events: Event) -> None:
        for event in events:
            self.follower(event)

    def task(self, sentence_id: str) -> str:
        return f"tale:{sentence_id}"


def test_a_run_writes_what_it_does(script: Script) -> None:
    script.change(script.first, image_prompt="fog")
    fourth = script.do(editing.add_sentence, script.id, "The end.").id
    run = Run(script)
    run.tells(
        Begun(total=4),
        *(Started(run.task(one)) for one in script.order),
        Step(run.task(script.first), 1, 20),
        Made(run.task(script.first), "p/1.png", 7, 1.0),
        Failed(run.task(script.second), "refused", "look at the graph"),
        Skipped(run.task(script.third), "p/3.png", "another run made it"),
        Skipped(run.task(fourth), "p/4.png", "ignored"),
        Made("other:job", "x.png"),
    )
    run.follower.close()
    assert row(script, script.first) == (False, "completed", "", "p/1.png")
    assert row(script, script.second) == (False, "failed", "refused\nlook at the graph", None)
    assert row(script, script.third) == (False, "completed", "", "p/3.png")
    assert row(script, fourth) == (True, "idle", "", None)
    assert run.told == []


def test_a_change_during_the_run_keeps_the_flag(script: Script) -> None:
    run = Run(script)
    run.tells(Started(run.task(script.third)))
    script.change(script.third, image_prompt="fog")
    run.tells(Made(run.task(script.third), "p/3.png"))
    run.follower.close()
    assert row(script, script.third) == (True, "completed", "", "p/3.png")


def test_an_interrupted_run_leaves_nothing_generating(script: Script) -> None:
    run = Run(script)
    run.tells(Started(run.task(script.first)), Started(run.task(script.third)))
    run.follower.close()
    assert [script.sentence(one).status for one in script.order] == ["completed", "completed", "idle"]


def test_a_run_of_other_things_opens_nothing(script: Script, tmp_path: Path) -> None:
    run = Run(script)
    run.tells(Begun(total=1), Started("kins:mia"), Made("kins:mia", "x.png"))
    assert run.follower._thread is None
    run.follower.close()


def test_a_broken_database_fails_no_run_and_is_told_once(script: Script) -> None:
    run = Run(script)
    script.storyboard.close()
    (script.folder / FILE).write_bytes(b"no database at all" * 300)
    run.tells(Started(run.task(script.first)))
    run.tells(Made(run.task(script.first), "p/1.png"), Started(run.task(script.third)))
    run.follower.close()
    (note,) = run.told
    assert isinstance(note, Note) and "rows are not kept up to date" in note.message and "damaged" in note.message


def test_what_could_not_be_written_is_made_up_for_at_the_end(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody holds the database for long: the row is not left as if work were still under way."""
    run, told = Run(script), threading.Event()
    monkeypatch.setattr(run.follower, "_tell", lambda event: (run.told.append(event), told.set()))
    run.tells(Started(run.task(script.third)))
    wait_for(lambda: script.sentence(script.third).status == "generating")
    monkeypatch.setattr(database, "BUSY", 0.05)
    run.follower._boards[FILE]._engine.dispose()  # its next connection has less patience
    with script.storyboard.session() as session:
        session.execute(select(Sentence)).all()
        run.tells(Failed(run.task(script.third), "refused"))
        assert told.wait(20)
    run.follower.close()
    assert len(run.told) == 1 and "in use" in str(run.told[0])
    assert script.sentence(script.third).status == "idle"


def wait_for(there: Any) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if there():
            return
        pause.wait(0.02)
    raise AssertionError("it did not come to pass")


def test_two_runs_and_an_editor_at_the_same_time(script: Script) -> None:
    """What each row says in the end fits: clear where the picture is of what it says, else dirty."""
    with script.storyboard.session() as session:
        for number in range(30):
            editing.add_sentence(session, script.id, f"sentence {number}")
    runs = [Run(script), Run(script)]
    digests, everything = script.state, script.order

    def go(run: Run, own: list[str]) -> None:
        for one in own:
            run.tells(Started(run.task(one)), Made(run.task(one), f"{one}.png"))
        run.follower.close()

    def edit() -> None:
        for one in everything[::5]:
            script.change(one, image_prompt="changed")

    threads = [
        threading.Thread(target=go, args=(runs[0], everything[::2])),
        threading.Thread(target=go, args=(runs[1], everything[1::2])),
        threading.Thread(target=edit),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    now = script.state
    assert runs[0].told == runs[1].told == []
    assert script.dirty == {one for one in everything if now[one] != digests[one]} == set(everything[::5])
    assert all(script.sentence(one).image_file == f"{one}.png" for one in everything)
