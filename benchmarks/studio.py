"""What the studio takes for many images, beside what it takes for few, and beside the command line.

    python benchmarks/studio.py [--items 10000] [--rounds 3] [--made 200]

Prints ratios of one run, medians of the rounds, and in brackets what was measured; less is better, and 1 means that
the number of images does not matter. Wants the extra `studio`, httpx, and for the page Playwright and a Chromium.
The page is drawn by the CPU: what counts is how it is with many beside how it is with few, at one speed.
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
from websockets.sync.client import connect

FEW = 100


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--made", type=int, default=200, help="images that are made beside an open studio")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        many, few = (projects(Path(folder) / str(count), count) for count in (asked.items, FEW))
        status(many, few, asked.rounds)
        for kind in ("inline", "storyboard"):
            starting(kind, many, few, asked.rounds)
            with studio(many / kind) as large, studio(few / kind) as small:
                for what, path in PATHS.items():
                    ask = lambda at, path=path: at.client.get(path).raise_for_status()  # noqa: E731
                    compare(f"{kind}: {what}", ask, large, small, asked.rounds * 5)
                beside_a_run(kind, large, small, asked.made)
                if kind == "inline":
                    page(large, small, asked.rounds)  # with the pictures that were made


PATHS = {
    "a window of 100 items": "/api/items?offset=0&limit=100",
    "the last window": "/api/items?offset=999999&limit=100",
    "items with a word": "/api/items?q=number+7&limit=100",
    "items with a verdict": "/api/items?state=missing&limit=100",
    "the project": "/api/project",
}


class Studio(NamedTuple):
    """One that is open, and how to talk to it; ``began`` are the seconds until it answered."""

    root: Path
    process: psutil.Process
    client: httpx.Client
    link: str
    began: float

    def seconds(self) -> float:
        """Of the CPU, until now."""
        used = self.process.cpu_times()
        return float(used.user + used.system)


def projects(root: Path, count: int) -> Path:
    """Beside each other a manifest of ``count`` items and a storyboard of as many sentences; nothing is made."""
    inline, board = root / "inline", root / "storyboard"
    for folder in (inline, board):
        folder.mkdir(parents=True)
    items = "".join(f"      - {{name: Kin number {n}, seed: {n}}}\n" for n in range(count))
    (inline / "assets.yaml").write_text(
        "defaults: {backend: placeholder, size: 320x180}\njobs:\n  kins:\n    prompt: portrait of ${name}\n    items:\n"
        + items,
        encoding="utf-8",
    )
    (board / "script.csv").write_text("text\n" + "".join(f"Kin number {n}.\n" for n in range(count)), encoding="utf-8")
    run(board, "storyboard", "import", "script.csv")
    with (board / "assets.yaml").open("a", encoding="utf-8") as manifest:
        manifest.write("    size: 320x180\n")
    for folder in (inline, board):
        run(folder, "status")  # the manifest is checked and kept
    return root


def run(root: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "imagegen", *words], cwd=root, env=ENVIRON, check=True, capture_output=True)


ENVIRON = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def status(many: Path, few: Path, rounds: int) -> None:
    """`status`, which judges everything."""

    def judge(root: Path) -> None:
        run(root, "status", "--json")

    inline, board, few_board = many / "inline", many / "storyboard", few / "storyboard"
    compare("status of a storyboard, against the same items in the manifest", judge, board, inline, rounds, "")
    compare("status of a storyboard", judge, board, few_board, rounds)


@contextmanager
def studio(root: Path) -> Iterator[Studio]:
    """A studio of the project's own, once it answers with its items."""
    before = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "imagegen", "studio", "--port", "0"], cwd=root, env=ENVIRON, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        link = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
        url, _, token = link.partition("/?token=")
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, headers=headers, timeout=120, trust_env=False) as client:
            while client.get("/api/project").json()["total"] == 0:
                time.sleep(0.1)
            yield Studio(root, psutil.Process(process.pid), client, link, time.perf_counter() - before)
    finally:
        process.terminate()
        process.wait(30)


def starting(kind: str, many: Path, few: Path, rounds: int) -> None:
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for root, values in zip((many, few), took, strict=True):
            with studio(root / kind) as at:
                values.append(at.began)
    first, second = map(statistics.median, took)
    print(
        f"{kind}: until a studio answers, against {FEW} images: {first / second:.2f} ({first:.1f} and {second:.1f} s)"
    )


def compare(
    what: str, do: Callable[[Any], object], large: Any, small: Any, rounds: int, whom: str = f", against {FEW} images"
) -> None:
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for at, values in zip((large, small), took, strict=True):
            began = time.perf_counter()
            do(at)
            if number:
                values.append(time.perf_counter() - began)
    first, second = map(statistics.median, took)
    print(f"{what}{whom}: {first / second:.2f} ({first * 1000:.1f} and {second * 1000:.1f} ms)")


SETTLED = 3.0
"""Seconds in which a studio sees all that a run has made."""


def beside_a_run(kind: str, large: Studio, small: Studio, made: int) -> None:
    """The studio's share of a CPU while the command line makes images and a page hears of it."""
    print(f"{kind}: memory of the studio, against {FEW} images: {memory(large) / memory(small):.2f} "
          f"({memory(large):.0f} and {memory(small):.0f} MB)")  # fmt: skip
    took = []
    for at in (large, small):
        found = at.client.get("/api/items", params={"limit": min(made, 500)}).json()["items"]
        tasks = [one["task"] for one in found]
        time.sleep(SETTLED)
        idle, at_rest = at.seconds(), time.perf_counter()
        time.sleep(SETTLED)
        before, began = at.seconds(), time.perf_counter()
        resting = (before - idle) / (began - at_rest)
        with listening(at):
            run(at.root, "run", *tasks)
            time.sleep(SETTLED)
        elapsed = time.perf_counter() - began
        used = at.seconds() - before
        took.append((used - resting * elapsed) / len(tasks) * 1000)
        print(f"{kind}: CPU of a studio of {at.client.get('/api/project').json()['total']} at rest: {resting:.1%}, "
              f"beside a run of {len(tasks)} images: {used / elapsed:.0%}, {took[-1]:.1f} ms for an image")  # fmt: skip


@contextmanager
def listening(at: Studio) -> Iterator[None]:
    """A page's connection."""
    address = at.client.base_url.copy_with(scheme="ws", path="/api/live")
    headers = {"Authorization": at.client.headers["Authorization"]}
    with connect(str(address), additional_headers=headers, proxy=None, max_size=None) as live:
        heard = threading.Thread(target=lambda: collections.deque(live, maxlen=0), daemon=True)
        heard.start()
        yield
    heard.join()


def memory(at: Studio) -> float:
    return float(at.process.memory_info().rss / 1e6)


FRAMES = """([speed, seconds]) => new Promise((done) => {
  const gaps = []; const from = performance.now(); let last = from;
  requestAnimationFrame(function frame(now) {
    gaps.push(now - last); last = now;
    const end = document.documentElement.scrollHeight - innerHeight;  // it grows when the first items come
    const way = speed * (now - from) / 1000 % (2 * end);
    scrollTo(0, Math.min(way, 2 * end - way));
    if (now - from < seconds * 1000) requestAnimationFrame(frame); else done(gaps);
  });
})"""
SPEEDS = {"reading": 600, "a swing of the wheel": 4000}
"""Pixels a second."""


def page(large: Studio, small: Studio, rounds: int) -> None:
    """The page in a browser: until the first cards are there, and its frames while it is scrolled."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("no Playwright: the page is left out")
        return
    place = shutil.which("chromium") or shutil.which("google-chrome")
    if not place:
        print("no Chromium: the page is left out")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place, args=["--no-sandbox"])

        def opened(at: Studio) -> Any:
            window = browser.new_page(viewport={"width": 1280, "height": 800})
            window.goto(at.link)
            window.get_by_role("gridcell").first.get_by_text("Kin number").wait_for()
            return window

        compare("the page until its first cards", lambda at: opened(at).close(), large, small, rounds)
        for what, speed in {**SPEEDS, "all of the many in 4 s": None}.items():
            for name, at in (("many", large), ("few", small)):
                window = opened(at)
                height = window.evaluate("document.documentElement.scrollHeight")
                gaps = window.evaluate(FRAMES, [speed or height / 4, 4])
                late = sum(gap > 34 for gap in gaps) / len(gaps)
                cells = window.get_by_role("gridcell").count()
                print(
                    f"scrolling through {name}, {what}: {late:.0%} of the frames later than 1/30 s, "
                    f"{statistics.median(gaps):.0f} ms a frame; {cells} cards in the document"
                )
                window.close()
        browser.close()


if __name__ == "__main__":
    main()
