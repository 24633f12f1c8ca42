"""The project that a storyboard is for: where its manifest says the storyboard is, and a manifest that has it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from imagegen import backends, document, files, manifest, schema, settings, verbs
from imagegen.commands import init
from imagegen.errors import ImagegenError, WrongInput, did_you_mean, listed
from imagegen.files import STATE, from_here

if TYPE_CHECKING:
    from imagegen.storyboard.address import Address

VARIABLE = "IMAGEGEN_STORYBOARD"
DEFAULT = "data/storyboard.sqlite"
JOB = "frames"
WITHOUT_MODEL = "placeholder"
"""The backend of a new project that has no workflow yet."""

WHILE_OPEN = """\
# there while a program has the storyboard open
*.sqlite-wal
*.sqlite-shm
"""


class Job(NamedTuple):
    """A job of the manifest that is a storyboard's: the storyboard and the project as it is written there."""

    name: str
    storyboard: str
    project: str


class Place:
    """The project that the current folder lies in, or that is to begin in it. ``file`` is its manifest, None without
    one."""

    def __init__(self, named: str | None) -> None:
        self.file = manifest.find(manifest.here(), named)
        self.folder = self.file.parent if self.file else manifest.here()
        root = document.read(self.file, self.file.name).root if self.file else None
        self._root: Mapping[str, Any] = root if isinstance(root, dict) else {}

    @property
    def jobs(self) -> list[Job]:
        """The manifest's jobs that are a storyboard's, whatever else is wrong with it."""
        found = []
        for name, job in self._jobs().items():
            source = job.get("source") if isinstance(job, dict) else None
            written = source.get("storyboard") if isinstance(source, dict) else None
            if isinstance(source, dict) and isinstance(written, str):
                letters: Mapping[Any, str] = getattr(source, "letters", {})  # 007 is a name, and no number
                found.append(Job(name, written, letters.get("project") or str(source.get("project", ""))))
        return found

    def _jobs(self) -> Mapping[str, Any]:
        jobs = self._root.get("jobs")
        return jobs if isinstance(jobs, dict) else {}

    def address(self, named: str | None) -> Address:
        """The storyboard that is ``named`` on the command line (a file counts from the current folder), else by the
        manifest, else by the environment, else the usual one. Raises WrongInput."""
        from imagegen.storyboard import database

        written = named
        if named is None:
            declared = list(dict.fromkeys(job.storyboard for job in self.jobs))
            if len(declared) > 1:
                raise WrongInput(
                    f"the manifest names more than one storyboard: {listed(declared)}", "say which: --to, --from"
                )
            written = declared[0] if declared else os.environ.get(VARIABLE, "").strip() or DEFAULT
        elif "://" not in named and named.strip():
            written = os.path.relpath(manifest.here() / named, self.folder).replace(os.sep, "/")
        assert written is not None
        found = database.address(written, self.folder)
        if found.file is not None and not files.inside(self.folder, found.file):
            raise WrongInput(f"{found.shown} lies outside the project", f"keep it in {self.folder}, such as {DEFAULT}")
        return found

    # --- the manifest -----------------------------------------------------------------------------

    def job_of(self, place: Address, names: tuple[str, ...], only: bool) -> str:
        """The job that has the project with one of these ``names``; the empty text for none."""
        from imagegen.storyboard import database
        from imagegen.storyboard.listing import same

        for job in self.jobs:
            is_meant = job.project in names or (only and not job.project)
            if is_meant and same(database.address(job.storyboard, self.folder), place):
                return job.name
        return ""

    def promised(self, place: Address) -> list[str]:
        """The ids under which jobs of the manifest name projects of that storyboard: a fresh clone may have the
        script alone."""
        from imagegen.storyboard import database
        from imagegen.storyboard.ids import is_id
        from imagegen.storyboard.listing import same

        found = [job for job in self.jobs if is_id(job.project)]
        return [job.project for job in found if same(database.address(job.storyboard, self.folder), place)]

    def free_job(self, wanted: str | None) -> str:
        """A name for a new job: the one that is ``wanted``, or the usual one. Raises WrongInput."""
        taken = self._jobs()
        if wanted is None:
            numbered = (JOB if number == 1 else f"{JOB}-{number}" for number in range(1, len(taken) + 2))
            return next(name for name in numbered if name not in taken)
        pattern = schema.assembled()["properties"]["jobs"]["propertyNames"]["pattern"]
        if wanted in verbs.RESERVED:
            raise WrongInput(f'a job can\'t be called "{wanted}": a command is', f"such as {JOB}")
        if not re.search(pattern, wanted):
            raise WrongInput(f'a job can\'t be called "{wanted}"', f"it has no blanks, colons or slashes: {JOB}")
        if wanted in taken:
            raise WrongInput(f'the manifest has a job "{wanted}" already', "name another one")
        return wanted

    def lines(self, job: str, storyboard: str, project: str, name: str, backend: str) -> str:
        """What a manifest that is there needs for the job; ``project`` is an id, empty where it has none yet."""
        assert self.file is not None
        source = {"storyboard": storyboard, "project": project or name}
        if self.file.suffix == ".json":
            entry = {"source": source, **({"backend": backend} if backend else {})}
            return f'"{job}": {json.dumps(entry, ensure_ascii=False)}'
        with_backend = f"\n    backend: {backend}" if backend else ""
        own = f"  {job}:\n    source: {_flow(source)}{_called(name) if project else ''}{with_backend}"
        return own if self._jobs() else f"jobs:\n{own}"

    @property
    def has_jobs(self) -> bool:
        return bool(self._jobs())

    @property
    def has_items(self) -> bool:
        """Whether the manifest is one of a single job, without ``jobs``."""
        return "items" in self._root

    def begin(
        self, job: str, storyboard: str, project: str, name: str, backend: str, draws: bool
    ) -> Iterator[tuple[str, bool]]:
        """Write what a new project needs, over no file that is there: each file's name, and whether it was written.
        The job has the ``project`` with that id, so that it may be called otherwise one day. ``draws`` says that the
        pictures are drawn until the project's workflow can be used. Raises ImagegenError."""
        source = _flow({"storyboard": storyboard, "project": project}) + _called(name)
        texts = {
            "assets.yaml": _manifest(job, source, backend, draws),
            "dodo.py": init.DODO,
            "pyproject.toml": init.doit_lines(),
            ".gitignore": init.GITIGNORE + WHILE_OPEN,
        }
        for file, text in texts.items():
            try:
                yield file, init.write_new(self.folder / file, text)
            except OSError as error:
                where = from_here(self.folder / file)
                raise ImagegenError(f"can't write {where}: {error.strerror or error}") from error

    def left_to_add(self) -> Iterator[str]:
        """What files that were there already lack, in words for the user."""
        for name, sign, lines in (
            ("pyproject.toml", "tool.doit", init.doit_lines()),
            (".gitignore", STATE, f"{STATE}/\n"),
        ):
            if sign not in (self.folder / name).read_text("utf-8", "replace"):
                yield f"{name} was there and is left as it is; add to it:\n\n{lines}"


def checked_backend(named: str | None) -> str:
    """The backend that is named, empty for none. Raises WrongInput."""
    if named is not None and named not in backends.names():
        raise WrongInput(
            f'there is no backend "{named}"', did_you_mean(named, backends.names()) or listed(backends.names())
        )
    return named or ""


def _flow(values: Mapping[str, str]) -> str:
    """A mapping of texts as YAML in one line."""
    return "{" + ", ".join(f"{key}: {_quoted(value)}" for key, value in values.items()) + "}"


def _called(name: str) -> str:
    """A project's name as the comment behind its id."""
    return f"  # {name if name.isprintable() else json.dumps(name)}"


def _quoted(text: str) -> str:
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*", text) and "/" in text:
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _manifest(job: str, source: str, backend: str, draws: bool) -> str:
    default = settings.BUILTIN["backend"]
    made_by = ""
    if draws:
        made_by = f"""\
    # The placeholder draws each prompt on a card; it needs no server and no model. For real pictures write {default}
    # here: `imagegen doctor` says what it lacks. Their workflow is named in the storyboard.
    backend: {WITHOUT_MODEL}
"""
    elif backend:
        made_by = f"    backend: {backend}\n"
    return f"""\
# yaml-language-server: $schema={STATE}/assets.schema.json
# The pictures of a storyboard, one for each sentence of its script. Prompts, characters and style are in the
# storyboard: `imagegen studio` shows and changes them, `imagegen storyboard import` brings in the script again.
# `doit` (or `imagegen run`) makes what is missing or stale.
version: 1

jobs:
  {job}:
    source: {source}
{made_by}"""
