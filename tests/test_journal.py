"""Nothing is lost with a run that was killed: the next one collects what is wanted and withdraws the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from imagegen.backends.comfyui.journal import FOLDER, OLDEST, Entry, Journal
from tests.comfyui_stories import (
    changes,
    ended,
    held_after,
    made,
    others_job,
    prompt_for,
    queued,
    started,
    target,
    there,
    tidy,
    wants,
)
from tests.conftest import Outcome, Project
from tests.servers.comfyui import ComfyServer

NAMES = ("Mallsing", "Brannick", "Oswin", "Thora")
COLLECTED = "collected"


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def journals(project: Project) -> list[Path]:
    folder = project.root / FOLDER
    return sorted(folder.iterdir()) if folder.exists() else []


def killed_while_one_runs_and_one_waits(project: Project, server: ComfyServer) -> list[str]:
    """A run that was killed, and the ids it left at the server."""
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held and server.pending)
        killed(process)
    return queued(server)


def once(project: Project, server: ComfyServer, outcome: Outcome, *names: str) -> None:
    """Each image was made once in all, and is there; nothing is left anywhere."""
    outcome.exits(0)
    assert len(server.submitted) == len(server.executed) == len(names)
    made(project, server, *names)
    tidy(project, server)
    assert not server.life.queue.history
    assert journals(project) == []


# The next run


def test_what_still_runs_and_waits_is_collected(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES)
    left = killed_while_one_runs_and_one_waits(project, server)
    assert len(left) == 2
    with started(project, "run") as process:
        server.wait_until(lambda: any(left[0] in request.path for request in server.asked("GET", "/history")[-20:]))
        server.release()
        outcome = ended(process)
    once(project, server, outcome, *NAMES)
    assert outcome.out.count(COLLECTED) == 2


def test_what_is_done_meanwhile_is_fetched(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES)
    left = killed_while_one_runs_and_one_waits(project, server)
    server.release()
    server.wait_until(lambda: set(left) <= set(server.executed))
    outcome = project.run("run").says(COLLECTED)
    once(project, server, outcome, *NAMES)


def test_killed_while_a_picture_comes_down(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES[:2])
    server.faults.hang("/view", times=None)
    with started(project, "run") as process:
        server.wait_until(lambda: len(server.asked("GET", "/view")) == 2)
        killed(process)
    server.faults.clear()
    once(project, server, project.run("run").says("2 made", COLLECTED), *NAMES[:2])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that a test can send to one process")
def test_interrupted_while_a_picture_comes_down(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", block={"request_timeout": 0.5})
    server.faults.hang("/view", times=None)
    with started(project, "run") as process:
        server.wait_until(lambda: server.asked("GET", "/view"))
        process.send_signal(signal.SIGTERM)
        ended(process).exits(130)
    server.faults.clear()
    once(project, server, project.run("run").says("1 made", COLLECTED), "Mallsing")


def test_a_random_seed_is_the_one_that_was_drawn(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES, seed="random")
    left = killed_while_one_runs_and_one_waits(project, server)
    server.release()
    server.wait_until(lambda: set(left) <= set(server.executed))
    once(project, server, project.run("run").says("4 made", COLLECTED), *NAMES)
    assert list((project.root / ".imagegen" / "seeds").iterdir()) == []
    project.run("run").exits(0).says("Nothing to do")


def test_a_run_of_one_image_leaves_the_others_to_be_collected_later(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES)
    left = killed_while_one_runs_and_one_waits(project, server)
    server.release()
    server.wait_until(lambda: set(left) <= set(server.executed))
    submitted = json.dumps([request.body for request in server.asked("POST", "/prompt")])
    another = next(name for name in NAMES if prompt_for(name) not in submitted)
    project.run("run", f"images:{another.lower()}").exits(0).says("1 made").says_not(COLLECTED)
    outcome = project.run("run").says("3 made")
    assert outcome.out.count(COLLECTED) == 2
    once(project, server, outcome, *NAMES)


def test_an_old_server_that_gave_ids_of_its_own(project: Project) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"], takes_prompt_id=False) as server:
        wants(project, server, *NAMES)
        killed_while_one_runs_and_one_waits(project, server)
        server.release()
        once(project, server, project.run("run").says(COLLECTED), *NAMES)


def test_what_is_no_longer_wanted_is_withdrawn(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES[:3])
    running, waiting = killed_while_one_runs_and_one_waits(project, server)
    other = others_job(server)
    for name in NAMES[:3]:
        changes(project, name, prompt=f"another {name}")
    with started(project, "run") as process:
        server.wait_until(lambda: not {running, waiting} & {*queued(server)} and server.held)
        server.release()
        ended(process).exits(0).says("3 made").says_not(COLLECTED)
    assert not {running, waiting} & {*server.executed, *server.life.queue.history}
    assert journals(project) == []
    tidy(project, server, other)


def test_what_is_done_and_no_longer_wanted_is_forgotten(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES[:3])
    left = killed_while_one_runs_and_one_waits(project, server)
    server.release()
    server.wait_until(lambda: set(left) <= set(server.executed))
    for name in NAMES[:3]:
        changes(project, name, prompt=f"another {name}")
    project.run("run").exits(0).says("3 made").says_not(COLLECTED)
    assert not server.life.queue.history
    tidy(project, server)


def test_what_the_server_has_forgotten_is_made_again(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES)
    killed_while_one_runs_and_one_waits(project, server)
    server.faults.restart_and_forget()
    server.release()
    project.run("run").exits(0).says("4 made").says_not(COLLECTED)
    made(project, server, *NAMES)
    assert journals(project) == []


def test_what_failed_is_made_again_with_all_its_attempts(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held)
        killed(process)
    server.faults.interrupt()
    server.wait_until(lambda: not server.running)
    server.release()
    server.faults.answer("POST /prompt", 502, times=2)
    project.run("run").exits(0).says("1 made").says_not(COLLECTED)
    made(project, server, "Mallsing")
    tidy(project, server)


def test_a_collected_picture_that_is_gone_is_made_again(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    server.faults.hang("/view")
    with started(project, "run") as process:
        server.wait_until(lambda: server.asked("GET", "/view"))
        killed(process)
    server.faults.lose_file()
    project.run("run").exits(0).says("1 made")
    made(project, server, "Mallsing")
    assert journals(project) == []


def test_a_server_that_is_away_is_asked_by_a_later_run(project: Project, server: ComfyServer) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"]) as away:
        wants(project, away, *NAMES[:2])
        killed_while_one_runs_and_one_waits(project, away)
        wants(project, server, *NAMES[:2])
        project.run("run").exits(0).says("2 made")
        assert [path.suffix for path in journals(project)] == [".jsonl", ".lock"]
        wants(project, away, *NAMES[:2])
        changes(project, "Mallsing", prompt="another")
        away.release()
        project.run("run").exits(0).says("1 made")
        assert not away.life.queue.history
        assert journals(project) == []


def test_killed_again_and_again(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES)
    server.hold()
    for count in (1, 2, 3):
        with started(project, "run") as process:
            server.wait_until(lambda count=count: server.held and len(server.submitted) >= min(count + 1, 4))
            before = server.held
            server.release(1)
            if count < 3:
                held_after(server, before)
            killed(process)
    server.release()
    outcome = project.run("run")
    outcome.exits(0)
    assert len(server.submitted) == len(server.executed) == 4
    made(project, server, *NAMES)
    assert journals(project) == []


# Runs that live


def test_a_living_run_s_prompts_are_left_alone(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES[:2])
    server.hold()
    with started(project, "run") as one:
        server.wait_until(lambda: server.held and server.pending)
        first = queued(server)
        wants(project, server, *NAMES)
        with started(project, "run", f"images:{NAMES[2].lower()}") as two:
            server.wait_until(lambda: len(server.submitted) == 3)
            assert queued(server)[:2] == first
            server.release()
            ended(two).exits(0).says("1 made").says_not(COLLECTED)
        ended(one).exits(0).says("2 made")
    assert server.deleted == server.interrupts == []
    made(project, server, *NAMES[:3])
    assert journals(project) == []


def test_a_run_that_waits_for_one_that_is_killed_collects_too(project: Project, server: ComfyServer) -> None:
    names = [*NAMES, "Yrsa", "Ulf"]
    wants(project, server, *names)
    server.hold()
    with started(project, "run") as one:
        server.wait_until(lambda: server.held and server.pending)
        with started(project, "run", "-n", "6") as two:
            server.wait_until(lambda: len(server.submitted) == 4)  # the two that the first has not begun
            killed(one)
            server.release()
            outcome = ended(two).says("6 made")
    once(project, server, outcome, *names)
    assert outcome.out.count(COLLECTED) == 2


# The journal itself


def test_it_holds_no_prompt_and_no_secret(project: Project, server: ComfyServer) -> None:
    wants(project, server.url.replace("://", "://me:sesame@"), *NAMES, block={"headers": {"X-Key": "t0ken"}})
    killed_while_one_runs_and_one_waits(project, server)
    (text,) = (path.read_text("utf-8") for path in journals(project) if path.suffix == ".jsonl")
    assert server.url in text and "images:" in text
    for secret in ("sesame", "t0ken", "portrait", str(project.root)):
        assert secret not in text
    server.release()


def test_prompts_that_are_not_ours_are_never_touched(project: Project, server: ComfyServer) -> None:
    """A journal that came with a cloned project names somebody else's job."""
    server.hold()
    other = others_job(server)
    line = {"server": server.url, "mark": other, "task": "images:x", "recipe": "0" * 64, "at": time.time()}
    project.write(f"{FOLDER}/evil.jsonl", json.dumps(line))
    wants(project, server, "Mallsing")
    with started(project, "run") as process:
        server.wait_until(lambda: server.pending)
        server.release()
        ended(process).exits(0)
    tidy(project, server, other)
    assert journals(project) == []


GARBAGE = ("", "null", "[]", "{", "[" * 50_000, '{"done": []}', '{"server": 1}', '{"at": "x", "server": "s"}', "\0\xff")


def test_garbage_in_a_journal_is_passed_over(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES[:2])
    killed_while_one_runs_and_one_waits(project, server)
    (path,) = (path for path in journals(project) if path.suffix == ".jsonl")
    path.write_text("\n".join([*GARBAGE, path.read_text("utf-8"), *GARBAGE]), "latin-1")
    server.release()
    once(project, server, project.run("run").says(COLLECTED), *NAMES[:2])


def test_a_folder_that_can_t_be_written_fails_no_image(project: Project, server: ComfyServer) -> None:
    project.write(FOLDER, "a file stands in the way")
    wants(project, server, *NAMES[:2])
    project.run("run").exits(0).says("2 made")
    made(project, server, *NAMES[:2])


def entry(mark: str, **changed: Any) -> Entry:
    return Entry(
        **{"server": "http://x", "mark": mark, "task": "a:b", "recipe": "0" * 64, "at": time.time(), **changed}
    )


def test_open_entries_of_dead_runs_are_found(tmp_path: Path) -> None:
    dead, alive, mine = Journal(tmp_path), Journal(tmp_path), Journal(tmp_path)
    for journal in (dead, alive, mine):
        for mark in "abc":
            assert journal.add(entry(f"{mark}"))
        journal.done("b")
    dead.add(entry("old", at=time.time() - OLDEST - 1))
    abandoned(dead)
    found = dict(mine.earlier())
    assert [[one.mark for one in entries] for entries in found.values()] == [["a", "c"]]
    next(iter(found)).unlink()
    assert dict(mine.earlier()) == {}
    for journal in (alive, mine):
        journal.done("a"), journal.done("c")
        journal.close()
    assert [path.suffix for path in (tmp_path / FOLDER).iterdir()] == [".lock"]  # the dead one's, of no harm


def test_it_stays_small_and_goes_when_all_is_done(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add(entry("first"))
    most = 0
    for number in range(3000):
        journal.add(entry(str(number)))
        journal.done(str(number))
        if number % 100 == 0:
            (path,) = (tmp_path / FOLDER).glob("*.jsonl")
            most = max(most, path.stat().st_size)
    assert most < 200_000
    abandoned(journal)
    reader = Journal(tmp_path)
    assert [[one.mark for one in entries] for _, entries in reader.earlier()] == [["first"]]


def test_one_that_is_closed_with_something_open_stays(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add(entry("a"))
    journal.close()
    assert [[one.mark for one in entries] for _, entries in Journal(tmp_path).earlier()] == [["a"]]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_a_full_disk_cuts_off_one_line_at_most(tmp_path: Path) -> None:
    import resource

    journal = Journal(tmp_path)
    journal.add(entry("a"))
    (path,) = (tmp_path / FOLDER).glob("*.jsonl")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, before[1]))
        assert not journal.add(entry("b"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert journal.add(entry("c"))
    abandoned(journal)
    assert [[one.mark for one in entries] for _, entries in Journal(tmp_path).earlier()] == [["a", "c"]]


def abandoned(journal: Journal) -> None:
    """Its run was killed: the system lets go of its lock."""
    journal._held.release()


def test_there_is_none_where_nothing_was_submitted(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", checkpoint="unknown.safetensors")
    project.run("run").exits(3)
    assert journals(project) == []
    assert there(project, "Mallsing") == []
    assert not (project.root / target("Mallsing")).exists()
