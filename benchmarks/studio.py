"""What the studio takes for many images, beside what it takes for few, and beside the command line.

    python benchmarks/studio.py [--items 10000] [--rounds 3]

Prints ratios of one run, medians of the rounds; less is better, and 1 means that the number of images does not matter.
Wants the extra `studio`, httpx, and for the page Playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

FEW = 100


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        many, few = (project(Path(folder) / str(count), count) for count in (asked.items, FEW))
        storyboard(many, few, asked.rounds)
        with studio(many) as large, studio(few) as small:
            for what, path in PATHS.items():
                compare(what, lambda at, path=path: at.get(path).raise_for_status(), large, small, asked.rounds * 5)
            page(large, small, asked.rounds)


PATHS = {
    "a window of 100 items": "/api/items?offset=0&limit=100",
    "the last window": "/api/items?offset=999999&limit=100",
    "items with a word": "/api/items?q=number+7&limit=100",
    "items with a verdict": "/api/items?state=missing&limit=100",
    "the project": "/api/project",
}


def project(root: Path, count: int) -> Path:
    """A folder with a manifest of ``count`` items and a storyboard of as many sentences; nothing is made."""
    root.mkdir()
    items = "".join(f"      - {{name: Kin number {n}, seed: {n}}}\n" for n in range(count))
    (root / "assets.yaml").write_text(
        "defaults: {backend: placeholder, size: 64x64}\njobs:\n  kins:\n    prompt: portrait of ${name}\n    items:\n"
        + items,
        encoding="utf-8",
    )
    (root / "inline").mkdir()
    shutil.copy(root / "assets.yaml", root / "inline")
    script = root / "board" / "script.csv"
    script.parent.mkdir()
    script.write_text("text\n" + "".join(f"Sentence number {n}.\n" for n in range(count)), encoding="utf-8")
    run(root / "board", "storyboard", "import", "script.csv")
    return root


def run(root: Path, *words: str) -> None:
    subprocess.run([sys.executable, "-m", "imagegen", *words], cwd=root, env=ENVIRON, check=True, capture_output=True)


ENVIRON = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def storyboard(many: Path, few: Path, rounds: int) -> None:
    """`status`, which judges everything."""
    took: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for name, root in (("inline", many / "inline"), ("storyboard", many / "board"), ("few", few / "board")):
            began = time.perf_counter()
            run(root, "status", "--json")
            if number:  # the first fills the stores
                took.setdefault(name, []).append(time.perf_counter() - began)
    middle = {name: statistics.median(values) for name, values in took.items()}
    print(
        f"status of a storyboard, against the same items in the manifest: {middle['storyboard'] / middle['inline']:.2f}"
    )
    print(f"status of a storyboard, against one of {FEW} sentences: {middle['storyboard'] / middle['few']:.2f}")


@contextmanager
def studio(root: Path) -> Iterator[httpx.Client]:
    """A studio of the project's own, and somebody who talks to it; its link is the client's `link` header."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "imagegen", "studio", "--port", "0"], cwd=root, env=ENVIRON, text=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        link = next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
        url, _, token = link.partition("/?token=")
        headers = {"Authorization": f"Bearer {token}", "X-Link": link}
        with httpx.Client(base_url=url, headers=headers, timeout=120, trust_env=False) as client:
            while client.get("/api/project").json()["total"] == 0:
                time.sleep(0.1)
            yield client
    finally:
        process.terminate()
        process.wait(30)


def compare(what: str, do: Callable[[Any], object], large: Any, small: Any, rounds: int) -> None:
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for at, values in zip((large, small), took, strict=True):
            began = time.perf_counter()
            do(at)
            if number:
                values.append(time.perf_counter() - began)
    first, second = map(statistics.median, took)
    print(f"{what}, against {FEW} images: {first / second:.2f} ({first * 1000:.1f} ms)")


FRAMES = """() => new Promise((done) => {
  const gaps = []; const from = performance.now(); let last = from;
  const end = document.body.scrollHeight;
  requestAnimationFrame(function frame(now) {
    gaps.push(now - last); last = now;
    const part = (now - from) / 4000;
    scrollTo(0, end * part);
    if (part < 1) requestAnimationFrame(frame); else done(gaps);
  });
})"""


def page(large: httpx.Client, small: httpx.Client, rounds: int) -> None:
    """The page in a browser: until the first cards are there, and its frames while all of it scrolls past in 4 s."""
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

        def opened(at: httpx.Client) -> Any:
            window = browser.new_page(viewport={"width": 1280, "height": 800})
            window.goto(at.headers["X-Link"])
            window.get_by_role("gridcell").first.get_by_text("Kin number").wait_for()
            return window

        compare("the page until its first cards", lambda at: opened(at).close(), large, small, rounds)
        for name, at in (("many", large), ("few", small)):
            window = opened(at)
            gaps = window.evaluate(FRAMES)
            late = sum(gap > 34 for gap in gaps) / len(gaps)
            cells = window.get_by_role("gridcell").count()
            print(
                f"scrolling through {name}: {late:.0%} of the frames later than 1/30 s; {cells} cards in the document"
            )
            window.close()
        browser.close()


if __name__ == "__main__":
    main()
