"""`imagegen gallery OUT`: a contact sheet that opens anywhere."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.browser import Visitor, serious
from tests.conftest import Project

MANIFEST = """\
defaults: {backend: placeholder, size: 64x48}
jobs:
  kins:
    items:
      - {name: Mallsing, prompt: a marsh kin, seed: 7}
      - {name: Thorn, prompt: an <b>old</b> "reed" & lantern}
  scenes:
    items:
      - {name: Ferry, prompt: a ferry}
      - {name: Lighthouse, prompt: a secret, record: digest}
"""


@pytest.fixture
def made(project: Project) -> Project:
    """Three fresh pictures, one of them with a record that tells nothing, and one that is missing."""
    project.manifest(MANIFEST)
    project.run("run", "kins", "scenes:lighthouse").exits(0)
    return project


def html(project: Project, out: str = "out") -> str:
    return (project.root / out / "index.html").read_text("utf-8")


def test_every_image_is_on_it_with_its_verdict_seed_and_backend(made: Project) -> None:
    made.edit("a marsh kin", "a marsh kin at night")
    made.run("gallery", "out").exits(0).says("shows 3 pictures of 4 images")
    text = html(made)
    assert len(re.findall(r'class="card"', text)) == 4
    stale = text.split('data-words="kins:mallsing')[1].split("</li><h3>")[0]
    for part in ("stale", "a marsh kin at night", "<dd>7</dd>", "<dd>placeholder</dd>", "kins:mallsing"):
        assert part in stale, part
    assert "no picture" in text and "2 fresh, 1 missing, 1 stale" in text


def test_prompts_are_text_and_never_html(made: Project) -> None:
    made.run("gallery", "out").exits(0)
    assert "<b>old</b>" not in html(made)
    assert "an &lt;b&gt;old&lt;/b&gt; &quot;reed&quot; &amp; lantern" in html(made)


def test_a_picture_with_a_digest_only_tells_no_prompt(made: Project) -> None:
    made.run("gallery", "out").exits(0)
    assert "a secret" not in html(made) and "scenes:lighthouse" in html(made)


def test_it_holds_all_that_it_shows_and_names_nothing_elsewhere(made: Project) -> None:
    made.run("gallery", "out").exits(0)
    for found in re.findall(r'(?:src|href)="([^"]*)"', html(made)):
        assert not found.startswith(("/", "http", "..")), found
        assert (made.root / "out" / found).is_file(), found


def test_full_copies_the_pictures_as_they_are(made: Project) -> None:
    made.run("gallery", "out", "--full", "kins").exits(0).says("shows 2 pictures of 2 images")
    copied = {path.read_bytes() for path in (made.root / "out/pictures").glob("*.png")}
    assert copied == {made.png("assets/kins/mallsing.png"), made.png("assets/kins/thorn.png")}


def test_another_time_only_what_changed_is_drawn_and_what_is_gone_is_removed(made: Project) -> None:
    made.run("gallery", "out").exits(0)
    before = {path: path.stat().st_mtime_ns for path in (made.root / "out/thumbnails").iterdir()}
    made.edit("an <b>old</b>", "a young")
    made.run("run").exits(0)
    made.run("gallery", "out").exits(0).says("4 pictures of 4 images")
    after = {path: path.stat().st_mtime_ns for path in (made.root / "out/thumbnails").iterdir()}
    assert len(after) == 4
    assert len(before.items() & after.items()) == 2  # mallsing's and the lighthouse's
    assert sorted(json.loads((made.root / "out/imagegen-gallery.json").read_text())) == sorted(
        path.relative_to(made.root / "out").as_posix()
        for path in (made.root / "out").rglob("*")
        if path.is_file() and path.name != "imagegen-gallery.json"
    )


def test_the_same_pictures_give_the_same_gallery(made: Project) -> None:
    for out in ("one", "two"):
        made.run("gallery", out).exits(0)
    for path in (made.root / "one").rglob("*.*"):
        assert path.read_bytes() == (made.root / "two" / path.relative_to(made.root / "one")).read_bytes()


@pytest.mark.parametrize("out", [".", "assets", "assets/kins"])
def test_a_folder_with_other_things_in_it_is_left_alone(made: Project, out: str) -> None:
    before = {path: path.read_bytes() for path in made.root.rglob("*.png")}
    made.run("gallery", out).exits(3).says("has other things in it", "name a new folder")
    assert {path: path.read_bytes() for path in made.root.rglob("*.png")} == before


def test_what_stands_in_the_way_is_told(made: Project) -> None:
    made.run("gallery").exits(3).says("gallery wants a folder")
    made.write("file", "x")
    made.run("gallery", "file").exits(3).says("file is a file")
    made.run("gallery", "out", "kin").exits(3).says('did you mean "kins"')


def test_a_note_that_somebody_changed_removes_nothing_outside(made: Project) -> None:
    made.run("gallery", "out").exits(0)
    names = ["../assets/kins/thorn.png", str(made.root / "assets/kins/mallsing.png"), "C:\\x", "a/../../assets/x"]
    made.write("out/imagegen-gallery.json", json.dumps(names))
    made.run("gallery", "out").exits(0)
    assert (made.root / "assets/kins/thorn.png").is_file() and (made.root / "assets/kins/mallsing.png").is_file()


def test_it_is_read_and_filtered_from_a_file(made: Project, visitor: Visitor) -> None:
    made.run("gallery", "out").exits(0)
    page = visitor.page
    page.goto((made.root / "out/index.html").as_uri())
    cards = page.locator(".card:visible")
    expect(cards).to_have_count(4)
    page.get_by_label("Find").fill("old lantern")
    expect(cards).to_have_count(1)
    expect(page.get_by_role("status")).to_have_text("1 of 4 shown")
    page.get_by_label("Find").fill("")
    page.get_by_label("fresh 3").uncheck()
    expect(cards).to_have_count(1)
    expect(cards.first).to_contain_text("Ferry")
    assert all(url.startswith("file:") for url in visitor.requests)
    assert serious(page) == []
    assert page.evaluate("document.querySelector('img').naturalWidth") == 64


def test_a_narrow_window_and_a_dark_one(made: Project, visitor: Visitor) -> None:
    made.run("gallery", "out").exits(0)
    page = visitor.page
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto((made.root / "out/index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert serious(page) == []
