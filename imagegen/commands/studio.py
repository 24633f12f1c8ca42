"""studio: the page where a project's pictures are seen, changed and made."""

from __future__ import annotations

import gc
import math
import os
import re
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen import errors, manifest, own_folder
from imagegen.commands import options
from imagegen.commands.base import Plain
from imagegen.errors import WrongInput

if TYPE_CHECKING:
    from imagegen.studio.only_one import RunsAlready, Where
    from imagegen.studio.running import Ready
    from imagegen.studio.wish import Wish

ENGINES = ("dbos", "inngest")
EXTRA = ("fastapi", "starlette", "uvicorn", "websockets", "sqlalchemy", "alembic", "dbos", "watchfiles", "psycopg")
DATABASE = "IMAGEGEN_JOBS_DATABASE"


class Studio(Plain):
    doc_purpose = "a page with all pictures of the project, to change, make and watch them"
    doc_usage = ""
    doc_description = (
        "Prints a link that opens it in a browser. It listens on 127.0.0.1 only, unless --host says otherwise. "
        "Ctrl-C ends it: what is under way is withdrawn, and goes on at the next start. Exit status: 0 when it "
        "was ended so, or one of this project runs already. docs/studio.md tells more."
    )
    cmd_options = (
        options.option("port", "port", "the port, 0 for any [default: 8300 or the next free one]", type=int),
        options.option("open", "open", "open it in the browser", type=bool),
        options.option("host", "host", "the address to listen at [default: 127.0.0.1]", default="127.0.0.1"),
        options.option("origins", "allow-origin", "let a front end from this address listen, too", type=list),
        options.option("jobs", "jobs", "what runs the jobs: dbos or inngest [default: dbos]", default="dbos"),
        options.option(
            "retry_delay", "retry-delay", "seconds before a second attempt [default: 30]", type=float, default=30.0
        ),
        options.option(
            "jobs_database", "jobs-database", f"postgresql://… for the jobs of several machines; or {DATABASE}"
        ),
        options.ASSETS,
        options.ALLOW,
    )

    def work(self, params: Any, names: list[str]) -> int:
        if names:
            raise WrongInput("studio takes no names", "it shows the whole project")
        wish, folder = _wish(params), _project(params)
        own_folder.check(folder, wish.options.allow)
        from imagegen.studio import only_one

        try:
            with only_one.alone(folder) as say_where:  # before all that takes its time
                _run(wish, say_where, bool(params["open"]))
        except only_one.RunsAlready as found:
            _runs_already(found, wish, folder, bool(params["open"]))
        return errors.DONE


def _project(params: Any) -> Path:
    """The project's folder. Raises WrongInput."""
    file = manifest.find(manifest.here(), params["assets"])
    if file is None:
        raise WrongInput(
            f"there is no assets.yaml in {manifest.here()} or above it",
            "imagegen init starts a project here, imagegen storyboard import makes one of a script",
        )
    return file.parent


def _run(wish: Wish, say_where: Callable[[Where], None], open_it: bool) -> None:
    """Raises WrongInput, ImagegenError."""
    gc.enable()  # commands live briefly and do without; this one stays
    try:
        from imagegen.studio import running

        running.run(wish, os.environ, say_where, lambda ready: _tell(ready, open_it))
    except ModuleNotFoundError as error:
        raise _missing(error, "inngest" if wish.engine == "inngest" else "studio") from error


def _wish(params: Any) -> Wish:
    """Raises WrongInput."""
    from imagegen.studio.wish import Wish

    if params["jobs"] not in ENGINES:
        raise WrongInput(f"--jobs {params['jobs']}: dbos or inngest", errors.did_you_mean(params["jobs"], ENGINES))
    delay = params["retry_delay"]
    if not (math.isfinite(delay) and 0 <= delay <= 86400):
        raise WrongInput(f"--retry-delay {delay}: a number of seconds, 0 to 86400")
    for name in ("host", "jobs_database"):
        if params[name] == "":
            raise WrongInput(f"--{name.replace('_', '-')} wants a value")
    return Wish(
        options.wishes(params),
        params["host"],
        params["port"],
        frozenset(_origin(one) for one in params["origins"]),
        params["jobs"],
        delay,
        params["jobs_database"] or os.environ.get(DATABASE, ""),
    )


def _origin(given: str) -> str:
    """An address without a path, as browsers send it. Raises WrongInput."""
    found = re.fullmatch(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?/?", given.strip().lower())
    if found is None:
        raise WrongInput(f"--allow-origin {given}: no address of a front end", "such as http://localhost:5173")
    scheme, host, port = found.groups()
    usual = {"http": ":80", "https": ":443"}[scheme]
    return f"{scheme}://{host}{'' if port == usual else port or ''}"


def _missing(error: ModuleNotFoundError, extra: str) -> Exception:
    """What is said of a library that is not installed; a module of our own that is missing is a bug."""
    name = (error.name or "").partition(".")[0]
    if name not in (*EXTRA, "inngest"):
        return error
    return WrongInput(f"the studio needs {name}, which is not installed", f"pip install 'imagegen[{extra}]'")


def _tell(ready: Ready, open_it: bool) -> None:
    from imagegen.studio.token import VARIABLE

    for problem in ready.problems:
        print(problem, file=sys.stderr)
    if ready.problems:
        print("The studio shows this too, and goes on once it is mended.", file=sys.stderr)
    print(f"The studio is at {ready.link}")
    if ready.elsewhere:
        print(f"and for other machines at {ready.elsewhere}")
        print(
            "The connection is not encrypted: whoever can read this network sees the pictures and the token.",
            file=sys.stderr,
        )
    if not ready.token.kept:
        print(
            f"The token can't be kept in your state folder: the next start has another one, unless {VARIABLE} "
            "gives it.",
            file=sys.stderr,
        )
    print("Ctrl-C ends it.", flush=True)
    if open_it:
        _open(ready.opening)


def _runs_already(found: RunsAlready, wish: Wish, folder: Path, open_it: bool) -> None:
    """Say where the first one is. Raises RunsAlready where that can't be said, WrongInput where it is no answer."""
    from imagegen.studio import token

    where = found.where
    if where is None:
        raise found
    if wish.port and not where.url.endswith(f":{wish.port}/"):
        raise WrongInput(found.message, "end that one first, or leave --port out")
    key = token.of_project(folder, os.environ)
    knows = key.given or not where.given
    print(f"A studio of this project runs already at {_link(where.url, key.text, knows)}", flush=True)
    if open_it:
        _open(_link(where.url, token.a_pass(key.text, time.time()), knows))


def _link(url: str, key: str, knows: bool) -> str:
    return f"{url}?token={key}" if knows else url


def _open(link: str) -> None:
    """Open a browser. It may take its time, or there may be none: the link was printed."""
    opening = threading.Thread(target=webbrowser.open, args=(link,), daemon=True)
    opening.start()
    opening.join(timeout=10)
