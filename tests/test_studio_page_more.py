"""More of what a person does on the studio's page, and what other front ends hear of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests import storyboards
from tests.browser import Visitor, serious
from tests.conftest import Project
from tests.handiwork import edit
from tests.servers.comfyui import ComfyServer
from tests.studio_pages import script, sentence, text, texts
from tests.studios import Studio, state_home, until

SCRIPT = ("A lamp on the quay.", "Ada waits.", "The ferry comes.", "Nobody speaks.")
LAMP = "defaults: {backend: placeholder, size: 320x240}\nitems:\n  - {name: Lamp, prompt: a lamp}\n"


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


@pytest.fixture
def lamp(desk: Project) -> Project:
    """One item that was made twice, and so has a previous version."""
    desk.manifest(LAMP)
    desk.run("run").exits(0)
    desk.edit("a lamp", "a red lamp")
    desk.run("run").exits(0)
    return desk


# --- other front ends ----------------------------------------------------------------------------------


def test_other_front_ends_hear_of_each_picture_in_the_words_they_know(desk: Project, server: ComfyServer) -> None:
    first, second, *_ = storyboards.film_on(desk, server.url, SCRIPT[:2])
    project = storyboards.project_id(desk)
    with Studio(desk) as studio, studio.live(f"/api/projects/{project}/live") as live:
        job = studio.send("POST", f"/api/storyboards/{project}/sentences/{first}/generate", {})["id"]
        done = live.next("job_complete")
        about = {"jobId": job, "jobType": "image/generate", "sentenceId": first}
        assert {"type": "job_complete", **about}.items() <= done.items()
        assert done["result"]["file"] == f"data/projects/{project}/images/{first}.png"
        progress = [one for one in live.heard if one["type"] == "progress"]
        assert all(about.items() <= one.items() for one in progress)
        assert all(0 <= one["progress"] <= 1 and isinstance(one["message"], str) for one in progress)
        assert list(dict.fromkeys(one["status"] for one in progress)) == ["queued", "generating"]
        steps = [one["progress"] for one in progress if one["status"] == "generating"]
        assert steps == sorted(steps) and len(set(steps)) > 3
        server.faults.answer("/prompt", 400, times=1)
        job = studio.send("POST", f"/api/storyboards/{project}/sentences/{second}/generate", {})["id"]
        failed = live.next("job_failed")
        assert {"jobId": job, "jobType": "image/generate", "sentenceId": second}.items() <= failed.items()
        assert failed["error"]


# --- the script ----------------------------------------------------------------------------------------


def test_a_sentence_is_dragged_with_a_finger(desk: Project, chromium: Browser) -> None:
    storyboards.film(desk, SCRIPT)
    visitor = Visitor(chromium, viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        grip = sentence(page, 1).get_by_role("button", name="Move sentence 1", exact=True)
        grip.scroll_into_view_if_needed()
        here, below = grip.bounding_box(), sentence(page, 2).bounding_box()
        assert here and below
        x, y = here["x"] + 12, here["y"] + 12
        finger = visitor.context.new_cdp_session(page)
        drop = below["y"] + 20
        finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        while y < min(drop, 790):
            y += 20
            finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y}]})
        until(lambda: page.locator(".board-line").is_visible())
        # At the lower edge the page goes on by itself, until the second half of the next sentence is there.
        until(lambda: (sentence(page, 2).bounding_box() or below)["y"] < 300)
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        until(lambda: texts(desk)[0] != SCRIPT[0])
        assert sorted(texts(desk)) == sorted(SCRIPT)
    visitor.close()


def test_one_of_two_that_are_made_is_cancelled_and_the_other_comes(
    desk: Project,
    server: ComfyServer,
    visitor: Visitor,
) -> None:
    storyboards.film_on(desk, server.url, SCRIPT[:3])
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        page.get_by_role("button", name="Generate 3 dirty").click()
        going = page.get_by_role("listitem").filter(has_text=re.compile(r"step [1-9] of 10"))
        expect(going).to_have_count(1)
        number = going.get_by_role("heading").inner_text().split()[-1]
        sentence(page, int(number)).get_by_role("button", name="Cancel").click()
        expect(sentence(page, int(number))).to_contain_text("missing")
        for other in {1, 2, 3} - {int(number)}:
            expect(sentence(page, other)).to_contain_text("fresh")
        expect(sentence(page, int(number))).to_contain_text("missing")
    assert server.pictures_made == 2
    assert {status for _, status, _ in storyboards.rows(desk)} == {"completed", "idle"}


def test_a_server_that_is_away_is_said_and_a_second_try_succeeds(desk: Project, visitor: Visitor) -> None:
    with ComfyServer() as server:
        port, url = int(server.url.rpartition(":")[2]), server.url
    storyboards.film_on(desk, url, SCRIPT[:1])
    page = visitor.page
    with Studio(desk, "--retry-delay", "0.1") as studio:
        script(page, studio)
        page.get_by_role("button", name="Generate sentence 1").click()
        expect(sentence(page, 1)).to_contain_text("failed")
        expect(sentence(page, 1)).to_contain_text(str(port))
        assert serious(page) == []
        with ComfyServer(port=port):
            page.get_by_role("button", name="Generate sentence 1").click()
            expect(sentence(page, 1)).to_contain_text("fresh")
            expect(sentence(page, 1)).not_to_contain_text(str(port))


def test_a_press_need_not_wait_for_a_run_in_a_terminal(desk: Project, server: ComfyServer, visitor: Visitor) -> None:
    storyboards.film_on(desk, server.url, SCRIPT * 2)
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        expect(sentence(page, 1)).to_be_visible()
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        row = sentence(page, 8)
        expect(row).to_be_visible()
        terminal = desk.start("run")
        expect(row).to_contain_text("queued")
        expect(row.get_by_role("button", name="Cancel sentence 8")).to_be_hidden()  # it is not ours to cancel
        expect(page.get_by_role("button", name="Cancel all")).to_be_hidden()
        row.get_by_role("button", name="Generate sentence 8").click()
        expect(row.get_by_role("button", name="Cancel sentence 8")).to_be_visible()
        expect(row).to_contain_text("fresh")
        assert terminal.poll() is None, "it was waited for"
        out, err = terminal.communicate(timeout=60)
        assert terminal.returncode == 0, out + err
    assert server.pictures_made == 8


def test_a_failure_is_said_once_by_its_row_or_elsewhere_by_a_name_that_people_know(
    desk: Project,
    visitor: Visitor,
) -> None:
    page = visitor.page
    with ComfyServer() as server:
        ids = storyboards.film_on(desk, server.url, SCRIPT[:2])
        generate = f"/api/storyboards/{storyboards.project_id(desk)}/sentences/{{}}/generate"
        with Studio(desk) as studio:
            script(page, studio)
            server.faults.answer("/prompt", 400, times=1)
            studio.send("POST", generate.format(ids[0]), {})
            expect(sentence(page, 1)).to_contain_text("the server refused the graph")
            page.get_by_role("link", name="All images").click()
            server.faults.answer("/prompt", 400, times=1)
            studio.send("POST", generate.format(ids[1]), {})
            notices = page.get_by_role("region", name="Notices")
            expect(notices).to_contain_text("film 002: the server refused the graph")
            expect(notices.get_by_role("button")).to_have_count(1)


def test_from_an_image_one_comes_back_to_where_it_was_opened(desk: Project, visitor: Visitor) -> None:
    storyboards.film(desk, SCRIPT)
    desk.run("run").exits(0)
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        page.get_by_role("link", name="Open the picture of sentence 2").click()
        expect(page.get_by_role("heading", name="002", level=1)).to_be_visible()
        page.get_by_role("button", name="Next image").click()
        expect(page.get_by_role("heading", name="003", level=1)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("heading", name="Film", level=1)).to_be_visible()
        page.get_by_role("link", name="All images").click()
        page.get_by_role("gridcell").nth(3).press("Enter")
        expect(page.get_by_role("heading", name="004", level=1)).to_be_visible()
        page.get_by_role("main").get_by_role("link", name="All images").click()
        expect(page.get_by_role("gridcell").nth(3)).to_be_focused()


def test_what_is_written_while_its_picture_is_made_makes_the_picture_stale(
    desk: Project,
    server: ComfyServer,
    visitor: Visitor,
) -> None:
    storyboards.film_on(desk, server.url, SCRIPT[:1])
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        page.get_by_role("button", name="Generate sentence 1").click()
        expect(sentence(page, 1).get_by_role("progressbar")).to_have_attribute("aria-valuetext", re.compile("step"))
        for letter in (" In", " the", " fog."):
            text(page, 1).press("End")
            text(page, 1).press_sequentially(letter)
        expect(sentence(page, 1)).to_contain_text("stale")
        expect(text(page, 1)).to_have_value(f"{SCRIPT[0]} In the fog.")
        expect(text(page, 1)).to_be_focused()
        until(lambda: texts(desk) == [f"{SCRIPT[0]} In the fog."])
    assert storyboards.rows(desk)[0][2] == 1


def test_a_prompt_is_changed_and_its_picture_made_without_a_mouse(desk: Project, visitor: Visitor) -> None:
    storyboards.film(desk, SCRIPT[:2])
    page = visitor.page
    with Studio(desk) as studio:
        page.goto(studio.link)
        expect(page.get_by_role("gridcell")).to_have_count(2)
        tab_to(page, page.get_by_role("link", name="Film"))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Film", level=1)).to_be_focused()
        tab_to(page, sentence(page, 1).get_by_label("Image prompt"))
        page.keyboard.type("a lamp in the fog")
        page.keyboard.press("Control+Enter")
        expect(sentence(page, 1)).to_contain_text("fresh")
        expect(sentence(page, 1).get_by_label("Image prompt")).to_be_focused()
        tab_to(page, sentence(page, 2).get_by_role("button", name="Generate sentence 2"))
        page.keyboard.press("Enter")
        expect(sentence(page, 2)).to_contain_text("fresh")
        assert page.evaluate("document.activeElement !== document.body")
    assert storyboards.query(desk, "select image_prompt from sentences")[0][0] == "a lamp in the fog"


def tab_to(page: Page, wanted: Locator) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted.evaluate("node => node === document.activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {wanted}")


def test_characters_that_are_ticked_quickly_are_all_kept(desk: Project, visitor: Visitor) -> None:
    storyboards.film(desk, SCRIPT[:1])
    page = visitor.page
    names = ["Ada", "Bo", "Cid"]
    with Studio(desk) as studio:
        for name in names:
            studio.send("POST", f"/api/storyboards/{storyboards.project_id(desk)}/characters", {"name": name})
        script(page, studio)
        page.get_by_role("button", name="Characters: none. Change").click()
        choice = page.get_by_role("dialog", name="Characters of this sentence")
        choice.evaluate("node => node.querySelectorAll('input').forEach((box) => box.click())")
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Characters: Ada, Bo, Cid. Change")).to_be_focused()
        until(lambda: storyboards.query(desk, "select count(*) from appearances")[0][0] == 3)
        expect(page.get_by_role("button", name="Characters: Ada, Bo, Cid. Change")).to_be_visible()


# --- one image -----------------------------------------------------------------------------------------


def test_the_slider_shows_more_of_one_picture_by_key_and_by_mouse(lamp: Project, visitor: Visitor) -> None:
    page = visitor.page
    with Studio(lamp) as studio:
        page.goto(f"{studio.link}#/image/images:lamp")
        slider = page.get_by_role("slider")
        expect(slider).to_have_attribute("aria-valuetext", "50 % Version 1")
        left = page.get_by_role("img", name="Lamp, version 1")
        assert (width_seen(page), left.is_visible()) == (50, True)
        slider.press("ArrowRight")
        expect(slider).to_have_attribute("aria-valuetext", "51 % Version 1")
        assert width_seen(page) == 51
        slider.press("End")
        assert width_seen(page) == 100
        box = page.get_by_role("region", name="Picture").locator(".stage-pictures").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2, steps=4)
        page.mouse.up()
        assert width_seen(page) == pytest.approx(25, abs=1)
        expect(slider).to_be_focused()
        page.get_by_role("button", name="Side by side").click()
        expect(slider).to_be_hidden()
        current, before = page.get_by_role("img", name="Lamp, current picture").bounding_box(), left.bounding_box()
        assert current and before and before["x"] + before["width"] <= current["x"] + 1
        page.get_by_role("button", name="One picture").click()
        expect(left).to_be_hidden()


def width_seen(page: Page) -> float:
    """How much is seen of the left picture, in percent of its width."""
    cut: str = page.locator(".stage-box-left").evaluate("node => getComputedStyle(node).clipPath")
    found = re.fullmatch(r"inset\(0px(?: ([\d.]+)%.*)?\)", cut)
    assert found, cut
    return 100 - float(found[1] or 0)


def test_another_seed_that_does_not_please_is_discarded(lamp: Project, visitor: Visitor) -> None:
    before = lamp.png("assets/images/lamp.png")
    page = visitor.page
    with Studio(lamp) as studio:
        page.goto(f"{studio.link}#/image/images:lamp")
        page.get_by_role("button", name="Try another seed").click()
        candidate = page.get_by_role("group", name="Candidate")
        expect(page.get_by_role("img", name="Lamp, candidate")).to_be_visible()
        candidate.get_by_role("button", name="Discard it").click()
        expect(candidate).to_be_hidden()
        expect(page.get_by_role("img", name="Lamp, candidate")).to_have_count(0)
        expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", re.compile("Version 1"))
    assert lamp.png("assets/images/lamp.png") == before
    assert not list((lamp.root / ".imagegen/candidates").rglob("*.png"))
    lamp.run("status", "--check").exits(0)


def test_a_picture_that_was_edited_by_hand_is_adopted(lamp: Project, visitor: Visitor) -> None:
    path = lamp.root / "assets/images/lamp.png"
    page = visitor.page
    visitor.expected += ("404",)  # a look at the file while the program wrote it
    with Studio(lamp) as studio:
        page.goto(f"{studio.link}#/image/images:lamp")
        state = page.get_by_role("region", name="State and actions")
        expect(state).to_contain_text("fresh")
        edit(path)
        lamp.edit("a red lamp", "a green lamp")
        expect(state).to_contain_text("edited")
        state.get_by_role("button", name="Adopt the picture").click()
        page.get_by_role("dialog").get_by_role("button", name="Adopt", exact=True).click()
        expect(state).to_contain_text("fresh")
    lamp.run("status", "--check").exits(0)


# --- all images ----------------------------------------------------------------------------------------


def test_images_are_filtered_by_verdict_and_text_and_the_way_back_leads_there(desk: Project, visitor: Visitor) -> None:
    desk.manifest("""
        defaults: {backend: placeholder, size: 64x48}
        items:
          - {name: Lamp, prompt: a lamp on the quay}
          - {name: Ferry, prompt: a ferry}
          - {name: Quay, prompt: a stone wall}
          - {name: Gull, prompt: a bird}
    """)
    desk.run("run", "images:lamp", "images:ferry", "images:quay").exits(0)
    desk.edit("a stone wall", "a wooden wall")
    page = visitor.page
    with Studio(desk) as studio:
        page.goto(studio.link)
        cells = page.get_by_role("gridcell")
        expect(cells).to_have_count(4)
        chips = page.get_by_role("group", name="Verdict")
        chips.get_by_role("button", name="stale").click()
        expect(cells).to_have_count(1)
        expect(cells).to_contain_text("Quay")
        chips.get_by_role("button", name="fresh").click()
        expect(cells).to_have_count(3)
        page.get_by_label("Search name and prompt").fill("quay")
        expect(cells).to_have_count(2)
        expect(cells.nth(0)).to_contain_text("Lamp")
        cells.nth(1).press("Enter")
        expect(page.get_by_role("heading", name="Quay", level=1)).to_be_visible()
        expect(page.get_by_text("2 of 2")).to_be_visible()
        page.go_back()
        expect(cells).to_have_count(2)
        expect(page.get_by_label("Search name and prompt")).to_have_value("quay")
        expect(cells.nth(1)).to_be_focused()
        page.get_by_label("Search name and prompt").fill("nothing such")
        expect(page.get_by_role("heading", name="No image fits this filter")).to_be_visible()
        page.get_by_role("button", name="Show all images").click()
        expect(cells).to_have_count(4)


@pytest.mark.parametrize(("width", "scale", "least"), [(500, 1, 320), (1280, 1, 360), (2560, 1, 700)])
def test_thumbnails_are_as_fine_as_their_place_and_never_the_whole_file(
    desk: Project,
    chromium: Browser,
    width: int,
    scale: int,
    least: int,
) -> None:
    storyboards.film(desk, SCRIPT[:1], size="1920x1088")
    desk.run("run").exits(0)
    visitor = Visitor(chromium, viewport={"width": width, "height": 900}, device_scale_factor=scale)
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        picture = sentence(page, 1).locator("img")
        expect(picture).to_have_js_property("complete", True)
        until(lambda: picture.evaluate("image => image.currentSrc.includes('thumbnails') && image.clientWidth > 0"))
        loaded = re.search(r"size=(\d+)", picture.evaluate("image => image.currentSrc"))
        shown = picture.evaluate("image => image.clientWidth") * scale
        assert loaded and int(loaded[1]) >= min(shown, 1280) * 0.9 and shown >= least
    assert not [url for url in visitor.requests if "/pictures/" in url]
    visitor.close()


# --- everybody -----------------------------------------------------------------------------------------


def test_axe_finds_nothing_serious_in_dialogs_and_in_trouble(
    desk: Project,
    server: ComfyServer,
    visitor: Visitor,
) -> None:
    ids = storyboards.film_on(desk, server.url, SCRIPT[:2])
    page = visitor.page
    visitor.expected += ("ERR_FAILED",)
    studio = Studio(desk)
    with studio:
        studio.send("POST", f"/api/storyboards/{storyboards.project_id(desk)}/characters", {"name": "Ada"})
        script(page, studio)
        for opener in ("Settings", "Characters", "Add sentence", "Delete sentence 1", "Show the keys"):
            page.get_by_role("button", name=opener, exact=True).click()
            expect(page.get_by_role("dialog")).to_be_visible()
            assert serious(page) == [], opener
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_have_count(0)
            expect(page.get_by_role("button", name=opener, exact=True)).to_be_focused()
        page.route("**/sentences/*", lambda route: route.abort())
        text(page, 1).fill("A lamp, mine.")
        storyboards.change(desk, ids[0], text="A lamp, theirs.")
        expect(sentence(page, 1).get_by_role("group", name="Two versions")).to_be_visible()
        expect(page.get_by_role("status").filter(has_text="somebody else has changed this")).to_be_attached()
        assert serious(page) == [], "two versions"
        page.unroute("**/sentences/*")
        sentence(page, 1).get_by_role("button", name="Take theirs").click()
        page.get_by_role("button", name="Generate sentence 2").click()
        expect(sentence(page, 2)).to_contain_text(re.compile(r"step [1-9]"))
        assert serious(page) == [], "generating"
        studio.kill()
        expect(page.get_by_text("Connection lost, trying again").first).to_be_visible()
        assert serious(page) == [], "connection lost"


@pytest.mark.parametrize("setting", [{"forced_colors": "active"}, {"reduced_motion": "reduce"}])
def test_high_contrast_and_less_motion_are_respected(
    desk: Project,
    server: ComfyServer,
    chromium: Browser,
    setting: dict[str, str],
) -> None:
    storyboards.film_on(desk, server.url, SCRIPT[:1])
    visitor = Visitor(chromium, viewport={"width": 640, "height": 450}, **setting)  # 1280 × 900 at 200 %
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        page.get_by_role("button", name="Generate sentence 1").click()
        bar = sentence(page, 1).get_by_role("progressbar")
        expect(bar).to_have_attribute("aria-valuetext", re.compile(r"step [3-9]"))
        if "forced_colors" in setting:
            part = bar.evaluate("node => getComputedStyle(node, '::before').backgroundColor")
            ground = bar.evaluate("node => getComputedStyle(node).backgroundColor")
            assert part != ground
        else:
            longest = page.evaluate("""Math.max(0, ...document.getAnimations().map((one) =>
                Number(one.effect.getComputedTiming().endTime)))""")
            assert longest < 10
        assert page.evaluate("document.documentElement.scrollWidth") <= 640
        expect(sentence(page, 1)).to_contain_text("fresh")
    visitor.close()


# --- from an empty folder ------------------------------------------------------------------------------


def test_from_an_empty_folder_to_a_film_that_doit_keeps_up_to_date(desk: Project, visitor: Visitor) -> None:
    lines = [f"Sentence number {number}." for number in range(12)]
    desk.write("script.md", "# Film\n\n" + "\n\n".join(lines) + "\n")
    desk.run("storyboard", "import", "script.md").exits(0)
    page = visitor.page
    with Studio(desk) as studio:
        script(page, studio)
        page.get_by_role("button", name="Generate 12 dirty").click()
        expect(page.get_by_text("12 sentences · all up to date")).to_be_visible(timeout=60_000)
        before = {path.name: path.read_bytes() for path in desk.root.glob("data/projects/*/images/*.png")}
        assert len(before) == 12
        prompt = sentence(page, 2).get_by_label("Image prompt")
        prompt.fill("a red lamp in the fog")
        prompt.press("Tab")
        expect(sentence(page, 2)).to_contain_text("stale")
        shown = sentence(page, 2).locator("img").get_attribute("src") or ""
        assert desk.doit().code == 0
        expect(sentence(page, 2)).to_contain_text("fresh")
        expect(sentence(page, 2).locator("img")).not_to_have_attribute("src", shown)
        expect(page.get_by_text("12 sentences · all up to date")).to_be_visible()
    after = {path.name: path.read_bytes() for path in desk.root.glob("data/projects/*/images/*.png")}
    second = storyboards.query(desk, "select id from sentences order by position")[1][0]
    assert [name for name in before if before[name] != after[name]] == [f"{second}.png"]
