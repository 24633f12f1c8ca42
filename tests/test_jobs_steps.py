"""The five steps of a job: what they write, and that each may be done twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from imagegen.errors import WrongInput
from imagegen.jobs import steps
from imagegen.jobs.event import Event, of_sentence, of_task
from imagegen.jobs.retrying import WontPass
from imagegen.storyboard import editing
from imagegen.storyboard.database import address, open_storyboard
from imagegen.storyboard.tables import Job, Sentence
from tests.jobs_site import PictureSite


class Film(PictureSite):
    """A storyboard with two sentences, "fox" and "owl", and the character Anna."""

    def __init__(self, project: Path) -> None:
        board = open_storyboard(address("board.sqlite", project), create=True)
        super().__init__(project, board)
        with board.session() as session:
            self.id = editing.create_project(session, "film").id
            self.anna = editing.add_character(session, self.id, "Anna").id
            self.fox = editing.add_sentence(session, self.id, "A fox waits.", "a fox").id
            self.owl = editing.add_sentence(session, self.id, "An owl calls.", "an owl").id

    def sentence(self, sentence_id: str) -> Sentence:
        with self.board.reading() as session:
            found = session.get(Sentence, sentence_id)
            assert found is not None and found.characters is not None
            return found

    def job(self, event: Event) -> Job:
        with self.board.reading() as session:
            found = session.get(Job, event.id)
            assert found is not None
            return found

    def rows(self, event: Event) -> dict[str, object]:
        """All that steps write, but for times."""
        job, sentence = self.job(event), self.sentence(event.sentence)
        return {
            "job": (job.status, job.attempts, job.error, job.result),
            "sentence": (sentence.status, sentence.error, sentence.is_image_dirty, sentence.image_file),
            "carried": (sentence.image_prompt, sentence.seed, sentence.style_lora, sentence.references),
        }


@pytest.fixture
def film(tmp_path: Path) -> Iterator[Film]:
    site = Film(tmp_path)
    yield site
    site.board.close()


def test_each_step_done_twice_leaves_what_it_left_at_first(film: Film):
    event = of_sentence(film.id, film.fox, imagePrompt="a red fox", seed=2**64 - 1, styleLora="ink:0.8")

    def twice(step, *given):
        first = step(film, event, *given)
        rows = film.rows(event)
        assert (step(film, event, *given), film.rows(event)) == (first, rows)
        return first

    assert twice(steps.create_job)
    assert film.rows(event)["sentence"] == ("queued", "", True, None)
    assert film.rows(event)["carried"] == ("a red fox", 2**64 - 1, "ink:0.8", [])
    assert twice(steps.mark_generating, 1)
    assert film.rows(event)["sentence"] == ("generating", "", True, None)
    result = steps.generate_image(film, event)
    assert result["made"] and not steps.generate_image(film, event)["made"]
    assert sum(film.made.values()) == 1
    file = f"images/{film.fox}.png"
    assert steps.update_sentence(film, event, result)
    assert steps.update_sentence(film, event, result)
    assert film.rows(event)["sentence"] == ("completed", "", False, file)
    data = {"projectId": film.id, "sentenceId": film.fox, "imageFile": file}
    assert twice(steps.complete_job, result) == data
    assert film.rows(event)["job"] == ("completed", 1, "", {"file": file, "seed": 7})
    heard = film.hears("image/completed", event.id)
    assert heard["data"] == data and heard["result"] == {"file": file, "seed": 7}


def test_what_an_event_carries_is_written_once_and_a_change_made_meanwhile_stays(film: Film):
    event = of_sentence(film.id, film.fox, imagePrompt="a red fox")
    steps.create_job(film, event)
    with film.board.session() as session:
        editing.change_sentence(session, film.fox, image_prompt="a blue fox")
    assert steps.create_job(film, event)  # a retry, or a restart after a kill
    assert film.sentence(film.fox).image_prompt == "a blue fox"


def test_a_picture_of_what_has_changed_meanwhile_stays_dirty(film: Film):
    event = of_sentence(film.id, film.fox)
    steps.create_job(film, event)
    result = steps.generate_image(film, event)
    with film.board.session() as session:
        editing.change_sentence(session, film.fox, image_prompt="a blue fox")
    assert not steps.update_sentence(film, event, result)
    found = film.sentence(film.fox)
    assert (found.is_image_dirty, found.image_file) == (True, result["file"])


def test_references_are_characters_by_id_or_name_and_pictures_by_path(film: Film):
    event = of_sentence(film.id, film.fox, characterRefs=["Anna", "refs/den.png", film.anna, "moon.webp"])
    steps.create_job(film, event)
    found = film.sentence(film.fox)
    assert [one.id for one in found.characters] == [film.anna]
    assert found.references == ["refs/den.png", "moon.webp"]


@pytest.mark.parametrize("refs", [["Ana"], ["../secret.png"], ["/etc/secret.png"]])
def test_an_event_with_a_wrong_reference_changes_nothing(film: Film, refs):
    event = of_sentence(film.id, film.fox, imagePrompt="lost", characterRefs=refs)
    with pytest.raises(WrongInput):
        steps.create_job(film, event)
    assert film.sentence(film.fox).image_prompt == "a fox"
    assert film.sentence(film.fox).status == "idle"
    with film.board.reading() as session:
        assert session.get(Job, event.id) is None


def test_a_character_that_is_nearly_known_is_asked_back(film: Film):
    with pytest.raises(WrongInput, match='did you mean "Anna"'):
        steps.create_job(film, of_sentence(film.id, film.fox, characterRefs=["Ana"]))


def test_an_event_for_nobody_is_refused(film: Film):
    with pytest.raises(WrongInput, match="no sentence"):
        steps.create_job(film, of_sentence(film.id, "xxx"))
    with pytest.raises(WrongInput, match="no storyboard project"):
        steps.create_job(film, of_sentence("nowhere", film.fox))


def test_many_are_created_at_once_or_none(film: Film):
    good, bad = of_sentence(film.id, film.fox), of_sentence(film.id, "xxx")
    with pytest.raises(WrongInput):
        steps.create_jobs(film, [good, bad])
    assert film.sentence(film.fox).status == "idle"
    other = of_task("other:thing")
    assert steps.create_jobs(film, [good, other, good]) == [True, True, True]
    assert film.sentence(film.fox).status == "queued"


def test_a_finished_job_is_not_begun_again(film: Film):
    done, failed, gone = (of_sentence(film.id, film.fox) for _ in range(3))
    for event in (done, failed, gone):
        assert steps.create_job(film, event)
    steps.complete_job(film, done, {"file": "f", "seed": 1})
    steps.fail_job(film, failed, "no such checkpoint", "get it", 1)
    assert steps.cancel_job(film, gone) and not steps.cancel_job(film, gone)
    for event in (done, failed, gone):
        assert not steps.create_job(film, event)
        assert not steps.mark_generating(film, event)
        assert not steps.await_retry(film, event, "x", "", 1, 30)
    assert [film.job(event).status for event in (done, failed, gone)] == ["completed", "failed", "cancelled"]


def test_a_failure_says_why_in_job_and_sentence(film: Film):
    event = of_sentence(film.id, film.fox)
    steps.create_job(film, event)
    steps.mark_generating(film, event, 3)
    steps.fail_job(film, event, "no such checkpoint", "get it", 3)
    found = film.sentence(film.fox)
    assert (found.status, found.is_image_dirty) == ("failed", True)
    for said in (found.error, film.job(event).error):
        assert "no such checkpoint" in said and "get it" in said
    assert film.hears("image/failed", event.id)["data"] == {
        "error": "no such checkpoint",
        "hint": "get it",
        "attempts": 3,
    }


def test_a_cancelled_job_releases_its_sentence_unless_another_waits_for_it(film: Film):
    first, second = of_sentence(film.id, film.fox), of_sentence(film.id, film.fox)
    steps.create_jobs(film, [first, second])
    steps.cancel_job(film, first)
    assert film.sentence(film.fox).status == "queued"
    steps.cancel_job(film, second)
    assert film.sentence(film.fox).status == "idle"


def test_a_job_whose_sentence_was_removed_can_still_fail_and_be_cancelled(film: Film):
    first, second = of_sentence(film.id, film.fox), of_sentence(film.id, film.owl)
    steps.create_jobs(film, [first, second])
    with film.board.session() as session:
        editing.remove_sentence(session, film.fox)
        editing.remove_sentence(session, film.owl)
    steps.fail_job(film, first, "gone", "", 1)
    assert steps.cancel_job(film, second)
    assert [film.job(event).status for event in (first, second)] == ["failed", "cancelled"]


def test_unfinished_jobs_are_told_with_what_they_were_asked_for(film: Film):
    first = of_sentence(film.id, film.fox, imagePrompt="a red fox", seed=2**64 - 1)
    second, done = of_sentence(film.id, film.owl), of_sentence(film.id, film.owl)
    for event in (first, second, done):
        steps.create_job(film, event)
    steps.complete_job(film, done, {"file": "f", "seed": 1})
    assert steps.unfinished_jobs(film.board, film.id) == [first, second]


def test_an_item_that_is_no_sentence_has_no_rows(film: Film):
    event = of_task("other:thing")
    assert steps.create_job(film, event) and steps.mark_generating(film, event)
    result = steps.generate_image(film, event)
    assert steps.update_sentence(film, event, result)
    assert steps.complete_job(film, event, result) == {"imageFile": "images/thing.png"}
    with film.board.reading() as session:
        assert session.query(Job).count() == 0


def test_a_task_that_the_manifest_has_not_is_not_tried_again(film: Film):
    with pytest.raises(WontPass, match="no item"):
        steps.generate_image(film, of_task("unknown:thing"))
