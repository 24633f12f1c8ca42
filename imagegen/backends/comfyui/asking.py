"""Asking several servers at the same time, without waiting for the last where others have answered."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from imagegen.backends.base import Watch
from imagegen.backends.comfyui.client import NoAnswer
from imagegen.backends.comfyui.server import Server
from imagegen.errors import BuildFailed

GRACE = 5.0
"""Seconds that the others have once a server has answered."""

_GLANCE = 0.1


def asked(servers: Sequence[Server], question: Callable[[Server], None], watch: Watch) -> dict[Server, BuildFailed]:
    """The servers that gave no good answer to a question, and why. Raises Interrupted."""
    if len(servers) == 1:
        return {server: error for server in servers if (error := _answer(server, question))}
    answers: queue.SimpleQueue[tuple[Server, BuildFailed | None]] = queue.SimpleQueue()
    for server in servers:
        threading.Thread(
            target=lambda one: answers.put((one, _answer(one, question))),
            args=(server,),
            name="comfyui-asking",
            daemon=True,
        ).start()
    silent: dict[Server, BuildFailed] = {}
    waiting = dict.fromkeys(servers)
    until = float("inf")
    while waiting and time.monotonic() < until:
        watch.check()
        try:
            server, error = answers.get(timeout=_GLANCE)
        except queue.Empty:
            continue
        del waiting[server]
        if error is not None:
            silent[server] = error
        else:
            until = min(until, time.monotonic() + GRACE)
    late = {server: NoAnswer(f"no answer from {server.url}: it took too long") for server in waiting}
    return {**silent, **late}


def _answer(server: Server, question: Callable[[Server], None]) -> BuildFailed | None:
    try:
        question(server)
    except BuildFailed as error:
        return error
    return None
