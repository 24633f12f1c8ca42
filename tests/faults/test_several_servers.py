"""Several servers, each a process, some of which die: their images go to the others."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.comfyui_stories import ended, started, wants
from tests.conftest import Project
from tests.faults.conftest import Digests
from tests.faults.outcomes import clean, nothing_queued, right
from tests.faults.processes import ServerProcess

FORTY = tuple(f"kin-{number:02}" for number in range(40))


@pytest.fixture
def pair() -> Iterator[tuple[ServerProcess, ServerProcess]]:
    """Two servers, each in a process of its own."""
    with ExitStack() as servers:
        one, two = (servers.enter_context(ServerProcess(work=0.05)) for _ in range(2))
        yield one, two


def wants_of(project: Project, servers: tuple[ServerProcess, ...], *names: str, **block: float) -> None:
    """As `wants`, of several servers."""
    wants(project, servers[0].url, *names, block={"url": None, "urls": [server.url for server in servers], **block})
    project.edit('"url": null,', "")


def test_forty_images_over_two_servers_of_which_one_is_killed(
    project: Project, pair: tuple[ServerProcess, ServerProcess], undisturbed: Digests
) -> None:
    """It dies half-way with two of its images under way: the other makes them, and all that is left."""
    dies, stays = pair
    wants_of(project, pair, *FORTY)
    with started(project, "run") as process:
        dies.wait_until(lambda: len(dies.done) >= 10)
        dies.kill()
        ended(process).exits(0).says("40 made, 0 skipped, 0 failed")
    right(project, undisturbed(*FORTY))
    assert 10 <= len(dies.done) < 40
    # What the dead one had made and nobody had fetched is made again, and nothing else.
    assert len(dies.done) + len(stays.done) <= len(FORTY) + 4
    nothing_queued(stays.url)


def test_the_one_that_was_killed_comes_back(
    project: Project, pair: tuple[ServerProcess, ServerProcess], undisturbed: Digests
) -> None:
    """The other is held meanwhile, so that it shows who makes the images that come then."""
    dies, stays = pair
    wants_of(project, pair, *FORTY)
    with started(project, "run") as process:
        dies.wait_until(lambda: len(dies.done) >= 5)
        dies.kill()
        stays.tell("hold")
        before = len(dies.done)
        dies.start()
        dies.wait_until(lambda: len(dies.done) >= before + 5)
        stays.tell("release")
        ended(process).exits(0).says("40 made")
    right(project, undisturbed(*FORTY))
    assert len(dies.done) + len(stays.done) <= len(FORTY) + 4
    nothing_queued(dies.url, stays.url)


def test_one_freezes_for_good(
    project: Project, pair: tuple[ServerProcess, ServerProcess], undisturbed: Digests
) -> None:
    """It takes connections and never answers: after its retries its images go to the other."""
    names = FORTY[:8]
    freezes, stays = pair
    wants_of(project, pair, *names, request_timeout=0.5)
    freezes.tell("hold")
    with started(project, "run") as process:
        freezes.wait_for("held")
        freezes.freeze()
        ended(process).exits(0).says("8 made")
        freezes.thaw()
    right(project, undisturbed(*names))
    nothing_queued(stays.url)


def test_both_are_killed(project: Project, pair: tuple[ServerProcess, ServerProcess], undisturbed: Digests) -> None:
    names = FORTY[:8]
    wants_of(project, pair, *names)
    for server in pair:
        server.tell("hold")
    with started(project, "run") as process:
        for server in pair:
            server.wait_for("held")
            server.kill()
        outcome = ended(process).exits(1).says("0 made, 0 skipped, 8 failed")
    outcome.says(*(f"images:{name}" for name in names))
    clean(project)
    for server in pair:
        server.start()
    project.run("run").exits(0).says("8 made")
    right(project, undisturbed(*names))


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL], ids=lambda sent: sent.name)
def test_a_run_over_both_is_ended(
    sent: signal.Signals, project: Project, pair: tuple[ServerProcess, ServerProcess], undisturbed: Digests
) -> None:
    """Ctrl-C withdraws from both; after a SIGKILL the next run collects from both."""
    names = FORTY[:8]
    wants_of(project, pair, *names)
    for server in pair:
        server.tell("hold")
    with started(project, "run") as process:
        for server in pair:
            server.wait_for("held")
            server.wait_for("queued", 2)
        process.send_signal(sent)
        assert ended(process).code in (130, -signal.SIGKILL)
    if sent is signal.SIGINT:
        nothing_queued(*(server.url for server in pair))
    for server in pair:
        server.tell("release")
    project.run("run").exits(0).says("8 made")
    right(project, undisturbed(*names))
    nothing_queued(*(server.url for server in pair))
    if sent is signal.SIGKILL:
        assert sum(len(server.queued) for server in pair) == len(names)
