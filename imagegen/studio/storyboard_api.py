"""The routes of a storyboard: its script, its settings, its jobs. Each change is one transaction, in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from imagegen.errors import WrongInput
from imagegen.storyboard import editing
from imagegen.storyboard.tables import Sentence
from imagegen.studio import cards, characters_api, storyboard_rows
from imagegen.studio.refusal import Refused
from imagegen.studio.request_body import Body
from imagegen.studio.storyboard_desk import Desk
from imagegen.studio.storyboard_rows import Shown

if TYPE_CHECKING:
    from imagegen.studio.running import Studio

MOST = 500
"""Sentences in one answer."""


Seed = int | str | None


class NewSentence(Body):
    text: str
    image_prompt: str = ""
    after: str | None = None
    characters: list[str] = []
    seed: Seed = None


class SentenceChange(Body):
    """``expected`` has what the page saw of the fields it changes: where that is no longer so, nothing is done."""

    text: str = ""
    image_prompt: str = ""
    seed: Seed = None
    characters: list[str] = []
    style_lora: str | None = None
    references: list[str] = []
    name: str = ""
    expected: dict[str, Any] = {}


class Move(Body):
    position: int


class Generate(Body):
    id: str = ""
    imagePrompt: str = ""
    characterRefs: list[str] = []
    styleLora: str = ""
    seed: Seed = None


class ProjectChange(Body):
    name: str = ""
    style: str = ""
    style_lora: str = ""
    aspect_ratio: str = ""
    width: int = 0
    height: int = 0
    negative_prompt: str = ""
    workflow: str = ""


def router(studio: Studio) -> APIRouter:
    routes = APIRouter(prefix="/api/storyboards/{pid}")
    desk = Desk(studio)
    routes.include_router(characters_api.router(studio, desk))

    def one(pid: str, sid: str) -> Any:
        return desk.read(pid, lambda session, shown: storyboard_rows.one_sentence(session, pid, sid, shown))

    def whole(pid: str) -> Any:
        return desk.read(pid, lambda session, shown: storyboard_rows.whole(session, pid, shown))

    @routes.get("")
    def project(pid: str) -> Any:
        return whole(pid)

    @routes.patch("")
    def change_project(pid: str, body: ProjectChange) -> Any:
        with desk.changing(pid) as session:
            editing.change_project(session, pid, **body.given())
        return whole(pid)

    @routes.get("/sentences")
    def sentences(
        pid: str,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=0, le=MOST)] = 100,
        ids: Annotated[str | None, Query(max_length=20_000)] = None,
    ) -> Any:
        def found(session: Session, shown: Shown) -> dict[str, Any]:
            storyboard_rows.project_row(session, pid)
            if ids is None:
                total, rows = storyboard_rows.slice_of(session, pid, offset, limit, shown)
                return {"total": total, "offset": offset, "sentences": rows}
            rows = storyboard_rows.sentences(session, pid, ids.split(",")[:MOST], shown)
            return {"total": len(storyboard_rows.order(session, pid)), "offset": None, "sentences": rows}

        return desk.read(pid, found)

    @routes.get("/sentences/{sid}")
    def sentence(pid: str, sid: str) -> Any:
        return one(pid, sid)

    @routes.post("/sentences", status_code=201)
    def add(pid: str, body: NewSentence) -> Any:
        with desk.changing(pid) as session:
            row = editing.add_sentence(session, pid, **{**body.given(), "text": body.text})
        return one(pid, row.id)

    @routes.patch("/sentences/{sid}")
    def change(pid: str, sid: str, body: SentenceChange) -> Any:
        changes = body.given("expected")
        with desk.changing(pid, sid) as session:
            row = storyboard_rows.sentence_row(session, pid, sid)
            if _outdated(row, changes, body.expected):
                now = storyboard_rows.one_sentence(session, pid, sid, desk.shown(pid))
                raise Refused(
                    409, "somebody else has changed this sentence meanwhile", "look at it again", {"sentence": now}
                )
            editing.change_sentence(session, sid, **changes)
        return one(pid, sid)

    @routes.delete("/sentences/{sid}")
    def remove(pid: str, sid: str) -> Any:
        desk.cancel(pid, sid)
        with desk.changing(pid) as session:
            storyboard_rows.sentence_row(session, pid, sid)
            editing.remove_sentence(session, sid)
        return {"id": sid}

    @routes.post("/sentences/{sid}/move")
    def move(pid: str, sid: str, body: Move) -> Any:
        with desk.changing(pid) as session:
            storyboard_rows.sentence_row(session, pid, sid)
            editing.move_sentence(session, sid, body.position)
        return one(pid, sid)

    @routes.post("/sentences/{sid}/generate", status_code=202)
    def generate(pid: str, sid: str, body: Generate | None = None) -> Any:
        carried = {} if body is None else body.given("id")
        if carried.get("seed", "") is None:
            del carried["seed"]
        if isinstance(carried.get("seed"), str):
            carried["seed"] = _number(carried["seed"])
        return {"id": desk.queue(pid, sid, body.id if body else "", carried)}

    @routes.post("/generate", status_code=202)
    def generate_dirty(pid: str) -> Any:
        return {"jobs": desk.queue_dirty(pid)}

    @routes.post("/sentences/{sid}/cancel")
    def cancel(pid: str, sid: str) -> Any:
        return {"cancelled": desk.cancel(pid, sid)}

    @routes.post("/cancel")
    def cancel_all(pid: str) -> Any:
        return {"cancelled": desk.cancel(pid)}

    return routes


def _number(written: str) -> int:
    """Raises WrongInput."""
    if not (written.isascii() and written.isdigit() and len(written) <= 20):
        raise WrongInput(f'seed is "{written[:40]}"', "a seed is a whole number")
    return int(written)


def _outdated(row: Sentence, changes: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Whether a field is neither as it was when the page looked, nor already as the page wants it."""
    now = {
        "text": row.text, "image_prompt": row.image_prompt, "seed": row.seed, "style_lora": row.style_lora,
        "references": row.references, "name": row.name, "characters": [one.id for one in row.characters],
    }  # fmt: skip
    return any(
        not _same(now[key], seen) and (key not in changes or not _same(now[key], changes[key]))
        for key, seen in expected.items()
        if key in now
    )


def _same(kept: Any, seen: Any) -> bool:
    if isinstance(kept, str) and isinstance(seen, str):
        return kept.strip() == seen.strip()
    if isinstance(kept, int):
        return str(kept) == str(cards.exact(seen))
    if isinstance(kept, list) and isinstance(seen, list):
        return sorted(map(str, kept)) == sorted(map(str, seen))
    return bool(kept == seen)
