"""What `setup ollama` does: it tells what is there, and on macOS brings Ollama when it may."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from pathlib import Path

from imagegen.backends.base import Watch
from imagegen.backends.ollama import command, models, process, survey, versions, wording
from imagegen.backends.ollama.pool import Pool
from imagegen.backends.ollama.versions import Ability
from imagegen.errors import BuildFailed
from imagegen.files import program

DOWNLOAD = "https://ollama.com/download/mac"
RELEASES = "https://github.com/ollama/ollama/releases"
BREW = ("/opt/homebrew/bin/brew", "/usr/local/bin/brew")
LONGEST_INSTALL = 1800.0
"""Seconds that Homebrew has."""


def setup(pool: Pool, environ: Mapping[str, str], yes: bool, say: Callable[[str], None], watch: Watch) -> bool:
    """Say what is there, and whether it makes images; install Ollama on macOS where it is missing and ``yes``
    allows it. Whether anything was changed. Raises BuildFailed where Ollama can't be used."""
    say(f"Ollama {versions.RANGE} make images. The models known to:")
    for one in models.KNOWN:
        say(f"  {one.name}  {one.licence}" + ("  takes reference pictures" if one.takes_pictures else ""))
    changed = False
    if any(seat.name == "ollama" for seat in pool.seats) and program(command.PROGRAM, environ) is None:
        if platform.system() != "Darwin":
            message = f"there is no `ollama` on the PATH; on this system builds of {versions.RANGE} may make images"
            raise BuildFailed(message, f"{RELEASES} has them; or choose another backend, such as comfyui")
        _install(environ, yes, say, watch)
        changed = True
    failures = []
    for seat in pool.seats:
        try:
            survey.ask(seat, [], watch)
        except BuildFailed as error:
            failures.append(error)
            say(f"{seat.name}: {error.message}")
            continue
        if seat.unfit is not None:
            failures.append(seat.unfit)
            say(seat.unfit.message)
            continue
        told = seat.told or versions.Told()
        unknown = versions.ability(told.counts) is Ability.UNKNOWN
        say(f"{seat.name} is Ollama {told}: " + ("whether it makes images will show" if unknown else "it makes images"))
        if told.alone:
            say(f"  no server answers it yet: {wording.STARTED}")
    if len(failures) == len(pool.seats):
        raise BuildFailed(failures[0].message, failures[0].hint)
    if platform.system() != "Darwin" and any(seat.transport.is_local for seat in pool.seats):
        say(f"warning: {survey.OTHER_SYSTEM}")
    return changed


def _install(environ: Mapping[str, str], yes: bool, say: Callable[[str], None], watch: Watch) -> None:
    """By Homebrew, whose newest release may be one that makes no images: that is said, not hidden."""
    brew = program("brew", environ) or next((Path(one) for one in BREW if Path(one).is_file()), None)
    newest = f"Homebrew and {DOWNLOAD} give the newest release; {RELEASES}/tag/v0.32.5 has the last that makes images"
    say(newest)
    if brew is None:
        raise BuildFailed("there is no `ollama` on the PATH, and no Homebrew to install it", newest)
    if not yes:
        message = "there is no `ollama` on the PATH"
        raise BuildFailed(
            message, f"imagegen setup ollama --yes runs `brew install ollama`; {DOWNLOAD} has an installer"
        )
    say("brew install ollama")
    done = process.run([str(brew), "install", "ollama"], None, environ, watch, LONGEST_INSTALL, say)
    if done.status:
        raise BuildFailed(f"`brew install ollama` failed with {done.status}", "what it said stands above")
