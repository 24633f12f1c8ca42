"""Where an engine keeps its jobs: a SQLite file in the project's `.imagegen`, or a PostgreSQL database."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from imagegen.errors import ImagegenError, WrongInput
from imagegen.files import STATE
from imagegen.storyboard.address import Address, address
from imagegen.storyboard.failures import told

DEFAULT = f"{STATE}/jobs.sqlite"
BUSY = 30.0
"""Seconds that a write waits for another."""


@contextlib.contextmanager
def alone(project: Path) -> Iterator[None]:
    """Hold the lock of the project's jobs on this machine. Raises WrongInput where another program has it."""
    file = project / STATE / "jobs.lock"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file, timeout=0, thread_local=False):
            yield
    except Timeout:
        raise WrongInput("another studio works on this project's jobs", "use that one, or end it") from None


def executor(place: Address, project: Path) -> str:
    """Under which name this machine works on the project's jobs. A file goes with its project, wherever that is
    moved; in a server's database each machine's copy of a project has a name of its own."""
    if place.file is not None:
        return "here"
    folder = hashlib.sha256(os.fspath(project.resolve()).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{platform.node() or 'unnamed'}-{project.resolve().name}-{folder}"


def connect(written: str, project: Path) -> tuple[Address, Engine]:
    """The database, reached once so that what is wrong is found now. Raises WrongInput without its password."""
    place = address(written, project)
    error: ImagegenError
    try:
        engine = _file(place.file) if place.file is not None else _server(place)
        with engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
        return place, engine
    except SQLAlchemyError as found:
        error = failure(found, place)
    except OSError as found:
        error = WrongInput(f"{place.shown} can't be made: {found.strerror or found}", "make its folder writable")
    raise WrongInput(error.message, error.hint)


def failure(error: SQLAlchemyError, place: Address) -> ImagegenError:
    """The error as a person is told it, without password."""
    found = told(error, place)
    return type(found)(f"the jobs can't be kept: {found.message}", found.hint)


def _file(file: Path) -> Engine:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()

    def connect() -> sqlite3.Connection:
        # mode=rw: where somebody has removed the file meanwhile, it is not quietly made anew and empty.
        where = f"{file.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(where, uri=True, timeout=BUSY, check_same_thread=False)
        connection.isolation_level = "IMMEDIATE"  # who reads first and writes then is refused without waiting
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    return create_engine("sqlite+pysqlite://", creator=connect, poolclass=QueuePool, pool_size=20, hide_parameters=True)


def _server(place: Address) -> Engine:
    return create_engine(
        place.url,
        pool_size=20,
        pool_pre_ping=True,
        connect_args={"application_name": "imagegen", "connect_timeout": 5},
        hide_parameters=True,
    )
