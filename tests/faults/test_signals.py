"""SIGINT, SIGTERM and SIGKILL in every phase of an image, and at random moments; then a second run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from imagegen import png
from tests.comfyui_stories import ended, others_job, queued, started, target, there, wants
from tests.conftest import Outcome, Project
from tests.faults.conftest import Digests, unmeasured
from tests.faults.gate import Gate
from tests.faults.mischief import Answer, Answers, Asked, Sent
from tests.faults.outcomes import clean, nothing_queued
from tests.faults.processes import PATIENCE
from tests.faults.proxy import Proxy
from tests.servers.comfyui import ComfyServer

NAMES = ("Mallsing", "Brannick", "Oswin")
UNDER_WAY = 4  # images of a run that may be done on the server, or coming down
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
each_signal = pytest.mark.parametrize("sent", SIGNALS, ids=lambda sent: sent.name)


# In every phase

Underway = Iterator[subprocess.Popen[str]]


@contextmanager
def before_the_first_submit(project: Project, server: ComfyServer) -> Underway:
    """The server is asked what it can do, and has not answered."""
    server.faults.delay("/object_info", 0.5)
    with started(project, "run") as process:
        server.wait_until(lambda: server.asked("GET", "/object_info"), PATIENCE)
        yield process


@contextmanager
def waiting_in_the_queue(project: Project, server: ComfyServer) -> Underway:
    """Somebody else's job runs."""
    server.hold()
    others_job(server)
    with started(project, "run") as process:
        server.wait_until(lambda: len(server.pending) == 2, PATIENCE)
        yield process


@contextmanager
def running(project: Project, server: ComfyServer) -> Underway:
    """One of its images is being made, another waits."""
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held and server.pending, PATIENCE)
        yield process


@contextmanager
def done_and_not_fetched(project: Project, server: ComfyServer) -> Underway:
    """Two images are done, and the run does not know it yet."""
    server.hold()
    with started(project, "run") as process:
        server.wait_until(lambda: server.held and server.pending and server.asked("GET", "/history"), PATIENCE)
        server.faults.delay("GET /history", 0.5, times=None)
        server.faults.delay("GET /queue", 0.5, times=None)
        server.release()
        server.wait_until(lambda: len(server.executed) == 2, PATIENCE)
        yield process


@contextmanager
def half_downloaded(project: Project, server: ComfyServer) -> Underway:
    """Of one picture the first half has come down, and then nothing more."""

    def half(asked: Asked, answer: Answer) -> Sent:
        data = answer.raw()
        return Sent(data[: len(data) - len(answer.body) // 2], stall=True)

    with Proxy(server.url, Answers("GET /view", half, times=1)) as proxy:
        wants(project, proxy.url, *NAMES, block={"request_timeout": 1})
        with started(project, "run") as process:
            assert proxy.stalled.wait(PATIENCE)
            yield process


@contextmanager
def at_the_rename(project: Project, server: ComfyServer, when: str) -> Underway:
    """A picture is written beside its target, or just put in its place."""
    gate = Gate(project, when, target("Mallsing"))
    with started(project, "run", **gate.environ) as process:
        gate.wait_until_reached()
        yield process


PHASES: dict[str, Callable[..., AbstractContextManager[subprocess.Popen[str]]]] = {
    "before the first submit": before_the_first_submit,
    "waiting in the queue": waiting_in_the_queue,
    "running": running,
    "done and not fetched": done_and_not_fetched,
    "half downloaded": half_downloaded,
    "before the rename": partial(at_the_rename, when="before"),
    "after the rename": partial(at_the_rename, when="after"),
}


LOADING = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "doit.cmd_base":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
"""


def test_while_the_program_itself_is_loaded(project: Project, server: ComfyServer) -> None:
    """Nobody wants to see where in its imports it was."""
    wants(project, server, *NAMES)
    path = [str(project.write("loading/sitecustomize.py", LOADING).parent), project.environ.get("PYTHONPATH", "")]
    outcome = project.run("run", PYTHONPATH=os.pathsep.join(filter(None, path))).exits(130)
    assert outcome.err == "" and server.requests == []


# At random moments


SEED = 20260921
START, WORK = 0.5, 0.3  # seconds in which a run starts and asks beforehand, and in which its images are made


@dataclass(frozen=True)
class Moment:
    """So many seconds after the start of the process, or after its first submission."""

    at_work: bool
    seconds: float


def _drawn() -> dict[tuple[int, signal.Signals], Moment]:
    """Twenty moments for each signal: of four, one while the run starts and three while it works."""
    chance = random.Random(SEED)
    keys = [(number, sent) for sent in SIGNALS for number in range(20)]
    return {key: Moment(key[0] % 4 > 0, chance.uniform(0, WORK if key[0] % 4 else START)) for key in keys}


MOMENTS = _drawn()


@contextmanager
def at_a_moment(project: Project, server: ComfyServer, moment: Moment) -> Underway:
    """Whatever happens then."""
    with started(project, "run") as process:
        if moment.at_work:  # however long this machine takes to come so far
            server.wait_until(lambda: server.asked("POST", "/prompt"), PATIENCE)
        time.sleep(moment.seconds)
        yield process


# What became of it


@dataclass(frozen=True)
class Case:
    """A run that got a signal, and the run after it. `made`: the names of the images between the two;
    `left`: ours and `others`: somebody else's prompts on the server then."""

    project: Project
    server: ComfyServer
    first: Outcome
    made: list[str]
    left: list[str]
    others: list[str]
    second: Outcome

    def __str__(self) -> str:
        return f"the first:\n{self.first}\nthe second:\n{self.second}\nprompts of the first: {self.left}"


Cases = Mapping[tuple[str | int, signal.Signals], "Future[Case]"]


@pytest.fixture(scope="module")
def cases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cases]:
    """All that are asked for, several at a time: much of it is waiting."""
    specs = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    wanted = [(spec.params["when"], spec.params["sent"]) for spec in specs if spec is not None]
    with ExitStack() as servers, ThreadPoolExecutor(4) as pool:

        def tried(when: str | int, sent: signal.Signals) -> Case:
            work = 0.05 if isinstance(when, int) else 0.0
            server = servers.enter_context(ComfyServer(checkpoints=["dream.safetensors", "ink.safetensors"], work=work))
            project = unmeasured(tmp_path_factory.mktemp("signal"))
            wants(project, server, *NAMES)
            phase = PHASES[when] if isinstance(when, str) else partial(at_a_moment, moment=MOMENTS[when, sent])
            with phase(project, server) as process:
                process.send_signal(sent)
                Gate.open(project)
                first = ended(process)
                server.faults.clear()
                made = there(project, *NAMES)
                left = [each for each in queued(server) if each in ours(server)]
                others = [each for each in queued(server) if each not in ours(server)]
                server.release()
                return Case(project, server, first, made, left, others, project.run("run"))

        yield {key: pool.submit(tried, *key) for key in wanted}


def ours(server: ComfyServer) -> list[str]:
    """The ids of the prompts that were submitted by runs of ours."""
    return [
        str(request.body["prompt_id"])
        for request in server.asked("POST", "/prompt")
        if request.body and request.body.get("client_id") != "somebody-else"
    ]


def mended(case: Case, pictures: dict[str, str], sent: signal.Signals) -> None:
    """No picture is spoilt, the second run has all of them, and no more was made than could be helped."""
    assert case.second.code == 0, case
    found = {name: png.pixel_digest(case.project.png(target(name))) for name in there(case.project, *NAMES)}
    assert found == pictures, case
    clean(case.project)  # caches under .imagegen may keep a temporary file that a kill left there
    nothing_queued(case.server.url, but=case.others)
    assert None not in case.server.interrupts and case.server.clearances == 0, case
    if sent is signal.SIGKILL:
        assert len(ours(case.server)) == len(NAMES), f"submitted anew what was there to collect: {case}"
    else:
        assert case.left == [], case
        assert case.server.pictures_made <= len(NAMES) + UNDER_WAY, case


@each_signal
@pytest.mark.parametrize("when", PHASES)
def test_in_every_phase(when: str, sent: signal.Signals, cases: Cases, undisturbed: Digests) -> None:
    """The run leaves, and the next one makes what is missing; after a SIGKILL it collects what was left."""
    case = cases[when, sent].result()
    if sent is signal.SIGKILL:
        assert case.first.code == -sent, case
    elif len(case.made) < len(NAMES) or case.first.code:  # it may come when all is done
        case.first.exits(130)
    mended(case, undisturbed(*NAMES), sent)


@each_signal
@pytest.mark.parametrize("when", range(20))
def test_at_random_moments(when: int, sent: signal.Signals, cases: Cases, undisturbed: Digests) -> None:
    """Whenever it comes. Before the program's first line, Python itself says how it ends."""
    case = cases[when, sent].result()
    told = f"seed {SEED}, {MOMENTS[when, sent]}: {case}"
    if MOMENTS[when, sent].at_work:
        # All is made and the program is about to end: the signal may come too late for its handler.
        late = (0, -sent) if len(case.made) == len(NAMES) else ()
        assert case.first.code in (-sent if sent is signal.SIGKILL else 130, *late), told
    mended(case, undisturbed(*NAMES), sent)
