"""Which schema a database has, and bringing it to ours. Only a database that is behind needs Alembic."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import Inspector

from imagegen.errors import WrongInput
from imagegen.storyboard.address import Address, extra_missing
from imagegen.storyboard.tables import Base

HEAD = "0001"
"""The newest revision in ``migrations/versions``."""

MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = "alembic_version"
LOCK = 0x696D6167656E  # "imagegen"'s first six letters: the key of PostgreSQL's advisory lock


def revision(connection: Connection) -> str:
    """The revision of the database's schema; empty where it has none yet."""
    names = _tables(connection)
    if _VERSION not in names:
        return ""
    return str(connection.execute(text(f"SELECT version_num FROM {_VERSION}")).scalar() or "")


def _tables(connection: Connection) -> set[str]:
    found: Inspector = inspect(connection)
    return set(found.get_table_names())


def check(connection: Connection, address: Address, create: bool) -> bool:
    """Whether the schema is ours; False where it has to be made or migrated. Raises WrongInput for a schema from
    the future, and for a database that holds something else, or nothing while ``create`` is False."""
    found = revision(connection)
    if found == HEAD:
        return True
    if found:
        if found in known():
            return False
        raise WrongInput(
            f"{address.shown} has the schema {found}, which this imagegen doesn't know (its own is {HEAD})",
            "it was written by a newer imagegen: install that one; or it is another program's database",
        )
    there = _tables(connection)
    ours = there & set(Base.metadata.tables)
    if ours or (there and address.file is not None):
        raise WrongInput(
            f"{address.shown} is a database, but no storyboard: it has the tables {', '.join(sorted(there)[:5])}",
            "name another file" if address.file else "name an empty database",
        )
    if not create:
        raise WrongInput(f"{address.shown} is empty: it holds no storyboard", "imagegen storyboard import makes one")
    return False


def known() -> set[str]:
    """The revisions that this program has. Raises WrongInput where Alembic is not installed."""
    try:
        from alembic.script import ScriptDirectory
    except ImportError as error:
        raise extra_missing(error) from error
    return {one.revision for one in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}


def migrate(connection: Connection) -> None:
    """Bring the schema to :data:`HEAD`, in the transaction that ``connection`` has begun. Another program that
    does so at the same time is waited for: on SQLite the transaction is the only one that writes, on PostgreSQL
    a lock is held to its end. Raises WrongInput where Alembic is not installed."""
    try:
        from alembic import command
        from alembic.config import Config
    except ImportError as error:
        raise extra_missing(error) from error
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
