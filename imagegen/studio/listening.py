"""Where the studio listens: the socket, and the addresses that lead to it."""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

from imagegen.errors import WrongInput
from imagegen.studio.fence import WILDCARDS

PORT = 8300
TRIES = 100
"""How many ports from :data:`PORT` on are tried where none is asked for."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Listener(NamedTuple):
    """An open socket. ``host`` is the one asked for, a name or a number."""

    socket: socket.socket
    host: str
    port: int

    @property
    def url(self) -> str:
        """The address on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return _url(host, self.port)

    @property
    def elsewhere(self) -> str:
        """The address on other machines; empty where there is none."""
        if self.host in LOOPBACK:
            return ""
        return _url(socket.gethostname().lower() if self.host in WILDCARDS else self.host, self.port)


def names(host: str) -> frozenset[str]:
    """Names by which this machine is called where it is listened at everywhere."""
    name = socket.gethostname().lower()
    return frozenset({name, f"{name.partition('.')[0]}.local"}) if host in WILDCARDS else frozenset()


def listen(host: str, port: int | None) -> Listener:
    """Open ``port`` (0: any that is free); None means the first free one from 8300 on. Raises WrongInput."""
    if port is not None and not 0 <= port <= 65535:
        raise WrongInput(f"--port {port}: a port is a number up to 65535")
    bare = host.strip("[]")
    try:
        family, _, _, _, address = socket.getaddrinfo(bare, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        raise WrongInput(f"--host {host}: there is no such address") from error
    found = _first(family, str(address[0]), [port] if port is not None else list(range(PORT, PORT + TRIES)), bare)
    return Listener(found, bare, found.getsockname()[1])


def _first(family: int, address: str, ports: list[int], host: str) -> socket.socket:
    refused: OSError | None = None
    for port in ports:
        # The protocol is named, or asyncio takes it for no TCP: an answer's body would wait for 40 ms behind its head.
        one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if os.name == "nt":  # there two may have one port, unless the first does not want that
                one.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE"), 1)  # noqa: B009
            else:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((address, port))
            one.listen()
            return one
        except OSError as error:
            one.close()
            refused = error
    assert refused is not None
    why = refused.strerror or str(refused)
    if len(ports) == 1:
        raise WrongInput(f"can't listen on port {ports[0]} of {host}: {why}", "--port names another one")
    raise WrongInput(f"can't listen on any port from {ports[0]} to {ports[-1]} of {host}: {why}")


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
