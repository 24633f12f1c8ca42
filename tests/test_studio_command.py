"""`imagegen studio`: it starts, says where it is, goes on where it was, and leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import sys
import time
from pathlib import Path

import pytest

from imagegen.commands import studio as command
from imagegen.commands.studio import Studio as StudioCommand
from imagegen.studio import only_one, token
from tests.comfyui_stories import made, queued, wants
from tests.conftest import Project
from tests.servers.comfyui import ComfyServer
from tests.studios import Studio, state_home, until

MANIFEST = "defaults: {backend: placeholder, prompt: p, size: 16x16}\nitems: [a, b]\n"


@pytest.fixture
def project(project: Project) -> Project:
    state_home(project)
    return project


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# --- it starts ---------------------------------------------------------------------------------------


def test_it_prints_its_link_and_makes_what_is_asked_for(project: Project) -> None:
    project.manifest(MANIFEST)
    with Studio(project) as studio:
        assert studio.link.startswith("http://127.0.0.1:")
        with studio.live() as live:
            studio.send("POST", "/api/builds", {"all": True})
            done = {live.next("job_complete")["task"] for _ in range(2)}
            assert done == {"images:a", "images:b"}
        assert studio.get("/api/project")["states"]["fresh"] == 2
        outcome = studio.stop()
    outcome.exits(0)
    assert outcome.err == ""
    project.run("status").exits(0).says("2 fresh")


def test_it_needs_a_project(project: Project) -> None:
    project.run("studio").exits(3).says("there is no assets.yaml", "imagegen init")
    project.run("studio", "--assets", "none.yaml").exits(3).says("there is no none.yaml")
    project.manifest(MANIFEST)
    project.run("studio", "images").exits(3).says("takes no names")


def test_a_wrong_manifest_is_shown_until_it_is_mended(project: Project) -> None:
    project.manifest("defaults: {backend: placeholder, promt: p}\nitems: [a]\n")
    with Studio(project) as studio:
        assert "promt" in studio.get("/api/project")["problems"][0]
        until(lambda: "promt" in studio.outcome.err)
        with studio.live() as live:
            live.next("hello")
            project.manifest(MANIFEST)
            live.next("changed")
        until(lambda: not studio.get("/api/project")["problems"])
        assert studio.get("/api/items")["total"] == 2
        project.manifest("items: [a")
        until(lambda: studio.get("/api/project")["problems"])
        assert studio.get("/api/items")["total"] == 2  # the last good one is shown on


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--port", "70000"], "a port is a number up to 65535"),
        (["--port", "-1"], "a port is a number up to 65535"),
        (["--port", "x"], "wants a whole number"),
        (["--host", "no such host"], "there is no such address"),
        (["--host", "203.0.113.7"], "can't listen"),
        (["--host="], "--host wants a value"),
        (["--jobs", "dobs"], "dbos or inngest"),
        (["--retry-delay", "-1"], "a number of seconds"),
        (["--retry-delay", "nan"], "a number of seconds"),
        (["--retry-delay", "soon"], "wants a number"),
        (["--allow-origin", "*"], "no address of a front end"),
        (["--allow-origin", "null"], "no address of a front end"),
        (["--allow-origin", "http://x/path"], "no address of a front end"),
        (["--allow-origin", "ftp://x"], "no address of a front end"),
        (["--prot", "1"], "--port"),
    ],
)
def test_options_that_mean_nothing(project: Project, words: list[str], says: str) -> None:
    project.manifest(MANIFEST)
    project.run("studio", *words).exits(3).says(says)


def test_a_token_that_is_given_has_to_be_one(project: Project) -> None:
    project.manifest(MANIFEST)
    for bad in ("short", "with spaces in the middle of it", "cookie;breaking;letters;"):
        outcome = project.run("studio", IMAGEGEN_STUDIO_TOKEN=bad).exits(3).says("IMAGEGEN_STUDIO_TOKEN is no token")
        outcome.says_not(bad)
    with Studio(project, IMAGEGEN_STUDIO_TOKEN="a-token-of-my-own") as studio:
        assert studio.token == "a-token-of-my-own"
        assert studio.get("/api/project")["total"] == 2


def test_a_password_in_a_database_s_address_is_never_said(project: Project) -> None:
    project.manifest(MANIFEST)
    url = f"postgresql://me:hush-hush@127.0.0.1:{free_port()}/none"
    for words, environ in ((["--jobs-database", url], {}), ([], {"IMAGEGEN_JOBS_DATABASE": url})):
        project.run("studio", "--port", "0", *words, **environ).exits(3).says_not("hush-hush", "Traceback")
    assert not list((project.root / ".imagegen").glob("studio.json"))


def test_inngest_wants_its_keys(project: Project) -> None:
    project.manifest(MANIFEST)
    keys = dict.fromkeys(("INNGEST_DEV", "INNGEST_SIGNING_KEY", "INNGEST_EVENT_KEY"), "")
    project.run("studio", "--port", "0", "--jobs", "inngest", **keys).exits(3).says("INNGEST_DEV")
    keys["INNGEST_DEV"] = "1"
    open_to_all = ("studio", "--port", "0", "--jobs", "inngest", "--host", "0.0.0.0")
    project.run(*open_to_all, **keys).exits(3).says("leave --host out")


def test_its_documentation_names_every_option() -> None:
    page = (Path(__file__).parent.parent / "docs/studio.md").read_text("utf-8")
    for option in StudioCommand.cmd_options:
        assert f"`--{option['long']}" in page, option["long"]
    assert {token.VARIABLE, command.DATABASE} <= set(re.findall(r"IMAGEGEN_\w+", page))


# --- where it listens --------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_said(project: Project) -> None:
    project.manifest(MANIFEST)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        project.run("studio", "--port", str(port)).exits(3).says(f"can't listen on port {port}", "--port")


def test_without_a_port_it_takes_8300_or_the_next(project: Project) -> None:
    project.manifest(MANIFEST)
    with socket.socket() as taken:
        try:
            taken.bind(("127.0.0.1", 8300))
            taken.listen()
        except OSError:
            pass  # somebody has it, which is as good
        process = project.start("studio")
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
        finally:
            process.terminate()
            process.communicate(timeout=30)
    assert 8300 < int(line.partition("127.0.0.1:")[2].partition("/")[0]) < 8400


def test_it_can_be_reached_from_elsewhere_only_where_that_is_asked_for(project: Project) -> None:
    project.manifest(MANIFEST)
    with Studio(project, "--host", "0.0.0.0") as studio:
        studio.outcome.says("for other machines at", socket.gethostname().lower(), "not encrypted")
        with studio.client(headers={"Host": f"{socket.gethostname()}:{studio.port}"}) as other:
            assert other.get("/api/project").status_code == 200
        with studio.client(headers={"Host": f"evil.example:{studio.port}"}) as other:
            assert other.get("/api/project").status_code == 403
    with Studio(project) as studio:
        studio.outcome.says_not("for other machines", "not encrypted")


# --- its token ---------------------------------------------------------------------------------------


def test_its_token_outlives_it_and_nobody_else_reads_it(project: Project) -> None:
    project.manifest(MANIFEST)
    with Studio(project) as studio:
        first = studio.token
    with Studio(project) as studio:
        assert studio.token == first and len(first) == 43
    home = Path(project.environ["HOME"])
    (kept,) = home.rglob("*.token")
    assert kept.read_text() == first
    if os.name != "nt":
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
        kept.chmod(0o644)  # somebody else may have read it
        with Studio(project) as studio:
            assert studio.token != first
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    inside = [path for path in project.root.rglob("*") if path.is_file() and first.encode() in path.read_bytes()]
    assert inside == []


def test_each_project_has_its_own_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "state"))
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert token.of_project(one, {}).text == token.of_project(one, {}).text != token.of_project(other, {}).text


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_state_folder_that_can_t_be_written(project: Project) -> None:
    project.manifest(MANIFEST)
    Path(project.environ["HOME"]).chmod(0o500)
    with Studio(project) as studio:
        studio.outcome.says("can't be kept")


def test_no_token_is_kept_where_a_file_is_in_the_way(project: Project) -> None:
    project.manifest(MANIFEST)
    home = Path(project.environ["HOME"])
    (home / "imagegen").write_text("in the way")
    project.environ["XDG_STATE_HOME"] = os.fspath(home)
    if sys.platform == "linux":
        with Studio(project) as studio:
            until(lambda: "can't be kept" in studio.outcome.err)
            assert studio.get("/api/project")["total"] == 2


# --- one at a time -----------------------------------------------------------------------------------


def test_a_second_one_says_where_the_first_one_is(project: Project) -> None:
    project.manifest(MANIFEST)
    with Studio(project) as studio:
        project.run("studio").exits(0).says("runs already", studio.link)
        project.run("studio", "--port", str(studio.port)).exits(0).says(studio.link)
        project.run("studio", "--port", str(free_port())).exits(3).says("runs already", studio.url)
        (project.root / "below").mkdir()
        project.run("studio", cwd="below").exits(0).says(studio.link)
        assert studio.get("/api/project")["total"] == 2
    project.run("status").says("2 missing")


def test_a_token_that_the_second_one_does_not_know_is_left_out(project: Project) -> None:
    project.manifest(MANIFEST)
    with Studio(project, IMAGEGEN_STUDIO_TOKEN="a-token-of-my-own") as studio:
        project.run("studio").exits(0).says(f"{studio.url}/").says_not("token=")
        project.run("studio", IMAGEGEN_STUDIO_TOKEN="a-token-of-my-own").exits(0).says(studio.link)


def test_one_that_was_killed_keeps_nobody_out(project: Project) -> None:
    project.manifest(MANIFEST)
    with Studio(project) as studio:
        studio.kill()
    assert (project.root / ".imagegen" / "studio.json").is_file()
    with Studio(project) as studio:
        assert json.loads((project.root / ".imagegen" / "studio.json").read_text())["url"] == f"{studio.url}/"
    assert not (project.root / ".imagegen" / "studio.json").exists()


def test_who_comes_while_the_first_one_is_starting_waits_for_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(only_one, "PATIENCE", 0.3)
    with only_one.alone(tmp_path) as say:
        with pytest.raises(only_one.RunsAlready) as told, only_one.alone(tmp_path):
            pass
        assert told.value.where is None
        say(only_one.Where("http://127.0.0.1:1/"))
        with pytest.raises(only_one.RunsAlready, match="http://127.0.0.1:1/"), only_one.alone(tmp_path):
            pass


# --- its browser -------------------------------------------------------------------------------------


def browser(project: Project) -> Path:
    """What is started in a browser's place writes down its address."""
    opened = project.root / "opened"
    script = project.write("browser.py", f"import sys; open({str(opened)!r}, 'a').write(sys.argv[1] + '\\n')")
    project.environ["BROWSER"] = f"{sys.executable} {script} %s"
    return opened


def test_it_opens_the_browser_with_a_pass_and_not_the_token(project: Project) -> None:
    project.manifest(MANIFEST)
    opened = browser(project)
    with Studio(project, "--open") as studio:
        link = until(lambda: opened.exists() and opened.read_text().strip())
        assert link.startswith(f"{studio.url}/?token=") and studio.token not in link
        with studio.stranger() as its:
            assert its.get(link).status_code == 303
            assert its.get("/").status_code == 200
        opened.unlink()
        project.run("studio", "--open").exits(0).says(studio.link)
        again = until(lambda: opened.exists() and opened.read_text().strip())
        with studio.stranger() as its:
            assert its.get(again).status_code == 303
        assert studio.token not in again


# --- it ends -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_leaves_at_once_and_says_nothing(project: Project, number: int) -> None:
    project.manifest(MANIFEST)
    with Studio(project) as studio, studio.live() as live:
        live.next("hello")
        before = time.monotonic()
        outcome = studio.stop(number)
        assert time.monotonic() - before < 5
        outcome.exits(0)
        assert outcome.err == ""
    assert project.stray_files() == []


def test_what_is_under_way_is_withdrawn_and_goes_on_at_the_next_start(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Oswin")
    server.hold()
    with Studio(project) as studio:
        (job,) = studio.send("POST", "/api/builds", {"all": True})["jobs"]
        server.wait_until(lambda: server.held)
        before = time.monotonic()
        studio.stop().exits(0)
        assert time.monotonic() - before < 10
    server.wait_until(lambda: not queued(server))  # nothing of ours is left with it
    server.release()
    with Studio(project) as studio:
        until(lambda: studio.get("/api/project")["states"]["fresh"] == 1)
        assert studio.get(f"/api/items/{job['task']}")["error"] in ("", None)
    made(project, server, "Oswin")


def test_it_goes_with_its_project_and_not_before(project: Project) -> None:
    """A manifest that is removed while it runs is one that is wrong, and no end."""
    project.manifest(MANIFEST)
    with Studio(project) as studio:
        (project.root / "assets.yaml").unlink()
        until(lambda: studio.get("/api/project")["problems"])
        project.manifest(MANIFEST)
        until(lambda: not studio.get("/api/project")["problems"])


# --- what it needs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["fastapi", "uvicorn", "sqlalchemy", "dbos", "watchfiles"])
def test_without_the_extra_it_says_how_to_get_it(project: Project, module: str) -> None:
    project.manifest(MANIFEST)
    lacking = f"raise ModuleNotFoundError('No module named {module}', name='{module}')"
    project.write(f"lacking/{module}/__init__.py", lacking)
    outcome = project.run("studio", "--port", "0", PYTHONPATH=os.fspath(project.root / "lacking"))
    outcome.exits(3).says(module, "pip install 'imagegen[studio]'")


def test_its_help_needs_no_extra(project: Project) -> None:
    project.write("lacking/fastapi/__init__.py", "raise ModuleNotFoundError(name='fastapi')")
    project.run("help", "studio", PYTHONPATH=os.fspath(project.root / "lacking")).exits(0).says("--allow-origin")
