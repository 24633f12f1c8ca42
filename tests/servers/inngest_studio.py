"""What an Inngest server calls: a storyboard of a few sentences, a builder of small pictures, the engine, served.

python -m tests.servers.inngest_studio PROJECT PORT    is one whose builds last until it is killed
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastapi
import pytest

from imagegen.jobs import event
from imagegen.jobs.inngest_engine import PATH, InngestEngine, Settings
from imagegen.storyboard import editing
from imagegen.storyboard.database import address, open_storyboard
from imagegen.storyboard.tables import Job, Project, Sentence
from tests.jobs_site import PictureSite

from .inngest import InngestServer
from .inngest_apps import serving

QUICK = Settings(first_delay=0.05)


@contextlib.contextmanager
def development_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[InngestServer]:
    """A server that signs nothing, and that the environment names."""
    for key in ("INNGEST_SIGNING_KEY", "INNGEST_EVENT_KEY", "INNGEST_BASE_URL"):
        monkeypatch.delenv(key, raising=False)
    with InngestServer(pace=0.1) as running:
        monkeypatch.setenv("INNGEST_DEV", running.url)
        yield running


class InngestStudio:
    """Open from construction until `close` or the end of its `with`; what it has is in ``project``. The environment
    says where the server is. The storyboard is called ``tale`` and has three sentences."""

    def __init__(self, project: Path, settings: Settings = QUICK, port: int = 0) -> None:
        board = open_storyboard(address("board.sqlite", project), create=True)
        self.site = PictureSite(project, board)
        self.board, self.builder = board, self.site.builder
        with board.session() as session:
            found = session.query(Project).one_or_none()
            if found is None:
                found = editing.create_project(session, "tale")
                for text in ("A fox wakes.", "It looks about.", "It sleeps again."):
                    editing.add_sentence(session, found.id, text)
            self.id = found.id
            self.sentences = [one.id for one in session.query(Sentence).order_by(Sentence.position)]
        self.engine = InngestEngine(self.site, settings)
        app = fastapi.FastAPI()
        self.engine.mount(app)
        self.engine.start()
        self._serving = serving(app, port)
        self.url = self._serving.__enter__() + PATH

    def generate(self, sentence: int = 0, id: str = "", **carried: Any) -> str:
        return self.engine.submit(event.of_sentence(self.id, self.sentences[sentence], id, **carried))

    def task(self, sentence: int = 0) -> str:
        return f"script:{self.sentences[sentence]}"

    def job(self, id: str) -> Job:
        with self.board.reading() as session:
            return session.get_one(Job, id)

    def sentence(self, number: int = 0) -> Sentence:
        with self.board.reading() as session:
            return session.get_one(Sentence, self.sentences[number])

    def close(self) -> None:
        self.engine.close()
        self._serving.__exit__(None, None, None)
        self.board.close()

    def __enter__(self) -> InngestStudio:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def main() -> None:
    studio = InngestStudio(Path(sys.argv[1]), port=int(sys.argv[2]))
    studio.builder.gate.clear()
    print("serving", flush=True)
    studio.builder.waits_for(lambda: bool(studio.builder.began))
    print("generating", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
