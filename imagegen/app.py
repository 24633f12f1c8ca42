"""The `imagegen` program: doit's own DoitMain, with our loader and commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from doit.cmd_completion import TabCompletion
from doit.cmd_help import Help as DoitHelp
from doit.cmd_ignore import Ignore as DoitIgnore
from doit.doit_cmd import DoitMain, reset_vars
from doit.plugin import PluginDict, PluginEntry

import imagegen
from imagegen import errors, manifest, verbs
from imagegen.commands import options
from imagegen.commands.base import told
from imagegen.commands.doits import Tasks
from imagegen.display import discard_output
from imagegen.errors import ImagegenError, WrongInput, did_you_mean
from imagegen.loader import Loader
from imagegen.session import Session


class Help(Tasks, DoitHelp):
    doc_purpose = "show this, or the options of one command"
    doc_usage = "[COMMAND]"

    def __init__(self, cmds: PluginDict, **kwargs: object) -> None:
        # doit's own imports every command for this.
        self.init_kwargs = kwargs
        super(DoitHelp, self).__init__(cmds=cmds, **kwargs)
        self._cmds = cmds

    def execute(self, params: object, names: list[str]) -> int:
        if not names:
            usage(self._cmds)
            return errors.DONE
        if names[0] not in self._cmds:
            mend = did_you_mean(names[0], self._cmds)
            raise WrongInput(f'there is no command "{names[0]}"', mend or "imagegen help lists them")
        print(self._cmds.get_plugin(names[0])(cmds=self._cmds, **self.init_kwargs).help())
        return errors.DONE


class Ignore(Tasks, DoitIgnore):
    doc_purpose = "leave images out of runs until `forget`"
    doc_usage = "JOB|JOB:SLUG ..."
    cmd_options = (options.ASSETS,)

    def meant(self, session: Session, names: list[str]) -> list[str]:
        if not names:
            raise WrongInput("ignore wants the names of images, as job:slug")
        return super().meant(session, names)


class Main(DoitMain):
    """`imagegen COMMAND …`; without a command, `run`."""

    BIN_NAME = "imagegen"
    DOIT_CMDS = (Help, Ignore, TabCompletion)

    def __init__(self) -> None:
        # doit.cfg and [tool.doit] are for plain doit: here the loader and the commands are given.
        super().__init__(task_loader=Loader(), config_filenames=())

    def get_cmds(self) -> PluginDict:
        commands = PluginDict()
        for command in self.DOIT_CMDS:
            commands[command.get_name()] = command
        for name, place in verbs.OURS.items():
            commands[name] = PluginEntry("COMMAND", name, place)
        return commands

    @staticmethod
    def print_version() -> None:
        print(f"imagegen {imagegen.__version__}")

    def process_args(self, cmd_args: Sequence[str]) -> list[str]:
        """doit takes any word with ``=`` for a variable; a prompt may hold one."""
        reset_vars()
        return list(cmd_args)

    def run(self, all_args: Sequence[str]) -> int:
        first = all_args[0] if all_args else ""
        if first in ("-h", "--help"):
            usage(self.get_cmds())
            return errors.DONE
        if first and first not in self.get_cmds() and manifest.find(manifest.here()) is None:
            mend = did_you_mean(first, self.get_cmds())  # outside a project it can't be the name of an image
            if mend and not first.startswith("-"):
                return told(WrongInput(f'there is no command "{first}"', mend))
        status: int = super().run(list(all_args))
        return status


def usage(commands: PluginDict) -> None:
    """All commands, a line each."""
    print("imagegen: a Make for image assets\n\nusage: imagegen [COMMAND] [OPTIONS] [NAMES]\n")
    for name in (*verbs.OURS, *(name for name in sorted(commands) if name not in verbs.OURS)):
        print(f"  {name:15} {commands.get_plugin(name).doc_purpose}")
    print("\nimagegen help COMMAND shows a command's options; imagegen --version the version.")


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit status. The command may also leave by SystemExit."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a name in any script must not end in a traceback on Windows
            stream.reconfigure(errors="replace")
    try:
        status = Main().run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # `imagegen help | head -1`: nobody reads any more
        discard_output()
        status = errors.DONE
    except OSError as error:
        discard_output()
        status = told(ImagegenError(error.strerror or str(error)))
    except WrongInput as error:
        status = told(error)
    return status
