"""Images a second through the ComfyUI backend: what it costs beside the servers' own work.

    python benchmarks/overhead.py [--images 600] [--rounds 3] [--work 0.006] [--each 30] [--only cost servers memory]

The servers are tests/servers/comfyui.py, each in a process of its own. Three things are measured:

``cost``: one server whose work takes almost no time (``--work``: a real server's own work on a graph without
a model was measured at 0.005 to 0.008 s). Beside `imagegen run` (its whole life, from start to exit) stand two
clients without any of its care: the naive script, which posts, asks each second and fetches; and one that
queues all prompts at once and fetches each as it is done, which is the most that the server gives. Wanted: at
least 10 times the naive script, and at least 0.9 of all at once.

``servers``: 1, 2 and 4 servers where an image takes 1 s, ``--each`` images for each. Wanted: 4 servers give at
least 3.8 times the images a second of one.

``memory``: the most that a run of 100 and one of 2,000 images take. Wanted: the same.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import requests
import websocket

from imagegen.backends.comfyui import graph

HERE = Path(__file__).parent.parent


@contextlib.contextmanager
def server(work: float) -> Iterator[str]:
    """A stand-in ComfyUI's address."""
    command = [sys.executable, "-m", "tests.servers.comfyui", "--port", "0", "--work", str(work)]
    child = subprocess.Popen(
        [*command, "--checkpoints", "dream.safetensors"], cwd=HERE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        yield child.stdout.readline().strip()
    finally:
        child.terminate()
        child.wait()


def prompt(seed: int) -> dict[str, Any]:
    """The graph that imagegen would send, under a prefix of its own."""
    made = {**graph.DEFAULTS, "checkpoint": "dream.safetensors", "prompt": f"kin {seed}", "seed": seed}
    return graph.built_in({**made, "width": 64, "height": 64, "steps": 1}, f"bench/{uuid.uuid4()}")


def fetch(session: requests.Session, url: str, prompt_id: str) -> bool:
    """Get a finished prompt's picture; False while it is not finished."""
    entry = session.get(f"{url}/history/{prompt_id}").json().get(prompt_id)
    if not entry:
        return False
    image = next(image for output in entry["outputs"].values() for image in output["images"])
    assert session.get(f"{url}/view", params=image).content.startswith(b"\x89PNG")
    return True


def naive(url: str, images: int) -> float:
    """Post, ask each second, fetch."""
    began = time.perf_counter()
    with requests.Session() as session:
        for number in range(images):
            answer = session.post(f"{url}/prompt", json={"prompt": prompt(number)}).json()
            while not fetch(session, url, answer["prompt_id"]):
                time.sleep(1)
    return images / (time.perf_counter() - began)


def all_at_once(url: str, images: int) -> float:
    """Queue everything, listen, fetch each as it is done."""
    client = uuid.uuid4().hex
    socket = websocket.create_connection(f"ws{url.removeprefix('http')}/ws?clientId={client}", suppress_origin=True)
    began = time.perf_counter()
    with requests.Session() as session:
        waiting = set()
        for number in range(images):
            body = {"prompt": prompt(number), "client_id": client}
            waiting.add(session.post(f"{url}/prompt", json=body).json()["prompt_id"])
        while waiting:
            message = json.loads(socket.recv())
            if message["type"] == "executing" and message["data"]["node"] is None:
                assert fetch(session, url, message["data"]["prompt_id"])
                waiting.discard(message["data"]["prompt_id"])
    rate = images / (time.perf_counter() - began)
    socket.close()
    return rate


class Run(NamedTuple):
    """A whole `imagegen run`: images a second, and the most memory it took, in MiB."""

    rate: float
    memory: float


def ours(urls: list[str], images: int) -> Run:
    """`imagegen run` from nothing, its start and its end included."""
    with tempfile.TemporaryDirectory() as folder:
        items = ", ".join(f"{{name: Kin {number}, seed: {number}}}" for number in range(images))
        Path(folder, "assets.yaml").write_text(
            "defaults: {checkpoint: dream.safetensors, size: 64x64, steps: 1, prompt: 'kin ${name}'}\n"
            f"backends: {{comfyui: {{urls: {json.dumps(urls)}}}}}\nitems: [{items}]\n"
        )
        began = time.perf_counter()
        child = subprocess.Popen([sys.executable, "-m", "imagegen", "run"], cwd=folder, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        assert status == 0
        return Run(images / (time.perf_counter() - began), used.ru_maxrss / 1024)


def cost(args: argparse.Namespace) -> None:
    """One server with almost no work."""
    rates: dict[str, list[float]] = {"imagegen run": [], "all at once": [], "naive": []}
    clients: dict[str, Callable[[str], float]] = {
        "imagegen run": lambda url: ours([url], args.images).rate,
        "all at once": lambda url: all_at_once(url, args.images),
        "naive": lambda url: naive(url, 3),
    }
    for _ in range(args.rounds):
        for name, client in clients.items():
            with server(args.work) as url:
                rates[name].append(client(url))
    middle = {name: statistics.median(found) for name, found in rates.items()}
    print(f"{args.images} images of 64 × 64, {args.work * 1000:g} ms of the server's work each; {args.rounds} rounds\n")
    print(f"{'':14} {'images/s':>9} {'least':>7} {'most':>7}")
    for name, found in rates.items():
        print(f"{name:14} {middle[name]:9.1f} {min(found):7.1f} {max(found):7.1f}")
    print(f"\nimagegen run is {middle['imagegen run'] / middle['naive']:.0f} times the naive script, "
          f"and {middle['imagegen run'] / middle['all at once']:.2f} of all at once.")  # fmt: skip


def several(args: argparse.Namespace) -> None:
    """More and more servers where an image takes 1 s."""
    print(f"\n{args.each} images for each server, 1 s of its work each\n")
    print(f"{'servers':>7} {'images/s':>9} {'times one':>10}")
    one = 0.0
    for count in (1, 2, 4):
        with contextlib.ExitStack() as stack:
            urls = [stack.enter_context(server(1.0)) for _ in range(count)]
            rate = ours(urls, args.each * count).rate
        one = one or rate
        print(f"{count:7} {rate:9.2f} {rate / one:10.2f}")


def memory(args: argparse.Namespace) -> None:
    """Few images and many."""
    print(f"\n{'images':>7} {'MiB at most':>12}")
    for count in (100, 2000):
        with server(args.work) as url:
            print(f"{count:7} {ours([url], count).memory:12.1f}")


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {"cost": cost, "servers": several, "memory": memory}


def main() -> None:
    """Measure and print."""
    wanted = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    wanted.add_argument("--images", type=int, default=600)
    wanted.add_argument("--rounds", type=int, default=3)
    wanted.add_argument("--work", type=float, default=0.006)
    wanted.add_argument("--each", type=int, default=30)
    wanted.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    args = wanted.parse_args()
    for part in args.only:
        PARTS[part](args)


if __name__ == "__main__":
    main()
