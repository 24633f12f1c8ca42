"""How far a download is: a bar on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING

from imagegen.downloads.amounts import amount
from imagegen.downloads.fetching import Shown

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

STEP = 10
"""Per cent between two plain lines."""

UNSIZED = 1_000_000_000
"""Bytes between two plain lines where the whole is not known."""


@contextlib.contextmanager
def shown(name: str, stream: IO[str], environ: Mapping[str, str]) -> Iterator[Shown]:
    """Shows one download on ``stream``; the bar is gone afterwards."""
    # As for a run: CI and dumb terminals want no moving bars.
    if not stream.isatty() or environ.get("TERM") == "dumb" or environ.get("CI"):
        yield _Lines(name, stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(file=stream, highlight=False, no_color=bool(environ.get("NO_COLOR")), emoji=False, markup=False)
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as progress:
        yield _Bar(progress, progress.add_task(name, total=None))


class _Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def at(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total or None)

    def note(self, text: str) -> None:
        self._progress.console.print(f"  {text}", soft_wrap=True)


class _Lines:
    def __init__(self, name: str, stream: IO[str]) -> None:
        self._name, self._stream = name, stream
        self._told = -1  # until something has come nothing is said

    def at(self, done: int, total: int) -> None:
        step = done * 100 // total // STEP if total else done // UNSIZED
        if step > self._told and done < total or (not total and step > self._told):
            self._told = step
            self.note(f"{amount(done)} of {amount(total)}" if total else amount(done))

    def note(self, text: str) -> None:
        print(f"  {self._name}: {text}", file=self._stream, flush=True)
