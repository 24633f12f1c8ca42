"""doit's own commands, with our parser: list, info, clean, forget."""

from __future__ import annotations

from typing import Any

from doit.cmd_base import opt_codec, opt_depfile
from doit.cmd_clean import Clean as DoitClean
from doit.cmd_forget import Forget as DoitForget
from doit.cmd_info import Info as DoitInfo
from doit.cmd_list import List as DoitList
from doit.dependency import DbmDB, JsonDB, SqliteDB

from imagegen.commands import options
from imagegen.commands.base import Ours
from imagegen.errors import WrongInput

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
        """doit's own kinds of database. It would look through all that is installed for more."""
        return {"json": JsonDB, "dbm": DbmDB, "sqlite3": SqliteDB}

    def execute(self, params: Any, names: list[str]) -> int:
        self.loader.wishes = options.wishes(params)
        status = super().execute(params, names)
        return int(status or 0)


class List(Tasks, DoitList):
    doc_purpose = "list jobs, with --all their images"
    doc_usage = "[JOB|JOB:SLUG ...]"
    cmd_options = (*DoitList.cmd_options, options.ASSETS)


class Info(Tasks, DoitInfo):
    doc_purpose = "show doit's view of one task"
    doc_usage = "JOB:SLUG"
    cmd_options = (*DoitInfo.cmd_options, options.ASSETS)

    def execute(self, params: Any, names: list[str]) -> int:
        if len(names) != 1:
            raise WrongInput("info wants one task", "imagegen list --all shows them")
        return super().execute(params, names)


class Clean(Tasks, DoitClean):
    doc_purpose = "remove pictures that are ours as we wrote them"
    doc_usage = "[JOB|JOB:SLUG ...]"
    doc_description = "Edited, foreign and damaged files are left. -n shows what would be removed."
    cmd_options = (*DoitClean.cmd_options, options.ASSETS, options.ALLOW)


class Forget(Tasks, DoitForget):
    doc_purpose = "say why there is nothing to forget"
    doc_usage = "[JOB|JOB:SLUG ...]"
    cmd_options = (*DoitForget.cmd_options, options.ASSETS)

    def _execute(self, forget_sub: bool, forget_disable_default: bool, forget_all: bool) -> int:
        """The names were checked; an ignored task (`doit ignore`) is looked at again."""
        for task in self.task_list:
            self.dep_manager.remove(task.name)
        self.dep_manager.close()
        print(
            "There is nothing to forget: each picture carries its own record. "
            "`run -a` makes images again, `clean` removes them."
        )
        return 0
