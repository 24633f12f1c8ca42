"""Where the Ollama servers are, by Ollama's own rules for OLLAMA_HOST (envconfig/config.go there)."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from imagegen.errors import Problem, WrongInput

BLOCK = "backends.ollama"
PORT = 11434
USUAL_PORTS = {"http": 80, "https": 443}


class NoAddress(ValueError):
    """A text that is no address of a server; the message says why, and repeats none of it."""


@dataclass(frozen=True)
class Address:
    """A server without its credentials. ``path`` has no slash at its end; ``secret`` (``name:password``) is in
    no message and no ``repr``."""

    scheme: str
    host: str
    port: int
    path: str = ""
    secret: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    @property
    def is_local(self) -> bool:
        """Whether it is this machine."""
        return self.host == "localhost" or _is(self.host, "is_loopback")

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every request."""
        if not self.secret:
            return {}
        return {"Authorization": "Basic " + base64.b64encode(self.secret.encode()).decode()}

    def hidden(self, text: str) -> str:
        """``text``, which may come from the server, without the secret in it."""
        token = "".join(self.headers.values()).removeprefix("Basic ")
        for secret in (token, self.secret, self.secret.partition(":")[2]):
            if secret.strip(":"):
                text = text.replace(secret, "***")
        return text


def address(text: str) -> Address:
    """``host``, ``host:port`` or a URL. Without a scheme the port is 11434 unless given, with one it is that
    scheme's; a port that is none is as if it was not given; an address to listen on becomes one to connect to.
    Raises NoAddress."""
    cleaned = text.strip().strip("\"'").strip()
    scheme, separator, rest = cleaned.partition("://")
    if not separator:
        scheme, rest = "http", cleaned
        if cleaned == "ollama.com":
            scheme, rest = "https", "ollama.com:443"
    if scheme not in USUAL_PORTS:
        raise NoAddress("its scheme is neither http nor https")
    usual = USUAL_PORTS[scheme] if separator else PORT
    place, _, path = rest.partition("/")
    credentials, _, place = place.rpartition("@")
    host, port = _split(place, usual)
    if any(mark in host + path for mark in " \t\r\n\"'<>\\^`{|}?#@") or not (host + path).isprintable():
        raise NoAddress("it holds what no address of a server has")
    if _is(host, "is_unspecified"):
        host = "::1" if ":" in host else "127.0.0.1"
    path = path.rstrip("/")
    return Address(scheme, host, port, f"/{path}" if path else "", unquote(credentials))


def _split(place: str, usual: int) -> tuple[str, int]:
    bare = place.strip("[]")
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(bare)), usual
    host, colon, port = place.rpartition(":")
    if not colon:
        return place or "127.0.0.1", usual
    host = host.strip("[]")
    if ":" in host:
        with contextlib.suppress(ValueError):
            host = str(ipaddress.ip_address(host))
            return host, _port(port, usual)
        raise NoAddress("it has too many colons")
    return host or "127.0.0.1", _port(port, usual)


def _port(text: str, usual: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= 65535 else usual


def _is(host: str, what: str) -> bool:
    try:
        return bool(getattr(ipaddress.ip_address(host), what))
    except ValueError:
        return False


def check(settings: Mapping[str, Any]) -> None:
    """Are the block's own addresses such? Raises WrongInput."""
    for text, where in _in_block(settings):
        _read(text, where)


def addresses(settings: Mapping[str, Any], environ: Mapping[str, str]) -> list[Address]:
    """The servers of a ``backends.ollama`` block, each once. OLLAMA_HOST wins, unless it only says where a
    server here listens (``0.0.0.0``). Raises WrongInput."""
    given = _in_block(settings)
    own = environ.get("OLLAMA_HOST", "").strip().strip("\"'").strip()
    if own and not (given and _only_listens(own)):
        given = [(own, "OLLAMA_HOST")]
    found: dict[str, Address] = {}
    for text, where in given or [("", "OLLAMA_HOST")]:
        read = _read(text, where)
        found.setdefault(read.url, read)
    return list(found.values())


def _only_listens(text: str) -> bool:
    bare = text.partition("://")[2] or text
    host = bare.partition("/")[0]
    return any(_is(one.strip("[]"), "is_unspecified") for one in (host, host.rpartition(":")[0]))


def _in_block(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    if "url" in settings and "urls" in settings:
        raise WrongInput([Problem("is given, and url too", f"{BLOCK}.urls", hint="put all of them into urls")])
    if "urls" in settings:
        return [(text, f"{BLOCK}.urls[{number}]") for number, text in enumerate(settings["urls"])]
    return [(settings["url"], f"{BLOCK}.url")] if "url" in settings else []


def _read(text: str, where: str) -> Address:
    try:
        return address(text)
    except NoAddress as error:
        raise WrongInput(
            [Problem(f"is no address of a server: {error}", where, hint="such as gpu-box:11434")]
        ) from None
