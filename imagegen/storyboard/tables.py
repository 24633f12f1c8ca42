"""The storyboard's tables. A change here needs a migration in ``migrations/versions``; a test compares the two."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    true,
)
from sqlalchemy import text as literal
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from imagegen.storyboard.columns import Moment, Paths, Seed, now
from imagegen.storyboard.ids import new_id

IDLE, QUEUED, GENERATING, COMPLETED, FAILED = STATUSES = ("idle", "queued", "generating", "completed", "failed")
"""Of a sentence."""

RUNNING, CANCELLED = "running", "cancelled"
JOB_STATUSES = (QUEUED, RUNNING, COMPLETED, FAILED, CANCELLED)
UNFINISHED = (QUEUED, RUNNING)
"""Of a job."""

STYLE_LORA = "a LoRA's file, with its strength behind a colon where it is not 1: ink.safetensors:0.8"

_NOW = literal("CURRENT_TIMESTAMP")  # a row that another program inserts has its defaults too
_EMPTY, _NO_PATHS = literal("''"), literal("'[]'")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Project(Base):
    """A script with what holds for all of its pictures. ``width`` and ``height`` are pixels; ``style`` goes behind
    each prompt. ``numbered`` counts the sentences that have had a name by number, so that none has it twice."""

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(String(40), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    style: Mapped[str] = mapped_column(Text, default="", server_default=_EMPTY)
    style_lora: Mapped[str] = mapped_column(String(400), default="", server_default=_EMPTY, doc=STYLE_LORA)
    aspect_ratio: Mapped[str] = mapped_column(String(40), default="16:9", server_default=literal("'16:9'"))
    width: Mapped[int] = mapped_column(Integer, default=1920, server_default=literal("1920"))
    height: Mapped[int] = mapped_column(Integer, default=1080, server_default=literal("1080"))
    negative_prompt: Mapped[str] = mapped_column(
        Text,
        default="blurry, low quality, distorted",
        server_default=literal("'blurry, low quality, distorted'"),
    )
    workflow: Mapped[str] = mapped_column(
        String(400), default="workflows/image/flux-2.json", server_default=literal("'workflows/image/flux-2.json'")
    )
    numbered: Mapped[int] = mapped_column(Integer, default=0, server_default=literal("0"))
    created_at: Mapped[datetime] = mapped_column(Moment, default=now, server_default=_NOW)
    updated_at: Mapped[datetime] = mapped_column(Moment, default=now, server_default=_NOW)


class Character(Base):
    """Who appears in the pictures: ``references`` are pictures' paths, counted from the project's folder. The order
    of ``position`` is that in which LoRAs and references go into a picture."""

    __tablename__ = "characters"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    position: Mapped[int] = mapped_column(Integer, default=0, server_default=literal("0"))
    description: Mapped[str] = mapped_column(Text, default="", server_default=_EMPTY)
    lora: Mapped[str] = mapped_column(String(400), default="", server_default=_EMPTY)
    references: Mapped[list[str]] = mapped_column(Paths, default=list, server_default=_NO_PATHS)


appearances = Table(
    "appearances",
    Base.metadata,
    Column("sentence_id", ForeignKey("sentences.id", ondelete="CASCADE"), primary_key=True),
    Column("character_id", ForeignKey("characters.id", ondelete="CASCADE"), primary_key=True, index=True),
)
"""Which characters appear in which sentence's picture."""


class Sentence(Base):
    """One sentence of the script, and its picture. The script's order is that of ``position``, then ``id``.

    ``name`` is a label that stays, whatever becomes of text and position. ``style_lora`` takes the project's
    place where it is given (the empty text: none). ``image_file`` is the picture's path, counted from the
    project's folder. ``is_image_dirty`` and ``status`` are conveniences; the verdict on the picture decides.
    """

    __tablename__ = "sentences"
    __table_args__ = (UniqueConstraint("project_id", "name"), Index(None, "project_id", "position"))

    id: Mapped[str] = mapped_column(String(40), primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(Integer, default=0, server_default=literal("0"))
    name: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text, default="", server_default=_EMPTY)
    image_prompt: Mapped[str] = mapped_column(Text, default="", server_default=_EMPTY)
    seed: Mapped[int | None] = mapped_column(Seed)
    style_lora: Mapped[str | None] = mapped_column(String(400))
    references: Mapped[list[str]] = mapped_column(Paths, default=list, server_default=_NO_PATHS)
    image_file: Mapped[str | None] = mapped_column(Text)
    is_image_dirty: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())
    status: Mapped[str] = mapped_column(String(20), default=IDLE, server_default=literal("'idle'"))
    error: Mapped[str] = mapped_column(Text, default="", server_default=_EMPTY)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now, server_default=_NOW)
    updated_at: Mapped[datetime] = mapped_column(Moment, default=now, server_default=_NOW)
    characters: Mapped[list[Character]] = relationship(
        secondary=appearances, order_by=[Character.position, Character.id], passive_deletes=True
    )


class Job(Base):
    """A job of the engine that makes a sentence's picture; its id is the event's. It stays when its sentence goes.
    ``result`` and ``event`` are what the job gave and was given."""

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "project_id", "status"),)

    id: Mapped[str] = mapped_column(String(200), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    sentence_id: Mapped[str | None] = mapped_column(ForeignKey("sentences.id", ondelete="SET NULL"), index=True)
    type: Mapped[str] = mapped_column(String(40), default="image/generate", server_default=literal("'image/generate'"))
    status: Mapped[str] = mapped_column(String(20), default=QUEUED, server_default=literal("'queued'"))
    attempts: Mapped[int] = mapped_column(Integer, default=0, server_default=literal("0"))
    error: Mapped[str] = mapped_column(Text, default="", server_default=_EMPTY)
    created_at: Mapped[datetime] = mapped_column(Moment, default=now, server_default=_NOW)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    event: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
