"""Which addresses a model may come from, and how one is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urljoin, urlsplit

if TYPE_CHECKING:
    import ipaddress

# Stricter than RFC 3986: where a name, a password or a backslash stands in front of the host, two programs can
# read two hosts out of one address, and a token would go to the wrong one.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?:[/?#][^\s\\\x00-\x1f\x7f]*)?",
    re.IGNORECASE,
)

_USUAL_PORT = {"http": 80, "https": 443}
_SECRETS = frozenset({"token", "access_token", "api_key", "apikey", "api-key"})


class NotAllowed(ValueError):
    """An address that is not asked; the message says why, without the address."""


class Origin(NamedTuple):
    """Who answers an address: a token given to one is not given to another."""

    scheme: str
    host: str
    port: int

    @property
    def number(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        """The host where it is written as a number."""
        import ipaddress  # only where a model is listed

        try:
            return ipaddress.ip_address(self.host.strip("[]"))
        except ValueError:
            return None

    @property
    def is_here(self) -> bool:
        """Whether this is the machine's own loopback."""
        return self.number.is_loopback if self.number is not None else self.host == "localhost"


def origin(url: str) -> Origin:
    """Raises NotAllowed for what is no plain address of http or https, or plain http to another machine."""
    found = _URL.fullmatch(url)
    if found is None:
        if re.match(r"[a-z]+://[^/?#]*@", url, re.IGNORECASE):
            raise NotAllowed("holds a name or password, which don't belong there")
        raise NotAllowed("is no address that begins with https:// and a host's name")
    scheme, host = found["scheme"].lower(), found["host"].lower()
    who = Origin(scheme, host, int(found["port"] or _USUAL_PORT[scheme]))
    if who.port > 65535 or (host.startswith("[") and who.number is None):
        raise NotAllowed("has a host or port that can't be")
    if scheme == "http" and not who.is_here:
        raise NotAllowed("is plain http, which is for this machine only: write https")
    return who


def check(url: str) -> None:
    """May a manifest name this address? Raises NotAllowed."""
    origin(url)
    for key, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True):
        if key.lower() in _SECRETS:
            raise NotAllowed(f"holds a secret ({key}=…): set HF_TOKEN or CIVITAI_TOKEN in the environment instead")


def redirected(url: str, location: str) -> str:
    """Where an answer of ``url`` leads. Raises NotAllowed, also where another machine leads back to this one."""
    try:
        there = urljoin(url, location)
    except ValueError as error:
        raise NotAllowed("is none") from error
    if origin(there).is_here and not origin(url).is_here:
        raise NotAllowed("leads to this machine itself")
    return there


def shown(url: str) -> str:
    """``url`` without what stands behind ``?``: an address with a signature is a key."""
    return re.split(r"[?#]", url, maxsplit=1)[0]
