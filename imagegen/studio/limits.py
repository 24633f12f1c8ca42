"""A request's body: read whole before the app sees it, and never more than a page of ours has to send."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

MOST = 1_000_000
"""Bytes: the longest text and prompt are far below it."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


_HEARD_OUT, _PATIENCE = 16_000_000, 1.0
"""Bytes and seconds for which more is taken and dropped: who still sends when the connection closes never sees the
answer."""


class TooLarge(Exception):
    """More than :data:`MOST` bytes were announced, or came."""


class Gone(Exception):
    """Whoever asked went away before the end of the body."""


async def taken(headers: Mapping[bytes, bytes], receive: Receive) -> Receive:
    """A ``receive`` that gives the whole body at once. It is counted as it comes, whatever its Content-Length says.

    Raises TooLarge and Gone.
    """
    announced = headers.get(b"content-length", b"0")
    if not announced.isdigit() or len(announced) > 12 or int(announced) > MOST:
        raise TooLarge
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST:
            raise TooLarge
        more = bool(message.get("more_body"))
    whole: list[Message] = [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

    async def again() -> Message:
        return whole.pop() if whole else await receive()

    return again


async def heard_out(receive: Receive) -> None:
    """Take and drop the rest of a body, as far as there is a point in it."""
    size, more = 0, True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while more and size < _HEARD_OUT:
                message = await receive()
                size += len(message.get("body", b""))
                more = bool(message.get("more_body"))
