"""A real browser: the system's Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

expect.set_options(timeout=20_000)
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def program() -> str:
    """The browser's place. Skips the test where there is none, which on CI is a failure."""
    found = next(filter(None, map(shutil.which, NAMES)), "")
    if not found:
        assert not os.environ.get("CI"), "CI has no Chromium"
        pytest.skip("there is no Chromium here")
    return found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the tests of a file: as long as Playwright is there an event loop runs in this thread, beside
    which DBOS does not start. Chromium's sandbox does not start for root, nor in most containers."""
    place = program()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """Somebody with a browser of their own. What the page complains of in the console is a failure, unless a test
    says that it is ``expected``."""

    def __init__(self, browser: Browser, **settings: Any) -> None:
        self.context: BrowserContext = browser.new_context(**settings)
        self.context.set_default_timeout(20_000)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        # The server has left; a preview was over when it was asked for.
        self.expected: tuple[str, ...] = ("ERR_CONNECTION", "Connection closed before", "/previews/")
        self.page = self.new_page()

    def new_page(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        return page

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def close(self) -> None:
        self.context.close()
        left = [one for one in self.complaints if not any(word in one for word in self.expected)]
        assert not left, left


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Visitor]:
    """A visitor with a window of 1280 × 800."""
    visitor = Visitor(chromium, viewport={"width": 1280, "height": 800})
    yield visitor
    visitor.close()


def serious(page: Page) -> list[str]:
    """What axe-core finds serious or critical on the page, a line each."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"preload": False}).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {node['html']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def picture(page: Page, path: Path) -> None:
    """Take a picture of the window, for a person to look at."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path)
