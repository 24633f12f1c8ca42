"""What Ollama's answers mean: which failures can pass, which are a server's, which are the order's. Pure."""

from __future__ import annotations

import re

from imagegen.backends.ollama import versions
from imagegen.errors import BuildFailed, NobodyThere, Unreachable

CAN_PASS = frozenset({429, 502, 503, 504})
"""A proxy whose server restarts, or a server whose queue is full."""

_STATUS = re.compile(r"(\d{3}) [A-Z][A-Za-z ]*: ")
_LONGEST = 300
_LETTERS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-Z\\-_]|[\x00-\x08\x0b-\x1f\x7f]")


class Passing(Unreachable):
    """A failure that can pass by itself: worth another attempt."""


class NoAnswer(Passing, NobodyThere):
    """Nobody answers there."""


class Unfit(BuildFailed):
    """This server can't do it; another may."""


class Lacking(BuildFailed):
    """There is no such model there."""


def plain(text: str) -> str:
    """``text`` without the sequences that move a terminal's cursor; what is drawn anew is a line of its own."""
    return _LETTERS.sub("", text.replace("\r", "\n").replace("\x1b[1G", "\n"))


def failure(said: str, whose: str, told: versions.Told, status: int = 0) -> BuildFailed:
    """The error for what ``whose`` server or program said; ``status`` is HTTP's, 0 where there is none."""
    message = plain(said).strip().removeprefix("Error: ")
    found = _STATUS.match(message)
    if found and not status:
        status, message = int(found[1]), message[found.end() :]
    message = message.splitlines()[0][:_LONGEST] if message else ""
    lower = message.lower()
    shown = f"{whose}: {message}" if message else f"{whose} failed and gave no reason"
    if "unknown flag" in lower or "unknown shorthand flag" in lower:
        flag = re.search(r"--?[\w-]+", message)
        return Unfit(
            f"{whose} is Ollama {told} and does not know {flag[0] if flag else 'a flag'} ({message})",
            f"only {versions.RANGE} make images: {versions.WAY_OUT}",
        )
    if "image generation models are not currently supported" in lower:
        return Unfit(
            f"{whose} is Ollama {told} and makes no images ({message})",
            f"only {versions.RANGE} do: {versions.WAY_OUT}",
        )
    if status == 404 or re.search(r"model ['\"]?\S+ not found|file does not exist", lower):
        return Lacking(shown)
    if re.search(r"could not connect|connection refused|not responding|connection reset|no such host", lower):
        return NoAnswer(shown, STARTED)
    if status in CAN_PASS or re.search(r"server busy|max retries exceeded|\beof\b|timeout|timed out", lower):
        return Passing(shown)
    if "runner" in lower or status >= 500:
        return Unfit(shown, _of_runner(told))
    return BuildFailed(shown)


STARTED = "start it (`ollama serve`, or the Ollama app); OLLAMA_HOST says where it is"


def _of_runner(told: versions.Told) -> str:
    found = versions.numbers(told.counts)
    if found and found[:2] == (0, 23):
        return "image models were broken in releases around 0.23 on macOS: 0.22.1 was not"
    return "Ollama makes images on macOS; other builds often can't. Its server's log tells more; or backend: comfyui"
