"""What our commands share: the parser, --help, and the boundary where an error becomes text and a status."""

from __future__ import annotations

import abc
import contextlib
import sys
import textwrap
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from doit.cmd_base import Command
from doit.cmdparse import CmdOption
from doit.exceptions import InvalidCommand, InvalidDodoFile, InvalidTask

from imagegen import errors
from imagegen.commands import options
from imagegen.display import discard_output
from imagegen.errors import ImagegenError

HIDDEN = frozenset({"dep_file", "backend", "verbosity", "pdb", "reporter", "outfile"})
"""Options of doit's that work here and of which no help need speak."""


class Ours:
    """Mixed into every command, doit's own among them. ``run`` does the work and gives the exit status."""

    # What doit's Command brings; it has no types.
    get_options: Callable[[], Sequence[CmdOption]]
    execute: Callable[[Any, list[str]], int]
    config_vals: Mapping[str, Any]
    opt_vals: Mapping[str, Any]
    _cmdparser: Any
    bin_name: str
    name: str
    doc_usage: str
    doc_purpose: str
    doc_description: str | None

    def help(self) -> str:
        """What the command does and its options; doit's own help speaks of settings in files and of
        defaults that do not hold here."""
        lines = [f"usage: {self.bin_name} {self.name} [OPTIONS] {self.doc_usage}".rstrip(), "", f"  {self.doc_purpose}"]
        if self.doc_description:
            lines += ["", *textwrap.wrap(self.doc_description, 96, initial_indent="  ", subsequent_indent="  ")]
        lines += ["", "options:"]
        for opt in self.cmdparser.options:
            if (opt.short or opt.long) and opt.name not in HIDDEN:
                words = opt.help_param().replace("ARG", opt.name.removeprefix("set_").removeprefix("with_").upper())
                text = " ".join((opt.help.replace("[default: %(default)s]", "").replace("%%", "%")).split())
                lines += textwrap.wrap(f"{words:30} {text}", 98, initial_indent="  ", subsequent_indent=" " * 33)
                if opt.inverse:
                    lines.append(f"  --{opt.inverse:28} the opposite")
        return "\n".join(lines)

    @property
    def cmdparser(self) -> options.Words:
        if not self._cmdparser:
            given = {opt.name for opt in self.get_options()}
            extra = [] if "help" in given else [CmdOption(options.HELP)]
            self._cmdparser = options.parser([*self.get_options(), *extra], self.config_vals)
        words: options.Words = self._cmdparser
        return words

    def parse_execute(self, in_args: Sequence[str]) -> int:
        """doit's entry to a command: nothing but the user's own words leaves it without a traceback."""
        try:
            params, names = self.cmdparser.parse(list(in_args))
            if params.get("help"):
                print(self.help())
                return errors.DONE
            params.update(self.opt_vals)
            status = self.execute(params, names)
            sys.stdout.flush()
            return int(status or errors.DONE)
        except (InvalidDodoFile, InvalidCommand, InvalidTask) as error:
            return told(getattr(error, "error", error))
        except ImagegenError as error:
            return told(error)
        except KeyboardInterrupt:
            return told(errors.Interrupted("interrupted"))
        except BrokenPipeError:  # `imagegen status | head`: nobody reads any more
            discard_output()
            return errors.DONE
        except OSError as error:  # the machine's fault: a full disk, a device that is gone
            discard_output()
            where = f"{error.filename}: " if error.filename else ""
            return told(ImagegenError(f"{where}{error.strerror or error}"))
        except Exception:  # noqa: BLE001  (the one boundary: a bug keeps its traceback and gets a status)
            traceback.print_exc()
            print("This is a fault of imagegen's own: please report it with the lines above.", file=sys.stderr)
            return errors.BUG


def told(error: Exception) -> int:
    """Print an error for the user; its exit status."""
    with contextlib.suppress(BrokenPipeError):  # nobody reads: the status still tells
        return _told(error)
    return error.status if isinstance(error, ImagegenError) else errors.WRONG_INPUT


def _told(error: Exception) -> int:
    sys.stdout.flush()
    if isinstance(error, errors.WrongInput):
        shown = list(error.problems)
        for problem in shown[:MOST_PROBLEMS]:
            print(problem, file=sys.stderr)
        if len(shown) > MOST_PROBLEMS:
            print(f"and {len(shown) - MOST_PROBLEMS} more (validate --json has them all)", file=sys.stderr)
        return error.status
    print(error, file=sys.stderr)
    return error.status if isinstance(error, ImagegenError) else errors.WRONG_INPUT


MOST_PROBLEMS = 200


class Plain(Ours, Command):
    """A command that needs none of doit's tasks or its database."""

    doc_description: str | None = None

    def execute(self, params: Any, names: list[str]) -> int:
        return self.work(params, names)

    @abc.abstractmethod
    def work(self, params: Any, names: list[str]) -> int:
        """Do it; the exit status."""
