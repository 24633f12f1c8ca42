"""The first schema: projects, characters, sentences and who appears in them, jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Written out, not taken from tables.py: what a revision does must stay as it was.


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("style", sa.Text, nullable=False, server_default=_EMPTY),
        sa.Column("style_lora", sa.String(400), nullable=False, server_default=_EMPTY),
        sa.Column("aspect_ratio", sa.String(40), nullable=False, server_default=sa.text("'16:9'")),
        sa.Column("width", sa.Integer, nullable=False, server_default=sa.text("1920")),
        sa.Column("height", sa.Integer, nullable=False, server_default=sa.text("1080")),
        sa.Column(
            "negative_prompt", sa.Text, nullable=False, server_default=sa.text("'blurry, low quality, distorted'")
        ),
        sa.Column("workflow", sa.String(400), nullable=False, server_default=sa.text("'workflows/image/flux-2.json'")),
        sa.Column("numbered", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("updated_at", _TIME, nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
        sa.UniqueConstraint("name", name="uq_projects_name"),
    )
    op.create_table(
        "characters",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("project_id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("position", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("description", sa.Text, nullable=False, server_default=_EMPTY),
        sa.Column("lora", sa.String(400), nullable=False, server_default=_EMPTY),
        sa.Column("references", sa.Text, nullable=False, server_default=sa.text("'[]'")),
        sa.PrimaryKeyConstraint("id", name="pk_characters"),
        sa.UniqueConstraint("project_id", "name", name="uq_characters_project_id_name"),
        _to("characters", "project_id", "projects"),
    )
    op.create_table(
        "sentences",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("project_id", sa.String(40), nullable=False),
        sa.Column("position", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("text", sa.Text, nullable=False, server_default=_EMPTY),
        sa.Column("image_prompt", sa.Text, nullable=False, server_default=_EMPTY),
        sa.Column("seed", sa.String(20)),
        sa.Column("style_lora", sa.String(400)),
        sa.Column("references", sa.Text, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("image_file", sa.Text),
        sa.Column("is_image_dirty", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("status", sa.String(20), nullable=False, server_default=sa.text("'idle'")),
        sa.Column("error", sa.Text, nullable=False, server_default=_EMPTY),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("updated_at", _TIME, nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("id", name="pk_sentences"),
        sa.UniqueConstraint("project_id", "name", name="uq_sentences_project_id_name"),
        _to("sentences", "project_id", "projects"),
    )
    op.create_index("ix_sentences_project_id_position", "sentences", ["project_id", "position"])
    op.create_table(
        "appearances",
        sa.Column("sentence_id", sa.String(40), nullable=False),
        sa.Column("character_id", sa.String(40), nullable=False),
        sa.PrimaryKeyConstraint("sentence_id", "character_id", name="pk_appearances"),
        _to("appearances", "sentence_id", "sentences"),
        _to("appearances", "character_id", "characters"),
    )
    op.create_index("ix_appearances_character_id", "appearances", ["character_id"])
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("project_id", sa.String(40), nullable=False),
        sa.Column("sentence_id", sa.String(40)),
        sa.Column("type", sa.String(40), nullable=False, server_default=sa.text("'image/generate'")),
        sa.Column("status", sa.String(20), nullable=False, server_default=sa.text("'queued'")),
        sa.Column("attempts", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("error", sa.Text, nullable=False, server_default=_EMPTY),
        sa.Column("created_at", _TIME, nullable=False, server_default=_NOW),
        sa.Column("started_at", _TIME),
        sa.Column("finished_at", _TIME),
        sa.Column("result", sa.JSON),
        sa.Column("event", sa.JSON),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        _to("jobs", "project_id", "projects"),
        _to("jobs", "sentence_id", "sentences", "SET NULL"),
    )
    op.create_index("ix_jobs_project_id_status", "jobs", ["project_id", "status"])
    op.create_index("ix_jobs_sentence_id", "jobs", ["sentence_id"])


def downgrade() -> None:
    for table in ("jobs", "appearances", "sentences", "characters", "projects"):
        op.drop_table(table)


_TIME = sa.DateTime(timezone=True)
_NOW, _EMPTY = sa.text("CURRENT_TIMESTAMP"), sa.text("''")


def _to(table: str, column: str, other: str, on_delete: str = "CASCADE") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}", ondelete=on_delete)
