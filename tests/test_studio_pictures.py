"""Pictures are handed out by the item they belong to, and nothing else is, whatever the path says."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from imagegen import live
from imagegen.live.reading import Told
from imagegen.studio import candidates
from imagegen.studio.serving_pictures import kind_of
from tests.conftest import Project
from tests.handiwork import draw
from tests.studio_desk import Desk, Open, outside

MANIFEST = """
    defaults: {backend: placeholder, size: 64x36, prompt: p}
    jobs:
      kins:
        items: [Ana, Bo]
"""
TARGET = "assets/kins/ana.png"


@pytest.fixture
def desk(project: Project, open_desk: Open) -> Desk:
    """Ana's picture is there."""
    project.manifest(MANIFEST)
    draw(project.root / TARGET)
    return open_desk()


def test_a_picture_comes_as_what_it_is_and_can_do_nothing_else(desk: Desk) -> None:
    answer = desk.fetch("/pictures/kins:ana")
    assert answer.status_code == 200 and answer.content == desk.project.png(TARGET)
    assert answer.headers["content-type"] == "image/png" and answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["content-length"] == str(len(answer.content))


def test_it_is_kept_for_good_only_under_an_address_of_its_content(desk: Desk) -> None:
    assert desk.fetch("/pictures/kins:ana").headers["cache-control"] == "private, no-cache"
    first = desk.card("kins:ana")["picture"]
    assert desk.fetch(first).headers["cache-control"] == "private, max-age=31536000, immutable"
    draw(desk.project.root / TARGET, "red")
    desk.shown.look(["kins:ana"])
    assert desk.card("kins:ana")["picture"] != first


def test_what_the_browser_has_is_not_sent_again(desk: Desk) -> None:
    tag = desk.fetch("/pictures/kins:ana").headers["etag"]
    again = desk.fetch("/pictures/kins:ana", if_none_match=f'"other", W/{tag}')
    assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == tag
    draw(desk.project.root / TARGET, "red")
    assert desk.fetch("/pictures/kins:ana", if_none_match=tag).status_code == 200


def test_a_percent_encoded_task_is_the_same(desk: Desk) -> None:
    assert desk.fetch("/pictures/kins%3Aana").status_code == 200


def test_thumbnails_are_small_and_made_once(desk: Desk) -> None:
    Image.new("RGB", (1600, 900), "teal").save(desk.project.root / TARGET)
    small = desk.fetch("/thumbnails/kins:ana")
    assert small.headers["content-type"] == "image/webp" and len(small.content) < 20_000
    assert small.headers["content-security-policy"] == "default-src 'none'; sandbox"
    made = list((desk.project.root / ".imagegen/thumbnails").rglob("*.webp"))
    assert desk.fetch("/thumbnails/kins:ana").content == small.content
    assert list((desk.project.root / ".imagegen/thumbnails").rglob("*.webp")) == made


def test_thumbnails_come_in_the_sizes_that_pages_ask_for_and_in_no_other(desk: Desk) -> None:
    Image.new("RGB", (1600, 900), "teal").save(desk.project.root / TARGET)
    for size, width in (("", 320), ("?size=320", 320), ("?size=640", 640), ("?size=1280", 1280)):
        small = desk.fetch(f"/thumbnails/kins:ana{size}")
        assert Image.open(io.BytesIO(small.content)).width == width
    for wrong in ("641", "100000", "-1", "0", "640.0", "", "x"):
        refused = desk.fetch(f"/thumbnails/kins:ana?size={wrong}")
        assert refused.status_code == 400 and "320, 640, 1280" in refused.json()["hint"]
    assert len(list((desk.project.root / ".imagegen/thumbnails").rglob("*.webp"))) == 3


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/kins:nobody",
        "/pictures/assets/kins/ana.png",
        "/pictures/../assets.yaml",
        "/pictures/%2e%2e/assets.yaml",
        "/pictures//etc/passwd",
        "/pictures/kins:ana/../../assets.yaml",
        "/pictures/kins:ana%00.png",
        "/thumbnails/kins:nobody",
        "/previous/kins:ana/1",
        "/previous/kins:ana/1/thumbnail",
        "/previous/kins:ana/99999999999999999999",
        "/previous/kins:ana/../1",
        "/candidates/kins:ana",
        "/candidates/kins:ana/thumbnail",
        "/references/kins:ana/0",
        "/references/kins:ana/-1",
        "/previews/kins:ana",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static//etc/passwd",
        "/static/",
        "/assets.yaml",
        "/.imagegen/manifest.jsonl",
    ],
)
def test_there_is_nothing_at_any_other_path(desk: Desk, path: str) -> None:
    assert "there is no" in desk.refuses(404, "GET", path)


@pytest.mark.parametrize("content", [b"prompt: secret", b"<svg onload=alert(1)>", b"<html>", b"", b"%PDF-1.7", b"BM"])
def test_what_is_no_picture_is_not_handed_out(desk: Desk, content: bytes) -> None:
    (desk.project.root / TARGET).write_bytes(content)
    for kind in ("pictures", "thumbnails"):
        desk.refuses(404, "GET", f"/{kind}/kins:ana")


@pytest.mark.parametrize("suffix", ["png", "jpeg", "webp", "gif"])
def test_a_picture_s_type_is_that_of_its_bytes(desk: Desk, suffix: str) -> None:
    path = desk.project.root / TARGET
    Image.new("RGB", (8, 8), "teal").save(path, format=suffix)
    assert desk.fetch("/pictures/kins:ana").headers["content-type"] == f"image/{suffix}"
    assert kind_of(path.read_bytes()[:16]) == f"image/{suffix}"


@pytest.mark.skipif(os.name == "nt", reason="making links wants a right on Windows")
def test_a_link_out_of_the_project_is_not_followed(desk: Desk) -> None:
    elsewhere = outside(desk.project, "private.png")
    draw(elsewhere)
    path = desk.project.root / TARGET
    path.unlink()
    path.symlink_to(elsewhere)
    for kind in ("pictures", "thumbnails"):
        desk.refuses(404, "GET", f"/{kind}/kins:ana")
    assert not (desk.project.root / ".imagegen/thumbnails").exists(), "not even a small one of it is made"
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(elsewhere.parent)
    elsewhere.rename(elsewhere.with_name("ana.png"))
    desk.refuses(404, "GET", "/pictures/kins:ana")
    place = candidates.path(desk.project.root, TARGET)
    place.parent.mkdir(parents=True)
    place.symlink_to(elsewhere.with_name("ana.png"))
    desk.refuses(404, "GET", "/candidates/kins:ana")


@pytest.mark.skipif(os.name == "nt", reason="making links wants a right on Windows")
def test_a_link_inside_the_project_is_followed(desk: Desk) -> None:
    path = desk.project.root / TARGET
    draw(desk.project.root / "art/ana.png", "navy")
    path.unlink()
    path.symlink_to(desk.project.root / "art/ana.png")
    assert desk.fetch("/pictures/kins:ana").content == desk.project.png("art/ana.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_in_a_picture_s_place_keeps_nobody_waiting(desk: Desk) -> None:
    path = desk.project.root / TARGET
    path.unlink()
    os.mkfifo(path)
    for kind in ("pictures", "thumbnails"):
        desk.refuses(404, "GET", f"/{kind}/kins:ana")


def test_where_no_thumbnail_can_be_kept_the_picture_itself_is_shown(desk: Desk) -> None:
    (desk.project.root / ".imagegen/thumbnails").write_text("no folder", "utf-8")
    assert desk.fetch("/thumbnails/kins:ana").content == desk.project.png(TARGET)


def test_a_folder_that_the_command_line_allows_is_served(project: Project, open_desk: Open) -> None:
    target = outside(project, "ana.png")
    draw(target)
    project.manifest(MANIFEST.replace("kins:", f"kins:\n        output: {target.parent.as_posix()}"))
    desk = open_desk(allow=(target.parent,))
    (card,) = desk.get("/api/items?q=ana")["items"]
    assert desk.fetch(card["picture"]).content == target.read_bytes()


def test_a_preview_is_that_of_the_run_that_makes_the_picture(desk: Desk) -> None:
    place = live.folder(desk.project.root)
    file = place / live.preview_name("run", "kins:bo", "jpeg")
    place.mkdir(parents=True)
    Image.new("RGB", (8, 8), "teal").save(file, format="jpeg")
    desk.hub._hear([Told("run", "run", "preview", "kins:bo", {"file": str(file), "type": "jpeg"})])
    answer = desk.fetch("/previews/kins:bo")
    assert answer.content == file.read_bytes() and answer.headers["content-type"] == "image/jpeg"
    desk.hub._hear([Told("run", "run", "ended", "", {"lost": False})])
    desk.refuses(404, "GET", "/previews/kins:bo")


def test_the_page_s_own_files_come_with_their_types_and_are_asked_for_again(desk: Desk) -> None:
    page = desk.fetch("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8" and b"<!doctype html>" in page.content.lower()
    script = desk.fetch("/static/app.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["cache-control"] == "no-cache" == page.headers["cache-control"]
    assert desk.fetch("/static/app.js", if_none_match=script.headers["etag"]).status_code == 304
    assert desk.fetch("/static/base.css").headers["content-type"] == "text/css; charset=utf-8"


def test_every_file_that_the_page_names_is_there(desk: Desk) -> None:
    """Also those that the package forgets to ship are noticed: they are read from it."""
    from imagegen.studio import app

    for path in app.PAGE.rglob("*"):
        if path.is_file():
            name = path.relative_to(app.PAGE).as_posix()
            assert desk.fetch(f"/static/{name}").status_code == 200, name


def test_a_candidate_s_place_is_inside_the_project_whatever_the_target(project: Project) -> None:
    for target in ("assets/a.png", "/elsewhere/a.png", "../a.png", "C:/a.png", "a.png"):
        place = candidates.path(project.root, target)
        assert place.is_relative_to(project.root / ".imagegen/candidates") and ".." not in place.parts
    assert candidates.target("/one/a.png") != candidates.target("/other/a.png")
    assert isinstance(candidates.path(Path("p"), "a.png"), Path)
