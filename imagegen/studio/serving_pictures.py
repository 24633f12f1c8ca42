"""Handing out one picture: only a real one, only from where pictures may lie, and never as anything else."""

from __future__ import annotations

import os
from collections.abc import Iterable
from email.utils import formatdate
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from imagegen.files import inside

_FOR_EVER = "private, max-age=31536000, immutable"
_ASK_AGAIN = "private, no-cache"

ALONE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
"""A picture that is opened by itself is nothing but a picture."""


def kind_of(head: bytes) -> str | None:
    """The media type of a picture by its first 12 bytes or more; None for anything but PNG, JPEG, WebP and GIF."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return None


def may_be_served(path: Path, roots: Iterable[Path]) -> bool:
    """Whether a file, links followed, lies in one of these folders, links followed."""
    return any(inside(root, path) for root in roots)


def served(request: Request, path: Path | None, roots: Iterable[Path]) -> Response | None:
    """The picture at ``path`` as an answer; None where there is none, or none that may be shown.

    With ``?v=`` in the address the browser may keep it for good: another content has another address.
    """
    if path is None:
        return None
    try:
        real = Path(os.path.realpath(path))
        if not may_be_served(real, roots) or not real.is_file():  # opening a pipe would wait for good
            return None
        with real.open("rb") as stream:
            state = os.fstat(stream.fileno())
            tag = f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
            head = stream.read(16)
            kind = kind_of(head)
            if kind is None:
                return None
            headers = {
                **ALONE,
                "Cache-Control": _FOR_EVER if "v" in request.query_params else _ASK_AGAIN,
                "ETag": tag,
                "Last-Modified": formatdate(state.st_mtime, usegmt=True),
            }
            if tag in _tags(request):
                return Response(status_code=304, headers=headers)
            return Response(head + stream.read(), media_type=kind, headers=headers)
    except OSError:
        return None


def _tags(request: Request) -> list[str]:
    return [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
