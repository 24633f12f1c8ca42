"""A stand-in for a ComfyUI server: real HTTP and WebSocket on loopback, shaped like the recordings.

    with ComfyServer() as server:
        server.faults.answer("/prompt", 502, times=2)
        …talk to server.url…
        assert server.executed == [prompt_id]

As a program, `python -m tests.servers.comfyui --work 0.5` prints its URL and serves until it is killed.
`test_comfyui_standin.py` holds what it does against the recordings of a real ComfyUI 0.3.64.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from .comfyui_execution import Executor, Timing
from .comfyui_faults import Faults, Outage
from .comfyui_files import Files, annotated
from .comfyui_graph import NodeTypes
from .comfyui_http import Listener
from .comfyui_life import Gate, Life
from .comfyui_pictures import Picture, encode
from .comfyui_queue import Job
from .comfyui_record import Record, Request
from .comfyui_sockets import Sockets
from .comfyui_types import FOLDERS, node_types, recorded
from .comfyui_websocket import Socket


@dataclass(frozen=True)
class Options:
    """What kind of server it is."""

    takes_prompt_id: bool = True  # False: as before 0.3.45, it draws its own
    newer: bool = False  # from accounts, not recorded: ids must be UUIDs, `missing_node_type`
    base_path: str = ""  # as behind a proxy: "/comfy"
    required_header: tuple[str, str] | None = None  # without it: 401
    max_upload_size: int = 104857600


class ComfyServer(Record):
    """The server, running from construction until `close` or the end of its `with`. Thread-safe.

    `models`: the files by folder, offered by `/models` and `/object_info`; `checkpoints` is a short way to
    say those. `nodes`: more classes than the recorded ones, in the form of `/object_info`; `whole`: all that a
    real 0.3.64 has, where a few are enough for most tests and begin faster. `work`: seconds
    for each picture; `steps_delay`: for each sampling step on top; `previews`: a JPEG after each step. Other
    keywords are those of Options. What happened is told by the attributes of Record.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        work: float = 0.0,
        steps_delay: float = 0.0,
        previews: bool = False,
        checkpoints: list[str] | None = None,
        models: dict[str, list[str]] | None = None,
        nodes: NodeTypes | None = None,
        whole: bool = False,
        **options: Any,
    ) -> None:
        super().__init__()
        self.options = Options(**options)
        self.changed = threading.Condition()
        self.closing = False
        self.files = Files()
        self.files.write("input", "", "example.png", encode(Picture(64, 64, "example")))
        self.models: dict[str, list[str]] = {folder: [] for folder in FOLDERS}
        self.models["checkpoints"] = ["tiny-random.safetensors"] if checkpoints is None else checkpoints
        self.models |= models or {}
        self.types = node_types(self.models, self.files, nodes, whole)
        self.system_stats: dict[str, Any] = recorded("system_stats")
        self.features = {"supports_preview_metadata": True, "max_upload_size": self.options.max_upload_size}
        self.sockets = Sockets(self.changed)
        self.faults = Faults(self)
        self._timing = Timing(work, steps_delay, previews)
        self._gate = Gate(self.changed)
        self.life = self._new_life()
        self.listener = Listener(self, "127.0.0.1", port)
        self.listener.start()

    # For tests

    @property
    def url(self) -> str:
        """Where it answers, base path included, without a slash at the end."""
        host, port = self.listener.address
        return f"http://{host}:{port}{self.options.base_path}"

    @property
    def held(self) -> str | None:
        """The id of the running job, once it waits for `release`."""
        return self._gate.held

    @property
    def running(self) -> str | None:
        """The id of the running job."""
        job = self.life.queue.running
        return job.prompt_id if job else None

    @property
    def pending(self) -> list[str]:
        """The ids of the waiting jobs, the next one first."""
        return [job.prompt_id for job in self.life.queue.pending]

    def entry(self, prompt_id: str) -> dict[str, Any] | None:
        """A job's history entry, once it has ended."""
        return self.life.queue.history_of(prompt_id).get(prompt_id)

    def hold(self) -> None:
        """Let no job finish until `release`.

        A job waits after its first sampling step; without one, before its first output node does its work;
        with all nodes cached, before it is a success. There it can be interrupted.
        """
        self._gate.close()

    def release(self, jobs: int | None = None) -> None:
        """Let all jobs go on (None), or so many and hold the others."""
        self._gate.open(jobs)

    def wait_until(self, predicate: Callable[[], Any], timeout: float = 5.0) -> None:
        """Wait until the predicate, on this object, is true. AssertionError after `timeout` seconds."""
        with self.changed:
            if not self.changed.wait_for(predicate, timeout):
                raise AssertionError(
                    f"nothing of the kind within {timeout} s: running {self.running}, pending {self.pending},"
                    f" held {self.held}, executed {self.executed}, clients {self.sockets.clients},"
                    f" last request {self.requests[-1:]}"
                )

    def restart(self, down: float = 0.0) -> None:
        """Forget queue, history, running job, cache and temporary files, and end all connections."""
        self.listener.stop()
        self.life.end()
        self.files.delete(folder="temp")
        self.life = self._new_life()
        if down:
            Outage(self.listener, down)
        else:
            self.listener.start()

    def close(self) -> None:
        """Stop, and end all connections."""
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        self.listener.close()
        self.life.end()

    def __enter__(self) -> ComfyServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # For the server's own parts

    def note(self, request: Request) -> None:
        """A request has come."""
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()

    def submit(self, job: Job) -> None:
        """Queue a job."""
        queue = self.life.queue
        with self.changed:
            self.submitted.append(job.graph)
            self.submitted_ids.append(job.prompt_id)
            self.note_queued(job.client, queue.jobs_of[job.client] + 1)
            queue.put(job)

    def has_input(self, name: str) -> bool:
        """Whether there is a file such as a LoadImage node names."""
        return self.files.read(*annotated(name, "input")) is not None

    def serve_socket(self, client: str, connection: Socket) -> None:
        """Talk with a client until its WebSocket ends."""
        self.sockets.join(client, connection, {"status": self.life.status()}, self.life.node_for(client))
        first = True
        try:
            while (message := connection.receive()) is not None:
                if first and _wants_features(message):
                    self.sockets.send("feature_flags", self.features, client)
                first = False
        finally:
            self.sockets.leave(client, connection)

    def _new_life(self) -> Life:
        executor = Executor(self.types, self.files, self.sockets, self.faults, self._timing)
        return Life(self.changed, self.sockets, self._gate, executor, self._job_done)

    def _job_done(self, job: Job, result: dict[str, Any], pictures: int) -> None:
        self.pictures_made += pictures
        status = result["status"]
        if status is None or status["completed"]:
            self.executed.append(job.prompt_id)


def _wants_features(message: str | bytes) -> bool:
    try:
        said = json.loads(message)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("type") == "feature_flags"


def main(arguments: list[str] | None = None) -> None:
    """Serve until killed; the first line on standard output is the URL."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.comfyui", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--work", type=float, default=0.0, metavar="SECONDS", help="for each picture")
    parser.add_argument("--steps-delay", type=float, default=0.0, metavar="SECONDS", help="for each step, on top")
    parser.add_argument("--checkpoints", default="tiny-random.safetensors", metavar="FILE,FILE")
    parser.add_argument("--old", action="store_true", help="as before 0.3.45: it takes no prompt id")
    asked = parser.parse_args(arguments)
    with ComfyServer(
        port=asked.port,
        work=asked.work,
        steps_delay=asked.steps_delay,
        checkpoints=[name for name in asked.checkpoints.split(",") if name],
        takes_prompt_id=not asked.old,
    ) as server:
        print(server.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
