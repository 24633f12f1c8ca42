"""A script of CSV: a row for each sentence, under a row with the names of columns.

What parts cells, and how they are quoted, is as in :mod:`imagegen.sources.table`. An empty cell says nothing.
"""

from __future__ import annotations

from pathlib import Path

from imagegen.errors import Place, Problem, WrongInput
from imagegen.sources import content
from imagegen.sources.table import rows
from imagegen.storyboard.script import Draft
from imagegen.storyboard.script_drafting import Drafting, Said
from imagegen.storyboard.script_settings import Of


def read(path: Path, name: str) -> Draft:
    """The script in a CSV file. Raises WrongInput and OSError."""
    return parse(content.text(path, name), name)


def parse(text: str, name: str) -> Draft:
    """The script in a table's ``text``; the file is called ``name``. Raises WrongInput."""
    found = rows(text, name)
    line, head = next(found, (0, []))
    if not head:
        hint = "the first row names the columns: text,prompt,characters,seed"
        raise WrongInput([Problem("is empty", place=Place(name), hint=hint)])
    drafting = Drafting(name)
    columns = _columns(head, drafting, Place(name, line))
    for line, row in found:
        place = Place(name, line)
        if len(row) > len(columns):
            message = f"this row has {len(row)} cells, the first row {len(columns)}"
            drafting.problem(message, place, 'put a text with commas between "')
        said: dict[str, Said] = {}
        for (key, called), cell in zip(columns, row, strict=False):
            if key and cell.strip():
                said[key] = Said(cell, called, place)
        drafting.sentence(said, place)
    return drafting.draft()


def _columns(head: list[str], drafting: Drafting, place: Place) -> list[tuple[str, str]]:
    """The setting of each column and what the table calls it; no setting for one that is not read."""
    keys: list[tuple[str, str]] = []
    for written in (cell.strip() for cell in head):
        key = drafting.key(written, Of.SENTENCE, place, lenient=True) if written else ""
        if key and any(key == earlier for earlier, _ in keys):
            drafting.problem(f'two columns are "{key}"', place, "keep one")
        keys.append((key, written))
    if not any(key == "text" for key, _ in keys):
        drafting.problem('has no column "text"', place, "each row is a sentence: text,prompt,characters,seed,name")
        raise WrongInput(drafting.problems)
    return keys
