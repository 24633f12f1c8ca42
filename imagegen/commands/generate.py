"""generate: an image or a few without a manifest, or with the `defaults` and `backends` of one."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from doit.cmdparse import CmdOption
from doit.task import Task

from imagegen import manifest, own_folder, schema
from imagegen.commands import options
from imagegen.commands.run import Run
from imagegen.errors import WrongInput
from imagegen.files import STATE
from imagegen.loader import Loader, check_words
from imagegen.oneoff import SEVERAL, Wanted, as_flag
from imagegen.session import Session
from imagegen.tasks import to_do

_OWN = frozenset({"prompt", "output", "filename", "overwrite", "backend", "base_seed"})


@cache
def _setting_flags() -> tuple[dict[str, Any], ...]:
    """A flag for every setting that the schema knows; the schema checks the values too."""
    known = json.loads((schema.folder() / "assets.schema.json").read_text(encoding="utf-8"))
    flags = []
    for name in known["properties"]["defaults"]["properties"]:
        if name in SEVERAL:
            flag, words = SEVERAL[name]
            flags.append(options.option(f"set_{name}", flag, words, type=list))
        elif name not in _OWN:
            words = known["$defs"][name]["description"].split(". ")[0].rstrip(".")
            flags.append(options.option(f"set_{name}", name.replace("_", "-"), words.replace("%", "%%")))
    return tuple(flags)


class OneOff(Loader):
    """Hands doit the tasks of a manifest that is written nowhere."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session

    def setup(self, opt_values: Mapping[str, Any]) -> None:
        """The session is there already."""

    def load_tasks(self, cmd: Any, pos_args: Sequence[str]) -> list[Task]:
        assert self.session is not None
        try:
            self.session.check_files()
        except WrongInput as error:
            raise WrongInput([as_flag(problem) for problem in error.problems]) from error
        self.wants_workers(self.session.workshop.workers(self.session.manifest.items))
        found = to_do(self.session, [])
        if self.session.left_alone:
            there = [
                item.target for item in self.session.manifest.items if (self.session.project / item.target).exists()
            ]
            raise WrongInput(f"{', '.join(there)} came to be there meanwhile", "run it again")
        return found


class Generate(Run):
    doc_purpose = "an image or a few, without a manifest"
    doc_usage = '"PROMPT" ["PROMPT" ...]'
    doc_description = (
        "A prompt - reads prompts from standard input, one a line. A file that is there is not overwritten: "
        "without --name the next free name is taken. Where there is a manifest, its defaults hold."
    )

    def get_options(self) -> list[CmdOption]:
        """Made when they are asked for: the settings come from the schema."""
        own = (
            options.ASSETS,
            options.option("with_backend", "backend", "what makes the images [default: the manifest's, else comfyui]"),
            options.option("count", "count", "images for each prompt", short="c", type=int, default=1),
            options.option("name", "name", "the file's name [default: made of the prompt]"),
            options.option(
                "output",
                "output",
                "the folder, or the file's path with .png [default: this folder]",
                short="o",
            ),
            options.option("overwrite", "overwrite", "write over an existing file (the old one is kept)", type=bool),
            options.JSON,
            *_setting_flags(),
        )
        taken = {one["long"] for one in own} | {one["name"] for one in own}
        doits = [
            {**one, "long": "", "short": ""}
            for one in (*self.base_options, *Run.cmd_options)
            if one["name"] not in taken
        ]
        return [CmdOption(one) for one in (*own, *doits)]

    def execute(self, params: Any, names: list[str]) -> int:
        check_words()  # plain doit takes a prompt with = for an option
        prompts = list(_prompts(names))
        if not prompts:
            raise WrongInput("generate wants a prompt", 'imagegen generate "a lighthouse in the fog"')
        if params["count"] < 1:
            raise WrongInput(f"--count wants 1 or more, not {params['count']}")
        file = manifest.find(manifest.here(), params.get("assets"))
        wanted = Wanted(params, prompts, file)
        session = Session(wanted.manifest(), wanted.options(), os.environ)
        own_folder.check(session.project, session.options.allow)
        self.loader = OneOff(session)
        params.set_default("always", wanted.overwrite)
        try:
            return super().execute(params, [])
        finally:
            if file is None:
                _tidy(session.project / STATE)


def _tidy(state: Path) -> None:
    """Leave nothing in a folder that is no project, but what --overwrite kept."""
    try:
        for file in state.glob("*.json"):
            file.unlink()
        for name in ("locks", "live"):
            if (state / name).is_dir():
                shutil.rmtree(state / name)
        for folder in (*(entry for entry in state.iterdir() if entry.is_dir()), state):
            folder.rmdir()  # fails where something is in it, such as previous versions
    except OSError:
        return  # it is only untidy


def _prompts(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        if name == "-":
            yield from (line.strip() for line in sys.stdin if line.strip())
        else:
            yield name
