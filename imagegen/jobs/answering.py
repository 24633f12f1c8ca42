"""One step of a job for a queue that is elsewhere, which calls for each step and counts attempts itself."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from imagegen.errors import ImagegenError, Interrupted, WrongInput
from imagegen.jobs import steps
from imagegen.jobs.event import Event
from imagegen.jobs.known import Known
from imagegen.jobs.retrying import ATTEMPTS, WillPass, WontPass, delay

T = TypeVar("T")

LEFT = "the studio was closed while it made this image"


class Again(Exception):
    """The answer is: call again in ``seconds``."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.message, self.seconds = message, seconds


class NoMore(Exception):
    """The answer is: this has failed, do not call again."""


class Answering:
    """Threads share it. What a step gives is small and JSON; None and False end the job without an error: it was
    cancelled, or finished by another run of it. Each takes the ``attempt``, from 1, and raises Again or NoMore."""

    def __init__(self, site: steps.Site, known: Known, first_delay: float) -> None:
        self.site, self.known, self.first_delay = site, known, first_delay
        self.leaving = threading.Event()
        self._changed = threading.Condition()
        self._building: set[str] = set()

    def create(self, event: Event, attempt: int) -> bool | None:
        return self._tried(event, attempt, lambda: steps.create_job(self.site, event))

    def mark(self, event: Event, attempt: int) -> bool | None:
        return self._tried(event, attempt, lambda: steps.mark_generating(self.site, event))

    def generate(self, event: Event, attempt: int) -> dict[str, Any] | None:
        def made() -> dict[str, Any] | None:
            if attempt > 1 and not steps.mark_generating(self.site, event, attempt):
                return None
            with self._builds(event.id):
                return None if self.known.is_cancelled(event.id) else steps.generate_image(self.site, event, attempt)

        return self._tried(event, attempt, made)

    def update(self, event: Event, attempt: int, made: Mapping[str, Any]) -> bool | None:
        return self._tried(event, attempt, lambda: steps.update_sentence(self.site, event, made))

    def complete(self, event: Event, attempt: int, made: Mapping[str, Any]) -> dict[str, Any] | None:
        data = self._tried(event, attempt, lambda: steps.complete_job(self.site, event, made))
        self.known.over(event.id)
        return data

    def fail(self, event: Event, error: str, hint: str, attempts: int) -> None:
        with contextlib.suppress(ImagegenError):  # the storyboard is gone: nobody is left to be told
            steps.fail_job(self.site, event, error, hint, attempts)
        self.known.over(event.id)

    def interrupt(self, job: str) -> None:
        """Stop the build of a job that is cancelled; it may be on its way to the builder just now."""
        with self._changed:
            while job in self._building and not self.site.builder.cancel(job):
                self._changed.wait(0.05)

    @contextlib.contextmanager
    def _builds(self, job: str) -> Iterator[None]:
        with self._changed:
            self._building.add(job)
        try:
            yield
        finally:
            with self._changed:
                self._building.discard(job)
                self._changed.notify_all()

    def left(self) -> Again:
        """The answer while the program is being left."""
        return Again(LEFT, self.first_delay)

    def _tried(self, event: Event, attempt: int, work: Callable[[], T]) -> T | None:
        with self.known.at_work(event):  # there is a second call where the queue lost sight of a first that goes on
            if self.leaving.is_set():
                raise self.left()
            try:
                return work()
            except (WontPass, WrongInput) as error:
                self.fail(event, error.message, error.hint, attempt)
                raise NoMore(error.message) from None
            except WillPass as error:
                self._wait(event, error, attempt)
                return None
            except Interrupted:
                if self.known.is_cancelled(event.id):
                    return None
                with contextlib.suppress(ImagegenError):
                    steps.put_back(self.site, event)
                raise self.left() from None
            except ImagegenError as error:  # the storyboard can't be had now, so nothing is written there
                if attempt >= ATTEMPTS:
                    raise NoMore(str(error)) from None
                raise Again(str(error), delay(attempt, self.first_delay)) from None

    def _wait(self, event: Event, error: WillPass, attempt: int) -> None:
        """Raise Again or NoMore; return where the job has ended meanwhile."""
        if attempt >= ATTEMPTS:
            self.fail(event, error.message, error.hint, attempt)
            raise NoMore(error.message) from None
        seconds, goes_on = delay(attempt, self.first_delay), True
        with contextlib.suppress(ImagegenError):
            goes_on = steps.await_retry(self.site, event, error.message, error.hint, attempt, seconds)
        if goes_on:
            raise Again(error.message, seconds) from None
