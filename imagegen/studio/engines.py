"""Which engine runs the jobs of a studio, and how many images it may have under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagegen.errors import ImagegenError, WrongInput
from imagegen.studio.builder import Site
from imagegen.studio.listening import LOOPBACK
from imagegen.studio.project import Project
from imagegen.studio.wish import Wish

if TYPE_CHECKING:
    from imagegen.jobs.engine import Engine

SPARE = 2
"""More attempts than the backends have places: one that waits for another run's picture takes none."""


def engine(wish: Wish, site: Site, project: Project) -> Engine:
    """The engine that was asked for, not begun yet. Raises WrongInput."""
    if wish.engine == "inngest":
        from imagegen.jobs.inngest_engine import InngestEngine, Settings

        found = InngestEngine(site, Settings(first_delay=wish.first_delay, at_once=workers(project)))
        if not found.signed and wish.host not in LOOPBACK:
            raise WrongInput(
                "with INNGEST_DEV anybody who reaches the studio could start jobs",
                "leave --host out, or give INNGEST_SIGNING_KEY and INNGEST_EVENT_KEY in its place",
            )
        return found
    from imagegen.jobs.database import DEFAULT
    from imagegen.jobs.dbos_engine import DbosEngine

    return DbosEngine(site, project.folder, workers(project), wish.jobs_database or DEFAULT, wish.first_delay)


def workers(project: Project) -> int:
    """How many attempts may be under way at once."""
    try:
        session = project.session()
    except ImagegenError:  # the manifest is wrong just now: one place until the next start
        return 1 + SPARE
    try:
        return session.workshop.workers(session.manifest.items) + SPARE
    except ImagegenError:
        return 1 + SPARE
    finally:
        session.close()
