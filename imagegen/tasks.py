"""doit's tasks, and the only place that makes them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from doit.exceptions import TaskFailed
from doit.task import IOConfig, Task

from imagegen.errors import BuildFailed
from imagegen.items import Item
from imagegen.progress import Failed
from imagegen.session import Session
from imagegen.verdict import Action, State

_NO_CAPTURE = IOConfig({"capture": False})  # with capturing, threads swap sys.stdout and lose lines


class NotMade(TaskFailed):
    """An image was not made; the session has told why."""


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
        self.targets = [session.shown(item)]
        self.task_dep: list[str] = []
        self.values: dict[str, Any] = {}
        self._actions = [self._make]
        self._action_instances = None
        self.plan(action)

    def plan(self, action: Action) -> None:
        """Say what a run is to do."""
        self.to_act, self.to_make = action is not Action.LEAVE, action is Action.MAKE
        self.uptodate = [(not self.to_act, None, None)]

    def _make(self) -> TaskFailed | None:
        if multiprocessing.parent_process() is not None:
            return TaskFailed("images are made in threads: leave -P process out")
        if self.session.cancelled.is_set():
            return NotMade("interrupted", report=False)
        # A task of which nothing is to be done runs only if doit was told to (`doit -a`).
        outcome = self.session.workshop.make(self.item, again=not self.to_act)
        if outcome is None:
            return NotMade("interrupted", report=False)
        return NotMade(outcome.message) if isinstance(outcome, Failed) else None

    def clean(self, outstream: Any, dryrun: bool) -> None:
        """Remove the target if it is ours as we wrote it; what a person made or changed stays."""
        target = self.session.shown(self.item)
        state = self.session.judge_closely(self.item).state
        if state is State.MISSING:
            return
        if state not in (State.FRESH, State.STALE):
            outstream.write(f"{self.name} - leaving {target}: {state.value}\n")
            return
        try:
            self.session.workshop.remove(self.item, dryrun)
        except BuildFailed as error:
            self.session.outcomes.append(Failed(self.item.task, error.message, error.hint))
            outstream.write(f"{self.name} - {error.message}\n")
        else:
            outstream.write(f"{self.name} - {'would remove' if dryrun else 'removed'} {target}\n")

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
    tasks: list[ImageTask] = []
    doubtful = []
    for item, fresh in zip(session.manifest.items, session.fresh(), strict=True):
        by_job[item.job].append(item)
        tasks.append(ImageTask(item, session, Action.LEAVE))
        if not fresh or session.options.again or session.options.reseed:
            doubtful.append(tasks[-1])
    for task, one in zip(doubtful, session.plan(task.item for task in doubtful), strict=True):
        task.plan(one.action)
    _joined(tasks)
    return [*(group(job, items) for job, items in by_job.items()), *tasks]


def _joined(tasks: Sequence[ImageTask]) -> None:
    """Let each task wait for those whose pictures go into its own, as far as they are to be made."""
    coming = {task.item.task for task in tasks if task.to_make}
    for task in tasks:
        if task.item.ingredients and task.to_act:
            needed = dict.fromkeys(one.task for one in task.item.ingredients if one.task in coming)
            task.task_dep = list(needed)


def to_do(session: Session, names: Sequence[str]) -> list[Task]:
    """What `run` has to look at: tasks for the items that are not as they should be, for those that are
    asked for by name, and for the jobs."""
    if names:
        tasks = [ImageTask(one.item, session, one.action) for one in session.planned(names)]
    else:
        if session.options.again or session.options.reseed:
            planned = session.planned(())
        else:
            wanting = [number for number, fresh in enumerate(session.fresh()) if not fresh]
            planned = session.plan(session.manifest.items[number] for number in wanting)
        tasks = [ImageTask(one.item, session, one.action) for one in planned if one.action is not Action.LEAVE]
        session.left_alone = len(session.manifest.columns.tasks) - len(tasks)
    by_job: dict[str, list[Item]] = {job: [] for job in session.manifest.jobs}
    for task in tasks:
        by_job[task.item.job].append(task.item)
    _joined(tasks)
    return [*(group(job, items) for job, items in by_job.items()), *tasks]
