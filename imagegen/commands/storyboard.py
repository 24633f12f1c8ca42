"""storyboard: bring a script into the storyboard, list what is in it, write it out as a script."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen import errors
from imagegen.commands import options
from imagegen.commands.base import Plain
from imagegen.commands.storyboard_import import bring_in
from imagegen.commands.storyboard_project import VARIABLE, Place
from imagegen.errors import ImagegenError, WrongInput, did_you_mean, listed
from imagegen.files import from_here, write_whole
from imagegen.options import Options

if TYPE_CHECKING:
    from imagegen.session import Session
    from imagegen.storyboard.database import Address
    from imagegen.storyboard.database import Storyboard as Board
    from imagegen.storyboard.listing import Shown
    from imagegen.storyboard.present import Listed, Present

ACTIONS: Mapping[str, tuple[str, ...]] = {
    "import": ("to", "project", "job", "with_backend", "prune", "dry_run"),
    "list": ("from", "as_json"),
    "export": ("from", "format", "overwrite"),
}
"""The sub-commands, each with the options that it has a use for."""

FORMATS = ("json", "md", "csv")


class Storyboard(Plain):
    doc_purpose = "bring a script into the storyboard, list it, write it out again"
    doc_usage = "import FILE | list [PROJECT] | export [PROJECT] [FILE]"
    doc_description = (
        "import takes a script of Markdown, CSV or JSON, each sentence of which becomes a picture; in a folder without "
        "assets.yaml it begins a project. Again, it changes what the script has changed. list tells the projects, and "
        "of one its sentences. export writes a script that import reads. The storyboard is the manifest's, else "
        f"${VARIABLE}, else data/storyboard.sqlite."
    )
    cmd_options = (
        options.ASSETS,
        options.option("to", "to", "import: this storyboard: a file in the project or a postgresql:// address"),
        options.option("from", "from", "list, export: this storyboard, likewise"),
        options.option("project", "project", "import: the project's name [default: the script's title or file name]"),
        options.option("job", "job", "import: the job's name in assets.yaml [default: frames]"),
        options.option("with_backend", "backend", "import: the backend of a new assets.yaml"),
        options.option("prune", "prune", "import: remove sentences that the script no longer has", type=bool),
        options.option("dry_run", "dry-run", "import: say what would be done, and do nothing", type=bool),
        options.option("format", "format", "export: json, md or csv [default: by the file's name, else json]"),
        options.option("overwrite", "overwrite", "export: write over a file that is there", type=bool),
        options.JSON,
    )

    def work(self, params: Any, names: list[str]) -> int:
        action, *rest = names or [""]
        if action not in ACTIONS:
            instead = f', not "{action}"' if action else ""
            mend = did_you_mean(action, ACTIONS) if action else "imagegen storyboard import script.md"
            raise WrongInput(f"storyboard wants to be told what: import, list or export{instead}", mend)
        self._check_options(params, action)
        place = Place(params.get("assets"))
        if action == "import":
            if len(rest) != 1:
                raise WrongInput("storyboard import wants one script", "such as script.md, script.csv or script.json")
            return bring_in(place, rest[0], params)
        if len(rest) > (1 if action == "list" else 2):
            raise WrongInput(f"storyboard {action} takes fewer names: {listed(rest)}", self.doc_usage)
        if action == "list":
            return _list(place, rest[0] if rest else "", params)
        return _export(place, rest, params)

    def _check_options(self, params: Any, action: str) -> None:
        """An option of another sub-command is a mistake."""
        for other, own in ACTIONS.items():
            for name in own:
                if params.get(name) and name not in ACTIONS[action]:
                    (long,) = (one["long"] for one in self.cmd_options if one["name"] == name)
                    raise WrongInput(f"--{long} is for storyboard {other}", f"storyboard {action} has no use for it")
                if params.get(name) == "":
                    (long,) = (one["long"] for one in self.cmd_options if one["name"] == name)
                    raise WrongInput(f"--{long} wants a value")


# --- list -----------------------------------------------------------------------------------------


def _list(place: Place, named: str, params: Any) -> int:
    address, board = _open(place, params.get("from"))
    from imagegen.storyboard import listing, present

    try:
        with board.reading() as session:
            known = present.projects(session)
            chosen = _chosen(known, named)
            project = present.present(session, chosen) if chosen else None
    finally:
        board.close()
    as_json = bool(params["as_json"])
    if project is None:
        if as_json:
            options.print_json({"projects": [one._asdict() for one in known]})
        else:
            _tell_projects(place, address, known)
        return errors.DONE
    job = place.job_of(address, (project.id, project.name), len(known) == 1)
    found = _session(place) if job else None
    shown = listing.sentences(project, found, job)
    if found is not None:
        found.close()
    if as_json:
        options.print_json(listing.as_json(project, shown, job if found else ""))
    else:
        _tell_sentences(project, shown, job)
    return errors.DONE


def _open(place: Place, named: str | None) -> tuple[Address, Board]:
    from imagegen.storyboard.database import open_storyboard

    address = place.address(named)
    return address, open_storyboard(address)


def _chosen(known: list[Listed], named: str) -> str:
    """The id of the project that is meant; the only one without a name, none where there are more. Raises
    WrongInput."""
    if not named:
        return known[0].id if len(known) == 1 else ""
    for one in known:
        if named in (one.id, one.name):
            return one.id
    names = [one.name for one in known]
    raise WrongInput(
        f'the storyboard has no project "{named}"', did_you_mean(named, names) or f"it has {listed(names)}"
    )


def _session(place: Place) -> Session | None:
    """The manifest's session, for the verdicts; None, and said, where the manifest is wrong."""
    from imagegen.session import open_session

    try:
        return open_session(Options(assets=str(place.file)))
    except WrongInput as error:
        print(f"note: no verdicts, because the manifest is wrong: {error.problems[0]}", file=sys.stderr)
        return None


def _tell_projects(place: Place, address: Address, known: list[Listed]) -> None:
    from imagegen.storyboard import listing

    if not known:
        print(f"{address.shown} has no project yet; imagegen storyboard import brings one in")
        return
    width = max(len(one.name) for one in known)
    for one in known:
        job = place.job_of(address, (one.id, one.name), False)
        more = [
            listing.count(one.sentences, "sentence"),
            f"{one.dirty} dirty",
            listing.count(one.characters, "character"),
        ]
        print(f"{one.id}  {one.name:{width}}  {', '.join(more)}" + (f"  job {job}" if job else ""))


def _tell_sentences(project: Present, shown: list[Shown], job: str) -> None:
    from imagegen.storyboard import listing

    width = shutil.get_terminal_size().columns
    counts: dict[str, int] = {}
    digits = len(str(len(shown)))
    for one in shown:
        begin = f"{one.number:{digits}}  {one.line.id}  {one.state:8} {one.line.status:10} "
        print(begin + listing.shortened(one.line.text or one.line.image_prompt, width - len(begin) - 1))
        counts[one.state] = counts.get(one.state, 0) + 1
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no sentences"
    print(f"{project.name} ({project.id}" + (f", job {job}" if job else "") + f"): {told}")


# --- export ---------------------------------------------------------------------------------------


def _export(place: Place, names: list[str], params: Any) -> int:
    _, board = _open(place, params.get("from"))
    from imagegen.storyboard import exporting, listing, present

    try:
        with board.reading() as session:
            known = present.projects(session)
            named, file = _what_and_where(names, known)
            chosen = _chosen(known, named)
            if not chosen:
                if not known:
                    raise WrongInput("the storyboard has no project", "imagegen storyboard import brings one in")
                raise WrongInput("which project?", f"it has {listed(one.name for one in known)}")
            project = present.present(session, chosen)
    finally:
        board.close()
    form = _format(params.get("format"), file)
    text = exporting.script(project, form)
    if lost := exporting.left_out(project, form):
        print(f"note: {lost}", file=sys.stderr)
    if not file:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        return errors.DONE
    path = Path(file)
    if path.is_dir():
        raise WrongInput(f"{file} is a folder", "name a file in it")
    if path.exists() and not params["overwrite"]:
        raise WrongInput(f"{file} is there already", "name another file, or say --overwrite")
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise ImagegenError(f"can't write {file}: {error.strerror or error}") from error
    print(f"wrote {from_here(path)}: {listing.count(len(project.sentences), 'sentence')} of {project.name}")
    return errors.DONE


def _what_and_where(names: list[str], known: list[Listed]) -> tuple[str, str]:
    """The project and the file that are named; one name alone is a project's if there is one called so, else a file's
    if it ends like one."""
    if len(names) == 2:
        return names[0], names[1]
    (name,) = names or [""]
    is_project = any(name in (one.id, one.name) for one in known)
    is_file = not is_project and Path(name).suffix.lower().removeprefix(".") in FORMATS
    return ("", name) if is_file else (name, "")


def _format(named: str | None, file: str) -> str:
    form = named or Path(file).suffix.lower().removeprefix(".") or "json"
    if form not in FORMATS:
        wrong = f'there is no format "{form}"' if named else f"{file} ends with no format's name"
        raise WrongInput(wrong, "--format json, md or csv")
    return form
