"""How long it takes to find that nothing is to be done, beside stock doit, make and ninja.

    python benchmarks/noop.py [--items 10000] [--rounds 5]

One folder for each tool, with N files that are all as they should be. The tools take turns, round after
round, so that a machine whose speed drifts is fair to all; the medians and their ratios to stock doit are
printed, with peak memory. Wanted at 10,000: `imagegen run` at most 0.15 of stock doit's time, plain `doit`
at most 0.35, under 100 MB. Tools that are not installed are left out, and said.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from imagegen import manifest, stamp
from imagegen.commands.init import DODO, doit_lines

STOCK = """\
from doit.tools import config_changed

DOIT_CONFIG = {"backend": "json", "dep_file": "doit.json"}


def task_kins():
    for number in range(%d):
        yield {
            "name": f"kin-{number}",
            "actions": [(make, [f"out/kin-{number}.png"])],
            "targets": [f"out/kin-{number}.png"],
            "uptodate": [config_changed({"prompt": f"portrait of kin {number}", "seed": number, "steps": 25})],
        }


def make(path):
    open(path, "wb").close()
"""


def ours(folder: Path, count: int, loader: bool) -> None:
    """A project of ours whose pictures are fresh; with ``loader`` plain doit knows our loader."""
    items = "".join(f"      - {{name: Kin number {n}, seed: {n}}}\n" for n in range(count))
    folder.mkdir()
    (folder / "assets.yaml").write_text(
        "defaults: {backend: comfyui, checkpoint: dream.safetensors, negative_prompt: blurry, steps: 25, cfg: 7}\n"
        "jobs:\n  kins:\n    prompt: portrait of ${name}, ink and watercolour, muted earth tones\n    items:\n" + items,
        encoding="utf-8",
    )
    (folder / "dodo.py").write_text(DODO, encoding="utf-8")
    if loader:
        (folder / "pyproject.toml").write_text(doit_lines(), encoding="utf-8")
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), (40, 90, 120)).save(picture, "PNG")
    for item in manifest.load(folder / "assets.yaml").items:
        path = folder / item.target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stamp.made(picture.getvalue(), json.loads(item.recipe), {}, {"prompt": "{}"}))


def others(folder: Path, count: int) -> None:
    """The same number of targets for stock doit, make and ninja."""
    (folder / "out").mkdir(parents=True)
    (folder / "in").mkdir()
    (folder / "dodo.py").write_text(STOCK % count, encoding="utf-8")
    for number in range(count):
        (folder / "in" / f"kin-{number}.txt").write_text("portrait\n")
    for number in range(count):
        (folder / "out" / f"kin-{number}.png").write_bytes(b"png")
    names = " ".join(f"out/kin-{n}.png" for n in range(count))
    (folder / "Makefile").write_text(f"all: {names}\nout/%.png: in/%.txt\n\tcp $< $@\n")
    (folder / "build.ninja").write_text(
        "rule make\n command = cp $in $out\n"
        + "".join(f"build out/kin-{n}.png: make in/kin-{n}.txt\n" for n in range(count))
    )


SPAWN = """\
import os, sys, time
began = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ,
    file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_DUP2, 1, 2)])
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - began, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
"""A small parent: a process begins with its parent's peak memory, and this one's pictures are large."""


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall seconds and peak memory in MiB (not below the small parent's own, about 8) of one run."""
    # Compiled files, as an installed program has them.
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    whole = [shutil.which(command[0]) or command[0], *command[1:]]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", SPAWN, *whole],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, memory, status = done.stdout.split()
    if int(status):
        raise SystemExit(f"{' '.join(command)} failed with {status} in {folder}")
    return float(seconds), int(memory) / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> None:
    """Measure and print."""
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--items", type=int, default=10_000)
    wanted.add_argument("--rounds", type=int, default=5)
    args = wanted.parse_args()
    beside = Path(sys.executable).parent
    doit, imagegen = str(beside / "doit"), str(beside / "imagegen")
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        print(f"making {args.items} pictures …", file=sys.stderr)
        ours(root / "ours", args.items, loader=False)
        ours(root / "loader", args.items, loader=True)
        others(root / "others", args.items)
        runs = {
            "stock doit": ([doit], root / "others"),
            "imagegen run": ([imagegen, "run"], root / "ours"),
            "imagegen status": ([imagegen, "status"], root / "ours"),
            "doit, only a dodo.py": ([doit], root / "ours"),
            "doit, our loader": ([doit], root / "loader"),
            "doit list": ([doit, "list"], root / "ours"),
            "stock doit list": ([doit, "list"], root / "others"),
            "imagegen --help": ([imagegen, "--help"], root / "ours"),
            "python -c pass": ([sys.executable, "-c", "pass"], root / "ours"),
        }
        for name, command in {"make": ["make"], "make -rR": ["make", "-rR"], "ninja": ["ninja"]}.items():
            if shutil.which(command[0]):
                runs[name] = (command, root / "others")
            else:
                print(f"left out: {command[0]} is not installed", file=sys.stderr)
        for command, folder in runs.values():
            timed(command, folder)  # a first run each, uncounted: caches are written, stock doit records
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for _ in range(args.rounds):
            for name, (command, folder) in runs.items():
                taken[name].append(timed(command, folder))
        stock = statistics.median(seconds for seconds, _ in taken["stock doit"])
        print(f"{args.items} items, {args.rounds} rounds, medians\n")
        print(f"{'':22} {'ratio':>7} {'seconds':>8} {'least':>7} {'most':>7} {'MiB':>6}")
        for name, all_taken in taken.items():
            seconds = [one for one, _ in all_taken]
            middle, memory = statistics.median(seconds), max(peak for _, peak in all_taken)
            print(
                f"{name:22} {middle / stock:7.3f} {middle:8.3f} {min(seconds):7.3f} {max(seconds):7.3f} {memory:6.0f}"
            )


if __name__ == "__main__":
    main()
