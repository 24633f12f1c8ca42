"""server: the server of this machine that was set up here: start it, end it, look at it and its log."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from imagegen import backends, errors
from imagegen.backends.base import Backend, Service, Watch
from imagegen.commands import options
from imagegen.commands.base import Plain
from imagegen.commands.setup import Place, folder
from imagegen.errors import WrongInput, did_you_mean

ACTIONS = ("start", "stop", "status", "logs")


class Server(Plain):
    doc_purpose = "start, end and look at the server that `setup` brought"
    doc_usage = "start | stop | status | logs [BACKEND]"
    doc_description = (
        "start leaves it running apart from this terminal, on 127.0.0.1 at the manifest's port, once it answers; its "
        "log is .imagegen/server.log. stop ends only what start started. Exit status: 0 done, 1 where the server "
        "can't be started, or status finds none. backends.comfyui.start: auto starts it for a run that needs it."
    )
    cmd_options = (
        options.ASSETS,
        options.option("dir", "dir", "start: use the ComfyUI in this folder, now and for this project from now on"),
        options.option("follow", "follow", "logs: go on until it ends", short="f", type=bool),
        options.JSON,
    )

    def work(self, params: Any, names: list[str]) -> int:
        action, *rest = names or [""]
        if action not in ACTIONS:
            mend = did_you_mean(action, ACTIONS) if action else ""
            raise WrongInput(f'server wants to be told what: start, stop, status or logs, not "{action}"', mend)
        if len(rest) > 1:
            raise WrongInput(f"server {action} takes one backend's name, or none")
        as_json = bool(params["as_json"])
        place = Place(params.get("assets"))
        with place.backend(_named(place, rest)) as backend:
            service = backend.service()
            assert service is not None
            if action == "logs":
                for line in service.logs(bool(params["follow"])):
                    print(line, flush=bool(params["follow"]))
                return errors.DONE
            if action == "status":
                return _status(service, as_json)
            out = sys.stderr if as_json else sys.stdout

            def say(text: str) -> None:
                print(text, file=out, flush=True)

            if action == "start":
                if params["dir"]:
                    _use(backend, params["dir"], say)
                service.start(say)
            else:
                service.stop(say)
            if as_json:
                options.print_json(service.status())
            return errors.DONE


def _use(backend: Backend, named: str, say: Callable[[str], None]) -> None:
    """What is named on the command line was not named by somebody else's manifest: it is told, and kept."""
    backend.setup({"dir": folder(named), "existing": True}, say, Watch(threading.Event()))


def _named(place: Place, rest: list[str]) -> str:
    """The backend that is meant: the one whose server can be on this machine. Raises WrongInput."""
    if rest and rest[0] not in backends.names():
        raise WrongInput(f'there is no backend "{rest[0]}"', did_you_mean(rest[0], backends.names()))
    found = []
    for name in rest or backends.names():
        with place.backend(name) as backend:
            if backend.service() is not None:
                found.append(name)
    if not found:
        whose = f'"{rest[0]}" has' if rest else "the manifest's backends have"
        raise WrongInput(f"{whose} no server that would be on this machine", "perhaps its url names another one")
    if len(found) > 1:
        raise WrongInput(f"which server: {' or '.join(found)}?", f"imagegen server status {found[0]}")
    return found[0]


def _status(service: Service, as_json: bool) -> int:
    found = service.status()
    if as_json:
        options.print_json(found)
    else:
        print(_told(found))
    return errors.DONE if found["running"] else errors.FAILED


def _told(found: Mapping[str, Any]) -> str:
    if not found["running"]:
        return f"no server at {found['url']}"
    version = f" {found['version']}" if found.get("version") else ""
    lines = [f"{'running' if found.get('answers', True) else 'starting'} at {found['url']}{version}"]
    if not found.get("ours", True):
        lines.append("  not started by imagegen")
    for key in ("pid", "started", "folder", "log"):
        if found.get(key):
            lines.append(f"  {key:8} {found[key]}")
    if found.get("queue"):
        lines.append(f"  queue    {found['queue']}")
    return "\n".join(lines)
