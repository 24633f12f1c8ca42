"""The storyboard's schema, revision by revision, for Alembic. ``versions`` has one file a revision."""
