"""The README's pictures of the studio: every run of the tests makes them; IMAGEGEN_PICTURES=1 writes them to docs/."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests import storyboards
from tests.browser import Visitor
from tests.conftest import Project
from tests.studios import Studio, state_home, until

DOCS = Path(__file__).parent.parent / "docs"
SIZE = {"width": 1280, "height": 800}
SCRIPT = (
    ("The ferry leaves the quay before the sun is up.", "a small ferry leaving a quay before sunrise, mist"),
    ("Ada counts the lanterns along the shore.", "a girl in a yellow coat counting lanterns along a dark shore"),
    ("One of them goes out.", "a row of lanterns in the dusk, one of them gone out"),
    ("Nobody else has seen it.", "passengers asleep on wooden benches, seen from the stern"),
    ("She asks the ferryman to turn back.", "a girl and an old ferryman at the wheel, lamplight"),
    ("He shakes his head, and turns the boat.", "the wake of a boat turning in a wide curve, from above"),
    ("The reeds are full of birds.", "reed beds at first light, hundreds of birds rising"),
    ("Somebody stands under the dark lantern.", "a figure under an unlit lantern on a jetty"),
    ("It is her brother, with wet shoes.", "a boy with wet shoes on a jetty, smiling"),
    ("They light the lantern together.", "two children lighting a lantern, warm light on their faces"),
    ("The ferry waits.", "a ferry waiting at a jetty, engine idle, gulls"),
    ("The sun comes up behind the three of them.", "sunrise behind a ferry with three people at the bow"),
)  # fmt: skip


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A film of twelve sentences and a few portraits, as somebody has them on an ordinary day."""
    root = tmp_path_factory.mktemp("projects") / "lantern-shore"
    root.mkdir()
    project = Project(root)
    state_home(project)
    ids = storyboards.film(project, [text for text, _ in SCRIPT], size="960x540")
    project.edit("project: Film}", 'project: "Lantern shore"}')
    storyboards.query(project, "update projects set name = 'Lantern shore', style = 'gouache, soft light'")
    for number, (_, prompt) in zip(ids, SCRIPT, strict=True):
        storyboards.change(project, number, image_prompt=prompt)
    portraits = ("Ada", "Ferryman", "Brother", "Harbour master", "The heron")
    items = "".join(f"      - {{name: {name}, prompt: 'portrait of {name}, gouache'}}\n" for name in portraits)
    project.edit("jobs:", "jobs:\n  portraits:\n    size: 640x640\n    items:\n" + items.rstrip())
    project.run("run").exits(0)
    storyboards.change(project, ids[2], image_prompt="a row of lanterns in the dusk, the third of them gone out")
    project.run("run", f"film:{ids[2]}").exits(0)
    storyboards.change(project, ids[1], image_prompt="a girl in a red coat counting lanterns along a dark shore")
    storyboards.target(project, ids[8]).unlink()
    project.edit("portrait of The heron, gouache", "portrait of a heron, gouache, close up")
    return project


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_three_views(film: Project, chromium: Browser, scheme: str, tmp_path: Path) -> None:
    visitor = Visitor(chromium, viewport=SIZE, color_scheme=scheme, reduced_motion="reduce")
    page = visitor.page
    with Studio(film) as studio:
        page.goto(studio.link)
        expect(page.get_by_role("gridcell").filter(has_text="stale").first).to_be_visible()
        taken(page, tmp_path, f"studio-sheet-{scheme}")
        page.get_by_role("navigation", name="Views").get_by_role("link", name="Lantern shore").click()
        expect(page.get_by_role("heading", name="Sentence 2", exact=True)).to_be_visible()
        taken(page, tmp_path, f"studio-storyboard-{scheme}")
        page.goto(f"{studio.url}/#/")
        search = page.get_by_label("Search name and prompt")
        search.fill("third of them")
        expect(page.get_by_role("gridcell")).to_have_count(1)
        page.get_by_role("gridcell").first.press("Enter")
        expect(page.get_by_role("slider")).to_be_visible()
        expect(page.get_by_role("region", name="Recipe")).to_contain_text("gouache")
        taken(page, tmp_path, f"studio-image-{scheme}")
    visitor.close()


def taken(page: Page, folder: Path, name: str) -> None:
    """A picture of the window, once all of its own pictures are there."""
    until(lambda: page.evaluate("[...document.images].every((one) => !one.src || (one.complete && one.naturalWidth))"))
    until(lambda: page.evaluate("document.getAnimations().every((one) => one.playState !== 'running')"))
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    assert shot.size == (SIZE["width"], SIZE["height"])
    colours = shot.quantize(256, dither=Image.Dither.NONE)
    assert len(colours.getcolors() or ()) > 64, "there is hardly anything to see"
    is_dark = sum(shot.resize((1, 1)).getpixel((0, 0))) < 3 * 110  # type: ignore[arg-type]
    assert is_dark == name.endswith("dark")
    place = DOCS if os.environ.get("IMAGEGEN_PICTURES") else folder
    colours.save(place / f"{name}.png", optimize=True)


def test_the_readme_shows_them() -> None:
    readme = (DOCS.parent / "README.md").read_text("utf-8")
    shown = set(re.findall(r"docs/(studio-[\w-]+\.png)", readme))
    assert shown == {
        f"studio-{view}-{scheme}.png" for view in ("sheet", "storyboard", "image") for scheme in ("light", "dark")
    }
    for name in shown:
        with Image.open(DOCS / name) as picture:
            assert picture.size == (SIZE["width"], SIZE["height"])
