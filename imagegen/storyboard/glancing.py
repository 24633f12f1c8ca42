"""A quick look at a storyboard's file, for commands that find nothing to do: it needs neither SQLAlchemy, whose
import takes a quarter of a second, nor the items themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from imagegen.storyboard.address import Address

_PATIENCE = 2.0
"""Seconds that are waited for a lock."""

_ROWS = (
    "SELECT version_num FROM alembic_version",
    "SELECT id, name, style, style_lora, width, height, negative_prompt, workflow FROM projects"
    " WHERE :project IN ('', id, name) ORDER BY id",
    "SELECT project_id, id, position, lora, \"references\" FROM characters"
    " WHERE project_id IN (SELECT id FROM projects WHERE :project IN ('', id, name)) ORDER BY id",
    "SELECT project_id, id, name, text, image_prompt, seed, style_lora, \"references\" FROM sentences"
    " WHERE project_id IN (SELECT id FROM projects WHERE :project IN ('', id, name)) ORDER BY position, id",
    "SELECT sentence_id, character_id FROM appearances JOIN sentences ON sentences.id = sentence_id"
    " WHERE project_id IN (SELECT id FROM projects WHERE :project IN ('', id, name))"
    " ORDER BY sentence_id, character_id",
)  # fmt: skip
"""All that ``deciding`` reads."""

_FLAGS = (
    "SELECT sentences.id, is_image_dirty, status FROM sentences JOIN projects ON projects.id = project_id"
    " WHERE :project IN ('', projects.id, projects.name)"
)
_UNDER_WAY = ("queued", "generating")


def is_settled(address: Address, project: str, fresh: Mapping[str, bool]) -> bool:
    """Whether the flags and statuses of these sentences are what the verdicts ask for; False where that can't be
    told so."""
    found = _looked(address, project, (_FLAGS,))
    return bool(found) and all(
        bool(dirty) is not fresh[id] and status not in _UNDER_WAY and (status == "completed") is fresh[id]
        for id, dirty, status in found[0]
        if id in fresh
    )


def glance(address: Address, project: str) -> str:
    """A digest (32 hex digits) of all rows that decide the pictures of the project with that id or name, of all
    projects for the empty text. Where it is the same, so is :func:`deciding.state`; where it is not, the state may
    be the same all the same.

    Empty where that can't be told so: it is a server, there is no such file or project, or it is locked.
    """
    found = _looked(address, project, _ROWS)
    if not found or not found[0] or not found[1]:
        return ""
    return hashlib.sha256(repr(found).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _looked(address: Address, project: str, statements: Sequence[str]) -> list[list[Any]]:
    """The rows that each statement finds, all at one moment; nothing where they can't be had."""
    import sqlite3

    if address.file is None:
        return []
    try:
        # Not mode=ro: that leaves the two files of WAL behind.
        uri = f"{address.file.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            return [connection.execute(one, {"project": project}).fetchall() for one in statements]
    except (sqlite3.Error, OSError):
        return []
