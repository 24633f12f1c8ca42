"""Items from CSV (RFC 4180): a row each, under a row with the settings' names.

Cells are parted by commas, semicolons or tabs, whichever the first row has most of: spreadsheets write
semicolons where the comma is the decimal sign. A cell with a parting sign, a quote or a line's end stands between
double quotes. An empty cell gives nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagegen.document import Document
from imagegen.errors import Place, Problem, WrongInput, did_you_mean
from imagegen.sources import cells, content

PARTING = ",;\t"


def read(path: Path, name: str, options: Mapping[str, Any]) -> Document:
    """The items of a CSV file. Raises WrongInput and OSError."""
    return parse(content.text(path, name), name)


def parse(text: str, name: str) -> Document:
    """The items of a table's ``text``; the file is called ``name``. Raises WrongInput."""
    found = rows(text, name)
    at, head = next(found, (0, []))
    if not head:
        raise WrongInput([Problem("is empty", place=Place(name), hint="the first row names the settings: name,prompt")])
    problems: list[Problem] = []
    columns = _columns(head, name, at, problems)
    made = []
    for line, row in found:
        item = cells.Row(name, line, problems)
        if len(row) > len(columns):
            message = f"this row has {len(row)} cells, the first row {len(columns)}"
            problems.append(Problem(message, place=Place(name, line), hint='put a text with commas between "'))
        for key, cell in zip(columns, row, strict=False):
            if key:
                item.put(key, cell, line)
        made.append(item)
    if problems:
        raise WrongInput(problems)
    root = cells.document_of(made)
    return Document(name, root, root)


def rows(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, without the empty cells at its end, and the line where it begins."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    parted = max(PARTING, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=parted, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            hint = 'a quote inside a text between quotes is written twice: ""'
            raise WrongInput([Problem(f"is not CSV: {error}", place=Place(name, line), hint=hint)]) from error
        if row is None:
            return
        while row and not row[-1].strip():
            row.pop()
        if row:
            yield line, row


def _columns(head: Sequence[str], name: str, line: int, problems: list[Problem]) -> list[str]:
    """The key of each column, the empty text for one that is wrong."""
    keys: list[str] = []
    for number, written in enumerate(head, 1):
        key = cells.key_of(written)
        message, hint = "", ""
        if not written.strip():
            message, hint = f"column {number} has no name", "name the setting that it gives, or remove it"
        elif not key:
            message = f'unknown column "{written.strip()}"'
            hint = did_you_mean(written, cells.names()) or f'a var of your own is called "{cells.VAR}{written.strip()}"'
        elif key in keys:
            message, hint = f'two columns are called "{key}"', "keep one"
        if message:
            problems.append(Problem(message, place=Place(name, line), hint=hint))
        keys.append(key)
    if "name" not in keys:
        problems.append(
            Problem('has no column "name"', place=Place(name, line), hint="each row is an item, with a name")
        )
    return keys
