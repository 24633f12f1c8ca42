"""Manifests checked in this process, for the many tests that need no command line."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from imagegen import manifest
from imagegen.errors import Problem, WrongInput
from imagegen.items import Item, Manifest, Overrides

ON_PLACEHOLDER = "defaults: {backend: placeholder, prompt: a picture}\n"
"""What most of these tests begin with: then an item needs no more than a name."""


def loaded(folder: Path, text: str | dict[str, Any], overrides: Overrides = Overrides()) -> Manifest:  # noqa: B008
    """The manifest ``text`` in ``folder``; a mapping is written as assets.json."""
    if isinstance(text, dict):
        file = folder / "assets.json"
        file.write_text(json.dumps(text), encoding="utf-8")
    else:
        file = folder / "assets.yaml"
        file.write_text(textwrap.dedent(text), encoding="utf-8")
    return manifest.load(file, overrides)


def problems(folder: Path, text: str | dict[str, Any], overrides: Overrides = Overrides()) -> list[Problem]:  # noqa: B008
    """Everything that is wrong with the manifest; something must be."""
    with pytest.raises(WrongInput) as caught:
        loaded(folder, text, overrides)
    return list(caught.value.problems)


def wrong(folder: Path, text: str | dict[str, Any], overrides: Overrides = Overrides()) -> str:  # noqa: B008
    """The same as one text, a line a problem."""
    return "\n".join(str(problem) for problem in problems(folder, text, overrides))


def recipe_of(item: Item) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(item.recipe)
    return made


def only(found: Manifest) -> Item:
    """The manifest's one item."""
    (item,) = found.items
    return item


def own_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder for a property's examples: a manifest in the base folder would be found from every test's own."""
    folder = factory.getbasetemp() / "examples"
    folder.mkdir(exist_ok=True)
    return folder
