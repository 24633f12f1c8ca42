"""A terminal: one bar for the run, one line for each image under way, nothing left when it ends."""

from __future__ import annotations

from typing import IO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from imagegen.display import words
from imagegen.progress import Begun, Ended, Event, Failed, Made, Note, Skipped, Started, Step

_STYLES: dict[type[Event], str] = {Made: "green", Failed: "red", Note: "yellow", Skipped: "dim"}


class Terminal:
    """Lines scroll above the bars; the bars are wiped at the end."""

    def __init__(self, stream: IO[str], root: str = "", colour: bool = True) -> None:
        self._root = root
        self._console = Console(file=stream, highlight=False, no_color=not colour, emoji=False, markup=False)
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._run: TaskID | None = None
        self._images: dict[str, TaskID] = {}

    def show(self, event: Event) -> None:
        match event:
            case Begun() if event.total:
                self._progress.start()
                self._run = self._progress.add_task("images", total=event.total)
            case Started() if self._run is not None:
                self._line(event.task)
            case Step() if self._run is not None:
                self._progress.update(self._line(event.task), completed=event.value, total=event.total)
            case Made() | Failed() | Skipped():
                self._done(event.task)
                self._print(event)
            case Ended():
                self._progress.stop()
                self._print(event)
            case Note():
                self._print(event)

    def close(self) -> None:
        self._progress.stop()

    def _line(self, task: str) -> TaskID:
        if task not in self._images:
            self._images[task] = self._progress.add_task(f"  {task}", total=None)
        return self._images[task]

    def _done(self, task: str) -> None:
        if task in self._images:
            self._progress.remove_task(self._images.pop(task))
        if self._run is not None:
            self._progress.advance(self._run)

    def _print(self, event: Event) -> None:
        text = words.line(event, self._root)
        if text is None:
            return
        style = _STYLES.get(type(event), "red" if isinstance(event, Ended) and event.status else "")
        first, _, rest = text.partition("  ")
        shown = Text.assemble((first, style), f"  {rest}" if rest else "")
        self._console.print(shown, soft_wrap=True)
