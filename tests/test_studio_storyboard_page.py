"""Writing a script on the page: what is typed is never lost, and the order is everybody's."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from imagegen.storyboard import editing
from tests import storyboards
from tests.browser import Visitor
from tests.conftest import Project
from tests.studio_pages import script, sentence, text, texts
from tests.studios import Studio, state_home, until

SCRIPT = ("A lamp on the quay.", "Ada waits.", "The ferry comes.", "Nobody speaks.")


@pytest.fixture
def desk(project: Project) -> Project:
    """A project whose studios keep their tokens in a folder of the test's."""
    state_home(project)
    return project


def test_words_typed_while_the_studio_is_away_are_saved_when_it_is_back(desk: Project, visitor: Visitor) -> None:
    storyboards.film(desk, SCRIPT)
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        text(page, 2).fill("Ada waits")
        port = studio.link.split(":")[2].split("/")[0]
        studio.kill()
    text(page, 2).press_sequentially(" in the rain.")
    expect(sentence(page, 2)).to_contain_text("Not saved yet.")
    with Studio(desk, f"--port={port}"):
        expect(sentence(page, 2)).to_contain_text("Saved")
        expect(text(page, 2)).to_have_value("Ada waits in the rain.")
        expect(text(page, 2)).to_be_focused()
    assert texts(desk)[1] == "Ada waits in the rain."


def test_two_who_write_the_same_sentence_see_both_texts_and_one_chooses(desk: Project, visitor: Visitor) -> None:
    ids = storyboards.film(desk, SCRIPT)
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        page.route("**/sentences/*", lambda route: route.abort())
        text(page, 1).fill("A lamp, mine.")
        storyboards.change(desk, ids[0], text="A lamp, theirs.")
        choice = sentence(page, 1).get_by_role("group", name="Two versions")
        expect(choice).to_contain_text("A lamp, theirs.")
        expect(text(page, 1)).to_have_value("A lamp, mine.")
        page.unroute("**/sentences/*")
        choice.get_by_role("button", name="Keep mine").click()
        until(lambda: texts(desk)[0] == "A lamp, mine.")
        visitor.expected += ("ERR_FAILED",)


def test_words_in_a_sentence_that_was_removed_meanwhile_are_kept_at_hand(desk: Project, visitor: Visitor) -> None:
    ids = storyboards.film(desk, SCRIPT)
    page = visitor.page
    visitor.expected += ("404",)
    with Studio(desk) as studio:
        script(page, studio)
        text(page, 3).fill("The ferry comes late.")
        board = storyboards.opened(desk)
        with board.session() as session:
            editing.remove_sentence(session, ids[2])
        board.close()
        lost = page.get_by_role("region", name="Sentences that were removed while you wrote")
        expect(lost).to_contain_text("The ferry comes late.")
        lost.get_by_role("button", name="Add it again").click()
        expect(lost).to_be_hidden()
        until(lambda: texts(desk)[-1] == "The ferry comes late.")


def test_escape_brings_back_what_stood_there_and_undo_what_was_typed(desk: Project, visitor: Visitor) -> None:
    storyboards.film(desk, SCRIPT)
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        text(page, 1).press("End")
        text(page, 1).press_sequentially(" It burns.")
        text(page, 1).press("Escape")
        expect(text(page, 1)).to_have_value(SCRIPT[0])
        text(page, 1).press("ControlOrMeta+z")
        expect(text(page, 1)).to_have_value("A lamp on the quay. It burns.")
        text(page, 1).press("Tab")
        until(lambda: texts(desk)[0] == "A lamp on the quay. It burns.")


def test_sentences_are_reordered_with_keys_and_by_dragging(desk: Project, visitor: Visitor, chromium: Browser) -> None:
    storyboards.film(desk, SCRIPT)
    page = visitor.page
    other = Visitor(chromium)
    with Studio(desk) as studio:
        script(page, studio)
        script(other.page, studio)
        sentence(page, 1).get_by_role("button", name="Move sentence 1", exact=True).press("ArrowDown")
        expect(page.get_by_role("button", name="Move sentence 2", exact=True)).to_be_focused()
        expect(page.get_by_text("Sentence moved from 1 to 2 of 4.")).to_be_attached()
        expect(text(other.page, 2)).to_have_value(SCRIPT[0])
        page.evaluate("scrollTo(0, 0)")
        grip = sentence(page, 1).get_by_role("button", name="Move sentence 1", exact=True)
        below = sentence(page, 2).bounding_box()
        assert below
        grip.hover()
        page.mouse.down()
        page.mouse.move(200, below["y"] + below["height"] - 20, steps=8)
        page.mouse.up()
        expect(text(other.page, 1)).to_have_value(SCRIPT[0])
        until(lambda: texts(desk)[:2] == [SCRIPT[0], SCRIPT[1]])
        other.close()


def test_the_largest_seed_keeps_all_its_digits(desk: Project, visitor: Visitor) -> None:
    storyboards.film(desk, SCRIPT[:1])
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        seed = sentence(page, 1).get_by_label("Seed")
        seed.fill("18446744073709551616")
        expect(sentence(page, 1)).to_contain_text("A seed is a whole number")
        seed.fill("18446744073709551615")
        seed.press("Tab")
        until(lambda: str(storyboards.query(desk, "select seed from sentences")[0][0]) == "18446744073709551615")
        seed.fill("")
        seed.press("Tab")
        until(lambda: storyboards.query(desk, "select seed from sentences")[0][0] is None)


def test_a_long_script_shows_only_what_is_seen_and_keeps_what_is_typed(desk: Project, visitor: Visitor) -> None:
    storyboards.film(desk, [f"Sentence number {n}." for n in range(600)])
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        expect(text(page, 2)).to_be_visible()
        visitor.expected += ("ERR_FAILED",)
        page.route("**/sentences/*", lambda route: route.abort())
        text(page, 2).fill("Written far above.")
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
        expect(page.get_by_role("heading", name="Sentence 300", exact=True)).to_be_attached()
        assert page.locator(".board-row").count() < 30
        assert sum("offset=" in url for url in visitor.requests) < 6
        assert page.evaluate("document.activeElement.value") == "Written far above."
        page.evaluate("document.activeElement.blur()")
        page.evaluate("scrollBy(0, 2000)")
        expect(page.get_by_role("heading", name="Sentence 2", exact=True)).not_to_be_attached()
        page.evaluate("scrollTo(0, 0)")
        expect(text(page, 2)).to_have_value("Written far above.")
        page.unroute("**/sentences/*")
        until(lambda: texts(desk)[1] == "Written far above.")
