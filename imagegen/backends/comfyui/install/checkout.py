"""A git checkout at one revision: cloned whole or not at all, fetched, switched. No shell, no submodules.

git reads by https, ssh and from this disk only, and never asks on the terminal.
"""

from __future__ import annotations

import glob
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from imagegen.backends.base import Watch
from imagegen.backends.comfyui.install.program import Failed, run
from imagegen.errors import BuildFailed
from imagegen.files import program

_SAFE = ("-c", "protocol.ext.allow=never", "-c", "core.fsmonitor=false", "-c", "advice.detachedHead=false")
_ELSEWHERE = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE"}
    | {"GIT_PREFIX", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CEILING_DIRECTORIES"}
)
"""What a hook of the project's own git would have us work on in place of the folder."""


def environment() -> Mapping[str, str]:
    """What git is started with."""
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": "https:ssh:file", "LC_ALL": "C"}


def git(folder: Path | None, watch: Watch, *words: str, what: str = "git") -> str:
    """What `git WORDS` prints in ``folder``. Raises BuildFailed."""
    path = program("git")
    if path is None:
        raise BuildFailed("git is not installed", "https://git-scm.com/downloads")
    return run([str(path), *_SAFE, *words], watch, what=what, cwd=folder, env=environment()).strip()


def is_checkout(folder: Path) -> bool:
    """Whether ``folder`` itself is one, and does not only lie in one."""
    return (folder / ".git").exists()


def head(folder: Path, watch: Watch) -> str:
    """The commit that ``folder`` is at; empty where that can't be told."""
    if not is_checkout(folder):
        return ""
    try:
        return git(folder, watch, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    except Failed:
        return ""


def described(folder: Path, revision: str, watch: Watch) -> str:
    """``v0.3.64 (1c10b33b8f…)``: a revision as the user is shown it."""
    try:
        name = git(folder, watch, "describe", "--tags", "--exact-match", "--end-of-options", revision)
    except Failed:
        return revision[:12]
    return f"{name} ({revision[:12]})"


def clone(repository: str, ref: str, folder: Path, watch: Watch) -> str:
    """Clone into ``folder``, which is not there or empty, at ``ref``; the revision. The caller is alone with it.

    Raises BuildFailed, and nothing is left behind."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for forgotten in folder.parent.glob(f".{glob.escape(folder.name)}.*.clone"):  # by a kill
        remove(forgotten)
    beside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.clone")
    try:
        git(
            None, watch, "clone", "--quiet", "--no-checkout", "--no-recurse-submodules", "--", repository, str(beside),
            what=f"cloning {repository}",
        )  # fmt: skip
        revision = found(beside, ref, watch)
        if revision is None:
            raise _no_such(repository, ref)
        switch(beside, revision, watch)
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
    except OSError as error:
        raise BuildFailed(f"can't clone into {folder}: {error.strerror or error}") from error
    finally:
        remove(beside)
    return revision


def fetched(folder: Path, repository: str, ref: str, watch: Watch) -> str:
    """The revision that ``ref`` means in ``repository`` now; the checkout stays as it is. Raises BuildFailed."""
    what = f"fetching {repository}"
    git(folder, watch, "remote", "set-url", "origin", "--", repository, what=what)
    git(folder, watch, "fetch", "--quiet", "--force", "--tags", "--no-recurse-submodules", "origin", what=what)
    if not ref:
        git(folder, watch, "remote", "set-head", "origin", "--auto", what=what)
    revision = found(folder, ref, watch)
    if revision is None:
        raise _no_such(repository, ref)
    return revision


def origin(folder: Path, watch: Watch) -> str:
    """Where it was cloned from."""
    try:
        return git(folder, watch, "remote", "get-url", "origin")
    except Failed:
        return ""


def found(folder: Path, ref: str, watch: Watch) -> str | None:
    """The commit that ``ref`` means here without asking anybody: a tag, a branch of the origin's, a commit."""
    names = [f"refs/tags/{ref}", f"refs/remotes/origin/{ref}"] if ref else ["refs/remotes/origin/HEAD"]
    if re.fullmatch(r"[0-9a-f]{7,64}", ref):
        names.append(ref)
    for name in names:
        try:
            return git(folder, watch, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except Failed:
            continue
    return None


def text(folder: Path, revision: str, file: str, watch: Watch) -> str:
    """A file as a revision has it; empty where it has none."""
    try:
        return git(folder, watch, "show", "--end-of-options", f"{revision}:{file}")
    except Failed:
        return ""


def switch(folder: Path, revision: str, watch: Watch) -> None:
    """Bring the files to ``revision``. Raises BuildFailed where somebody's own changes are in the way."""
    git(folder, watch, "checkout", "--quiet", "--detach", revision, "--", what=f"switching to {revision[:12]}")


def remove(folder: Path) -> None:
    """Remove a folder and all in it, what git made read-only too."""

    def writable(call: Callable[..., object], path: str, _: object) -> None:
        Path(path).chmod(stat.S_IWRITE)
        call(path)

    if not folder.exists():
        return
    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=writable)
    else:
        shutil.rmtree(folder, onerror=writable)


def _no_such(repository: str, ref: str) -> BuildFailed:
    if not ref:
        return BuildFailed(f"{repository} has no branch of its own", "--ref names a tag, a branch or a commit")
    return BuildFailed(f'{repository} has no tag, branch or commit "{ref}"', "--ref TAG_OR_COMMIT, or install.ref")
