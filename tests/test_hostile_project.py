"""A project that somebody else made brings its `.imagegen` and its databases along: nothing outside the project is
read, written or removed because of them, and nothing breaks."""

from __future__ import annotations

import json
import os
import sqlite3
import struct
import sys
import threading
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagegen import live, previous, thumbnails
from imagegen.live.reading import LiveReader
from imagegen.live.writing import LiveLog
from imagegen.progress import Skipped
from tests.conftest import Project
from tests.handiwork import draw
from tests.storyboards import film, query
from tests.studio_desk import Desk, Open, opening, outside
from tests.studios import Studio, state_home, until

MANIFEST = """
    defaults: {backend: placeholder, size: 64x36, prompt: p}
    jobs:
      kins:
        items: [Ana, Bo]
"""
ANA = "assets/kins/ana.png"
LONG_AGO = (1.0, 1.0)
links = pytest.mark.skipif(os.name == "nt", reason="making links wants a right on Windows")


@pytest.fixture
def desk(project: Project, open_desk: Open) -> Desk:
    """Ana's picture is there."""
    project.manifest(MANIFEST)
    draw(project.root / ANA)
    return open_desk()


@pytest.fixture
def home(project: Project) -> Path:
    """Files of somebody's own, as old as files in a home are."""
    folder = outside(project, "home")
    folder.mkdir()
    for name in (".profile", "letter.odt", "notes", "ana.png"):
        (folder / name).write_text("mine")
        os.utime(folder / name, LONG_AGO)
    return folder


def link(project: Project, name: str, to: Path) -> None:
    path = project.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(to)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


# --- links ------------------------------------------------------------------------------------------------


@links
@pytest.mark.parametrize("name", [".imagegen", ".imagegen/live", ".imagegen/previous", ".imagegen/jobs.sqlite"])
def test_a_link_out_of_the_project_is_refused_before_anything_is_done(name: str, project: Project, home: Path) -> None:
    project.manifest(MANIFEST)
    link(project, name, home)
    before = contents(home)
    for command in ("run", "status", "studio"):
        project.run(command).exits(3).says(f"{name} leads out of the project by a link", "--allow-path")
    assert contents(home) == before


@links
def test_a_folder_that_is_no_project_is_tidied_only_at_home(project: Project, home: Path) -> None:
    (home / "settings.json").write_text("mine")
    link(project, ".imagegen", home)
    before = contents(home)
    project.run("generate", "a fox", "--backend", "placeholder").exits(3).says(".imagegen leads out of the project")
    assert contents(home) == before


@links
def test_a_state_folder_on_another_disk_can_be_allowed(project: Project, home: Path) -> None:
    project.manifest(MANIFEST)
    (home / "state").mkdir()
    link(project, ".imagegen", home / "state")
    project.run("run", "--allow-path", os.fspath(home)).exits(0).says("2 made")


def test_only_files_of_runs_are_swept(tmp_path: Path) -> None:
    """Whatever leads there: what is no run's file is somebody's own."""
    place = live.folder(tmp_path)
    place.mkdir(parents=True)
    mine = ["letter.odt", ".profile", "notes.jsonl", "1-2-zzzz.jsonl", "12.png"]
    for name in (*mine, "1-2-ab12.jsonl"):
        (place / name).write_text("{}")
        os.utime(place / name, LONG_AGO)
    log = LiveLog(tmp_path)
    log(Skipped("a:x", "assets/a/x.png", "fresh"))
    log.close()
    assert {path.name for path in place.iterdir()} == {*mine, f"{log.run}.jsonl"}


@links
def test_a_previous_version_is_kept_and_found_only_at_home(project: Project, home: Path) -> None:
    project.manifest(MANIFEST)
    project.run("run", "kins:ana").exits(0)
    draw(home / "0001.png")
    link(project, ".imagegen/previous/assets", home)
    link(project, ".imagegen/previous/assets-too", home)
    assert previous.versions(project.root, "assets/ana.png") == []
    project.edit("prompt: p", "prompt: another")
    before = sorted(path.name for path in home.iterdir())
    picture = project.png(ANA)
    project.run("run", "kins:ana").exits(1).says("leads elsewhere by a link")
    assert sorted(path.name for path in home.iterdir()) == before and project.png(ANA) == picture


@links
def test_a_candidate_is_removed_only_at_home(desk: Desk, home: Path) -> None:
    link(desk.project, ".imagegen/candidates/assets/kins", home)
    assert "by a link" in desk.refuses(409, "DELETE", "/api/items/kins:ana/candidate")
    assert "by a link" in desk.refuses(409, "POST", "/api/items/kins:ana/candidate/keep")
    assert (home / "ana.png").read_text() == "mine"


@links
def test_thumbnails_are_kept_only_at_home(desk: Desk, home: Path) -> None:
    for number in range(256):
        link(desk.project, f".imagegen/thumbnails/{number:02x}", home)
    before = contents(home)
    assert desk.fetch("/thumbnails/kins:ana").headers["content-type"] == "image/png"  # the picture itself
    assert contents(home) == before


@links
def test_a_gallery_shows_and_removes_nothing_elsewhere(project: Project, home: Path) -> None:
    project.manifest(MANIFEST)
    draw(home / "private.png")
    link(project, ANA, home / "private.png")
    project.run("gallery", "out").exits(0).says("shows 0 pictures of 2")
    before = sorted(path.name for path in home.iterdir())
    link(project, "out/mine", home)
    project.write("out/imagegen-gallery.json", json.dumps(["mine/.profile", "index.html"]))
    project.run("gallery", "out").exits(0)
    link(project, "out/thumbnails", home)
    (project.root / ANA).unlink()
    draw(project.root / ANA)
    project.run("gallery", "out").exits(3).says("leads out of the gallery by a link")
    assert sorted(path.name for path in home.iterdir()) == before


def test_a_gallery_s_note_that_is_none(project: Project) -> None:
    project.manifest(MANIFEST)
    project.write("out/imagegen-gallery.json", "5")
    project.run("gallery", "out").exits(3).says("has other things in it")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are letters")
def test_a_folder_whose_name_is_no_text_is_shown(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project.root / os.fsdecode(b"film\xff")
    root.mkdir()
    odd = Project(root)
    odd.manifest(MANIFEST)
    odd.write(".imagegen/live", "no folder")
    with opening(odd, monkeypatch) as opened:
        desk = opened()
        assert desk.get("/api/project")["name"] == "film?"
        (root / "assets").write_text("in the way")
        assert "film?" in desk.refuses(409, "POST", "/api/items/kins:ana/adopt")


# --- what a run tells -------------------------------------------------------------------------------------

NONSENSE = [
    "[]", "5", '"x"', "null", "{}", "[" * 100_000, '{"event": ["step"], "task": "kins:ana"}',
    '{"event": "step", "task": "kins:ana"}', '{"event": "step", "task": "kins:ana", "value": "x", "total": 3}',
    '{"event": "step", "task": "kins:ana", "value": 1e999, "total": 3}',
    '{"event": "step", "task": "kins:ana", "value": NaN, "total": 3}',
    '{"event": "step", "task": "kins:ana", "value": -1, "total": 3}',
    '{"event": "preview", "task": "kins:ana"}', '{"event": "preview", "task": "kins:ana", "file": 5}',
    '{"event": "preview", "task": "kins:ana", "file": "a\\u0000b"}', '{"event": "queued", "tasks": 5}',
    '{"event": "queued", "tasks": {"a": 1}}', '{"event": "queued", "tasks": [["a"]]}',
    '{"event": "failed", "task": "kins:ana"}', '{"event": "made", "task": "kins:ana", "target": 5, "seed": "x"}',
    '{"event": "failed", "task": "kins:ana", "message": "\\ud800"}', '{"event": "none of ours", "task": "kins:ana"}',
]  # fmt: skip


def run_file(project: Path, *lines: str, name: str = "1-1-aaaa") -> Path:
    place = live.folder(project)
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{name}.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.mark.parametrize("line", NONSENSE, ids=lambda line: line[:40])
def test_a_line_that_is_none_of_ours_says_nothing(line: str, tmp_path: Path) -> None:
    reader = LiveReader(tmp_path)
    run_file(tmp_path, line, '{"event": "started", "task": "kins:bo"}')
    assert [(one.event, one.task) for one in reader.read()] == [("started", "kins:bo")]


def test_a_planted_run_leaves_the_studio_following_others(project: Project) -> None:
    state_home(project)
    project.manifest(MANIFEST)
    run_file(project.root, *NONSENSE)
    with Studio(project) as studio, studio.live() as page:
        page.next("hello")
        project.run("run", "kins:ana").exits(0)
        page.next("job_complete", task="kins:ana")
        assert not studio.complained


@links
def test_a_run_s_file_is_a_file(tmp_path: Path) -> None:
    """A pipe would keep who opens it waiting, and a link may lead to what never ends."""
    place = live.folder(tmp_path)
    place.mkdir(parents=True)
    os.mkfifo(place / "1-1-aaaa.jsonl")
    (place / "2-2-bbbb.jsonl").symlink_to("/dev/zero")
    run_file(tmp_path, '{"event": "started", "task": "kins:bo"}', name="3-3-cccc")
    told: list[Any] = []
    reading = threading.Thread(target=lambda: told.extend(LiveReader(tmp_path).read()), daemon=True)
    reading.start()
    reading.join(timeout=30)
    assert [one.task for one in told] == ["kins:bo"]


# --- pictures ---------------------------------------------------------------------------------------------


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def bomb(width: int, height: int, *chunks: bytes) -> bytes:
    """A small file that says it is a large picture."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rest = chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + rest


@pytest.mark.parametrize(
    "content",
    [
        bomb(60_000, 60_000), bomb(20_000, 12_000), bomb(8, 8, chunk(b"eXIf", b"II*\0\x08")),
        bomb(8, 8, chunk(b"gAMA", b"")), bomb(8, 8, chunk(b"fdAT", b"")), bomb(8, 8, chunk(b"acTL", b"\0")),
        bomb(8, 8, chunk(b"iTXt", b"a\0\1\0")), bomb(8, 8, chunk(b"iCCP", b"\0")), b"GIF89a\xff\xff\xff\xff\x80\0\0",
    ],
    ids=["huge", "large", "exif", "gamma", "frame", "frames", "text", "profile", "gif"],
)  # fmt: skip
def test_a_picture_that_is_not_what_it_says_has_no_thumbnail_or_one(
    content: bytes, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    small = thumbnails.drawn(path)
    assert small is None or small.startswith(b"RIFF")
    assert not recwarn.list, "nothing is said on the terminal"


@pytest.mark.parametrize("error", [IndexError, KeyError, struct.error, MemoryError, OverflowError])
def test_whatever_a_picture_does_to_pillow_it_has_no_thumbnail(
    error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(tmp_path / "a.png")

    def breaks(*given: Any, **more: Any) -> None:
        raise error("index out of range")

    monkeypatch.setattr(Image, "open", breaks)
    assert thumbnails.drawn(tmp_path / "a.png") is None


def test_large_pictures_are_looked_at_one_after_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "_LARGE", 100)
    draw(tmp_path / "a.png")
    done = threading.Event()
    with thumbnails._LARGE_ONES:
        second = threading.Thread(target=lambda: (thumbnails.drawn(tmp_path / "a.png"), done.set()), daemon=True)
        second.start()
        assert not done.wait(0.3)
    assert done.wait(30)


def test_a_version_s_number_is_one(desk: Desk) -> None:
    place = previous.folder(desk.project.root, ANA)
    place.mkdir(parents=True)
    draw(place / "²".join(("", ".png")))
    draw(place / "0003.png")
    assert [one["number"] for one in desk.get("/api/items/kins:ana")["previous"]] == [3]


@pytest.mark.parametrize("path", ["/previous/kins:ana/", "/references/kins:ana/"])
def test_a_number_of_thousands_of_digits_is_nothing(desk: Desk, path: str) -> None:
    desk.refuses(404, "GET", path + "9" * 5000)


def test_a_file_that_can_t_be_is_not_there(desk: Desk) -> None:
    desk.refuses(404, "GET", f"/static/{'a' * 300}.js")
    desk.refuses(404, "GET", f"/static/{'a/' * 2500}a.js")


def test_a_seed_is_a_number(desk: Desk) -> None:
    desk.refuses(422, "POST", "/api/items/kins:ana/candidate", {"seed": True})


# --- databases --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "update sentences set text = x'ff00', image_prompt = x'ff00'",
        "update sentences set id = x'ff' where position = 0",
        "update projects set style = x'ff', negative_prompt = x'00'",
        """update sentences set "references" = '["\\ud800"]'""",
        f"""update sentences set "references" = '{"[" * 100_000}'""",
    ],
    ids=["text", "id", "style", "half a letter", "depth"],
)
def test_a_row_that_holds_what_it_can_t_is_told(change: str, project: Project) -> None:
    film(project, ["A fox."])
    with sqlite3.connect(project.root / "data/storyboard.sqlite") as board:
        board.execute("pragma foreign_keys = off")
        board.execute(change)
    board.close()
    project.run("status").exits(3).says("the storyboard")


@pytest.mark.parametrize("event", ["not json", "[" * 50_000, '{"id": 5, "data": []}', '{"data": {"task": "x:y"}}'])
def test_a_job_s_row_with_nonsense_holds_up_no_other(event: str, project: Project) -> None:
    state_home(project)
    ids = film(project, ["A fox.", "A wolf."])
    own = query(project, "select id from projects")[0][0]
    good = {"id": "good", "name": "image/generate", "data": {"projectId": own, "sentenceId": ids[1]}}
    for job, sentence, written in (("bad", ids[0], event), ("good", ids[1], json.dumps(good))):
        query(
            project,
            "insert into jobs (id, project_id, sentence_id, type, status, attempts, error, event) "
            "values (?, ?, ?, 'image/generate', 'queued', 0, '', ?)",
            job, own, sentence, written,
        )  # fmt: skip
    with Studio(project) as studio:
        until(lambda: query(project, "select distinct status from jobs") == [("completed",)])
        assert not studio.complained


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("inputs", '{"args": ["planted", {"task": ["a"]}, 1, 5], "kwargs": {}}'),
        ("inputs", '{"args": ["planted", {"task": "kins:bo", "candidate": true, "seed": "x"}, 1, 5], "kwargs": {}}'),
        ("inputs", "5"),
        ("priority", "first"),
    ],
    ids=["task", "candidate", "no event", "place"],
)
def test_a_planted_line_of_jobs_starts_nothing_and_stops_nothing(column: str, value: str, project: Project) -> None:
    state_home(project)
    project.manifest(MANIFEST)
    with Studio(project) as studio:
        studio.send("POST", "/api/builds", {"tasks": ["kins:ana"]})
        until(lambda: studio.get("/api/project")["states"]["fresh"] == 1 and not studio.get("/api/project")["busy"])
    with sqlite3.connect(project.root / ".imagegen/jobs.sqlite") as jobs:
        jobs.execute(
            "update workflow_status set workflow_uuid = 'planted', status = 'ENQUEUED', completed_at = null,"
            f" {column} = ?",
            (value,),
        )
        jobs.execute("delete from operation_outputs")
        jobs.execute("delete from workflow_input")
    jobs.close()
    (project.root / ANA).unlink()
    with Studio(project) as studio:
        studio.send("POST", "/api/builds", {"tasks": ["kins:ana"]})
        until(lambda: (project.root / ANA).is_file())
        assert not (project.root / "assets/kins/bo.png").exists()
        assert not (project.root / ".imagegen/candidates").exists() and not studio.complained
