"""The studio put together: what it is made of, and its life from start to end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from imagegen import signals
from imagegen.errors import ImagegenError
from imagegen.studio import app, engines, listening, token
from imagegen.studio.builder import Builder, Site
from imagegen.studio.fence import Fence
from imagegen.studio.guard import Guard
from imagegen.studio.hub import Hub
from imagegen.studio.only_one import Where
from imagegen.studio.project import Project
from imagegen.studio.reconciling import Reconciling
from imagegen.studio.serving import Serving
from imagegen.studio.watching import Watching
from imagegen.studio.wish import Wish

if TYPE_CHECKING:
    from fastapi import FastAPI

    from imagegen.jobs.engine import Engine

INNGEST = "/api/inngest"


@dataclass(frozen=True)
class Studio:
    """The parts, for the routes that work with them."""

    project: Project
    hub: Hub
    site: Site
    builder: Builder
    engine: Engine
    watching: Watching


class Ready(NamedTuple):
    """It answers. ``link`` and ``elsewhere`` (empty where only this machine can reach it) hold the token; ``opening``
    is the link for a browser that is started, which holds for a minute; ``problems`` are the manifest's."""

    link: str
    elsewhere: str
    opening: str
    token: token.Token
    problems: tuple[str, ...]


def run(
    wish: Wish, environ: Mapping[str, str], say_where: Callable[[Where], None], ready: Callable[[Ready], None]
) -> None:
    """Be the studio until Ctrl-C or SIGTERM; what is under way then is withdrawn, and goes on at the next start.
    ``say_where`` is for those who come later, ``ready`` for the user.

    Raises WrongInput where there is no manifest, it can't listen or the jobs' database can't be had, and
    ImagegenError.
    """
    project = Project(wish.options)
    key = token.of_project(project.folder, environ)
    ended = threading.Event()
    with contextlib.ExitStack() as leaving:
        at = listening.listen(wish.host, wish.port)
        leaving.callback(at.socket.close)
        hub = Hub(project)
        builder = Builder(project, hub)
        site = Site(project, hub, builder)
        leaving.callback(site.close)
        engine = engines.engine(wish, site, project)
        studio = Studio(project, hub, site, builder, engine, Watching(project, hub))
        guard = Guard(_app(studio), _fence(wish, at, key))
        server = Serving(guard, at.socket, ended.set)
        with signals.watched(ended, lambda: None):
            _begin(studio, guard, server, leaving)
            say_where(Where(at.url, key.given))
            ready(_ready(at, key, project))
            ended.wait()
            leaving.close()


def _begin(studio: Studio, guard: Guard, server: Serving, leaving: contextlib.ExitStack) -> None:
    """Start the parts, and say how they are left, the last first: the engine before the server, whose callers want
    to be told that their call was for nothing. Raises WrongInput, ImagegenError."""
    leaving.callback(studio.watching.close)
    studio.watching.start()
    leaving.callback(server.join)
    leaving.callback(server.stop)
    leaving.callback(studio.engine.close)
    studio.engine.start()
    reconciling = Reconciling(studio)
    leaving.callback(reconciling.close)
    leaving.callback(setattr, guard, "leaving", True)
    if not server.start():
        raise ImagegenError("the studio could not start")
    reconciling.start()


def _app(studio: Studio) -> FastAPI:
    made = app.create(studio)
    if mount := getattr(studio.engine, "mount", None):  # an engine whose jobs come by HTTP
        mount(made)
    return made


def _fence(wish: Wish, at: listening.Listener, key: token.Token) -> Fence:
    open_paths = frozenset({INNGEST}) if wish.engine == "inngest" else frozenset[str]()
    return Fence(at.port, key.text, at.host, wish.origins, listening.names(at.host), open_paths)


def _ready(at: listening.Listener, key: token.Token, project: Project) -> Ready:
    def link(url: str, given: str = key.text) -> str:
        return f"{url}?token={given}" if url else ""

    opening = link(at.url, token.a_pass(key.text, time.time()))
    return Ready(link(at.url), link(at.elsewhere), opening, key, tuple(project.problems))
