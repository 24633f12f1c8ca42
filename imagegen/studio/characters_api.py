"""The routes of a storyboard's characters, and of their reference pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from imagegen.storyboard import editing
from imagegen.studio import pictures, storyboard_rows
from imagegen.studio.refusal import Refused
from imagegen.studio.request_body import Body
from imagegen.studio.serving_pictures import served
from imagegen.studio.storyboard_desk import Desk

if TYPE_CHECKING:
    from imagegen.studio.running import Studio


class CharacterChange(Body):
    name: str = ""
    description: str = ""
    lora: str = ""
    references: list[str] = []
    position: int = 0


class NewCharacter(CharacterChange):
    name: str


def router(studio: Studio, desk: Desk) -> APIRouter:
    routes = APIRouter(prefix="/characters")

    def one(pid: str, cid: str) -> Any:
        def found(session: Session, shown: storyboard_rows.Shown) -> dict[str, Any]:
            return storyboard_rows.character(storyboard_rows.character_row(session, pid, cid), shown)

        return desk.read(pid, found)

    @routes.post("", status_code=201)
    def add(pid: str, body: NewCharacter) -> Any:
        with desk.changing(pid) as session:
            row = editing.add_character(session, pid, **body.given())
        return one(pid, row.id)

    @routes.patch("/{cid}")
    def change(pid: str, cid: str, body: CharacterChange) -> Any:
        with desk.changing(pid) as session:
            storyboard_rows.character_row(session, pid, cid)
            editing.change_character(session, cid, **body.given())
        return one(pid, cid)

    @routes.delete("/{cid}")
    def remove(pid: str, cid: str) -> Any:
        with desk.changing(pid) as session:
            storyboard_rows.character_row(session, pid, cid)
            editing.remove_character(session, cid)
        return {"id": cid}

    @routes.get("/{cid}/references/{number}")
    def reference(request: Request, pid: str, cid: str, number: int) -> Response:
        def path(session: Session, shown: storyboard_rows.Shown) -> str | None:
            known = storyboard_rows.character_row(session, pid, cid).references
            return known[number] if 0 <= number < len(known) else None

        written = desk.read(pid, path)
        file = None if written is None else studio.project.folder / written
        found = served(request, file, pictures.roots(studio.project))
        if found is None:
            raise Refused(404, "there is no such picture")
        return found

    return routes
