"""Making images for the studio's jobs, one at a time for each job, on backends that all of them share."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imagegen import seen
from imagegen.errors import BuildFailed, Interrupted, Unreachable, WrongInput
from imagegen.items import Item
from imagegen.jobs.retrying import ATTEMPTS, WillPass, WontPass
from imagegen.jobs.site import Built
from imagegen.kept import Kept
from imagegen.live.writing import LiveLog
from imagegen.progress import Event, Failed, Made, Skipped
from imagegen.session import Session, open_session
from imagegen.studio import candidates
from imagegen.studio.hub import Hub
from imagegen.studio.project import Project
from imagegen.verdict import Action

if TYPE_CHECKING:
    from imagegen.jobs.event import Event as JobEvent
    from imagegen.storyboard.database import Storyboard


class Builder:
    """Builds as a run of the command line does, each time on the manifest as it is then. Threads share it."""

    def __init__(self, project: Project, hub: Hub) -> None:
        self._project, self._hub = project, hub
        self._leaving = threading.Event()
        self._kept = Kept(os.environ, project.folder, self._say, self._leaving)
        self._lock = threading.Lock()
        self._under_way: dict[str, Session] = {}
        self._log: LiveLog | None = None

    def build(self, task: str, job: str, attempt: int, candidate_seed: int | None = None) -> Built:
        """Make the item ``task`` and what goes into it, as far as that is to be made, trying once; with
        ``candidate_seed`` another picture of it, beside the target.

        Raises WillPass, WontPass, or Interrupted where it was cancelled or the studio is being left.
        """
        try:
            session = self._opened()
        except Unreachable as error:  # a storyboard's server
            raise WillPass(error.message, error.hint) from error
        except WrongInput as error:
            raise WontPass(str(error), "mend the manifest") from error
        with self._registered(job, session) as log:
            log.queued([task])
            self._hub.claim(log.run, task, job)

            def heard(event: Event) -> None:
                if isinstance(event, Failed) and event.passing and attempt < ATTEMPTS:
                    log.queued([event.task])  # it is tried again
                else:
                    log(event)

            session.listen(heard)
            try:
                return self._made(session, task, candidate_seed)
            except BuildFailed as error:
                raise WontPass(error.message, error.hint) from error
            except Interrupted:
                log.withdrawn([task])
                raise
            finally:
                session.close()
                if session.manifest.sources != self._project.sources:
                    self._project.reload()
                self._hub.catch_up()  # what became of the job is announced after what was told of it

    def cancel(self, job: str) -> bool:
        """Stop this job's build and withdraw it from its server; whether one was under way."""
        with self._lock:
            session = self._under_way.get(job)
        if session is None:
            return False
        session.cancelled.set()
        return True

    def leave(self) -> None:
        """Stop and withdraw every build, and those that begin later at once."""
        self._leaving.set()
        with self._lock:
            for session in self._under_way.values():
                session.cancelled.set()

    def close(self) -> None:
        """Let go of servers; nothing is under way any more."""
        self.leave()
        self._kept.close()

    # --- one build ------------------------------------------------------------------------------

    def _opened(self) -> Session:
        options = replace(self._project.options, attempts=1)
        return open_session(options, may_ask=True, may_start=False, kept=self._kept)

    @contextlib.contextmanager
    def _registered(self, job: str, session: Session) -> Iterator[LiveLog]:
        with self._lock:
            if self._leaving.is_set():
                raise Interrupted("interrupted")
            if self._log is None:
                self._log = LiveLog(self._project.folder, "studio")
            self._under_way[job] = session
            log = self._log
        try:
            yield log
        finally:
            with self._lock:
                self._under_way.pop(job, None)
                over = self._log if not self._under_way else None
                if over is not None:
                    self._log = None
            if over is not None:  # else it would grow for as long as the studio is open
                over.close()

    def _made(self, session: Session, task: str, candidate_seed: int | None) -> Built:
        item = session.by_task.get(task)
        if item is None:
            raise WontPass(f'there is no image "{task}"', "it has left the manifest")
        for one in session.planned([task]):
            if one.item.task != task and one.action is Action.MAKE:
                self._one(session, one.item)
        if candidate_seed is not None:
            whole, item = item, candidates.item_of(item, candidate_seed)
            candidates.make_room(session, whole, item)
        outcome = self._one(session, item)
        there = seen.look(session.manifest.path(item))
        if isinstance(outcome, Skipped) and not candidates.is_fresh(session, item, there):
            raise WontPass(f"{item.target} is left as it is: {outcome.reason}", "the manifest says overwrite: never")
        return Built(
            item.target, there.record.seed if there.record else None, _digest(session, item), isinstance(outcome, Made)
        )

    @staticmethod
    def _one(session: Session, item: Item) -> Made | Skipped:
        """Build one item. Raises WillPass, WontPass or Interrupted."""
        outcome = session.workshop.make(item)
        if outcome is None:
            raise Interrupted("interrupted")
        if isinstance(outcome, Failed):
            raise (WillPass if outcome.passing else WontPass)(outcome.message, outcome.hint)
        assert isinstance(outcome, Made | Skipped)
        return outcome

    def _say(self, text: str) -> None:
        self._hub.announce({"type": "note", "message": text})


def _digest(session: Session, item: Item) -> str:
    """What the sentence of an item was when the manifest was read; empty for other items."""
    return next((one.state.get(item.slug, "") for one in session.manifest.sources if one.job == item.job), "")


class Site:
    """Where the studio's jobs are at home: see :class:`imagegen.jobs.site.Site`."""

    def __init__(self, project: Project, hub: Hub, builder: Builder) -> None:
        self._project, self._hub = project, hub
        self.builder = builder

    def storyboard(self, project_id: str) -> Storyboard | None:
        """The storyboard that has this project; None where none has. Raises WrongInput or Unreachable."""
        board = self._project.storyboards.of(project_id)
        return self._project.storyboards.opened(board.source) if board else None

    def task_of(self, event: JobEvent) -> str:
        """The item's task. Raises WrongInput where the manifest has no such item."""
        if event.sentence:
            board = self._project.storyboards.of(event.project)
            if board is None:
                raise WrongInput(
                    f'no job of the manifest comes from the storyboard project "{event.project}"',
                    "give one source: {storyboard: …, project: …}",
                )
            return f"{board.job}:{event.sentence}"
        task = str(event.data["task"])
        if self._project.view.number(task) is None:
            raise WrongInput(f'there is no image "{task}"', "it may have left the manifest")
        return task

    def announce(self, message: Mapping[str, Any]) -> None:
        """What becomes of a job, for the pages."""
        task = message.get("task") or ""
        if not task and message.get("sentenceId"):
            board = self._project.storyboards.of(message["projectId"])
            task = f"{board.job}:{message['sentenceId']}" if board else ""
        self._hub.announced({**message, "task": task})

    def close(self) -> None:
        """Let go of servers and databases."""
        self.builder.close()
        self._project.storyboards.close()
