"""What must hold however a story ended: right images or clear errors, nothing half-written, nothing left."""

from __future__ import annotations

from collections.abc import Iterable

import requests

from imagegen import png
from tests.comfyui_stories import eventually, there, whole
from tests.comfyui_stories import target as target_of
from tests.conftest import Outcome, Project


def right(project: Project, pictures: dict[str, str]) -> None:
    """Each image is there with the pixels of that digest, and nothing half-written is beside it."""
    found = {name: png.pixel_digest(project.png(target_of(name))) for name in there(project, *pictures)}
    assert found == pictures
    clean(project)


def right_or_named(project: Project, outcome: Outcome, pictures: dict[str, str]) -> list[str]:
    """Each image is right, or an error names its item; those that are missing."""
    here = there(project, *pictures)
    right(project, {name: pictures[name] for name in here})
    missing = [name for name in pictures if name not in here]
    outcome.exits(1 if missing else 0).says(*(f"images:{name.lower()}" for name in missing))
    outcome.says(f"{len(here)} made, 0 skipped, {len(missing)} failed")
    return missing


def clean(project: Project) -> None:
    """No picture is half a picture, and beside none lies the start of one."""
    assert [path for path in project.stray_files() if "/.imagegen/" not in path] == []
    assert [path for path in project.root.rglob("*.png") if not whole(path.read_bytes())] == []


def nothing_queued(*urls: str, but: Iterable[str] = ()) -> None:
    """No prompt waits or runs at these servers, save those of somebody else."""
    others = set(but)
    eventually(lambda: {prompt_id for url in urls for prompt_id in _queue(url)} <= others)


def _queue(url: str) -> list[str]:
    with requests.Session() as http:
        http.trust_env = False
        found = http.get(f"{url}/queue", timeout=5).json()
    return [str(entry[1]) for entry in found["queue_running"] + found["queue_pending"]]
