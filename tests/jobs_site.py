"""A home for jobs: a storyboard, and a builder whose pictures are files of a line. As a program of its own, too, that
kills itself where it is told to: ``python -m tests.jobs_site PROJECT '{"kill": "generate_image after", …}'``."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from imagegen import files
from imagegen.errors import Interrupted, WrongInput
from imagegen.jobs import attempting, steps
from imagegen.jobs.event import Event
from imagegen.jobs.steps import Built
from imagegen.storyboard import deciding
from imagegen.storyboard.database import Storyboard, address, open_storyboard

PATIENCE = 20.0


class Pictures:
    """A builder: a picture is the digest that it was made from. ``faults`` are raised by tasks, one an attempt;
    ``gate`` must be open for a picture to be made. ``made`` counts, over all processes of a project."""

    def __init__(self, site: PictureSite) -> None:
        self.site = site
        self.faults: dict[str, list[Exception]] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.began: list[str] = []
        self.most = self._now = 0
        self._changed = threading.Condition()
        self._leaving = False
        self._stopped: set[str] = set()
        self._under_way: set[str] = set()

    def build(self, task: str, job: str, attempt: int, candidate_seed: int | None = None) -> Built:
        with self._changed:
            self._under_way.add(job)
            self._now += 1
            self.most = max(self.most, self._now)
            self.began.append(task)
            self._changed.notify_all()
        try:
            return self._built(task, job)
        finally:
            with self._changed:
                self._under_way.discard(job)
                self._now -= 1
                self._changed.notify_all()

    def _built(self, task: str, job: str) -> Built:
        while not self.gate.is_set() or self._leaving:
            if self._leaving or job in self._stopped:
                raise Interrupted("interrupted")
            time.sleep(0.01)
        if faults := self.faults.get(task):
            raise faults.pop(0)
        sentence = task.partition(":")[2]
        digest = self.site.digest(sentence)
        target = f"images/{sentence}.png"
        path = self.site.project / target
        if path.is_file() and path.read_text() == digest:
            return Built(target, 7, digest, made=False)
        files.write_whole(path, digest.encode())
        with (self.site.project / "made.txt").open("a") as stream:
            stream.write(f"{task}\n")
        return Built(target, 7, digest, made=True)

    def cancel(self, job: str) -> bool:
        with self._changed:
            self._stopped.add(job)
            return job in self._under_way

    def leave(self) -> None:
        self._leaving = True

    def waits_for(self, condition: Callable[[], bool]) -> None:
        """Until ``condition`` holds, which is looked at as builds begin and end."""
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE)


class PictureSite:
    """A site with one storyboard, whose items have the job ``script``."""

    def __init__(self, project: Path, board: Storyboard | None = None) -> None:
        self.project, self.board = project, board
        self.builder = Pictures(self)
        self.heard: list[Mapping[str, Any]] = []
        self._changed = threading.Condition()

    def storyboard(self, project_id: str) -> Storyboard | None:
        return self.board if project_id != "nowhere" else None

    def task_of(self, event: Event) -> str:
        task = str(event.data.get("task") or f"script:{event.sentence}")
        if "unknown" in task:
            raise WrongInput(f'there is no item "{task}"', "imagegen list --all shows what there is")
        return task

    def announce(self, message: Mapping[str, Any]) -> None:
        with self._changed:
            self.heard.append(message)
            self._changed.notify_all()

    def digest(self, sentence: str) -> str:
        if self.board is None:
            return ""
        with self.board.reading() as session:
            shot = deciding.shot(session, sentence)
            return shot.digest if shot else ""

    def hears(self, name: str, job: str, seconds: float = PATIENCE) -> Mapping[str, Any]:
        """The first message of that name about that job, waited for."""

        def found() -> list[Mapping[str, Any]]:
            return [one for one in self.heard if (one["name"], one["jobId"]) == (name, job)]

        with self._changed:
            assert self._changed.wait_for(lambda: bool(found()), seconds), f"no {name} of {job} in {self.heard}"
        return found()[0]

    def names(self, job: str) -> list[str]:
        """What was heard about a job, in its order."""
        return [one["name"].partition("/")[2] for one in self.heard if one["jobId"] == job]

    @property
    def made(self) -> Counter[str]:
        """How often each picture was made, over all processes."""
        try:
            return Counter((self.project / "made.txt").read_text().split())
        except FileNotFoundError:
            return Counter()


def killed_at(place: str, job: str) -> None:
    """Have this process killed at "STEP before", "STEP after" (done, and not yet recorded) or "STEP recorded" of
    that job."""
    name, when = place.split()

    def at(time_of_it: str, event: Event) -> None:
        if (event.id, when) == (job, time_of_it):
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)

    done = getattr(steps, name)

    def dying(site: PictureSite, event: Event, *given: Any) -> Any:
        at("before", event)
        found = done(site, event, *given)
        at("after", event)
        return found

    setattr(steps, name, dying)
    rows = attempting.Attempting._rows

    def dying_rows(self: Any, event: Event, run: Any, step: str, do: Any) -> Any:
        found = rows(self, event, run, step, do)
        if step == name:
            at("recorded", event)
        return found

    attempting.Attempting._rows = dying_rows  # type: ignore[method-assign]


def main() -> None:
    """Submit ``event`` (a mapping, if any), and run until no job is left."""
    from imagegen.jobs.database import DEFAULT
    from imagegen.jobs.dbos_engine import DbosEngine
    from imagegen.jobs.event import parse

    project, wishes = Path(sys.argv[1]), json.loads(sys.argv[2])
    event = parse(wishes["event"]) if "event" in wishes else None
    if "kill" in wishes and event:
        killed_at(wishes["kill"], event.id)
    site = PictureSite(project, open_storyboard(address("board.sqlite", project)))
    engine = DbosEngine(site, project, 1, wishes.get("database", DEFAULT), 0.2, 0.02)
    engine.start()
    if event:
        engine.submit(event)
    print("ready", flush=True)
    while engine.unfinished():
        time.sleep(0.02)
    engine.close()


if __name__ == "__main__":
    main()
