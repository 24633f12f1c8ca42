"""What comes down is not the picture: cut, of another size, broken, a page, or a bomb of pixels."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from imagegen import png
from tests.comfyui_stories import prompt_for, target, tidy, wants
from tests.conftest import Outcome, Project
from tests.faults.conftest import Digests, unmeasured
from tests.faults.mischief import Answer, Asked, Mischief, Sent
from tests.faults.outcomes import clean, right
from tests.faults.proxy import Proxy
from tests.faults.spoils import FINAL, PASSING, Spoil
from tests.servers.comfyui import ComfyServer

MOST_MEMORY = 64 * 1024  # KiB that a run may take above one in which nothing is wrong


class PerPicture(Mischief):
    """Spoils the picture of each item in a way of its own, so many times."""

    def __init__(self, spoils: Mapping[str, Spoil], times: int) -> None:
        self._spoils = {prompt_for(name): spoil for name, spoil in spoils.items()}
        self._times = times
        self._lock = threading.Lock()
        self._given: Counter[str] = Counter()
        self._submitted: list[bytes] = []

    def forwarded(self, asked: Asked) -> int:
        if asked.is_for("POST /prompt"):
            self._submitted.append(asked.body)
        return 1

    def answered(self, asked: Asked, answer: Answer) -> Sent:
        if asked.is_for("GET /view"):
            prompt = self._prompt_of(asked.query["filename"])
            with self._lock:
                self._given[prompt] += 1
                spoilt = self._given[prompt] <= self._times
            if spoilt and prompt in self._spoils:
                return self._spoils[prompt](answer)
        return Sent(answer.raw())

    def given(self, name: str) -> int:
        """How often the picture of that item went down, in whatever state."""
        return self._given[prompt_for(name)]

    def _prompt_of(self, filename: str) -> str:
        """A file is named after the prefix of its submission, and its text is the prompt."""
        mark = filename.partition("_0")[0].encode()
        (body,) = (body for body in self._submitted if mark in body)
        return next(prompt for prompt in self._spoils if f'"{prompt}"'.encode() in body)


@dataclass(frozen=True)
class Case:
    """One run of many items, each with a spoilt picture of its own."""

    project: Project
    server: ComfyServer
    outcome: Outcome
    mischief: PerPicture


def run_with(spoils: Mapping[str, Spoil], times: int, project: Project, server: ComfyServer) -> Case:
    """Make an image for each way to spoil one."""
    mischief = PerPicture(spoils, times)
    with Proxy(server.url, mischief) as proxy:
        wants(project, proxy.url, *spoils)
        return Case(project, server, project.run("run", "--json"), mischief)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Mapping[str, Spoil], int], Case]]:
    """`run_with`, each once for all tests that look at it."""
    known: dict[tuple[str, ...], Case] = {}
    with ComfyServer(checkpoints=["dream.safetensors"]) as server:

        def run(spoils: Mapping[str, Spoil], times: int) -> Case:
            key = (*spoils, str(times))
            if key not in known:
                known[key] = run_with(spoils, times, unmeasured(tmp_path_factory.mktemp("spoilt")), server)
            return known[key]

        yield run


Ran = Callable[[Mapping[str, Spoil], int], Case]


@pytest.mark.parametrize("fault", PASSING)
def test_spoilt_twice_it_is_fetched_again_and_right(fault: str, ran: Ran, undisturbed: Digests) -> None:
    case = ran(PASSING, 2)
    case.outcome.exits(0)
    assert png.pixel_digest(case.project.png(target(fault))) == undisturbed(*PASSING)[fault]
    assert case.mischief.given(fault) == 3


@pytest.mark.parametrize("fault", PASSING)
def test_spoilt_each_time_its_error_says_so(fault: str, ran: Ran) -> None:
    case = ran(PASSING, 99)
    (said,) = failures(case.outcome.exits(1), fault)
    assert "3 attempts" in said and ("no whole PNG" in said or "no answer" in said), said
    assert case.mischief.given(fault) == 3
    assert not (case.project.root / target(fault)).exists()


@pytest.mark.parametrize("fault", FINAL)
def test_a_picture_that_no_second_look_would_mend(fault: str, ran: Ran) -> None:
    case = ran({name: spoil for name, (spoil, _) in FINAL.items()}, 99)
    (said,) = failures(case.outcome.exits(1), fault)
    assert FINAL[fault][1] in said
    assert not (case.project.root / target(fault)).exists()


@pytest.mark.parametrize("times", [2, 99])
def test_nothing_half_written_and_each_image_made_once(times: int, ran: Ran) -> None:
    case = ran(PASSING, times)
    clean(case.project)
    assert len(case.server.submitted) == case.server.pictures_made == len(set(case.server.submitted_ids))
    tidy(case.project, case.server)


def test_after_all_that_the_next_run_mends_it(project: Project, server: ComfyServer, undisturbed: Digests) -> None:
    spoils = {"Mallsing": PASSING["half-announced-cut"], "Brannick": FINAL["that-many-pixels"][0]}
    run_with(spoils, 99, project, server).outcome.exits(1)
    wants(project, server, *spoils)
    project.run("run").exits(0).says("2 made")
    right(project, undisturbed(*spoils))


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="this system does not tell the memory of one process")
@pytest.mark.parametrize("fault", ["a-header-of-many-pixels", "that-many-pixels"])
def test_a_bomb_of_pixels_takes_no_memory(fault: str, project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    peaceful = memory_of_a_run(project, 0)
    (project.root / target("Mallsing")).unlink()
    with Proxy(server.url, PerPicture({"Mallsing": FINAL[fault][0]}, 99)) as proxy:
        wants(project, proxy.url, "Mallsing")
        assert memory_of_a_run(project, 1) < peaceful + MOST_MEMORY
    tidy(project, server)


def memory_of_a_run(project: Project, code: int) -> int:
    """The most memory that `imagegen run` took at once, in KiB; it ends with that status."""
    process = subprocess.Popen(
        [sys.executable, "-m", "imagegen", "run"], cwd=project.root, env=project.environ,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == code
    return usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1)


def failures(outcome: Outcome, name: str) -> list[str]:
    """The messages of what failed of the item of that name."""
    task = f"images:{name}"
    return [event["message"] for event in outcome.events if event["event"] == "failed" and event["task"] == task]
