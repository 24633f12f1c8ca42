"""A script of JSON: ``{"project": {…}, "characters": […], "sentences": […]}``, or the list of sentences alone.

A sentence may be its text alone, a project or a character its name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagegen import document
from imagegen.document import Document
from imagegen.errors import Place, Problem, WrongInput, did_you_mean
from imagegen.sources import content
from imagegen.storyboard.script import Draft
from imagegen.storyboard.script_drafting import Drafting, Said
from imagegen.storyboard.script_settings import Of

PARTS = ("project", "characters", "sentences")

Path_ = tuple[str | int, ...]


def read(path: Path, name: str) -> Draft:
    """The script in a JSON file. Raises WrongInput and OSError."""
    return parse(content.raw(path, name), name)


def parse(raw: bytes, name: str) -> Draft:
    """The script in ``raw``; the file is called ``name``. Raises WrongInput."""
    found = document.parse(raw, name, is_json=True)
    return _Reading(found).draft()


class _Reading:
    def __init__(self, found: Document) -> None:
        self._document = found
        self._drafting = Drafting(found.name)

    def draft(self) -> Draft:
        root, where = self._document.root, Place(self._document.name)
        if isinstance(root, list):
            self._sentences(root, ())
            return self._drafting.draft()
        if not isinstance(root, dict):
            hint = 'such as {"project": {"name": "…"}, "characters": […], "sentences": […]}'
            raise WrongInput([Problem("is neither an object nor a list of sentences", place=where, hint=hint)])
        for key in root:
            if key not in PARTS:
                hint = did_you_mean(key, PARTS) or f"a script has {', '.join(PARTS)}"
                self._drafting.problem(f'unknown key "{key}"', self._place((key,), of_key=True), hint)
        if "project" in root and (said := self._said(root["project"], ("project",), Of.PROJECT, "name")) is not None:
            self._drafting.project(said)
        characters = root.get("characters", [])
        if isinstance(characters, list):
            for number, one in enumerate(characters):
                at: Path_ = ("characters", number)
                if (said := self._said(one, at, Of.CHARACTER, "name")) is not None:
                    self._drafting.character(said, self._place(at))
        else:
            self._drafting.problem("characters is a list", self._place(("characters",)), 'such as [{"name": "Ada"}]')
        sentences = root.get("sentences", [])
        if isinstance(sentences, list):
            self._sentences(sentences, ("sentences",))
        else:
            self._drafting.problem("sentences is a list", self._place(("sentences",)), 'such as [{"text": "…"}]')
        return self._drafting.draft()

    def _sentences(self, sentences: list[Any], path: Path_) -> None:
        for number, one in enumerate(sentences):
            at = (*path, number)
            if (said := self._said(one, at, Of.SENTENCE, "text")) is not None:
                self._drafting.sentence(said, self._place(at))

    def _said(self, value: Any, path: Path_, of: Of, alone: str) -> dict[str, Said] | None:
        """What an object says; one that is a text alone says ``alone``. None for any other value, which is told."""
        said: dict[str, Said] = {}
        if isinstance(value, str):
            said[alone] = Said(value, alone, self._place(path))
        elif isinstance(value, dict):
            for written, one in value.items():
                place = self._place((*path, written))
                if key := self._drafting.key(written, of, self._place((*path, written), of_key=True)):
                    self._drafting.put(said, key, Said(one, written, place))
        else:
            self._drafting.problem(f"{of.value} is an object or a text, not {str(value)[:40]}", self._place(path))
            return None
        return said

    def _place(self, path: Path_, of_key: bool = False) -> Place:
        return self._document.place(path, of_key)
