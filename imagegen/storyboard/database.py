"""A storyboard's database: opened once for each program, one session for each transaction, from any thread."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imagegen.errors import ImagegenError, WrongInput
from imagegen.files import writable
from imagegen.storyboard.address import Address, address, extra_missing

try:
    from sqlalchemy import JSON, Connection, Engine, String, create_engine, event
    from sqlalchemy.exc import SQLAlchemyError, StatementError
    from sqlalchemy.orm import Session
    from sqlalchemy.pool import QueuePool
except ImportError as _error:
    raise extra_missing(_error) from _error

from imagegen.storyboard import schema
from imagegen.storyboard.columns import Letters, Values
from imagegen.storyboard.failures import told

__all__ = ["Address", "Storyboard", "address", "open_storyboard"]

BUSY = 10.0
"""Seconds that a transaction waits for another program's."""

CONNECT = 5
"""Seconds in which a server must answer."""


class Storyboard:
    """An open storyboard; thread safe. Made by :func:`open_storyboard`."""

    def __init__(self, place: Address, engine: Engine) -> None:
        self.address = place
        self._engine = engine
        reading: dict[str, Any] = {"imagegen_reads": True}
        if engine.dialect.name == "postgresql":
            reading.update(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._reader = engine.execution_options(**reading)

    @contextlib.contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction that writes: it begins with the first statement, commits at the end and rolls back on an
        error. On SQLite it is the only one that writes, so it should be short. What was read stays usable after it.

        Raises errors.Unreachable where the database can't be had now and WrongInput where it is damaged or may
        not be written."""
        with self._told(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """One transaction that only reads, and sees the database as it was at its first statement; it waits for
        nobody, and nobody for it. Raises as :meth:`session` does."""
        with self._told(), Session(self._reader, expire_on_commit=False, autoflush=False) as session, session.begin():
            yield session

    def close(self) -> None:
        self._engine.dispose()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        error: ImagegenError
        try:
            yield
            return
        except StatementError as found:
            # What a column's own check raised.
            error = found.orig if isinstance(found.orig, ImagegenError) else told(found, self.address)
        except SQLAlchemyError as found:
            error = told(found, self.address)
        raise error from None  # the cause's own text may hold more than people should see


def open_storyboard(place: Address, create: bool = False) -> Storyboard:
    """The storyboard at ``place``, its schema brought to this program's where it is behind; ``create`` makes one
    where there is none.

    Raises WrongInput where there is none, it is damaged, from the future or another program's, the server does
    not answer or refuses, or the extra is not installed; Unreachable while others keep it locked.
    """
    board = Storyboard(place, _sqlite(place, create) if place.file is not None else _postgresql(place))
    try:
        with board._told():
            with board._reader.connect() as connection:
                at_head = schema.check(connection, place, create)
            if place.file is not None and _may_write(place.file):
                _log_ahead(board._engine)
            if not at_head:
                with board._engine.begin() as connection:
                    schema.migrate(connection)
    except BaseException as error:
        board.close()
        if isinstance(error, ImagegenError) and not isinstance(error, WrongInput) and place.file is None:
            raise WrongInput(error.message, error.hint) from None
        raise
    return board


def _sqlite(place: Address, create: bool) -> Engine:
    """An engine on a file in WAL mode, so that who reads and who writes don't wait for each other."""
    file = place.file
    assert file is not None
    if file.is_dir():
        raise WrongInput(f"{place.shown} is a folder", "name a file, such as data/storyboard.sqlite")
    if not create and not file.exists():
        raise WrongInput(f"there is no storyboard {place.shown}", "imagegen storyboard import makes one")
    if create:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WrongInput(
                f"the folder of {place.shown} can't be made: {error.strerror}", "name another place"
            ) from error
    may_write = _may_write(file)

    def connect() -> sqlite3.Connection:
        # mode=rw: a file that has gone meanwhile is not quietly made anew and empty.
        mode = "mode=rwc" if create else "mode=rw"
        if not may_write:
            # WAL needs two files beside the database; a database that nobody can write needs no WAL.
            mode = "mode=ro" if _is_logged(file) else "mode=ro&immutable=1"
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?{mode}", uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    engine = create_engine(
        "sqlite+pysqlite://", creator=connect, poolclass=QueuePool, pool_size=5, max_overflow=20, pool_timeout=BUSY,
        hide_parameters=True,
    )  # fmt: skip
    engine.dialect.colspecs = {**engine.dialect.colspecs, String: Letters, JSON: Values}
    event.listen(engine, "begin", _begin)
    return engine


def _may_write(file: Path) -> bool:
    return writable(file.parent) and (not file.exists() or os.access(file, os.W_OK))


def _is_logged(file: Path) -> bool:
    """Whether another program has the file open in WAL mode, or has left there what is not in the file yet."""
    log = Path(f"{file}-wal")
    return Path(f"{file}-shm").exists() or (log.exists() and log.stat().st_size > 0)


def _log_ahead(engine: Engine) -> None:
    """Set WAL, which the file keeps. While another sets it too, SQLite answers "locked" at once, without the
    timeout. Where it can't be set the file is used as it is."""
    until = time.monotonic() + BUSY
    with contextlib.closing(engine.raw_connection()) as connection:
        while True:
            try:
                connection.cursor().execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    return
                time.sleep(0.02)


def _begin(connection: Connection) -> None:
    """A transaction that will write takes the lock at once: one that reads first and then wants to write is
    refused by SQLite, without the timeout, when another has written in between."""
    reads = connection.get_execution_options().get("imagegen_reads")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _postgresql(place: Address) -> Engine:
    own = {} if "connect_timeout" in place.url.query else {"connect_timeout": CONNECT}
    try:
        engine = create_engine(
            place.url,
            connect_args={"application_name": "imagegen", **own},
            pool_pre_ping=True,
            pool_timeout=BUSY,
            max_overflow=20,
            hide_parameters=True,
        )
    except ImportError as error:
        raise extra_missing(error) from error
    except SQLAlchemyError as error:
        raise told(error, place) from None
    event.listen(engine, "connect", _wait_at_most)
    return engine


def _wait_at_most(connection: Any, _: object) -> None:
    """A lock that another program never gives back is an error, as it is on SQLite."""
    connection.execute(f"SET lock_timeout = {round(BUSY * 1000)}")
    connection.commit()
