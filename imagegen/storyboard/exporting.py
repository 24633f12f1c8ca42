"""A project as a script, which an import reads back to the same: all of it as JSON, and what a person would write as
Markdown or CSV. Pure."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from imagegen.storyboard.present import Line, Present
from imagegen.storyboard.script_settings import NOTHING, PARTING

FORMATS = ("json", "md", "csv")


def script(project: Present, form: str) -> str:
    """The project as a script of one of the :data:`FORMATS`."""
    return {"json": _json, "md": _markdown, "csv": _csv}[form](project)


def left_out(project: Present, form: str) -> str:
    """What of the project a script of that form can't say; empty where it says all."""
    if form == "csv":
        return "CSV has the sentences alone; JSON and Markdown have the project's settings and its characters too"
    names = [name for role in project.characters for name in (role.name, *role.references)]
    if form != "json" and any(PARTING in name for name in names):
        return "a name with a semicolon is taken for two; JSON keeps it"
    texts = [project.settings["style"], project.settings["negative_prompt"]]
    texts += [text for line in project.sentences for text in (line.text, line.image_prompt)]
    texts += [role.description for role in project.characters]
    if form == "md" and any(text != _one_line(text) for text in texts):
        return "Markdown has texts in one line; JSON keeps their line ends"
    return ""


# --- JSON -----------------------------------------------------------------------------------------


def _json(project: Present) -> str:
    whole = {
        "project": {"name": project.name, **project.settings},
        "characters": [
            {"name": one.name, "description": one.description, "lora": one.lora, "references": list(one.references)}
            for one in project.characters
        ],
        "sentences": [dict(_said(line)) for line in project.sentences],
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


_ALWAYS = ("name", "text", "image_prompt", "characters", "seed")
"""What JSON has for each sentence; what is rarely given is left out where it is not."""


def _said(line: Line) -> Iterator[tuple[str, Any]]:
    values = line._asdict()
    for key in (*_ALWAYS, "style_lora", "references"):
        value = list(values[key]) if key in ("characters", "references") else values[key]
        if key in _ALWAYS or value not in (None, []):
            yield key, value


# --- CSV ------------------------------------------------------------------------------------------

_COLUMNS: Mapping[str, str] = {
    "name": "name", "text": "text", "prompt": "image_prompt", "characters": "characters", "seed": "seed",
    "style_lora": "style_lora", "references": "references",
}  # fmt: skip
_RARE = frozenset({"style_lora", "references"})


def _csv(project: Present) -> str:
    rows = [_cells(line) for line in project.sentences]
    columns = [name for name, key in _COLUMNS.items() if key not in _RARE or any(row[key] for row in rows)]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row[_COLUMNS[name]] for name in columns] for row in rows)
    return stream.getvalue()


def _cells(line: Line) -> dict[str, str]:
    return {
        "name": line.name,
        "text": line.text,
        "image_prompt": line.image_prompt,
        "characters": _list(line.characters),
        "seed": "" if line.seed is None else str(line.seed),
        "style_lora": "none" if line.style_lora == "" else line.style_lora or "",
        "references": _list(line.references),
    }


def _list(names: Iterable[str]) -> str:
    """Names in one text. One alone that holds a comma, or reads as none, needs the semicolon behind it."""
    found = list(names)
    alone = len(found) == 1 and ("," in found[0] or found[0].lower() in NOTHING)
    return f"{PARTING} ".join(found) + (PARTING if alone else "")


# --- Markdown -------------------------------------------------------------------------------------

_PROJECT = ("style", "style_lora", "aspect_ratio", "width", "height", "negative_prompt", "workflow")

_GIVEN_ANYWAY = frozenset({"negative_prompt", "workflow"})
"""What a new project has unless it is told to have none."""


def _markdown(project: Present) -> str:
    return "\n".join(_page(project))


def _page(project: Present) -> Iterator[str]:
    yield f"# {_escaped(project.name)}"
    yield ""
    for key in _PROJECT:
        if (value := str(project.settings[key])) or key in _GIVEN_ANYWAY:
            yield f"- {_label(key)} {_escaped(value)}".rstrip()
    yield ""
    if project.characters:
        yield "## Characters"
        yield ""
    for role in project.characters:
        yield f"### {_escaped(role.name)}"
        yield ""
        for label, value in (
            ("Description", role.description),
            ("LoRA", role.lora),
            ("References", _list(role.references)),
        ):
            if value:
                yield f"- {_label(label)} {_escaped(value)}"
        yield ""
    yield "## Script"
    yield ""
    for line in project.sentences:
        yield _escaped(line.text) if line.text else _label("text")
        yield ""
        cells = _cells(line)
        for key in ("name", "image_prompt", "characters", "seed", "style_lora", "references"):
            if cells[key]:
                yield f"- {_label(key.removeprefix('image_'))} {_escaped(cells[key])}"
        yield ""


def _label(key: str) -> str:
    words = key.replace("_", " ")
    return f"**{(words[0].upper() + words[1:]).replace('lora', 'LoRA')}:**"


_MARKUP = re.compile(r"[\\`*_\[\]<>&#]")
_AT_THE_START = re.compile(r"([+=~-])|([0-9]{1,9})([.)])")


def _escaped(text: str) -> str:
    """``text`` in one line that CommonMark shows as it is."""
    found = _MARKUP.sub(r"\\\g<0>", _one_line(text))
    if start := _AT_THE_START.match(found):
        found = f"\\{found}" if start[1] else f"{start[2]}\\{found[start.end(2) :]}"
    return found


def _one_line(text: str) -> str:
    return " ".join(text.split())
