"""The stand-in Inngest server holds itself to the recordings of a real one: the same function is served to it, and
what it asks, and is answered, is what was recorded, but for ids and times."""

from __future__ import annotations

import base64
import itertools
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("inngest", reason="pip install 'imagegen[inngest]'")

from tests.servers import inngest_apps as apps  # noqa: E402
from tests.servers.inngest import OWN_PAUSE, Exchange, InngestServer  # noqa: E402

RECORDINGS = Path(__file__).parent / "servers" / "recordings" / "inngest"
HASTE = 0.001
ULID = re.compile(r"\b01[0-9A-HJKMNP-TV-Z]{24}\b")
UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


class Names:
    """One name for each id, by its first appearance: two exchanges are the same where the same ids are equal."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def plain(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self.plain(value[name], name) for name in sorted(value)}
        if isinstance(value, list):
            return [self.plain(one) for one in value]
        if key == "qi_id":
            job, _, queue = base64.b64decode(value).decode().partition("::")
            return self.name(job), queue
        if key in ("job_id", "x-inngest-job-id") or (key == "id" and re.fullmatch(r"[\d-]+", str(value))):
            return self.name(str(value))
        if key in ("ts", "stack", "retry-after") and value is not None:
            return f"<{key}>"
        if key == "x-inngest-sdk":
            return re.sub(r"v[\d.]+", "v<version>", value)
        if isinstance(value, str):
            return UUID.sub(lambda found: self.name(found[0]), ULID.sub(lambda found: self.name(found[0]), value))
        return value

    def name(self, id: str) -> str:
        return self.known.setdefault(id, f"<id {len(self.known) + 1}>")


TOLD = ("x-inngest-no-retry", "retry-after", "x-inngest-sync-kind")
"""Headers that are in an answer or not."""


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text("utf-8"))
    return found


def as_recorded(exchanges: list[Exchange], like: dict[str, Any]) -> list[dict[str, Any]]:
    """What the stand-in saw in the recordings' form; of an answer's headers those that were recorded."""
    kept = {header for one in like["exchanges"] for header in one["response"]["headers"]} | set(TOLD)
    return [
        {
            "request": {"method": one.method, "query": one.query, "headers": one.headers, "body": one.body or ""},
            "response": {
                "status": one.answer.status,
                "headers": {key: value for key, value in one.answer.headers.items() if key in kept},
                "body": one.answer.body,
            },
        }
        for one in exchanges
        if one.answer.status
    ]


def assert_same(server: InngestServer, recording: dict[str, Any]) -> None:
    ours, theirs = Names(), Names()
    seen = as_recorded(server.exchanges, recording)
    for number, (mine, real) in enumerate(itertools.zip_longest(seen, recording["exchanges"])):
        wanted = theirs.plain({key: value for key, value in (real or {}).items() if key != "at_s"})
        assert ours.plain(mine) == wanted, f"exchange {number}"


@pytest.fixture
def server() -> Iterator[InngestServer]:
    with InngestServer(pace=HASTE) as running:
        yield running


STORIES = {
    "one-failure": (apps.one_failure, "Completed", {"id": "40393-0"}),
    "three-failures": (apps.three_failures, "Failed", {"id": "36421-0"}),
    "non-retriable": (apps.non_retriable, "Failed", {"id": "58909-0"}),
    "retry-after": (apps.retry_after, "Failed", {}),
}


@pytest.mark.parametrize("story", STORIES)
def test_the_exchange_is_the_recorded_one(server: InngestServer, story: str) -> None:
    generate, ended, id = STORIES[story]
    with apps.serving(apps.recorded_app(server.url, generate)) as url:
        server.sync(url + apps.PATH)
        server.send({"name": "image/generate", "data": {"sentenceId": "s0"}, **id})
        failed = ended == "Failed"
        server.wait_for_runs(2 if failed else 1)  # on_failure is a run of its own
    assert [run.status for run in server.runs] == [ended, "Completed"][: 1 + failed]
    assert_same(server, recorded(story))


def test_a_killed_step_is_called_again_as_recorded(server: InngestServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.servers.inngest_apps", str(port), server.url]
    folder = Path(__file__).parent.parent
    url = f"http://127.0.0.1:{port}{apps.PATH}"
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stdout.readline() == "serving\n"
            server.sync(url)
            server.send({"name": "image/generate", "data": {"sentenceId": "s0"}})
            assert process.stdout.readline() == "generating\n"
            server.hold()  # else its three attempts are spent before the app is back
        finally:
            process.kill()
    with apps.serving(apps.recorded_app(server.url, apps.killed), port):
        server.look(url)
        server.release()
        server.wait_for_runs()
    assert_same(server, recorded("killed"))


def test_the_pauses_are_the_recorded_ones(server: InngestServer) -> None:
    """What the SDK asks for is waited; where it asks for nothing, the server has a pause of its own."""
    with apps.serving(apps.recorded_app(server.url, apps.retry_after)) as url:
        server.sync(url + apps.PATH)
        server.send({"name": "image/generate", "data": {"sentenceId": "s0"}})
        server.wait_for_runs(2)
    assert server.runs[0].waits == pytest.approx([30, 60], abs=1)
    attempts = [one["at_s"] for one in recorded("retry-after")["exchanges"] if one["response"]["status"] == 500]
    assert [later - sooner for sooner, later in itertools.pairwise(attempts)] == pytest.approx([30, 60], abs=1)
    errors = [
        one["at_s"]
        for one in recorded("three-failures")["exchanges"]
        if one["response"]["status"] == 206 and one["response"]["body"][0]["op"] in ("StepError", "StepFailed")
    ]
    assert [later - sooner for sooner, later in itertools.pairwise(errors)] == pytest.approx([OWN_PAUSE] * 2, abs=0.2)


def test_steps_that_are_planned_are_called_by_their_hash(server: InngestServer) -> None:
    import fastapi
    import inngest
    import inngest.fast_api

    client = inngest.Inngest(app_id="img", is_production=False, api_base_url=server.url, event_api_base_url=server.url)

    @client.create_function(fn_id="both", trigger=inngest.TriggerEvent(event="both"))
    async def both(ctx: inngest.Context) -> list[str]:
        async def give(what: str) -> str:
            return what

        pair = (lambda: ctx.step.run("one", give, "1"), lambda: ctx.step.run("two", give, "2"))
        return [*await ctx.group.parallel(pair), await ctx.step.run("three", give, "3")]

    app = fastapi.FastAPI()
    inngest.fast_api.serve(app, client, [both])
    with apps.serving(app) as url:
        server.sync(url + apps.PATH)
        server.send({"name": "both"})
        (run,) = server.wait_for_runs()
    assert run.output == ["1", "2", "3"]
    assert sum("stepId=step" not in one.query for one in server.exchanges if one.method == "POST") == 2


def test_an_event_whose_id_was_seen_starts_no_run(server: InngestServer) -> None:
    with apps.serving(apps.recorded_app(server.url, apps.one_failure)) as url:
        server.sync(url + apps.PATH)
        for id in ("a", "b", "a", "c", "b", "a"):
            server.send({"name": "image/generate", "id": id, "data": {"sentenceId": id}})
        assert len(server.wait_for_runs(3)) == 3
