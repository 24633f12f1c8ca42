"""Whatever happens in the project, and wherever it was started, arrives on the pages that look on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from imagegen.studio import watching
from tests.comfyui_stories import wants
from tests.conftest import Project
from tests.handiwork import draw, edit
from tests.servers.comfyui import ComfyServer
from tests.storyboards import change, film, project_id, query
from tests.studio_desk import opening
from tests.studios import Live, Studio, state_home, until

MANIFEST = """
    defaults: {backend: placeholder, size: 64x36}
    jobs:
      kins:
        items: [{name: Ana, prompt: a fox}, {name: Bo, prompt: a wolf}]
"""


@pytest.fixture
def studio(project: Project) -> Iterator[Studio]:
    """On two items that are fresh."""
    state_home(project)
    project.manifest(MANIFEST)
    project.run("run").exits(0)
    with Studio(project) as running:
        yield running


def changed(live: Live, task: str) -> dict[str, Any]:
    """The next message that this item is shown otherwise."""
    while True:
        message = live.next("changed")
        if message["tasks"] is None or task in message["tasks"]:
            return message


# --- runs of the command line -------------------------------------------------------------------------


def test_a_run_of_the_command_line_is_seen_from_queue_to_picture(project: Project) -> None:
    state_home(project)
    with ComfyServer(checkpoints=["dream.safetensors"], steps_delay=0.3, previews=True) as server:
        wants(project, server, "Ana", "Bo", steps=6)
        server.hold()  # after its first step, so that nothing passes by unseen
        with Studio(project) as studio, studio.live() as live:
            assert live.next("hello")["active"] == []
            run = project.start("run")
            seen = live.next("progress", status="generating", step=1)
            task, job = seen["task"], seen["jobId"]
            assert (seen["jobType"], seen["sentenceId"]) == ("image/generate", None)
            assert (seen["steps"], seen["progress"], seen["message"]) == (6, 0.167, "step 1 of 6")
            (waits,) = {"images:ana", "images:bo"} - {task}
            until(lambda: len(studio.get("/api/items?state=busy")["items"]) == 2)
            busy = {one["task"]: one["status"] for one in studio.get("/api/items?state=busy")["items"]}
            assert busy == {task: "generating", waits: "queued"}
            while not seen["preview"]:
                seen = live.next("progress", task=task)
            with studio.client() as client:
                assert client.get(seen["preview"]).headers["content-type"] == "image/jpeg"
            server.release()
            done = live.next("job_complete", task=task)
            name = task.partition(":")[2]
            assert done["jobId"] == job and done["result"]["file"] == f"assets/images/{name}.png"
            card = studio.get(f"/api/items?q={name}")["items"][0]
            assert card["state"] == "fresh" and card["seed"] == done["result"]["seed"]
            live.next("job_complete", task=waits)
            assert run.wait(30) == 0
            assert studio.get("/api/items?state=busy")["total"] == 0
            run.communicate()


def test_a_failure_on_the_command_line_is_seen_with_its_reason_until_it_is_mended(project: Project) -> None:
    state_home(project)
    with ComfyServer(checkpoints=["dream.safetensors"]) as server:
        wants(project, server, "Ana")
        server.faults.answer("/prompt", 400, times=1)
        with Studio(project) as studio, studio.live() as live:
            live.next("hello")
            project.run("run").exits(1)
            failed = live.next("job_failed", task="images:ana")
            assert failed["error"]
            card = studio.get("/api/items/images:ana")
            assert (card["status"], card["error"]) == ("failed", failed["error"])
            project.run("run").exits(0)
            live.next("job_complete", task="images:ana")
            assert studio.get("/api/items/images:ana")["status"] is None


def test_a_run_that_is_killed_leaves_nothing_under_way(project: Project) -> None:
    state_home(project)
    with ComfyServer(checkpoints=["dream.safetensors"], steps_delay=5.0) as server:
        wants(project, server, "Ana")
        with Studio(project) as studio, studio.live() as live:
            run = project.start("run")
            live.next("progress", task="images:ana", status="generating")
            run.kill()
            run.communicate()
            assert "gone" in live.next("job_failed", task="images:ana")["error"]
            assert studio.get("/api/items?state=busy")["total"] == 0


def test_a_run_that_is_left_is_cancelled(project: Project) -> None:
    state_home(project)
    with ComfyServer(checkpoints=["dream.safetensors"], steps_delay=5.0) as server:
        wants(project, server, "Ana", "Bo")
        with Studio(project) as studio, studio.live() as live:
            run = project.start("run")
            live.next("progress", status="generating")
            run.terminate()
            run.communicate(timeout=20)
            assert {live.next("job_cancelled")["task"] for _ in range(2)} == {"images:ana", "images:bo"}
            assert studio.get("/api/project")["busy"] == 0


def test_who_comes_late_is_told_what_is_under_way(project: Project) -> None:
    state_home(project)
    with ComfyServer(checkpoints=["dream.safetensors"], steps_delay=5.0) as server:
        wants(project, server, "Ana")
        run = project.start("run")
        with Studio(project) as studio, studio.live() as early:
            early.next("progress", task="images:ana", status="generating")
            with studio.live() as late:
                (active,) = late.next("hello")["active"]
                assert (active["task"], active["status"], active["type"]) == ("images:ana", "generating", "progress")
            run.terminate()
            run.communicate(timeout=20)


# --- files --------------------------------------------------------------------------------------------


def test_an_edited_prompt_makes_its_picture_stale_on_the_page(studio: Studio) -> None:
    with studio.live() as live:
        live.next("hello")
        studio.project.edit("a wolf", "a bear")
        changed(live, "kins:bo")
        assert studio.get("/api/items?state=stale")["items"][0]["task"] == "kins:bo"


def test_a_picture_that_is_removed_replaced_or_changed_in_place_is_seen(studio: Studio) -> None:
    path = studio.project.root / "assets/kins/ana.png"
    with studio.live() as live:
        live.next("hello")
        path.unlink()
        assert changed(live, "kins:ana")["counts"]["missing"] == 1
        draw(path)
        until(lambda: changed(live, "kins:ana")["counts"]["foreign"] == 1)
        first = studio.get("/api/items/kins:ana")["picture"]
        edit(path)
        until(lambda: changed(live, "kins:ana") and studio.get("/api/items/kins:ana")["picture"] != first)


def test_a_folder_that_comes_with_its_first_picture_is_watched(project: Project) -> None:
    state_home(project)
    project.manifest(MANIFEST)
    with Studio(project) as studio, studio.live() as live:
        live.next("hello")
        path = project.root / "assets/kins/ana.png"
        draw(path)
        changed(live, "kins:ana")
        until(lambda: studio.get("/api/items/kins:ana")["state"] == "foreign")
        path.unlink()
        until(lambda: studio.get("/api/items/kins:ana")["state"] == "missing")


def test_a_folder_that_is_removed_and_made_anew_is_watched_again(studio: Studio) -> None:
    """As another branch leaves it; a system watches the folder, not its name."""
    folder = studio.project.root / "assets/kins"
    shutil.rmtree(folder)
    folder.mkdir()
    until(lambda: studio.get("/api/project")["states"]["missing"] == 2)
    draw(folder / "ana.png")
    until(lambda: studio.get("/api/items/kins:ana")["state"] == "foreign", 15)


def test_where_nothing_is_told_changes_are_looked_for(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*paths: str, **settings: Any) -> Any:
        raise OSError("no more watches")

    monkeypatch.setattr(watching, "watch", none_left)
    monkeypatch.setattr(watching, "_SWEEP_BLIND", 0.2)
    project.manifest(MANIFEST)
    with opening(project, monkeypatch) as opened:
        desk = opened()
        desk.watching.start()
        try:
            draw(project.root / "assets/kins/ana.png")
            until(lambda: desk.card("kins:ana")["state"] == "foreign")
            project.edit("name: Bo", "name: Cid")
            until(lambda: "kins:cid" in desk.tasks())
        finally:
            desk.watching.close()


def test_a_manifest_that_is_wrong_and_mended_is_seen(studio: Studio) -> None:
    with studio.live() as live:
        live.next("hello")
        studio.project.edit("placeholder", "watercolour")
        live.next("changed", tasks=None)
        assert any("watercolour" in one for one in studio.get("/api/project")["problems"])
        studio.project.edit("watercolour", "placeholder")
        until(lambda: live.next("changed", tasks=None) and not studio.get("/api/project")["problems"])


def test_a_file_of_prompts_is_watched_with_its_manifest(project: Project) -> None:
    state_home(project)
    project.write("prompts/kins.md", "## Ana\n\na fox\n")
    project.manifest("""
        defaults: {backend: placeholder, size: 16x16}
        jobs: {kins: {source: {markdown: prompts/kins.md}}}
    """)
    with Studio(project) as studio, studio.live() as live:
        live.next("hello")
        project.write("prompts/kins.md", "## Ana\n\na fox\n\n## Bo\n\na wolf\n")
        live.next("changed", tasks=None)
        assert studio.get("/api/items?q=wolf")["total"] == 1


def test_what_a_manifest_lacks_from_the_start_is_seen_when_it_comes(project: Project) -> None:
    state_home(project)
    project.manifest("""
        defaults: {backend: placeholder, size: 16x16}
        jobs: {kins: {source: {markdown: prompts/kins.md}}}
    """)
    with Studio(project) as studio, studio.live() as live:
        live.next("hello")
        assert "prompts/kins.md" in studio.get("/api/project")["problems"][0]
        project.write("prompts/kins.md", "## Ana\n\na fox\n")
        live.next("changed", tasks=None)
        assert studio.get("/api/items")["total"] == 1


# --- sockets ------------------------------------------------------------------------------------------


def test_the_socket_of_one_project_hears_of_that_project_alone(project: Project) -> None:
    state_home(project)
    sentences = film(project, ["It rains.", "It stops."])
    project.edit("jobs:\n", "jobs:\n  kins: {size: 64x48, items: [{name: Ana, prompt: a fox}]}\n")
    with Studio(project) as studio:
        (board,) = studio.get("/api/project")["storyboards"]
        assert board == {"id": project_id(project), "name": "Film", "job": "film"}
        with studio.live(f"/api/projects/{board['id']}/live") as live:
            live.next("hello")
            project.run("run").exits(0)
            done = [live.next("job_complete") for _ in sentences]
            assert {one["sentenceId"] for one in done} == set(sentences)
            assert {one["projectId"] for one in done} == {board["id"]}
            heard = {one["task"] for one in live.heard if "task" in one}
            assert heard == {f"film:{sentence}" for sentence in sentences}
        with studio.live("/api/projects/nobody/live") as live, pytest.raises(ConnectionClosed) as closed:
            live.next("hello")
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 4404


def test_rows_that_another_program_writes_are_told_by_their_ids(project: Project) -> None:
    state_home(project)
    _, second = film(project, ["It rains.", "It stops."])
    with Studio(project) as studio, studio.live() as live:
        live.next("hello")
        change(project, second, image_prompt="a hat")
        assert live.next("storyboard")["sentences"] == [second]
        until(lambda: studio.get(f"/api/items/film:{second}")["prompt"] == "a hat")
        query(project, "update projects set style = 'in ink'")
        until(lambda: live.next("storyboard")["sentences"] is None)
        until(lambda: studio.get(f"/api/items/film:{second}")["prompt"] == "a hat, in ink")


def test_a_page_that_says_something_is_not_listened_to(studio: Studio) -> None:
    with studio.live() as live:
        live.next("hello")
        live.connection.send(json.dumps({"type": "build", "all": True}))
        studio.project.edit("a wolf", "a bear")
        changed(live, "kins:bo")
        assert studio.get("/api/project")["busy"] == 0
