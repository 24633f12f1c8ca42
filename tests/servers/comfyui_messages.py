"""What the server says about a running job, in the words of the recordings."""

from __future__ import annotations

import time
from typing import Any

from .comfyui_queue import Job
from .comfyui_sockets import Sockets

_TRACEBACK = '  File "<comfyui>/execution.py", line 496, in execute\n    output_data = get_output_data()\n'


class Messages:
    """Tells one job's client, or everyone if it has none, and keeps what the history will show."""

    def __init__(self, job: Job, sockets: Sockets) -> None:
        self._job = job
        self._sockets = sockets
        self._progress: dict[str, dict[str, Any]] = {}
        self._executed: list[str] = []
        self.kept: list[list[Any]] = []  # for the history's `status.messages`

    def started(self) -> None:
        """The job has begun."""
        self._say("execution_start", {"prompt_id": self._job.prompt_id})

    def cached(self, nodes: list[str]) -> None:
        """These nodes need not run."""
        self._say("execution_cached", {"nodes": nodes, "prompt_id": self._job.prompt_id})

    def node_started(self, node_id: str) -> None:
        """A node begins."""
        self._report(node_id, 0.0, 1.0)
        data = {"node": node_id, "display_node": node_id, "prompt_id": self._job.prompt_id}
        self._tell("executing", data)

    def step(self, node_id: str, value: int, most: int) -> None:
        """A node has come so far."""
        self._report(node_id, value, most)
        data = {"value": value, "max": most, "prompt_id": self._job.prompt_id, "node": node_id}
        self._tell("progress", data, everyone=True)

    def output(self, node_id: str, ui: dict[str, Any] | None) -> None:
        """An output node has these files to show, now or from the cache."""
        data = {"node": node_id, "display_node": node_id, "output": ui, "prompt_id": self._job.prompt_id}
        self._tell("executed", data)

    def node_finished(self, node_id: str, ran: bool) -> None:
        """A node is done: it ran, or was in the cache."""
        most = self._progress[node_id]["max"] if node_id in self._progress else 1
        self._report(node_id, most, most, "finished")
        if ran:
            self._executed.append(node_id)

    def succeeded(self) -> None:
        """The job is done."""
        self._say("execution_success", {"prompt_id": self._job.prompt_id})

    def interrupted(self, node_id: str) -> None:
        """The job was stopped in that node."""
        self._say("execution_interrupted", self._failure(node_id), everyone=True)

    def failed(self, node_id: str, message: str, exception_type: str) -> None:
        """That node raised."""
        exception = {
            "exception_message": message,
            "exception_type": exception_type,
            "traceback": [_TRACEBACK],
            "current_inputs": {},  # the recordings leave it empty; a real server prints whole tensors here
            "current_outputs": list(self._job.graph),
        }
        self._say("execution_error", self._failure(node_id) | exception)

    def _failure(self, node_id: str) -> dict[str, Any]:
        return {
            "prompt_id": self._job.prompt_id,
            "node_id": node_id,
            "node_type": self._job.graph[node_id]["class_type"],
            "executed": list(self._executed),
        }

    def _report(self, node_id: str, value: float, most: float, state: str = "running") -> None:
        self._progress[node_id] = {
            "value": value,
            "max": most,
            "state": state,
            "node_id": node_id,
            "prompt_id": self._job.prompt_id,
            "display_node_id": node_id,
            "parent_node_id": None,
            "real_node_id": node_id,
        }
        data = {"prompt_id": self._job.prompt_id, "nodes": self._progress}
        self._tell("progress_state", data, everyone=True)

    def _say(self, event: str, data: dict[str, Any], everyone: bool = False) -> None:
        data = {**data, "timestamp": int(time.time() * 1000)}
        self.kept.append([event, data])
        self._tell(event, data, everyone)

    def _tell(self, event: str, data: dict[str, Any], everyone: bool = False) -> None:
        """`everyone`: of a job without a client, all hear this; of the rest, nobody does."""
        if self._job.client is not None or everyone:
            self._sockets.send(event, data, self._job.client)
