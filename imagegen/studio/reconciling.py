"""Keeps the storyboards' rows in line with the verdicts: the flag and the status are conveniences, the picture decides.

A picture may be made, removed or changed by anybody: `doit`, an editor, another branch. A storyboard that is seen for
the first time has its unfinished jobs taken on.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING

from imagegen.errors import ImagegenError
from imagegen.items import Source
from imagegen.jobs import steps
from imagegen.storyboard import following
from imagegen.verdict import State

if TYPE_CHECKING:
    from imagegen.studio.running import Studio

PAUSE, SHARE = 0.3, 5
"""Seconds in which changes are gathered, since a build's come one by one; and at least so many times what the last
look took, so that a long script's rows are free for others most of the time."""


class Reconciling:
    """A thread of its own, since who looks at pictures must not wait for a database."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._due, self._leaving = threading.Event(), threading.Event()
        self._told: dict[str, str] = {}
        self._adopted: set[str] = set()
        self._thread = threading.Thread(target=self._work, name="reconciling", daemon=True)

    def start(self) -> None:
        self._studio.project.on_change(lambda tasks: self._due.set())
        self._due.set()
        self._thread.start()

    def close(self) -> None:
        self._leaving.set()
        self._due.set()
        self._thread.join(timeout=5)

    def _work(self) -> None:
        while not self._leaving.is_set():
            self._due.wait()
            self._due.clear()
            before = time.monotonic()
            for source in () if self._leaving.is_set() else self._studio.project.sources:
                try:
                    self._settle(source)
                    self._told.pop(source.job, None)
                except ImagegenError as error:  # the page says it where it asks for the rows; here once
                    if self._told.get(source.job) != error.message:
                        self._told[source.job] = error.message
                        print(f"{source.job}: {error}", file=sys.stderr)
            self._leaving.wait(max(PAUSE, SHARE * (time.monotonic() - before)))

    def _settle(self, source: Source) -> None:
        project, view = self._studio.project, self._studio.project.view
        project_id = project.project_id(source)
        storyboard = self._studio.site.storyboard(project_id) if project_id else None
        if storyboard is None or project_id is None:
            return
        if project_id not in self._adopted:  # what a studio before this one left
            self._adopted.add(project_id)
            self._studio.engine.adopt(steps.unfinished_jobs(storyboard, project_id))
        numbers = [number for number, item in enumerate(view.items) if item.job == source.job]
        files = {view.items[number].slug: view.items[number].target for number in numbers}
        fresh = {view.items[number].slug: view.verdicts[number].state is State.FRESH for number in numbers}
        busy = {
            task.partition(":")[2]
            for task, one in self._studio.hub.activities.items()
            if one.busy and task.partition(":")[0] == source.job
        }
        with storyboard.session() as session:
            changed = following.reconcile(session, project_id, fresh, files, busy, source.state)
        if changed:
            self._studio.hub.announce({"type": "storyboard", "projectId": project_id, "sentences": changed})
