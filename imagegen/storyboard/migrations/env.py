"""Alembic's entry: it runs the revisions on the connection, and in the transaction, of ``schema.migrate``."""

from __future__ import annotations

from alembic import context

from imagegen.storyboard.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",  # SQLite can't alter a column in place
)
context.run_migrations()
