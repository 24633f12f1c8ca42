"""One question to a server, redirects followed by hand."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import requests
import urllib3

import imagegen
from imagegen.downloads import tokens, urls
from imagegen.errors import BuildFailed

MOST_REDIRECTS = 10
CONNECT, SILENCE = 15.0, 60.0
"""Seconds to wait for a connection, and for more of an answer."""

_BLOCK = 1 << 16


class Broken(Exception):
    """What can pass by itself: no connection, a broken one. The message holds no address, for it may be a key."""


class Answer:
    """A server's answer, of which nothing has been read but the headers. ``sent`` says that a token of ours went
    along to where it came from."""

    def __init__(self, response: requests.Response, sent: bool) -> None:
        self._response, self.sent = response, sent
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    def blocks(self) -> Iterator[bytes]:
        """Its bytes as they stand on the wire. Raises Broken."""
        try:
            while block := self._response.raw.read(_BLOCK, decode_content=False):
                yield block
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Broken(_why(error)) from error


class _Hop(NamedTuple):
    url: str
    sends: bool


@contextlib.contextmanager
def asked(url: str, headers: Mapping[str, str], environ: Mapping[str, str]) -> Iterator[Answer]:
    """The answer to a GET of ``url``. The host's token goes along as long as the same host answers; once another
    has been named none is sent any more. Raises Broken, or BuildFailed for a redirect that is not followed."""
    hop = _Hop(url, True)
    for _ in range(MOST_REDIRECTS):
        own = tokens.headers(hop.url, environ) if hop.sends else {}
        with _session(hop.url) as session:
            response = _get(session, hop.url, {**headers, **own})
            with response:
                if (location := session.get_redirect_target(response)) is not None:
                    hop = _next(hop, location)
                    continue
                yield Answer(response, sent=bool(own))
                return
    raise BuildFailed(f"its server redirects more than {MOST_REDIRECTS} times")


def _next(hop: _Hop, location: str) -> _Hop:
    try:
        there = urls.redirected(hop.url, location)
    except urls.NotAllowed as error:
        raise BuildFailed(f"its server redirects to an address that {error}") from error
    return _Hop(there, hop.sends and urls.origin(there) == urls.origin(hop.url))


def _session(url: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = not urls.origin(url).is_here  # a proxy for the world is none for this machine
    session.auth = _no_netrc  # what .netrc holds is not for a manifest's addresses
    session.headers.update({"User-Agent": f"imagegen/{imagegen.__version__}", "Accept-Encoding": "identity"})
    return session


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _get(session: requests.Session, url: str, headers: Mapping[str, str]) -> requests.Response:
    try:
        return session.get(url, headers=dict(headers), stream=True, allow_redirects=False, timeout=(CONNECT, SILENCE))
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise Broken(_why(error)) from error


def _why(error: Exception) -> str:
    match error:
        case requests.exceptions.SSLError():
            return "its certificate can't be trusted, or no secure connection came about"
        case requests.exceptions.ProxyError():
            return "the proxy gives no connection"
        case requests.exceptions.ConnectTimeout():
            return f"no connection within {CONNECT:.0f} s"
        case requests.exceptions.Timeout() | urllib3.exceptions.TimeoutError():
            return f"nothing came for {SILENCE:.0f} s"
        case urllib3.exceptions.HTTPError() | OSError() if not isinstance(error, requests.RequestException):
            return "the connection broke"
        case requests.exceptions.ConnectionError():
            return "no connection came about"
        case _:
            return f"the question failed ({type(error).__name__})"
