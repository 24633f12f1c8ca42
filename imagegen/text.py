"""Slugs, ``${name}`` in texts, and which names a file may have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from imagegen.errors import did_you_mean

_HOLE = re.compile(r"\$(?P<escaped>\$(?=\{))|\$\{(?P<name>[^{}]*)\}")

# What Windows refuses, refused everywhere, so that a project can move:
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(1, 10)), *(f"lpt{n}" for n in range(1, 10))}
)
_FORBIDDEN = re.compile(r'[<>:"\\|?*\x00-\x1f\x7f]')
MAX_NAME_BYTES = 200
"""Most file systems allow 255 bytes for a name; ``.png`` and a temporary file's suffix must fit too."""


def slug_of(name: str) -> str:
    """The file name that a name gives: ``Mallsing`` → ``mallsing``, ``Ελένη`` → ``elene``; empty
    where nothing of it can be written in plain letters (an emoji)."""
    if name.isascii() and name.isalnum():
        return name.lower()
    from slugify import slugify

    return str(slugify(name))


LONGEST = 100_000
"""Letters of a text; a prompt that a model reads whole has some hundreds."""


class TooLong(ValueError):
    """A text of more than :data:`LONGEST` letters."""


class UnknownName(ValueError):
    """A ``${name}`` that nothing defines; the message says which, with the nearest that is."""


def fill(text: str, names: Mapping[str, str]) -> str:
    """Put ``names`` into the ``${name}`` of ``text``; ``$${`` stands for ``${``. One pass: what is
    put in is not looked at again. Raises UnknownName or TooLong.

    >>> fill("a portrait of ${name}, $${cheap}", {"name": "Mallsing"})
    'a portrait of Mallsing, ${cheap}'
    """
    if len(text) > LONGEST:
        raise TooLong(f"has {len(text)} letters; at most {LONGEST} can be")
    if "$" not in text:
        return text

    room = LONGEST

    def value(match: re.Match[str]) -> str:
        nonlocal room
        if match["escaped"]:
            return "$"
        name = match["name"].strip()
        if name not in names:
            raise UnknownName(unknown_name(name, names))
        room -= len(names[name])
        if room < 0:
            raise TooLong(f"is longer than {LONGEST} letters once its ${{…}} are filled")
        return names[name]

    return _HOLE.sub(value, text)


def fill_all(value: Any, names: Mapping[str, str]) -> Any:
    """``value`` with its texts filled: a text, or a list or mapping of them. Raises UnknownName or TooLong."""
    if isinstance(value, str):
        return fill(value, names)
    if isinstance(value, list):
        return [fill_all(one, names) for one in value]
    return {key: fill_all(one, names) for key, one in value.items()} if isinstance(value, Mapping) else value


def unknown_name(name: str, names: Mapping[str, str]) -> str:
    """What is said of a ``${name}`` that nothing defines."""
    mend = did_you_mean(name, names) or "define it under vars; $${ writes ${ itself"
    return f'unknown "${{{name}}}" ({mend})'


def bad_file_name(path: str) -> str | None:
    """Why ``path`` (parts joined by ``/``, without the ending) can't be a file on every system."""
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return f'"{path}" has an empty part or dots for a folder'
        if found := _FORBIDDEN.search(part):
            return f'"{part}" holds {found[0]!r}, which not every system allows'
        if part.split(".")[0].strip().lower() in _RESERVED:
            return f'"{part}" is a reserved name on Windows'
        if part[-1] in ". " or part[0] == " ":
            return f'"{part}" begins with a blank or ends with a blank or a dot'
        if len(part.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
            return f'"{part[:40]}…" is longer than {MAX_NAME_BYTES} bytes'
    return None


def same_file(path: str) -> str:
    """A key under which two paths are equal if any usual file system takes them for one file
    (macOS and Windows fold case, macOS normalises accents)."""
    return path.lower() if path.isascii() else unicodedata.normalize("NFC", path).casefold()
