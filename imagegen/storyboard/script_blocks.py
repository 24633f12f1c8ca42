"""A script of Markdown (CommonMark) as its blocks: headings, paragraphs and fenced blocks, and its front matter.

Quotes and comments are notes, and no part of the script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from imagegen import yaml12
from imagegen.errors import Place, Problem, WrongInput
from imagegen.sources.lines import Line, lines_of, shown

if TYPE_CHECKING:
    from markdown_it.token import Token

_KEY = re.compile(r"[\w\"'][^:]*:")


class Block(NamedTuple):
    """One block. ``kind`` is heading, paragraph or fence, ``line`` where it begins. A heading has its ``level``, a
    paragraph the number of lists that it is in, and ``begins`` where it is the first of an entry. ``pictures`` are
    the paths of the pictures in it. ``text`` is a heading's or what is fenced."""

    kind: str
    line: int
    level: int = 0
    begins: bool = False
    text: str = ""
    lines: Sequence[Line] = ()
    pictures: Sequence[str] = ()

    @property
    def prose(self) -> list[Line]:
        """The lines that begin with no label."""
        return [line for line in self.lines if not line.label]


def front_matter(lines: list[str], name: str) -> tuple[Any, list[str]]:
    """The values of a YAML block at the top (None without one), and the lines with that block blank. It begins with
    a key in its first line, which a rule at the top of a page does not. Raises WrongInput."""
    if lines[0].rstrip() == "---" and len(lines) > 1 and _KEY.match(lines[1]):
        for number, line in enumerate(lines[1:], 1):
            if line.rstrip() in ("---", "..."):
                found = yaml12.read("\n".join(["", *lines[1:number]]), name)
                return found, [""] * (number + 1) + lines[number + 1 :]
        raise WrongInput([Problem("this front matter is never closed", place=Place(name, 1), hint="end it with ---")])
    return None, lines


def blocks(lines: Sequence[str], name: str, problems: list[Problem]) -> Iterator[Block]:
    """The blocks of a page of these ``lines``; what is wrong with its form joins ``problems``."""
    from markdown_it import MarkdownIt

    # Four blanks before a paragraph are how some people write, and no code: a script has none.
    tokens = MarkdownIt("commonmark").enable("table").disable("code").parse("\n".join(lines))
    quoted, lists, begins = 0, 0, False
    for number, token in enumerate(tokens):
        line = token.map[0] + 1 if token.map else 0
        if token.type in ("blockquote_open", "table_open"):
            if token.type == "table_open":
                hint = "write a sentence in a paragraph or a list, or the script as CSV"
                problems.append(Problem("tables are not read", place=Place(name, line), hint=hint))
            quoted += 1
        elif token.type in ("blockquote_close", "table_close"):
            quoted -= 1
        elif quoted:
            continue
        elif token.type == "list_item_open":
            lists, begins = lists + 1, True
        elif token.type == "list_item_close":
            lists, begins = lists - 1, False
        elif token.type == "heading_open":
            inline = tokens[number + 1].children or ()
            yield Block("heading", line, int(token.tag[1:]), text=shown(inline), pictures=_pictures(inline))
        elif token.type == "paragraph_open":
            inline = tokens[number + 1].children or ()
            yield Block("paragraph", line, lists, begins, "", [*lines_of(inline, line)], _pictures(inline))
            begins = False
        elif token.type == "fence":
            if not _is_closed(token, lines):
                hint = f"end it with a line {token.markup}"
                problems.append(Problem("this fenced block is never closed", place=Place(name, line), hint=hint))
            yield Block("fence", line, lists, text=token.content)
        elif token.type == "html_block" and token.content.lstrip().startswith("<!--") and "-->" not in token.content:
            problems.append(Problem("this comment is never closed", place=Place(name, line), hint="end it with -->"))


def _pictures(tokens: Sequence[Token]) -> list[str]:
    return [unquote(str(token.attrs["src"])) for token in tokens if token.type == "image"]


def _is_closed(fence: Token, lines: Sequence[str]) -> bool:
    begin, end = fence.map or (0, 0)
    last = lines[end - 1].strip() if end <= len(lines) else ""
    return end - begin > 1 and last.startswith(fence.markup) and set(last) == set(fence.markup)


_ENDS = re.compile(r"[.!?…。！？][\"'”’»›)\]]*$")
"""How a line ends that ends a sentence."""


def are_lines(paragraphs: Sequence[Block]) -> bool:
    """Whether each line of these paragraphs is a sentence of its own, though no blank line parts them: where all
    lines of all paragraphs end as sentences do, or where there is one paragraph and nothing in it shows that a
    sentence goes on in the next line.

    That a paragraph is wrapped shows in a line that stops in mid-sentence.
    """
    several = [one.prose for one in paragraphs if len(one.prose) > 1]
    if not several:
        return False
    if all(_ENDS.search(line.text) for own in several for line in own):
        return True
    return len(paragraphs) == 1 and len(several[0]) == len(paragraphs[0].lines) and not any(
        line.text[:1].islower() for line in several[0][1:]
    )  # fmt: skip
