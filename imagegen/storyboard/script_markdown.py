"""A script of Markdown: docs/storyboard.md has the form.

The first heading of level 1 is the project's name, ``## Characters`` begins the characters, any other heading a
scene. Each paragraph and each entry of a list is a sentence; lines such as ``**Prompt:** …`` below it are its
settings, above the first sentence they are the project's.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from imagegen.errors import Place
from imagegen.sources import content
from imagegen.sources.lines import Line
from imagegen.storyboard import script_settings as settings
from imagegen.storyboard.script import Draft
from imagegen.storyboard.script_blocks import Block, are_lines, blocks, front_matter
from imagegen.storyboard.script_cast import Cast
from imagegen.storyboard.script_drafting import Drafting, Said
from imagegen.storyboard.script_settings import Of
from imagegen.yaml12 import Map

CHARACTERS = "characters"


def read(path: Path, name: str) -> Draft:
    """The script in a Markdown file. Raises WrongInput and OSError."""
    return parse(content.text(path, name), name)


def parse(text: str, name: str) -> Draft:
    """The script in a page's ``text``; the file is called ``name``. Raises WrongInput."""
    given, lines = front_matter(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), name)
    drafting = Drafting(name)
    cast, others = _apart(blocks(lines, name, drafting.problems))
    page = _Page(drafting)
    page.front_matter(given)
    for block in cast:
        page.cast.take(block)
    page.walk(others)
    return page.draft()


def _apart(page: Iterable[Block]) -> tuple[list[Block], list[Block]]:
    """The blocks below ``Characters``, up to the next heading that is not below it, and all others."""
    cast: list[Block] = []
    others: list[Block] = []
    level, titled = 0, False
    for block in page:
        if block.kind == "heading" and (not level or block.level <= level):
            is_title = block.level == 1 and not titled
            titled = titled or is_title
            level = block.level if block.text.casefold() == CHARACTERS and not is_title else 0
            if level:
                continue
        (cast if level else others).append(block)
    return cast, others


class _Setting(NamedTuple):
    """A setting's line: which setting of whom, and what is said so far. No ``key``: it is wrong, and told."""

    key: str
    of: Of
    line: Line

    def said(self, file: str) -> Said:
        return Said(self.line.text, self.line.label, Place(file, self.line.number))


class _Written(dict[str, Said]):
    """What a page says of one sentence; ``bare`` where that is no more than a heading."""

    def __init__(self, text: str, place: Place, bare: bool = False) -> None:
        super().__init__(text=Said(text, "text", place))
        self.place, self.bare = place, bare

    def add(self, text: str) -> None:
        self["text"] = self["text"]._replace(value=f"{self['text'].value} {text}")


class _Page:
    """One pass over the blocks that are not the characters'."""

    def __init__(self, drafting: Drafting) -> None:
        self.drafting, self.cast = drafting, Cast(drafting)
        self._project: dict[str, Said] = {}
        self._sentences: list[_Written] = []
        self._heading: Block | None = None  # a scene's, before anything stands below it
        self._waiting: _Setting | None = None  # its value is perhaps the fenced block that follows
        self._after_settings = False
        self._each_line = False

    def _at(self, line: int) -> Place:
        return Place(self.drafting.file, line)

    def front_matter(self, given: Any) -> None:
        if given is None:
            return
        if not isinstance(given, Map):
            self.drafting.problem("the front matter is no mapping", self._at(1), "such as style: ink")
            return
        for written, (line, _) in given.keys_at.items():
            if written.lower() == CHARACTERS:
                self.cast.listed(given[written], self._at(line))
            elif key := self.drafting.key(written, Of.PROJECT, self._at(line), lenient=True):
                value = given.letters.get(written, given[written])
                self.drafting.put(self._project, key, Said(value, written, self._at(line)))

    def draft(self) -> Draft:
        self.drafting.project(self._project)
        self.cast.finish()
        only_headings = all(one.bare for one in self._sentences)
        for one in self._sentences:
            if not one.bare or only_headings:
                self.drafting.sentence(one, one.place)
            else:
                self.drafting.note(f'there is no sentence below "{one["text"].value}"', one.place)
        return self.drafting.draft()

    # --- blocks ---------------------------------------------------------------------------------

    def walk(self, page: list[Block]) -> None:
        self._each_line = are_lines([one for one in page if one.kind == "paragraph" and not one.level and one.prose])
        titled = False
        for block in page:
            if block.kind == "fence":
                self._fence(block)
                continue
            self._give(self._waiting)  # nothing was fenced: it is said to be empty
            self._waiting = None
            if block.kind == "paragraph":
                self._paragraph(block)
            elif block.level == 1 and not titled and not self._sentences:
                titled = True
                self._project.setdefault("name", Said(block.text, "the title", self._at(block.line)))
            else:
                self._end_heading(block.level)
                self._heading = block
        self._give(self._waiting)
        self._end_heading(0)

    def _end_heading(self, level: int) -> None:
        """A heading with nothing below it is a sentence, unless one of a deeper ``level`` follows."""
        if self._heading and level <= self._heading.level:
            self._sentences.append(_Written(self._heading.text, self._at(self._heading.line), bare=True))
        self._heading = None

    def _fence(self, block: Block) -> None:
        found = self._waiting or _Setting("image_prompt", Of.SENTENCE, Line("prompt", "", block.line))
        self._waiting = None
        self._give(found._replace(line=found.line._replace(text=block.text)))

    def _paragraph(self, block: Block) -> None:
        setting: _Setting | None = None
        each_line = self._each_line and not block.level
        begins = block.begins or not block.level
        after, self._after_settings = self._after_settings and block.begins, True
        for line in block.lines:
            found = self._setting(line, after or setting is not None) if line.label else None
            if found and found.key == "text":
                line, found, begins = Line("", line.text, line.number), None, True
            elif setting and not found and not line.label and not each_line:
                setting = setting._replace(line=setting.line._replace(text=f"{setting.line.text} {line.text}"))
                continue
            self._give(setting)
            setting = found
            if not found:
                self._say(f"{line.label}: {line.text}" if line.label else line.text, line.number, begins)
                begins, self._after_settings = each_line, False
        if setting and not setting.line.text:
            self._waiting = setting
        else:
            self._give(setting)

    def _say(self, text: str, line: int, begins: bool) -> None:
        self._heading = None
        if begins or not self._sentences:
            self._sentences.append(_Written(text, self._at(line)))
        else:
            self._sentences[-1].add(text)

    # --- settings -------------------------------------------------------------------------------

    def _give(self, setting: _Setting | None) -> None:
        if not setting or not setting.key:
            return
        said = setting.said(self.drafting.file)
        if setting.of is Of.PROJECT:
            self.drafting.put(self._project, setting.key, said)
            return
        if self._heading:
            self._sentences.append(_Written(self._heading.text, self._at(self._heading.line)))
            self._heading = None
        if not self._sentences:
            self.drafting.problem("this belongs to no sentence", said.place, "put it below one")
        else:
            self.drafting.put(self._sentences[-1], setting.key, said)

    def _setting(self, line: Line, after: bool) -> _Setting | None:
        """The setting that a line's label names; None where it is only bold text, such as who speaks. Nearly a
        setting is a mistake, and so is any other label ``after`` settings."""
        label, place = line.label, self._at(line.number)
        is_sentences = bool(self._sentences or self._heading)
        of = Of.SENTENCE if is_sentences else Of.PROJECT
        other = Of.PROJECT if is_sentences else Of.SENTENCE
        if label in self.cast.names:
            return None
        if (key := settings.key_of(label, of)) or settings.key_of(label, Of.SENTENCE) == "text":
            return _Setting(key or "text", of, line)
        if settings.key_of(label, other):
            where = "above the first sentence" if is_sentences else "below the sentence that it is of"
            self.drafting.problem(f'"{label}" is a setting of {other.value}', place, f"put it {where}")
        elif meant := settings.nearly(label, of):
            self.drafting.problem(f'unknown setting "{label}"', place, f'did you mean "{meant}"? Without ** it is text')
        elif after:
            self.drafting.problem(f'unknown setting "{label}"', place, settings.mend(label, of))
        else:
            return None
        return _Setting("", of, line)
