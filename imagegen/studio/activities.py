"""What goes on with which item: folded from what runs tell of themselves and from what becomes of the studio's own
jobs, and put into the words that the pages are told. Nothing here knows threads, clocks or sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from imagegen.live.reading import Told

Message = Mapping[str, Any]

JOB_TYPE = "image/generate"
WAITING, NO_PLACE, AT_IT = "waiting for its turn", "waiting for a free place", "under way"


class Activity(NamedTuple):
    """What goes on with an item: ``status`` is queued, generating or failed, ``job`` whose doing it is;
    ``progress`` is 0 … 1, ``preview`` the file of the server's latest, ``number`` counts those; ``own`` are the
    studio's jobs, which it can cancel."""

    job: str
    task: str
    status: str
    progress: float = 0.0
    step: int = 0
    steps: int = 0
    message: str = ""
    error: str = ""
    hint: str = ""
    preview: Path | None = None
    number: int = 0
    own: bool = True

    @property
    def busy(self) -> bool:
        return self.status != "failed"


class Sentence(NamedTuple):
    """Which sentence of which storyboard project an item is."""

    project: str
    id: str


class Activities:
    """``sentence_of`` gives the sentence that a task is, if it is one; ``address_of`` the URL of a preview."""

    def __init__(
        self, sentence_of: Callable[[str], Sentence | None], address_of: Callable[[Activity], str | None]
    ) -> None:
        self._sentence_of, self._address_of = sentence_of, address_of
        self._jobs: dict[str, Activity] = {}
        self._failed: dict[str, Activity] = {}
        self._runs: dict[str, set[str]] = {}  # a run's jobs
        self._own: dict[str, str] = {}  # the studio's jobs that are under way: task → job
        self._claimed: dict[tuple[str, str], str] = {}  # what a run makes for one of those: run, task → job

    # --- what is asked --------------------------------------------------------------------------

    def shown(self) -> dict[str, Activity]:
        """For each task the activity that is shown: being made goes before waiting, and both before a failure."""
        found = dict(self._failed)
        for one in self._jobs.values():
            if one.task not in found or not found[one.task].busy or one.status == "generating":
                found[one.task] = one
        return found

    def active(self) -> list[Message]:
        """The latest message of all that is under way; the one to be shown for a task is the last of it."""
        return [self._progress(one) for one in sorted(self._jobs.values(), key=lambda one: one.status == "generating")]

    def own_job(self, task: str) -> str | None:
        """The studio's job that is to make ``task``, if there is one under way."""
        return self._own.get(task)

    def failures(self) -> list[str]:
        """The tasks whose last failure is still shown."""
        return list(self._failed)

    # --- what happens ---------------------------------------------------------------------------

    def claim(self, run: str, task: str, job: str) -> Iterator[Message]:
        """``run`` begins to make ``task`` for one of the studio's jobs, whose end the engine announces."""
        self._claimed[run, task] = job
        yield from self.announced({"name": "image/generating", "jobId": job, "task": task})

    def forgive(self, task: str) -> None:
        """A failure that is of no interest any more."""
        self._failed.pop(task, None)

    def told(self, one: Told) -> Iterator[Message]:
        """What a run tells; the messages for the pages."""
        if one.event == "ended":
            yield from self._ended(one)
            return
        if not one.task or one.event == "begun":
            return
        own = self._claimed.get((one.run, one.task))
        if own and own not in self._jobs:  # it is over already
            return
        job = own or f"{one.run}:{one.task}"
        if not own:
            self._runs.setdefault(one.run, set()).add(job)
        before = self._jobs.get(job, Activity(job, one.task, "queued", message=WAITING, own=bool(own)))
        if one.event == "queued" and not own:
            yield self._put(Activity(job, one.task, "queued", message=WAITING, own=False))
        elif one.event == "started":
            yield self._put(before._replace(status="generating", message=AT_IT))
        elif one.event == "step":
            value, total = int(one.data["value"]), int(one.data["total"])
            yield self._put(
                before._replace(
                    status="generating",
                    progress=min(value / total, 1.0) if total else 0.0,
                    step=value,
                    steps=total,
                    message=f"step {value} of {total}",
                )
            )
        elif one.event == "preview":
            yield self._put(
                before._replace(status="generating", preview=Path(one.data["file"]), number=before.number + 1)
            )
        elif own:
            return
        elif one.event == "made":
            yield from self._complete(before, {"file": one.data["target"], "seed": one.data["seed"]})
        elif one.event == "skipped":
            yield from self._complete(before, {"file": None, "seed": None, "reason": one.data["reason"]})
        elif one.event == "failed":
            yield from self._fail(before, one.data["message"], one.data.get("hint", ""))
        elif one.event == "withdrawn":
            yield from self._cancel(before)

    def announced(self, told: Message) -> Iterator[Message]:
        """What becomes of one of the studio's jobs (see :class:`imagegen.jobs.steps.Site`)."""
        job, data = told["jobId"], told.get("data") or {}
        before = self._jobs.get(job)
        task = told.get("task") or (before.task if before else "")
        if not task:
            return
        one = before or Activity(job, task, "queued", message=WAITING)
        match told["name"]:
            case "image/queued":
                self._own[task] = job
                yield self._put(one)
            case "image/generating":
                self._own[task] = job
                yield self._put(Activity(job, task, "queued", message=NO_PLACE))
            case "image/retrying":
                self._own[task] = job
                message = f"tries again in {_spoken(data.get('seconds', 0))}: {data.get('error', '')}"
                yield self._put(Activity(job, task, "queued", message=message))
            case "image/completed":
                yield from self._complete(one, told.get("result") or {"file": data.get("imageFile"), "seed": None})
            case "image/failed":
                yield from self._fail(one, data.get("error", ""), data.get("hint", ""))
            case "image/cancelled":
                yield from self._cancel(one)

    def _ended(self, one: Told) -> Iterator[Message]:
        left = [self._jobs[job] for job in self._runs.pop(one.run, ()) if job in self._jobs]
        for activity in left:
            if one.data.get("lost"):
                yield from self._fail(activity, "the run that was to make it is gone", "start it again")
            else:
                yield from self._cancel(activity)
        self._claimed = {key: job for key, job in self._claimed.items() if key[0] != one.run}

    # --- how it ends ----------------------------------------------------------------------------

    def _put(self, one: Activity) -> Message:
        self._jobs[one.job] = one
        self._failed.pop(one.task, None)
        return self._progress(one)

    def _over(self, one: Activity) -> Iterator[Message]:
        """Forget the job. Another one that is to make the same is told again, since the page shows one for each."""
        self._jobs.pop(one.job, None)
        if self._own.get(one.task) == one.job:
            del self._own[one.task]
        for other in self._jobs.values():
            if other.task == one.task:
                yield self._progress(other)

    def _complete(self, one: Activity, result: Mapping[str, Any]) -> Iterator[Message]:
        self._failed.pop(one.task, None)
        yield {**self._head("job_complete", one), "result": dict(result)}
        yield from self._over(one)

    def _fail(self, one: Activity, error: str, hint: str) -> Iterator[Message]:
        self._failed[one.task] = Activity(one.job, one.task, "failed", error=error, hint=hint)
        yield {**self._head("job_failed", one), "error": error, "hint": hint}
        yield from self._over(one)

    def _cancel(self, one: Activity) -> Iterator[Message]:
        yield self._head("job_cancelled", one)
        yield from self._over(one)

    # --- words ----------------------------------------------------------------------------------

    def _head(self, kind: str, one: Activity) -> dict[str, Any]:
        sentence = self._sentence_of(one.task)
        return {
            "type": kind,
            "jobId": one.job,
            "jobType": JOB_TYPE,
            "projectId": sentence.project if sentence else None,
            "sentenceId": sentence.id if sentence else None,
            "task": one.task,
        }

    def _progress(self, one: Activity) -> Message:
        return {
            **self._head("progress", one),
            "status": one.status,
            "progress": round(one.progress, 3),
            "step": one.step,
            "steps": one.steps,
            "message": one.message,
            "preview": self._address_of(one) if one.preview else None,
            "own": one.own,
        }


def _spoken(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 1 else "a moment"
