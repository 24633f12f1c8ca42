"""Kinds of columns that hold the same on SQLite and on PostgreSQL, and say what is wrong with a value that another
program wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeDecorator, TypeEngine

from imagegen.errors import WrongInput

LARGEST_SEED = 2**64 - 1


class Seed(TypeDecorator[int]):
    """0 … 2**64−1, as text: the integers of SQL end at 2**63−1."""

    impl = String(20)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        return seed_in(value)


def seed_in(value: Any) -> int | None:
    """The seed that a row holds. Raises WrongInput."""
    if value is None:
        return None
    text = str(value)
    if not (text.isascii() and text.isdigit() and int(text[:21]) <= LARGEST_SEED):
        raise WrongInput(f'a seed in the storyboard is "{text[:40]}"', f"a seed is 0 to {LARGEST_SEED}, or NULL")
    return int(text)


class Paths(TypeDecorator[list[str]]):
    """A list of paths in their order, as JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> str:
        return json.dumps(list(value or []), ensure_ascii=False)

    def process_result_value(self, value: Any, dialect: Dialect) -> list[str]:
        return paths_in(value)


def paths_in(value: Any) -> list[str]:
    """The paths that a row holds. Raises WrongInput."""
    if not value or value == "[]":
        return []
    try:
        found = json.loads(value)
    except (TypeError, ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) and _is_whole(one) for one in found):
        raise WrongInput(f"references in the storyboard are {str(value)[:40]}", "they are a JSON list of paths")
    return found


def _is_whole(text: str) -> bool:
    """Whether it has no half of a letter, which JSON can write."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


class Letters(String):
    """A text as it is read from SQLite, whose columns hold whatever is written into them."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        def read(value: Any) -> Any:
            if isinstance(value, bytes):
                raise WrongInput("the storyboard holds bytes where a text belongs", "another program wrote them")
            return value

        return read


class Values(sqlite.JSON):
    """JSON as it is read from SQLite; None where it is none."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        understood: Any = super().result_processor(dialect, coltype)

        def read(value: Any) -> Any:
            try:
                return understood(value)
            except (TypeError, ValueError, RecursionError, WrongInput):
                return None

        return read


class Moment(TypeDecorator[datetime]):
    """A time in UTC; SQLite keeps no time zone. One that another program wrote and that can't be read is 1970's
    beginning: times decide nothing."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(_Written())  # type: ignore[no-untyped-call]
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _Written(sqlite.DATETIME):
    """SQLite's column of times holds whatever is written into it."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        def read(value: Any) -> datetime | None:
            try:
                return None if value is None else datetime.fromisoformat(value)
            except (TypeError, ValueError):
                return datetime.fromtimestamp(0, UTC)

        return read


def now() -> datetime:
    return datetime.now(UTC)
