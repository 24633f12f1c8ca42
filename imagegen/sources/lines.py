"""The text of a paragraph, line by line, as a reader sees it; and which lines begin with a bold label."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from markdown_it.token import Token


class Line(NamedTuple):
    """One line: its ``label`` without the colon (empty for none), the text after it, its number in the file."""

    label: str
    text: str
    number: int


def shown(tokens: Sequence[Token]) -> str:
    """The text of inline ``tokens``: no markup, pictures or comments, code as it stands."""
    parts = (" " if one.type in ("softbreak", "hardbreak") else one.content for one in tokens if _is_seen(one))
    return " ".join("".join(parts).split())


def _is_seen(token: Token) -> bool:
    return token.type in ("text", "code_inline", "softbreak", "hardbreak")


def lines_of(tokens: Sequence[Token], first: int) -> Iterator[Line]:
    """The lines of a paragraph that begins in line ``first``; blank ones (a comment, a picture) are none."""
    number = first
    line: list[Token] = []
    for token in (*tokens, None):
        if token is not None and token.type not in ("softbreak", "hardbreak"):
            line.append(token)
            continue
        label, text = _labelled(line)
        if label or text:
            yield Line(label, text, number)
        number += 1 + sum(one.content.count("\n") for one in line if one.type == "html_inline")
        line = []


def _labelled(line: Sequence[Token]) -> tuple[str, str]:
    """``**Seed:** 7`` or ``**Seed**: 7`` as its label and text; no label for any other line."""
    start = next((number for number, one in enumerate(line) if one.type != "text" or one.content.strip()), len(line))
    end = next((number for number, one in enumerate(line) if one.type == "strong_close"), 0)
    if end and line[start].type == "strong_open":
        label, text = shown(line[start:end]), shown(line[end:])
        if label.endswith(":"):
            return label[:-1].rstrip(), text
        if text.startswith(":"):
            return label, text[1:].lstrip()
    return "", shown(line)
