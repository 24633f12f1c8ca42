"""Stands around the whole studio: nothing reaches it that the fence does not let through, and nothing leaves it
without the headers that tell a browser how little this page needs.

ASGI itself and no framework's middleware, so that pages, files, WebSockets, errors and redirects are all inside.
"""

from __future__ import annotations

import contextlib
import html
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from imagegen.studio import limits
from imagegen.studio.fence import PROTOCOL, SAFE, Asked, Fence, Pass, Preflight, Refusal, Ruling, Welcome
from imagegen.studio.limits import Message, Receive, Send

Scope = dict[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
}
UNLESS_GIVEN = {b"content-security-policy": POLICY.encode(), b"cache-control": b"no-store"}
"""A picture's answer has a stricter policy of its own, and may be kept."""

REMEMBERED = 30 * 24 * 3600
"""Seconds for which a browser keeps the cookie."""


class Guard:
    """``app`` inside ``fence``. While it is ``leaving`` nothing is changed any more, but on the fence's open paths,
    whose callers want to be told something."""

    def __init__(self, app: App, fence: Fence) -> None:
        self.app, self.fence, self.leaving = app, fence, False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            with _shown():
                await self.app(scope, receive, send)

    def _ruling(self, scope: Scope) -> Ruling:
        path = scope.get("raw_path") or scope["path"].encode()
        websocket = scope["type"] == "websocket"
        method = "GET" if websocket else scope["method"]
        found = self.fence.rule(Asked(method, path, scope.get("query_string", b""), scope["headers"], websocket))
        changes = method not in SAFE and scope["path"] not in self.fence.open_paths
        if self.leaving and changes and not isinstance(found, Refusal):
            return Refusal(503, "the studio is ending", "start it again: imagegen studio")
        return found

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        ruling = self._ruling(scope)
        out = _Answer(send, ruling.origin if isinstance(ruling, Pass | Preflight) else "")
        if isinstance(ruling, Refusal):
            await _refuse(scope, out, ruling)
        elif isinstance(ruling, Welcome):
            await self._welcome(out, ruling)
        elif isinstance(ruling, Preflight):
            await out.whole(204, b"", {
                b"access-control-allow-methods": b"GET, POST, PATCH, DELETE",
                b"access-control-allow-headers": b"authorization, content-type",
            })  # fmt: skip
        else:
            try:
                body = await limits.taken(dict(scope["headers"]), receive)
            except limits.TooLarge:
                await limits.heard_out(receive)
                hint = f"at most {limits.MOST // 1_000_000} MB"
                await _refuse(scope, out, Refusal(413, "what was sent is too large", hint))
                return
            except limits.Gone:
                return
            with contextlib.suppress(_Bug), _shown():
                await self.app(scope, body, out.send)
                return
            if not out.begun:
                await _refuse(scope, out, Refusal(500, "a fault of imagegen's own", "the terminal shows more of it"))

    async def _welcome(self, out: _Answer, ruling: Welcome) -> None:
        cookie = f"{self.fence.cookie}={self.fence.token}; Path=/; Max-Age={REMEMBERED}; HttpOnly; SameSite=Strict"
        headers = {b"set-cookie": cookie.encode()}
        if ruling.through_other:
            await out.whole(200, _page("imagegen", "", link=True, lead_on=True), {**headers, **_HTML})
        else:
            await out.whole(303, b"", {**headers, b"location": b"/"})

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        ruling = self._ruling(scope)
        if not isinstance(ruling, Pass):
            await receive()  # what is refused before it is accepted is answered by 403
            await send({"type": "websocket.close", "code": 1008})
            return

        async def named(message: Message) -> None:
            if message["type"] == "websocket.accept" and PROTOCOL in scope.get("subprotocols", ()):
                message = {**message, "subprotocol": PROTOCOL}
            await send(message)

        with contextlib.suppress(_Bug), _shown():
            await self.app(scope, receive, named)
            return
        await send({"type": "websocket.close", "code": 1011})


class _Bug(Exception):
    """Of our own, and shown already."""


@contextlib.contextmanager
def _shown() -> Iterator[None]:
    """The studio's boundary: a bug keeps its traceback, on the terminal."""
    try:
        yield
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        print("This is a fault of imagegen's own: please report it with the lines above.", file=sys.stderr)
        raise _Bug from error


class _Answer:
    """One answer on its way out; ``begun`` once its first line has left."""

    def __init__(self, send: Send, origin: str) -> None:
        self._send, self._origin, self.begun = send, origin, False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            message = {**message, "headers": self._with_ours(message.get("headers", ()))}
        await self._send(message)

    def _with_ours(self, given: Any) -> list[tuple[bytes, bytes]]:
        headers = [(name.lower(), value) for name, value in given if name.lower() not in ALWAYS]
        there = {name for name, _ in headers}
        headers += [*ALWAYS.items(), *((name, value) for name, value in UNLESS_GIVEN.items() if name not in there)]
        if self._origin:
            headers += [(b"access-control-allow-origin", self._origin.encode()), (b"vary", b"Origin")]
        return headers

    async def whole(self, status: int, body: bytes, headers: dict[bytes, bytes]) -> None:
        await self.send({
            "type": "http.response.start", "status": status,
            "headers": [*headers.items(), (b"content-length", str(len(body)).encode())],
        })  # fmt: skip
        await self.send({"type": "http.response.body", "body": body})


async def _refuse(scope: Scope, out: _Answer, ruling: Refusal) -> None:
    """JSON for programs, a small page for who opened an address in a browser."""
    accepts = b"".join(value for name, value in scope["headers"] if name == b"accept")
    if scope["method"] in ("GET", "HEAD") and b"text/html" in accepts:
        body, headers = _page(ruling.message, ruling.hint, link=ruling.onward), _HTML
    else:
        body, headers = json.dumps({"error": ruling.message, "hint": ruling.hint}).encode(), _JSON
    await out.whole(ruling.status, body, headers)


_HTML = {b"content-type": b"text/html; charset=utf-8"}
_JSON = {b"content-type": b"application/json"}


def _page(title: str, words: str, link: bool, lead_on: bool = False) -> bytes:
    """A page without style or script. Its ``link`` to the studio starts from here, so that the browser sends the
    cookie along; ``lead_on`` follows it by itself."""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">',
        '<link rel="icon" href="/static/icon.svg" type="image/svg+xml">',
        '<meta http-equiv="refresh" content="0; url=/">' if lead_on else "",
        f"<title>{html.escape(title)}</title></head><body><main><h1>{html.escape(title)}</h1>",
        f"<p>{html.escape(words)}</p>" if words else "",
        '<p><a href="/">To the studio</a></p>' if link else "",
        "</main></body></html>",
    ]
    return "".join(parts).encode()
