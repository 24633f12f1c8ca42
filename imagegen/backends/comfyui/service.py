"""`imagegen server`: the ComfyUI of this machine, started apart from us, found again, and ended.

Only a ComfyUI that the user set up here is started (``install.noted``), and only what was started here is ended
(``running``, ``process``). Whoever else has the port is named and left alone.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from imagegen.backends.base import Watch
from imagegen.backends.comfyui import process, running, serverlog
from imagegen.backends.comfyui.address import Address, addresses
from imagegen.backends.comfyui.client import Client
from imagegen.backends.comfyui.install import checkout, in_git, model_paths, noted
from imagegen.backends.comfyui.install.noted import Installed
from imagegen.backends.comfyui.install.wanted import asked_for
from imagegen.errors import BuildFailed, Interrupted

PATIENCE = 300.0
"""Seconds that a server has to answer; a first start with many custom nodes takes minutes."""
_POLL = 0.2
_HASTY = 2.0


class Service:
    """See :class:`imagegen.backends.base.Service`."""

    def __init__(self, settings: Mapping[str, Any], address: Address, project: Path) -> None:
        self._settings, self._address, self._project = settings, address, project
        self._patience = float(settings.get("start_timeout", PATIENCE))
        self.url = address.url

    # --- what is there ------------------------------------------------------------------------------

    def status(self) -> Mapping[str, Any]:
        """``running`` says that a ComfyUI answers or that ours lives; ``ours`` that it was started here;
        ``queue`` how many images wait or run."""
        ours, stats = running.at(self._address.url), self._stats()
        found: dict[str, Any] = {"running": bool(ours or stats), "answers": stats is not None, "url": self._address.url}
        if stats is not None:
            found |= {"version": _version(stats), "queue": self._queue()}
        if ours is not None:
            since = datetime.fromtimestamp(ours.identity.started).astimezone().isoformat(timespec="seconds")
            found |= {"pid": ours.identity.pid, "log": ours.log, "started": since, "folder": ours.folder}
            serverlog.shortened(Path(ours.log))
        return {**found, "ours": ours is not None}

    def logs(self, follow: bool) -> Iterator[str]:
        ours = running.at(self._address.url)
        path = Path(ours.log) if ours else serverlog.place(self._project)
        return serverlog.lines(path, lambda: follow and running.at(self._address.url) is not None)

    # --- start ----------------------------------------------------------------------------------------

    def start(self, say: Callable[[str], None], watch: Watch | None = None) -> bool:
        """See :meth:`imagegen.backends.base.Service.start`."""
        watch = watch or Watch(threading.Event())
        url = self._address.url
        with running.alone(url, self._patience + 2 * process.GENTLE):
            ours = running.at(url)
            if ours is not None:
                self._wait(ours, watch)
                serverlog.shortened(Path(ours.log))
                say(f"ComfyUI runs already at {url} (pid {ours.identity.pid})")
                return False
            if (stats := self._stats()) is not None:
                who = process.who_listens(url)
                whose = f"{who}, which imagegen did not start" if who else "imagegen did not start it"
                say(f"ComfyUI {_version(stats)} answers at {url} already: {whose}; it is used as it is")
                return False
            host, port = _place(url)
            if process.is_taken(host, port):
                who = process.who_listens(url) or "another program"
                raise BuildFailed(
                    f"{who} has port {port}, and it is no ComfyUI",
                    "end it yourself if it need not be there, or give backends.comfyui.url another port",
                )
            installed = self.installed(watch)
            began = self._begin(installed, host, port)
            say(f"starting ComfyUI in {installed.folder} at {url} (pid {began.identity.pid}, log {began.log})")
            try:
                self._wait(began, watch)
            except BaseException:
                process.end(began.identity)
                running.forget(url)
                raise
            say(f"ComfyUI {_version(self._stats() or {})} answers")
            return True

    def installed(self, watch: Watch) -> Installed:
        """What the user set up for this project. Raises BuildFailed where there is none, or none that may be
        started as it is."""
        folder = noted.of_project(self._project) or asked_for(self._settings, self._project, {}).folder
        found = noted.of_folder(folder)
        if found is None or not found.python:
            there = f"{folder} was not set up by you on this machine" if folder.is_dir() else "there is no ComfyUI yet"
            raise BuildFailed(
                f"nothing is started: {there}",
                "imagegen setup comfyui brings one; with --dir FOLDER it uses one that you have",
            )
        if not Path(found.python).is_file() or not Path(found.folder, "main.py").is_file():
            raise BuildFailed(f"{found.folder} is no longer whole", "imagegen setup comfyui mends it")
        if found.ours:
            now = checkout.head(Path(found.folder), watch)
            if now != found.revision:
                raise BuildFailed(
                    f"{found.folder} is at {now[:12] or 'no revision'}, and {found.revision[:12]} was set up",
                    "imagegen setup comfyui takes it as it is now",
                )
        if in_git.is_tracked(Path(found.folder), self._project, watch):
            raise BuildFailed(
                f"files of {found.folder} are in the project's git, where others may have put them",
                f"look at them, then git rm -r --cached {found.folder}",
            )
        return found

    def _begin(self, installed: Installed, host: str, port: int) -> running.Running:
        words = ["main.py", "--listen", host, "--port", str(port), "--disable-auto-launch"]
        words += ["--cpu"] if installed.torch == "cpu" else []
        words += self._model_paths(installed)
        log = serverlog.place(self._project)
        with serverlog.begun(log, self._project) as stream:
            pid = process.detached([installed.python, *words], Path(installed.folder), stream.fileno())
        began = running.Running(process.of(pid, words), self._address.url, installed.folder, str(log))
        try:
            running.note(began)
        except OSError as error:
            process.end(began.identity)
            raise BuildFailed(f"can't write into {noted.state()}: {error.strerror or error}") from error
        return began

    def _model_paths(self, installed: Installed) -> Sequence[str]:
        """The project's model folders for this start: in a ComfyUI of ours by its own file, else by an option."""
        paths = self._settings.get("model_paths", {})
        name = hashlib.sha256(os.fsencode(self._project.resolve())).hexdigest()[:16]
        own = Path(installed.folder) / model_paths.FILE
        # Not in the project, which might bring such a file itself: it can name code to run.
        file = own if installed.ours else noted.state() / f"model-paths-{name}.yaml"
        try:
            model_paths.place(paths, self._project, file)
        except OSError as error:
            raise BuildFailed(f"can't write {file}: {error.strerror or error}") from error
        return ["--extra-model-paths-config", str(file)] if paths and not installed.ours else []

    def _wait(self, ours: running.Running, watch: Watch) -> None:
        """Until it answers. Raises BuildFailed with the log's end where it does not, or Interrupted."""
        until = time.monotonic() + self._patience
        while self._stats() is None:
            if not process.lives(ours.identity):
                raise BuildFailed(*_told("ComfyUI ended before it answered", ours))
            if time.monotonic() > until:
                raise BuildFailed(*_told(f"ComfyUI does not answer after {self._patience:g} s", ours))
            if watch.cancelled.wait(_POLL):
                raise Interrupted("interrupted")

    # --- stop -----------------------------------------------------------------------------------------

    def stop(self, say: Callable[[str], None]) -> bool:
        """See :meth:`imagegen.backends.base.Service.stop`."""
        url = self._address.url
        with running.alone(url, self._patience):
            ours = running.at(url)
            if ours is None:
                if self._stats() is not None:
                    say(f"the ComfyUI at {url} was not started by imagegen, and is left alone")
                else:
                    say(f"no ComfyUI runs at {url}")
                return False
            if waiting := self._queue():
                say(f"{waiting} image{'' if waiting == 1 else 's'} were still waiting or being made there")
            process.end(ours.identity)
            running.forget(url)
        say(f"ended ComfyUI (pid {ours.identity.pid})")
        return True

    # --- asking ---------------------------------------------------------------------------------------

    def _stats(self) -> Mapping[str, Any] | None:
        """What a ComfyUI there says of itself; None where none answers."""
        client = Client(self._address, _HASTY)
        try:
            found = client.system_stats()
        except BuildFailed:
            return None
        finally:
            client.close()
        return found if isinstance(found.get("system"), dict) else None

    def _queue(self) -> int:
        client = Client(self._address, _HASTY)
        try:
            return client.remaining()
        except BuildFailed:
            return 0
        finally:
            client.close()


def service(settings: Mapping[str, Any], environ: Mapping[str, str], project: Path) -> Service | None:
    """The service for the first server of the block that is on this machine and has no proxy before it; None
    where all are elsewhere. Raises WrongInput."""
    for address in addresses(settings, environ):
        parts = urlsplit(address.url)
        if address.is_local and parts.scheme == "http" and not parts.path:
            return Service(settings, address, project)
    return None


def unneeded(settings: Mapping[str, Any], environ: Mapping[str, str], project: Path) -> str:
    """Why no ComfyUI need be set up here: all servers are elsewhere, or somebody else's answers. Raises WrongInput."""
    here = service(settings, environ, project)
    if here is None:
        return "its servers are not on this machine: nothing is set up here"
    found = here.status()
    if found["answers"] and not found["ours"]:
        return f"a ComfyUI that imagegen did not start answers at {found['url']}: nothing is set up"
    return ""


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return "127.0.0.1" if host == "localhost" else host, parts.port or 80


def _version(stats: Mapping[str, Any]) -> str:
    return str(stats.get("system", {}).get("comfyui_version", ""))


def _told(what: str, ours: running.Running) -> tuple[str, str]:
    """The error for a server that does not answer: message and mend."""
    last = serverlog.last(Path(ours.log))
    said = "".join(f"\n    {line}" for line in last)
    mend = f"the log: {ours.log}"
    lacking = re.findall(r"ModuleNotFoundError: No module named '([\w.]+)'", said)
    installed = noted.of_folder(Path(ours.folder))
    if lacking and installed is not None:
        # Requirements without a version change their meaning with the years, what they bring along too.
        mend = f"its environment lacks a package; perhaps: {installed.python} -m pip install {lacking[-1]}"
    return (f"{what}; the end of its log:{said}" if last else f"{what}, and its log is empty"), mend
