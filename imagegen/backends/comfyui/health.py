"""What there is of what images need, line by line for `doctor`: the servers, and what they lack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagegen.backends.base import Check, Order, Watch
from imagegen.backends.comfyui import capability
from imagegen.backends.comfyui.address import addresses
from imagegen.backends.comfyui.blueprint import Blueprint
from imagegen.backends.comfyui.server import Server
from imagegen.errors import BuildFailed, NobodyThere, WrongInput

TIMEOUT = 5.0
"""Seconds that a server has for an answer."""


def of_servers(
    settings: Mapping[str, Any],
    environ: Mapping[str, str],
    orders: Sequence[Order],
    blueprint: Callable[[Order], Blueprint],
    startable: str,
) -> Iterator[Check]:
    """Each server: does it answer, which version it is, its devices, and what of the orders it can't make.

    A server fails the whole only if no other can make what it can't, and if no run starts it. ``startable`` is
    the address at which ``server start`` would start one, see :func:`startable`.
    """
    try:
        servers = [Server(number, one, TIMEOUT) for number, one in enumerate(addresses(settings, environ))]
    except WrongInput as error:
        yield from (Check("server", f"{one.path}: {one.message}", "failed", one.hint) for one in error.problems)
        return
    up: list[Server] = []
    away: list[tuple[Server, BuildFailed]] = []
    try:
        for server in servers:
            try:
                stats = server.client.system_stats()
            except BuildFailed as error:
                away.append((server, error))
                continue
            up.append(server)
            yield Check("server", f"{server.url} answers, ComfyUI {_version(stats)}")
            yield from _devices(server.url, stats)
        for server, why in away:
            said = why.message if server.url in why.message else f"{server.url}: {why.message}"
            mend, by_itself = why.hint or "is it a ComfyUI? backends.comfyui.url says where one is", False
            if server.url == startable and isinstance(why, NobodyThere):
                by_itself = settings.get("start") == "auto"
                mend = "imagegen server start" + ("; a run does it by itself" if by_itself else "")
            yield Check("server", said, "warning" if up or by_itself else "failed", mend)
        if up:
            yield from _lacking(up, orders, blueprint)
    finally:
        for server in servers:
            server.close()


def of_machine(settings: Mapping[str, Any], environ: Mapping[str, str], project: Path, watch: Watch) -> Iterator[Check]:
    """The ComfyUI of this machine, where the servers are to be here: its folder, revision and environment,
    whether it runs, and who has its port."""
    from imagegen.backends.comfyui import process
    from imagegen.backends.comfyui.service import service

    try:
        own = service(settings, environ, project)
    except WrongInput:  # told of the servers
        return
    if own is None:
        return
    status = own.status()
    url = str(status.get("url", ""))
    try:
        found = own.installed(watch)
        parts = [found.folder, found.revision[:12] and f"revision {found.revision[:12]}", f"run by {found.python}"]
        yield Check("ComfyUI", ", ".join(part for part in parts if part))
    except BuildFailed as error:
        if settings.get("start") == "auto" and not status.get("running"):
            yield Check("ComfyUI", error.message, "failed", error.hint)
        elif "install" in settings:
            yield Check("ComfyUI", error.message, "warning", error.hint)
    if status.get("ours"):
        yield Check("port", f"{url}: the server that was started here has it, pid {status.get('pid')}")
    elif who := process.who_listens(url):
        found_there = f"{url}: {who} has it, which imagegen did not start"
        if status.get("answers"):
            yield Check("port", found_there)
        else:
            mend = "end it yourself if it need not be there, or give backends.comfyui.url another port"
            yield Check("port", f"{found_there}, and it is no ComfyUI", "warning", mend)


def startable(settings: Mapping[str, Any], environ: Mapping[str, str], project: Path, watch: Watch) -> str:
    """The address at which `imagegen server start` would start a ComfyUI; empty where it would start none."""
    from imagegen.backends.comfyui import process, running
    from imagegen.backends.comfyui.service import service

    try:
        own = service(settings, environ, project)
        if own is None or (running.at(own.url) is None and process.who_listens(own.url)):
            return ""
        own.installed(watch)
    except (BuildFailed, WrongInput):
        return ""
    return own.url


def _version(stats: Mapping[str, Any]) -> str:
    system = stats.get("system")
    return (
        str(system.get("comfyui_version", "of unknown version")) if isinstance(system, dict) else "of unknown version"
    )


def _devices(url: str, stats: Mapping[str, Any]) -> Iterator[Check]:
    devices = stats.get("devices")
    for device in devices if isinstance(devices, list) else ():
        free, total = device.get("vram_free"), device.get("vram_total")
        known = isinstance(free, int | float) and isinstance(total, int | float)
        memory = f", {free / 1e9:.1f} of {total / 1e9:.1f} GB free" if known else ""
        yield Check("device", f"{url}: {device.get('name', 'unnamed')}{memory}")


def _lacking(up: Sequence[Server], orders: Sequence[Order], blueprint: Callable[[Order], Blueprint]) -> Iterator[Check]:
    """What no server of those that answer could make, and that all of them know what is asked for."""
    kinds: dict[str, Order] = {}
    for order in orders:
        kinds.setdefault(capability.kind(order), order)
    names: set[str] = set()
    told: set[str] = set()
    for kind, order in kinds.items():
        try:
            plan = blueprint(order)
        except BuildFailed as error:
            if error.message not in told:
                told.add(error.message)
                yield Check("workflow", f"{order.task}: {error.message}", "failed", error.hint)
            continue
        lacking = {}
        for server in up:
            try:
                server.learn(capability.classes(plan.graph))
            except BuildFailed as error:
                yield Check("server", error.message, "failed", error.hint)
                return
            lacking[server.url] = server.lacks(plan, kind) or ()
        if all(lacking.values()):
            for setting, message, hint in capability.said(lacking, ()):
                if message not in told:
                    told.add(message)
                    yield Check(_called(setting), message, "failed", hint)
        else:
            names |= capability.kit(plan.graph)
    for name in sorted(names):
        yield Check("model", f"{name} is known to {'the server' if len(up) == 1 else 'a server'}")


def _called(setting: str) -> str:
    return {"loras": "LoRA", "": "graph"}.get(setting, setting)
