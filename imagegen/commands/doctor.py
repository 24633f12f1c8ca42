"""doctor: what this machine and the servers have of what the manifest needs, worst first, and the mends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from imagegen import errors, health
from imagegen.backends.base import Check, Watch
from imagegen.commands import options
from imagegen.commands.base import Plain
from imagegen.errors import BuildFailed, Problem, WrongInput
from imagegen.session import open_session

MOST_PROBLEMS = 20
"""Of a manifest that is wrong; validate tells all."""

_WORST_FIRST = ("failed", "warning", "ok")


class Doctor(Plain):
    doc_purpose = "what is there of what the manifest needs, worst first, and how to mend it"
    doc_usage = ""
    doc_description = "It changes nothing. Only what this manifest uses can fail it. Exit status: 0 or 1."
    cmd_options = (options.ASSETS, options.ALLOW, options.BACKEND, options.JSON)

    def work(self, params: Any, names: list[str]) -> int:
        if names:
            raise WrongInput("doctor takes no names: it looks at the whole manifest")
        found = sorted(_checks(params), key=lambda check: _WORST_FIRST.index(check.state))
        failed = [check for check in found if check.state == "failed"]
        if params["as_json"]:
            options.print_json({"ok": not failed, "checks": [asdict(check) for check in found]})
        else:
            print("\n".join(_table(found)))
        return errors.FAILED if failed else errors.DONE


def _checks(params: Any) -> list[Check]:
    found = list(health.of_machine())
    try:
        session = open_session(options.wishes(params), may_ask=True, may_start=False)
    except WrongInput as error:
        found += [_problem("manifest", one) for one in error.problems[:MOST_PROBLEMS]]
        if len(error.problems) > MOST_PROBLEMS:
            more = f"{len(error.problems) - MOST_PROBLEMS} problems more"
            found.append(Check("manifest", more, "failed", "imagegen validate"))
        return found
    try:
        found += health.of_project(session, session.plan(session.manifest.items))
        try:
            session.check_files()
        except WrongInput as error:
            found += [_problem("file", one) for one in error.problems]
        for name, orders in session.workshop.orders(session.manifest.items).items():
            try:
                found += session.workshop.backend(name).checks(orders, Watch(session.cancelled))
            except BuildFailed as error:
                found.append(Check(name, error.message, "failed", error.hint))
    finally:
        session.close()
    return found


def _problem(what: str, one: Problem) -> Check:
    where = "".join(f"{part}: " for part in (str(one.place), one.path) if part)
    return Check(what, where + one.message, "failed", one.hint)


def _table(found: Sequence[Check]) -> list[str]:
    """A line each, what mends it below."""
    words = {"failed": "FAILED", "warning": "warning", "ok": "ok"}
    width = max(len(check.what) for check in found)
    lines = []
    for check in found:
        lines.append(f"{words[check.state]:8} {check.what:{width}}  {check.found}")
        if check.mend and check.state != "ok":
            lines.append(f"{'':8} {'':{width}}  → {check.mend}")
    return lines
