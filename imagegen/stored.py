"""The checked manifest, kept under ``.imagegen/`` so that it is checked once and not at every run.

JSON lines: a header, then each item's recipe in its canonical form on a line of its own, which is
compared with the pictures' records without being parsed. The key is the content of the manifest, the
schemas, our version and what the command line overrides; losing the file costs only time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagegen
from imagegen.errors import Place, Problem
from imagegen.files import STATE, digest_of_file, write_whole
from imagegen.items import Columns, FileUse, Ingredient, Manifest, Model, Overrides, PictureUse, Source, Way
from imagegen.manifest import load
from imagegen.sources import is_current

LAYOUT = 5

_FOLDERS = ("backends", "downloads", "sources", "storyboard", "schemas", "../schemas")
"""Where, with all that is below, what decides a manifest's meaning lives, beside our own modules: in an
installed package and in a source tree."""


def manifest(file: Path, overrides: Overrides) -> Manifest:
    """The manifest in ``file``, from the store where that is current. Raises WrongInput."""
    found = current(file, overrides)
    if found is None:
        found = load(file, overrides)
        _write(_store(file), _key(file, overrides), found)
    return found


def current(file: Path, overrides: Overrides) -> Manifest | None:
    """The manifest in ``file`` as it is stored; None where the store is not there or not of this content."""
    try:
        return _read(_store(file), _key(file, overrides), file)
    except OSError:
        return None  # loading it says what is wrong


def _store(file: Path) -> Path:
    name = hashlib.sha256(file.name.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return file.parent / STATE / f"manifest-{name}.jsonl"


def _key(file: Path, overrides: Overrides) -> str:
    digest = hashlib.sha256(f"{LAYOUT} {imagegen.__version__} {overrides}\n".encode())
    for entry in _sources():  # in a source tree the version stays while code and schemas move
        state = entry.stat()
        digest.update(f"{entry.name} {state.st_size} {state.st_mtime_ns}\n".encode())
    digest.update(file.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[os.DirEntry[str]]:
    """Our own modules and schemas, as far as they decide what a manifest means, in a fixed order."""
    here = os.path.dirname(__file__)  # noqa: PTH120
    below = [os.path.join(here, name) for name in _FOLDERS]  # noqa: PTH118
    places = [(here, False), *((place, True) for place in below if os.path.isdir(place))]  # noqa: PTH112
    for place, deeply in places:  # grows while it is walked
        for entry in sorted(os.scandir(place), key=lambda entry: entry.name):
            if entry.name.endswith((".py", ".json")):
                yield entry
            elif deeply and entry.name != "__pycache__" and entry.is_dir():
                places.append((entry.path, True))


def _content(path: Path) -> str | None:
    return digest_of_file(path) if path.is_file() else None


def _read(store: Path, key: str, file: Path) -> Manifest | None:
    try:
        first, *recipes = store.read_bytes().split(b"\n")
        header: dict[str, Any] = json.loads(first)
        if header["key"] != key or len(recipes) != len(header["tasks"]) + 1 or recipes.pop():
            return None
        if any(_content(file.parent / path) != content for path, content in header["inputs"].items()):
            return None
        sources = tuple(Source(*one) for one in header["sources"])
        if not all(is_current(source, file.parent) for source in sources):
            return None
        ways = [
            Way(way[0], way[1], way[2], way[3], way[4], tuple((setting, value) for setting, value in way[5]), way[6])
            for way in header["ways"]
        ]
        ingredients = {
            int(number): tuple(Ingredient(*one) for one in own) for number, own in header["ingredients"].items()
        }
        return Manifest(
            file.parent,
            file.name,
            tuple(header["jobs"]),
            Columns(header["tasks"], header["names"], header["targets"], recipes, header["way"], ways, ingredients),
            header["backends"],
            tuple(FileUse(use[0], use[1], use[2], Place(*use[3]), use[4], use[5]) for use in header["uses"]),
            tuple(PictureUse(use[0], Place(*use[1]), use[2], use[3]) for use in header["pictures"]),
            header["inputs"],
            tuple(Problem(one[0], one[1], Place(*one[2]), one[3]) for one in header["warnings"]),
            tuple(header["folders"]),
            tuple(Model(*one) for one in header["models"]),
            sources,
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None  # not there, cut off, or of another time


def _write(store: Path, key: str, made: Manifest) -> None:
    rows = made.columns
    header = {
        "key": key,
        "jobs": made.jobs,
        "tasks": rows.tasks,
        "names": rows.names,
        "targets": rows.targets,
        "way": rows.way,
        "ways": rows.ways,
        "ingredients": rows.ingredients,
        "backends": made.backends,
        "uses": [[*use[:3], _place(use.place), use.path, use.items] for use in made.file_uses],
        "pictures": [[use.file, _place(use.place), use.path, use.items] for use in made.picture_uses],
        "inputs": made.inputs,
        "folders": made.folders,
        "models": made.models,
        "sources": made.sources,
        "warnings": [[one.message, one.path, _place(one.place), one.hint] for one in made.warnings],
    }
    lines = [json.dumps(header).encode(), *rows.recipes, b""]
    try:
        write_whole(store, b"\n".join(lines))
        from imagegen import schema  # loaded anyway: the manifest was just checked

        for_editors = store.with_name("assets.schema.json")  # what init's first line points an editor to
        write_whole(for_editors, schema.editor_text().encode())
    except OSError:
        return  # a read-only project is checked anew each time


def _place(place: Place) -> tuple[str, int, int]:
    return place.file, place.line, place.column
