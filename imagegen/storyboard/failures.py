"""What a database's error means for a person: what is wrong with it, and the mend."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from imagegen.errors import ImagegenError, Unreachable, WrongInput
from imagegen.storyboard.address import Address


def told(error: SQLAlchemyError, address: Address) -> ImagegenError:
    """The error as a person is told it, without statement, parameters or password: Unreachable for what may pass,
    WrongInput for the rest; anything that is a fault of ours is raised as it is."""
    if isinstance(error, PoolTimeout):
        return Unreachable(f"{address.shown}: too many wait for the storyboard", "try again")
    cause = error.orig if isinstance(error, DBAPIError) else None
    if cause is None:
        raise error
    said = address.without_secrets(_first_line(str(cause)))
    if address.file is not None:
        return _sqlite(cause, said, address)
    return _postgresql(cause, said, address)


def _first_line(said: str) -> str:
    return next((line.strip() for line in said.splitlines() if line.strip()), "no reason given")


def _sqlite(cause: BaseException, said: str, address: Address) -> ImagegenError:
    code = (getattr(cause, "sqlite_errorcode", 0) or 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unreachable(f"{address.shown} is in use: {said}", "another program writes to it for long; try again")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return WrongInput(f"{address.shown} is damaged or no database: {said}", "bring back a copy of it")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return WrongInput(f"{address.shown} can't be opened or written: {said}", "look at the rights of its folder")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return Unreachable(f"{address.shown} can't be used: {said}", "is its disk full? Free some space")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return WrongInput(f"{address.shown}: {said}", "the rows would contradict each other")
    return WrongInput(f"{address.shown}: {said}", "is it a storyboard?")


def _postgresql(cause: BaseException, said: str, address: Address) -> ImagegenError:
    state = str(getattr(cause, "sqlstate", "") or "")
    if "authentication" in said or "no password supplied" in said or state.startswith("28"):
        return WrongInput(
            f"{address.shown} refused: {said}",
            "give the password in the URL, in PGPASSWORD or in the file ~/.pgpass",
        )
    if "does not exist" in said or state == "3D000":
        return WrongInput(f"{address.shown}: {said}", "create the database, or name another")
    if state.startswith("23"):
        return WrongInput(f"{address.shown}: {said}", "the rows would contradict each other")
    if state[:2] in ("40", "55"):  # a deadlock, a lock that can't be had
        return Unreachable(f"{address.shown} is in use: {said}", "another program writes to it; try again")
    if not state or state[:2] in ("08", "53", "57"):
        return Unreachable(f"{address.shown} does not answer: {said}", "is the server running, and this its address?")
    return WrongInput(f"{address.shown}: {said}", "is it a storyboard?")
