"""What the stories about the ComfyUI backend share: a project that wants images of a server, the process
that makes them, and what must hold however that ended."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests
from PIL import Image

from imagegen import png
from tests.conftest import Outcome, Project
from tests.servers.comfyui import ComfyServer
from tests.servers.comfyui_types import recorded

QUICK = {"retry_delay": 0.02, "request_timeout": 2}
"""Settings of the `backends.comfyui` block under which nothing waits long."""
SMALL = {"checkpoint": "dream.safetensors", "size": "64x64", "steps": 2}
PATIENCE = 20  # seconds for a process to end; none should come near it


# A project and its server


def wants(
    project: Project, server: ComfyServer | str, *names: str, block: Mapping[str, Any] | None = None, **defaults: Any
) -> None:
    """A manifest of one job `images` with an item for each of `names`, made by `server` (or what is at a URL).

    `block` adds to the server's settings, `defaults` to those of the images.
    """
    url = server if isinstance(server, str) else server.url
    manifest = {
        "backends": {"comfyui": {"url": url, **QUICK, **(block or {})}},
        "defaults": {**SMALL, **defaults},
        "items": [{"name": name, "prompt": prompt_for(name)} for name in names],
    }
    project.manifest(json.dumps(manifest, ensure_ascii=False, indent=1))


def changes(project: Project, name: str, **settings: Any) -> None:
    """Give the item of that name these settings."""
    manifest = json.loads((project.root / "assets.yaml").read_text("utf-8"))
    (item,) = (item for item in manifest["items"] if item["name"] == name)
    item.update(settings)
    project.manifest(json.dumps(manifest, ensure_ascii=False, indent=1))


def prompt_for(name: str) -> str:
    return f"portrait of {name}"


def target(name: str) -> str:
    return f"assets/images/{name.lower()}.png"


@contextlib.contextmanager
def started(project: Project, *words: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """`imagegen WORDS`, under way; at the end of the `with` it is gone."""
    process = project.start(*words, **environ)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], timeout: float = PATIENCE) -> Outcome:
    """What a process did, once it has ended by itself."""
    out, err = process.communicate(timeout=timeout)
    return Outcome(process.returncode, out, err)


def eventually(predicate: Callable[[], Any], timeout: float = 5.0) -> None:
    """Wait until what no server hears of is true, such as that a file is there."""
    until = time.monotonic() + timeout
    while not predicate():
        assert time.monotonic() < until, f"not within {timeout} s"
        time.sleep(0.01)


def there(project: Project, *names: str) -> list[str]:
    """Those of the images that are there."""
    return [name for name in names if (project.root / target(name)).exists()]


# Somebody else at the same server


def txt2img(**changed: Any) -> dict[str, Any]:
    """The recorded graph; `changed`: values of inputs by name, wherever they are."""
    graph: dict[str, Any] = copy.deepcopy(next(iter(recorded("txt2img")["history"].values()))["prompt"][2])
    for node in graph.values():
        node["inputs"].update({name: value for name, value in changed.items() if name in node["inputs"]})
    return graph


def others_job(server: ComfyServer, **changed: Any) -> str:
    """Another client queues a job; its id."""
    with requests.Session() as http:
        http.trust_env = False
        body = {"prompt": txt2img(ckpt_name="ink.safetensors", **changed), "client_id": "somebody-else"}
        answer = http.post(f"{server.url}/prompt", json=body, timeout=5)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["prompt_id"])


def queued(server: ComfyServer) -> list[str]:
    """The ids of all jobs at the server, the running one first."""
    with server.changed:
        return [server.running, *server.pending] if server.running else server.pending


def held_after(server: ComfyServer, before: str | None) -> None:
    """Wait until another job than that one runs and is held."""
    server.wait_until(lambda: server.held not in (None, before))


def held_at(server: ComfyServer, submission: int) -> None:
    """Wait until the job of that submission, counted from 1, runs and is held."""
    server.wait_until(lambda: len(server.submitted) == submission and server.held == server.submitted_ids[-1])


def our_client(server: ComfyServer) -> str:
    """The one client id that the prompts of a run were submitted under."""
    (client,) = {request.body["client_id"] for request in server.asked("POST", "/prompt")}
    return str(client)


# What must hold


def whole(data: bytes) -> bool:
    """Whether every chunk and every pixel of a PNG is there."""
    try:
        list(png.chunks(data))
        png.pixel_digest(data)
    except png.NotWhole:
        return False
    return True


def texts(data: bytes) -> Mapping[str, str]:
    """The text chunks of a PNG."""
    return png.texts_in(png.chunks(data))


def drawn(server: ComfyServer, prompt: str) -> str:
    """The digest of the pixels that the server drew for a prompt."""
    found = set()
    for folder in ("output", "temp"):
        for name in server.files.names(folder):
            subfolder, _, filename = name.rpartition("/")
            data = server.files.read(folder, subfolder, filename) or b""
            with Image.open(io.BytesIO(data)) as image:
                graph = json.loads(image.info["prompt"])
            if prompt in [node["inputs"].get("text") for node in graph.values()]:
                found.add(png.pixel_digest(data))
    assert len(found) == 1, f"the server drew {len(found)} pictures of {prompt!r}"
    return found.pop()


def made(project: Project, server: ComfyServer, *names: str) -> None:
    """Each image is there, whole, with the pixels that the server drew for just this one."""
    for name in names:
        data = project.png(target(name))
        assert whole(data)
        assert png.pixel_digest(data) == drawn(server, prompt_for(name)), name
        assert json.loads(texts(data)["imagegen"])["recipe"]["prompt"] == prompt_for(name)


def not_made(project: Project, *names: str) -> None:
    assert there(project, *names) == []


def tidy(project: Project, server: ComfyServer, *others: str) -> None:
    """Nothing half-written is left in the project, and at the server no job but those of `others`."""
    assert project.stray_files() == []
    for path in project.root.rglob("*.png"):
        assert whole(path.read_bytes()), path
    server.wait_until(lambda: set(queued(server)) <= set(others))
    assert server.clearances == 0
    assert None not in server.interrupts
    assert not set(others) & {*server.deleted, *server.interrupts, *server.history_deleted}
