"""The studio as a person sees it: a real browser, a real server, a real database, and a stand-in ComfyUI."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import storyboards
from tests.browser import Visitor, serious
from tests.conftest import Project
from tests.servers.comfyui import ComfyServer
from tests.studio_pages import address, script, sentence
from tests.studios import Studio, state_home, until

SCRIPT = ("A lamp on the quay.", "Ada waits.", "The ferry comes.")


@pytest.fixture
def desk(project: Project) -> Project:
    """A project whose studios keep their tokens in a folder of the test's."""
    state_home(project)
    return project


@pytest.fixture
def server() -> Iterator[ComfyServer]:
    """A ComfyUI whose images take about two seconds in ten steps, each with a preview."""
    with ComfyServer(steps_delay=0.2, previews=True) as server:
        yield server


def test_a_changed_prompt_is_stale_and_its_new_picture_comes_by_itself(
    desk: Project,
    server: ComfyServer,
    visitor: Visitor,
) -> None:
    storyboards.film_on(desk, server.url, SCRIPT)
    desk.run("run").exits(0)
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        row = sentence(page, 2)
        expect(row).to_contain_text("fresh")
        before = address(row.locator("img"))
        row.get_by_label("Image prompt").fill("Ada waits in the rain.")
        row.get_by_label("Image prompt").press("Tab")
        expect(row).to_contain_text("stale")
        expect(row).to_contain_text("in the rain")
        row.get_by_role("button", name="Generate sentence 2").click()
        bar = row.get_by_role("progressbar")
        expect(bar).to_have_attribute("aria-valuetext", re.compile(r"step [2-9] of 10"))
        first = int(bar.get_attribute("aria-valuenow") or 0)
        until(lambda: int(bar.get_attribute("aria-valuenow") or 100) > first)
        expect(row.locator("img")).to_have_attribute("src", re.compile("previews"))
        expect(row).to_contain_text("fresh")
        expect(row.get_by_role("progressbar")).to_be_hidden()
        expect(row.locator("img")).not_to_have_attribute("src", before)
        assert "/thumbnails/" in address(row.locator("img"))
        expect(sentence(page, 1)).to_contain_text("fresh")
        assert server.pictures_made == 4
    assert storyboards.rows(desk)[1] == ("002", "completed", 0)
    desk.run("status", "--check").exits(0)


def test_what_fails_says_why(desk: Project, visitor: Visitor) -> None:
    with ComfyServer(checkpoints=["another.safetensors"]) as server:
        storyboards.film_on(desk, server.url, SCRIPT[:1])
        with Studio(desk) as studio:
            page = visitor.page
            script(page, studio)
            sentence(page, 1).get_by_role("button", name="Generate sentence 1").click()
            expect(sentence(page, 1)).to_contain_text("failed")
            expect(sentence(page, 1)).to_contain_text("tiny-random.safetensors")
            assert server.pictures_made == 0


def test_a_studio_that_is_killed_goes_on_and_makes_one_image(
    desk: Project,
    server: ComfyServer,
    visitor: Visitor,
) -> None:
    storyboards.film_on(desk, server.url, SCRIPT[:1])
    page = visitor.page
    studio = Studio(desk)
    script(page, studio)
    sentence(page, 1).get_by_role("button", name="Generate sentence 1").click()
    expect(sentence(page, 1).get_by_role("progressbar")).to_have_attribute("aria-valuetext", re.compile("step [1-9]"))
    studio.kill()
    expect(page.get_by_text(re.compile("connection", re.IGNORECASE)).first).to_be_visible()
    with Studio(desk, "--port", str(studio.port)):
        # Nobody reloads the page: it comes back by itself, and so does the job.
        expect(sentence(page, 1)).to_contain_text("fresh", timeout=60_000)
        expect(sentence(page, 1).get_by_role("progressbar")).to_be_hidden()
        assert "/thumbnails/" in address(sentence(page, 1).locator("img"))
    assert server.pictures_made == 1
    assert storyboards.rows(desk) == [("001", "completed", 0)]


def test_two_browsers_see_the_same(
    desk: Project,
    server: ComfyServer,
    visitor: Visitor,
    chromium: Browser,
) -> None:
    storyboards.film_on(desk, server.url, SCRIPT[:2])
    other = Visitor(chromium, viewport={"width": 700, "height": 900})
    with Studio(desk) as studio:
        for page in (visitor.page, other.page):
            script(page, studio)
        row = sentence(visitor.page, 1)
        row.get_by_label("Text", exact=True).fill("A lamp is lit.")
        row.get_by_label("Text", exact=True).press("Tab")
        expect(sentence(other.page, 1).get_by_label("Text", exact=True)).to_have_value("A lamp is lit.")
        sentence(other.page, 1).get_by_role("button", name="Generate sentence 1").click()
        for page in (visitor.page, other.page):
            expect(sentence(page, 1).get_by_role("progressbar")).to_be_visible()
        for page in (visitor.page, other.page):
            expect(sentence(page, 1)).to_contain_text("fresh")
        row.get_by_role("button", name="Move down sentence 1").click()
        expect(sentence(other.page, 2).get_by_label("Text", exact=True)).to_have_value("A lamp is lit.")
        other.close()
    assert server.pictures_made == 1


def test_a_run_in_a_terminal_is_seen_live(
    desk: Project,
    server: ComfyServer,
    visitor: Visitor,
) -> None:
    storyboards.film_on(desk, server.url, SCRIPT[:2])
    page = visitor.page
    with Studio(desk) as studio:
        page.goto(studio.link)
        cells = page.get_by_role("gridcell")
        expect(cells).to_have_count(2)
        expect(cells.first).to_contain_text("missing")
        terminal = desk.start("run")
        expect(cells.first).to_have_attribute("aria-label", re.compile("generating: step [1-9] of 10"))
        for number in (0, 1):
            expect(cells.nth(number)).to_contain_text("fresh", timeout=30_000)
            address(cells.nth(number).locator("img"))
        out, err = terminal.communicate(timeout=30)
        assert terminal.returncode == 0, out + err


def test_all_dirty_sentences_are_made_by_one_press_and_cancelled_by_another(
    desk: Project,
    server: ComfyServer,
    visitor: Visitor,
) -> None:
    storyboards.film_on(desk, server.url, SCRIPT * 2)
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        page.get_by_role("button", name="Generate 6 dirty").click()
        until(lambda: server.pictures_made)
        page.get_by_role("button", name=re.compile("^Cancel (all|[0-9])")).click()
        expect(page.get_by_role("progressbar").and_(page.locator(":visible"))).to_have_count(0)
        until(lambda: server.running is None)
    assert 1 <= server.pictures_made < 6
    assert "generating" not in str(storyboards.rows(desk)) and "queued" not in str(storyboards.rows(desk))


def test_another_seed_is_looked_at_beside_the_picture_and_kept(
    desk: Project,
    server: ComfyServer,
    visitor: Visitor,
) -> None:
    (only,) = storyboards.film_on(desk, server.url, SCRIPT[:1])
    desk.run("run").exits(0)
    target = storyboards.target(desk, only)
    before = target.read_bytes()
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        sentence(page, 1).get_by_role("link", name="Open the picture of sentence 1").click()
        page.get_by_label("Seed to try, empty for any").fill("4711")
        page.get_by_role("button", name=re.compile("another seed", re.IGNORECASE)).click()
        candidate = page.get_by_role("group", name="Candidate")
        expect(candidate.get_by_role("button", name=re.compile("keep", re.IGNORECASE))).to_be_visible(timeout=30_000)
        assert target.read_bytes() == before
        candidate.get_by_role("button", name=re.compile("keep", re.IGNORECASE)).click()
        until(lambda: target.read_bytes() != before)
        expect(page.get_by_role("region", name="Recipe")).to_contain_text("4711")
    assert storyboards.query(desk, "select seed from sentences")[0][0] in (4711, "4711")
    desk.run("status", "--check").exits(0)
    desk.run("restore", f"film:{only}").exits(0)


def test_an_image_beside_its_previous_version_and_back_again(desk: Project, visitor: Visitor) -> None:
    desk.manifest("defaults: {backend: placeholder, size: 320x240}\nitems:\n  - {name: Lamp, prompt: a lamp}\n")
    desk.run("run").exits(0)
    first = desk.png("assets/images/lamp.png")
    desk.edit("a lamp", "a red lamp")
    desk.run("run").exits(0)
    page = visitor.page
    with Studio(desk) as studio:
        page.goto(studio.link)
        page.get_by_role("gridcell").first.press("Enter")
        slider = page.get_by_role("slider")
        expect(slider).to_be_visible()
        slider.press("ArrowRight")
        page.get_by_role("button", name=re.compile("^Restore")).click()
        page.get_by_role("dialog").get_by_role("button", name=re.compile("restore", re.IGNORECASE)).click()
        expect(page.get_by_role("status").filter(has_text=re.compile("restored", re.IGNORECASE)).first).to_be_attached()
    assert pixels(desk.root / "assets/images/lamp.png") == pixels_of(first)
    desk.run("status", "--check").exits(0)


def pixels(path: Path) -> bytes:
    return pixels_of(path.read_bytes())


def pixels_of(png: bytes) -> bytes:
    import io

    from PIL import Image

    return Image.open(io.BytesIO(png)).convert("RGB").tobytes()


def test_ten_thousand_images_scroll_and_only_what_is_seen_is_loaded(
    desk: Project,
    visitor: Visitor,
) -> None:
    items = "\n".join(f"  - item {number}" for number in range(10_000))
    desk.manifest(f"defaults: {{backend: placeholder, prompt: p, size: 16x16}}\nitems:\n{items}\n")
    desk.run("run", "images:item-0", "images:item-5000", "images:item-9999").exits(0)
    page = visitor.page
    with Studio(desk) as studio:
        page.goto(studio.link)
        cells = page.get_by_role("gridcell")
        expect(cells.first).to_contain_text("item 0")
        grid = page.get_by_role("grid")
        assert cells.count() < 200
        assert thumbnails(visitor) == ["item-0"]
        assert windows(visitor) <= 3
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        expect(cells.filter(has_text="item 9999")).to_be_visible()
        expect(cells.filter(has_text="item 9999").locator("img")).to_be_visible()
        assert cells.count() < 200
        assert thumbnails(visitor) == ["item-0", "item-9999"]
        assert windows(visitor) <= 8, "windows that were only scrolled past were fetched"
        expect(grid).to_have_attribute("aria-rowcount", re.compile("[0-9]{3,}"))
        page.get_by_label("Search name and prompt").fill("item 5000")
        expect(cells).to_have_count(1)
        expect(cells.first).to_contain_text("fresh")


def thumbnails(visitor: Visitor) -> list[str]:
    found = [re.search(r"/thumbnails/images(?::|%3A)([\w-]+)", url) for url in visitor.requests]
    return list(dict.fromkeys(one[1] for one in found if one))


def windows(visitor: Visitor) -> int:
    return sum("/api/items?" in url for url in visitor.requests)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 2560])
def test_everybody_can_use_every_view(desk: Project, chromium: Browser, scheme: str, width: int) -> None:
    ids = storyboards.film(desk, SCRIPT, size="320x180")
    desk.run("run").exits(0)
    storyboards.change(desk, ids[1], image_prompt="Ada waits in the rain.")
    visitor = Visitor(chromium, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = visitor.page
    with Studio(desk) as studio:
        page.goto(studio.link)
        expect(page.get_by_role("gridcell")).to_have_count(3)
        seen(page, width)
        script(page, studio)
        expect(sentence(page, 3)).to_be_visible()
        seen(page, width)
        sentence(page, 1).get_by_role("link", name="Open the picture of sentence 1").click()
        expect(page.get_by_role("region", name="Recipe")).to_be_visible()
        seen(page, width)
    visitor.close()


def seen(page: Page, width: int) -> None:
    """Nothing is cut off at the side, and axe-core finds nothing serious."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious(page) == []


def test_a_manifest_that_is_wrong_is_told_and_mended_without_a_reload(
    desk: Project,
    visitor: Visitor,
) -> None:
    desk.manifest("defaults: {backend: placeholder, size: 64x64}\nitems:\n  - {name: Lamp, prompt: a lamp}\n")
    page = visitor.page
    with Studio(desk) as studio:
        page.goto(studio.link)
        expect(page.get_by_role("gridcell")).to_have_count(1)
        desk.edit("prompt:", "promt:")
        problems = page.get_by_role("region", name="Problems of the manifest")
        expect(problems).to_contain_text('did you mean "prompt"')
        expect(page.get_by_role("gridcell")).to_have_count(1)  # the last good one is shown on
        desk.edit("promt: a lamp}", "prompt: a lamp}\n  - {name: Ferry, prompt: a ferry}")
        expect(page.get_by_role("gridcell")).to_have_count(2)
        expect(problems).to_be_hidden()


def test_a_prompt_is_text_and_never_html(desk: Project, visitor: Visitor) -> None:
    evil = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    storyboards.film(desk, [evil])
    page = visitor.page
    with Studio(desk) as studio:
        page.goto(studio.link)
        expect(page.get_by_role("gridcell")).to_have_count(1)
        script(page, studio)
        expect(sentence(page, 1).get_by_label("Text", exact=True)).to_have_value(evil)
        page.goto(f"{studio.url}/#/image/{desk.run('status', '--json').json['items'][0]['task']}")
        expect(page.get_by_role("region", name="Recipe")).to_contain_text("<script>")
        assert "taken" not in page.title()
        assert page.locator("main script").count() == 0
