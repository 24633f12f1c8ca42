"""A storyboard as a job of the manifest: `doit` and the rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imagegen.storyboard import editing
from tests import storyboards
from tests.conftest import Project
from tests.servers.comfyui import ComfyServer

SCRIPT = ("A lamp on the quay.", "Ada waits.", "The ferry comes.")


@pytest.fixture
def ids(project: Project) -> list[str]:
    return storyboards.film(project, SCRIPT)


def test_each_sentence_is_an_image_in_the_order_of_the_script(project: Project, ids: list[str]) -> None:
    project.run("validate").exits(0).says("3 images in 1 job")
    found = project.run("status", "--json").json["items"]
    assert [one["task"] for one in found] == [f"film:{one}" for one in ids]
    assert [project.root / one["target"] for one in found] == [storyboards.target(project, one) for one in ids]


def test_doit_makes_them_and_tells_the_rows(project: Project, ids: list[str]) -> None:
    project.run("run").exits(0).says("3 made")
    assert storyboards.rows(project) == [("001", "completed", 0), ("002", "completed", 0), ("003", "completed", 0)]
    (file,) = storyboards.query(project, "select image_file from sentences where id = ?", ids[0])[0]
    assert project.root / file == storyboards.target(project, ids[0])
    project.run("run").exits(0).says("Nothing to do")


def test_a_changed_prompt_is_a_stale_picture_and_doit_remakes_just_that(project: Project, ids: list[str]) -> None:
    project.run("run").exits(0)
    storyboards.change(project, ids[1], image_prompt="Ada waits in the rain.")
    assert storyboards.rows(project)[1] == ("002", "idle", 1)
    project.run("status").exits(0).says("1 stale", "Ada waits in the rain.")
    project.run("run").exits(0).says("1 made", "2 skipped")
    assert storyboards.rows(project)[1] == ("002", "completed", 0)


def test_order_and_text_beside_a_prompt_decide_no_picture(project: Project, ids: list[str]) -> None:
    storyboards.change(project, ids[0], image_prompt="a lamp")
    project.run("run").exits(0)
    board = storyboards.opened(project)
    with board.session() as session:
        editing.move_sentence(session, ids[2], 0)
        editing.change_sentence(session, ids[0], text="Another text.")
    board.close()
    project.run("status").exits(0).says("3 fresh")
    assert [one["task"] for one in project.run("status", "--json").json["items"]][0] == f"film:{ids[2]}"


def test_a_style_is_everybodys(project: Project, ids: list[str]) -> None:
    project.run("run").exits(0)
    board = storyboards.opened(project)
    with board.session() as session:
        number = storyboards.project_id(project)
        editing.change_project(session, number, style="ink on paper")
    board.close()
    assert [flag for _, _, flag in storyboards.rows(project)] == [1, 1, 1]
    project.run("status").exits(0).says("3 stale", "A lamp on the quay., ink on paper")


def test_what_a_job_says_wins_over_the_storyboard(project: Project, ids: list[str]) -> None:
    told = project.run("explain", f"film:{ids[0]}").exits(0)
    told.says("64  (its job)", '"blurry, low quality, distorted"  (its job\'s source)')


def test_characters_bring_references_and_loras_to_the_workflow(project: Project) -> None:
    ids = storyboards.film(project, SCRIPT, backend="comfyui")
    shutil.copy(Path(__file__).parent.parent / "docs/example.png", project.write("ada.png", ""))
    board = storyboards.opened(project)
    with board.session() as session:
        number = storyboards.project_id(project)
        editing.change_project(session, number, style_lora="ink.safetensors:0.8")
        editing.add_character(session, number, "Ada", references=["ada.png"], lora="ada.safetensors")
        editing.change_sentence(session, ids[1], characters=["Ada"])
    board.close()
    told = project.run("explain", f"film:{ids[1]}").exits(0)
    told.says("references from ada.png", "ink.safetensors", "ada.safetensors")
    assert told.out.index("ink.safetensors") < told.out.index("ada.safetensors")
    project.run("explain", f"film:{ids[0]}").exits(0).says("ink.safetensors").says_not("ada")


def test_a_backend_without_use_for_characters_says_so_once(project: Project) -> None:
    ids = storyboards.film(project, SCRIPT, backend="ollama")
    board = storyboards.opened(project)
    with board.session() as session:
        number = storyboards.project_id(project)
        editing.change_project(session, number, style_lora="ink.safetensors")
    board.close()
    told = project.run("validate").exits(0)
    assert (told.out + told.err).count("ollama backend has no use for loras") == 1
    assert len(ids) == 3


def test_a_prompt_holds_any_letters(project: Project) -> None:
    storyboards.film(project, ['${name} "quoted" <b> \\ ', "雨の港 🌧"])
    project.run("run").exits(0).says("2 made")
    first = project.run("status", "--json", "--all").json["items"][0]["task"]
    project.run("explain", first).exits(0).says('${name} \\"quoted\\" <b>')


def test_a_row_that_somebody_else_changed_by_sql_is_seen(project: Project, ids: list[str]) -> None:
    project.run("run").exits(0)
    storyboards.query(project, "update sentences set image_prompt = 'a red lamp' where id = ?", ids[0])
    project.run("run").exits(0).says("1 made")
    assert storyboards.rows(project)[0] == ("001", "completed", 0)


def test_flags_that_a_kill_left_are_put_right_by_the_next_run(project: Project, ids: list[str]) -> None:
    project.run("run").exits(0)
    storyboards.query(project, "update sentences set is_image_dirty = 1, status = 'generating', image_file = null")
    project.run("run").exits(0).says("Nothing to do")
    assert {row[1:] for row in storyboards.rows(project)} == {("completed", 0)}


def test_a_sentence_that_a_killed_run_was_making_is_put_right_by_the_next(project: Project) -> None:
    with ComfyServer(work=1.0) as server:
        (only,) = storyboards.film_on(project, server.url, ["A lamp."])
        project.run("run").exits(0)
        storyboards.change(project, only, image_prompt="A red lamp.")
        process = project.start("run")
        server.wait_until(lambda: storyboards.rows(project)[0][1] == "generating", 30)
        process.kill()
        process.communicate()
        storyboards.change(project, only, image_prompt="")
        project.run("run").exits(0).says("Nothing to do")
    assert storyboards.rows(project) == [("001", "completed", 0)]


def test_a_picture_that_is_gone_is_dirty_again(project: Project, ids: list[str]) -> None:
    project.run("run").exits(0)
    storyboards.target(project, ids[2]).unlink()
    project.run("run", "--dry-run").exits(0).says("1")
    project.run("run", f"film:{ids[0]}").exits(0)
    assert storyboards.rows(project) == [("001", "completed", 0), ("002", "completed", 0), ("003", "idle", 1)]


def test_whatever_is_done_with_a_picture_its_row_follows(project: Project, ids: list[str]) -> None:
    project.run("run").exits(0)
    storyboards.change(project, ids[0], image_prompt="A red lamp.")
    project.run("adopt", f"film:{ids[0]}").exits(0)
    assert storyboards.rows(project)[0] == ("001", "completed", 0)
    project.run("run").exits(0).says("Nothing to do")
    assert storyboards.rows(project)[0] == ("001", "completed", 0), "a record that says what was adopted is as good"
    project.run("clean", "-n").exits(0)
    assert {row[1:] for row in storyboards.rows(project)} == {("completed", 0)}
    project.run("clean", f"film:{ids[1]}").exits(0)
    assert storyboards.rows(project)[1:] == [("002", "idle", 1), ("003", "completed", 0)]


def test_a_change_while_the_picture_is_made_leaves_the_sentence_dirty(project: Project) -> None:
    with ComfyServer(work=1.5) as server:
        (only,) = storyboards.film_on(project, server.url, ["A lamp."])
        process = project.start("run")
        server.wait_until(lambda: server.submitted, 30)
        storyboards.change(project, only, image_prompt="A red lamp.")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    assert [flag for _, _, flag in storyboards.rows(project)] == [1]
    project.run("status").exits(0).says("A red lamp.")


def test_a_failure_is_in_the_row(project: Project, ids: list[str]) -> None:
    target = storyboards.target(project, ids[0])
    target.parent.mkdir(parents=True)
    target.write_bytes(b"somebody's own")
    project.run("run").exits(1).says("2 made", "1 failed")
    assert storyboards.rows(project)[0] == ("001", "failed", 1)
    (error,) = storyboards.query(project, "select error from sentences where id = ?", ids[0])[0]
    assert "is left alone" in error


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("project: Film", "project: Flim", ('no project "Flim"', 'did you mean "Film"')),
        ("project: Film", "level: 2", ("has no use with storyboard",)),
        ("data/storyboard.sqlite", "data/other.sqlite", ("other.sqlite", "imagegen storyboard import")),
        ("data/storyboard.sqlite", "../storyboard.sqlite", ("outside the project",)),
        ("data/storyboard.sqlite", "assets.yaml", ("assets.yaml",)),
        ("size: 64x48", "size: 64x48\n    matrix: {mood: [calm, wild]}", ("has no use with a storyboard",)),
    ],
)
def test_what_is_wrong_is_told(project: Project, ids: list[str], old: str, new: str, words: tuple[str, ...]) -> None:
    project.edit(old, new)
    project.run("validate").exits(3).says(*words)


def test_a_sentence_s_own_fault_names_the_sentence(project: Project, ids: list[str]) -> None:
    storyboards.change(project, ids[1], references=["nowhere.png"])
    project.run("run").exits(3).says("sentence 2 (002)", "nowhere.png")


def test_faults_are_told_in_the_order_of_the_script(project: Project) -> None:
    ids = storyboards.film(project, [f"Picture {number}." for number in range(11)])
    for one in (ids[10], ids[1]):
        storyboards.change(project, one, references=[f"nowhere/{one}.png"])
    told = project.run("validate").exits(3).err
    assert 0 < told.index("sentence 2 (002)") < told.index("sentence 11 (011)")


def test_the_only_project_needs_no_name(project: Project, ids: list[str]) -> None:
    project.edit(", project: Film", "")
    project.run("validate").exits(0).says("3 images")


def test_ci_validates_a_storyboard_that_nobody_may_write(project: Project, ids: list[str]) -> None:
    project.run("run").exits(0)
    for path in (project.root / "data").glob("storyboard.sqlite*"):
        path.chmod(0o444)
    (project.root / "data").chmod(0o555)
    try:
        project.run("status", "--check").exits(0).says("3 fresh")
        project.run("validate").exits(0)
    finally:
        (project.root / "data").chmod(0o755)


def test_a_storyboard_job_with_a_url_hides_its_password(project: Project, ids: list[str]) -> None:
    project.edit(storyboards.WHERE, "'postgresql://ada:s3cret@127.0.0.1:1/films'")
    project.run("validate").exits(3).says("127.0.0.1").says_not("s3cret")
