"""doit's tasks, and the only place that makes them: for `imagegen`, for plain `doit`, for a dodo.py."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from doit import doit_cmd
from doit.cmd_base import TaskLoader2
from doit.exceptions import InvalidDodoFile, TaskFailed
from doit.task import IOConfig, Task

from imagegen import reporter
from imagegen.errors import ImagegenError, WrongInput
from imagegen.files import STATE
from imagegen.manifest import Item
from imagegen.progress import Failed
from imagegen.session import Options, Session, open_session
from imagegen.verdict import Action, Overwrite, State

_NO_CAPTURE = IOConfig({"capture": False})  # with capturing, threads swap sys.stdout and lose lines


class Told(InvalidDodoFile):
    """An error of ours in a form that doit prints without a traceback; ``error`` is the original."""

    def __init__(self, error: ImagegenError) -> None:
        super().__init__(str(error))
        self.error = error


class ImageTask(Task):
    """The task of one item. It skips doit's checks of what a dodo.py may hand in, which for 10,000 tasks
    take longer than reading the pictures; most of its attributes are the class's own.

    ``to_act`` says that a run has something to do about it, ``to_make`` that this is to make it.
    """

    params: Any = []  # noqa: RUF012  (doit copies these, and changes only copies)
    creator_params: Any = []
    pos_arg = pos_arg_val = None
    setup_tasks: Any = []  # noqa: RUF012
    io = _NO_CAPTURE
    dep_changed: Any = None
    file_dep: Any = set()
    wild_dep: Any = []  # noqa: RUF012
    calc_dep: Any = set()
    loader = None
    getargs: Mapping[str, Any] = {}
    value_savers: Sequence[Any] = ()
    has_subtask = False
    custom_title = cfg_values = None
    teardown: Sequence[Any] = ()
    watch: Sequence[Any] = ()
    meta = None
    verbosity = 2
    executed = False
    result = None
    options = None
    _remove_targets = False
    clean_actions: Sequence[Any] = ()

    def __init__(self, item: Item, session: Session, action: Action) -> None:
        self.item, self.session = item, session
        self.name = item.task
        self.subtask_of = item.job
        self.doc = item.name
        self.targets = [session.shown_root + item.target]
        self.task_dep: list[str] = []
        self.values: dict[str, Any] = {}
        self.to_act, self.to_make = action is not Action.LEAVE, action is Action.MAKE
        self.uptodate = [(not self.to_act, None, None)]
        self._actions = [self._make]
        self._action_instances = None

    def _make(self) -> TaskFailed | None:
        if multiprocessing.parent_process() is not None:
            return TaskFailed("images are made in threads: leave -P process out")
        if self.session.cancelled.is_set():
            return TaskFailed("interrupted", report=False)
        outcome = self.session.workshop.make(self.item)
        if outcome is None:
            return TaskFailed("interrupted", report=False)
        return TaskFailed(outcome.message) if isinstance(outcome, Failed) else None

    def clean(self, outstream: Any, dryrun: bool) -> None:
        """Remove the target if it is ours as we wrote it; what a person made or changed stays."""
        state = self.session.judge_closely(self.item).state
        if state is State.MISSING:
            return
        if state not in (State.FRESH, State.STALE):
            outstream.write(f"{self.name} - leaving {self.item.target}: {state.value}\n")
            return
        outstream.write(f"{self.name} - removing {self.item.target}\n")
        if not dryrun:
            self.session.workshop.remove(self.item)

    def pickle_safe_dict(self) -> dict[str, Any]:
        """What doit's thread runner passes along: threads share the task itself."""
        return {"name": self.name}

    def update_from_pickle(self, pickle_obj: Any) -> None:
        """Nothing came back that is not here already."""


def group(job: str, items: Iterable[Item]) -> Task:
    """The task of a job: its items' tasks."""
    count = 0
    names = []
    for item in items:
        names.append(item.task)
        count += 1
    made = Task(job, None, has_subtask=True, doc=f"{count} image{'' if count == 1 else 's'}")
    made.task_dep = names
    return made


def everything(session: Session) -> list[Task]:
    """A task for every item, and one for each job."""
    by_job: dict[str, list[Item]] = {job: [] for job in session.manifest.jobs}
    tasks: list[Task] = []
    for item, fresh in zip(session.manifest.items, session.fresh(), strict=True):
        by_job[item.job].append(item)
        tasks.append(ImageTask(item, session, _action(session, item, fresh)))
    return [*(group(job, items) for job, items in by_job.items()), *tasks]


def _action(session: Session, item: Item, fresh: bool) -> Action:
    if fresh and not (session.options.again or session.options.reseed):
        return Action.LEAVE
    return session.action(item, session.judge(item))


def to_do(session: Session, names: Sequence[str]) -> list[Task]:
    """What `run` has to look at: tasks for the items that are not as they should be, for those that are
    asked for by name, and for the jobs."""
    if names:
        chosen = session.select(names)
        tasks = [ImageTask(one.item, session, one.action) for one in session.plan(chosen)]
    else:
        tasks = []
        for item, fresh in zip(session.manifest.items, session.fresh(), strict=True):
            action = _action(session, item, fresh)
            if action is not Action.LEAVE:
                tasks.append(ImageTask(item, session, action))
        session.left_alone = len(session.manifest.items) - len(tasks)
    by_job: dict[str, list[Item]] = {job: [] for job in session.manifest.jobs}
    for task in tasks:
        by_job[task.item.job].append(task.item)
    return [*(group(job, items) for job, items in by_job.items()), *tasks]


def doit_config(session: Session, as_json: bool = False) -> dict[str, Any]:
    """doit's settings for a run of ours (DOIT_CONFIG)."""
    return {
        "reporter": reporter.for_session(session, as_json),
        "continue": True,
        "par_type": "thread",
        "backend": "json",
        "dep_file": str(database(session.project)),
        "verbosity": 2,
        "minversion": "0.37.0",
    }


def database(project: Path) -> Path:
    """doit's database, a cache that may be deleted at any time: a cut-off one is, here. Raises WrongInput."""
    path = project / STATE / "doit.json"
    try:
        path.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if not _is_json(path):
                path.unlink()
    except OSError as error:
        raise WrongInput(f"can't use the folder {path.parent}: {error.strerror or error}") from error
    return path


def _is_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except ValueError:
        return False


# --- the options that plain doit gives as words (overwrite=always) -----------------------------------

WORDS = ("assets", "backend", "overwrite", "reseed", "allow_path")


def options_from_words() -> Options:
    """The options of ``doit overwrite=always reseed=yes backend=placeholder``. Raises WrongInput."""
    word = doit_cmd.get_var
    overwrite, reseed = word("overwrite"), word("reseed", "no")
    if overwrite is not None and overwrite not in [one.value for one in Overwrite]:
        raise WrongInput(f"overwrite={overwrite}: there is no such way", "overwrite=stale, always or never")
    if reseed not in ("yes", "no", "1", "0", "true", "false"):
        raise WrongInput(f"reseed={reseed}: yes or no")
    allowed = word("allow_path")
    return Options(
        assets=word("assets"),
        backend=word("backend"),
        overwrite=Overwrite(overwrite) if overwrite else None,
        reseed=reseed in ("yes", "1", "true"),
        allow=tuple(Path(one) for one in allowed.split(os.pathsep)) if allowed else (),
    )


# --- a dodo.py ---------------------------------------------------------------------------------------


class Dodo:
    """What a dodo.py hands to doit; see the one that `imagegen init` writes::

    from imagegen.tasks import Dodo

    images = Dodo()
    DOIT_CONFIG = images.config
    """

    def __init__(self) -> None:
        try:
            self._session = open_session(options_from_words(), Path.cwd())
            self._session.check_files()
        except ImagegenError as error:
            raise Told(error) from error
        # doit's hook, on the instance alone: doit looks for it at everything in a dodo.py, classes too.
        self.create_doit_tasks = self._tasks

    @cached_property
    def config(self) -> dict[str, Any]:
        # Without default tasks a bare `doit forget` crashes.
        return {
            **doit_config(self._session),
            "default_tasks": list(self._session.manifest.jobs),
            "num_process": self._session.workshop.workers(self._session.manifest.items),
        }

    def _tasks(self) -> Iterator[Task]:
        yield from everything(self._session)


class Loader(TaskLoader2):
    """Tasks from the manifest itself, with or without a dodo.py.

    Which command is running is known here only, so that `run` can be handed less than everything.
    """

    cmd_options = ()

    def __init__(self) -> None:
        super().__init__()
        self.session: Session | None = None
        self.wishes: Options | None = None
        self.as_json = False
        self.wants_workers: Callable[[int], None] = lambda count: None

    def setup(self, opt_values: Mapping[str, Any]) -> None:
        with _told():
            wishes = self.wishes if self.wishes is not None else options_from_words()
            self.session = open_session(wishes, Path.cwd())

    def load_doit_config(self) -> dict[str, Any]:
        assert self.session is not None
        with _told():
            return doit_config(self.session, self.as_json)

    def load_tasks(self, cmd: Any, pos_args: Sequence[str]) -> list[Task]:
        assert self.session is not None
        with _told():
            if cmd.execute_tasks:
                self.session.check_files()
            if cmd.execute_tasks and getattr(cmd, "hands_over_less", False):
                tasks = to_do(self.session, pos_args)
                acting = [task.item for task in tasks if getattr(task, "to_act", False)]
                if acting:
                    self.wants_workers(self.session.workshop.workers(acting))
                return tasks
            self.session.select([name for name in pos_args if "*" not in name] if cmd.name != "help" else [])
            return everything(self.session)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except ImagegenError as error:
        raise Told(error) from error
