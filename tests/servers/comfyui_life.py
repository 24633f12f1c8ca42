"""One life of the server, from its start to its kill: a queue, a cache, and the thread that works."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

from .comfyui_execution import Abandoned, Executor, InterruptedJob
from .comfyui_queue import Job, JobQueue
from .comfyui_sockets import Sockets


class Gate:
    """Where a test holds jobs: closed, it lets through only as many as `release` said."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._closed = False
        self._permits = 0
        self.held: str | None = None  # the prompt id of the job that waits here

    def close(self) -> None:
        """Hold every job that comes."""
        with self._changed:
            self._closed, self._permits = True, 0

    def open(self, jobs: int | None = None) -> None:
        """Let all go on (None), or so many and no more."""
        with self._changed:
            self._closed = jobs is not None
            self._permits += jobs or 0
            self._changed.notify_all()

    def wait(self, prompt_id: str, stopped: Callable[[], bool]) -> None:
        """Wait here until let through, or stopped."""
        with self._changed:
            if not self._closed:
                return
            self.held = prompt_id
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._closed or self._permits or stopped())
            self._permits = max(self._permits - 1, 0)
            self.held = None


class Life:
    """Everything that a restart forgets. Also the Pace of its own work."""

    def __init__(
        self,
        changed: threading.Condition,
        sockets: Sockets,
        gate: Gate,
        executor: Executor,
        done: Callable[[Job, dict[str, Any], int], None],
    ) -> None:
        self._changed = changed
        self._sockets = sockets
        self._gate = gate
        self._executor = executor
        self._done = done
        self._alive = True
        self._interrupted = False
        self._client: str | None = None  # of the running job, or the one before it
        self.numbers = itertools.count()
        self.queue = JobQueue(changed, self._tell_status)
        self._worker = threading.Thread(target=self._work, name="comfyui-worker", daemon=True)
        self._worker.start()

    def end(self) -> None:
        """Kill it: the running job never finishes, and nobody is told."""
        with self._changed:
            self._alive = False
            self._changed.notify_all()
        self._worker.join(timeout=5)

    def interrupt(self, prompt_id: str | None) -> None:
        """Stop the running job; one with that id only, if an id is given."""
        with self._changed:
            running = self.queue.running
            if prompt_id is None or (running is not None and running.prompt_id == prompt_id):
                self._interrupted = True
                self._changed.notify_all()

    def status(self) -> dict[str, Any]:
        """How many jobs are left, as `status` messages and GET /prompt tell it."""
        return {"exec_info": {"queue_remaining": self.queue.remaining}}

    def node_for(self, client: str) -> str | None:
        """The node that runs now, if the job is that client's."""
        return self._executor.node if client == self._client else None

    def check_alive(self) -> None:
        """Raise Abandoned after the end."""
        if not self._alive:
            raise Abandoned

    def check(self) -> None:
        """Raise Abandoned after the end, InterruptedJob after an interrupt."""
        self.check_alive()
        if self._interrupted:
            raise InterruptedJob

    def pause(self, seconds: float) -> None:
        """Work for so long, unless stopped."""
        if seconds > 0:
            with self._changed:
                self._changed.wait_for(self._stopped, timeout=seconds)
        self.check()

    def gate(self, prompt_id: str) -> None:
        """Wait while a test holds the job, unless stopped."""
        self._gate.wait(prompt_id, self._stopped)
        self.check()

    def _stopped(self) -> bool:
        return self._interrupted or not self._alive

    def _work(self) -> None:
        try:
            while (job := self.queue.take(lambda: self._alive)) is not None:
                self._interrupted = False
                self._client = job.client
                before = self._executor.pictures
                result = self._executor.run(job, self)
                with self._changed:
                    self.check_alive()
                    self._done(job, result, self._executor.pictures - before)
                    self.queue.done(job, result)
                    if job.client is not None:
                        over = {"node": None, "prompt_id": job.prompt_id}
                        self._sockets.send("executing", over, job.client)
        except Abandoned:
            pass

    def _tell_status(self) -> None:
        if self._alive:
            self._sockets.send("status", {"status": self.status()}, None)
