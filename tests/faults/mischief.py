"""What a proxy can do to what passes through it: let it pass, delay, cut, double, reorder, hold back."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request on its way to the server; header names are in small letters."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    def is_for(self, request: str) -> bool:
        """Whether it is of that method and path, or below it: `is_for("GET /view")`."""
        method, _, path = request.partition(" ")
        return self.method == method and (self.path == path or self.path.startswith(path + "/"))


@dataclass(frozen=True)
class Answer:
    """One answer on its way back, whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    def raw(self, **framing: str) -> bytes:
        """As it goes over the wire. `framing`: headers in place of the Content-Length, `_` for `-`."""
        ours = {name.replace("_", "-"): value for name, value in framing.items()}
        ours = ours or {"Content-Length": str(len(self.body))}
        old = ("content-length", "transfer-encoding", "connection")
        kept = {name: value for name, value in self.headers.items() if name.lower() not in old}
        lines = [f"HTTP/1.1 {self.status} {http.client.responses.get(self.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in {**kept, **ours}.items()]
        return "\r\n".join([*lines, "\r\n"]).encode("latin-1") + self.body


@dataclass(frozen=True)
class Sent:
    """What goes back; then the connection is cut, or kept open with nothing more said, or serves on."""

    data: bytes
    cut: bool = False
    stall: bool = False


class Mischief:
    """Lets everything pass. Its methods are called from many threads."""

    def forwarded(self, asked: Asked) -> int:
        """How often the request reaches the server; its last answer goes back."""
        return 1

    def answered(self, asked: Asked, answer: Answer) -> Sent:
        """What goes back. May take its time."""
        return Sent(answer.raw())

    def messages(self, frames: Iterator[bytes | None]) -> Iterator[bytes]:
        """The WebSocket frames that go to the client; None stands for a moment without any."""
        return (frame for frame in frames if frame is not None)

    def sockets_last(self) -> float | None:
        """Seconds after which a WebSocket is closed; None: it is not."""
        return None


class Delays(Mischief):
    """Holds each answer for up to so many seconds: it is out of date when it comes."""

    def __init__(self, seed: int, most: float) -> None:
        self._random, self._most = random.Random(seed), most

    def answered(self, asked: Asked, answer: Answer) -> Sent:
        time.sleep(self._random.uniform(0, self._most))
        return Sent(answer.raw())


class Cuts(Mischief):
    """Cuts one answer of three at a random byte, from the first submission on, but no more than `most`."""

    def __init__(self, seed: int, most: int) -> None:
        self._random, self._left = random.Random(seed), most
        self._lock = threading.Lock()
        self._begun = False

    def answered(self, asked: Asked, answer: Answer) -> Sent:
        data = answer.raw()
        with self._lock:
            self._begun = self._begun or asked.method == "POST"
            if self._begun and self._left and self._random.random() < 1 / 3:
                self._left -= 1
                return Sent(data[: self._random.randrange(len(data))], cut=True)
        return Sent(data)


class Doubles(Mischief):
    """Has everything that changes something done twice, and says everything on the WebSocket twice."""

    def forwarded(self, asked: Asked) -> int:
        return 2 if asked.method == "POST" else 1

    def messages(self, frames: Iterator[bytes | None]) -> Iterator[bytes]:
        return (frame for frame in frames if frame is not None for _ in range(2))


class Reorders(Mischief):
    """Shuffles the messages of a WebSocket, four at a time, and says each fourth again much later."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def messages(self, frames: Iterator[bytes | None]) -> Iterator[bytes]:
        kept: list[bytes] = []
        again: list[bytes] = []
        for frame in frames:
            if frame is not None:
                kept.append(frame)
            if len(kept) == 4 or frame is None:
                self._random.shuffle(kept)
                yield from again
                yield from kept
                again, kept = kept[:1], []


class Closes(Mischief):
    """Closes each WebSocket after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def sockets_last(self) -> float | None:
        return self._seconds


class Answers(Mischief):
    """Has one sort of request answered by a function, so many times or always; the others pass."""

    def __init__(self, request: str, how: Callable[[Asked, Answer], Sent], times: int | None = None) -> None:
        self._request, self._how, self._left = request, how, times
        self._lock = threading.Lock()

    def answered(self, asked: Asked, answer: Answer) -> Sent:
        if asked.is_for(self._request) and self._taken():
            return self._how(asked, answer)
        return Sent(answer.raw())

    def _taken(self) -> bool:
        with self._lock:
            if self._left is None:
                return True
            self._left -= 1
            return self._left >= 0


class Together(Mischief):
    """Several at once; the first that cuts or stalls has the last word."""

    def __init__(self, *parts: Mischief) -> None:
        self._parts = parts

    def forwarded(self, asked: Asked) -> int:
        return max(part.forwarded(asked) for part in self._parts)

    def answered(self, asked: Asked, answer: Answer) -> Sent:
        sent = Sent(answer.raw())
        for part in self._parts:
            sent = part.answered(asked, answer)
            if sent.cut or sent.stall:
                break
        return sent

    def messages(self, frames: Iterator[bytes | None]) -> Iterator[bytes]:
        for part in self._parts[:-1]:
            frames = part.messages(frames)
        return self._parts[-1].messages(frames)

    def sockets_last(self) -> float | None:
        return min((s for part in self._parts if (s := part.sockets_last()) is not None), default=None)
