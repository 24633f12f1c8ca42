"""A stand-in for an Inngest server: it plays the server's side of the protocol over real HTTP on loopback.

    with InngestServer() as server:              # or InngestServer(signing_key="signkey-test-…", event_key="…")
        server.sync("http://127.0.0.1:8000/api/inngest")
        server.send({"name": "image/generate", "data": {…}})
        server.wait_until(lambda: server.ended("Completed"))

What it asks and how it takes the answers is held against recordings of a real server's calls
(`recordings/inngest`, `tests/test_inngest_standin.py`).
"""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import requests

from .inngest_deciding import Again, after, cancels, triggered
from .inngest_http import Handler, Http
from .inngest_wire import (
    Answer,
    Call,
    Function,
    Run,
    call_body,
    call_headers,
    canonical,
    failure_of,
    new_call,
    signature,
    signed_by,
    ulid,
    whole_event,
)

OWN_PAUSE = 1.3
"""Seconds before a call is made again where the SDK did not say, as recorded."""


class Posted(NamedTuple):
    """A call as it was made, before its answer."""

    url: str
    headers: dict[str, str]
    body: Any


class Exchange(NamedTuple):
    """What the server asked and what the SDK answered; a status of 0 is no answer."""

    method: str
    query: str
    headers: dict[str, str]
    body: Any
    answer: Answer


class InngestServer:
    """Running from construction until `close` or the end of its `with`. Thread-safe.

    With a `signing_key` it is a server outside of development: it signs what it asks, registers in band, and takes
    only answers that are signed. `pace` shortens its waits. `forge` signs with another key; `refusal` is the status
    with which it turns SDKs away, `refused` counts those.
    """

    def __init__(self, signing_key: str | None = None, event_key: str | None = None, pace: float = 1.0) -> None:
        self.signing_key, self.event_key, self.pace = signing_key, event_key, pace
        self.forge: str | None = None
        self.refusal = self.refused = 0
        self.functions: dict[str, Function] = {}
        self.events: dict[str, dict[str, Any]] = {}
        self.runs: list[Run] = []
        self.calls: list[Posted] = []
        self.exchanges: list[Exchange] = []
        self.under_way = self.most_under_way = 0
        self.changed = threading.Condition()
        self._limits: dict[str, threading.Semaphore] = {}
        self._closing, self._calling = threading.Event(), threading.Event()
        self._calling.set()
        self._http = Http(("127.0.0.1", 0), Handler)
        self._http.inngest = self
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), name="inngest-http", daemon=True).start()

    # --- what a person does -----------------------------------------------------------------------

    def sync(self, app: str) -> Answer:
        """Look at an app, and have it register."""
        looked = self.look(app)
        if looked.status != 200:
            return looked
        if not self.signing_key:
            return self._ask("PUT", app, {}, None)
        answer = self._ask("PUT", app, {"x-inngest-sync-kind": "in_band"}, {"url": app})
        if answer.status == 200:
            self.register(answer.body["functions"])
        return answer

    def look(self, app: str) -> Answer:
        return self._ask("GET", app, {}, None)

    def send(self, event: dict[str, Any]) -> str:
        """An event's id; one whose id was seen before changes nothing."""
        whole = whole_event(event)
        with self.changed:
            if whole["id"] in self.events:
                return str(whole["id"])
            self.events[whole["id"]] = whole
            for run in self.runs:
                if cancels(run, whole):
                    run.status = "Cancelled"
            started = [Run(function, whole, ulid()) for function in triggered(self.functions, whole)]
            self.runs.extend(started)
            self.changed.notify_all()
        for run in started:
            self._soon(run, Again(new_call()))
        return str(whole["id"])

    def hold(self) -> None:
        """Begin no call until `release`."""
        self._calling.clear()

    def release(self) -> None:
        self._calling.set()

    def told(self, name: str) -> list[dict[str, Any]]:
        """The events of this name, in their order."""
        with self.changed:
            return [event for event in self.events.values() if event["name"] == name]

    def ended(self, status: str) -> list[Run]:
        with self.changed:
            return [run for run in self.runs if run.status == status]

    def wait_until(self, predicate: Callable[[], Any], timeout: float = 20.0) -> None:
        with self.changed:
            assert self.changed.wait_for(predicate, timeout), f"not within {timeout} s: {self.exchanges[-3:]}"

    def wait_for_runs(self, number: int = 1, timeout: float = 20.0) -> list[Run]:
        """All runs, when this many have ended and none goes on."""
        self.wait_until(lambda: len(self.runs) >= number and all(run.status != "Running" for run in self.runs), timeout)
        return self.runs

    def close(self) -> None:
        self._closing.set()
        self._calling.set()
        self._http.shutdown()
        self._http.server_close()

    def __enter__(self) -> InngestServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- runs -------------------------------------------------------------------------------------

    def note_refusal(self) -> None:
        with self.changed:
            self.refused += 1
            self.changed.notify_all()

    def register(self, functions: list[dict[str, Any]]) -> dict[str, Any]:
        with self.changed:
            for function in (Function(one["id"], one) for one in functions):
                self.functions[function.id] = function
                self._limits[function.id] = threading.Semaphore(function.limit or 1000)
            self.changed.notify_all()
        app, sync = uuid.uuid5(uuid.NAMESPACE_URL, "app"), uuid.uuid4()
        return {"ok": True, "modified": True, "sync_id": str(sync), "app_id": str(app)}

    def _soon(self, run: Run, again: Again) -> None:
        threading.Thread(target=self._go, args=(run, again), name="inngest-call", daemon=True).start()

    def _go(self, run: Run, again: Again) -> None:
        wait = (OWN_PAUSE if again.wait is None else again.wait) * self.pace
        if self._closing.wait(wait) or run.status != "Running":
            return
        self._calling.wait()
        with self._place(run.function):
            if run.status != "Running" or self._closing.is_set():
                return
            answer = self._call(run, again.call)
        failed: dict[str, Any] | None = None
        with self.changed:
            if run.status != "Running" or self._closing.is_set():
                return
            then = after(run, again.call, answer)
            if then.ended:
                run.status = then.ended
                if then.ended == "Failed":
                    failed = failure_of(run, answer)
            self.changed.notify_all()
        for one in then.calls:
            self._soon(run, one)
        if failed:
            self.send(failed)

    @contextlib.contextmanager
    def _place(self, function: Function) -> Iterator[None]:
        with self._limits[function.id]:
            with self.changed:
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
            try:
                yield
            finally:
                with self.changed:
                    self.under_way -= 1
                    self.changed.notify_all()

    def _call(self, run: Run, call: Call) -> Answer:
        with self.changed:
            headers, body = call_headers(run, call), call_body(run, call)
            url = run.function.url.replace("stepId=step", f"stepId={call.step}")
            self.calls.append(Posted(url, headers, body))
        return self._ask("POST", url, headers, body)

    # --- the wire ---------------------------------------------------------------------------------

    def _ask(self, method: str, url: str, headers: dict[str, str], body: Any) -> Answer:
        data = b"" if body is None else json.dumps(body).encode()
        signed = {}
        if self.signing_key:
            signed["x-inngest-signature"] = signature(canonical(body), self.forge or self.signing_key)
        answer = Answer(0)
        with contextlib.suppress(requests.RequestException), requests.Session() as session:
            session.trust_env = False
            found = session.request(method, url, data=data, headers={**headers, **signed}, timeout=60)
            told = {key.lower(): value for key, value in found.headers.items()}
            answer = Answer(found.status_code, told, _json(found.content))
            if answer.status < 400 and not self._believes(found.content, told):
                answer = Answer(0, body="not signed")
        with self.changed:
            self.exchanges.append(Exchange(method, url.partition("?")[2], headers, body, answer))
            self.changed.notify_all()
        return answer

    def _believes(self, content: bytes, headers: dict[str, str]) -> bool:
        return not self.signing_key or signed_by(self.signing_key, content, headers.get("x-inngest-signature", ""))


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode("utf-8", "replace")
