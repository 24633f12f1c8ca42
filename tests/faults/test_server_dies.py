"""The server is killed, frozen and started again, as a process, at the worst moments."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.comfyui_stories import ended, not_made, started, wants
from tests.conftest import Project
from tests.faults.conftest import Digests
from tests.faults.outcomes import clean, nothing_queued, right
from tests.faults.processes import ServerProcess
from tests.faults.proxy import Proxy

NAMES = ("Mallsing", "Brannick", "Oswin", "Thora")


@pytest.fixture
def killable() -> Iterator[ServerProcess]:
    """A server in a process of its own."""
    with ServerProcess() as running:
        yield running


def test_killed_while_an_image_runs_and_started_again(
    project: Project, killable: ServerProcess, undisturbed: Digests
) -> None:
    wants(project, killable.url, *NAMES, block={"retry_delay": 0.2})
    killable.tell("hold")
    with started(project, "run") as process:
        killable.wait_until(lambda: killable.happened("held") and len(killable.queued) == 2)
        killable.restart()
        ended(process).exits(0).says("4 made")
    right(project, undisturbed(*NAMES))
    assert (len(killable.queued), killable.pictures_made) == (6, 4)  # the two that were lost came again
    nothing_queued(killable.url)


def test_killed_half_way_and_started_again(project: Project, killable: ServerProcess, undisturbed: Digests) -> None:
    wants(project, killable.url, *NAMES, block={"retry_delay": 0.2})
    killable.tell("hold")
    with started(project, "run") as process:
        killable.tell("release", 2)
        killable.wait_until(lambda: len(killable.done) == 2 and len(killable.queued) == 4)
        killable.restart()
        ended(process).exits(0).says("4 made")
    right(project, undisturbed(*NAMES))
    nothing_queued(killable.url)


def test_killed_before_the_download(project: Project, killable: ServerProcess, undisturbed: Digests) -> None:
    """The picture is made, and gone with the server before it came down: it is made once more."""
    wants(project, killable.url, *NAMES, block={"retry_delay": 0.2})
    killable.tell("faults.hang", "/view", times=None)
    with started(project, "run") as process:
        killable.wait_until_asked("GET /view")
        killable.restart()
        ended(process).exits(0).says("4 made")
    right(project, undisturbed(*NAMES))
    nothing_queued(killable.url)


def test_killed_for_good(project: Project, killable: ServerProcess, undisturbed: Digests) -> None:
    wants(project, killable.url, *NAMES)
    killable.tell("hold")
    with started(project, "run") as process:
        killable.wait_for("held")
        killable.kill()
        outcome = ended(process).exits(1).says("0 made, 0 skipped, 4 failed", "connection refused", killable.url)
    outcome.says(*(f"images:{name.lower()}" for name in NAMES))
    not_made(project, *NAMES)
    clean(project)
    killable.start()
    project.run("run").exits(0).says("4 made")
    right(project, undisturbed(*NAMES))


def test_killed_again_and_again(project: Project, killable: ServerProcess, undisturbed: Digests) -> None:
    """Three attempts in all, whatever they are lost to; and the next run is none the worse for it."""
    wants(project, killable.url, "Mallsing", block={"retry_delay": 0.2})
    killable.tell("hold")
    with started(project, "run") as process:
        for life in (1, 2, 3):
            killable.wait_for("queued", life)
            killable.wait_until_asked("GET /history", killable.asked("GET /history") + 1)  # it waits for its image
            killable.restart(hold=True)
        ended(process).exits(1).says("images:mallsing", "3 attempts", "0 made, 0 skipped, 1 failed")
    clean(project)
    killable.tell("release")
    project.run("run").exits(0)
    right(project, undisturbed("Mallsing"))
    nothing_queued(killable.url)


def test_frozen_for_a_while(project: Project, killable: ServerProcess, undisturbed: Digests) -> None:
    """It answers nothing for longer than a request waits, and then goes on with what it had."""
    with Proxy(killable.url) as seen:  # which alone can tell what is asked of a server that is frozen
        wants(project, seen.url, *NAMES, block={"request_timeout": 0.5, "retry_delay": 0.2})
        killable.tell("hold")
        with started(project, "run") as process:
            killable.wait_until(lambda: killable.happened("held") and len(killable.queued) == 2)
            killable.freeze()
            before = len(seen.asked)
            seen.wait_until(lambda: len(seen.asked) >= before + 4)  # two images: each has asked in vain, and again
            killable.thaw()
            killable.tell("release")
            ended(process).exits(0).says("4 made")
    right(project, undisturbed(*NAMES))
    assert (len(killable.queued), killable.pictures_made) == (4, 4)
    nothing_queued(killable.url)
