"""Two runs of one project at the same time, at a server in a process of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.comfyui_stories import ended, started, target, wants
from tests.conftest import Project
from tests.faults.conftest import Digests
from tests.faults.outcomes import nothing_queued, right
from tests.faults.processes import ServerProcess

NAMES = tuple(f"kin-{number:02}" for number in range(12))


@pytest.fixture(scope="module")
def shared() -> Iterator[ServerProcess]:
    """A server that all of these stories use, one after the other."""
    with ServerProcess(work=0.03) as running:
        yield running


def test_each_image_is_made_once(project: Project, shared: ServerProcess, undisturbed: Digests) -> None:
    before = shared.pictures_made
    wants(project, shared.url, *NAMES)
    with started(project, "run") as one, started(project, "run") as two:
        said = "".join(ended(process).exits(0).out for process in (one, two))
    assert Counter(said.count(f"made     {target(name)}") for name in NAMES) == {1: len(NAMES)}
    assert shared.pictures_made - before == len(NAMES)
    right(project, undisturbed(*NAMES))
    nothing_queued(shared.url)


def test_one_of_them_is_killed(project: Project, shared: ServerProcess, undisturbed: Digests) -> None:
    """The other makes the rest; only what was under way in the killed one can have been made in vain."""
    before = shared.pictures_made
    wants(project, shared.url, *NAMES)
    with started(project, "run") as one, started(project, "run") as two:
        shared.wait_until(lambda: shared.pictures_made >= before + 4)
        one.kill()
        ended(two).exits(0)
    right(project, undisturbed(*NAMES))
    assert shared.pictures_made - before <= len(NAMES) + 4
    nothing_queued(shared.url)


def test_one_of_them_is_left(project: Project, shared: ServerProcess, undisturbed: Digests) -> None:
    """It withdraws its own, and never what the other waits for."""
    wants(project, shared.url, *NAMES)
    before = shared.pictures_made
    with started(project, "run") as one, started(project, "run") as two:
        shared.wait_until(lambda: shared.pictures_made >= before + 4)
        one.terminate()
        ended(one).exits(130)
        ended(two).exits(0).says("0 failed").says_not("interrupted")
    right(project, undisturbed(*NAMES))
    nothing_queued(shared.url)


def test_the_server_dies_under_both(project: Project, undisturbed: Digests) -> None:
    with ServerProcess(work=0.03) as server:
        wants(project, server.url, *NAMES, block={"retry_delay": 0.2})
        with started(project, "run") as one, started(project, "run") as two:
            server.wait_until(lambda: server.pictures_made >= 4)
            server.restart()
            for process in (one, two):
                ended(process).exits(0)
        right(project, undisturbed(*NAMES))
        nothing_queued(server.url)
