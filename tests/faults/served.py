"""The stand-in server as a process that a test can talk to: `python -m tests.faults.served --port 8188`.

Each line on standard input is one thing to do, `["faults.hang", ["/view"], {"times": null}]`; each line on
standard output one thing that happened, `["queued", "<prompt id>"]`. The first line out is the URL, and with
the end of its input the process ends.
"""

from __future__ import annotations

import argparse
import json
import operator
import sys
import threading
from typing import Any

from tests.servers.comfyui import ComfyServer
from tests.servers.comfyui_queue import Job
from tests.servers.comfyui_record import Request

_speaking = threading.Lock()


def say(*words: Any) -> None:
    """One thing that happened."""
    with _speaking:
        print(json.dumps(words), flush=True)


class Talking(ComfyServer):
    """Tells what comes in, what is queued and what is done, as it happens."""

    def note(self, request: Request) -> None:
        say("asked", f"{request.method} {request.path}")
        super().note(request)

    def submit(self, job: Job) -> None:
        say("queued", job.prompt_id)
        super().submit(job)

    def _job_done(self, job: Job, result: dict[str, Any], pictures: int) -> None:
        super()._job_done(job, result, pictures)
        say("done", job.prompt_id, pictures, result["status"]["completed"])

    def tell_held(self) -> None:
        """Tell of each job that comes to the gate; never returns."""
        before: str | None = None
        while True:
            with self.changed:
                self.changed.wait_for(lambda last=before: self.held != last)  # type: ignore[misc]
                before = self.held
            if before is not None:
                say("held", before)


def main() -> None:
    """Serve until the input ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.served")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--work", type=float, default=0.0)
    parser.add_argument("--steps-delay", type=float, default=0.0)
    parser.add_argument("--checkpoints", default="dream.safetensors,ink.safetensors")
    parser.add_argument("--wait", action="store_true", help="until a line comes, before it listens")
    parser.add_argument("--hold", action="store_true", help="every job, from the first on")
    asked = parser.parse_args()
    if asked.wait:
        print("ready", flush=True)
        sys.stdin.readline()
    served = Talking(
        port=asked.port,
        work=asked.work,
        steps_delay=asked.steps_delay,
        checkpoints=asked.checkpoints.split(","),
    )
    if asked.hold:
        served.hold()
    with served:
        threading.Thread(target=served.tell_held, daemon=True).start()
        print(served.url, flush=True)
        for line in sys.stdin:
            what, words, more = json.loads(line)
            operator.attrgetter(what)(served)(*words, **more)
            say("did", what)


if __name__ == "__main__":
    main()
