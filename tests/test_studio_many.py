"""The studio where there is much of everything: what is done for one image is not done for all."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from imagegen.judging import Judging
from imagegen.studio import listening, watching
from imagegen.studio.rows import Rows
from tests.awaiting import awaited
from tests.conftest import Project
from tests.storyboards import change, film
from tests.studio_desk import Desk, Open
from tests.studios import until

MANY = "defaults: {backend: placeholder, prompt: p, size: 16x16}\nitems: [" + ", ".join(map(str, range(40))) + "]\n"


def test_an_answer_does_not_wait_for_what_it_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small packet that waits until the one before it is acknowledged comes 40 ms later: Nagle's algorithm."""

    async def is_off() -> int:
        asked: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def came(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there: socket.socket = writer.get_extra_info("socket")
            asked.set_result(there.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        at = listening.listen("127.0.0.1", 0)
        async with await asyncio.start_server(came, sock=at.socket):
            _, writer = await asyncio.open_connection("127.0.0.1", at.port)
            found = await asked
            writer.close()
            return found

    assert awaited(is_off()) == 1


def test_one_picture_that_was_made_is_judged_alone(
    project: Project, open_desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.manifest(MANY)
    desk = open_desk()
    looked = judged(monkeypatch)
    project.run("run", "images:7").exits(0)
    desk.shown.look(["images:7"])
    assert looked == ["images:7"] and desk.card("images:7")["state"] == "fresh"
    project.run("run", "images:8", "images:9").exits(0)
    desk.shown.sweep()  # nobody told of these
    assert looked == ["images:7", "images:8", "images:9"]


def test_one_item_that_is_written_otherwise_is_judged_alone(
    project: Project, open_desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.manifest(MANY)
    desk = open_desk()
    looked = judged(monkeypatch)
    project.edit(" 11,", " {name: '11', prompt: q},")
    desk.shown.reload()
    assert looked == ["images:11"]


def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that are judged from now on."""
    found: list[str] = []
    plain = Judging._plain

    def noted(self: Judging, item, recipe=b""):  # type: ignore[no-untyped-def]
        found.append(item.task)
        return plain(self, item, recipe)

    monkeypatch.setattr(Judging, "_plain", noted)
    return found


def test_rows_that_are_written_again_and_again_are_looked_at_now_and_then(
    project: Project, open_desk: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a run does, whose pictures come one after another: of a long script each look takes a while."""
    (sentence,) = film(project, ["It rains."])
    monkeypatch.setattr(watching, "_SHARE", 1e9)  # as if it took long
    monkeypatch.setattr(watching, "_REST", 0.5)
    looked: list[float] = []
    look = Rows.look

    def noted(self: Rows) -> None:
        looked.append(time.monotonic())
        look(self)

    monkeypatch.setattr(Rows, "look", noted)
    desk = open_desk()
    desk.watching.start()
    try:
        until(lambda: looked)
        for number in range(40):
            change(project, sentence, image_prompt=f"rain {number}")
            desk.watching.nudge()
        until(lambda: prompt(desk, sentence) == "rain 39")  # the last is not missed
    finally:
        desk.watching.close()
    pauses = [after - before for before, after in zip(looked[1:], looked[2:], strict=False)]
    assert all(pause >= 0.5 for pause in pauses)


def prompt(desk: Desk, sentence: str) -> str:
    found: str = desk.get(f"/api/items/film:{sentence}")["prompt"]
    return found
