"""`imagegen setup comfyui`: from nothing to a ComfyUI that can be started, step by step.

Each step is done whole or leaves things as they were, and a step that has nothing to do does nothing: the same
command goes on where it failed, and changes nothing where all is there. ``wanted`` says what is to be,
``checkout`` and ``environment`` bring it about, ``noted`` remembers it for ``service``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imagegen.backends.base import Watch
from imagegen.backends.comfyui import process
from imagegen.backends.comfyui.install import checkout, environment, existing, in_git, model_paths, noted, torch
from imagegen.backends.comfyui.install.noted import Installed
from imagegen.backends.comfyui.install.torch import Torch
from imagegen.backends.comfyui.install.wanted import COMFY_CLI, Wanted, asked_for, check_place
from imagegen.errors import BuildFailed, Interrupted, WrongInput
from imagegen.files import STATE

Say = Callable[[str], None]


def set_up(settings: Mapping[str, Any], project: Path, wishes: Mapping[str, Any], say: Say, watch: Watch) -> bool:
    """Whether anything was changed. ``settings`` is the checked ``backends.comfyui`` block.

    ``wishes``: ``dir``, ``ref``, ``update``, ``torch``, ``torch_index``, ``python``, ``yes`` as on the command
    line, and ``existing`` where nothing is to be cloned. Raises BuildFailed, WrongInput or Interrupted.
    """
    asked = _placed(asked_for(settings, project, wishes), project)
    with _alone(asked.folder, say, watch):
        before, there = noted.of_folder(asked.folder), _is_there(asked.folder)
        changed = False
        if asked.existing and not there:
            raise WrongInput(f"there is no ComfyUI in {asked.folder}", "imagegen setup comfyui brings one")
        if before is not None and before.ours and asked.existing:
            now = before
        elif there and (before is None or not before.ours):
            now = _theirs(asked, before)
        else:
            check_place(asked, project)
            ours = _Ours(asked, before, there, say, watch)
            now, changed = ours.brought(), ours.changed
        changed = noted.note(now, project if asked.named else None) or changed or now != before
        changed = _models(settings, project, now, say) or changed
    if now.ours:
        revision = checkout.described(Path(now.folder), now.revision, watch)
        say(f"{now.folder} is at {revision}")
    else:
        say(f"{now.folder} is used as it is, run by {now.python}")
    if in_git.is_tracked(Path(now.folder), project, watch):
        mend = f"git rm -r --cached {now.folder}"
        say(f"files of {now.folder} are in the project's git, and so it will not be started: {mend}")
    for made in (Path(now.folder), project / STATE) if now.ours else (project / STATE,):  # the server's log is there
        if line := in_git.line_to_ignore(made, project, watch):
            say(f"the project's git does not ignore it; add to .gitignore: {line}")
    return changed


def _placed(asked: Wanted, project: Path) -> Wanted:
    """With the folder that it is about: what the user named for this project before, or comfy-cli's."""
    if asked.named and asked.folder.name == COMFY_CLI and not asked.folder.exists():
        return replace(asked, folder=existing.comfy_cli_folder(os.environ))
    if not asked.named and (before := noted.of_project(project)) is not None:
        return replace(asked, folder=before, named=True)
    return asked


def _is_there(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _theirs(asked: Wanted, before: Installed | None) -> Installed:
    """A ComfyUI of the user's own, for which only what runs it is noted."""
    folder = asked.folder.resolve()
    if not asked.named and before is None:
        raise BuildFailed(
            f"{asked.folder} is there already, and was not set up by imagegen on this machine",
            f"if you trust what is in it, which would be run: imagegen setup comfyui --dir {asked.folder}",
        )
    if not existing.is_comfyui(folder):
        raise WrongInput(f"{asked.folder} is no ComfyUI: it has no main.py, or no folder comfy")
    if asked.torch or asked.update:
        raise WrongInput(f"--torch and --update are for a ComfyUI that imagegen cloned; {asked.folder} is your own")
    if before is not None and not asked.python and Path(before.python).is_file():
        return before
    return Installed(str(folder), str(existing.python_for(folder, asked.python)))


@dataclass
class _Ours:
    """A ComfyUI that is cloned: what is asked, what was noted ``before``, and whether the folder is ``there``."""

    asked: Wanted
    before: Installed | None
    there: bool
    say: Say
    watch: Watch
    changed: bool = False

    def brought(self) -> Installed:
        asked, folder = self.asked, self.asked.folder
        if asked.python:
            raise WrongInput("--python is for a ComfyUI of your own; this one gets an environment of its own")
        self._may_be_cloned()
        chosen = self._torch()
        if self.before is None or not self.there:
            named = f" at {asked.ref}" if asked.ref else ""
            self.say(f"cloning {asked.repository}{named} into {folder}")
            revision = checkout.clone(asked.repository, asked.ref, folder, self.watch)
            if not asked.ref:
                self.say(f"  to keep this revision for everybody: backends.comfyui.install.ref: {revision}")
            # At once, so that what fails from here on goes on from here.
            noted.note(Installed(str(folder.resolve()), "", True, asked.repository, asked.ref, revision), None)
            self.changed = True
        else:
            revision = self._revision(self.before)
        folder = folder.resolve()
        requirements = checkout.text(folder, revision, "requirements.txt", self.watch)
        place = environment.place(folder, requirements, chosen)
        if not environment.is_whole(place):
            environment.make(place, requirements, chosen, self.say, self.watch)
            self.changed = True
        if checkout.head(folder, self.watch) != revision:
            self.say(f"switching {folder} to {checkout.described(folder, revision, self.watch)}")
            checkout.switch(folder, revision, self.watch)
            self.changed = True
        now = Installed(
            str(folder), str(existing.python_in(place)), True, asked.repository, asked.ref, revision, chosen.kind,
            chosen.index,
        )  # fmt: skip
        noted.note(now, None)
        self._tidied(folder, place)
        return now

    def _tidied(self, folder: Path, place: Path) -> None:
        """Remove the environments of before, unless a server still runs from one."""
        for other in folder.glob(".venv-*"):
            if process.runs_from(other):
                if self.changed:
                    self.say("the server that runs goes on as it was; to change it: imagegen server stop, then start")
            elif other != place:
                checkout.remove(other)

    def _may_be_cloned(self) -> None:
        """Code of a repository that only the manifest names runs here only once the user has said so."""
        asked = self.asked
        if asked.is_well_known or (self.before is not None and self.before.repository == asked.repository):
            return
        self.say(f"the manifest names a repository that is not ComfyUI's own: {asked.repository}")
        if not asked.yes:
            raise BuildFailed(
                f"nothing is cloned: what is in {asked.repository} would be run on this machine",
                "if you trust it: imagegen setup comfyui --yes",
            )

    def _revision(self, before: Installed) -> str:
        """The revision to be at: of what is there unless something else is asked for."""
        asked, folder = self.asked, self.asked.folder
        there = checkout.head(folder, self.watch)
        if not there:
            raise BuildFailed(f"{folder} is no git checkout any more", "remove it, and run this again")
        moved = before.repository != asked.repository
        if not (asked.update or moved):
            if not asked.ref:
                return there
            if (here := checkout.found(folder, asked.ref, self.watch)) is not None:
                return here
        self.say(f"fetching {asked.repository}")
        return checkout.fetched(folder, asked.repository, asked.ref, self.watch)

    def _torch(self) -> Torch:
        asked, before = self.asked, self.before
        kind = asked.torch or (before.torch if before is not None else "")
        if not asked.torch and kind and before is not None:
            chosen = Torch(kind, before.index, "as before")
        else:
            chosen = torch.choose(kind or "auto", torch.look())
        return replace(chosen, index=asked.torch_index or chosen.index)


def _models(settings: Mapping[str, Any], project: Path, now: Installed, say: Say) -> bool:
    """ComfyUI's file of more model folders, in a ComfyUI of ours; for the user's own it is given at the start."""
    if not now.ours:
        return False
    file = Path(now.folder) / model_paths.FILE
    try:
        changed = model_paths.place(settings.get("model_paths", {}), project, file)
    except OSError as error:
        raise BuildFailed(f"can't write {file}: {error.strerror or error}") from error
    if changed is None and settings.get("model_paths"):
        say(f"{file} is somebody's own and is left as it is: backends.comfyui.model_paths are not in it")
    elif changed:
        say(f"wrote {file}")
    return bool(changed)


@contextlib.contextmanager
def _alone(folder: Path, say: Say, watch: Watch) -> Iterator[None]:
    """Two at once set a folder up one after the other; the second finds all there."""
    from filelock import FileLock, Timeout

    name = hashlib.sha256(os.path.realpath(folder).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    try:
        noted.state().mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(noted.state() / f"setup-{name}.lock")
        waited = False
        while True:
            try:
                lock.acquire(timeout=0.25 if waited else 0)
                break
            except Timeout:
                if not waited:
                    say("another setup of this folder is under way; waiting for it")
                waited = True
                if watch.cancelled.is_set():
                    raise Interrupted("interrupted") from None
    except OSError as error:
        raise BuildFailed(f"can't write into {noted.state()}: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()
