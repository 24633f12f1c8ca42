"""The look ahead of a plain run: the same words, whether a second process looked or not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagegen import ahead, stored
from imagegen.manifest import Overrides
from tests.conftest import Project

MANY = (
    "defaults: {backend: placeholder, size: 16x16, prompt: x}\nitems: [" + ", ".join(f"p{n}" for n in range(40)) + "]\n"
)


@pytest.fixture
def many(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project that a lowered bound makes worth a second process."""
    project.manifest(MANY)
    project.run("run").exits(0)
    monkeypatch.chdir(project.root)
    monkeypatch.setattr(ahead, "WORTH_IT", 40)
    yield project


def looked(arguments: list[str]) -> list[bool] | None:
    begun = ahead.look(arguments)
    return begun.fresh() if begun is not None else None


@pytest.mark.skipif(not hasattr(os, "fork") or (os.cpu_count() or 1) < 2, reason="no second process here")
def test_a_second_process_finds_what_the_first_would(many: Project) -> None:
    assert looked([]) == [True] * 40
    (many.root / "assets/images/p3.png").unlink()
    (many.root / "assets/images/p7.png").write_bytes(b"cut")
    assert looked(["run"]) == [n not in (3, 7) for n in range(40)]


def test_it_is_for_the_plainest_call_alone(many: Project) -> None:
    for arguments in (["run", "-a"], ["run", "images:p1"], ["status"], ["run", "--backend", "placeholder"]):
        assert ahead.look(arguments) is None


def test_a_changed_manifest_is_not_looked_at_by_its_store(many: Project) -> None:
    many.edit("16x16", "32x32")
    assert ahead.look([]) is None
    assert stored.current(Path("assets.yaml").absolute(), Overrides()) is None


def test_few_pictures_are_not_worth_it(many: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "WORTH_IT", 41)
    assert ahead.look([]) is None


def test_a_large_project_is_made_and_then_left_alone(project: Project) -> None:
    items = ", ".join(f"p{n}" for n in range(1000))
    project.manifest(f"defaults: {{backend: placeholder, size: 16x16, prompt: x}}\nitems: [{items}]\n")
    project.run("run").exits(0).says("1000 made")
    project.run("run").exits(0).says("all 1000 images are as they should be")
    (project.root / "assets/images/p500.png").unlink()
    project.run("run").exits(0).says("made     assets/images/p500.png", "1 made, 999 skipped")
