"""What a run tells while it goes on, and who follows it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from imagegen import live
from imagegen.live.reading import LiveReader, Told, under_way
from imagegen.live.writing import LiveLog
from imagegen.progress import Failed, Made, Note, Preview, Skipped, Started, Step
from tests.conftest import Project
from tests.servers.comfyui import ComfyServer


def events(told: list[Told]) -> list[tuple[str, str]]:
    return [(one.event, one.task) for one in told]


def until(reader: LiveReader, found: Callable[[list[Told]], bool], seconds: float = 30) -> list[Told]:
    """What is read until ``found`` is content with all of it."""
    told: list[Told] = []
    end = time.monotonic() + seconds
    while not found(told):
        assert time.monotonic() < end, events(told)
        told.extend(reader.read())
        time.sleep(0.02)
    return told


def test_a_run_is_followed_event_by_event(tmp_path: Path) -> None:
    reader, log = LiveReader(tmp_path), LiveLog(tmp_path)
    assert reader.read() == []
    log.queued(["a:x", "a:y"])
    log(Started("a:x"))
    log(Step("a:x", 1, 4))
    assert events(reader.read()) == [
        ("begun", ""), ("queued", "a:x"), ("queued", "a:y"), ("started", "a:x"), ("step", "a:x"),
    ]  # fmt: skip
    log(Made("a:x", "assets/a/x.png", 7, 1.5))
    log(Failed("a:y", "no server", "start it"))
    log(Note(message="nothing that belongs to an image"))
    made, failed = reader.read()
    assert made == Told(log.run, "run", "made", "a:x", {"target": "assets/a/x.png", "seed": 7, "seconds": 1.5})
    assert failed.data == {"message": "no server", "hint": "start it"}
    log.close()
    assert [(one.event, one.data) for one in reader.read()] == [("ended", {"lost": False})]
    assert reader.read() == []


def test_who_comes_later_is_told_of_what_goes_on_and_not_of_what_is_over(tmp_path: Path) -> None:
    over, going = LiveLog(tmp_path), LiveLog(tmp_path, "studio")
    over.queued(["a:old"])
    over.close()
    going.queued(["a:x"])
    told = LiveReader(tmp_path).read()
    assert {one.run for one in told} == {going.run}
    assert told[0].kind == "studio"
    going.close()


def test_steps_come_at_most_ten_times_a_second_and_the_last_one_always(tmp_path: Path) -> None:
    reader, log = LiveReader(tmp_path), LiveLog(tmp_path)
    for value in range(1, 1001):
        log(Step("a:x", value, 1000))
    steps = [one.data["value"] for one in reader.read() if one.event == "step"]
    assert steps[0] == 1 and steps[-1] == 1000 and len(steps) < 100
    log.close()


def test_a_line_that_is_still_being_written_is_read_once_it_is_whole(tmp_path: Path) -> None:
    reader, log = LiveReader(tmp_path), LiveLog(tmp_path)
    log.queued(["a:x"])
    reader.read()
    file = live.folder(tmp_path) / f"{log.run}.jsonl"
    with file.open("ab") as stream:
        stream.write(b'{"event": "star')
        stream.flush()
        assert reader.read() == []
        stream.write(b'ted", "task": "a:x"}\n')
    assert events(reader.read()) == [("started", "a:x")]
    log.close()


def test_a_run_whose_process_is_gone_is_over(tmp_path: Path) -> None:
    program = (
        "import sys, os, pathlib; from imagegen.live.writing import LiveLog\n"
        "log = LiveLog(pathlib.Path(sys.argv[1])); log.queued(['a:x']); print(log.run, flush=True); os._exit(9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 9, done.stderr
    told = until(LiveReader(tmp_path), lambda told: any(one.event == "ended" for one in told))
    assert told[-1].run == done.stdout.strip() and told[-1].data == {"lost": True}


def test_what_is_under_way_is_what_a_living_run_has_begun_and_not_finished(tmp_path: Path) -> None:
    studio, run = LiveLog(tmp_path, "studio"), LiveLog(tmp_path)
    studio.queued(["a:x", "a:y"])
    studio(Started("a:x"))
    studio(Made("a:x", "assets/a/x.png", 1, 0.1))
    run.queued(["b:x", "b:y"])
    run.withdrawn(["b:y"])
    assert under_way(tmp_path) == {"a:y", "b:x"}
    run.close()
    assert under_way(tmp_path) == {"a:y"}
    (live.folder(tmp_path) / f"{studio.run}.lock").unlink()  # as if its process were gone
    assert under_way(tmp_path) == set()
    studio.close()
    assert not live.is_watched(live.folder(tmp_path)), "nobody asked for previews"


def test_previews_are_written_only_while_somebody_looks_on(tmp_path: Path) -> None:
    log = LiveLog(tmp_path)
    log(Started("a:x"))
    log(Preview("a:x", b"nobody looks", "jpeg"))
    assert not list(live.folder(tmp_path).glob("*.jpeg"))
    reader = LiveReader(tmp_path)
    reader.read()
    log(Preview("a:y", b"a picture", "png"))
    (told,) = reader.read()
    assert (told.event, told.data["type"]) == ("preview", "png")
    assert Path(told.data["file"]).read_bytes() == b"a picture"
    log.close()
    assert not Path(told.data["file"]).exists()


def test_what_earlier_runs_left_is_swept_and_a_run_under_way_is_not(tmp_path: Path) -> None:
    old, going = LiveLog(tmp_path), LiveLog(tmp_path)
    old.queued(["a:x"])
    going.queued(["a:y"])
    old.close()
    place = live.folder(tmp_path)
    past = time.time() - 2 * live.KEPT
    for path in place.iterdir():
        os.utime(path, (past, past))
    fresh = LiveLog(tmp_path)
    fresh(Skipped("a:z", "assets/a/z.png", "fresh"))
    assert {path.stem for path in place.glob("*.jsonl")} == {going.run, fresh.run}
    going.close()
    fresh.close()


def test_a_disk_that_takes_nothing_fails_no_run(tmp_path: Path) -> None:
    (tmp_path / ".imagegen").write_text("a file where the folder should be")
    log = LiveLog(tmp_path)
    log.queued(["a:x"])
    log(Started("a:x"))
    log.close()
    assert LiveReader(tmp_path).read() == []


def test_a_run_on_the_command_line_is_seen_from_its_queue_to_its_pictures(project: Project) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"], steps_delay=0.05, previews=True) as server:
        project.manifest(
            "defaults: {checkpoint: dream.safetensors, size: 64x64, steps: 8, prompt: p}\n"
            f"backends: {{comfyui: {{url: '{server.url}'}}}}\nitems: [a, b]\n"
        )
        reader = LiveReader(project.root)
        reader.read()
        process = project.start("run")
        told = until(reader, lambda told: any(one.event == "ended" for one in told), 60)
        assert process.wait(30) == 0
        process.communicate()
    names = events(told)
    assert names[:3] == [("begun", ""), ("queued", "images:a"), ("queued", "images:b")]
    for task in ("images:a", "images:b"):
        assert names.index(("started", task)) < names.index(("step", task)) < names.index(("made", task))
    previews = [one for one in told if one.event == "preview"]
    assert previews and {one.data["type"] for one in previews} == {"jpeg"}


def test_a_run_with_nothing_to_do_tells_nothing(project: Project) -> None:
    project.manifest("defaults: {backend: placeholder, prompt: p, size: 16x16}\nitems: [a]\n")
    project.run("run").exits(0)
    before = set(live.folder(project.root).glob("*.jsonl"))
    project.run("run").exits(0)
    assert set(live.folder(project.root).glob("*.jsonl")) == before
