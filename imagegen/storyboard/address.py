"""Where a storyboard is: a SQLite file or a PostgreSQL database, and how to name it without its password."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imagegen.errors import WrongInput

if TYPE_CHECKING:
    from sqlalchemy import URL

_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_FORM = "postgresql://user@host/database; with @, :, / or % in a password written as %40, %3A, %2F, %25"
_SECRET = ("password", "sslpassword", "passfile", "sslkey")


class Address(NamedTuple):
    """A storyboard's place. ``shown`` is for people and holds no password; ``file`` is None for a server;
    ``secret`` is the whole URL of a server, with its password, for the driver alone."""

    shown: str
    file: Path | None
    secret: str = ""

    def __repr__(self) -> str:
        return f"Address({self.shown!r})"

    @property
    def url(self) -> URL:
        """As SQLAlchemy takes it. Raises WrongInput where SQLAlchemy is not installed."""
        url_type = _url_type()
        if self.file is not None:
            return url_type.create("sqlite+pysqlite", database=os.fspath(self.file))
        return _parsed(self.secret)

    def without_secrets(self, message: str) -> str:
        """``message``, perhaps a driver's, unless it holds a password."""
        if self.file is not None:
            return message
        url = self.url
        secrets = [url.password, *(url.query.get(name) for name in _SECRET)]
        if any(isinstance(one, str) and one and one in message for one in secrets):
            return "the server refused the connection"
        return message


ENVIRONMENT = "IMAGEGEN_STORYBOARD"
"""The environment variable with the whole URL, password and all, of a server that a manifest names without."""


def address(written: str, project: Path, environ: Mapping[str, str] = os.environ) -> Address:
    """What ``source: {storyboard: …}`` says: a file, counted from the project's folder ``project``, or a
    PostgreSQL server's URL. Where :data:`ENVIRONMENT` has the same user, server and database, that one is taken.
    Whether the file lies in the project is the caller's to check. Raises WrongInput, whose text never holds the URL.
    """
    kind, separator, _ = written.partition("://")
    if not separator:
        if not written.strip() or "\0" in written:
            raise WrongInput("the storyboard's path is empty or no path", "such as data/storyboard.sqlite")
        return Address(written, project / written)
    if kind.lower() not in _POSTGRESQL:
        raise WrongInput(
            f'a storyboard can\'t be kept at "{kind[:40]}://"',
            "name a file, such as data/storyboard.sqlite, or a server: postgresql://user@host/database",
        )
    shown = _shown(_parsed(written))
    whole = environ.get(ENVIRONMENT, "")
    if whole and whole.partition("://")[0].lower() in _POSTGRESQL and _shown(_parsed(whole)) == shown:
        return Address(shown, None, whole)
    return Address(shown, None, written)


def _shown(url: URL) -> str:
    host = f"[{url.host}]" if url.host and ":" in url.host else url.host or str(url.query.get("host", ""))
    user, port = f"{url.username}@" if url.username else "", f":{url.port}" if url.port else ""
    return f"postgresql://{user}{host}{port}/{url.database or ''}"


def _parsed(written: str) -> URL:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    place = written.partition("://")[2].partition("?")[0]
    try:
        if place.count("@") > 1:  # else the end of a password would be taken for the host, and shown
            raise ValueError
        return make_url(written).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        pass  # its text may hold the password
    raise WrongInput("the storyboard's URL can't be understood", f"it is written {_FORM}")


def _url_type() -> type[URL]:
    lacking: ImportError | None = None
    try:
        from sqlalchemy import URL

        return URL
    except ImportError as error:
        lacking = error
    raise extra_missing(lacking)


def extra_missing(error: ImportError) -> WrongInput:
    """What is said where a library of the extra is not installed."""
    return WrongInput(
        f"a storyboard needs {error.name or 'a library'}, which is not installed",
        "pip install 'imagegen[studio]'",
    )
