"""From a machine with git and Python alone to images: stories of `setup`, `server` and `run --setup`."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.comfyui_homes import Machine, Repository, comfyui, git, wheel
from tests.comfyui_stories import eventually
from tests.conftest import Project

DIR = "tools/ComfyUI"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project, beside which a test has room."""
    (tmp_path / "project").mkdir()
    return Project(tmp_path / "project")


@pytest.fixture
def machine(project: Project, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(project, tmp_path)
    yield made
    made.close()


@pytest.fixture
def repository(machine: Machine, tmp_path: Path) -> Repository:
    return Repository(tmp_path / "upstream", machine.project.environ)


def environments(project: Project) -> list[str]:
    return sorted(path.name for path in (project.root / DIR).glob(".venv-*"))


def at(project: Project) -> str:
    """The revision that was set up."""
    return git(project.root / DIR, "rev-parse", "HEAD", environ=project.environ)


def test_from_nothing_to_an_image_and_again(machine: Machine, repository: Repository) -> None:
    """The whole way, each step once with nothing there and once with everything."""
    project = machine.project
    machine.wants("fox", "hare", install={"repository": str(repository.folder)})
    first = project.run("setup", "comfyui", "--torch", "cpu", "--yes").exits(0)
    first.says(
        "cloning", "PyTorch for cpu", "requirements", "PyTorch 2.9.1 is there", at(project)[:12], "everything is set up"
    )
    project.run("setup", "comfyui").exits(0).says("nothing to do", at(project)[:12]).says_not("cloning", "installing")

    started = project.run("server", "start").exits(0).says(f"at {machine.url}", "answers")
    (pid,) = machine.running
    assert f"pid {pid}" in started.out
    project.run("server", "start").exits(0).says("runs already", f"pid {pid}")
    assert machine.running == [pid]
    project.run("doctor").exits(0).says(
        f"{DIR}, revision {at(project)[:12]}, run by", f"{machine.url} answers", f"started here has it, pid {pid}"
    )

    project.run("run").exits(0).says("2 made, 0 skipped, 0 failed")
    project.run("run").exits(0).says("Nothing to do")

    project.run("server", "stop").exits(0).says(f"ended ComfyUI (pid {pid})")
    project.run("server", "stop").exits(0).says("no ComfyUI runs")
    project.run("doctor").exits(1).says("FAILED   server", "→ imagegen server start")
    machine.wants("fox", "hare", install={"repository": str(repository.folder)}, start="auto")
    project.run("doctor").exits(0).says("warning  server", "→ imagegen server start; a run does it by itself")
    project.run("setup", "comfyui").exits(0).says("nothing to do")
    assert "--cpu" in (project.root / ".imagegen" / "server.log").read_text()


def test_run_setup_is_the_one_entry(machine: Machine, repository: Repository) -> None:
    """What is needed comes first; then the server starts; with stop_after it ends after the images."""
    project = machine.project
    machine.wants("fox", install={"repository": str(repository.folder)}, stop_after=True)
    project.run("run", "--setup").exits(1).says(str(repository.folder), "--yes")  # a repository nobody knows
    assert not (project.root / "tools").exists()
    project.run("setup", "comfyui", "--torch", "cpu", "--yes").exits(0)
    project.run("run", "--setup").exits(0).says("nothing to do", "starting ComfyUI", "1 made", "ended ComfyUI")
    project.run("server", "status").exits(1).says("no server")
    again = project.run("run", "--setup", "--json").exits(0)
    assert again.events[-1]["made"] == 0  # standard output is whole lines of JSON all the same
    again.says("starting ComfyUI")


def test_a_failed_step_leaves_things_as_they_were_and_the_same_command_goes_on(
    machine: Machine, repository: Repository
) -> None:
    project = machine.project
    revision = repository.commit("wants what nobody has", requirements_txt="no-such-thing==1.0\n")
    machine.wants(install={"repository": str(repository.folder)})
    failed = project.run("setup", "comfyui", "--torch", "cpu", "--yes").exits(1)
    failed.says("installing ComfyUI's requirements failed", "no-such-thing", "the same command goes on")
    assert environments(project) == []
    project.run("server", "start").exits(1).says("imagegen setup comfyui")

    wheel(machine.wheels, "no_such_thing", "1.0")
    project.run("setup", "comfyui").exits(0).says("PyTorch").says_not("cloning")
    (first,) = environments(project)

    # An update that can't be brought about changes nothing of what runs.
    repository.commit("wants more", requirements_txt="no-such-thing==2.0\n")
    project.run("setup", "comfyui").exits(0).says("nothing to do")
    project.run("setup", "comfyui", "--update").exits(1).says("no-such-thing==2.0")
    assert environments(project) == [first] and at(project) == revision
    project.run("setup", "comfyui").exits(0).says("nothing to do", revision[:12])

    # A server that runs meanwhile keeps what it runs from.
    wheel(machine.wheels, "no_such_thing", "2.0")
    project.run("server", "start").exits(0)
    project.run("setup", "comfyui", "--update").exits(0).says("switching", "goes on as it was", "everything is set up")
    assert at(project) == repository.git("rev-parse", "HEAD")
    assert first in environments(project) and len(environments(project)) == 2
    project.run("server", "stop").exits(0)
    project.run("setup", "comfyui").exits(0).says("nothing to do")
    assert len(environments(project)) == 1 and environments(project) != [first]
    assert [path.name for path in (project.root / "tools").iterdir()] == ["ComfyUI"]


def test_two_setups_at_once_share_the_work(machine: Machine, repository: Repository) -> None:
    machine.wants(install={"repository": str(repository.folder)})
    both = [machine.project.start("setup", "comfyui", "--torch", "cpu", "--yes") for _ in range(2)]
    said = [one.communicate(timeout=60)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert sum("cloning" in one for one in said) == sum("nothing to do" in one for one in said) == 1


def test_a_pinned_revision(machine: Machine, repository: Repository) -> None:
    project = machine.project
    pinned = repository.git("rev-parse", "HEAD")
    repository.git("tag", "v1")
    later = repository.commit("later")
    machine.wants(install={"repository": str(repository.folder), "ref": "v1"})
    project.run("setup", "comfyui", "--torch", "cpu", "--yes").exits(0).says(f"v1 ({pinned[:12]})")
    assert at(project) == pinned
    project.run("setup", "comfyui", "--ref", later[:10]).exits(0).says(later[:12]).says_not(
        "making a Python environment"
    )
    assert at(project) == later
    newest = repository.commit("newest")  # not here yet: fetched without being asked
    project.run("setup", "comfyui", "--ref", newest).exits(0).says("fetching", newest[:12])
    project.run("setup", "comfyui", "--ref", "v7").exits(1).says('no tag, branch or commit "v7"')
    assert at(project) == newest


def test_nothing_is_left_of_a_clone_that_fails(machine: Machine, repository: Repository) -> None:
    project = machine.project
    machine.wants(install={"repository": str(repository.folder)})
    killed = project.root / "tools" / ".ComfyUI.0123abcd.clone"
    killed.mkdir(parents=True)
    project.run("setup", "comfyui", "--ref", "v7", "--yes").exits(1).says('no tag, branch or commit "v7"')
    machine.wants(install={"repository": "../nobody"})
    project.run("setup", "comfyui", "--yes").exits(1).says("cloning", "failed")
    assert list((project.root / "tools").iterdir()) == []
    project.run("server", "start").exits(1).says("there is no ComfyUI yet")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_leaving_ends_what_is_under_way_and_tidies_up(machine: Machine, number: signal.Signals) -> None:
    machine.wants()
    git_that_hangs = machine.folder / "bin" / "git"
    git_that_hangs.parent.mkdir()
    git_that_hangs.write_text(f"#!/bin/sh\necho $$ > {machine.folder}/pid\nexec sleep 60\n")
    git_that_hangs.chmod(0o755)
    path = f"{git_that_hangs.parent}:{os.environ['PATH']}"
    setting_up = machine.project.start("setup", "comfyui", PATH=path)
    assert setting_up.stdout is not None and "cloning" in setting_up.stdout.readline()
    eventually((machine.folder / "pid").is_file)
    setting_up.send_signal(number)
    _, said = setting_up.communicate(timeout=20)
    assert setting_up.returncode == 130 and "Traceback" not in said
    assert list((machine.project.root / "tools").iterdir()) == []
    assert not Path(f"/proc/{(machine.folder / 'pid').read_text().strip()}").exists()


@pytest.mark.parametrize(
    "install",
    [
        {"repository": "ext::sh -c touch% x"},
        {"repository": "ext::sh"},
        {"repository": "file:///etc"},
        {"repository": "http://example.org/ComfyUI"},
        {"repository": "git://example.org/ComfyUI"},
        {"repository": "-oProxyCommand=touch"},
        {"repository": "--upload-pack=touch"},
        {"repository": "ssh://-oProxyCommand=touch/x"},
        {"repository": "https://ada:secret@example.org/ComfyUI"},
        {"ref": "--upload-pack=touch"},
        {"ref": "-b"},
        {"ref": "a..b"},
        {"ref": "@{-1}"},
    ],
    ids=lambda install: next(iter(install.values())),
)
def test_what_git_could_take_for_something_else_is_refused(machine: Machine, install: dict[str, str]) -> None:
    machine.wants(install=install)
    outcome = machine.project.run("setup", "comfyui", "--yes").exits(3)
    outcome.says("backends.comfyui.install").says_not("cloning", "secret")
    assert not (machine.project.root / "tools").exists()


@pytest.mark.parametrize(
    "install", [{"repository": "ext::sh"}, {"repository": "git://ada:secret@example.org/x"}, {"ref": "--upload-pack=x"}]
)
def test_most_of_that_is_found_without_git(machine: Machine, install: dict[str, str]) -> None:
    machine.wants(install=install)
    machine.project.run("validate").exits(3).says("backends.comfyui.install", "must look like").says_not("secret")


def test_a_folder_that_comes_with_the_project_is_not_taken_for_set_up(machine: Machine) -> None:
    """A cloned manifest can't name a program to run; only the command line can."""
    project = machine.project
    comfyui(project.root / "tools" / "evil", before="open('ran', 'w')")
    machine.wants(install={"dir": "tools/evil"}, start="auto")
    project.run("server", "start").exits(1).says("was not set up by you on this machine")
    project.run("setup", "comfyui").exits(1).says("not set up by imagegen", "--dir")
    project.run("run").exits(1).says("not set up by you")
    project.run("run", "--setup").exits(1).says("not set up by imagegen")
    assert list(project.root.rglob("ran")) == []


def test_a_manifest_sets_up_nothing_outside_its_project(machine: Machine, repository: Repository) -> None:
    machine.wants(install={"repository": str(repository.folder), "dir": "../elsewhere"})
    machine.project.run("setup", "comfyui", "--yes").exits(3).says("outside the project", "--dir")
    assert not (machine.folder / "elsewhere").exists()


def test_a_comfyui_that_the_user_has_is_used_as_it_is(machine: Machine, tmp_path: Path) -> None:
    project, own = machine.project, comfyui(tmp_path / "mine")
    before = sorted(path.name for path in own.iterdir())
    machine.wants(model_paths={"checkpoints": ["models/a", str(tmp_path / "b")]})
    project.run("setup", "comfyui", "--dir", str(own)).exits(3).says("which Python runs", "--python")
    project.run("setup", "comfyui", "--dir", str(own), "--python", sys.executable).exits(0).says("used as it is")
    project.run("setup", "comfyui").exits(0).says("nothing to do", str(own))  # remembered for this project
    project.run("run", "--setup").exits(0).says("starting ComfyUI", "1 made")
    assert sorted(path.name for path in own.iterdir()) == sorted(
        {*before, *(["__pycache__"] if (own / "__pycache__").exists() else [])}
    )
    options = (project.root / ".imagegen" / "server.log").read_text()
    file = Path(options.partition("--extra-model-paths-config ")[2].split("\n")[0])
    assert str(project.root / "models" / "a") in file.read_text() and machine.notes in file.parents
    project.run("setup", "comfyui", "--update").exits(3).says("your own")
    project.run("server", "stop").exits(0)


def test_one_that_the_user_named_is_not_started_where_a_pull_could_change_it(machine: Machine) -> None:
    project = machine.project
    comfyui(project.root / "mine")
    git(project.root, "init", "--quiet", environ=project.environ)
    git(project.root, "add", "mine/main.py", environ=project.environ)
    named = project.run("setup", "comfyui", "--dir", "mine", "--python", sys.executable).exits(0)
    named.says("in the project's git", "git rm -r --cached")
    project.run("server", "start").exits(1).says("in the project's git")
    assert machine.running == []


def test_the_comfyui_that_comfy_cli_has(machine: Machine, tmp_path: Path) -> None:
    project, own = machine.project, comfyui(tmp_path / "workspace")
    python = own / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    machine.wants()
    project.run("setup", "comfyui", "--dir", "comfy-cli").exits(3).says("comfy-cli knows no ComfyUI")
    config = Path(project.environ["HOME"]) / ".config" / "comfy-cli" / "config.ini"
    config.parent.mkdir(parents=True)
    config.write_text(f"[DEFAULT]\ndefault_workspace = {own}\nenable_tracking = False\n")
    project.run("setup", "comfyui", "--dir", "comfy-cli").exits(0).says(str(own), str(python))


def test_what_is_set_up_stays_out_of_git(machine: Machine, repository: Repository) -> None:
    project = machine.project
    git(project.root, "init", "--quiet", environ=project.environ)
    machine.wants(install={"repository": str(repository.folder)}, model_paths={"loras": ["~/loras"]})
    project.run("setup", "comfyui", "--torch", "cpu", "--yes").exits(0).says(
        f"add to .gitignore: /{DIR}/", "add to .gitignore: /.imagegen/", "extra_model_paths.yaml"
    )
    project.write(".gitignore", f"/{DIR}/\n.imagegen/\n")
    project.run("setup", "comfyui").exits(0).says("nothing to do").says_not(".gitignore")
    assert git(project.root, "status", "--porcelain", environ=project.environ).split() == [
        "??",
        ".gitignore",
        "??",
        "assets.yaml",
    ]
    written = project.root / DIR / "extra_model_paths.yaml"
    assert os.path.expanduser("~/loras").rpartition("/")[2] in written.read_text()  # noqa: PTH111

    # What a pull could change is not started.
    written.write_text("a: {custom_nodes: evil}\n")
    project.run("setup", "comfyui").exits(0).says("somebody's own")
    machine.wants(install={"repository": str(repository.folder)}, model_paths={"custom_nodes": ["evil"]})
    project.run("setup", "comfyui").exits(3).says('unknown key "custom_nodes"')


def test_a_checkout_that_moved_is_not_started_until_it_is_set_up_again(machine: Machine, tmp_path: Path) -> None:
    project = machine.project
    folder = project.root / DIR
    one = Repository(folder, project.environ)
    was = one.git("rev-parse", "HEAD")
    machine.wants(install={"repository": str(tmp_path)})
    noted = {
        "folder": str(folder),
        "python": sys.executable,
        "ours": True,
        "repository": str(tmp_path),
        "revision": was,
    }
    machine.notes.mkdir(parents=True)
    (machine.notes / "installed.json").write_text(json.dumps({"installed": [noted], "projects": {}}))
    now = one.commit("by hand")
    project.run("server", "start").exits(1).says(now[:12], was[:12], "imagegen setup comfyui")
    one.git("checkout", "--quiet", was)
    git(project.root, "init", "--quiet", environ=project.environ)
    (folder / ".git").rename(tmp_path / "aside")
    git(project.root, "add", "--force", f"{DIR}/main.py", environ=project.environ)
    (tmp_path / "aside").rename(folder / ".git")
    project.run("server", "start").exits(1).says("in the project's git")
    git(project.root, "rm", "-r", "--quiet", "--cached", ".", environ=project.environ)
    project.run("server", "start").exits(0).says("answers")


def test_names_and_options_that_mean_nothing(machine: Machine) -> None:
    machine.wants()
    machine.project.run("setup", "comfyiu").exits(3).says('did you mean "comfyui"?')
    machine.project.run("setup", "--torch", "cdua").exits(3).says('did you mean "cuda"?')
    (machine.project.root / "assets.yaml").unlink()
    machine.project.run("setup").exits(3).says("comfyui")


def test_nothing_is_set_up_for_servers_elsewhere(machine: Machine) -> None:
    machine.wants(url="http://gpu.example.org:8188")
    machine.project.run("setup").exits(0).says("not on this machine")
    assert not (machine.project.root / "tools").exists()


def test_models_that_are_lacking_are_told(machine: Machine) -> None:
    """A run goes on: the server may have them. `setup` says by its exit status that something is to be done."""
    machine.wants()
    project = machine.project
    project.run("setup", "comfyui", "--dir", str(comfyui(machine.folder / "mine")), "--python", sys.executable).exits(0)
    model = {"kind": "checkpoints", "file": "dream.safetensors", "url": "https://example.org/dream.safetensors"}
    project.edit('"items":', f'"models": [{json.dumps(model)}], "items":')
    project.run("setup", "models").exits(1).says("missing", "dream.safetensors", "setup models --yes")
    project.run("setup").exits(1).says("nothing to do", "dream.safetensors")
    project.run("setup", "comfyui", "models").exits(3).says("a step of its own")
    told = project.run("run", "--setup", "--json").exits(0)
    assert told.events[-1]["made"] == 1 and "dream.safetensors" in told.err
