"""`imagegen studio --jobs inngest` as a whole: the command, the page's clicks, the guard, and a server's calls."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

pytest.importorskip("inngest", reason="pip install 'imagegen[inngest]'")

from tests.conftest import Project  # noqa: E402
from tests.servers.comfyui import ComfyServer  # noqa: E402
from tests.servers.inngest import InngestServer  # noqa: E402
from tests.storyboards import film, film_on, project_id, query, rows, target  # noqa: E402
from tests.studios import Studio, state_home, until  # noqa: E402

SCRIPT = ("A fox wakes.", "It looks about.", "It sleeps again.")
INNGEST = ("--jobs", "inngest")


@pytest.fixture
def jobs(project: Project) -> Iterator[InngestServer]:
    """A development server, which the project's environment names."""
    state_home(project)
    project.environ = {key: value for key, value in project.environ.items() if not key.startswith("INNGEST_")}
    with InngestServer(pace=0.1) as running:
        project.environ["INNGEST_DEV"] = running.url
        yield running


def calls(studio: Studio) -> str:
    """Where the studio is called."""
    return f"{studio.url}/api/inngest"


def generate(studio: Studio, sentence: str) -> str:
    """A click on a sentence; the job."""
    path = f"/api/storyboards/{project_id(studio.project)}/sentences/{sentence}/generate"
    return str(studio.send("POST", path, {})["id"])


def states(project: Project) -> list[tuple[str, int]]:
    return [(status, dirty) for _, status, dirty in rows(project)]


def test_a_storyboard_is_made_by_a_click(project: Project, jobs: InngestServer) -> None:
    film(project, SCRIPT)
    with Studio(project, *INNGEST) as studio:
        jobs.sync(calls(studio))
        with studio.live() as live:
            studio.send("POST", f"/api/storyboards/{project_id(project)}/generate", {})
            files = [live.next("job_complete")["result"]["file"] for _ in SCRIPT]
        assert len(set(files)) == 3 and len(jobs.wait_for_runs(3)) == 3
        until(lambda: states(project) == [("completed", 0)] * 3)
    studio.outcome.says_not("Traceback")
    project.run("status").exits(0).says("3 fresh")
    told = [event["data"]["imageFile"] for event in jobs.told("image/completed")]
    assert sorted(told) == sorted(files)


@pytest.mark.parametrize("ending", ["closed", "killed"])
def test_a_studio_that_ends_while_it_makes_an_image_goes_on_after(
    project: Project, server: ComfyServer, jobs: InngestServer, ending: str
) -> None:
    project.environ["IMAGEGEN_INNGEST_APP"] = "foxes"
    first, *_ = film_on(project, server.url, SCRIPT)
    project.edit("tiny-random", "dream")
    server.hold()
    with Studio(project, *INNGEST) as studio:
        jobs.sync(calls(studio))
        generate(studio, first)
        server.wait_until(lambda: server.held, 30)
        jobs.hold()
        if ending == "closed":
            studio.stop(signal.SIGINT).says_not("Traceback")
            jobs.wait_until(lambda: jobs.runs[0].waits)
            assert jobs.runs[0].waits == pytest.approx([30], abs=2) and not server.running
            assert states(project)[0] == ("queued", 1)
        else:
            studio.kill()
    server.release()
    with Studio(project, *INNGEST, "--port", str(studio.port)):
        jobs.release()
        jobs.wait_until(lambda: jobs.ended("Completed"), 30)
        until(lambda: states(project)[0] == ("completed", 0))
    assert target(project, first).is_file() and not jobs.ended("Failed")
    assert len(server.executed) == 1  # one image was made
    assert len(query(project, "select id from jobs")) == 1


def test_a_browser_has_no_business_there(project: Project, jobs: InngestServer) -> None:
    """The door that has no token is none for other web pages."""
    film(project, SCRIPT)
    with Studio(project, *INNGEST) as studio, studio.stranger() as stranger:
        assert stranger.get("/api/inngest").status_code == 200
        for headers in ({"Origin": studio.url}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            for method in ("GET", "PUT", "POST"):
                assert stranger.request(method, "/api/inngest", headers=headers).status_code == 403
        assert stranger.put("/api/inngest", headers={"Host": "evil.example"}).status_code == 403
    assert not jobs.functions


def test_without_keys_the_command_says_what_is_missing(project: Project, jobs: InngestServer) -> None:
    film(project, SCRIPT)
    del project.environ["INNGEST_DEV"]
    project.run("studio", *INNGEST, "--port", "0").exits(3).says("INNGEST_SIGNING_KEY", "INNGEST_DEV=1")


def test_a_development_server_is_for_this_machine_alone(project: Project, jobs: InngestServer) -> None:
    film(project, SCRIPT)
    project.run("studio", *INNGEST, "--port", "0", "--host", "0.0.0.0").exits(3).says("INNGEST_DEV", "--host")
