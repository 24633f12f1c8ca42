"""The order of a project's sentences or characters, which their ``position`` keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from imagegen.errors import WrongInput


def in_order(session: Session, kind: type[Any], project_id: str) -> list[str]:
    """The ids of the project's rows of that kind."""
    ids = select(kind.id).where(kind.project_id == project_id).order_by(kind.position, kind.id)
    return list(session.execute(ids).scalars())


def moved(order: Sequence[str], one: str, position: Any) -> list[str]:
    """``order`` with ``one`` at ``position``, counted from 0. Raises WrongInput."""
    if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position < len(order):
        raise WrongInput(f"position is {str(position)[:40]!r}", f"it counts from 0 and is below {len(order)}")
    rest = [other for other in order if other != one]
    return [*rest[:position], one, *rest[position:]]


def place(session: Session, kind: type[Any], project_id: str, order: Sequence[str]) -> None:
    """Number the project's rows anew in that order, as far as they are not: gaps and doubles, which another program
    may have made, are gone too."""
    rows = session.execute(select(kind.id, kind.position).where(kind.project_id == project_id))
    there = {row.id: row.position for row in rows}
    changed = {one: number for number, one in enumerate(order) if there.get(one) != number}
    if not changed:
        return
    session.execute(update(kind), [{"id": one, "position": number} for one, number in changed.items()])
