"""validate: the manifest, every file it names, every recipe; with --online the servers too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imagegen import errors
from imagegen.commands import options
from imagegen.commands.base import Plain
from imagegen.commands.plan import warned
from imagegen.errors import Problem, WrongInput
from imagegen.session import Session, open_session


class Validate(Plain):
    doc_purpose = "check the manifest, its files and recipes"
    doc_usage = ""
    doc_description = "Touches no server, GPU or database, unless --online asks the servers. Exit status: 0 or 3."
    cmd_options = (
        options.ASSETS,
        options.ALLOW,
        options.BACKEND,
        options.JSON,
        options.option(
            "online",
            "online",
            "ask each backend in use: is it there, does it know the checkpoint, sampler and scheduler?",
            type=bool,
        ),
    )

    def work(self, params: Any, names: list[str]) -> int:
        if names:
            raise WrongInput("validate takes no names: it looks at the whole manifest")
        session: Session | None = None
        problems: Sequence[Problem] = ()
        try:
            session = open_session(options.wishes(params), may_ask=bool(params["online"]))
            session.check_files()
            if params["online"]:
                problems = session.workshop.ask()
        except WrongInput as error:
            problems = error.problems
        finally:
            if session is not None:
                session.close()
        if params["as_json"]:
            options.print_json(_as_json(session, problems))
            return errors.WRONG_INPUT if problems else errors.DONE
        if session is not None:
            warned(session)
        if problems:
            raise WrongInput(problems)
        assert session is not None
        jobs, images = len(session.manifest.jobs), len(session.manifest.items)
        print(
            f"{session.manifest.file} is right: {images} image{'' if images == 1 else 's'} "
            f"in {jobs} job{'' if jobs == 1 else 's'}"
            + (", and the servers know all of it" if params["online"] else "")
        )
        return errors.DONE


def _as_json(session: Session | None, problems: Sequence[Problem]) -> dict[str, Any]:
    return {
        "ok": not problems,
        "problems": [problem.as_json() for problem in problems],
        "warnings": [warning.as_json() for warning in session.manifest.warnings] if session else [],
        "items": len(session.manifest.items) if session else 0,
    }
