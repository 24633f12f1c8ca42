"""Ctrl-C, SIGTERM and SIGKILL while images are being made, and two runs at the same time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.comfyui_stories import (
    changes,
    ended,
    eventually,
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
)
from tests.conftest import Outcome, Project
from tests.servers.comfyui import ComfyServer

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that a test can send to one process")
NAMES = ("Mallsing", "Brannick", "Oswin", "Thora")
stopping = pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """A shell starts what it runs in the background deaf to SIGINT, and its children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def stopped(process: subprocess.Popen[str], sent: signal.Signals) -> Outcome:
    """What a process did after a signal: it has left by itself, with 130."""
    process.send_signal(sent)
    return ended(process).exits(130)


# Ctrl-C and SIGTERM


@stopping
def test_while_one_runs_and_one_waits(sent: signal.Signals, project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES)
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held)
        server.release(1)
        eventually(lambda: there(project, *NAMES))  # one image is done
        server.wait_until(lambda: server.held and server.pending)
        running, waiting = queued(server)
        other = others_job(server)
        outcome = stopped(process, sent).says("Interrupted: 1 made")
    assert "failed " not in outcome.out.replace("0 failed ", "")
    server.wait_until(lambda: queued(server) == [other])
    assert running in server.interrupts
    assert set(server.interrupts) <= {running, waiting}  # the one that waited may have come to run meanwhile
    assert set(server.deleted) == {running, waiting}
    assert server.history_deleted == server.executed  # of the image that is done
    tidy(project, server, other)
    server.release()
    server.wait_until(lambda: other in server.executed)
    (done,) = there(project, *NAMES)
    made(project, server, done)
    before = project.png(target(done))
    project.run("run").exits(0).says("3 made, 1 skipped")
    made(project, server, *NAMES)
    assert project.png(target(done)) == before


@stopping
def test_while_all_wait_behind_somebody_else(sent: signal.Signals, project: Project, server: ComfyServer) -> None:
    server.hold()
    running = others_job(server)
    wants(project, server, *NAMES)
    with started(project, "run") as process:
        server.wait_until(lambda: len(server.pending) == 2)
        waiting = others_job(server, seed=7)
        ours = server.pending[:2]
        stopped(process, sent).says("Interrupted", "nothing was made")
    assert queued(server) == [running, waiting]
    assert set(server.deleted) == set(ours)
    assert server.interrupts == []
    not_made(project, *NAMES)
    tidy(project, server, running, waiting)


@stopping
def test_before_anything_is_queued(sent: signal.Signals, project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES, block={"request_timeout": 0.5})
    server.faults.hang("/object_info")
    with started(project, "run") as process:
        server.wait_until(lambda: server.asked("GET", "/object_info"))
        stopped(process, sent)
    assert server.submitted == []
    not_made(project, *NAMES)
    assert project.stray_files() == []


def test_while_no_server_answers(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES, block={"retry_delay": 60})
    server.faults.answer("/object_info", 502, times=None)
    with started(project, "run") as process:
        server.wait_until(lambda: server.asked("GET", "/object_info"))
        stopped(process, signal.SIGINT)
    assert server.submitted == []


def test_after_an_answer_was_lost(project: Project, server: ComfyServer) -> None:
    """Nothing tells that the job is there; it is looked for, and withdrawn."""
    wants(project, server, "Mallsing", block={"retry_delay": 60})
    server.faults.lose_answer()
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held)
        stopped(process, signal.SIGINT)
    not_made(project, "Mallsing")
    tidy(project, server)


@pytest.mark.parametrize("old", [False, True], ids=["takes our id", "draws its own"])
def test_while_it_is_being_submitted(old: bool, project: Project) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"], takes_prompt_id=not old) as server:
        wants(project, server, *NAMES)
        server.faults.delay("POST /prompt", 0.5, times=2)
        server.hold()
        with started(project, "run") as process:
            server.wait_until(lambda: server.asked("POST", "/prompt"))
            stopped(process, signal.SIGINT)
        not_made(project, *NAMES)
        tidy(project, server)


def test_while_a_picture_comes_down(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", block={"request_timeout": 0.5})
    server.faults.hang("/view", times=None)
    with started(project, "run") as process:
        server.wait_until(lambda: server.asked("GET", "/view"))
        stopped(process, signal.SIGTERM)
    not_made(project, "Mallsing")
    tidy(project, server)


def test_withdrawing_is_tried_again(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES)
    server.faults.drop("POST /queue")
    server.faults.answer("POST /interrupt", 502)
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held and server.pending)
        stopped(process, signal.SIGINT)
    tidy(project, server)


def test_a_server_that_is_gone_keeps_nobody(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES, block={"retry_delay": 60})
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held and server.pending)
        with server.faults.refuse():
            stopped(process, signal.SIGINT)
    not_made(project, *NAMES)
    assert project.stray_files() == []


def test_the_second_time_it_leaves_at_once(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", block={"request_timeout": 600})
    server.hold()
    server.faults.hang("POST /queue", times=None)
    with started(project, "run") as process:
        server.wait_until(lambda: server.held)
        process.send_signal(signal.SIGINT)
        server.wait_until(lambda: server.asked("POST", "/queue"))  # it is being withdrawn
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        ended(process, timeout=5).exits(130)
    not_made(project, "Mallsing")
    assert project.stray_files() == []


def test_events_tell_of_the_interrupt(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES)
    server.hold()
    with started(project, "run", "--json") as process:
        server.wait_until(lambda: server.held and server.pending)
        events = stopped(process, signal.SIGINT).events
    assert events[0]["event"] == "begun"
    assert (events[-1]["event"], events[-1]["status"], events[-1]["failed"]) == ("ended", 130, 0)


def test_a_picture_that_was_to_be_replaced_stays(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    project.run("run").exits(0)
    before = project.png(target("Mallsing"))
    changes(project, "Mallsing", prompt="another")
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held)
        stopped(process, signal.SIGINT)
    assert project.png(target("Mallsing")) == before
    tidy(project, server)


@pytest.mark.parametrize(
    ("alone", "sent"),
    [
        pytest.param(False, signal.SIGINT, id="with our loader"),
        pytest.param(True, signal.SIGTERM, id="with dodo.py alone"),
    ],
)
def test_plain_doit(alone: bool, sent: signal.Signals, project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES)
    project.run("init").exits(0)
    if alone:
        (project.root / "pyproject.toml").unlink()
    server.hold()
    with doit(project) as process:
        server.wait_until(lambda: server.held and server.pending)
        other = others_job(server)
        stopped(process, sent)
    server.wait_until(lambda: queued(server) == [other])
    not_made(project, *NAMES)
    tidy(project, server, other)


@contextmanager
def doit(project: Project) -> Iterator[subprocess.Popen[str]]:
    """Plain `doit`, under way; at the end of the `with` it is gone."""
    process = subprocess.Popen(
        [sys.executable, "-m", "doit"], cwd=project.root, env=project.environ, text=True, encoding="utf-8",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


# SIGKILL


def test_killed_in_the_middle_and_run_again(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES)
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held)
        server.release(2)
        eventually(lambda: len(there(project, *NAMES)) == 2 and server.held)
        process.kill()
        process.wait()
    done = {name: project.png(target(name)) for name in there(project, *NAMES)}
    assert project.stray_files() == []
    server.release()
    project.run("run").exits(0).says("2 made, 2 skipped, 0 failed")
    for name, data in done.items():
        assert project.png(target(name)) == data
    made(project, server, *NAMES)
    project.run("status", "--check", "--verify").exits(0).says("4 fresh")
    tidy(project, server)


DEADLY = """
import os
import signal

when, name = os.environ["KILL"].split()
real = getattr(os, name)


def deadly(*args, **more):
    about_ours = any("mallsing.png" in str(arg) for arg in args)
    if not about_ours or when == "after":
        result = real(*args, **more)
    if about_ours:
        os.kill(os.getpid(), signal.SIGKILL)
    return result


setattr(os, name, deadly)
"""


@pytest.mark.parametrize(
    ("stale", "kill"),
    [
        (False, "before replace"),
        (False, "after replace"),
        (True, "before link"),
        (True, "after link"),
        (True, "before replace"),
        (True, "after replace"),
    ],
    ids=lambda value: value if isinstance(value, str) else "stale" if value else "new",
)
def test_killed_at_the_worst_moment(stale: bool, kill: str, project: Project, server: ComfyServer) -> None:
    """The target is whole or absent, then or later; the next run mends what there is to mend, all of it."""
    wants(project, server, "Mallsing")
    path, before = project.root / target("Mallsing"), b""
    if stale:
        changes(project, "Mallsing", prompt="an earlier one")
        project.run("run").exits(0)
        before = path.read_bytes()
        wants(project, server, "Mallsing")
    project.write("deadly/sitecustomize.py", DEADLY)
    killed = project.run("run", PYTHONPATH=str(project.root / "deadly"), KILL=kill)
    assert killed.code == -signal.SIGKILL
    if kill == "after replace":
        made(project, server, "Mallsing")
    elif stale:
        assert path.read_bytes() == before
    else:
        assert not path.exists()
    project.run("run").exits(0).says("Nothing to do" if kill == "after replace" else "1 made")
    made(project, server, "Mallsing")
    if stale:
        assert before in [kept.read_bytes() for kept in (project.root / ".imagegen").rglob("*.png")]
    tidy(project, server)


# Two at the same time


def test_two_runs_make_each_image_once(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES)
    server.hold()
    with started(project, "run") as one:
        server.wait_until(lambda: server.held and server.pending)
        with started(project, "run") as two:
            server.wait_until(lambda: len(server.asked("GET", "/object_info/KSampler")) == 2)
            server.release()
            outcomes = [ended(one).exits(0), ended(two).exits(0)]
    said = "".join(outcome.out for outcome in outcomes)
    assert [said.count(f"made     {target(name)}") for name in NAMES] == [1, 1, 1, 1]
    assert len(server.submitted) == len(server.executed) == 4
    made(project, server, *NAMES)
    tidy(project, server)


def test_two_runs_at_full_speed(project: Project, server: ComfyServer) -> None:
    names = [f"Kin-{number}" for number in range(20)]
    wants(project, server, *names)
    with started(project, "run") as one, started(project, "run") as two, started(project, "run") as three:
        for process in (one, two, three):
            ended(process).exits(0)
    assert len(server.submitted) == len(server.executed) == 20
    assert not server.life.queue.history  # the entries are deleted, some at a time
    made(project, server, *names)
    tidy(project, server)


def test_of_two_runs_one_is_killed(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES)
    server.hold()
    with started(project, "run") as one:
        server.wait_until(lambda: server.held and server.pending)
        with started(project, "run") as two:
            server.wait_until(lambda: len(server.asked("GET", "/object_info/KSampler")) == 2)
            one.kill()
            one.wait()
            server.release()
            ended(two).exits(0).says("4 made")
    made(project, server, *NAMES)
    tidy(project, server)


def test_of_two_runs_one_is_interrupted(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES)
    server.hold()
    with started(project, "run") as one:
        server.wait_until(lambda: server.held and server.pending)
        first = our_client(server)
        with started(project, "run") as two:
            server.wait_until(lambda: len(server.asked("GET", "/object_info/KSampler")) == 2)
            stopped(one, signal.SIGINT)
            server.wait_until(lambda: server.held and len(server.submitted) > 2)
            server.release()
            ended(two).exits(0).says("4 made")
    assert server.max_queued_of(first) == 2
    made(project, server, *NAMES)
    tidy(project, server)


def test_the_one_that_waits_for_the_other_can_be_interrupted(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    server.hold()
    with started(project, "run") as one:
        server.wait_until(lambda: server.held)
        with started(project, "run") as two:
            server.wait_until(lambda: len(server.asked("GET", "/object_info/KSampler")) == 2)
            stopped(two, signal.SIGTERM)
        assert queued(server) == server.submitted_ids
        server.release()
        ended(one).exits(0)
    made(project, server, "Mallsing")
    assert server.deleted == server.interrupts == []
    tidy(project, server)
