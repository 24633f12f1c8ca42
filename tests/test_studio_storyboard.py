"""A storyboard by the studio's routes: edited by two at once, made, cancelled, seen by `doit` and by the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.comfyui_stories import QUICK
from tests.conftest import Project
from tests.pictures import png_of
from tests.servers.comfyui import ComfyServer
from tests.storyboards import change, film, query, rows, target
from tests.studios import Studio, state_home, until

SCRIPT = ("A harbour at dawn", "A boat leaves", "An empty sea")


class Film:
    """The storyboard of a running studio: ``ids`` of its sentences, in order."""

    def __init__(self, studio: Studio, ids: list[str]) -> None:
        self.studio, self.ids = studio, ids
        (board,) = studio.get("/api/project")["storyboards"]
        self.id: str = board["id"]
        self.base = f"/api/storyboards/{self.id}"

    def whole(self) -> Any:
        return self.studio.get(self.base)

    def sentence(self, number: int) -> Any:
        return self.studio.get(f"{self.base}/sentences/{self.ids[number]}")

    def task(self, number: int) -> str:
        return f"film:{self.ids[number]}"

    def does(self, method: str, path: str, body: Any = None) -> Any:
        return self.studio.send(method, f"{self.base}{path}", body)

    def asks(self, method: str, path: str, body: Any = None) -> Any:
        """The answer, whatever it is."""
        with self.studio.client() as client:
            return client.request(method, f"{self.base}{path}", json=body)

    def order(self) -> list[str]:
        return [one["id"] for one in self.studio.get(f"{self.base}/sentences")["sentences"]]


@pytest.fixture
def made_up(project: Project) -> Iterator[Film]:
    """A film of three sentences on the placeholder."""
    state_home(project)
    ids = film(project, SCRIPT)
    with Studio(project, "--retry-delay", "0.1") as studio:
        yield Film(studio, ids)
    studio.outcome.says_not("Traceback")


@pytest.fixture
def slow(project: Project, server: ComfyServer) -> Iterator[Film]:
    """The same on a server that holds every image until it is released."""
    state_home(project)
    ids = film(project, SCRIPT)
    on_comfyui(project, server)
    server.hold()
    with Studio(project, "--retry-delay", "0.1") as studio:
        yield Film(studio, ids)
        server.release()
    studio.outcome.says_not("Traceback")


def on_comfyui(project: Project, server: ComfyServer) -> None:
    settings = ", ".join(f"{key}: {value}" for key, value in QUICK.items())
    project.edit("backend: placeholder", "backend: comfyui, checkpoint: dream.safetensors, steps: 2")
    text = (project.root / "assets.yaml").read_text("utf-8")
    project.manifest(f"backends: {{comfyui: {{url: '{server.url}', {settings}}}}}\n{text}")
    query(project, "update projects set workflow = ''")


# --- it is shown --------------------------------------------------------------------------------------


def test_a_project_and_its_sentences_are_shown(made_up: Film) -> None:
    whole = made_up.whole()
    assert (whole["name"], whole["job"], whole["aspect_ratio"]) == ("Film", "film", "16:9")
    assert (whole["width"], whole["height"]) == (1920, 1080)
    assert whole["counts"] == {"total": 3, "dirty": 3, "busy": 0, "failed": 0}
    found = made_up.studio.get(f"{made_up.base}/sentences?offset=1&limit=1")
    assert (found["total"], found["offset"]) == (3, 1)
    (one,) = found["sentences"]
    assert (one["id"], one["position"], one["text"], one["status"]) == (made_up.ids[1], 1, SCRIPT[1], "idle")
    assert one["is_image_dirty"] and one["seed"] is None and one["characters"] == []
    assert one["card"]["task"] == made_up.task(1) and one["card"]["state"] == "missing"
    some = made_up.studio.get(f"{made_up.base}/sentences?ids={made_up.ids[2]},gone,{made_up.ids[0]}")
    assert [row["id"] for row in some["sentences"]] == [made_up.ids[0], made_up.ids[2]]
    assert [row["position"] for row in some["sentences"]] == [0, 2]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"style": "ink"}),
        ("GET", "/sentences", None),
        ("POST", "/sentences", {"text": "x"}),
        ("POST", "/generate", None),
        ("POST", "/cancel", None),
        ("POST", "/characters", {"name": "x"}),
    ],
)
def test_what_is_not_there_is_said(made_up: Film, method: str, path: str, body: Any) -> None:
    with made_up.studio.client() as client:
        answer = client.request(method, f"/api/storyboards/nobody{path}", json=body)
    assert answer.status_code == 404
    assert "nobody" in answer.json()["error"] and answer.json()["hint"]


def test_a_sentence_or_character_that_is_gone_is_said(made_up: Film) -> None:
    for method, path, body in (
        ("GET", "/sentences/gone", None),
        ("PATCH", "/sentences/gone", {"text": "x"}),
        ("DELETE", "/sentences/gone", None),
        ("POST", "/sentences/gone/move", {"position": 0}),
        ("POST", "/sentences/gone/generate", {}),
        ("POST", "/sentences/gone/cancel", None),
        ("PATCH", "/characters/gone", {"name": "x"}),
        ("DELETE", "/characters/gone", None),
        ("GET", "/characters/gone/references/0", None),
    ):
        answer = made_up.asks(method, path, body)
        assert answer.status_code == 404 and "gone" in answer.json()["error"], path


def test_what_is_wrong_is_said_and_changes_nothing(made_up: Film) -> None:
    sid = made_up.ids[0]
    before = made_up.sentence(0), made_up.whole()
    for method, path, body, status in (
        ("PATCH", f"/sentences/{sid}", {"seed": -1}, 400),
        ("PATCH", f"/sentences/{sid}", {"seed": 2**64}, 400),
        ("PATCH", f"/sentences/{sid}", {"seed": "12x"}, 400),
        ("PATCH", f"/sentences/{sid}", {"seed": True}, 422),
        ("PATCH", f"/sentences/{sid}", {"seed": 1.5}, 422),
        ("PATCH", f"/sentences/{sid}", {"text": None}, 422),
        ("PATCH", f"/sentences/{sid}", {"text": "", "image_prompt": ""}, 400),
        ("PATCH", f"/sentences/{sid}", {"text": "x\0"}, 400),
        ("PATCH", f"/sentences/{sid}", {"characters": ["nobody"]}, 400),
        ("PATCH", f"/sentences/{sid}", {"characters": "nobody"}, 422),
        ("PATCH", f"/sentences/{sid}", {"references": ["../../etc/passwd"]}, 400),
        ("PATCH", f"/sentences/{sid}", {"status": "completed"}, 422),
        ("PATCH", f"/sentences/{sid}", {"id": "x"}, 422),
        ("PATCH", f"/sentences/{sid}", [], 422),
        ("POST", "/sentences", {}, 422),
        ("POST", "/sentences", {"text": ""}, 400),
        ("POST", "/sentences", {"text": "x", "after": "gone"}, 400),
        ("POST", f"/sentences/{sid}/move", {"position": 3}, 400),
        ("POST", f"/sentences/{sid}/move", {"position": -1}, 400),
        ("POST", f"/sentences/{sid}/move", {"position": "1"}, 422),
        ("POST", f"/sentences/{sid}/generate", {"characterRefs": ["nobody"]}, 400),
        ("POST", f"/sentences/{sid}/generate", {"seed": "x"}, 400),
        ("POST", f"/sentences/{sid}/generate", {"id": "no id; at all"}, 400),
        ("POST", f"/sentences/{sid}/generate", {"prompt": "x"}, 422),
        ("PATCH", "", {"aspect_ratio": "wide"}, 400),
        ("PATCH", "", {"width": 3}, 400),
        ("PATCH", "", {"name": ""}, 400),
        ("PATCH", "", {"id": "x"}, 422),
        ("POST", "/characters", {"name": "", "lora": "x.safetensors"}, 400),
        ("POST", "/characters", {"name": "Oswin", "references": ["/etc/passwd"]}, 400),
        ("GET", "/sentences?limit=501", None, 422),
        ("GET", "/sentences?offset=-1", None, 422),
    ):
        answer = made_up.asks(method, path, body)
        assert answer.status_code == status, (path, body, answer.text)
        assert answer.json()["error"], (path, body)
    assert (made_up.sentence(0), made_up.whole()) == before
    assert made_up.order() == made_up.ids


# --- it is edited -------------------------------------------------------------------------------------


def test_an_edit_answers_the_sentence_and_is_told(made_up: Film) -> None:
    with made_up.studio.live() as live:
        live.next("hello")
        now = made_up.does("PATCH", f"/sentences/{made_up.ids[0]}", {"image_prompt": "a harbour, ink", "seed": 7})
        assert (now["image_prompt"], now["seed"], now["text"]) == ("a harbour, ink", 7, SCRIPT[0])
        live.next("storyboard", projectId=made_up.id, sentences=[made_up.ids[0]])
        live.next("changed")
    item = until(lambda: (one := made_up.studio.get(f"/api/items/{made_up.task(0)}"))["seed"] == 7 and one)
    assert item["prompt"] == "a harbour, ink"


def test_a_large_seed_keeps_every_digit(made_up: Film) -> None:
    for given, kept in (
        (2**53 - 1, 2**53 - 1),
        (str(2**64 - 1), str(2**64 - 1)),
        (2**60, str(2**60)),
        ("5", 5),
        (None, None),
    ):
        assert made_up.does("PATCH", f"/sentences/{made_up.ids[0]}", {"seed": given})["seed"] == kept


def test_two_who_edit_at_once_don_t_overwrite_each_other(made_up: Film) -> None:
    path, old = f"/sentences/{made_up.ids[0]}", SCRIPT[0]
    first = made_up.does("PATCH", path, {"text": "The first one's", "expected": {"text": old}})
    assert first["text"] == "The first one's"
    answer = made_up.asks("PATCH", path, {"text": "The second one's", "expected": {"text": old}})
    assert answer.status_code == 409
    assert answer.json()["sentence"]["text"] == "The first one's" and answer.json()["hint"]
    assert made_up.sentence(0)["text"] == "The first one's"
    # Another field, the same change again, and one that knows what is there now are no conflict.
    made_up.does("PATCH", path, {"image_prompt": "ink", "expected": {"image_prompt": ""}})
    made_up.does("PATCH", path, {"text": "The first one's", "expected": {"text": old}})
    made_up.does("PATCH", path, {"seed": str(2**64 - 1), "expected": {"seed": None}})
    made_up.does("PATCH", path, {"seed": 1, "expected": {"seed": str(2**64 - 1)}})
    assert made_up.asks("PATCH", path, {"seed": 2, "expected": {"seed": None}}).status_code == 409
    now = made_up.does("PATCH", path, {"text": "The second one's", "expected": {"text": "The first one's"}})
    assert (now["text"], now["image_prompt"], now["seed"]) == ("The second one's", "ink", 1)


def test_sentences_come_go_and_move(made_up: Film) -> None:
    first, second, third = made_up.ids
    with made_up.studio.client() as client:
        answer = client.post(f"{made_up.base}/sentences", json={"text": "A gull", "after": first})
    assert answer.status_code == 201 and answer.json()["position"] == 1
    gull = answer.json()["id"]
    assert made_up.order() == [first, gull, second, third]
    assert made_up.does("POST", f"/sentences/{gull}/move", {"position": 3})["position"] == 3
    assert made_up.order() == [first, second, third, gull]
    assert made_up.does("DELETE", f"/sentences/{second}") == {"id": second}
    assert made_up.order() == [first, third, gull]
    front = made_up.does("POST", "/sentences", {"text": "", "image_prompt": "a title", "after": ""})["id"]
    assert made_up.order() == [front, first, third, gull]
    until(lambda: made_up.studio.get("/api/items")["total"] == 4)


def test_characters_and_style_decide_pictures(made_up: Film) -> None:
    made_up.studio.project.write("cast/oswin.png", "")
    (made_up.studio.project.root / "cast/oswin.png").write_bytes(png_of())
    (made_up.studio.project.root / "secret.png").write_text("no picture")
    oswin = made_up.does(
        "POST", "/characters", {"name": "Oswin", "references": ["cast/oswin.png", "secret.png", "gone.png"]}
    )
    assert [one["path"] for one in oswin["references"]] == ["cast/oswin.png", "secret.png", "gone.png"]
    here, secret, gone = (one["picture"] for one in oswin["references"])
    assert gone is None
    with made_up.studio.client() as client:
        assert client.get(here).headers["content-type"] == "image/png"
        assert client.get(secret).status_code == 404
        assert client.get(f"{here.rpartition('/')[0]}/9").status_code == 404
        assert client.get(f"{here.rpartition('/')[0]}/-1").status_code == 404
    made_up.does("PATCH", f"/characters/{oswin['id']}", {"references": []})
    thora = made_up.does("POST", "/characters", {"name": "Thora", "position": 0})
    assert [one["name"] for one in made_up.whole()["characters"]] == ["Thora", "Oswin"]
    now = made_up.does("PATCH", f"/sentences/{made_up.ids[0]}", {"characters": ["Oswin", thora["id"]]})
    assert now["characters"] == [thora["id"], oswin["id"]]
    made_up.does("POST", "/generate")
    until(lambda: made_up.whole()["counts"]["dirty"] == 0)
    made_up.does("PATCH", f"/characters/{oswin['id']}", {"description": "grey beard"})
    assert made_up.whole()["counts"]["dirty"] == 0  # which no picture shows
    made_up.does("PATCH", "", {"style": "watercolour"})
    assert made_up.whole()["counts"]["dirty"] == 3
    assert made_up.does("PATCH", "", {"aspect_ratio": "1:1"})["width"] == 1920
    assert made_up.does("DELETE", f"/characters/{oswin['id']}") == {"id": oswin["id"]}
    assert made_up.sentence(0)["characters"] == [thora["id"]]


# --- it is made ---------------------------------------------------------------------------------------


def test_a_sentence_is_made_and_all_see_it(made_up: Film, project: Project) -> None:
    with made_up.studio.live() as live, made_up.studio.live(f"/api/projects/{made_up.id}/live") as its:
        job = made_up.does("POST", f"/sentences/{made_up.ids[1]}/generate")["id"]
        for one in (live, its):
            done = one.next("job_complete", jobId=job, sentenceId=made_up.ids[1], jobType="image/generate")
            assert done["result"]["file"].endswith(f"{made_up.ids[1]}.png")
    row = until(lambda: (one := made_up.sentence(1))["status"] == "completed" and one)
    assert not row["is_image_dirty"] and row["image_file"].endswith(f"{made_up.ids[1]}.png")
    assert target(project, made_up.ids[1]).is_file()
    until(lambda: made_up.sentence(1)["card"]["state"] == "fresh")
    project.run("status").says("2 missing", "1 fresh")


def test_what_an_event_carries_is_in_the_row_and_in_the_picture(made_up: Film, project: Project) -> None:
    body = {"id": "my-own-1", "imagePrompt": "a boat, ink", "seed": str(2**64 - 1)}
    path = f"/sentences/{made_up.ids[1]}/generate"
    assert made_up.does("POST", path, body) == {"id": "my-own-1"}
    row = made_up.sentence(1)
    assert (row["image_prompt"], row["seed"]) == ("a boat, ink", str(2**64 - 1))
    until(lambda: made_up.sentence(1)["status"] == "completed")
    assert made_up.does("POST", path, body) == {"id": "my-own-1"}  # a doubled event is one job
    assert len(query(project, "select id from jobs")) == 1
    project.run("explain", made_up.task(1)).says("a boat, ink", str(2**64 - 1))


def test_all_that_is_dirty_is_made_and_nothing_else(made_up: Film, project: Project) -> None:
    made_up.does("POST", f"/sentences/{made_up.ids[0]}/generate")
    until(lambda: made_up.sentence(0)["status"] == "completed")
    until(lambda: made_up.sentence(0)["card"]["state"] == "fresh")
    jobs = made_up.does("POST", "/generate")["jobs"]
    assert [one["sentenceId"] for one in jobs] == made_up.ids[1:]
    assert [one["task"] for one in jobs] == [made_up.task(1), made_up.task(2)]
    until(lambda: made_up.whole()["counts"] == {"total": 3, "dirty": 0, "busy": 0, "failed": 0})
    until(lambda: made_up.studio.get("/api/project")["states"]["fresh"] == 3)
    assert made_up.does("POST", "/generate") == {"jobs": []}
    target(project, made_up.ids[2]).unlink()
    until(lambda: made_up.sentence(2)["is_image_dirty"])  # the picture decides
    assert [one["sentenceId"] for one in made_up.does("POST", "/generate")["jobs"]] == [made_up.ids[2]]


def test_doit_and_the_page_see_what_the_other_one_does(made_up: Film, project: Project) -> None:
    project.run("run").exits(0).says("3 made")
    until(lambda: made_up.whole()["counts"]["dirty"] == 0)
    until(lambda: [one["state"] for one in made_up.studio.get("/api/items")["items"]] == ["fresh"] * 3)
    with made_up.studio.live() as live:
        live.next("hello")
        change(project, made_up.ids[2], image_prompt="a storm")  # another program writes the row
        live.next("storyboard", projectId=made_up.id)
    until(lambda: made_up.sentence(2)["card"]["state"] == "stale")
    made_up.does("POST", "/generate")
    until(lambda: made_up.sentence(2)["card"]["state"] == "fresh")
    project.run("run").exits(0).says("Nothing to do")
    assert rows(project) == [("001", "completed", 0), ("002", "completed", 0), ("003", "completed", 0)]


def test_flags_follow_the_verdicts_at_the_start(project: Project) -> None:
    """Whatever was done while no studio ran: pictures removed, rows left by a program that was killed."""
    state_home(project)
    ids = film(project, SCRIPT)
    project.run("run").exits(0)
    target(project, ids[0]).unlink()
    query(project, "update sentences set status = 'generating', is_image_dirty = 1 where id = ?", ids[1])
    with Studio(project):
        until(lambda: rows(project) == [("001", "idle", 1), ("002", "completed", 0), ("003", "completed", 0)])


# --- while something is under way ---------------------------------------------------------------------


def test_a_second_click_is_the_same_job(slow: Film, server: ComfyServer) -> None:
    path = f"/sentences/{slow.ids[0]}/generate"
    job = slow.does("POST", path)
    server.wait_until(lambda: server.held)
    assert slow.does("POST", path) == job == slow.does("POST", path, {"id": "another"})
    until(lambda: slow.sentence(0)["status"] == "generating")
    jobs = {one["sentenceId"]: one["id"] for one in slow.does("POST", "/generate")["jobs"]}
    assert jobs[slow.ids[0]] == job["id"] and len(jobs) == 3
    assert {one["sentenceId"]: one["id"] for one in slow.does("POST", "/generate")["jobs"]} == jobs
    assert slow.whole()["counts"]["busy"] == 3
    server.release()
    until(lambda: slow.whole()["counts"] == {"total": 3, "dirty": 0, "busy": 0, "failed": 0})
    assert len(server.executed) == 3


def test_what_is_under_way_is_cancelled(slow: Film, server: ComfyServer) -> None:
    slow.does("POST", "/generate")
    server.wait_until(lambda: server.held)
    with slow.studio.live() as live:
        assert slow.does("POST", f"/sentences/{slow.ids[0]}/cancel") == {"cancelled": 1}
        live.next("job_cancelled", sentenceId=slow.ids[0])
        assert slow.does("POST", "/cancel") == {"cancelled": 2}
    until(lambda: slow.whole()["counts"]["busy"] == 0)
    assert [slow.sentence(number)["status"] for number in range(3)] == ["idle"] * 3
    assert slow.does("POST", "/cancel") == {"cancelled": 0}
    server.wait_until(lambda: not server.pending)
    server.release()
    assert slow.whole()["counts"] == {"total": 3, "dirty": 3, "busy": 0, "failed": 0}
    slow.does("POST", f"/sentences/{slow.ids[0]}/generate")
    until(lambda: slow.sentence(0)["status"] == "completed")


def test_an_edit_while_it_is_made_leaves_it_dirty(slow: Film, server: ComfyServer) -> None:
    slow.does("POST", f"/sentences/{slow.ids[0]}/generate")
    server.wait_until(lambda: server.held)
    slow.does("PATCH", f"/sentences/{slow.ids[0]}", {"image_prompt": "something else"})
    server.release()
    until(lambda: slow.sentence(0)["image_file"])
    until(lambda: slow.sentence(0)["card"]["state"] == "stale")
    assert slow.sentence(0)["is_image_dirty"]


def test_a_sentence_that_is_removed_takes_its_job_along(slow: Film, server: ComfyServer) -> None:
    slow.does("POST", f"/sentences/{slow.ids[0]}/generate")
    server.wait_until(lambda: server.held)
    slow.does("DELETE", f"/sentences/{slow.ids[0]}")
    until(lambda: slow.studio.get("/api/project")["busy"] == 0)
    server.release()
    assert slow.order() == slow.ids[1:]


def test_a_killed_studio_goes_on_where_it_was(project: Project, server: ComfyServer) -> None:
    state_home(project)
    ids = film(project, SCRIPT[:2])
    on_comfyui(project, server)
    server.hold()
    with Studio(project) as studio:
        for number in range(2):
            Film(studio, ids).does("POST", f"/sentences/{ids[number]}/generate")
        server.wait_until(lambda: server.held)
        studio.kill()
    server.release()
    with Studio(project) as studio:
        its = Film(studio, ids)
        until(lambda: its.whole()["counts"] == {"total": 2, "dirty": 0, "busy": 0, "failed": 0})
    assert {status for (status,) in query(project, "select status from jobs")} == {"completed"}


def test_a_job_whose_engine_forgot_it_is_taken_on(project: Project) -> None:
    """The engine's database may be deleted: the rows know what was wanted."""
    state_home(project)
    ids = film(project, SCRIPT[:1])
    with Studio(project) as studio:
        its = Film(studio, ids)
        its.does("POST", f"/sentences/{ids[0]}/generate", {"id": "wanted"})
        until(lambda: its.sentence(0)["status"] == "completed")
    query(project, "update jobs set status = 'running'")
    query(project, "update sentences set status = 'generating', is_image_dirty = 1")
    target(project, ids[0]).unlink()
    for file in (project.root / ".imagegen").glob("jobs.sqlite*"):
        file.unlink()
    with Studio(project) as studio:
        until(lambda: rows(project) == [("001", "completed", 0)])
    assert target(project, ids[0]).is_file()


def test_a_job_that_no_engine_knows_is_cancelled_in_its_row(made_up: Film, project: Project) -> None:
    event = {"id": "lost", "name": "image/generate", "data": {"projectId": made_up.id, "sentenceId": made_up.ids[0]}}
    query(
        project,
        "insert into jobs (id, project_id, sentence_id, type, status, attempts, error, event) "
        "values ('lost', ?, ?, 'image/generate', 'running', 0, '', ?)",
        made_up.id, made_up.ids[0], json.dumps(event),
    )  # fmt: skip
    query(project, "update sentences set status = 'generating' where id = ?", made_up.ids[0])
    assert made_up.does("POST", "/cancel") == {"cancelled": 1}
    assert rows(project)[0] == ("001", "idle", 1)
    assert query(project, "select status from jobs") == [("cancelled",)]


def test_a_failure_is_in_the_row_with_its_reason(made_up: Film, project: Project) -> None:
    target(project, made_up.ids[0]).parent.mkdir(parents=True, exist_ok=True)
    target(project, made_up.ids[0]).write_bytes(png_of())  # somebody else's picture
    made_up.does("POST", f"/sentences/{made_up.ids[0]}/generate")
    row = until(lambda: (one := made_up.sentence(0))["status"] == "failed" and one)
    assert row["error"] and "\n" not in row["error"]
    until(lambda: made_up.sentence(0)["card"]["state"] == "foreign")
    assert made_up.whole()["counts"]["failed"] == 1
