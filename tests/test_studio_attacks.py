"""Other pages in the browser of somebody who has the studio open: none gets in, and none starts anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import Visitor, chromium
from tests.conftest import Project
from tests.studios import Studio, state_home

__all__ = ["chromium"]

PROMPT = "a secret prompt"

TRY = """async ([studio, socket]) => {
    const told = {};
    const post = (type, more) => fetch(`${studio}/api/builds`, {
        method: "POST", credentials: "include", headers: {"Content-Type": type}, body: '{"all": true}', ...more});
    const ended = (element, parent) => new Promise((done) => {
        element.onload = () => done("loaded");
        element.onerror = () => done("refused");
        (parent ?? document.body).append(element);
    });
    told.simple = await post("text/plain", {mode: "no-cors"}).then((one) => one.type, () => "refused");
    told.json = await post("application/json", {}).then((one) => one.status, () => "refused");
    told.read = await fetch(`${studio}/api/items`, {credentials: "include"}).then((one) => one.text(), () => "refused");
    told.live = await new Promise((done) => {
        const live = new WebSocket(`${socket}/api/live`);
        live.onmessage = (event) => done(event.data);
        live.onopen = () => done("open");
        live.onerror = () => done("refused");
    });
    for (const [kind, address] of [["img", "/pictures/images:a"], ["script", "/static/app.js"]]) {
        const element = document.createElement(kind);
        element.src = studio + address;
        told[kind] = await ended(element);
    }
    const frame = document.createElement("iframe");
    frame.name = "framed";
    frame.src = `${studio}/`;
    await ended(frame);
    const form = document.createElement("form");
    Object.assign(form, {method: "post", action: `${studio}/api/builds`, enctype: "text/plain", target: "framed"});
    const field = document.createElement("input");
    Object.assign(field, {name: '{"all": true, "x": "', value: '"}'});
    form.append(field);
    document.body.append(form);
    const answered = new Promise((done) => { frame.onload = done; });
    form.submit();
    await answered;
    return told;
}"""


class Elsewhere(BaseHTTPRequestHandler):
    """A web page of somebody else's."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title><body>")

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody wants to know."""


@pytest.fixture
def port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def studio(project: Project) -> Iterator[Studio]:
    state_home(project)
    project.manifest(f"defaults: {{backend: placeholder, prompt: {PROMPT}, size: 16x16}}\nitems: [a, b]\n")
    project.run("run", "images:a").exits(0)
    with Studio(project) as running:
        yield running


@pytest.fixture
def at_home(chromium: Browser, studio: Studio) -> Iterator[Visitor]:
    """Somebody who has the studio open, and its cookie with it."""
    visitor = Visitor(chromium)
    visitor.page.goto(studio.link)
    visitor.page.get_by_role("gridcell").first.wait_for()
    assert [one["name"] for one in visitor.context.cookies()] == [f"imagegen_{studio.port}"]
    yield visitor
    visitor.complaints.clear()  # the browser says of each attack that it was refused
    visitor.close()


def nothing_happened(studio: Studio) -> None:
    found = studio.get("/api/project")
    assert (found["states"]["missing"], found["states"]["fresh"], found["busy"]) == (1, 1, 0)


def texts(page: Page) -> str:
    """What a page and all its frames show."""
    return "\n".join(frame.content() for frame in page.frames)


@pytest.mark.parametrize("host", ["127.0.0.1", "evil.localhost"], ids=["another port here", "another site"])
def test_another_page_can_do_nothing(host: str, studio: Studio, at_home: Visitor, port: int) -> None:
    """Of another port here, which is the same site so that cookies come along; and of another site."""
    page = at_home.new_page()
    page.goto(f"http://{host}:{port}/")
    told = page.evaluate(TRY, [studio.url, studio.url.replace("http", "ws")])
    assert told.pop("simple") in ("opaque", "refused")  # sent, and its answer kept from the page
    assert set(told.values()) == {"refused"}, told
    assert PROMPT not in texts(page)
    nothing_happened(studio)


def test_a_name_that_is_pointed_here_opens_nothing(studio: Studio, at_home: Visitor) -> None:
    """DNS rebinding: to the browser the studio is then the attacker's own site."""
    page = at_home.new_page()
    address = f"http://evil.localhost:{studio.port}"
    answer = page.goto(f"{address}/?token={studio.token}")
    assert answer is not None and answer.status == 403
    read = page.evaluate("async () => (await fetch('/api/items', {credentials: 'include'})).status")
    start = page.evaluate("async () => (await fetch('/api/builds', {method: 'POST', body: '{\"all\": true}'})).status")
    assert (read, start) == (403, 403)
    nothing_happened(studio)


def test_a_link_on_another_page_leads_into_the_studio_and_nothing_looks_over_its_shoulder(
    studio: Studio, at_home: Visitor, port: int
) -> None:
    page = at_home.new_page()
    page.goto(f"http://evil.localhost:{port}/")
    with at_home.context.expect_page() as opening:
        page.evaluate("address => { window.opened = window.open(address); }", f"{studio.url}/")
    opened = opening.value
    opened.get_by_role("link").click()  # the cookie stays at home until somebody clicks
    opened.get_by_role("gridcell").first.wait_for()
    assert page.evaluate("() => window.opened.closed || window.opened.length === 0")
    assert (
        page.evaluate("() => { try { return window.opened.document.title } catch { return 'refused' } }") != "imagegen"
    )
    assert opened.evaluate("() => window.opener") is None


def test_the_printed_link_works_from_another_page(chromium: Browser, studio: Studio, port: int) -> None:
    """A terminal in a web page, a message: the browser keeps cookies back from what begins there."""
    visitor = Visitor(chromium)
    visitor.page.goto(f"http://evil.localhost:{port}/")
    visitor.page.evaluate("address => { location.href = address; }", studio.link)
    visitor.page.get_by_role("gridcell").first.wait_for()
    assert visitor.page.url.partition("#")[0] == f"{studio.url}/"
    visitor.close()
