"""Where the ComfyUI servers are, and what goes with every request to one."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from imagegen.errors import Problem, WrongInput

BLOCK = "backends.comfyui"
HTTP, WEBSOCKET = ("http", "https"), ("ws", "wss")
_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Address:
    """``url`` and ``ws_url`` without credentials and trailing slash; ``headers`` hold secrets, so they
    are in no message and no ``repr``."""

    url: str
    ws_url: str
    headers: Mapping[str, str] = field(repr=False)

    def hidden(self, text: str) -> str:
        """``text``, which may come from the server, without any secret of ours in it."""
        for secret in sorted(_secrets(self.headers), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine, where no proxy stands between."""
        host = urlsplit(self.url).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")


def check(settings: Mapping[str, Any]) -> None:
    """Are the block's own addresses such? Raises WrongInput. Tokens may be missing where nothing is made."""
    given = _in_block(settings)
    found = {_split(text, where, HTTP)[0] for text, where in given}
    if "ws_url" in settings:
        _split(settings["ws_url"], f"{BLOCK}.ws_url", WEBSOCKET)
        _one_socket(found, f"{BLOCK}.ws_url")


def addresses(settings: Mapping[str, Any], environ: Mapping[str, str]) -> list[Address]:
    """The servers of a ``backends.comfyui`` block, each once; the environment wins. Raises WrongInput."""
    found: dict[str, dict[str, str]] = {}
    for url, credentials in _urls(settings, environ):
        found.setdefault(url, credentials)
    own_socket = environ.get("COMFYUI_WS_URL") or settings.get("ws_url")
    where = "COMFYUI_WS_URL" if environ.get("COMFYUI_WS_URL") else f"{BLOCK}.ws_url"
    if own_socket:
        own_socket, _ = _split(own_socket, where, WEBSOCKET)
        _one_socket(found, where)
    given = {name: _header(name, value, environ) for name, value in settings.get("headers", {}).items()}
    replaced = {name.lower() for name in given}  # a header's name has no case
    return [
        Address(
            url,
            own_socket or "ws" + url.removeprefix("http") + "/ws",
            {**{name: value for name, value in credentials.items() if name.lower() not in replaced}, **given},
        )
        for url, credentials in found.items()
    ]


def count(settings: Mapping[str, Any], environ: Mapping[str, str]) -> int:
    """How many servers there are. Raises WrongInput."""
    return len({url for url, _ in _urls(settings, environ)})


def _urls(settings: Mapping[str, Any], environ: Mapping[str, str]) -> list[tuple[str, dict[str, str]]]:
    """Each address without its credentials, and the header that carries them instead."""
    one, several = environ.get("COMFYUI_URL", "").strip(), environ.get("COMFYUI_URLS", "").strip(", \t\r\n")
    if one and several:
        raise WrongInput([Problem("is set, and COMFYUI_URL too", "COMFYUI_URLS", hint="one of them says it all")])
    if several:
        given = [(text, "COMFYUI_URLS") for text in re.split(r"[,\s]+", several)]
    else:
        given = [(one, "COMFYUI_URL")] if one else _in_block(settings)
    return [_split(text, where, HTTP) for text, where in given]


def _in_block(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The block's own addresses, and where each is written."""
    if "url" in settings and "urls" in settings:
        raise WrongInput([Problem("is given, and url too", f"{BLOCK}.urls", hint="put all of them into urls")])
    if "urls" in settings:
        return [(text, f"{BLOCK}.urls[{number}]") for number, text in enumerate(settings["urls"])]
    return [(settings.get("url", "http://127.0.0.1:8188"), f"{BLOCK}.url")]


def _one_socket(urls: Collection[str], where: str) -> None:
    if len(urls) > 1:
        hint = "leave it out: each server's socket is then looked for at its own address followed by /ws"
        raise WrongInput([Problem(f"is the socket of one server, and there are {len(urls)}", where, hint=hint)])


def _secrets(headers: Mapping[str, str]) -> Iterator[str]:
    """The values of headers, and what stands behind a scheme (``Bearer …``), plain and decoded."""
    for value in headers.values():
        scheme, _, token = value.partition(" ")
        found = {value, token}
        if scheme == "Basic":
            with contextlib.suppress(ValueError):
                both = base64.b64decode(token).decode()
                found |= {both, both.partition(":")[2]}
        yield from (secret for secret in found if len(secret) >= 4)


def _split(url: str, where: str, schemes: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """The URL without its credentials, and the header that carries them instead."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise WrongInput([Problem("is no address of a server", where, hint=str(error))]) from error
    odd = re.search(r"[\s\x00-\x1f<>\"\\^`{|}]", url.strip())
    if parts.query or parts.fragment:
        raise WrongInput([Problem("holds a ? or #, and an address of a server has none", where)])
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)
    if parts.scheme not in schemes or not parts.hostname or odd or ".." in parts.hostname:
        raise WrongInput([Problem(f"is no address of a server: it should begin with {wanted}", where)])
    credentials = {}
    if parts.username or parts.password:
        both = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        credentials["Authorization"] = "Basic " + base64.b64encode(both.encode()).decode()
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = host + (f":{port}" if port else "")
    return urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", "")), credentials


def _header(name: str, value: str, environ: Mapping[str, str]) -> str:
    where = f"{BLOCK}.headers.{name}"

    def from_environment(match: re.Match[str]) -> str:
        if match[1] not in environ:
            raise WrongInput([Problem(f"{match[1]} is not set in the environment", where, hint=f"export {match[1]}=…")])
        return environ[match[1]]

    filled = _ENV.sub(from_environment, value)
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not re.fullmatch(r"[\t\x20-\x7e\x80-\xff]*", filled):
        raise WrongInput([Problem("is no header: its name or value holds what headers can't", where)])
    return filled.strip()
