"""Who may ask the studio for what: decided from a request's first lines alone, before anything else sees them.

A page of another site can make a browser send requests here, with the cookie of whoever sits at it, but it can't
choose ``Host``, ``Origin`` or ``Sec-Fetch-Site``. A name that its owner points at 127.0.0.1 (DNS rebinding) comes
with that name in ``Host``. The page of another program on this machine is of the same site, since a site has no
port, but of another origin.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qs, unquote_to_bytes

from imagegen.studio.token import is_pass

SAFE = frozenset({"GET", "HEAD"})
WILDCARDS = frozenset({"0.0.0.0", "::"})
PROTOCOL = "imagegen"
"""What a WebSocket's client asks for beside ``bearer.TOKEN`` where it can't send an Authorization header."""


class Asked(NamedTuple):
    """The first lines of a request. ``path`` and ``query`` are as they were sent, still encoded; the names of
    ``headers`` are in small letters."""

    method: str
    path: bytes
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    websocket: bool = False

    def all(self, name: bytes) -> list[str]:
        """The values of every header of this name."""
        return [value.decode("latin-1").strip() for key, value in self.headers if key == name]


class Pass(NamedTuple):
    """The request may go on. ``origin`` is that of another front end which is allowed, or empty."""

    origin: str = ""


class Welcome(NamedTuple):
    """The printed link was opened. ``through_other`` pages: then a browser does not send the cookie along with a
    redirect, and our own page has to lead on."""

    through_other: bool = False


class Preflight(NamedTuple):
    """The browser asks for an allowed front end whether it may send what it is about to."""

    origin: str


class Refusal(NamedTuple):
    """The request ends here; ``status`` is HTTP's. ``onward``: a person may have followed a link, and can go on by one
    of our own."""

    status: int
    message: str
    hint: str = ""
    onward: bool = False


Ruling = Pass | Welcome | Preflight | Refusal

NO_TOKEN = Refusal(401, "This is a studio of imagegen, and the browser has no key to it.",
                   "Open the link that `imagegen studio` printed when it started.")  # fmt: skip
ELSEWHERE = "it came from another page"


@dataclass(frozen=True)
class Fence:
    """What is ours: the ``port``, the ``host`` that is listened at, the ``token``, the ``origins`` of other front ends
    that may listen (``http://localhost:5173``), further ``names`` of this machine, and ``open_paths`` whose callers
    prove themselves in another way and are no browsers."""

    port: int
    token: str
    host: str = "127.0.0.1"
    origins: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    open_paths: frozenset[str] = frozenset()
    clock: Callable[[], float] = time.time

    @property
    def cookie(self) -> str:
        """The cookie's name: cookies know no ports, so the name has to."""
        return f"imagegen_{self.port}"

    def rule(self, asked: Asked) -> Ruling:
        """What becomes of a request."""
        path = plain_path(asked.path)
        if path is None:
            return Refusal(400, "that is no path of the studio's")
        host = self._host(asked)
        if isinstance(host, Refusal):
            return host
        if path in self.open_paths and not asked.websocket:
            return self._for_programs(asked)
        origin = self._origin(asked, host)
        if isinstance(origin, Refusal):
            return origin
        other = origin if origin in self.origins else ""
        if asked.method == "OPTIONS" and other and asked.all(b"access-control-request-method"):
            return Preflight(other)
        from_elsewhere = not other and any(site not in ("same-origin", "none") for site in asked.all(b"sec-fetch-site"))
        if path == "/" and asked.method == "GET" and not asked.websocket and self._has_link(asked.query):
            if not from_elsewhere:
                return Welcome()
            if asked.all(b"sec-fetch-mode") == ["navigate"] and asked.all(b"sec-fetch-dest") == ["document"]:
                return Welcome(through_other=True)
        if from_elsewhere:
            return Refusal(403, f"this request is refused: {ELSEWHERE}", onward=True)
        bearer = self._has_bearer(asked) or (asked.websocket and self._has_protocol(asked))
        if not bearer and not self._has_cookie(asked):
            return NO_TOKEN
        if (asked.websocket or asked.method not in SAFE) and not origin and not bearer:
            return Refusal(403, "this request is refused: it does not say which page it came from (Origin)")
        return Pass(other)

    # --- where it came from ---------------------------------------------------------------------------

    def _host(self, asked: Asked) -> str | Refusal:
        given = asked.all(b"host")
        if len(given) != 1:
            return Refusal(400, "a request names one Host")
        host = given[0].lower()
        name, colon, port = host.rpartition(":")
        if not colon or host.endswith("]"):
            name, port = host, "80"
        if port == str(self.port) and self._is_ours(name):
            return host
        return Refusal(
            403, "this request is refused: its Host is not the studio's", "imagegen studio prints its address"
        )

    def _is_ours(self, name: str) -> bool:
        bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
        if (":" in bare) is (bare == name):  # brackets are for IPv6, and it is for them
            return False
        if bare in ("127.0.0.1", "localhost", "::1", self.host.lower()) or name in self.names:
            return bare not in WILDCARDS
        if self.host not in WILDCARDS:
            return False
        try:  # listened at everywhere: nobody can point a number elsewhere, as they can a name
            return not ipaddress.ip_address(bare).is_unspecified
        except ValueError:
            return False

    def _origin(self, asked: Asked, host: str) -> str | Refusal:
        given = asked.all(b"origin")
        if not given:
            return ""
        if len(given) == 1 and (given[0].lower() == f"http://{host}" or given[0].lower() in self.origins):
            return given[0].lower()
        return Refusal(403, f"this request is refused: {ELSEWHERE}")

    @staticmethod
    def _for_programs(asked: Asked) -> Ruling:
        if any(name == b"origin" or name.startswith(b"sec-fetch-") for name, _ in asked.headers):
            return Refusal(403, "this request is refused: this is no place for browsers")
        return Pass()

    # --- the token ------------------------------------------------------------------------------------

    def _has_link(self, query: bytes) -> bool:
        given = parse_qs(query.decode("latin-1")).get("token", [])
        return len(given) == 1 and (self.is_token(given[0]) or is_pass(given[0], self.token, self.clock()))

    def _has_bearer(self, asked: Asked) -> bool:
        given = asked.all(b"authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        return scheme.lower() == "bearer" and self.is_token(token.strip())

    def _has_cookie(self, asked: Asked) -> bool:
        pairs = [pair.strip().partition("=") for line in asked.all(b"cookie") for pair in line.split(";")]
        return any(self.is_token(value.strip('"')) for name, _, value in pairs if name == self.cookie)

    def _has_protocol(self, asked: Asked) -> bool:
        """A browser's WebSocket can't send an Authorization header; what it can choose are its protocols."""
        offered = [one.strip() for line in asked.all(b"sec-websocket-protocol") for one in line.split(",")]
        tokens = [one.removeprefix("bearer.") for one in offered if one.startswith("bearer.")]
        return PROTOCOL in offered and len(tokens) == 1 and self.is_token(tokens[0])

    def is_token(self, given: str) -> bool:
        """Compared in a time that does not tell how much of it is right."""
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self.token.encode())


_AGAIN = re.compile(r"%(?:2e|2f|5c|00|25)", re.IGNORECASE)


def plain_path(sent: bytes) -> str | None:
    """The path in letters; None where it has what no address of ours has and what somebody behind us might read in
    another way: ``..``, ``//``, backslashes, control characters, slashes in disguise, letters encoded twice."""
    if not sent.startswith(b"/") or b"%2f" in sent.lower() or b"?" in sent or b"#" in sent:
        return None
    try:
        path = unquote_to_bytes(sent).decode("utf-8")
    except UnicodeDecodeError:
        return None
    if (
        "\\" in path
        or "//" in path
        or _AGAIN.search(path)
        or any(ord(letter) < 32 or letter == "\x7f" for letter in path)
    ):
        return None
    return None if {".", ".."} & set(path.split("/")) else path
