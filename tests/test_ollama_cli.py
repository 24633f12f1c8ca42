"""The ollama backend by the command line: `imagegen` as a process, with a stand-in `ollama` on the PATH."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imagegen.backends.base import Watch
from imagegen.backends.ollama import process
from tests.comfyui_stories import ended, eventually, started, whole
from tests.conftest import Project
from tests.handiwork import record
from tests.servers.ollama_program import Program

RETRIES = {"retry_delay": 0.02}


@pytest.fixture
def program(project: Project, tmp_path: Path) -> Iterator[Program]:
    """A stand-in on the project's PATH, and nothing of a real one."""
    made = Program(tmp_path / "bin")
    project.environ = {key: value for key, value in project.environ.items() if not key.startswith("OLLAMA")}
    project.environ |= {"PATH": made.path, "TMPDIR": str(tmp_path / "temp"), "OLLAMA_MODELS": str(tmp_path / "none")}
    (tmp_path / "temp").mkdir()
    yield made
    assert list((tmp_path / "temp").iterdir()) == []  # no folder of an image is left


def wants(project: Project, *names: str, block: dict[str, Any] | None = None, **defaults: Any) -> None:
    manifest = {
        "backends": {"ollama": {**RETRIES, **(block or {})}},
        "defaults": {"backend": "ollama", "size": "64x64", **defaults},
        "items": [{"name": name, "prompt": f"portrait of {name}"} for name in names],
    }
    project.manifest(json.dumps(manifest))


def made(project: Project, *names: str) -> None:
    for name in names:
        assert whole(project.png(f"assets/images/{name}.png"))
    assert project.stray_files() == []


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path("/proc").is_dir()


# From a manifest to images


def test_a_manifest_becomes_images(project: Project, program: Program) -> None:
    wants(project, "a", "b", "c")
    project.run("run").exits(0).says("3 made")
    made(project, "a", "b", "c")
    project.run("run").exits(0).says("Nothing to do")
    project.run("status", "--check", "--verify").exits(0).says("3 fresh")
    assert len(program.calls("run")) == 3


def test_each_image_has_a_folder_of_its_own_and_no_standard_input(project: Project, program: Program) -> None:
    wants(project, "a", "b")
    project.run("run", stdin="this is not for the model").exits(0)
    calls = program.calls("run")
    folders = {call["folder"] for call in calls}
    assert len(folders) == 2 and not any(Path(folder).exists() for folder in folders)
    assert not any(Path(folder).is_relative_to(project.root / "assets") for folder in folders)
    assert {call["stdin"] for call in program.calls()} == {""}


def test_what_it_is_asked_for(project: Project, program: Program) -> None:
    wants(project, "a", steps=4, seed=77, model="x/flux2-klein:9b")
    program.does(models={"x/flux2-klein:9b": ["image"]})
    project.run("run").exits(0)
    (call,) = program.calls("run")
    assert call["words"] == [
        "run", "x/flux2-klein:9b", "--width", "64", "--height", "64", "--steps", "4", "--seed", "77", "--",
        "portrait of a",
    ]  # fmt: skip


def test_the_seed_decides_and_is_never_0(project: Project, program: Program) -> None:
    wants(project, "a", "b")
    project.run("run").exits(0)
    before = project.png("assets/images/a.png")
    seeds = [int(call["words"][call["words"].index("--seed") + 1]) for call in program.calls("run")]
    assert len(set(seeds)) == 2 and 0 not in seeds
    project.run("run", "-a").exits(0)
    assert project.png("assets/images/a.png") == before


PROMPTS = ("-a ferry", "--help", "--seed 3", "渡し船", "$(touch x) `touch x`; touch x", "a\nb\t'c' \"d\"", "x" * 9000)


@pytest.mark.parametrize("prompt", PROMPTS, ids=range(len(PROMPTS)))
def test_any_prompt_arrives_as_it_is(prompt: str, project: Project, program: Program) -> None:
    project.manifest(json.dumps({"items": [{"name": "a", "prompt": prompt, "backend": "ollama", "size": "64x64"}]}))
    project.run("run").exits(0)
    assert program.calls("run")[0]["words"][-2:] == ["--", prompt]
    assert not (project.root / "x").exists()


def test_the_environment_is_passed_on(project: Project, program: Program) -> None:
    wants(project, "a")
    project.run("run", OLLAMA_HOST="gpu-box:1234").exits(0)
    assert {call["host"] for call in program.calls()} == {"gpu-box:1234"}


def test_the_steps_are_told_as_they_are_done(project: Project, program: Program) -> None:
    wants(project, "a", steps=4)
    events = project.run("run", "--json").exits(0).events
    steps = [(event["value"], event["total"]) for event in events if event["event"] == "step"]
    assert steps and steps[-1] == (4, 4) and steps == sorted(steps)


def test_what_a_terminal_shows_fills_no_pipe(project: Project, program: Program) -> None:
    wants(project, "a")
    program.does(chatter=5_000_000)
    project.run("run").exits(0).says_not("AAAA")


def test_only_the_end_of_what_is_printed_is_kept(tmp_path: Path) -> None:
    words = [
        sys.executable,
        "-c",
        "import sys; print('x' * 3_000_000); print('the end'); sys.stderr.write('y' * 99_999)",
    ]
    done = process.run(words, tmp_path, os.environ, Watch(threading.Event()), 60)
    assert done.status == 0 and done.out.endswith("the end\n")
    assert len(done.out) == len(done.err) == process.KEPT


def test_no_folder_for_an_image_is_a_failure_like_any(project: Project, program: Program) -> None:
    """A full disk."""
    wants(project, "a")
    project.write("full/sitecustomize.py", "import tempfile\ndef full(*a, **b): raise OSError(28, 'No space left')\n"
                  "tempfile.TemporaryDirectory = full\n")  # fmt: skip
    project.run("run", PYTHONPATH=str(project.root / "full")).exits(1).says("No space left")


def test_a_secret_in_ollama_host_is_told_nowhere(project: Project, program: Program) -> None:
    wants(project, "a")
    program.does(fails=[[1, 'Head "http://me:s3cret@box:1/": no route']])
    project.run("run", OLLAMA_HOST="http://me:s3cret@box:1").exits(1).says("no route").says_not("s3cret")


def test_a_server_elsewhere_is_not_warned_of(project: Project, program: Program) -> None:
    wants(project, "a")
    project.run("run", OLLAMA_HOST="gpu-box").exits(0).says_not("made for macOS")


# What it leaves


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ({"files": 0}, "left no picture"),
        ({"files": 2}, "left 2 pictures"),
        ({"spoil": "cut"}, "no whole PNG"),
        ({"spoil": "text"}, "no whole PNG"),
        ({"spoil": "other"}, "80 × 64"),
    ],
)
def test_exactly_one_whole_picture_of_the_size(
    does: dict[str, Any], says: str, project: Project, program: Program
) -> None:
    wants(project, "a")
    program.does(**does)
    project.run("run").exits(1).says(says)
    assert not (project.root / "assets/images/a.png").exists() and project.stray_files() == []
    assert len(program.calls("run")) == 1  # it would do the same again


def test_one_failure_stops_no_other(project: Project, program: Program) -> None:
    wants(project, "a", "b", "c")
    program.does(fails=[[1, "something odd"]])
    project.run("run").exits(1).says("2 made", "1 failed", "something odd")


def test_what_can_pass_is_tried_three_times(project: Project, program: Program) -> None:
    wants(project, "a")
    program.does(fails=[[1, "503 Service Unavailable: server busy, please try again"]] * 2)
    project.run("run").exits(0).says("1 made")
    assert len(program.calls("run")) == 3


def test_and_no_more_often(project: Project, program: Program) -> None:
    wants(project, "a")
    program.does(fails=[[1, "503 Service Unavailable: server busy, please try again"]] * 9)
    project.run("run").exits(1).says("server busy", "(3 attempts)")
    assert len(program.calls("run")) == 3


def test_a_runner_that_fails_is_told_with_what_may_mend_it(project: Project, program: Program) -> None:
    wants(project, "a")
    program.does(fails=[[1, "500 Internal Server Error: image runner failed: exit status 255"]])
    project.run("run").exits(1).says("image runner failed", "backend: comfyui")
    assert len(program.calls("run")) == 1


# Versions


@pytest.mark.parametrize("server", ["0.13.5", "0.32.6", "0.40.0"])
def test_a_version_that_can_t_is_refused_before_anything(server: str, project: Project, program: Program) -> None:
    wants(project, "a", "b")
    program.does(server=server, client=server, models={})
    project.run("run").exits(3).says(server, "0.14.0 to 0.32.5", "0.32.5 (https://", "backend: comfyui")
    assert [call["words"] for call in program.calls()] == [["--version"]]


@pytest.mark.parametrize("version", ["0.14.0", "0.22.1", "0.32.5", "0.14.0-rc1"])
def test_a_version_that_can(version: str, project: Project, program: Program) -> None:
    wants(project, "a")
    program.does(server=version, client=version)
    project.run("run").exits(0).says_not("as its version")


@pytest.mark.parametrize(
    ("server", "client", "code"), [("0.32.5", "0.32.6", 0), ("0.32.6", "0.32.5", 3), ("0.13.0", "0.32.5", 3)]
)
def test_the_server_s_version_counts(server: str, client: str, code: int, project: Project, program: Program) -> None:
    wants(project, "a")
    program.does(server=server, client=client)
    outcome = project.run("run").exits(code)
    if code:
        outcome.says(f"{server} (its command is {client})")


@pytest.mark.parametrize("output", ["", "ollama version is main-7f3a", "ollama version is 0.0.0"])
def test_a_version_that_can_t_be_read_is_a_warning(output: str, project: Project, program: Program) -> None:
    wants(project, "a", "b", "c")
    program.does(version_output=output)
    outcome = project.run("run").exits(0)
    assert outcome.out.count("as its version") == 1


def test_an_unknown_flag_names_version_and_flag(project: Project, program: Program) -> None:
    wants(project, "a")
    program.does(version_output="ollama version is odd", client="0.13.5")
    project.run("run").exits(1).says("Ollama odd", "--width", "0.14.0 to 0.32.5")
    assert len(program.calls("run")) == 1


def test_a_program_that_says_that_it_makes_no_images_is_told_with_its_version(
    project: Project, program: Program
) -> None:
    wants(project, "a")
    program.does(fails=[[1, "image generation models are not currently supported"]])
    project.run("run").exits(1).says("ollama is Ollama 0.32.5 and makes no images", "0.14.0 to 0.32.5")


def test_other_systems_are_warned_once(project: Project, program: Program) -> None:
    if os.uname().sysname == "Darwin":
        pytest.skip("it is made for this one")
    wants(project, "a", "b", "c")
    assert project.run("run").exits(0).out.count("made for macOS") == 1


# Without a server, without the program


def test_no_server_answers(project: Project, program: Program) -> None:
    wants(project, "a", "b")
    program.does(server="")
    project.run("run").exits(1).says("could not connect", "ollama serve", "2 failed")
    assert program.calls("run") == program.calls("pull") == []
    project.run("status").exits(0).says("missing")


def test_no_server_and_a_version_that_can_t(project: Project, program: Program) -> None:
    wants(project, "a")
    program.does(server="", client="0.33.0")
    project.run("run").exits(3).says("0.33.0", "0.14.0 to 0.32.5")


NO_SERVER = "could not connect to ollama server, run 'ollama serve' to start it"


def test_the_server_goes_for_good(project: Project, program: Program) -> None:
    wants(project, *"abcd")
    program.does(hold=True)
    with started(project, "run", "-n", "1") as process:
        eventually(lambda: (program.folder / "working").exists(), 10)
        program.does(server="", hold=False)
        ended(process).exits(1).says("1 made", "3 failed", "ollama serve")
    assert len(program.calls("run")) == 1 + 3  # of the other two nobody is asked for an image


def test_the_server_goes_and_comes_back(project: Project, program: Program) -> None:
    wants(project, *"abcd")
    program.does(fails=[[1, NO_SERVER]] * 3)
    project.run("run", "-n", "1").exits(1).says("3 made", "1 failed")


def test_a_program_that_can_t_be_started(project: Project, program: Program) -> None:
    wants(project, "a")
    (program.folder / "ollama").write_bytes(b"\x7fELF of another machine")
    project.run("run").exits(1).says("can't start ollama")


def test_there_is_no_program(project: Project, program: Program) -> None:
    wants(project, "a")
    (program.folder / "ollama").unlink()
    project.run("run").exits(1).says("there is no `ollama` on the PATH", "imagegen setup ollama")
    project.run("status").exits(0)


def test_a_program_in_the_project_is_none(project: Project, program: Program) -> None:
    """A cloned project must not bring the program that is run."""
    wants(project, "a")
    (program.folder / "ollama").rename(project.root / "ollama")
    project.run("run", PATH=f".:{program.path}").exits(1).says("there is no `ollama`")
    assert program.calls() == []


def test_judging_needs_neither(project: Project, program: Program) -> None:
    wants(project, "a")
    for words in (("validate",), ("status",), ("plan",), ("explain", "images:a"), ("list",)):
        project.run(*words).exits(0)
    assert program.calls() == []


# Models


def test_a_model_is_pulled_before_its_first_image(project: Project, program: Program) -> None:
    wants(project, "a", "b")
    program.does(models={})
    project.run("run").exits(0).says(
        "it is pulled before its first image", "(12.0 GB, Apache-2.0)", "6.0 GB of 12.0 GB", "2 made"
    )
    verbs = [call["words"][0] for call in program.calls()]
    assert verbs.count("pull") == 1 and verbs.index("pull") < verbs.index("run")


def test_a_download_has_a_bar(project: Project, program: Program) -> None:
    wants(project, "a", steps=4)
    program.does(models={})
    events = project.run("run", "--json").exits(0).events
    steps = [(event["value"], event["total"]) for event in events if event["event"] == "step"]
    assert (50, 100) in steps and steps[-1] == (4, 4)


def test_pulling_can_be_forbidden(project: Project, program: Program) -> None:
    wants(project, "a", block={"pull": "never"})
    program.does(models={})
    project.run("run").exits(3).says("ollama pull x/z-image-turbo")
    assert program.calls("pull") == program.calls("run") == []


def test_a_model_that_there_is_not_fails_its_items_alone(project: Project, program: Program) -> None:
    project.manifest("""
        defaults: {backend: ollama, size: 64x64, prompt: p}
        items: [{name: a, model: x/z-image-trubo}, {name: b}, {name: c, model: x/z-image-trubo}]
    """)
    project.run("run").exits(1).says("1 made", "2 failed", "x/z-image-trubo", "x/z-image-turbo, x/flux2-klein")
    assert len(program.calls("pull")) == 1


def test_a_download_that_breaks_is_gone_on_with(project: Project, program: Program) -> None:
    wants(project, "a", "b")
    program.does(models={}, pull_fails=["max retries exceeded: EOF"])
    project.run("run").exits(0).says("2 made")
    assert len(program.calls("pull")) == 2


def test_a_model_that_makes_no_images(project: Project, program: Program) -> None:
    wants(project, "a", model="llama3.2")
    program.does(models={"llama3.2:latest": ["completion", "tools"]})
    project.run("run").exits(3).says("llama3.2 makes no images", "x/z-image-turbo")
    assert program.calls("run") == []


def test_asking_online_pulls_nothing(project: Project, program: Program) -> None:
    wants(project, "a")
    program.does(models={})
    project.run("validate", "--online").exits(0)
    assert program.calls("pull") == []


def test_generate_takes_a_model(project: Project, program: Program) -> None:
    program.does(models={"x/flux2-klein:latest": ["image"]})
    words = ("generate", "--backend", "ollama", "--model", "x/flux2-klein", "--size", "64x64", "a ferry")
    project.run(*words).exits(0).says("1 made")
    assert program.calls("run")[0]["words"][1] == "x/flux2-klein"


def test_the_record_tells_the_model_s_digest_where_it_can_be_read(project: Project, program: Program) -> None:
    file = project.root / "models/manifests/registry.ollama.ai/x/z-image-turbo/latest"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    wants(project, "a")
    here = {"OLLAMA_MODELS": str(project.root / "models")}
    project.run("run", **here).exits(0)
    assert record(project.root / "assets/images/a.png")["known"]["model"].startswith("sha256:")
    project.run("status", "--check", **here).exits(0)
    project.run("status", "--check").exits(0)  # not known here: no difference
    file.write_text('{"another": 1}')
    project.run("status", "--check", **here).exits(1).says("model's content")


# Leaving


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_leaving_leaves_no_child(sent: signal.Signals, project: Project, program: Program) -> None:
    wants(project, "a", "b")
    program.does(hold=True, grandchild=True)
    with started(project, "run") as process:
        eventually(lambda: (program.folder / "working").exists(), 10)
        process.send_signal(sent)
        ended(process).exits(130).says("Interrupted")
    assert not any(alive(call["pid"]) for call in program.calls())
    eventually(lambda: not alive(int((program.folder / "grandchild").read_text())))
    assert project.stray_files() == []


def test_one_that_is_deaf_is_ended(project: Project, program: Program) -> None:
    wants(project, "a")
    program.does(hold=True, deaf=True)
    with started(project, "run") as process:
        eventually(lambda: (program.folder / "working").exists(), 10)
        process.send_signal(signal.SIGINT)
        ended(process).exits(130)
    assert not any(alive(call["pid"]) for call in program.calls())


def test_one_that_takes_too_long_is_stopped_and_the_others_go_on(project: Project, program: Program) -> None:
    wants(project, "a", "b", timeout=1)
    program.does(hold=True)
    with started(project, "run") as process:
        eventually(lambda: len(program.calls("run")) == 2, 15)
        program.does(hold=False)
        ended(process).exits(1).says("took longer than 1 seconds", "1 made", "1 failed")
    assert not any(alive(call["pid"]) for call in program.calls())


def test_one_image_at_a_time(project: Project, program: Program) -> None:
    wants(project, "a", "b", "c")
    program.does(hold=True)
    with started(project, "run") as process:
        eventually(lambda: (program.folder / "working").exists(), 10)
        assert len(program.calls("run")) == 1
        program.does(hold=False)
        ended(process).exits(0).says("3 made")


# doctor


def test_doctor_tells_of_program_version_and_model(project: Project, program: Program) -> None:
    wants(project, "a")
    project.run("doctor").exits(0).says("0.32.5", "0.14.0 to 0.32.5", "there (Apache-2.0)", "FLUX Non-Commercial")
    program.does(models={})
    project.run("doctor").exits(0).says("a run pulls it", "ollama pull x/z-image-turbo")
    wants(project, "a", block={"pull": "never"})
    project.run("doctor").exits(1).says("ollama pull x/z-image-turbo")
    program.does(server="0.32.6", client="0.32.6")
    project.run("doctor").exits(1).says("0.32.6")
    program.does(server="", client="0.32.5")
    project.run("doctor").exits(1).says("0.32.5 is there, but", "ollama serve")
    (program.folder / "ollama").unlink()
    project.run("doctor").exits(1).says("there is no `ollama`")
    assert program.calls("pull") == program.calls("run") == []
