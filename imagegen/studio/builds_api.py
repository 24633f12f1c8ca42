"""The routes that change pictures: builds, candidates, restoring, adopting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from imagegen.errors import WrongInput
from imagegen.jobs import event
from imagegen.recipe import drawn_seed
from imagegen.restoring import restore
from imagegen.studio import candidates, deeds, keeping
from imagegen.studio.cards import exact
from imagegen.studio.details import Details
from imagegen.studio.pictures import item_of
from imagegen.studio.refusal import Refused
from imagegen.verdict import Action

if TYPE_CHECKING:
    from imagegen.studio.running import Studio

MOST_TASKS = 10_000


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, str_max_length=1000)


class Wanted(_Body):
    """What to build: ``tasks``, or ``all`` that a run would make, of one ``job`` where one is named."""

    tasks: list[str] | None = Field(None, max_length=MOST_TASKS)
    job: str | None = None
    all: bool = False


class Unwanted(_Body):
    """What to cancel."""

    tasks: list[str] | None = Field(None, max_length=MOST_TASKS)
    all: bool = False


class Seed(_Body):
    """A seed as a number, or as the digits of one that is too large for a browser."""

    seed: int | str | None = None


class Version(_Body):
    number: int | None = Field(None, ge=0)


def router(studio: Studio) -> APIRouter:
    routes = APIRouter()
    project, hub = studio.project, studio.hub
    details = Details(project, hub)

    def done(task: str, act: Any) -> dict[str, Any]:
        deeds.do(project, hub, task, act)
        return details.of(task)

    @routes.post("/api/builds", status_code=202)
    def build(wanted: Wanted) -> dict[str, Any]:
        tasks = _tasks(studio, wanted)
        events = {task: _event(studio, task) for task in tasks if hub.own_job(task) is None}
        ids = dict(zip(events, studio.engine.submit_all(events.values()), strict=True))
        return {"jobs": [{"id": ids.get(task) or hub.own_job(task), "task": task} for task in tasks]}

    @routes.post("/api/builds/cancel")
    def cancel(unwanted: Unwanted) -> dict[str, Any]:
        if unwanted.all:
            jobs: Sequence[str] = studio.engine.unfinished()
        else:
            jobs = [job for task in unwanted.tasks or () if (job := hub.own_job(task))]
        return {"cancelled": len(studio.engine.cancel_all(jobs))}

    @routes.post("/api/items/{task:path}/candidate/keep")
    def keep(task: str) -> dict[str, Any]:
        return done(task, lambda session, item: keeping.keep(studio, session, item))

    @routes.post("/api/items/{task:path}/candidate", status_code=202)
    def candidate(task: str, wish: Seed | None = None) -> dict[str, Any]:
        item_of(project, task)
        seed = drawn_seed() if wish is None or wish.seed is None else _seed(wish.seed)
        if hub.own_job(task) is not None:
            raise Refused(409, f"{task} is being made", "cancel that first, or wait for it")
        return {"id": studio.engine.submit(event.of_task(task, candidate_seed=seed)), "seed": exact(seed)}

    @routes.delete("/api/items/{task:path}/candidate")
    def discard(task: str) -> dict[str, Any]:
        return done(task, candidates.discard)

    @routes.post("/api/items/{task:path}/restore")
    def bring_back(task: str, wish: Version | None = None) -> dict[str, Any]:
        number = wish.number if wish else None
        return done(task, lambda session, item: restore(session, item, number))

    @routes.post("/api/items/{task:path}/adopt")
    def adopt(task: str) -> dict[str, Any]:
        return done(task, lambda session, item: session.workshop.adopt(item))

    return routes


def _tasks(studio: Studio, wanted: Wanted) -> list[str]:
    """The tasks that are to be built. Raises WrongInput and Refused."""
    view = studio.project.view
    if wanted.all == bool(wanted.tasks):
        raise WrongInput("say which images: tasks, or all: true")
    if wanted.tasks:
        return list(dict.fromkeys(item_of(studio.project, task).task for task in wanted.tasks))
    if wanted.job is not None and wanted.job not in view.listing.manifest.jobs:
        raise Refused(404, f'there is no job "{wanted.job}"')
    if not view.items:
        return []
    action = studio.project.looked_with.action
    return [
        item.task
        for item, found in zip(view.items, view.verdicts, strict=True)
        if wanted.job in (None, item.job) and action(item, found) is Action.MAKE
    ]


def _event(studio: Studio, task: str) -> event.Event:
    sentence = studio.project.storyboards.sentence_of(task)
    return event.of_sentence(sentence.project, sentence.id) if sentence else event.of_task(task)


def _seed(given: int | str) -> int:
    try:
        return int(given)
    except ValueError:
        raise WrongInput(f"{given} is no seed", "a whole number from 0 to 2^64 - 1") from None
