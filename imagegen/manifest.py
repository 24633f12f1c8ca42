"""assets.yaml → jobs and items: found, read, checked by the schemas, resolved, or all that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imagegen.errors import Place, Problem, WrongInput
from imagegen.items import Manifest, Model, Overrides, in_order

NAMES = ("assets.yaml", "assets.yml", "assets.json")


def here() -> Path:
    """The current folder. Raises WrongInput where it is gone."""
    try:
        return Path.cwd()
    except OSError as error:
        raise WrongInput("the current folder is gone", "go to one that is there") from error


def find(start: Path, named: str | None = None) -> Path | None:
    """The manifest: the file ``named``, else assets.yaml (.yml, .json) in ``start`` or a folder above.

    Raises WrongInput where the one named is not there, or a folder holds two.
    """
    if named is not None:
        path = (start / named).absolute()
        if path.is_dir():
            raise WrongInput(f"{named} is a folder", f"name the file: --assets {named}/assets.yaml")
        if not path.is_file():
            raise WrongInput(f"there is no {named}", "imagegen init starts a project")
        return path
    for folder in (start.absolute(), *start.absolute().parents):
        there = [folder / name for name in NAMES if (folder / name).is_file()]
        if len(there) > 1:
            raise WrongInput(
                f"{' and '.join(path.name for path in there)} both stand in {folder}",
                "keep one, or name it with --assets",
            )
        if there:
            return there[0]
    return None


def blocks(file: Path) -> Mapping[str, Mapping[str, Any]]:
    """The ``backends`` block of ``file``, whatever else is in it. Raises WrongInput."""
    from imagegen import document, schema

    source = document.read(file, file.name)
    values = schema.settled(source)
    found = values.get("backends", {}) if isinstance(values, dict) else {}
    wrong = [one for _, one in schema.problems(source, {"backends": found, "items": []})]
    if wrong:
        raise WrongInput(wrong)
    return found


def models(file: Path) -> tuple[Sequence[Model], Mapping[str, Mapping[str, Any]]]:
    """The models that ``file`` lists and its ``backends`` block, whatever else is in it: they may be what the rest
    waits for. Raises WrongInput."""
    from imagegen import document, schema
    from imagegen.downloads import declared

    source = document.read(file, file.name)
    values = schema.settled(source)
    given = values if isinstance(values, dict) else {}
    kept = {key: given[key] for key in ("backends", declared.KEY) if key in given}
    wrong = [one for _, one in schema.problems(source, {**kept, "items": []})]
    found, more = declared.models(kept, source)
    if wrong or more:
        raise WrongInput(in_order([*wrong, *more]))
    return found, kept.get("backends", {})


def load(file: Path, overrides: Overrides = Overrides()) -> Manifest:  # noqa: B008  (frozen)
    """Read, check and resolve ``file``. Raises WrongInput with everything that is wrong at once."""
    from imagegen import document, resolve, schema

    source = document.read(file, file.name)
    values = schema.settled(source)
    if values is None:
        raise WrongInput([Problem("is empty", place=Place(file.name), hint="imagegen init writes an example")])
    if not isinstance(values, dict):
        what = "a list" if isinstance(values, list) else "text"
        raise WrongInput([Problem(f"is {what}, not a mapping with jobs or items", place=Place(file.name))])
    found = schema.problems(source, values)
    return resolve.resolve(file, source, values, found, overrides)
