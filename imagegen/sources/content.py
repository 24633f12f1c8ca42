"""A source's file as bytes and as text."""

from __future__ import annotations

from pathlib import Path

from imagegen.document import MAX_BYTES
from imagegen.errors import Place, Problem, WrongInput


def raw(path: Path, name: str) -> bytes:
    """The file's bytes. Raises WrongInput where there are too many, and OSError."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        message = f"is {size / 2**20:.0f} MB; at most {MAX_BYTES >> 20} MB are read"
        raise WrongInput([Problem(message, place=Place(name), hint="split it into several")])
    return path.read_bytes()


def text(path: Path, name: str) -> str:
    """The file's text, which is UTF-8 with or without a byte order mark. Raises WrongInput and OSError."""
    content = raw(path, name)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise WrongInput([Problem("is not UTF-8 text", place=Place(name, line), hint="save it as UTF-8")]) from error
