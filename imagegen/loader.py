"""How doit comes to the tasks: through our loader, or through a dodo.py.

Plain doit gives options as words (``doit overwrite=always``), which it takes for variables.
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from doit import doit_cmd
from doit.cmd_base import TaskLoader2
from doit.exceptions import InvalidDodoFile
from doit.task import Task

from imagegen import database, reporter, tasks
from imagegen.errors import ImagegenError, WrongInput, did_you_mean, listed
from imagegen.options import Options
from imagegen.session import Session, open_session
from imagegen.verdict import Overwrite


class Told(InvalidDodoFile):
    """An error of ours in a form that doit prints without a traceback; ``error`` is the original."""

    def __init__(self, error: ImagegenError) -> None:
        super().__init__(str(error))
        self.error = error


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except ImagegenError as error:
        raise Told(error) from error


# --- options as words --------------------------------------------------------------------------------

WORDS = ("assets", "backend", "overwrite", "reseed", "allow_path")
_YES, _NO = ("yes", "1", "true"), ("no", "0", "false")


def words() -> Mapping[str, str]:
    """Every ``name=value`` that plain doit took from the command line; empty in `imagegen`."""
    return dict(getattr(doit_cmd, "_CMDLINE_VARS", None) or {})


def check_words() -> None:
    """Refuse words that mean nothing to us. Raises WrongInput."""
    for word, value in words().items():
        if word not in WORDS:
            mend = (
                did_you_mean(word, WORDS) or f"there are {listed(WORDS)}; a prompt with = goes through standard input"
            )
            raise WrongInput(f'plain doit takes "{word}={value}" for an option, and there is none "{word}"', mend)


def options_from_words() -> Options:
    """The options of ``doit overwrite=always reseed=yes backend=placeholder``. Raises WrongInput."""
    given = words()
    overwrite, reseed = given.get("overwrite"), given.get("reseed", "no")
    if overwrite is not None and overwrite not in [one.value for one in Overwrite]:
        raise WrongInput(f"overwrite={overwrite}: there is no such way", "overwrite=stale, always or never")
    if reseed not in (*_YES, *_NO):
        raise WrongInput(f"reseed={reseed}: yes or no")
    allowed = given.get("allow_path")
    return Options(
        assets=given.get("assets"),
        backend=given.get("backend"),
        overwrite=Overwrite(overwrite) if overwrite else None,
        reseed=reseed in _YES,
        allow=tuple(Path(one) for one in allowed.split(os.pathsep)) if allowed else (),
    )


# --- the two ways ------------------------------------------------------------------------------------


def doit_config(session: Session, as_json: bool = False) -> dict[str, Any]:
    """doit's settings for a run of ours (DOIT_CONFIG)."""
    return {
        "reporter": reporter.for_session(session, as_json),
        "continue": True,
        "par_type": "thread",
        "backend": "json",
        "dep_file": str(database.path(session.project)),
        "verbosity": 2,
        "minversion": "0.37.0",
    }


def no_collecting() -> None:
    """Switch the garbage collector off: a short life with tens of thousands of small values, hardly any
    of them in circles, of which looking for circles costs a fifth."""
    gc.disable()


class Dodo:
    """What a dodo.py hands to doit; see the one that `imagegen init` writes::

    from imagegen.loader import Dodo

    images = Dodo()
    DOIT_CONFIG = images.config
    """

    def __init__(self) -> None:
        no_collecting()
        with _told():
            self._session = open_session(options_from_words(), may_ask=True)
            self._session.check_files()
        # doit's hook, on the instance alone: doit looks for it at everything in a dodo.py, classes too.
        self.create_doit_tasks = self._tasks

    @cached_property
    def config(self) -> dict[str, Any]:
        """DOIT_CONFIG."""
        return {
            **doit_config(self._session),
            **database.for_doit_itself(self._session.project),
            # Without default tasks a bare `doit forget` crashes.
            "default_tasks": list(self._session.manifest.jobs),
            "num_process": self._session.workshop.workers(self._session.manifest.items),
        }

    def _tasks(self) -> Iterator[Task]:
        yield from tasks.everything(self._session)


class Loader(TaskLoader2):
    """Tasks from the manifest itself, with or without a dodo.py.

    Which command is running is known here only, so that `run` can be handed less than everything.
    """

    cmd_options = ()

    def __init__(self) -> None:
        super().__init__()
        no_collecting()
        self.session: Session | None = None
        self.as_json = self.may_ask = False
        self.wants_workers: Callable[[int], None] = lambda count: None

    def open(self, wishes: Options) -> Session:
        """The session, opened now or before. Raises WrongInput."""
        if self.session is None:
            self.session = open_session(wishes, self.may_ask)
        return self.session

    def setup(self, opt_values: Mapping[str, Any]) -> None:
        """doit's hook, called first."""
        with _told():
            check_words()
            self.open(options_from_words())

    def load_doit_config(self) -> dict[str, Any]:
        """doit's hook, called second."""
        assert self.session is not None
        with _told():
            return doit_config(self.session, self.as_json)

    def load_tasks(self, cmd: Any, pos_args: Sequence[str]) -> list[Task]:
        """doit's hook, called third."""
        assert self.session is not None
        with _told():
            if not cmd.execute_tasks:
                return tasks.everything(self.session)
            self.session.check_files()
            if not getattr(cmd, "hands_over_less", False):  # doit's own run, which may have been told -a
                return tasks.everything(self.session)
            found = tasks.to_do(self.session, pos_args)
            acting = [task.item for task in found if getattr(task, "to_act", False)]
            if acting:
                self.wants_workers(self.session.workshop.workers(acting))
            return found
