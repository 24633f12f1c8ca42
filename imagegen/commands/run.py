"""run: make what is missing or stale, leave the rest alone."""

from __future__ import annotations

import sys
from typing import Any

from doit.cmd_run import Run as DoitRun
from doit.cmd_run import opt_parallel_type, opt_reporter
from doit.reporter import ConsoleReporter, ErrorOnlyReporter, ExecutedOnlyReporter, JsonReporter, ZeroReporter

from imagegen import errors
from imagegen.commands import options
from imagegen.commands.doits import Tasks
from imagegen.loader import Loader

_KEPT = tuple(
    one
    for one in DoitRun.cmd_options
    if one["name"] not in ("par_type", "reporter", "num_process", "auto_delayed_regex", "failure_verbosity", "single")
)
_HIDDEN = tuple(
    {**one, "short": "", "long": ""}
    for one in DoitRun.cmd_options
    if one["name"] in ("auto_delayed_regex", "failure_verbosity", "single")
)


class Run(Tasks, DoitRun):
    doc_purpose = "make what is missing or stale (the default)"
    doc_usage = "[JOB|JOB:SLUG ...]"
    doc_description = (
        "What is replaced is kept under .imagegen/previous/. Exit status: 0 done, 1 an image failed, "
        "3 the input is wrong, 130 interrupted."
    )
    hands_over_less = True
    cmd_options = (
        *options.WISHES,
        options.option("dry_run", "dry-run", "print what would be done, and why; the same as `plan`", type=bool),
        options.option(
            "setup", "setup", "first bring what the manifest needs onto this machine, and start its server", type=bool
        ),
        options.option("as_json", "json", "print one line of JSON for each event", type=bool),
        options.option(
            "num_process",
            "jobs",
            "images under way at once (else as many as the backends can have)",
            short="n",
            type=int,
        ),
        *_KEPT,
        {**opt_reporter, "short": "r"},
        {**opt_parallel_type, "short": "", "long": "", "default": "thread"},
        *_HIDDEN,
    )

    def get_reporters(self) -> dict[str, Any]:
        """doit's own, beside ours. It would look through all that is installed for more."""
        return {
            "console": ConsoleReporter,
            "executed-only": ExecutedOnlyReporter,
            "json": JsonReporter,
            "zero": ZeroReporter,
            "error-only": ErrorOnlyReporter,
        }

    def execute(self, params: Any, names: list[str]) -> int:
        if params["num_process"] is not None and params["num_process"] < 1:
            raise errors.WrongInput(f"-n wants 1 or more, not {params['num_process']}")
        if params.get("dry_run"):
            from imagegen.commands import plan

            return plan.show(options.wishes(params), names, as_json=bool(params.get("as_json")))
        if params.get("setup"):
            from imagegen.commands import setup

            wishes, out = options.wishes(params), sys.stderr if params.get("as_json") else sys.stdout
            with setup.prepared(wishes.assets, wishes.backend, out):
                return self._executed(params, names)
        return self._executed(params, names)

    def _executed(self, params: Any, names: list[str]) -> int:
        if isinstance(self.loader, Loader):  # else told below
            self.loader.as_json, self.loader.may_ask = bool(params.get("as_json")), True
            if params["num_process"] is None:
                params.set_default("num_process", 1)
                self.loader.wants_workers = lambda count: params.set_default("num_process", count)
        return super().execute(params, names)
