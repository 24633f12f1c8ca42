"""The routes of the project and its items."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query

from imagegen.studio import cards, searching
from imagegen.studio.details import Details
from imagegen.studio.refusal import legible

if TYPE_CHECKING:
    from imagegen.studio.running import Studio

MOST = 500
"""Cards in one answer."""


def router(studio: Studio) -> APIRouter:
    routes = APIRouter()
    project, hub = studio.project, studio.hub
    details = Details(project, hub)

    @routes.get("/api/project")
    def whole() -> dict[str, Any]:
        view = project.view
        manifest = view.listing.manifest
        count = Counter(view.listing.index.jobs)
        boards = project.storyboards.boards()
        whose = {board.job: board.id for board in boards}
        return {
            "name": legible(project.folder.resolve().name),
            "version": view.version,
            "jobs": [{"name": job, "count": count[job], "storyboard": whose.get(job)} for job in manifest.jobs],
            "states": view.counts(),
            "total": len(view.items),
            "backends": sorted({way.backend for way in manifest.columns.ways}),
            "problems": list(view.problems),
            "warnings": [str(one) for one in manifest.warnings],
            "storyboards": [{"id": board.id, "name": board.name, "job": board.job} for board in boards],
            "busy": sum(one.busy for one in hub.activities.values()),
        }

    @routes.get("/api/items")
    def items(
        job: str = "",
        state: Annotated[list[str], Query()] = [],  # noqa: B006  (FastAPI copies it)
        q: Annotated[str, Query(max_length=1000)] = "",
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=0, le=MOST)] = 100,
    ) -> dict[str, Any]:
        view, activities = project.view, hub.activities
        busy = {n for task, one in activities.items() if one.busy and (n := view.number(task)) is not None}
        wanted = searching.find(view.listing.index, searching.Query(job, q))
        found = searching.of_states(wanted, view.verdicts, busy, frozenset(state))
        shown = found[offset : offset + limit]
        return {
            "total": len(found),
            "offset": offset,
            "version": view.version,
            "counts": searching.counts(wanted, view.verdicts, busy),
            "items": cards.cards(view, shown, activities),
        }

    @routes.get("/api/items/{task:path}")
    def item(task: str) -> dict[str, Any]:
        return details.of(task)

    return routes
