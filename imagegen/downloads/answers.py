"""How a part is gone on with, and what a server's answer means. Values in, values out.

Ranges and ``If-Range``: RFC 9110, sections 13.1.5 and 14.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from imagegen.downloads.part import Source

CAN_PASS = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses of a server that may answer otherwise a moment later."""


class Misfit(ValueError):
    """What came is not what the manifest describes; the message names both."""


class NoModel(Misfit):
    """Something else came, such as a page to log in."""


class Behind(NamedTuple):
    """An answer that holds the file from byte ``start`` on; ``total`` is the whole file's size, 0 where unknown."""

    start: int
    total: int


def question(known: Source | None, wanted: Source, size: int) -> dict[str, str] | None:
    """The headers that ask for what is behind the first ``size`` bytes, which came from ``known``; None where that
    can't be done safely. A weak ETag tells nothing of bytes. Without any mark the digest of the whole, where the
    manifest has it, shows a file that has changed meanwhile."""
    if not size or known is None or (known.url, known.sha256) != (wanted.url, wanted.sha256):
        return None
    if known.size and size > known.size:
        return None
    mark = _strong(known.etag) or known.modified
    if not mark and not wanted.sha256:
        return None
    return {"Range": f"bytes={size}-", **({"If-Range": mark} if mark else {})}


def source(wanted: Source, headers: Mapping[str, str], total: int) -> Source:
    """What is noted of an answer, to go on from. ``headers`` are looked up without regard to case."""
    return wanted._replace(etag=headers.get("ETag", ""), modified=headers.get("Last-Modified", ""), size=total)


def behind(status: int, headers: Mapping[str, str], known: Source | None) -> Behind | None:
    """What an answer of 200, 206 or 416 holds; None for one that can't be used to go on: begin anew."""
    if status == 200:
        return Behind(0, int(length) if (length := headers.get("Content-Length", "")).isdecimal() else 0)
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", headers.get("Content-Range", "").strip())
    if found is None:
        return None
    total = int(found[2]) if found[2] != "*" else 0
    if status == 416:
        return Behind(total, total) if total else None
    was, now = _strong(known.etag) if known else "", _strong(headers.get("ETag", ""))
    if found[1] is None or (was and now and was != now):
        return None
    return Behind(int(found[1]), total)


def check_size(wanted: int, total: int) -> None:
    """Raises Misfit where the manifest's size is not the server's; 0 is not known."""
    if wanted and total and wanted != total:
        raise Misfit(f"the manifest says {wanted} bytes, the server has {total}")


def check_kind(content_type: str, begin: bytes) -> None:
    """Raises NoModel where the first bytes are no model's: a page, or a git-lfs pointer."""
    text = begin[:200].lstrip().lower()
    if content_type.partition(";")[0].strip().lower() == "text/html" or text.startswith((b"<!doctype html", b"<html")):
        raise NoModel("a web page came instead of a model, perhaps one to log in")
    if text.startswith(b"version https://git-lfs"):
        raise NoModel("a git-lfs pointer came instead of the model")


def _strong(etag: str) -> str:
    return etag if etag.startswith('"') else ""
