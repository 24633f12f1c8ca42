"""What happens in the project, from wherever it is started, told to every page that looks on."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from imagegen.live.reading import LiveReader, Told
from imagegen.studio import cards
from imagegen.studio.activities import Activities, Activity, Message
from imagegen.studio.project import Project
from imagegen.studio.subscriptions import MOST_TASKS, Subscription

_WATCHED, _ALONE = 0.1, 0.5
"""Seconds between two looks at the runs, with pages and without."""


class Hub:
    """Threads share it."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._activities = Activities(project.storyboards.sentence_of, _preview)
        self._reader = LiveReader(project.folder)
        self._reading = threading.Lock()
        self._subscriptions: set[Subscription] = set()
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._came = threading.Event()
        self._thread: threading.Thread | None = None
        project.on_change(self._changed)

    # --- its life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Follow the runs from now on."""
        self._thread = threading.Thread(target=self._follow, name="studio-live", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._came.set()
        if self._thread is not None:
            self._thread.join()

    def _follow(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(OSError):  # a run's file went between two looks at it
                self.catch_up()
            self._came.wait(_WATCHED if self._subscriptions else _ALONE)
            self._came.clear()

    # --- what happens ---------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Hear all that runs have told until now."""
        with self._reading:
            self._hear(self._reader.read())

    def _hear(self, found: Sequence[Told]) -> None:
        ended = [one.task for one in found if one.event in ("made", "skipped", "failed")]
        if ended:  # first, so that who is told finds the new picture, or that somebody edited the old one
            self._project.look(ended)
        with self._lock:
            for one in found:
                self._send(self._activities.told(one))

    def announced(self, told: Mapping[str, Any]) -> None:
        """What became of one of the studio's jobs; see :class:`imagegen.jobs.steps.Site`."""
        with self._lock:
            self._send(self._activities.announced(told))

    def announce(self, message: Message) -> None:
        """Tell every page; from any thread. One with a ``projectId`` goes to the pages of that project only."""
        with self._lock:
            self._send([message])

    def claim(self, run: str, task: str, job: str) -> None:
        """``run`` is the studio's own, and begins to make ``task`` for one of its jobs."""
        with self._lock:
            self._send(self._activities.claim(run, task, job))

    def _changed(self, tasks: frozenset[str] | None) -> None:
        view = self._project.view
        counts = view.counts()
        named = None if tasks is None or len(tasks) > MOST_TASKS else sorted(tasks)
        with self._lock:
            for task in self._activities.failures():
                number = view.number(task)
                if number is None or view.verdicts[number].fresh:
                    self._activities.forgive(task)
            self._send([{"type": "changed", "version": view.version, "tasks": named, "counts": counts}])

    def _send(self, messages: Iterable[Message]) -> None:
        for message in messages:
            for subscription in self._subscriptions:
                subscription.put(message)

    # --- what is asked --------------------------------------------------------------------------

    @property
    def activities(self) -> Mapping[str, Activity]:
        """What goes on, by task; a copy."""
        with self._lock:
            return self._activities.shown()

    def cards(self, tasks: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The cards of those of ``tasks`` that the manifest has."""
        view, activities = self._project.view, self.activities
        numbers = {task: number for task in tasks if (number := view.number(task)) is not None}
        return {task: cards.card(view, number, activities.get(task)) for task, number in numbers.items()}

    def own_job(self, task: str) -> str | None:
        """The studio's job that is to make ``task``, if there is one under way."""
        with self._lock:
            return self._activities.own_job(task)

    # --- who looks on ---------------------------------------------------------------------------

    def subscribe(self, subscription: Subscription) -> None:
        """From now on all that concerns it is put into ``subscription``, after a greeting that tells what is under
        way."""
        project = subscription.project
        with self._lock:
            active = [one for one in self._activities.active() if project in (None, one["projectId"])]
            subscription.put({"type": "hello", "version": self._project.view.version, "active": active})
            self._subscriptions.add(subscription)
        self._came.set()

    def leave(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions.discard(subscription)


def _preview(one: Activity) -> str | None:
    return cards.address("previews", one.task, (one.number, 0))
