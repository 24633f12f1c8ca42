"""Where a prompt of ours is on a server, and taking it off: by its own id alone, never anybody else's."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imagegen.backends.comfyui.client import Client

MARK = "imagegen"
"""The key, in ``extra_data``, of the id we chose: a server from before 0.3.45 gives one of its own."""

LONGEST_STOP = 30.0
"""Seconds to wait for an interrupted prompt to end: it ends between two sampling steps."""

_POLL = 0.05


@dataclass(frozen=True)
class Found:
    """The prompt's id there, and its entry in the history once it has ended."""

    prompt_id: str
    entry: Mapping[str, Any] | None = None


def find(client: Client, mark: str, prompt_id: str = "") -> Found | None:
    """The prompt submitted with this mark, waiting, running or done; None where the server has none such.

    ``prompt_id`` is the id the server is known to have given it: it is then ours even without a mark.
    Raises Passing or Refused.
    """
    running, waiting = client.queue()
    for entry in running + waiting:
        if entry[1] == prompt_id or _bears(entry, mark):
            return Found(str(entry[1]))
    # Asked in this order: what has left the queue in between is in the history.
    known = prompt_id or mark
    if (ended := client.history(known)) and (prompt_id or _bears(ended.get("prompt"), mark)):
        return Found(known, ended)
    for other_id, ended in client.recent().items():
        if isinstance(ended, dict) and _bears(ended.get("prompt"), mark):
            return Found(other_id, ended)
    return None


def stop(client: Client, prompt_id: str, cancelled: threading.Event) -> None:
    """Take a prompt out of the queue or interrupt it, and wait until it is gone: its place is not free before.

    Once the run is being left it is not waited for. Raises Passing or Refused.
    """
    client.delete(prompt_id)
    until = time.monotonic() + LONGEST_STOP
    told = False
    while True:
        running, _ = client.queue()
        if not any(entry[1] == prompt_id for entry in running):
            return
        if not told:
            client.interrupt(prompt_id)
            told = True
        elif cancelled.is_set() or time.monotonic() > until:
            return
        cancelled.wait(_POLL)


def _bears(entry: Any, mark: str) -> bool:
    """Whether a queue's entry, ``[number, id, graph, extra_data, …]``, has our mark."""
    extra = entry[3] if isinstance(entry, list) and len(entry) > 3 else None
    return isinstance(extra, dict) and extra.get(MARK) == mark
