"""One attempt at one job, step by step, whatever engine runs it; and how one under way is stopped."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Iterator
from typing import Any, Protocol

from imagegen.errors import ImagegenError, Interrupted, Unreachable, WrongInput
from imagegen.jobs import steps
from imagegen.jobs.event import Event
from imagegen.jobs.retrying import ATTEMPTS, WillPass, WontPass, delay
from imagegen.jobs.telling import tell

LONGEST_PAUSE = 10.0


class Leaving(BaseException):
    """The attempt ends here, cancelled or because the program is being left. No Exception, so that an engine which
    records how a step ended records nothing: the step is run again."""


class Wrong(Exception):
    """A storyboard could not be written, and won't be later."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class Run(Protocol):
    """What an engine gives to an attempt."""

    def step(self, name: str, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Do this, or take what it gave when it was done before."""

    def again(self, seconds: float) -> None:
        """Have the next attempt begin that much later."""


class Attempting:
    """The attempts of one program. Threads share it."""

    def __init__(self, site: steps.Site, first_delay: float) -> None:
        self.site, self.first_delay = site, first_delay
        self._left = threading.Event()
        self._changed = threading.Condition()
        self._active: set[str] = set()
        self._building: set[str] = set()
        self._cancelled: set[str] = set()

    def attempt(self, event: Event, number: int, run: Run) -> None:
        """The steps of the attempt with that ``number``, from 1. Raises Leaving."""
        with self._active_while(event):
            try:
                if self._rows(event, run, "create_job", lambda: steps.create_job(self.site, event)):
                    self._made(event, number, run)
            except Wrong as error:
                self._fail(event, number, run, error.message, error.hint)

    def _made(self, event: Event, number: int, run: Run) -> None:
        site = self.site
        if not self._rows(event, run, "mark_generating", lambda: steps.mark_generating(site, event, number)):
            return
        result = run.step("generate_image", lambda: self._generate(event, number))
        if "error" not in result:
            self._rows(event, run, "update_sentence", lambda: steps.update_sentence(site, event, result))
            self._rows(event, run, "complete_job", lambda: steps.complete_job(site, event, result))
            return
        error, hint = result["error"], result["hint"]
        if not result["again"] or number >= ATTEMPTS:
            self._fail(event, number, run, error, hint)
            return
        seconds = delay(number, self.first_delay)
        if self._rows(event, run, "await_retry", lambda: steps.await_retry(site, event, error, hint, number, seconds)):
            run.again(seconds)

    def _generate(self, event: Event, number: int) -> dict[str, Any]:
        """Step 3, a failure as a value: ``{"error", "hint", "again"}``."""
        with self._changed:
            self._stay(event)
            self._building.add(event.id)
        outcome: dict[str, Any] = {}
        left = False
        try:
            outcome = steps.generate_image(self.site, event, number)
        except WillPass as error:
            outcome = {"error": error.message, "hint": error.hint, "again": True}
        except Interrupted:
            left = self._left.is_set() or event.id in self._cancelled
            if left:
                raise Leaving from None
            outcome = {"error": "it was interrupted", "hint": "", "again": True}
        except (WontPass, ImagegenError) as error:
            outcome = {"error": error.message, "hint": error.hint, "again": False}
        finally:
            with self._changed:
                self._building.discard(event.id)
                self._changed.notify_all()
            if not outcome and not left:  # a fault of ours, which goes on to the log
                with contextlib.suppress(ImagegenError):
                    steps.fail_job(self.site, event, "a fault in imagegen itself", "see .imagegen/jobs.log", number)
        return outcome

    def _fail(self, event: Event, number: int, run: Run, error: str, hint: str) -> None:
        try:
            self._rows(event, run, "fail_job", lambda: steps.fail_job(self.site, event, error, hint, number))
        except Wrong:  # no row to write to; who listens is told all the same
            tell(self.site, event, "failed", error=error, hint=hint, attempts=number)

    def _rows(self, event: Event, run: Run, name: str, do: Callable[[], Any]) -> Any:
        """A step that writes rows, waiting while the storyboard can't be had. Raises Wrong."""

        def patiently() -> dict[str, Any]:
            pause = 0.5
            while True:
                try:
                    return {"value": do()}
                except WrongInput as error:
                    return {"error": error.message, "hint": error.hint}
                except Unreachable:
                    self._left.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                self._stay(event)

        found = run.step(name, patiently)
        if "error" in found:
            raise Wrong(found["error"], found["hint"])
        return found["value"]

    # --- stopping -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _active_while(self, event: Event) -> Iterator[None]:
        with self._changed:
            self._stay(event)
            self._active.add(event.id)
        try:
            yield
        except Leaving:
            if event.id not in self._cancelled:
                with contextlib.suppress(ImagegenError):
                    steps.put_back(self.site, event)
            raise
        finally:
            with self._changed:
                self._active.discard(event.id)
                self._changed.notify_all()

    def _stay(self, event: Event) -> None:
        if self._left.is_set() or event.id in self._cancelled:
            raise Leaving

    @contextlib.contextmanager
    def cancelling(self, jobs: Collection[str]) -> Iterator[None]:
        """While inside, no attempt at one of ``jobs`` begins, and none goes on past its step."""
        with self._changed:
            self._cancelled.update(jobs)
        try:
            yield
        finally:
            with self._changed:
                self._changed.wait_for(lambda: not self._active.intersection(jobs), timeout=LONGEST_PAUSE)
                self._cancelled.difference_update(jobs)

    def interrupt(self, job: str) -> None:
        """Stop the build of a job that is being cancelled; it may be on its way to the builder just now."""
        with self._changed:
            while job in self._building and not self.site.builder.cancel(job):
                self._changed.wait(0.05)

    def leave(self) -> None:
        """Withdraw all that is under way, and wait for it."""
        self._left.set()
        self.site.builder.leave()
        with self._changed:
            self._changed.wait_for(lambda: not self._active, timeout=LONGEST_PAUSE)
