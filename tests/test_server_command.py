"""Stories of `imagegen server` and of `start: auto`: what is started, found, named, left alone and ended."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from imagegen.backends.comfyui import process, serverlog
from imagegen.errors import BuildFailed
from tests.comfyui_homes import Machine, comfyui
from tests.comfyui_stories import eventually, txt2img
from tests.conftest import Project
from tests.servers.comfyui import ComfyServer
from tests.workflow_stories import drawn


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project, beside which a test has room."""
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project")


@pytest.fixture
def machine(project: Project, tmp_path: Path) -> Iterator[Machine]:
    """One whose user has a ComfyUI of their own, named for this project."""
    made = Machine(project, tmp_path)
    own = comfyui(tmp_path / "mine")
    made.wants()
    project.run("setup", "comfyui", "--dir", str(own), "--python", sys.executable).exits(0)
    yield made
    made.close()


def lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except OSError:
        return False


def test_started_found_looked_at_and_ended(machine: Machine) -> None:
    project = machine.project
    project.run("server", "status").exits(1).says(f"no server at {machine.url}")
    project.run("server", "logs").exits(1).says("no log")
    project.run("server", "start").exits(0).says("starting ComfyUI", "0.3.64 answers")
    (pid,) = machine.running
    found = project.run("server", "status", "--json").exits(0).json
    assert (found["running"], found["pid"], found["url"], found["version"]) == (True, pid, machine.url, "0.3.64")
    assert found["log"] == str(project.root / ".imagegen" / "server.log") and found["started"].startswith("20")
    project.run("server", "status").exits(0).says(f"running at {machine.url} 0.3.64", str(pid))
    project.run("server", "logs").exits(0).says(f"listening at {machine.url}")
    assert project.run("server", "stop", "--json").exits(0).json["running"] is False
    assert not lives(pid)
    project.run("server", "logs").exits(0).says("listening at")  # the log stays
    project.run("server", "start").exits(0)
    assert (project.root / ".imagegen" / "server.log.1").is_file()


def test_two_starts_at_once_start_one(machine: Machine) -> None:
    both = [machine.project.start("server", "start") for _ in range(2)]
    said = sorted(process.communicate(timeout=30)[0].splitlines()[0].split()[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said == ["ComfyUI", "starting"]  # runs already; starting


def test_a_foreign_program_on_the_port_is_named_and_left_alone(machine: Machine) -> None:
    port = int(machine.url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        said = machine.project.run("server", "start").exits(1)
        said.says(f"pid {os.getpid()}", f"port {port}", "backends.comfyui.url")
        machine.project.run("server", "stop").exits(0).says("no ComfyUI runs")
        told = machine.project.run("doctor").exits(1).says(f"{machine.url}: ", f"(pid {os.getpid()}) has it")
        told.says_not("imagegen server start")
    assert machine.running == []


def test_a_comfyui_that_others_started_is_used_and_left_alone(machine: Machine, server: ComfyServer) -> None:
    machine.wants(url=server.url, start="auto", stop_after=True)
    machine.project.run("server", "start").exits(0).says("used as it is", f"pid {os.getpid()}")
    machine.project.run("server", "status").exits(0).says("not started by imagegen")
    machine.project.run("run").exits(0).says("1 made").says_not("starting")
    machine.project.run("server", "stop").exits(0).says("not started by imagegen")
    assert machine.running == [] and server.asked("GET", "/system_stats")


def test_one_that_ends_before_it_answers(machine: Machine) -> None:
    comfyui(machine.folder / "mine", before="sys.exit('no module named torch')")
    said = machine.project.run("server", "start").exits(1)
    said.says("ended before it answered", "no module named torch", "server.log")
    machine.project.run("server", "status").exits(1)
    assert machine.running == []


def test_one_whose_environment_lacks_a_package(machine: Machine) -> None:
    """Seen with ComfyUI 0.3.64 in 2026: it imports requests, which a requirement of its used to bring along."""
    comfyui(machine.folder / "mine", before="sys.exit(\"ModuleNotFoundError: No module named 'no_such_package'\")")
    said = machine.project.run("server", "start").exits(1)
    said.says("No module named 'no_such_package'", f"{sys.executable} -m pip install no_such_package")


def test_one_that_never_answers_is_ended_again(machine: Machine) -> None:
    comfyui(machine.folder / "mine", before="open('pid', 'w').write(str(os.getpid())); threading.Event().wait()")
    machine.wants(start_timeout=1)
    machine.project.run("server", "start").exits(1).says("does not answer after 1 s", "options: --listen")
    assert not lives(int((machine.folder / "mine" / "pid").read_text()))
    assert machine.running == []


def test_ctrl_c_while_it_starts_ends_it(machine: Machine) -> None:
    pid_file = machine.folder / "mine" / "pid"
    comfyui(machine.folder / "mine", before="open('pid', 'w').write(str(os.getpid())); threading.Event().wait()")
    starting = machine.project.start("server", "start")
    eventually(lambda: pid_file.is_file() and pid_file.read_text(), timeout=20)
    starting.send_signal(signal.SIGINT)
    _, said = starting.communicate(timeout=30)
    assert starting.returncode == 130 and "Traceback" not in said
    assert not lives(int(pid_file.read_text())) and machine.running == []


def test_one_that_was_killed_is_started_anew(machine: Machine) -> None:
    machine.project.run("server", "start").exits(0)
    (pid,) = machine.running
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not lives(pid))
    machine.project.run("server", "status").exits(1)
    machine.project.run("server", "start").exits(0).says("starting")
    assert machine.running != [pid]


def test_a_number_that_is_another_s_by_now_is_not_ended(machine: Machine) -> None:
    machine.project.run("server", "start").exits(0)
    (note,) = machine.notes.glob("server-*.json")
    told = json.loads(note.read_text())
    ours = told["identity"]["pid"]
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        try:
            started = process.of(other.pid, ()).started
            for forged in ({"pid": other.pid}, {"pid": other.pid, "started": started}, {"started": 0, "uptime": -9}):
                note.write_text(json.dumps({**told, "identity": {**told["identity"], **forged}}))
                machine.project.run("server", "stop").exits(0).says("not started by imagegen")
                assert other.poll() is None
        finally:
            other.kill()
    assert lives(ours)
    # The clock was set meanwhile: one of the two still holds.
    note.write_text(json.dumps({**told, "identity": {**told["identity"], "started": 0}}))
    machine.project.run("server", "stop").exits(0).says("ended")


def test_the_log_is_followed_until_the_end(machine: Machine) -> None:
    machine.project.run("server", "start").exits(0)
    following = machine.project.start("server", "logs", "-f")
    assert following.stdout is not None and "options:" in following.stdout.readline()
    machine.project.run("server", "stop").exits(0)
    following.communicate(timeout=20)
    assert following.returncode == 0


def test_a_link_in_the_place_of_the_log_is_not_written_through(machine: Machine) -> None:
    outside = machine.folder / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    state = machine.project.root / ".imagegen"
    state.mkdir(exist_ok=True)
    (state / "server.log").symlink_to(outside / "file")
    machine.project.run("server", "start").exits(0)
    machine.project.run("server", "stop").exits(0)
    assert (outside / "file").read_text() == "mine"
    state.rename(machine.folder / "aside")
    state.symlink_to(outside)
    machine.project.run("server", "start").exits(1).says("by a link")
    assert [path.name for path in outside.iterdir()] == ["file"]


def test_a_run_starts_what_it_needs(machine: Machine) -> None:
    project = machine.project
    project.run("run").exits(1).says("no answer")  # not unless it is wished
    machine.wants("fox", start="auto")
    project.run("run", "--json").exits(0)
    (pid,) = machine.running
    project.run("run").exits(0).says("Nothing to do")
    machine.wants("fox", "hare", start="auto", stop_after=True)
    project.run("run").exits(0).says("1 made").says_not("starting", "ended")  # it ran before: it stays
    assert lives(pid)
    project.run("server", "stop").exits(0)
    machine.wants("fox", "hare", "owl", start="auto", stop_after=True)
    project.run("run").exits(0).says("starting ComfyUI", "1 made", "ended ComfyUI")
    project.run("run").exits(0).says("Nothing to do").says_not("starting")  # a run that needs it
    assert machine.running == []


@pytest.mark.parametrize("words", [["run"], ["run", "--setup"]])
def test_a_workflow_that_only_the_server_can_explain(machine: Machine, words: list[str]) -> None:
    """Then the server is needed before it is known what is to be made."""
    machine.project.write("workflows/drawn.json", json.dumps(drawn()))
    machine.wants("fox", start="auto", stop_after=True)
    machine.project.edit('"steps": 2,', '"steps": 2, "workflow": "workflows/drawn.json",')
    machine.project.run("doctor").exits(1).says("node classes").says_not("starting")  # it changes nothing
    machine.project.run(*words).exits(0).says("starting ComfyUI", "1 made", "ended ComfyUI")
    assert machine.running == []


def test_others_who_came_to_use_it_keep_it(machine: Machine) -> None:
    comfyui(machine.folder / "mine", before="options['work'] = 1.0")
    machine.wants("fox", start="auto", stop_after=True)
    running = machine.project.start("run")
    with requests.Session() as http:
        http.trust_env = False

        def queued() -> int:
            try:
                return int(http.get(f"{machine.url}/prompt", timeout=2).json()["exec_info"]["queue_remaining"])
            except requests.ConnectionError:
                return 0

        eventually(queued, timeout=20)
        for seed in (1, 2, 3):
            body = {"prompt": txt2img(ckpt_name="dream.safetensors", seed=seed), "client_id": "somebody-else"}
            assert http.post(f"{machine.url}/prompt", json=body, timeout=5).status_code == 200
    out, _ = running.communicate(timeout=30)
    assert running.returncode == 0 and "others' images are in its queue" in out
    (pid,) = machine.running
    assert lives(pid)
    machine.project.run("server", "stop").exits(0).says("still waiting or being made", f"ended ComfyUI (pid {pid})")


def test_a_run_whose_server_can_t_start_says_why_for_each_image(machine: Machine) -> None:
    comfyui(machine.folder / "mine", before="sys.exit('out of memory')")
    machine.wants("fox", "hare", start="auto")
    machine.project.run("run").exits(1).says("0 made, 0 skipped, 2 failed", "out of memory")


def test_servers_elsewhere_are_not_ours_to_start(machine: Machine) -> None:
    machine.wants(url="http://gpu.example.org:8188", start="auto")
    machine.project.run("server", "start").exits(3).says("no server that would be on this machine")
    machine.project.run("server", "start", "ollma").exits(3)
    machine.project.run("server", "begin").exits(3).says("start, stop, status or logs")


def test_a_folder_named_at_the_start_is_told_and_kept(machine: Machine) -> None:
    project = machine.project
    other = comfyui(machine.folder / "other", before="print('the other one', flush=True)")
    (other / "venv" / "bin").mkdir(parents=True)
    (other / "venv" / "bin" / "python").symlink_to(sys.executable)
    project.run("server", "start", "--dir", "../other").exits(0).says(f"{other} is used as it is", "starting")
    project.run("server", "logs").says("the other one")
    project.run("server", "stop").exits(0)
    project.run("server", "start").exits(0).says(f"starting ComfyUI in {other}")
    project.run("server", "start", "--dir", "nowhere").exits(3).says("there is no ComfyUI in")


# --- the parts -----------------------------------------------------------------------------------------


def test_who_ignores_the_asking_is_ended_all_the_same() -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None and one.stdout.readline() == "deaf\n"
        known = process.of(one.pid, ("-c", deaf))
        began = time.monotonic()
        assert process.end(known, patience=0.3)
        assert time.monotonic() - began < 5
        assert not process.lives(known) and not process.end(known)


def test_a_large_log_is_cut_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serverlog, "LARGE", 5000)
    monkeypatch.setattr(serverlog, "_KEPT", 1000)
    path = tmp_path / "server.log"
    with serverlog.begun(path, tmp_path) as log:
        for number in range(1000):
            log.write(f"line {number}\n".encode())
        serverlog.shortened(path)
        log.write(b"the last\n")
    lines = path.read_text().splitlines()
    assert path.stat().st_size < 2000 and lines[-2:] == ["line 999", "the last"]
    assert all(line.startswith("line ") for line in lines[:-1])


def test_lines_of_a_log_come_whole(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    with pytest.raises(BuildFailed, match="no log"):
        list(serverlog.lines(path, lambda: False))
    path.write_bytes(b"one\ntwo \xff\nthr")
    turns = iter([True, True, False, False])

    def goes_on() -> bool:
        more = next(turns)
        if not more:
            return False
        with path.open("ab") as stream:
            stream.write(b"ee\nfour")
        return True

    assert list(serverlog.lines(path, goes_on)) == ["one", "two \ufffd", "three", "fouree", "four"]
