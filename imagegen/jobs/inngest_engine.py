"""The engine for those who run an Inngest server. The only file that knows its SDK.

The server keeps the queue, counts attempts and waits; it calls this process over HTTP, once for each step, and a
step that dies or whose answer is lost is called again. What it keeps of a job are the event, the steps' small
results and errors, never an image. docs/jobs.md says what happens when.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from imagegen.errors import Unreachable, WrongInput
from imagegen.jobs import steps
from imagegen.jobs.answering import LEFT, Again, Answering, NoMore
from imagegen.jobs.event import NAME, Event, parse
from imagegen.jobs.handing_over import HandingOver
from imagegen.jobs.inngest_environment import app_name, signed, without_secrets
from imagegen.jobs.known import Known
from imagegen.jobs.retrying import ATTEMPTS, FIRST_DELAY

try:
    import inngest
    import inngest.fast_api
    from inngest._internal.errors import Error as SdkError  # the base of what its client raises has no public name
except ImportError as _error:
    raise WrongInput(
        f"the Inngest engine needs {_error.name or 'a library'}, which is not installed",
        "pip install 'imagegen[inngest]'",
    ) from _error

if TYPE_CHECKING:
    from fastapi import FastAPI

PATH = "/api/inngest"
CANCEL, COMPLETED = "image/cancel", "image/completed"
CHUNK = 100
"""Events in one request."""


class Settings(NamedTuple):
    """``first_delay`` is in seconds. ``at_once`` is how many steps the server may have under way here: a few more
    than the backends have places. ``app`` is the name under which the server knows this project's studio; where it is
    empty, the environment says it."""

    first_delay: float = FIRST_DELAY
    at_once: int = 4
    app: str = ""


class InngestEngine:
    """Answers an Inngest server's calls; see :class:`imagegen.jobs.engine.Engine`.

    Signed with INNGEST_SIGNING_KEY, or for a development server with INNGEST_DEV. Raises WrongInput without either.
    """

    def __init__(self, site: steps.Site, settings: Settings = Settings()) -> None:  # noqa: B008  (it can't change)
        self.site, self.at_once = site, settings.at_once
        self.app = settings.app or app_name(os.environ)
        self.signed = signed(os.environ)
        self._client = _client(self.app, self.signed)
        self._function = self._registered()
        self._threads = ThreadPoolExecutor(settings.at_once + 2, thread_name_prefix="image-generate")
        self._known = Known()
        self._answering = Answering(site, self._known, settings.first_delay)
        self._handing_over = HandingOver(self._answering, self._send_jobs)

    # --- life -----------------------------------------------------------------------------------

    def mount(self, app: FastAPI) -> None:
        """Answer at ``/api/inngest``. Where calls are signed, so must be the one that asks to register: anybody
        else could register another address."""
        inngest.fast_api.serve(
            app, self._client, [self._function], enable_unauthed_sync=not self.signed, serve_path=PATH
        )

    def start(self) -> None:
        """Nothing: it is the server that calls."""

    def close(self) -> None:
        """Leave. What is under way is withdrawn and answered with a wish to be called again, so this should be
        called before the app stops answering."""
        self._answering.leaving.set()
        self.site.builder.leave()
        self._threads.shutdown()

    # --- what others ask ------------------------------------------------------------------------

    def submit(self, event: Event) -> str:
        return self.submit_all([event])[0]

    def submit_all(self, events: Iterable[Event]) -> list[str]:
        """Raises WrongInput, and Unreachable where the server can't be told of all: they have failed then."""
        events = list(events)
        wanted = zip(events, steps.create_jobs(self.site, events), strict=True)
        self._handing_over.now(event for event, goes_on in wanted if goes_on)
        return [event.id for event in events]

    def adopt(self, events: Iterable[Event]) -> list[str]:
        """Send anew what a storyboard has as unfinished, where no call comes for it in good time: the server has
        forgotten it or given up."""
        lost = self._known.unknown(events)
        self._handing_over.if_lost(lost)
        return [event.id for event in lost]

    def cancel(self, job: str) -> bool:
        return bool(self.cancel_all([job]))

    def cancel_all(self, jobs: Iterable[str]) -> list[str]:
        events = self._known.cancel(jobs)
        for event in events:
            self._answering.interrupt(event.id)
        cancelled = [event.id for event in steps.cancel_jobs(self.site, events)]
        for event in events:
            self._known.over(event.id)
        with contextlib.suppress(Unreachable):  # its calls find the job cancelled
            self._send([inngest.Event(name=CANCEL, data={"jobId": job}) for job in cancelled])
        return cancelled

    def unfinished(self) -> Sequence[str]:
        known = self._known.events()
        open: set[str] = set()
        for project in {event.project for event in known if event.project}:
            if board := self.site.storyboard(project):
                open.update(event.id for event in steps.unfinished_jobs(board, project))
        return [event.id for event in known if not event.project or event.id in open]

    # --- the server's calls ---------------------------------------------------------------------

    def _registered(self) -> inngest.Function[Any]:
        return self._client.create_function(
            fn_id="image-generate",
            name=NAME,
            trigger=inngest.TriggerEvent(event=NAME),
            retries=ATTEMPTS - 1,
            concurrency=[inngest.Concurrency(limit=self.at_once)],
            cancel=[inngest.Cancel(event=CANCEL, if_exp="event.data.jobId == async.data.jobId")],
            on_failure=self._given_up,
        )(self._generate)

    async def _generate(self, ctx: inngest.Context) -> Mapping[str, Any]:
        """The job, from its beginning each time: what is done already comes from the server's memory."""
        event = self._event(ctx.event.id, ctx.event.data)
        if event is None:
            return {"status": "not this studio's"}
        answering, stopped = self._answering, {"status": "stopped"}
        if not self._known.claim(event.id, ctx.run_id):
            return stopped
        if not await self._step(ctx, "create-job", answering.create, event):
            return stopped
        if not await self._step(ctx, "mark-generating", answering.mark, event):
            return stopped
        made = await self._step(ctx, "generate-image", answering.generate, event)
        if not made:
            return stopped
        await self._step(ctx, "update-sentence", answering.update, event, made)
        data = await self._step(ctx, "complete-job", answering.complete, event, made)
        told = inngest.Event(name=COMPLETED, id=f"{event.id}:completed", data=data)
        await ctx.step.send_event("send-completed", told)
        return {"status": "completed", **data}

    async def _step(
        self, ctx: inngest.Context, name: str, do: Callable[..., Any], event: Event, *given: Mapping[str, Any]
    ) -> Any:
        """What the step gives, now or as the server remembers it. A build blocks for minutes, hence the thread."""

        async def now() -> Any:
            if self._answering.leaving.is_set():
                raise _later(self._answering.left())
            loop = asyncio.get_running_loop()
            try:
                return await loop.run_in_executor(self._threads, do, event, ctx.attempt + 1, *given)
            except Again as again:
                raise _later(again) from None
            except NoMore as error:
                raise _never(str(error)) from None

        return await ctx.step.run(name, now)

    async def _given_up(self, ctx: inngest.Context) -> None:
        """The server has failed the run: after the last attempt, or because nobody answered."""
        original, error = _mapping(ctx.event.data, "event"), _mapping(ctx.event.data, "error")
        with contextlib.suppress(inngest.NonRetriableError):
            event = self._event(str(original.get("id", "")), _mapping(original, "data"))
            if event is not None:
                run = str(ctx.event.data.get("run_id", ""))
                await asyncio.to_thread(self._failed, event, run, str(error.get("message", "")))

    def _failed(self, event: Event, run: str, message: str) -> None:
        if self._known.is_over(event.id) or not self._known.claim(event.id, run):
            return  # its end was told when it came, or another run has the job now
        if message == LEFT:  # in its last attempt, which is no fault of the image
            self._handing_over.again(event)
            return
        said = f"the Inngest server gave the job up: {message or 'it got no answer'}"
        self._answering.fail(event, said, "its own page has the run, with all that it saw", ATTEMPTS)

    def _event(self, id: str, data: Mapping[str, Any]) -> Event | None:
        """The event as it was submitted; None where it is for another studio. Raises NonRetriableError."""
        plain = dict(data)
        if plain.pop("app", self.app) != self.app:
            return None
        try:
            event = parse({"id": plain.pop("jobId", id), "data": plain})
        except WrongInput as error:
            raise _never(str(error)) from None
        return event

    # --- events to the server -------------------------------------------------------------------

    def _send_jobs(self, events: Sequence[tuple[str, Event]]) -> None:
        """Under these ids; the data say whose job each is. Raises Unreachable."""
        outgoing = []
        for id, event in events:
            data = {**event.data, "jobId": event.id, "app": self.app}
            outgoing.append(inngest.Event(name=NAME, id=id, data=data))
        self._send(outgoing)

    def _send(self, events: Sequence[inngest.Event]) -> None:
        """Raises Unreachable."""
        try:
            for start in range(0, len(events), CHUNK):
                self._client.send_sync(list(events[start : start + CHUNK]))
        except (SdkError, ValueError, OSError) as error:
            said = f"{self._client.event_api_origin} took no event: {error or type(error).__name__}"
            raise Unreachable(
                f"the Inngest server at {without_secrets(said, os.environ)}",
                "is it running? INNGEST_DEV or INNGEST_BASE_URL says where, INNGEST_EVENT_KEY is its key",
            ) from None


def _client(app: str, signed: bool) -> inngest.Inngest:
    for noisy in ("httpx", "httpcore"):  # they tell each URL, and the event key is part of one
        logging.getLogger(noisy).setLevel(logging.WARNING)
    quiet = logging.getLogger("imagegen.inngest")
    quiet.disabled = True
    return inngest.Inngest(app_id=app, is_production=signed, logger=quiet)


def _mapping(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = data.get(key)
    return found if isinstance(found, Mapping) else {}


def _later(again: Again) -> Exception:
    return _small(inngest.RetryAfterError(again.message, timedelta(seconds=again.seconds), quiet=True))


def _never(message: str) -> Exception:
    return _small(inngest.NonRetriableError(message, quiet=True))


def _small(error: inngest.NonRetriableError | inngest.RetryAfterError) -> Exception:
    """Without the traceback, which the server has no use for."""
    error.include_stack = False
    return error
