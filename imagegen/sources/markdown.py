"""Items from Markdown (CommonMark): a heading each, what is below it being the prompt and its settings.

The prompt is the first fenced block as it stands, or the paragraphs as a reader sees them: without markup,
pictures and comments. Lines such as ``**Seed:** 7``, in a paragraph or a list, are settings and no part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen.document import Document
from imagegen.errors import Place, Problem, WrongInput
from imagegen.sources import cells, content
from imagegen.sources.lines import Line, lines_of, shown

if TYPE_CHECKING:
    from markdown_it.token import Token

LEVEL = 2
_KEY = re.compile(r"[\w\"'][^:]*:")


def read(path: Path, name: str, options: Mapping[str, Any]) -> Document:
    """The items of a Markdown file, whose headings of ``options["level"]`` they are. Raises WrongInput and
    OSError."""
    return parse(content.text(path, name), name, options.get("level", LEVEL))


def parse(text: str, name: str, level: int = LEVEL) -> Document:
    """The items of a page's ``text``; the file is called ``name``. Raises WrongInput."""
    page = _Page(text, name, level)
    page.walk()
    if not page.rows and not page.problems:
        found = sorted(page.levels)
        hint = f"level: {found[0]} would find some" if found else "each heading is an item"
        page.problem(f"has no heading of level {level} ({'#' * level})", 0, hint)
    if page.problems:
        raise WrongInput(page.problems)
    root = cells.document_of(page.rows)
    return Document(name, root, root)


class _Page:
    """One pass over a page's blocks."""

    def __init__(self, text: str, name: str, level: int) -> None:
        self.name, self.level = name, level
        self.lines = _without_front_matter(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
        self.problems: list[Problem] = []
        self.rows: list[cells.Row] = []
        self.levels: set[int] = set()
        self.section: _Section | None = None

    def problem(self, message: str, line: int, hint: str = "") -> None:
        self.problems.append(Problem(message, place=Place(self.name, line), hint=hint))

    def walk(self) -> None:
        for block, inline in _blocks("\n".join(self.lines)):
            line = block.map[0] + 1 if block.map else 0
            if block.type == "heading_open":
                self._heading(int(block.tag[1:]), inline, line)
            elif block.type == "fence":
                if not _is_closed(block, self.lines):
                    self.problem("this fenced block is never closed", line, f"end it with a line {block.markup}")
                if self.section:
                    self.section.fence(block.content, line)
            elif block.type == "html_block" and block.content.lstrip().startswith("<!--"):
                if "-->" not in block.content:
                    self.problem("this comment is never closed", line, "end it with -->")
            elif block.type == "paragraph_open" and self.section:
                self.section.paragraph(list(lines_of(inline, line)), is_prose=block.level == 0)
        self._end()

    def _heading(self, level: int, inline: Sequence[Token], line: int) -> None:
        self.levels.add(level)
        if level <= self.level:
            self._end()
        if level == self.level:
            self.section = _Section(cells.Row(self.name, line, self.problems), self)
            self.section.name = Line("", shown(inline), line)
        elif self.section:
            self.section.begin_another()

    def _end(self) -> None:
        if self.section:
            self.section.finish()
            self.rows.append(self.section.row)
        self.section = None


class _Section:
    """What stands below one heading."""

    def __init__(self, row: cells.Row, page: _Page) -> None:
        self.row, self.page = row, page
        self.name = Line("", "", 0)
        self._below_another = False
        self._first_fence: Line | None = None
        self._prose: list[Line] = []
        self._waiting: Line | None = None  # a setting whose value is perhaps the fenced block that follows

    def begin_another(self) -> None:
        """A heading below this one: what it says in prose is no prompt."""
        self._below_another, self._waiting = True, None

    def fence(self, text: str, line: int) -> None:
        if self._waiting:
            self.row.put(self._waiting.label, text, self._waiting.number)
        elif self._first_fence is None:
            self._first_fence = Line("", text, line)
        self._waiting = None

    def paragraph(self, lines: Sequence[Line], is_prose: bool) -> None:
        self._waiting = None
        prose: list[str] = []
        setting: Line | None = None
        for line in lines:
            key = self._key(line) if line.label else ""
            if key:
                self._give(setting)
                setting = Line(key, line.text, line.number)
            elif setting and not line.label:
                setting = setting._replace(text=f"{setting.text} {line.text}")
            else:
                self._give(setting)
                setting = None
                prose.append(f"{line.label}: {line.text}" if line.label else line.text)
        if setting and not setting.text:
            self._waiting = setting
        else:
            self._give(setting)
        said = " ".join(filter(None, prose))
        if said and is_prose and not self._below_another:
            self._prose.append(Line("", said, lines[0].number))

    def finish(self) -> None:
        """Take the name and the prompt, where no line has given them."""
        given = self.row.values
        if "name" not in given:
            self.row.put("name", self.name.text, self.name.number)
        if "prompt" in given:
            return
        if self._first_fence:
            self.row.put("prompt", self._first_fence.text, self._first_fence.number)
        elif self._prose:
            self.row.put("prompt", "\n\n".join(line.text for line in self._prose), self._prose[0].number)

    def _give(self, setting: Line | None) -> None:
        if setting:
            self.row.put(setting.label, setting.text, setting.number)

    def _key(self, line: Line) -> str:
        """The key of a line's label, empty where it is only bold text. Nearly a key is a mistake."""
        found = cells.key_of(line.label)
        if not found and (meant := cells.nearly(line.label)):
            hint = f'did you mean "{meant}"? Without ** it is text'
            self.page.problem(f'unknown setting "{line.label}"', line.number, hint)
        return found


def _without_front_matter(lines: list[str]) -> list[str]:
    """The lines with those of a YAML block at the top (of static sites) blank: CommonMark would take it for a
    heading. Such a block begins with a key in its first line, which a rule at the top of a page does not."""
    if lines[0].rstrip() == "---" and len(lines) > 1 and _KEY.match(lines[1]):
        for number, line in enumerate(lines[1:], 1):
            if line.rstrip() in ("---", "..."):
                return [""] * (number + 1) + lines[number + 1 :]
    return lines


def _blocks(text: str) -> Iterator[tuple[Token, Sequence[Token]]]:
    """The blocks that count, each with the text inside it; nothing of what is quoted or in a table."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    outside = 0
    for number, token in enumerate(tokens):
        if token.type in ("blockquote_open", "table_open"):
            outside += 1
        elif token.type in ("blockquote_close", "table_close"):
            outside -= 1
        elif outside or (token.type == "heading_open" and token.level):
            continue
        elif token.type in ("heading_open", "paragraph_open"):
            yield token, tokens[number + 1].children or ()
        elif token.type in ("fence", "html_block"):
            yield token, ()


def _is_closed(fence: Token, lines: Sequence[str]) -> bool:
    begin, end = fence.map or (0, 0)
    last = lines[end - 1].strip() if end <= len(lines) else ""
    return end - begin > 1 and last.startswith(fence.markup) and set(last) == set(fence.markup)
