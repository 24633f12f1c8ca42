"""Who shows the events of a run: a terminal's bars, plain lines, or JSON lines."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Mapping
from typing import IO, Protocol

from imagegen.progress import Event


class View(Protocol):
    """Shows events one after another, always in the same thread."""

    def show(self, event: Event) -> None: ...

    def close(self) -> None: ...


def chosen(stream: IO[str], environ: Mapping[str, str], as_json: bool = False, root: str = "") -> View:
    """The view that fits where ``stream`` goes: bars only on a terminal that is no CI's."""
    if as_json:
        from imagegen.display.json_lines import JsonLines

        return JsonLines(stream)
    # https://no-color.org speaks of colours only; CI and dumb terminals want no moving bars either.
    if stream.isatty() and environ.get("TERM") != "dumb" and not environ.get("CI"):
        from imagegen.display.terminal import Terminal

        return Terminal(stream, root, colour=not environ.get("NO_COLOR"))
    from imagegen.display.plain import Plain

    return Plain(stream, root)


def discard_output() -> None:
    """Let standard output, which can't be written to, go nowhere from now on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


class Display:
    """Takes events from any thread and hands them to a view in one thread of its own: updated from
    several, rich loses lines and leaves bars behind."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.fault: Exception | None = None
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="display", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        self._events.put(event)

    def close(self) -> None:
        """Show what is still to be shown, and take the bars away."""
        self._events.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while (event := self._events.get()) is not None:
                self._view.show(event)
            self._view.close()
        except (OSError, ValueError) as error:
            # Nobody reads any more (`imagegen run | head`), or the disk is full: the images are made all
            # the same. What is in the stream's buffer must not fail again when the program ends.
            self.fault = None if isinstance(error, BrokenPipeError) else error
            discard_output()
