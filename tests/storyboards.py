"""Storyboards for the tests: a database in a project, and the manifest's job of it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from imagegen.storyboard import database, editing
from tests.conftest import Project

WHERE = "data/storyboard.sqlite"
WORKFLOW = Path(__file__).parent.parent / "workflows/image/flux-2.json"
MANIFEST = """\
defaults: {{backend: {backend}}}
jobs:
  film:
    size: {size}
    source: {{storyboard: {where}, project: Film}}
"""


def film(project: Project, sentences: Sequence[str], backend: str = "placeholder", size: str = "64x48") -> list[str]:
    """A storyboard "Film" whose ``sentences`` are their own prompts, and a manifest with its job; the ids."""
    shutil.copy(WORKFLOW, project.write("workflows/image/flux-2.json", ""))
    project.manifest(MANIFEST.format(backend=backend, size=size, where=WHERE))
    board = opened(project, create=True)
    with board.session() as session:
        made = editing.create_project(session, "Film")
        ids = [editing.add_sentence(session, made.id, text).id for text in sentences]
    board.close()
    return ids


def film_on(project: Project, url: str, sentences: Sequence[str]) -> list[str]:
    """The same made by a ComfyUI server, with its built-in graph."""
    ids = film(project, sentences, backend="comfyui, checkpoint: tiny-random.safetensors, steps: 10")
    project.edit("jobs:", f"backends: {{comfyui: {{url: '{url}', retry_delay: 0.1}}}}\njobs:")
    query(project, "update projects set workflow = ''")
    return ids


def project_id(project: Project) -> str:
    found: str = query(project, "select id from projects")[0][0]
    return found


def opened(project: Project, create: bool = False) -> database.Storyboard:
    return database.open_storyboard(database.address(WHERE, project.root), create)


def change(project: Project, sentence: str, **changes: Any) -> None:
    board = opened(project)
    with board.session() as session:
        editing.change_sentence(session, sentence, **changes)
    board.close()


def query(project: Project, sql: str, *values: Any) -> list[Any]:
    """What plain SQL finds, or does."""
    connection = sqlite3.connect(project.root / WHERE)
    with connection:
        found = connection.execute(sql, values).fetchall()
    connection.close()
    return found


def rows(project: Project) -> list[tuple[str, str, int]]:
    """Each sentence's name, status and flag, in the order of the script."""
    return query(project, "select name, status, is_image_dirty from sentences order by position")


def target(project: Project, sentence: str) -> Path:
    return project.root / f"data/projects/{project_id(project)}/images/{sentence}.png"
