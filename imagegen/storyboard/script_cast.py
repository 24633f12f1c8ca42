"""The characters of a script in Markdown: a heading each, or an entry of a list, or listed in the front matter."""

from __future__ import annotations

import re
from typing import Any

from imagegen.errors import Place
from imagegen.sources.lines import Line
from imagegen.storyboard import script_settings as settings
from imagegen.storyboard.script_blocks import Block
from imagegen.storyboard.script_drafting import Drafting, Said
from imagegen.storyboard.script_settings import Of
from imagegen.yaml12 import Map, Seq

_NAMED = re.compile(r"([^:—–]{1,80}?)\s*(?::|—|–|\s-\s)\s*(.+)")
"""``Ada: an old ferrywoman``."""


class Cast:
    """Takes what a page says of its characters, and hands each to ``drafting``."""

    def __init__(self, drafting: Drafting) -> None:
        self.names: list[str] = []
        self._drafting = drafting
        self._said: dict[str, Said] = {}
        self._at = Place(drafting.file)
        self._pictures: list[str] = []
        self._has_heading = False

    def listed(self, value: Any, place: Place) -> None:
        """The ``characters`` of the front matter: a list of names and mappings, or a mapping by name."""
        if isinstance(value, Map):
            entries = [(name, value[name], line) for name, (line, _) in value.keys_at.items()]
        elif isinstance(value, Seq):
            entries = [("", one, line) for one, (line, _) in zip(value, value.values_at, strict=True)]
        else:
            self._drafting.problem("characters is a list", place, "such as [Ada, Bo]")
            return
        for name, given, line in entries:
            self._begin(name if name else given if isinstance(given, str) else "", line)
            if isinstance(given, Map):
                for written, (where, _) in given.keys_at.items():
                    at = Place(self._drafting.file, where)
                    if key := self._drafting.key(written, Of.CHARACTER, at):
                        self._put(key, Said(given.letters.get(written, given[written]), written, at))
            elif not isinstance(given, str) or name:
                if isinstance(given, str):
                    self._put("description", Said(given, "description", self._at))
                elif given is not None:
                    self._drafting.problem("a character is a name or a mapping", self._at, "such as {name: Ada}")
        self.finish()

    def take(self, block: Block) -> None:
        """One block that stands below ``Characters``."""
        if block.kind == "heading":
            self._begin(block.text, block.line, has_heading=True)
        elif block.kind == "fence":
            self._drafting.problem("this fenced block says nothing", self._place(block.line), "remove it")
        else:
            self._paragraph(block)
        self._pictures.extend(block.pictures)

    def finish(self) -> None:
        """The last character is whole."""
        if self._pictures and self._said:
            self._put("references", Said(list(dict.fromkeys(self._pictures)), "references", self._at))
        if self._said:
            self._drafting.character(self._said, self._at)
        self._said, self._pictures = {}, []

    def _begin(self, name: str, line: int, has_heading: bool = False) -> None:
        self.finish()
        self._at, self._has_heading = self._place(line), has_heading
        self._said = {"name": Said(name, "name", self._at)} if name else {}
        if name:
            self.names.append(name)

    def _paragraph(self, block: Block) -> None:
        setting = Line("", "", 0)
        for number, line in enumerate(block.lines):
            key = settings.key_of(line.label, Of.CHARACTER) if line.label else ""
            if key or (line.label and self._is_wrong(line)):
                self._give(setting)
                setting = line if key else Line("", "", 0)
            elif not number and not self._has_heading and (line.label or (block.begins and block.level == 1)):
                self._entry(line)
            elif setting.label:
                setting = setting._replace(text=f"{setting.text} {line.text}")
            else:
                self._describe(line, apart=not number)
        self._give(setting)

    def _is_wrong(self, line: Line) -> bool:
        """Whether a label is nearly a setting, which is a mistake and told."""
        meant = settings.nearly(line.label, Of.CHARACTER)
        if meant:
            hint = f'did you mean "{meant}"? Without ** it is text'
            self._drafting.problem(f'unknown setting "{line.label}"', self._place(line.number), hint)
        return bool(meant)

    def _entry(self, line: Line) -> None:
        """``**Ada:** an old ferrywoman``, ``Ada: an old ferrywoman`` or ``Ada``."""
        name, text = line.label, line.text
        if not name:
            found = _NAMED.fullmatch(text)
            name, text = found.groups() if found else (text, "")
        self._begin(name, line.number)
        if text:
            self._put("description", Said(text, "description", self._at))

    def _describe(self, line: Line, apart: bool) -> None:
        text = f"{line.label}: {line.text}" if line.label else line.text
        place = self._place(line.number)
        if not self._said:
            self._drafting.problem("this is of no character", place, 'begin one: "### Ada" or "- **Ada:** …"')
        elif "description" in self._said:
            before = self._said["description"]
            joined = f"{before.value}{chr(10) * 2 if apart else ' '}{text}"
            self._said["description"] = before._replace(value=joined)
        else:
            self._put("description", Said(text, "description", place))

    def _give(self, setting: Line) -> None:
        if setting.label:
            key = settings.key_of(setting.label, Of.CHARACTER)
            said = Said(setting.text, setting.label, self._place(setting.number))
            if self._said:
                self._put(key, said)
            else:
                hint = 'begin one above it: "### Ada" or "- **Ada:** …"'
                self._drafting.problem(f'"{setting.label}" is of no character', said.place, hint)

    def _put(self, key: str, said: Said) -> None:
        if key == "name" and "name" not in self._said and isinstance(said.value, str):
            self.names.append(said.value)
        self._drafting.put(self._said, key, said)

    def _place(self, line: int) -> Place:
        return Place(self._drafting.file, line)
