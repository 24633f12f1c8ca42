"""Everything that can go wrong at a ComfyUI server, once each: it ends with the right image or with a clear
error that names the item; nothing is half-written, and none of our jobs is left at the server."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.comfyui_stories import (
    changes,
    ended,
    eventually,
    held_after,
    held_at,
    made,
    not_made,
    others_job,
    our_client,
    queued,
    started,
    target,
    there,
    tidy,
    wants,
    whole,
)
from tests.conftest import Outcome, Project
from tests.servers.comfyui import ComfyServer
from tests.servers.comfyui_faults import Faults
from tests.servers.comfyui_types import recorded

Arm = Callable[[Faults], Any]
SHORT = {"request_timeout": 1}
TRIED = "3 attempts"
NODE_ERRORS = recorded("missing-denoise")["post"]["body"]


@dataclass(frozen=True)
class Case:
    """A run at a server with one fault: what it printed, and what it left behind here and there."""

    project: Project
    server: ComfyServer
    outcome: Outcome


Cases = Mapping[str, "Future[Case]"]


@pytest.fixture(scope="module")
def cases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cases]:
    """The faults of both tables, as far as they are asked for, several at a time: most of it is waiting."""
    arms = PASSING | {fault: arm for fault, (arm, *_) in FAILING.items()}
    specs = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    wanted = [spec.params["fault"] for spec in specs if spec is not None and "fault" in spec.params]
    with contextlib.ExitStack() as servers, ThreadPoolExecutor(6) as pool:

        def tried(fault: str) -> Case:
            server = servers.enter_context(ComfyServer(checkpoints=["dream.safetensors"]))
            project = Project(tmp_path_factory.mktemp("case"))
            wants(project, server, "Mallsing", block=SHORT)
            arms[fault](server.faults)
            return Case(project, server, project.run("run"))

        yield {fault: pool.submit(tried, fault) for fault in wanted}


# What passes ends with the right image


PASSING: dict[str, Arm] = {
    # asking beforehand
    "502 twice beforehand": lambda f: f.answer("/object_info", 502, times=2),
    "dropped twice beforehand": lambda f: f.drop("/models", times=2),
    "hanging once beforehand": lambda f: f.hang("/object_info"),
    # submitting
    "502 twice": lambda f: f.answer("POST /prompt", 502, times=2),
    "504 and a page twice": lambda f: f.html("POST /prompt", status=504, times=2),
    "a page twice": lambda f: f.html("POST /prompt", times=2),
    "dropped twice": lambda f: f.drop("POST /prompt", times=2),
    "hanging once": lambda f: f.hang("POST /prompt"),
    # waiting for it
    "502 twice while waiting": lambda f: f.answer("/history", 502, times=2),
    "a page twice while waiting": lambda f: f.html("GET /history", times=2),
    "dropped twice while waiting": lambda f: f.drop("GET /history", times=2),
    "hanging once while waiting": lambda f: f.hang("GET /history"),
    "late while waiting": lambda f: f.delay("GET /history", 0.3),
    # getting it
    "502 twice for the picture": lambda f: f.answer("/view", 502, times=2),
    "a page twice for the picture": lambda f: f.html("/view", times=2),
    "dropped twice for the picture": lambda f: f.drop("/view", times=2),
    "hanging once for the picture": lambda f: f.hang("/view"),
    "picture cut off twice": lambda f: f.cut_download(100, times=2),
    "half a picture twice": lambda f: f.truncated_png(times=2),
    "a wrong checksum twice": lambda f: f.bad_crc(times=2),
    "no bytes twice": lambda f: f.empty_picture(times=2),
    "file gone twice": lambda f: f.lose_files(times=2),
    "a temporary picture": lambda f: f.temp_only(),
    "status null": lambda f: f.null_status(),
    # afterwards: a courtesy that may fail
    "history not deleted": lambda f: f.answer("POST /history", 500, times=None),
    "history hanging": lambda f: f.hang("POST /history"),
    # the socket: nothing rests on it
    "silent sockets": lambda f: f.silent_sockets(),
    "sockets refused": lambda f: f.refuse_sockets(),
    "a page for sockets": lambda f: f.html("/ws", times=None),
    "sockets hanging": lambda f: f.hang("/ws", times=None),
    "sockets dropped again and again": lambda f: f.drop_sockets_every(0.02),
    "noise, and others' messages": lambda f: f.noisy_sockets(),
    "everything said twice": lambda f: f.duplicate_messages(),
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_ends_with_the_right_image(fault: str, cases: Cases) -> None:
    case = cases[fault].result()
    case.outcome.exits(0).says("1 made, 0 skipped, 0 failed")
    made(case.project, case.server, "Mallsing")
    tidy(case.project, case.server)
    if fault != "file gone twice":  # the picture is made once, whatever it takes to get it
        assert case.server.pictures_made == 1


@pytest.mark.parametrize("old", [False, True], ids=["takes our id", "draws its own"])
@pytest.mark.parametrize("done", [False, True], ids=["still running", "done meanwhile"])
def test_a_lost_answer_makes_one_image(old: bool, done: bool, project: Project) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"], takes_prompt_id=not old) as server:
        wants(project, server, "Mallsing", block={"retry_delay": 0.1})
        if old == done:
            server.faults.lose_answer()
        else:
            server.faults.cut_download(8, "POST /prompt")
        if not done:
            server.hold()
        with started(project, "run") as process:
            server.wait_until(lambda: server.executed if done else server.asked("GET", "/queue"))
            server.release()
            ended(process).exits(0)
        made(project, server, "Mallsing")
        assert (len(server.submitted), server.pictures_made) == (1, 1)
        tidy(project, server)


def test_a_prompt_that_a_proxy_queues_twice(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", "Brannick")
    server.faults.do_twice(times=2)
    project.run("run").exits(0).says("2 made")
    made(project, server, "Mallsing", "Brannick")
    tidy(project, server)


def test_several_outputs_are_said_and_the_first_is_taken(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    server.faults.several_outputs(3)
    project.run("run").exits(0).says("images:mallsing", "3 pictures", "first")
    assert server.asked("GET", "/view")[0].query["filename"].endswith("_00001_.png")
    made(project, server, "Mallsing")
    tidy(project, server)


def test_a_file_that_the_cache_names_is_gone(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    project.run("run").exits(0)
    before = project.png(target("Mallsing"))
    (project.root / target("Mallsing")).unlink()
    assert server.faults.lose_file() == 1
    project.run("run").exits(0)
    assert project.png(target("Mallsing")) == before
    tidy(project, server)


# What does not pass ends with a clear error, after three attempts at most


FAILING: dict[str, tuple[Arm, list[str], str, int]] = {
    # fault: (how, what is said, the request that is counted, how often it came)
    # asked beforehand
    "no token": (lambda f: f.answer("/object_info", 401, times=None), ["401", "headers"], "GET /object_info", 1),
    "500 beforehand": (lambda f: f.answer("/object_info", 500, times=None), ["500"], "GET /object_info", 1),
    "502 beforehand": (lambda f: f.answer("/object_info", 502, times=None), ["502", TRIED], "GET /object_info", 3),
    "a page beforehand": (lambda f: f.html("/object_info", times=None), ["HTML", TRIED], "GET /object_info", 3),
    "hanging beforehand": (lambda f: f.hang("/object_info", None), ["too long", TRIED], "GET /object_info", 3),
    # submitted
    "500": (lambda f: f.answer("POST /prompt", 500, "trouble", None), ["500", "trouble"], "POST /prompt", 1),
    "502": (lambda f: f.answer("POST /prompt", 502, times=None), ["502", TRIED], "POST /prompt", 3),
    "504": (lambda f: f.answer("POST /prompt", 504, times=None), ["504", TRIED], "POST /prompt", 3),
    "a page": (lambda f: f.html("POST /prompt", times=None), ["HTML", TRIED], "POST /prompt", 3),
    "dropped": (lambda f: f.drop("POST /prompt", None), ["no answer", TRIED], "POST /prompt", 3),
    "hanging": (lambda f: f.hang("POST /prompt", None), ["too long", TRIED], "POST /prompt", 3),
    "refused graph": (
        lambda f: f.answer("POST /prompt", 400, NODE_ERRORS, None),
        ["refused the graph", "KSampler", "Required input is missing", "denoise"],
        "POST /prompt",
        1,
    ),
    "refused as text": (lambda f: f.answer("POST /prompt", 400, "no such", None), ["no such"], "POST /prompt", 1),
    "half a graph": (
        lambda f: f.node_errors_with_success(None),
        ["in part", "SaveImage", "Required input is missing"],
        "POST /prompt",
        1,
    ),
    # waited for
    "502 while waiting": (lambda f: f.answer("/history", 502, times=None), ["502", TRIED], "POST /prompt", 1),
    "500 while waiting": (lambda f: f.answer("/history", 500, times=None), ["500"], "POST /prompt", 1),
    "a list while waiting": (lambda f: f.answer("/history", 200, [1], None), ["unexpected"], "POST /prompt", 1),
    "execution error": (
        lambda f: f.fail_node("mat1 and mat2 can't be multiplied", "KSampler", times=None),
        ["KSampler", "mat1 and mat2 can't be multiplied"],
        "POST /prompt",
        1,
    ),
    "out of memory": (lambda f: f.out_of_memory(times=None), ["KSampler", "Allocation on"], "POST /prompt", 1),
    "interrupted": (lambda f: f.interrupt_jobs(None), ["interrupted", "somebody else"], "POST /prompt", 1),
    "no outputs": (lambda f: f.no_outputs(None), ["without a picture"], "POST /prompt", 1),
    # fetched
    "502 for the picture": (lambda f: f.answer("/view", 502, times=None), ["502", TRIED], "GET /view", 3),
    "500 for the picture": (lambda f: f.answer("/view", 500, times=None), ["500"], "GET /view", 1),
    "picture cut off": (lambda f: f.cut_download(100, times=None), ["cut", TRIED], "GET /view", 3),
    "half a picture": (lambda f: f.truncated_png(None), ["cut off", TRIED], "GET /view", 3),
    "a wrong checksum": (lambda f: f.bad_crc(None), ["checksum", TRIED], "GET /view", 3),
    "no bytes": (lambda f: f.empty_picture(None), ["empty", TRIED], "GET /view", 3),
    "file gone": (lambda f: f.lose_files(None), ["gone", TRIED], "POST /prompt", 3),
    "wrong size": (lambda f: f.wrong_size(32, 40, None), ["32 × 40", "64 × 64"], "GET /view", 1),
}


@pytest.mark.parametrize("fault", FAILING)
def test_what_does_not_pass_ends_with_a_clear_error(fault: str, cases: Cases) -> None:
    _, words, counted, times = FAILING[fault]
    case = cases[fault].result()
    outcome = case.outcome.exits(1).says("images:mallsing", "0 made, 0 skipped, 1 failed", *words)
    if TRIED not in words:
        outcome.says_not("attempts")
    assert outcome.err == ""
    assert len(case.server.asked(*counted.split())) == times
    not_made(case.project, "Mallsing")
    tidy(case.project, case.server)


def test_after_a_failure_nothing_stands_in_the_way_of_the_next_run(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    server.faults.wrong_size(32, 32)
    project.run("run").exits(1)
    project.run("run").exits(0)
    made(project, server, "Mallsing")


@pytest.mark.parametrize("retries", [0, 1])
def test_fewer_attempts_if_asked(retries: int, project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", block={"retries": retries})
    server.faults.answer("POST /prompt", 502, times=None)
    project.run("run").exits(1)
    assert len(server.asked("POST", "/prompt")) == retries + 1


def test_three_attempts_in_all_whatever_they_are_lost_to(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    server.faults.drop("POST /prompt")
    server.faults.lose_files()
    server.faults.truncated_png()
    project.run("run").exits(1).says("images:mallsing", "3 attempts")
    assert len(server.asked("POST", "/prompt")) == 3
    not_made(project, "Mallsing")
    tidy(project, server)


def test_one_failing_image_stops_no_other(project: Project, server: ComfyServer) -> None:
    names = ["Mallsing", "Brannick", "Oswin", "Thora"]
    wants(project, server, *names)
    server.faults.fail_node("no such luck")
    outcome = project.run("run").exits(1).says("3 made, 0 skipped, 1 failed", "no such luck")
    (failed,) = set(names) - set(there(project, *names))
    outcome.says(f"images:{failed.lower()}: failed on the server")
    made(project, server, *(name for name in names if name != failed))
    tidy(project, server)


def test_a_failure_leaves_the_old_picture_as_it_was(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    project.run("run").exits(0)
    before = project.png(target("Mallsing"))
    changes(project, "Mallsing", prompt="another")
    server.faults.wrong_size(32, 32)
    project.run("run").exits(1)
    assert project.png(target("Mallsing")) == before
    tidy(project, server)


# The server goes, and comes back or not


@pytest.fixture
def others(project: Project) -> Callable[[str], None]:
    """Adds a job on another backend to the manifest."""

    def add(name: str) -> None:
        manifest = json.loads((project.root / "assets.yaml").read_text("utf-8"))
        manifest["jobs"] = {
            "images": {"items": manifest.pop("items"), **manifest.pop("defaults")},
            "drafts": {"backend": "placeholder", "size": "64x64", "items": [{"name": name, "prompt": "a draft"}]},
        }
        project.manifest(json.dumps(manifest))

    return add


def test_no_server_at_all(project: Project, server: ComfyServer, others: Callable[[str], None]) -> None:
    wants(project, server, "Mallsing", "Brannick")
    others("Draft")
    with server.faults.refuse():
        project.run("run").exits(1).says(
            "1 made, 0 skipped, 2 failed", "images:mallsing", "images:brannick", server.url, "connection refused",
            "COMFYUI_URL",
        )  # fmt: skip
    assert whole(project.png("assets/drafts/draft.png"))
    not_made(project, "Mallsing", "Brannick")
    tidy(project, server)
    project.run("run").exits(0).says("2 made, 1 skipped")
    made(project, server, "Mallsing", "Brannick")


def test_a_host_that_is_not_there(project: Project) -> None:
    wants(project, "http://no-such-host.invalid:8188", "Mallsing")
    project.run("run").exits(1).says("images:mallsing", "no-such-host.invalid", "3 attempts")


def test_the_server_goes_for_good_while_it_works(
    project: Project, server: ComfyServer, others: Callable[[str], None]
) -> None:
    wants(project, server, "Mallsing", "Brannick", "Oswin", block={"retries": 0})
    others("Draft")
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held and server.pending)
        with server.faults.refuse():
            ended(process).exits(1).says("1 made, 0 skipped, 3 failed", "images:oswin", "no answer")
    assert whole(project.png("assets/drafts/draft.png"))
    not_made(project, "Mallsing", "Brannick", "Oswin")
    assert project.stray_files() == []


def test_the_server_is_away_for_a_moment_and_its_jobs_go_on(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", "Brannick")
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held and server.pending)
        with server.faults.refuse():
            server.release()
            server.wait_until(lambda: len(server.executed) == 2)
        ended(process).exits(0)
    made(project, server, "Mallsing", "Brannick")
    assert len(server.submitted) == 2
    tidy(project, server)


@pytest.mark.parametrize("down", [0.0, 0.3], ids=["at once", "after a moment"])
def test_the_server_restarts_and_forgets(down: float, project: Project, server: ComfyServer) -> None:
    """Of two jobs one runs, and one waits: both are lost, and both submitted again."""
    wants(project, server, "Mallsing", "Brannick", block={"retry_delay": 0.1})
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held and server.pending)
        server.faults.restart_and_forget(down)
        server.release()
        ended(process).exits(0).says("2 made")
    made(project, server, "Mallsing", "Brannick")
    assert (len(server.submitted), len(server.executed)) == (4, 2)
    tidy(project, server)


def test_the_server_restarts_again_and_again(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    server.hold()
    with started(project, "run") as process:
        for attempt in (1, 2, 3):
            held_at(server, attempt)
            server.faults.restart_and_forget()
        outcome = ended(process).exits(1).says("images:mallsing", "3 attempts")
    assert "no longer knows" in outcome.out or "no answer" in outcome.out, "a request may have been under way"
    not_made(project, "Mallsing")
    tidy(project, server)


def test_it_restarts_after_the_picture_was_made(project: Project, server: ComfyServer) -> None:
    """A temporary picture is gone with the restart, and so is the history that named it."""
    wants(project, server, "Mallsing", block={"retry_delay": 0.3})
    server.faults.temp_only()
    server.faults.answer("/view", 502)
    with started(project, "run") as process:
        server.wait_until(lambda: server.asked("GET", "/view"))
        server.faults.restart_and_forget()
        ended(process).exits(0)
    made(project, server, "Mallsing")
    assert len(server.submitted) == 2
    tidy(project, server)


# Somebody else at the same server


def test_somebody_deletes_our_job_from_the_queue(project: Project, server: ComfyServer) -> None:
    """It is as lost as after a restart, and submitted again."""
    server.hold()
    other = others_job(server)
    wants(project, server, "Mallsing")
    with started(project, "run") as process:
        server.wait_until(lambda: server.pending)
        (lost,) = server.faults.delete_pending()
        server.wait_until(lambda: server.pending and server.pending != [lost])
        server.release()
        ended(process).exits(0)
    made(project, server, "Mallsing")
    tidy(project, server, other)


def test_somebody_interrupts_our_job(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", "Brannick")
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held and server.pending)
        first = server.held
        server.faults.interrupt()
        held_after(server, first)
        server.release()
        ended(process).exits(1).says("1 made, 0 skipped, 1 failed", "interrupted on the server by somebody else")
    tidy(project, server)


def test_others_errors_and_successes_are_not_ours(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held and server.sockets.clients)
        for kind in ("execution_error", "execution_success", "execution_interrupted"):
            server.faults.say(json.dumps({"type": kind, "data": {"prompt_id": "somebody-else", "node_id": "1"}}))
        server.faults.say(json.dumps({"type": "executing", "data": {"node": None}}))
        server.release()
        ended(process).exits(0)
    made(project, server, "Mallsing")


GARBAGE = (
    "",
    "null",
    "[]",
    "{",
    "[" * 50_000,
    '{"type": ["progress"], "data": {"prompt_id": "ID"}}',
    '{"type": {"a": 1}, "data": {"prompt_id": "ID"}}',
    '{"type": "progress", "data": "ID"}',
    '{"type": "progress", "data": {"prompt_id": ["ID"]}}',
    '{"type": "progress", "data": {"prompt_id": "ID"}}',
    '{"type": "progress", "data": {"prompt_id": "ID", "value": "1", "max": null}}',
    '{"type": "progress", "data": {"prompt_id": "ID", "value": Infinity, "max": 20}}',
    '{"type": "progress", "data": {"prompt_id": "ID", "value": NaN, "max": 20}}',
    '{"type": "progress", "data": {"prompt_id": "ID", "value": 7, "max": 0}}',
    '{"type": "progress", "data": {"prompt_id": "ID", "value": -1e300, "max": 1e300}}',
    '{"type": "execution_success", "data": {"prompt_id": "ID"}}',  # too early: the history does not have it
)


def test_garbage_about_our_own_prompt_is_passed_over(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    server.hold()
    with started(project, "run", "--json") as process:
        server.wait_until(lambda: server.held and server.sockets.clients)
        for number, text in enumerate(GARBAGE, 1000):
            server.faults.say(text.replace("ID", server.held or ""))
            step = {"prompt_id": server.held, "value": number, "max": 9999}
            server.faults.say(json.dumps({"type": "progress", "data": step}))
        server.release()
        outcome = ended(process).exits(0)
    assert outcome.err == ""
    shown = {event["value"] for event in outcome.events if event["event"] == "step"}
    lost = [text for number, text in enumerate(GARBAGE, 1000) if number not in shown]
    assert not lost, f"not heard any more after {lost[0]!r}"
    made(project, server, "Mallsing")


def test_sockets_dropped_in_the_middle(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", "Brannick", "Oswin")
    server.hold()
    with started(project, "run", "--json") as process:
        for gracefully in (True, False):
            server.wait_until(lambda: server.held and server.sockets.clients)
            server.faults.drop_sockets(gracefully=gracefully)
            server.wait_until(lambda: not server.sockets.clients)
            before = server.held
            server.release(1)
            held_after(server, before)
        server.wait_until(lambda: server.sockets.clients)  # it has come back
        server.release()
        ended(process).exits(0)
    made(project, server, "Mallsing", "Brannick", "Oswin")
    tidy(project, server)


# Patience


def test_an_image_takes_too_long(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", block={"timeout": 0.3})
    server.faults.silent_sockets()  # that it runs is found out all the same
    server.hold()
    project.run("run").exits(1).says("images:mallsing", "took longer than 0.3 s", "timeout")
    assert server.interrupts == server.submitted_ids
    not_made(project, "Mallsing")
    tidy(project, server)


def test_an_item_and_its_job_have_their_own_patience(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", "Brannick", timeout=0.3)
    changes(project, "Brannick", timeout=0.2)
    server.hold()
    outcome = project.run("run").exits(1)
    outcome.says("images:mallsing: took longer than 0.3 s", "images:brannick: took longer than 0.2 s")
    tidy(project, server)


def test_waiting_behind_another_image_is_no_running(project: Project) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"], work=0.5) as server:
        wants(project, server, "Mallsing", "Brannick", block={"timeout": 0.9})
        project.run("run").exits(0).says("2 made")
        made(project, server, "Mallsing", "Brannick")


def test_the_queue_takes_too_long(project: Project, server: ComfyServer) -> None:
    server.hold()
    other = others_job(server)
    wants(project, server, "Mallsing", block={"queue_timeout": 0.3, "timeout": 0.1})
    project.run("run").exits(1).says("images:mallsing", "waited longer than 0.3 s", "queue_timeout")
    not_made(project, "Mallsing")
    assert server.deleted == server.submitted_ids[1:]
    assert queued(server) == [other]
    tidy(project, server, other)


def test_withdrawing_is_tried_again_too(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", block={"timeout": 0.3})
    server.faults.drop("POST /queue")
    server.faults.answer("POST /interrupt", 502)
    server.hold()
    project.run("run").exits(1).says("took longer than 0.3 s")
    tidy(project, server)


def test_never_more_than_two_when_answers_are_lost(project: Project, server: ComfyServer) -> None:
    names = ["Mallsing", "Brannick", "Oswin", "Thora", "Yrsa", "Ulf"]
    wants(project, server, *names, block={"retry_delay": 0.3})
    server.faults.lose_answer()
    server.faults.cut_download(8, "POST /prompt")
    server.hold()
    with started(project, "run", "-n", "6") as process:
        server.wait_until(lambda: len(server.asked("GET", "/queue")) >= 2)  # both have looked for theirs
        server.release()
        ended(process).exits(0).says("6 made")
    assert server.max_queued_of(our_client(server)) == 2
    assert len(server.submitted) == 6
    made(project, server, *names)
    tidy(project, server)


def test_never_more_than_two_when_graphs_are_taken_in_part(project: Project, server: ComfyServer) -> None:
    names = ["Mallsing", "Brannick", "Oswin", "Thora"]
    wants(project, server, *names)
    server.faults.node_errors_with_success(times=2)
    server.hold()
    with started(project, "run", "-n", "4") as process:
        server.wait_until(lambda: len(server.submitted) == 4)
        server.release()
        ended(process).exits(1).says("2 made, 0 skipped, 2 failed")
    assert server.max_queued_of(our_client(server)) == 2
    tidy(project, server)


def test_never_more_than_two_when_images_take_too_long(project: Project, server: ComfyServer) -> None:
    names = ["Mallsing", "Brannick", "Oswin"]
    wants(project, server, *names, block={"timeout": 0.2})
    server.hold()
    project.run("run").exits(1).says("0 made, 0 skipped, 3 failed")
    assert server.max_queued_of(our_client(server)) == 2
    tidy(project, server)


def test_a_slow_download_keeps_nobody_waiting(project: Project, server: ComfyServer) -> None:
    """While one picture comes down, the next are made."""
    wants(project, server, "Mallsing", "Brannick", "Oswin", block={"request_timeout": 60})
    server.faults.hang("/view")
    with started(project, "run") as process:
        eventually(lambda: len(there(project, "Mallsing", "Brannick", "Oswin")) == 2)
        server.faults.clear()
        ended(process).exits(0)
    made(project, server, "Mallsing", "Brannick", "Oswin")
