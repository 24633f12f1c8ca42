"""Ctrl-C and SIGTERM: stop asking for more, clean up what is under way, leave with 130.

The handler sets an event that every worker watches. ``set_wakeup_fd`` lets a thread see the signal even
while the main thread is stuck in a wait that no signal ends (a queue's, on Windows).
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from imagegen.errors import INTERRUPTED

STOPPING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP") if hasattr(signal, name))


@contextlib.contextmanager
def watched(cancelled: threading.Event, told: Callable[[], None]) -> Iterator[None]:
    """While inside, a stopping signal sets ``cancelled`` and calls ``told`` once; a second one leaves at
    once. Does nothing outside the main thread, where no handler can be set."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    seen = threading.Lock()
    count = 0

    def stop() -> None:
        nonlocal count
        with seen:
            count += 1
            again = count > 1
        if again:
            os._exit(INTERRUPTED)  # the user means it; targets are whole at any instant
        cancelled.set()
        told()

    def read() -> None:
        while data := ours.recv(16):
            for number in data:
                if number in STOPPING:
                    stop()

    def handler(number: int, frame: Any) -> None:
        """Only there so that the default, which is to die, is not; the thread does the rest."""

    reader = threading.Thread(target=read, name="signals", daemon=True)
    reader.start()
    before = {number: signal.getsignal(number) for number in STOPPING}
    old_fd = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    for number in STOPPING:
        if before[number] is not signal.SIG_IGN:  # nohup: the terminal may close
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old if old is not None else signal.SIG_DFL)
        signal.set_wakeup_fd(old_fd)
        theirs.close()
        reader.join(timeout=1)
        ours.close()
