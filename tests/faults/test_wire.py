"""Between the run and its server something delays, cuts, doubles and reorders what they say to each other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.comfyui_stories import ended, started, there, tidy, wants
from tests.conftest import Project
from tests.faults.conftest import Digests
from tests.faults.mischief import (
    Answer,
    Answers,
    Asked,
    Closes,
    Cuts,
    Delays,
    Doubles,
    Mischief,
    Reorders,
    Sent,
    Together,
)
from tests.faults.outcomes import clean, nothing_queued, right, right_or_named
from tests.faults.proxy import Proxy
from tests.servers.comfyui import ComfyServer
from tests.servers.comfyui_faults import HTML_PAGE

NAMES = ("Mallsing", "Brannick", "Oswin", "Thora", "Yrsa", "Ulf")
HARMLESS: dict[str, Callable[[], Mischief]] = {
    "delayed": lambda: Delays(1, 0.2),
    "doubled": Doubles,
    "reordered": lambda: Reorders(2),
    "delayed, doubled and reordered": lambda: Together(Delays(3, 0.1), Doubles(), Reorders(4)),
}


@pytest.mark.parametrize("mischief", HARMLESS)
def test_what_comes_late_twice_or_in_another_order(
    mischief: str, project: Project, server: ComfyServer, undisturbed: Digests
) -> None:
    """None of it is a failure: no attempt is lost to it, and each image is asked for once."""
    with Proxy(server.url, HARMLESS[mischief]()) as proxy:
        wants(project, proxy.url, *NAMES, block={"retries": 0})
        project.run("run").exits(0).says("6 made, 0 skipped, 0 failed")
        assert proxy.was_asked("POST /prompt") == len(NAMES)
    right(project, undisturbed(*NAMES))
    assert len(set(server.submitted_ids)) == len(NAMES)
    if "doubled" not in mischief:  # what a proxy queues twice may run twice
        assert server.pictures_made == len(NAMES)
    tidy(project, server)


def test_a_submission_that_arrives_twice(project: Project, server: ComfyServer, undisturbed: Digests) -> None:
    """Two prompts of one id are in the queue, and when it is left, neither is."""
    server.hold()
    with Proxy(server.url, Doubles()) as proxy:
        wants(project, proxy.url, "Mallsing", block={"timeout": 0.3})
        project.run("run").exits(1).says("images:mallsing", "took longer than 0.3 s")
        assert len(server.submitted_ids) == 2 and len(set(server.submitted_ids)) == 1
        tidy(project, server)
        server.release()
        project.run("run").exits(0)
    right(project, undisturbed("Mallsing"))


@pytest.mark.parametrize("seed", range(4))
def test_cut_at_random(seed: int, project: Project, server: ComfyServer, undisturbed: Digests) -> None:
    """One answer of three ends at a random byte: an image may run out of attempts, and its error says so."""
    pictures = undisturbed(*NAMES)
    with Proxy(server.url, Together(Delays(seed, 0.02), Cuts(seed, most=12))) as proxy:
        wants(project, proxy.url, *NAMES)
        outcome = project.run("run")
        missing = right_or_named(project, outcome, pictures)
    tidy(project, server)
    assert server.pictures_made <= len(NAMES)  # what is cut is asked for again, not made again
    if missing:
        wants(project, server, *NAMES)
        project.run("run").exits(0).says(f"{len(missing)} made, {len(NAMES) - len(missing)} skipped")
        right(project, pictures)


@pytest.mark.parametrize("after", [0, 1, 20])
def test_every_answer_is_cut(after: int, project: Project, server: ComfyServer) -> None:
    class Always(Mischief):
        def answered(self, asked: Asked, answer: Answer) -> Sent:
            return Sent(answer.raw()[:after], cut=True)

    with Proxy(server.url, Always()) as proxy:
        wants(project, proxy.url, "Mallsing")
        project.run("run").exits(1).says("images:mallsing", proxy.url, "3 attempts")
    assert server.submitted == []
    clean(project)


def test_the_answer_to_every_submission_is_cut(project: Project, server: ComfyServer, undisturbed: Digests) -> None:
    """Whether the prompt is there is looked up, so that it is never queued a second time."""
    how = Answers("POST /prompt", lambda asked, answer: Sent(answer.raw()[:30], cut=True))
    with Proxy(server.url, how) as proxy:
        wants(project, proxy.url, *NAMES)
        project.run("run").exits(0).says("6 made")
    assert len(server.submitted) == server.pictures_made == len(NAMES)
    right(project, undisturbed(*NAMES))
    tidy(project, server)


def test_sockets_closed_each_second(project: Project, undisturbed: Digests) -> None:
    """Images of more than a second each, so that each loses its socket while it is being made."""
    with (
        ComfyServer(checkpoints=["dream.safetensors"], steps_delay=0.6) as server,
        Proxy(server.url, Closes(1.0)) as proxy,
    ):
        wants(project, proxy.url, "Mallsing", "Brannick")
        project.run("run").exits(0).says("2 made")
        assert len(server.submitted) == server.pictures_made == 2
        assert proxy.was_asked("GET /ws") >= 2
        right(project, undisturbed("Mallsing", "Brannick"))
        tidy(project, server)


ROUTES = ("GET /object_info", "POST /prompt", "GET /history", "GET /view")


def page(asked: Asked, answer: Answer) -> Sent:
    """What a proxy shows while it takes the server for gone."""
    return Sent(Answer(200, {"Content-Type": "text/html"}, HTML_PAGE.encode()).raw())


@pytest.mark.parametrize("route", ROUTES)
def test_a_page_twice_in_place_of_the_answer(
    route: str, project: Project, server: ComfyServer, undisturbed: Digests
) -> None:
    """The server did what was asked, and only its answers are lost: the image is made once."""
    with Proxy(server.url, Answers(route, page, times=2)) as proxy:
        wants(project, proxy.url, "Mallsing")
        project.run("run").exits(0).says("1 made")
    right(project, undisturbed("Mallsing"))
    assert server.pictures_made == 1
    tidy(project, server)


@pytest.mark.parametrize("route", ROUTES)
def test_a_page_in_place_of_every_answer(route: str, project: Project, server: ComfyServer) -> None:
    with Proxy(server.url, Answers(route, page)) as proxy:
        wants(project, proxy.url, "Mallsing")
        outcome = project.run("run")
    if route == "POST /prompt":  # it is queued all the same, found by its id, and fetched
        outcome.exits(0)
    else:
        outcome.exits(1).says("images:mallsing", "3 attempts", "no whole PNG" if "/view" in route else "HTML page")
        assert there(project, "Mallsing") == []
    assert server.pictures_made <= 1
    tidy(project, server)


def test_a_download_that_stalls_keeps_nobody_waiting(
    project: Project, server: ComfyServer, undisturbed: Digests
) -> None:
    """Half of one picture, and then nothing more: the request is given up, and the others went on meanwhile."""

    def half(asked: Asked, answer: Answer) -> Sent:
        data = answer.raw()
        return Sent(data[: len(data) - len(answer.body) // 2], stall=True)

    with Proxy(server.url, Answers("GET /view", half, times=1)) as proxy:
        wants(project, proxy.url, *NAMES, block={"request_timeout": 1})
        with started(project, "run", "--json") as process:
            events = ended(process).exits(0).events
    seconds = [event["seconds"] for event in events if event["event"] == "made"]
    assert len(seconds) == len(NAMES) and seconds[-1] == max(seconds) >= 1
    right(project, undisturbed(*NAMES))
    nothing_queued(server.url)
    tidy(project, server)
