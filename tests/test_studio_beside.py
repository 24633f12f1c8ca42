"""The studio beside a run on the command line: they share the work, and neither waits for more than it must."""

from __future__ import annotations

import pytest

from tests.conftest import Project
from tests.servers.comfyui import ComfyServer
from tests.studios import Studio, state_home, until

MANIFEST = """\
defaults: {{checkpoint: tiny-random.safetensors, size: 64x64, prompt: a lamp}}
backends: {{comfyui: {{url: '{url}'}}}}
jobs:
  long: {{items: [a, b, c, d, e, f, g, h]}}
  short: {{items: [x]}}
"""


@pytest.fixture
def desk(project: Project) -> Project:
    state_home(project)
    return project


def opened(desk: Project, server: ComfyServer) -> Studio:
    desk.manifest(MANIFEST.format(url=server.url))
    return Studio(desk)


def test_a_click_does_not_wait_for_a_long_run(desk: Project) -> None:
    with ComfyServer(work=1.0) as server, opened(desk, server) as studio:
        with studio.live() as live:
            run = desk.start("run", "long")
            until(lambda: server.submitted)
            studio.send("POST", "/api/builds", {"tasks": ["short:x"]})
            live.next("job_complete", task="short:x", seconds=60)
        made = len(list((desk.root / "assets/long").glob("*.png")))
        assert run.poll() is None and made < 8, "the click waited for the run's end"
        out, err = run.communicate(timeout=60)
        assert run.returncode == 0, out + err
    assert server.pictures_made == 9


def test_a_click_on_what_a_run_is_making_makes_no_second_one(desk: Project) -> None:
    with ComfyServer(work=2.0) as server, opened(desk, server) as studio:
        with studio.live() as live:
            run = desk.start("run", "short")
            until(lambda: server.running)
            (job,) = studio.send("POST", "/api/builds", {"tasks": ["short:x"]})["jobs"]
            live.next("job_complete", task="short:x", seconds=60)
            until(lambda: job["id"] not in str(studio.get("/api/items?state=busy")))
        out, err = run.communicate(timeout=60)
        assert run.returncode == 0, out + err
        assert studio.get("/api/items/short:x")["state"] == "fresh"
    assert server.pictures_made == 1
