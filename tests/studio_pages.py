"""The storyboard's page as tests read it: where to go, and what a sentence shows."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests import storyboards
from tests.conftest import Project
from tests.studios import Studio


def script(page: Page, studio: Studio) -> None:
    """Go to the storyboard, by the link that the studio printed."""
    page.goto(studio.link)
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Film").click()
    expect(page.get_by_role("heading", name="Film", level=1)).to_be_visible()


def sentence(page: Page, number: int) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=f"Sentence {number}", exact=True))


def text(page: Page, number: int) -> Locator:
    return sentence(page, number).get_by_label("Text", exact=True)


def texts(desk: Project) -> list[str]:
    return [found for (found,) in storyboards.query(desk, "select text from sentences order by position")]


def address(picture: Locator) -> str:
    """Where a picture that is there comes from."""
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0
    return picture.get_attribute("src") or ""
