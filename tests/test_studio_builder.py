"""The builder, as an engine of jobs calls it."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from imagegen.errors import Interrupted
from imagegen.jobs.retrying import WillPass, WontPass
from imagegen.studio import candidates
from tests.comfyui_stories import wants
from tests.conftest import Project
from tests.handiwork import record
from tests.servers.comfyui import ComfyServer
from tests.storyboards import change, film
from tests.studio_desk import Desk, Open
from tests.studios import until

MANIFEST = """
    defaults: {backend: placeholder, size: 64x36}
    jobs:
      kins:
        items: [{name: Ana, prompt: a fox}, {name: Bo, prompt: a wolf}]
"""
ANA = "assets/kins/ana.png"


@pytest.fixture
def desk(project: Project, open_desk: Open) -> Desk:
    project.manifest(MANIFEST)
    return open_desk()


def test_the_builder_says_what_it_made_and_makes_it_once(desk: Desk) -> None:
    built = desk.builder.build("kins:ana", "job", 1)
    assert (built.file, built.made, built.digest) == (ANA, True, "") and built.seed == desk.card("kins:ana")["seed"]
    again = desk.builder.build("kins:ana", "job", 1)
    assert again == built._replace(made=False), "a step that runs twice"
    tried = desk.builder.build("kins:ana", "other", 1, 5)
    assert tried.made and tried.seed == 5 and tried.file == candidates.target(ANA)
    assert not desk.builder.build("kins:ana", "other", 1, 5).made


def test_the_builder_tells_what_may_pass_from_what_won_t(project: Project, open_desk: Open) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"]) as server:
        wants(project, server, "Ana", "Bo", checkpoint="dream.safetensors")
        desk = open_desk()
        server.faults.answer("/prompt", 502, times=1)
        with pytest.raises(WillPass):
            desk.builder.build("images:ana", "job", 1)
        assert desk.builder.build("images:ana", "job", 2).made
        server.faults.answer("/prompt", 400, times=1)
        with pytest.raises(WontPass):
            desk.builder.build("images:bo", "job2", 1)
        with pytest.raises(WontPass, match="no image"):
            desk.builder.build("images:nobody", "job3", 1)
    project.edit('"items"', '"item"')
    with pytest.raises(WontPass, match="item"):
        desk.builder.build("images:ana", "job4", 1)


def test_an_item_that_is_never_written_over_is_said_to_be_left(desk: Desk) -> None:
    desk.project.run("run", "kins:ana").exits(0)
    desk.project.manifest(MANIFEST.replace("a fox", "a lynx").replace("size: 64x36", "size: 64x36, overwrite: never"))
    with pytest.raises(WontPass, match="left as it is: stale"):
        desk.builder.build("kins:ana", "job", 1)


def test_a_build_that_is_cancelled_or_left_is_withdrawn(project: Project, open_desk: Open) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"], steps_delay=5.0) as server:
        wants(project, server, "Ana", "Bo")
        desk = open_desk()
        ways = (("images:ana", lambda: desk.builder.cancel("job")), ("images:bo", desk.builder.leave))
        for count, (task, stop) in enumerate(ways, 1):
            ended: list[BaseException] = []

            def build(task: str = task, ended: list[BaseException] = ended) -> None:
                try:
                    desk.builder.build(task, "job", 1)
                except Interrupted as error:
                    ended.append(error)

            thread = threading.Thread(target=build)
            thread.start()
            until(lambda count=count: len(server.submitted) == count)
            stop()
            thread.join(20)
            assert ended and not thread.is_alive()
            until(lambda: {*server.interrupts, *server.deleted} >= set(server.submitted_ids))
        with pytest.raises(Interrupted):
            desk.builder.build("images:ana", "later", 1)
        assert not desk.builder.cancel("job")
        assert not Path(project.root / "assets").exists() or not list(Path(project.root / "assets").rglob("*.png"))


def test_a_sentence_is_built_from_its_row_as_it_is_now(project: Project, open_desk: Open) -> None:
    (sentence,) = film(project, ["It rains."])
    desk = open_desk()
    first = desk.builder.build(f"film:{sentence}", "one", 1)
    change(project, sentence, image_prompt="It pours.")
    second = desk.builder.build(f"film:{sentence}", "two", 1)
    assert first.made and second.made and first.digest != second.digest and len(second.digest) == 16
    assert record(project.root / second.file)["recipe"]["prompt"] == "It pours."
    assert desk.card(f"film:{sentence}")["state"] == "fresh", "seen without a watch"


def test_a_build_leaves_no_live_file_that_grows(desk: Desk) -> None:
    """A studio that is open for weeks begins a new one whenever nothing was under way."""
    runs = set()
    for seed in range(3):
        desk.builder.build("kins:ana", f"job{seed}", 1, seed)
        runs |= {path.stem for path in (desk.project.root / ".imagegen/live").glob("*.jsonl")}
    assert len(runs) == 3
    for path in (desk.project.root / ".imagegen/live").glob("*.jsonl"):
        assert json.loads(path.read_text("utf-8").splitlines()[-1])["event"] == "ended"
