"""A script as what it says: the project's settings, its characters and its sentences, before anything is stored.

A script is a file of Markdown, CSV or JSON. What it does not say is in no ``given``, and stays as the storyboard
has it when the script is imported again.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from imagegen.errors import Place, Problem, WrongInput, did_you_mean

KINDS: Mapping[str, str] = {
    ".md": "script_markdown",
    ".markdown": "script_markdown",
    ".txt": "script_markdown",
    ".csv": "script_table",
    ".tsv": "script_table",
    ".json": "script_json",
}
"""The module that reads a script, by the ending of its name."""


class Character(NamedTuple):
    """A character. ``given`` may hold ``description``, ``lora`` and ``references`` (paths)."""

    name: str
    given: Mapping[str, Any]
    place: Place


class Sentence(NamedTuple):
    """A sentence. ``given`` may hold ``name``, ``image_prompt``, ``characters`` (names), ``seed`` (None: derived),
    ``style_lora`` (None: the project's) and ``references`` (paths). ``cast_at`` is where its characters stand."""

    text: str
    given: Mapping[str, Any]
    place: Place
    cast_at: Place


class Draft(NamedTuple):
    """All that a script says. ``name`` is the project's, empty where the script has none; ``notes`` are what it says
    in vain."""

    file: str
    name: str
    settings: Mapping[str, Any]
    characters: Sequence[Character]
    sentences: Sequence[Sentence]
    notes: Sequence[Problem]


def read(path: Path, name: str) -> Draft:
    """The script at ``path``, which messages call ``name``. Raises WrongInput with all that is wrong with it."""
    kind = KINDS.get(path.suffix.lower())
    if path.is_dir():
        raise WrongInput(f"{name} is a folder", "name the script in it: a .md, .csv or .json file")
    if not path.exists():
        there = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        raise WrongInput(f"there is no {name}", did_you_mean(path.name, there) or "name the script's file")
    if kind is None:
        raise WrongInput(f"{name} is no script that can be read", "a script is a .md, .txt, .csv or .json file")
    module = importlib.import_module(f"imagegen.storyboard.{kind}")
    try:
        found: Draft = module.read(path, name)
    except OSError as error:
        raise WrongInput([Problem(f"can't be read: {error.strerror or error}", place=Place(name))]) from error
    return found
