"""doit's own commands, with our parser: list, info, clean, forget."""

from __future__ import annotations

import sys
from typing import Any

from doit.cmd_base import opt_codec, opt_depfile
from doit.cmd_clean import Clean as DoitClean
from doit.cmd_forget import Forget as DoitForget
from doit.cmd_info import Info as DoitInfo
from doit.cmd_list import List as DoitList

from imagegen.commands import options
from imagegen.commands.base import Ours
from imagegen.database import Database
from imagegen.errors import FAILED, WrongInput
from imagegen.loader import Loader
from imagegen.progress import Failed
from imagegen.session import Session
from imagegen.settling import settle

# doit's own --backend is the kind of its database; that word is ours, and its database a cache of ours.
DATABASE = {
    "name": "backend",
    "long": "db-backend",
    "type": str,
    "default": "json",
    "section": "DB backend",
    "help": "the kind of doit's database [default: %(default)s]",
}
CHECKER = {"name": "check_file_uptodate", "long": "", "type": str, "default": "md5", "help": ""}
BASE = (opt_depfile, DATABASE, opt_codec, CHECKER)


class Tasks(Ours):
    """A command of doit's over the manifest's tasks."""

    base_options = BASE
    loader: Any

    def get_backends(self) -> dict[str, Any]:
        """Ours. doit would look through all that is installed for more."""
        return {"json": Database}

    def execute(self, params: Any, names: list[str]) -> int:
        if not isinstance(self.loader, Loader):
            raise WrongInput(
                f"imagegen's {self.name} is registered for doit without its loader",
                "`imagegen init` shows the lines for pyproject.toml",
            )
        session = self.loader.open(options.wishes(params))
        status = super().execute(params, self.meant(session, names))
        return int(status or 0)

    def meant(self, session: Session, names: list[str]) -> list[str]:
        """Jobs and tasks for ``names``, which may be patterns and targets too. Raises WrongInput."""
        found: list[str] = []
        for name in names:
            found += [name] if name in session.manifest.jobs else [item.task for item in session.select([name])]
        return list(dict.fromkeys(found))


class List(Tasks, DoitList):
    doc_purpose = "list jobs, with --all their images"
    doc_usage = "[JOB|JOB:SLUG ...]"
    cmd_options = (*DoitList.cmd_options, options.ASSETS)


class Info(Tasks, DoitInfo):
    doc_purpose = "show doit's view of one task"
    doc_usage = "JOB:SLUG"
    cmd_options = (*DoitInfo.cmd_options, options.ASSETS)

    def meant(self, session: Session, names: list[str]) -> list[str]:
        if len(names) != 1:
            raise WrongInput("info wants one image, as job:slug", "imagegen list --all shows them")
        return [session.one(names[0]).task]


class Clean(Tasks, DoitClean):
    doc_purpose = "remove pictures that are ours as we wrote them"
    doc_usage = "[JOB|JOB:SLUG ...]"
    doc_description = "Edited, foreign and damaged files are left. -n shows what would be removed."
    cmd_options = (*DoitClean.cmd_options, options.ASSETS, options.ALLOW)

    def execute(self, params: Any, names: list[str]) -> int:
        status = super().execute(params, names)
        session = self.loader.session
        for warning in () if params["dryrun"] else settle(session):
            print(warning, file=sys.stderr)
        return FAILED if any(isinstance(one, Failed) for one in session.outcomes) else status


class Forget(Tasks, DoitForget):
    doc_purpose = "say why there is nothing to forget"
    doc_usage = "[JOB|JOB:SLUG ...]"
    cmd_options = (*DoitForget.cmd_options, options.ASSETS)

    def _execute(self, forget_sub: bool, forget_disable_default: bool, forget_all: bool) -> int:
        """The names were checked; what `ignore` left out comes back."""
        ignored = [
            task.name for task in self.task_list if self._chosen(task) and self.dep_manager.status_is_ignore(task)
        ]
        for name in ignored:
            self.dep_manager.remove(name)
            print(f"{name} is no longer ignored.")
        self.dep_manager.close()
        if not ignored:
            print(
                "There is nothing to forget: each picture carries its own record. "
                "`run -a` makes images again, `clean` removes them."
            )
        return 0

    def _chosen(self, task: Any) -> bool:
        return not self.sel_tasks or task.name in self.sel_tasks or task.subtask_of in self.sel_tasks
