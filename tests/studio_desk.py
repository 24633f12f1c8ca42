"""A studio without a process, a guard or an engine of its own: its parts in this process, over a real project."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from imagegen.jobs.event import Event
from imagegen.options import Options
from imagegen.studio import app
from imagegen.studio.builder import Builder, Site
from imagegen.studio.hub import Hub
from imagegen.studio.project import Project as Shown
from imagegen.studio.running import Studio
from imagegen.studio.watching import Watching
from tests.awaiting import awaited
from tests.conftest import Project


class Notes:
    """An engine that only notes what it was asked for."""

    def __init__(self) -> None:
        self.submitted: list[Event] = []
        self.cancelled: list[str] = []

    def submit(self, event: Event) -> str:
        return self.submit_all([event])[0]

    def submit_all(self, events: Iterable[Event]) -> list[str]:
        found = list(events)
        self.submitted += found
        return [event.id for event in found]

    def cancel_all(self, jobs: Iterable[str]) -> list[str]:
        found = list(jobs)
        self.cancelled += found
        return found

    def unfinished(self) -> Sequence[str]:
        return [event.id for event in self.submitted]


class Desk:
    """The parts, and a client that asks them."""

    def __init__(self, project: Project, options: Options) -> None:
        self.project = project
        self.shown = Shown(options)
        self.hub = Hub(self.shown)
        self.builder = Builder(self.shown, self.hub)
        self.site = Site(self.shown, self.hub, self.builder)
        self.engine = Notes()
        self.watching = Watching(self.shown, self.hub)
        self.studio = Studio(self.shown, self.hub, self.site, self.builder, cast("Any", self.engine), self.watching)
        self.app = app.create(self.studio)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, json=body, headers=headers)

        return awaited(asked())

    def fetch(self, path: str, **headers: str) -> httpx.Response:
        """What is at an address, whatever it is; ``if_none_match`` is sent as If-None-Match."""
        return self.ask("GET", path, **{name.replace("_", "-"): value for name, value in headers.items()})

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refuses(self, status: int, method: str, path: str, body: Any = None) -> str:
        """What it says when it does not do that."""
        answer = self.ask(method, path, body)
        assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
        found = answer.json()
        return f"{found['error']} {found['hint']}"

    def tasks(self, query: str = "") -> list[str]:
        return [one["task"] for one in self.get(f"/api/items?limit=500{query and '&' + query}")["items"]]

    def card(self, task: str) -> dict[str, Any]:
        return self.hub.cards([task])[task]


Open = Callable[..., Desk]


@contextlib.contextmanager
def opening(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens desks on ``project``, and closes them."""
    with contextlib.ExitStack() as closing:

        def opened(**options: Any) -> Desk:
            monkeypatch.chdir(project.root)
            desk = Desk(project, Options(**options))
            closing.callback(desk.site.close)
            return desk

        yield opened


@pytest.fixture
def open_desk(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens one, once the test has written its manifest."""
    with opening(project, monkeypatch) as opened:
        yield opened


def outside(project: Project, name: str) -> Path:
    """A place beside the project's folder."""
    folder = project.root.parent / f"{project.root.name}-elsewhere"
    folder.mkdir(exist_ok=True)
    return folder / name
