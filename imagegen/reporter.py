"""doit's reporter: where a run of doit's begins, and where it ends with our exit status.

Before the first task runs every backend is asked whether it can do all that is to be made; after the
last one the counts are told. doit's own exit statuses (2 for a group whose item failed) are replaced.
"""

from __future__ import annotations

import atexit
import contextlib
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from typing import IO, Any

from doit.exceptions import InvalidTask, TaskFailed, UnmetDependency
from doit.globals import Globals

from imagegen import errors, signals, sources
from imagegen.display import Display, chosen
from imagegen.errors import WrongInput
from imagegen.live.writing import LiveLog
from imagegen.progress import Begun, Ended, Failed, Made, Note, Skipped
from imagegen.session import Session
from imagegen.settling import settle
from imagegen.tasks import NotMade


class Reporter:
    """``session`` is set by :func:`for_session`, since doit makes the instance."""

    desc = "imagegen's own: a bar and lines, plain lines in CI"
    session: Session
    as_json = False

    def __init__(self, outstream: IO[str], options: Mapping[str, Any]) -> None:
        self._began = time.monotonic()
        self._display = Display(chosen(outstream, self.session.environ, self.as_json, self.session.seen_from))
        self.session.listen(self._display)
        self._bugs: list[str] = []
        self._errors: list[str] = []
        self._left = contextlib.ExitStack()
        self._left.callback(self.session.close)
        self._live = LiveLog(self.session.project)
        self.session.listen(self._live)
        self._left.callback(self._live.close)
        self._up_to_date = 0

    # --- the run --------------------------------------------------------------------------------

    def initialize(self, tasks: Mapping[str, Any], selected: Sequence[str]) -> None:
        """Called when the tasks are chosen, before the first is looked at."""
        watching = contextlib.ExitStack()
        watching.enter_context(signals.watched(self.session.cancelled, self._interrupted))
        atexit.register(watching.close)  # to the very end: a signal must not cut off what is told last
        wanted = [tasks[name] for name in _with_subtasks(tasks, selected)]
        to_act = [task for task in wanted if getattr(task, "to_act", False)]
        to_make = [task.item for task in to_act if task.to_make]
        images = sum(1 for task in wanted if getattr(task, "item", None) is not None)
        self.session.tell(Begun(total=len(to_act), skipped=self.session.left_alone + images - len(to_act)))
        for warning in self.session.manifest.warnings:
            self.session.tell(Note(message=f"warning: {warning}"))
        problems = self.session.workshop.preflight(to_make) if to_make else []
        if problems:
            self.session.refused = WrongInput(problems)
            raise InvalidTask("nothing was queued")  # doit then runs no task
        if to_make:
            self._live.queued(item.task for item in to_make)
            for follower in sources.followers(self.session.project, self.session.manifest.sources, self.session.tell):
                self.session.listen(follower)
                self._left.callback(follower.close)

    def _interrupted(self) -> None:
        self.session.tell(Note(message="stopping: what is under way is withdrawn (once more to leave at once)"))

    def complete_run(self) -> None:
        """Called at the very end; leaves with our own exit status."""
        session = self.session
        made, skipped = (sum(isinstance(one, kind) for one in session.outcomes) for kind in (Made, Skipped))
        failures = tuple(one for one in session.outcomes if isinstance(one, Failed))
        status = self._status()
        self._left.close()
        if session.refused is None:
            for warning in settle(session):
                session.tell(Note(message=warning))
        session.tell(
            Ended(
                made=made,
                skipped=skipped + self._up_to_date + session.left_alone,
                failed=len(failures),
                seconds=round(time.monotonic() - self._began, 2),
                status=status,
                failures=failures,
            )
        )
        self._display.close()
        if self._display.fault is not None:
            print(f"can't write the output: {self._display.fault}", file=sys.stderr)
            status = status or errors.FAILED
        for text in self._errors:
            print(text, file=sys.stderr)
        if self.session.refused is not None:
            print(self.session.refused, file=sys.stderr)
        for bug in self._bugs:
            print(bug, file=sys.stderr)
        if status:
            raise SystemExit(status)

    def _status(self) -> int:
        if self.session.cancelled.is_set():
            return errors.INTERRUPTED
        fault = sys.exc_info()[1]
        if isinstance(fault, Exception):  # our SystemExit is about to take its place
            self._bugs.append("".join(traceback.format_exception(fault)))
        if self._bugs or self._errors:
            return errors.BUG
        if self.session.refused is not None:
            return errors.WRONG_INPUT
        return errors.FAILED if any(isinstance(one, Failed) for one in self.session.outcomes) else errors.DONE

    # --- single tasks: what became of them the session tells itself -------------------------------------

    def get_status(self, task: Any) -> None:
        """A task is about to be looked at."""

    def execute_task(self, task: Any) -> None:
        """A task begins, in a worker's thread."""

    def add_success(self, task: Any) -> None:
        """The picture is its own record: nothing of it stays in doit's database."""
        Globals.dep_manager.remove(task.name)

    def add_failure(self, task: Any, fail: Any) -> None:
        """A failure of ours is told already, a group fails with its items; anything else is a bug."""
        if getattr(task, "item", None) is None or isinstance(fail, NotMade):
            return
        if isinstance(fail, UnmetDependency):
            lost = {one.task for one in self.session.outcomes if isinstance(one, Failed)}
            needed = [name for name in task.task_dep if name in lost]
            if not needed:  # the run is being left
                return
            failed = Failed(task.name, f"it needs {', '.join(needed)}, which was not made")
        elif isinstance(fail, TaskFailed):
            failed = Failed(task.name, fail.message)
        else:
            self._bugs.append(fail.get_msg())
            last = [line for line in fail.get_msg().splitlines() if line.strip()]
            failed = Failed(task.name, f"a fault of imagegen's own: {last[-1] if last else fail.get_name()}")
        self.session.outcomes.append(failed)
        self.session.tell(failed)

    def skip_uptodate(self, task: Any) -> None:
        """It is as it should be."""
        if getattr(task, "item", None) is not None:
            self._up_to_date += 1

    def skip_ignore(self, task: Any) -> None:
        if getattr(task, "item", None) is not None:
            skipped = Skipped(task.name, task.item.target, f"ignored, until `forget {task.name}`")
            self.session.outcomes.append(skipped)
            self.session.tell(skipped)

    def cleanup_error(self, exception: Any) -> None:
        self._errors.append(exception.get_msg())

    def runtime_error(self, msg: str) -> None:
        if self.session.refused is None:
            self._errors.append(msg)

    def teardown_task(self, task: Any) -> None:
        """Images have no teardown."""


def _with_subtasks(tasks: Mapping[str, Any], selected: Sequence[str]) -> list[str]:
    """The selected tasks and everything they depend on."""
    names, todo = [], list(reversed(selected))
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen or name not in tasks:
            continue
        seen.add(name)
        names.append(name)
        todo.extend(reversed(tasks[name].task_dep))
    return names


def for_session(session: Session, as_json: bool = False) -> type[Reporter]:
    """The reporter's class for one session, as doit wants it."""
    return type("SessionReporter", (Reporter,), {"session": session, "as_json": as_json})
