"""A small script in a storyboard of its own, for the tests that change it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from imagegen.storyboard import deciding, editing
from imagegen.storyboard.database import address, open_storyboard
from imagegen.storyboard.tables import Character, Project, Sentence

FILE = "data/storyboard.sqlite"


class Script:
    """The project "Ash", two characters, three sentences; of the third the picture is dirty, the others' are not."""

    def __init__(self, folder: Path, written: str = FILE) -> None:
        self.folder, self.written = folder, written
        self.storyboard = open_storyboard(address(written, folder), create=True)
        with self.storyboard.session() as session:
            project = editing.create_project(session, "Ash", style="ink on paper", style_lora="ink.safetensors:0.8")
            self.id = project.id
            self.mia = editing.add_character(
                session, self.id, "Mia", lora="mia.safetensors", references=["cast/mia.png"]
            ).id
            self.tom = editing.add_character(
                session, self.id, "Tom", lora="tom.safetensors:1.5", references=["cast/tom.png"]
            ).id
            self.first = editing.add_sentence(session, self.id, "It rains.", "rain over a harbour").id
            self.second = editing.add_sentence(session, self.id, "Mia waits.", characters=["Mia"]).id
            self.third = editing.add_sentence(session, self.id, "Tom comes.", characters=[self.tom, "Mia"], seed=7).id
        self.clean(self.first, self.second)

    def clean(self, *sentences: str) -> None:
        """Say that their pictures are made."""
        done = {"is_image_dirty": False, "status": "completed"}
        with self.storyboard.session() as session:
            session.execute(update(Sentence).where(Sentence.id.in_(sentences)).values(**done))

    def clean_all(self) -> None:
        with self.storyboard.session() as session:
            session.execute(update(Sentence).values(is_image_dirty=False, status="completed"))

    def do(self, change: Any, *given: Any, **settings: Any) -> Any:
        """One of ``editing`` or ``following`` in a transaction of its own; what it gives."""
        with self.storyboard.session() as session:
            return change(session, *given, **settings)

    def change(self, sentence_id: str, **changes: Any) -> None:
        self.do(editing.change_sentence, sentence_id, **changes)

    def change_all(self, **changes: Any) -> None:
        """Change what holds for all of the project."""
        self.do(editing.change_project, self.id, **changes)

    def sql(self, statement: str, *given: Any) -> None:
        """Another program's write."""
        connection = sqlite3.connect(self.folder / self.written)
        connection.execute(statement, given)
        connection.commit()
        connection.close()

    @property
    def board(self) -> deciding.Board:
        with self.storyboard.reading() as session:
            return deciding.board(session, self.id)

    @property
    def state(self) -> Mapping[str, str]:
        return deciding.state(self.board)

    def settings(self, sentence_id: str) -> Mapping[str, Any]:
        return next(shot.settings for shot in self.board.sentences if shot.id == sentence_id)

    def digest(self, sentence_id: str) -> str:
        return self.state[sentence_id]

    @property
    def project(self) -> Project:
        with self.storyboard.reading() as session:
            return session.execute(select(Project).where(Project.id == self.id)).scalar_one()

    def sentence(self, sentence_id: str) -> Sentence:
        with self.storyboard.reading() as session:
            found = session.execute(select(Sentence).where(Sentence.id == sentence_id)).scalar_one()
            list(found.characters)
            return found

    @property
    def order(self) -> list[str]:
        return [shot.id for shot in self.board.sentences]

    @property
    def cast(self) -> list[str]:
        """The characters' names in their order."""
        with self.storyboard.reading() as session:
            wanted = select(Character.name).where(Character.project_id == self.id)
            return list(session.execute(wanted.order_by(Character.position)).scalars())

    @property
    def dirty(self) -> set[str]:
        with self.storyboard.reading() as session:
            return set(session.execute(select(Sentence.id).where(Sentence.is_image_dirty)).scalars())
