"""Backends that one process's sessions share, one session an image."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagegen.backends.comfyui import cutting
from imagegen.kept import Kept
from imagegen.options import Options
from imagegen.progress import Made
from imagegen.session import Session, open_session
from tests.conftest import Project
from tests.servers.comfyui import ComfyServer
from tests.studios import until


@pytest.fixture
def kept(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    monkeypatch.chdir(project.root)
    kept = Kept({}, project.root, lambda text: None, threading.Event())
    yield kept
    kept.close()


def opened(kept: Kept) -> Session:
    return open_session(Options(attempts=1), kept=kept)


def manifest(project: Project, server: ComfyServer) -> None:
    project.manifest(
        "defaults: {checkpoint: tiny-random.safetensors, size: 64x64, prompt: p}\n"
        f"backends: {{comfyui: {{url: '{server.url}'}}}}\nitems: [a, b, c, d, e]\n"
    )


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("comfyui")]


def test_one_image_after_another_keeps_no_more_threads_than_the_first(project: Project, kept: Kept) -> None:
    with ComfyServer() as server:
        manifest(project, server)
        counts = []
        for name in "abcde":
            session = opened(kept)
            assert isinstance(session.workshop.make(session.by_task[f"images:{name}"]), Made)
            session.close()
            counts.append(len(threads()))
    assert counts[-1] <= counts[0]


def test_cancelling_one_image_cuts_off_no_other(project: Project, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    cuts: list[object] = []
    looked = threading.Event()
    monkeypatch.setattr(cutting, "GRACE", 0.01)
    monkeypatch.setattr(cutting.Cuttable, "cut", lambda self: (cuts.append(self), looked.set()))
    with ComfyServer(steps_delay=0.1) as server:
        manifest(project, server)
        one, other = opened(kept), opened(kept)
        outcomes: dict[str, object] = {}

        def make(session: Session, name: str) -> None:
            outcomes[name] = session.workshop.make(session.by_task[f"images:{name}"])

        makers = [threading.Thread(target=make, args=args) for args in ((one, "a"), (other, "b"))]
        for maker in makers:
            maker.start()
        until(lambda: len(server.submitted) == 2)
        one.cancelled.set()
        for maker in makers:
            maker.join(60)
        assert outcomes["a"] is None and isinstance(outcomes["b"], Made)
        assert not looked.wait(1.5) and cuts == []  # longer than a watching thread sleeps
        kept.leaving.set()
        assert looked.wait(10), "who leaves cuts off what hangs"
        one.close()
        other.close()


def test_a_changed_block_is_a_new_backend(project: Project, kept: Kept, tmp_path: Path) -> None:
    first = kept.backend("placeholder", {})
    assert kept.backend("placeholder", {}) is first
    comfyui = kept.backend("comfyui", {"url": "http://127.0.0.1:1"})
    assert kept.backend("comfyui", {"url": "http://127.0.0.1:2"}) is not comfyui
