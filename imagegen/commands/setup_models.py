"""setup models: which of the manifest's models are there; with --yes the others are downloaded."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagegen import errors, manifest
from imagegen.backends.base import Watch
from imagegen.downloads import inventory, licences, tokens
from imagegen.downloads.amounts import amount
from imagegen.downloads.inventory import Found, State
from imagegen.downloads.part import size_of_part
from imagegen.downloads.places import Places
from imagegen.errors import BuildFailed, ImagegenError, Interrupted
from imagegen.files import digest_of_file, from_here, inside, program

COMMAND = "imagegen setup models --yes"


def run(
    file: Path,
    *,
    yes: bool = False,
    verify: bool = False,
    folder: Path | None = None,
    allow: Sequence[Path] = (),
    environ: Mapping[str, str] = os.environ,
    cancelled: threading.Event | None = None,
) -> int:
    """Say which models of the manifest ``file`` are there, and download the others if ``yes``. The exit status is
    0 where all are there in the end and 1 where one is not. ``verify`` reads those that are there for their digests.
    ``folder`` is a ComfyUI or a folder of models to look and write in, ``allow`` are folders that the manifest may
    name outside the project. Raises WrongInput or Interrupted."""
    models, blocks = manifest.models(file)
    if not models:
        print("There is nothing to download: the manifest lists no models.")
        return errors.DONE
    for model in models:
        tokens.headers(model.url, environ)  # one that can't be a token is told before anything begins
    places = Places(blocks, environ, file.parent, folder, allow)
    found = inventory.of(models, places.folders, places.goal)
    if verify:
        found = [_read(one) for one in found]
    for one in found:
        print(_line(one, environ))
    lacking = inventory.lacking(found)
    if not lacking:
        print("Nothing to do: all models are there.")
        return errors.DONE
    wanted = [
        one for one in lacking if one.state is State.MISSING and licences.lacking_token(one.model, environ) is None
    ]
    _check_places(wanted, places)
    if wanted:
        print(_sum(wanted))
        if not yes:
            print(f"{COMMAND} downloads {'it' if len(wanted) == 1 else 'them'}.")
    if not yes:
        return errors.FAILED
    left = len(lacking) - _bring(wanted, environ, cancelled or threading.Event())
    _tell_git(file.parent, [one.path for one in found if one.path is not None and one.path.is_file()])
    print(f"{left} of {len(found)} still to be mended." if left else "All models are there.")
    return errors.FAILED if left else errors.DONE


# --- what is there ------------------------------------------------------------------------------


def _read(one: Found) -> Found:
    """With what only reading it tells."""
    model = one.model
    if one.state is not State.THERE or one.path is None or not model.sha256:
        return one
    print(f"reading {from_here(one.path)} ({amount(one.size)})", file=sys.stderr)
    return one if digest_of_file(one.path) == model.sha256 else one._replace(state=State.OTHER)


def _line(one: Found, environ: Mapping[str, str]) -> str:
    model, path = one.model, from_here(one.path) if one.path else "no folder is known"
    licence = f", licence {model.license}" if model.license else ""
    size = amount(model.size) if model.size else "size not known"
    match one.state:
        case State.THERE:
            return f"there    {model.name}  {amount(one.size)}  {path}"
        case State.OTHER:
            why = f"{amount(one.size)}, not {size}"
            if one.size == model.size or not model.size:
                why = "not of the SHA-256 that the manifest gives" if one.size else "empty, or a folder"
            return f"other    {model.name}  {path} is another file ({why})\n{_MEND}move it away, or mend the manifest"
    if (left_out := licences.lacking_token(model, environ)) is not None:
        return f"gated    {model.name}  {size}{licence}: {left_out[0]}\n{_MEND}{left_out[1]}"
    part = f"  {amount(one.size)} of it are there" if one.size else ""
    return f"missing  {model.name}  {size}{licence}{part}  → {path}"


_MEND = " " * 9


def _sum(wanted: Sequence[Found]) -> str:
    """What is to be downloaded and how much room there is. Raises ImagegenError where it does not fit."""
    needed: dict[int, int] = {}
    rooms: dict[int, tuple[int, Path]] = {}
    for one in wanted:
        assert one.path is not None
        there = next(folder for folder in one.path.parents if folder.is_dir())
        disk = there.stat().st_dev
        needed[disk] = needed.get(disk, 0) + max(one.model.size - one.size, 0)
        rooms.setdefault(disk, (shutil.disk_usage(there).free, there))
    for disk, (free, there) in rooms.items():
        if needed[disk] > free:
            raise ImagegenError(
                f"the disk of {from_here(there)} has {amount(free)} free, and {amount(needed[disk])} are to come",
                "free some space; nothing was downloaded",
            )
    unknown = sum(not one.model.size for one in wanted)
    more = f" and {unknown} of unknown size" if unknown else ""
    free_ones = ", ".join(f"{amount(free)} free in {from_here(there)}" for free, there in rooms.values())
    return f"{len(wanted)} to download: {amount(sum(needed.values()))}{more}; {free_ones}"


def _check_places(wanted: Sequence[Found], places: Places) -> None:
    """Raises ImagegenError where a model has no folder to go to."""
    for one in wanted:
        if one.path is None:
            closed = places.closed(one.model.kind)
            if closed:
                raise ImagegenError(
                    f"{one.model.name} would go to {closed[0]}, which only the manifest names and which lies outside "
                    "the project",
                    f"if that is meant, allow it: --allow-path {closed[0]}",
                )
            raise ImagegenError(
                f"no folder is known for {one.model.kind}",
                "imagegen setup comfyui brings a ComfyUI; --dir names one that is there, or a folder of models",
            )


# --- bringing what is missing -------------------------------------------------------------------


def _bring(wanted: Sequence[Found], environ: Mapping[str, str], cancelled: threading.Event) -> int:
    """Download them one after another; how many came. One that fails does not stop the others. Raises Interrupted."""
    brought = 0
    for one in wanted:
        try:
            with _stoppable():
                _fetch(one, environ, cancelled)
            brought += 1
        except (KeyboardInterrupt, Interrupted) as error:
            size = size_of_part(one.path) if one.path else 0
            kept = f": {amount(size)} of {one.model.name} are kept" if size else ""
            raise Interrupted(f"interrupted{kept}", f"{COMMAND} goes on from there" if size else "") from error
        except BuildFailed as error:
            print(f"failed   {one.model.name}: {error.message}" + (f"\n{_MEND}{error.hint}" if error.hint else ""))
    return brought


def _fetch(one: Found, environ: Mapping[str, str], cancelled: threading.Event) -> None:
    # Only now: saying what is there needs neither requests nor rich.
    from imagegen.downloads import fetching, showing

    model = one.model
    assert one.path is not None
    with showing.shown(model.name, sys.stdout, environ) as shown:
        got = fetching.fetch(model, one.path, environ, Watch(cancelled), shown)
    place = from_here(one.path)
    if got.by_another:
        print(f"there    {model.name}  {amount(got.size)}  {place}: another imagegen brought it meanwhile")
    elif model.sha256:
        print(f"brought  {model.name}  {amount(got.size)}, verified  {place}")
    else:
        print(f"brought  {model.name}  {amount(got.size)}, not verified: no sha256 is given  {place}")
        print(f"{_MEND}to hold it to what came, write: sha256: {got.sha256}")


def _tell_git(project: Path, paths: Sequence[Path]) -> None:
    """Which of these files the project's git would take, with the line that .gitignore lacks."""
    git, within = program("git"), [str(path.absolute()) for path in paths if inside(project, path)]
    if git is None or not within:
        return
    words = ["-c", "core.fsmonitor=false", "--literal-pathspecs", "ls-files", "--others", "--exclude-standard", "-z"]
    told = subprocess.run(
        [str(git), *words, "--", *within], cwd=project, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    for name in filter(None, told.stdout.decode("utf-8", "surrogateescape").split("\0")):
        line = re.sub(r"[\\*?\[]", r"\\\g<0>", name)
        print(f"the project's git does not ignore a model; add to .gitignore: /{line}")


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM and a closed terminal end a download as Ctrl-C does, unless somebody else sees to them."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
