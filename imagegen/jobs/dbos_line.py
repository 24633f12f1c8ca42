"""DBOS, wrapped: the line in which attempts wait, and what runs them step by step. The only file that imports it.

An attempt at a job is a workflow of DBOS (see :mod:`imagegen.jobs.attempt_ids`), and its place in the line is DBOS's
priority. What is done through a DBOSClient may be called from any thread, a running event loop's too. All methods
raise SQLAlchemyError where the database can't be had.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, NoReturn

from dbos import DBOS, DBOSClient, Serializer, WorkflowStatus
from dbos._error import DBOSAwaitedWorkflowCancelledError as Cancelled
from dbos._error import DBOSException as Refusal
from dbos._serialization import DefaultSerializer
from sqlalchemy import Engine as Database

from imagegen.errors import WrongInput
from imagegen.jobs.attempt_ids import MOST, attempt_id, chain, chunks, job_of, queue_of
from imagegen.jobs.event import NAME, Event, parse

__all__ = ["CANCELLED", "LOGGER", "WAITING", "Attempt", "Cancelled", "Line", "Refusal", "next_rank"]

LOGGER = "dbos"
APPLICATION, SCHEMA = "imagegen", "imagegen_jobs"
VERSION = "1"
"""DBOS leaves jobs of another version alone; this stays, so that a newer program goes on with an older one's."""

WAITING = ["ENQUEUED", "DELAYED", "PENDING"]
CANCELLED = "CANCELLED"
BEGINNING_OF_2025 = 1_735_689_600


class Attempt(NamedTuple):
    """The ``number``-th attempt (from 1) at a job; ``rank`` is the job's place in the line."""

    event: Event
    number: int
    rank: int


class Line:
    """DBOS in this process, of which there is one at a time."""

    def __init__(self, database: Database, machine: str) -> None:
        self._database, self.machine, self._queue = database, machine, queue_of(machine)
        self._client = DBOSClient(
            system_database_engine=database,
            dbos_system_schema=SCHEMA,
            serializer=_Json(),
            application_name=APPLICATION,
            lazy=True,
            retry_connection_errors=False,
        )
        self.last_rank = 0

    def start(self, run: Callable[[Attempt, Line], None], workers: int, poll: float) -> None:
        """Let ``run`` make attempts in ``workers`` threads, first those that a killed process left. The line is looked
        at every ``poll`` seconds. Raises Refusal where the database is not DBOS's, or a newer one's."""
        DefaultSerializer.deserialize = _refuse  # type: ignore[method-assign, assignment]
        DBOS(
            config={
                "name": APPLICATION,
                "executor_id": self.machine,
                "application_version": VERSION,
                "system_database_engine": self._database,
                "dbos_system_schema": SCHEMA,
                "serializer": _Json(),
                "use_listen_notify": False,
                "notification_listener_polling_interval_sec": 0.5,
                "log_level": "WARNING",
            }
        )
        DBOS.listen_queues([self._queue])
        DBOS.workflow(name=NAME, max_recovery_attempts=None)(self._workflow(run))
        DBOS.launch()
        DBOS.register_queue(
            self._queue, worker_concurrency=workers, polling_interval_sec=poll, on_conflict="always_update"
        )
        self.last_rank = max((_whole(found.priority) for found in self._listed(self._queue)), default=0)

    def _workflow(self, run: Callable[[Attempt, Line], None]) -> Callable[[str, dict[str, Any], int, int], None]:
        """What DBOS runs; after a kill it runs it again, and gives each step that was done what it gave then. So
        jobs of an older program come here with its steps: their names and order stay."""

        def image_generate(id: str, data: dict[str, Any], number: int, rank: int) -> None:
            event = _understood(id, data)
            if event is not None:  # else imagegen did not write it
                run(Attempt(event, max(1, _whole(number)), _whole(rank)), self)

        return image_generate

    @staticmethod
    def stop() -> None:
        """End all threads. A step under way goes on, and what it gives is lost."""
        DBOS.destroy(destroy_registry=True)

    # --- from within an attempt -------------------------------------------------------------------

    @staticmethod
    def step(name: str, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Do this, or take what it gave when it was done before. It must be JSON."""
        return DBOS.run_step({"name": name}, do)

    def put_next(self, attempt: Attempt, seconds: float) -> None:
        """The attempt after this one, that much later. Only once, however often it is called."""
        event, number = attempt.event, attempt.number + 1
        options = self._options(attempt_id(event.id, number), attempt.rank, delay_seconds=seconds)
        DBOS.enqueue_workflow_with_options(options, event.id, dict(event.data), number, attempt.rank)

    # --- from without -----------------------------------------------------------------------------

    def put(self, events: Sequence[tuple[Event, int]]) -> None:
        """First attempts, each with its rank; one that is there already stays as it is. All or none."""
        with self._database.begin() as connection:
            for event, rank in events:
                options = self._options(event.id, rank)
                self._client.enqueue_in_transaction(connection, options, event.id, dict(event.data), 1, rank)

    def _options(self, id: str, rank: int, **more: float) -> Any:
        common = {"workflow_name": NAME, "queue_name": self._queue, "app_version": VERSION}
        return {**common, "workflow_id": id, "priority": rank, **more}

    def states(self, jobs: Iterable[str]) -> dict[str, set[str]]:
        """The states of those of ``jobs`` that are in the database, over their attempts."""
        known: dict[str, set[str]] = {}
        for some in chunks(list(jobs)):
            ids = [id for job in some for id in chain(job)]
            for found in self._client.list_workflows(workflow_ids=ids, load_input=False, load_output=False):
                known.setdefault(job_of(found.workflow_id), set()).add(found.status)
        return known

    def cancel(self, jobs: list[str]) -> dict[str, Event]:
        """The events of those of ``jobs`` that were not finished, none of which begins any more."""
        events: dict[str, Event] = {}
        for some in chunks(jobs):
            ids = [id for job in some for id in chain(job)]
            # Until there is none: an attempt may have put the next into the line just now.
            while found := self._client.list_workflows(workflow_ids=ids, status=WAITING, load_output=False):
                self._client.cancel_workflows([one.workflow_id for one in found])
                events.update((event.id, event) for event in map(_event, found))
        return events

    def forget(self, jobs: Iterable[str]) -> None:
        for some in chunks([id for job in jobs for id in chain(job)]):
            self._client.delete_workflows(some)

    def forget_finished(self, ago: timedelta) -> None:
        """What finished longer ``ago``."""
        before = (datetime.now(UTC) - ago).isoformat()
        while old := self._client.list_workflows(
            completed_before=before, limit=MOST, load_input=False, load_output=False
        ):
            self._client.delete_workflows([one.workflow_id for one in old])

    def waiting(self) -> list[str]:
        """The jobs in this machine's line and those under way, the first first."""
        return list(dict.fromkeys(job_of(found.workflow_id) for found in self._listed(self._queue)))

    def waiting_events(self) -> list[Event]:
        """Their events, as far as imagegen wrote them."""
        found = map(_event, self._listed(self._queue, load_input=True))
        return list({event.id: event for event in found if event.data}.values())

    def waiting_elsewhere(self) -> list[str]:
        """The machine of each attempt that waits in another line."""
        found = self._client.list_workflows(status=WAITING, name=NAME, load_input=False, load_output=False)
        return [(one.queue_name or "").partition("@")[2] for one in found if one.queue_name != self._queue]

    def take_over(self, machine: str) -> list[str]:
        """Put what is in another machine's line into this one's; the jobs."""
        found = self._listed(queue_of(machine))
        for some in chunks([one.workflow_id for one in found]):
            self._client.resume_workflows(some, queue_name=self._queue)
        return list(dict.fromkeys(job_of(one.workflow_id) for one in found))

    def _listed(self, queue: str, load_input: bool = False) -> list[WorkflowStatus]:
        found = self._client.list_workflows(queue_name=queue, status=WAITING, load_input=load_input, load_output=False)
        return sorted(found, key=lambda one: (_whole(one.priority), _whole(one.created_at)))


def next_rank(last: int) -> int:
    """The place of a new job, which its retries keep: seconds since 2025, or one behind the ``last``."""
    return max(last + 1, int(time.time()) - BEGINNING_OF_2025)


class _Json(Serializer):
    """Plain values as JSON; an error, which nothing here reads back, as its text."""

    def serialize(self, data: Any) -> str:
        return json.dumps(data, default=repr)

    @classmethod
    def deserialize(cls, serialized_data: str) -> Any:
        return json.loads(serialized_data)

    def name(self) -> str:
        return "imagegen_json"


def _refuse(serialized_data: str) -> NoReturn:
    """In place of DBOS's unpickling, which it would do for any row that says so: a project that came from elsewhere
    may have brought its `.imagegen`, and must not run code."""
    raise ValueError("the jobs' database holds a value that imagegen did not write")


def _event(found: WorkflowStatus) -> Event:
    """Without data where imagegen did not write it."""
    kept: Any = found.input  # the text, where it can't be read
    given = kept.get("args") if isinstance(kept, dict) else None
    event = _understood(given[0], given[1]) if isinstance(given, list) and len(given) == 4 else None
    job = job_of(found.workflow_id)
    return event if event is not None and event.id == job else Event(job, {})


def _understood(id: Any, data: Any) -> Event | None:
    """The event, as it was submitted; None where imagegen did not write it: a cloned project may have brought it."""
    try:
        return parse({"id": id, "data": data}) if id else None
    except WrongInput:
        return None


def _whole(number: Any) -> int:
    """SQLite's columns of numbers hold whatever is written into them."""
    return number if isinstance(number, int) else 0
