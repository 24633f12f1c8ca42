"""The command line of every command of ours: options before or after names, errors in our own words."""

from __future__ import annotations

import getopt
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from doit.cmdparse import CmdOption, CmdParse, CmdParseError

from imagegen.errors import WrongInput, did_you_mean
from imagegen.loader import check_words, options_from_words
from imagegen.options import Options
from imagegen.verdict import Overwrite


def option(
    name: str,
    long: str,
    help: str,
    *,
    short: str = "",
    type: Any = str,
    default: Any = None,  # noqa: A002
    **more: Any,
) -> dict[str, Any]:
    """A doit option; ``type=bool`` makes it a flag, ``type=list`` lets it be given more than once."""
    if type is bool and default is None:
        default = False
    if type is list and default is None:
        default = []
    return {
        "name": name,
        "long": long,
        "short": short,
        "type": type,
        "default": default,
        "help": help,
        **more,
    }


HELP = option("help", "help", "show this", short="h", type=bool)
ASSETS = option("assets", "assets", "the manifest [default: assets.yaml here or in a folder above]")
ALLOW = option("allow_path", "allow-path", "let the manifest write to this folder outside the project", type=list)
BACKEND = option(
    "with_backend",
    "backend",
    "make what is missing with this backend instead of the manifest's, and nothing else",
)
OVERWRITE = option(
    "overwrite", "overwrite", "also make pictures anew that somebody edited or that are not ours", type=bool
)
RESEED = option("reseed", "reseed", "draw random seeds anew, and make those images again", type=bool)
JSON = option("as_json", "json", "print JSON", type=bool)
WISHES = (ASSETS, ALLOW, BACKEND, OVERWRITE, RESEED)


def wishes(params: Mapping[str, Any]) -> Options:
    """What the command line wishes of a run; in plain doit also by words (``overwrite=always``).

    Raises WrongInput.
    """
    check_words()
    worded = options_from_words()
    for name in ("assets", "with_backend"):
        if params.get(name) == "":
            raise WrongInput(f"--{name.removeprefix('with_')} wants a name")
    return Options(
        assets=params.get("assets") or worded.assets,
        backend=params.get("with_backend") or worded.backend,
        overwrite=Overwrite.ALWAYS if params.get("overwrite") else worded.overwrite,
        reseed=bool(params.get("reseed")) or worded.reseed,
        again=bool(params.get("always")),
        allow=(*(Path(folder) for folder in params.get("allow_path") or ()), *worded.allow),
    )


def print_json(value: Any) -> None:
    """Print ``value`` as JSON that every program gets whole, whatever letters standard output can show."""
    shows_all = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(value, ensure_ascii=not shows_all, indent=1))


class Words(CmdParse):
    """doit's parser, for which options may stand before or after names (its own stops at the first name
    and silently takes ``--check`` for one)."""

    def parse_only(self, in_args: Sequence[str], params: Any = None) -> tuple[Any, list[str]]:
        params = params if params else {}
        try:
            found, names = getopt.gnu_getopt(list(in_args), self.get_short(), self.get_long())
        except getopt.GetoptError as error:
            known = [f"--{opt.long}" for opt in self.options if opt.long]
            mend = did_you_mean(f"--{error.opt}", known) if "not recognized" in error.msg else ""
            raise WrongInput(error.msg, mend or "--help shows the options") from error
        for name, value in found:
            option, inverse = self.get_option(name)
            if option.type is bool:
                params[option.name] = not inverse
            elif option.type is list:
                params[option.name] = [*params.get(option.name, []), value]
            else:
                try:
                    params[option.name] = option.str2type(value)
                except CmdParseError as error:
                    wanted = "a whole number" if option.type is int else "a number"
                    raise WrongInput(f"{name} wants {wanted}, not {value}") from error
        return params, names


def parser(options: Sequence[CmdOption], config: Mapping[str, Any]) -> Words:
    """A parser of ``options`` whose defaults come from the configuration file."""
    words = Words(options)
    words.overwrite_defaults(config)
    return words
