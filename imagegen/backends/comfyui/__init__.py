"""A ComfyUI server: https://github.com/comfyanonymous/ComfyUI.

``library`` and ``workflow/`` know the project's workflows, ``graph`` the built-in one, and ``blueprint``
makes of either what is sent for one image. ``address`` says where the servers are, ``client`` and
``listener`` are the wire, ``prompt`` follows one image, ``pool`` hands out the servers' places; ``models``
looks for model files. What a real server does is replayed by tests/servers/comfyui.py.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen.backends.base import (
    Absent,
    Check,
    Complaint,
    ModelsFolder,
    Order,
    Picture,
    Refusal,
    Sent,
    Unusable,
    Watch,
)
from imagegen.backends.comfyui import address, blueprint, graph, models, scheduling
from imagegen.backends.comfyui.library import Library
from imagegen.backends.comfyui.workflow import api, bindings
from imagegen.errors import BuildFailed, listed, nearest

if TYPE_CHECKING:
    from imagegen.backends.comfyui.inspection import Inspection
    from imagegen.backends.comfyui.pool import Pool
    from imagegen.backends.comfyui.service import Service

COMING_DOWN = 2
"""Images that come down, are checked and written while others are on the servers."""

FOLDERS = {"checkpoint": "checkpoint_paths", "loras": "lora_paths"}
"""For each setting that names model files, the key of the block that says where they may lie."""

ONLY_FOR_WORKFLOWS = {
    "bindings": "they say where settings go in a workflow, and there is none",
    "references": "the built-in graph has no place for references: a workflow takes them in LoadImage nodes",
}


class Backend:
    """The servers of one block. Threads may share it; they are first spoken to when something is asked."""

    name = "comfyui"
    uses = frozenset({*bindings.SETTINGS, "workflow", "bindings", "loras", "references"})
    file_settings = frozenset(FOLDERS)
    draws_name = False
    multiple = 8

    def __init__(self, settings: Mapping[str, Any], environ: Mapping[str, str], project: Path) -> None:
        address.check(settings)
        self._settings, self._environ, self._project = settings, environ, project
        self._folders = {
            setting: [project / os.path.expanduser(folder) for folder in settings.get(key, ())]  # noqa: PTH111  (~nobody stays)
            for setting, key in FOLDERS.items()
        }
        self._library = Library(settings, project)
        self._found: dict[str, tuple[Complaint, ...]] = {}
        self._pool: Pool | None = None
        self._lock = threading.Lock()

    @property
    def workers(self) -> int:
        return scheduling.ON_SERVER * address.count(self._settings, self._environ) + COMING_DOWN

    # --- without a server -----------------------------------------------------------------------

    def defaults(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The built-in graph's; a workflow has values of its own."""
        if "workflow" in given:
            return {}
        return graph.FROM_A_PICTURE if "image" in given else graph.DEFAULTS

    def check(self, order: Order) -> Iterable[Complaint]:
        """A checkpoint, sides that the latent can have, and a place for every setting."""
        if "workflow" in order.files:
            key = _kind(order)
            if key not in self._found:  # a thousand items differ in what has a place of its own
                self._found[key] = tuple(self._without_place(order))
            yield from self._found[key]
            return
        recipe = order.recipe
        if not recipe.get("checkpoint"):
            yield Complaint(
                "checkpoint",
                "has no checkpoint",
                "the built-in graph needs one: give the item, its job or defaults one, or choose backend: placeholder",
            )
        for side in ("width", "height"):
            below = recipe.get(side, 0) // 8 * 8
            if recipe.get(side, 0) != below:
                # ComfyUI counts the latent in units of 8 pixels.
                yield Complaint(
                    side, f"{side} {recipe[side]} is no multiple of 8", f"{below} or {below + 8} can be made"
                )
        for setting, why in ONLY_FOR_WORKFLOWS.items():
            if setting in recipe or setting in order.files:
                yield Complaint(setting, why, "give a workflow, or remove it", useless=True)

    def _without_place(self, order: Order) -> Iterable[Complaint]:
        """What of an order its workflow has no place for."""
        try:
            start = blueprint.base(order, self._library)
        except Unusable as error:
            yield error.complaint
            return
        if advice := self._library.advice(order.files["workflow"][0]):
            yield advice
        unbound = {
            setting: complaint
            for setting in bindings.SETTINGS
            if setting in order.recipe and setting != "image" and (complaint := blueprint.unbound(start, setting))
        }
        yield from unbound.values()
        rest = {setting: value for setting, value in order.recipe.items() if setting not in unbound}
        try:
            blueprint.blueprint(Order(order.task, order.name, rest, "", files=order.files), self._library)
        except Unusable as error:
            yield error.complaint

    def content(self, setting: str, path: Path) -> str:
        return self._library.workflow(path).content

    def read(self) -> Iterable[Path]:
        return self._library.read()

    def learn(self) -> None:
        self._server().learn(self._library.learned)

    def workflows(self) -> Inspection:
        """What can be told of a workflow's file."""
        from imagegen.backends.comfyui.inspection import Inspection

        return Inspection(self._settings, self._project, self._server)

    def searches(self, setting: str) -> bool:
        return bool(self._folders[setting])

    def locate(self, setting: str, value: str) -> Path | None:
        folders = self._folders[setting]
        if not folders:
            return None
        found = models.find(folders, value)
        if found is None:
            hint = f"they have {listed(nearest(value, models.names(folders)))}"
            missing = [str(folder) for folder in folders if not folder.is_dir()]
            if missing:
                hint += f"; there is no folder {', '.join(missing)}"
            called = setting.removesuffix("s")
            raise Absent(Complaint(setting, f'{called} "{value}" is in none of the {FOLDERS[setting]}', hint))
        return found

    def models_folders(self, kind: str) -> Sequence[ModelsFolder]:
        """Those of the ComfyUI that was set up here come first; a manifest's own word for one counts for nothing."""
        from imagegen.backends.comfyui.install import noted
        from imagegen.backends.comfyui.install.wanted import asked_for

        folder = noted.of_project(self._project) or asked_for(self._settings, self._project, {}).folder
        installed = (folder,) if noted.of_folder(folder) is not None else ()
        return models.folders(self._settings, self._project, installed, kind)

    def sent(self, order: Order) -> Sent:
        try:
            start, made = blueprint.base(order, self._library), blueprint.blueprint(order, self._library)
        except Unusable as error:
            raise BuildFailed(error.complaint.message, error.complaint.hint) from error
        places = {
            setting: [f"{spot} in {api.described(made.graph, spot.node)}" for spot in spots if spot.node in made.graph]
            for setting, spots in made.places.items()
            if setting in order.recipe or setting in order.files
        }
        return Sent(made.graph, places, blueprint.changes(start.graph, made.graph) if order.files else ())

    def checks(self, orders: Sequence[Order], watch: Watch) -> Iterable[Check]:
        from imagegen.backends.comfyui import health

        yield from health.of_machine(self._settings, self._environ, self._project, watch)
        startable = health.startable(self._settings, self._environ, self._project, watch)
        yield from health.of_servers(self._settings, self._environ, orders, self._blueprint, startable)

    # --- the servers ------------------------------------------------------------------------------

    def answers(self) -> bool:
        return self._server().answers()

    def preflight(self, orders: Sequence[Order], watch: Watch) -> Sequence[Refusal]:
        return self._server().preflight(orders, watch)

    def generate(self, order: Order, watch: Watch) -> Picture:
        return self._server().generate(order, watch)

    # --- this machine -----------------------------------------------------------------------------

    def service(self) -> Service | None:
        from imagegen.backends.comfyui.service import service

        return service(self._settings, self._environ, self._project)

    def setup(self, wishes: Mapping[str, Any], say: Callable[[str], None], watch: Watch) -> bool:
        from imagegen.backends.comfyui.install import set_up
        from imagegen.backends.comfyui.service import unneeded

        if wishes.get("if_needed") and (why := unneeded(self._settings, self._environ, self._project)):
            say(why)
            return False
        return set_up(self._settings, self._project, wishes, say, watch)

    def close(self) -> None:
        with self._lock:
            if self._pool is not None:
                self._pool.close()
                self._pool = None

    def _server(self) -> Pool:
        # Only now: judging 10,000 items imports neither requests nor a WebSocket.
        from imagegen.backends.comfyui.pool import Pool

        with self._lock:
            if self._pool is None:
                self._pool = Pool(self._settings, self._environ, self._project, self._blueprint)
            return self._pool

    def _blueprint(self, order: Order) -> blueprint.Blueprint:
        """What is sent for an order. Raises BuildFailed."""
        try:
            return blueprint.blueprint(order, self._library)
        except Unusable as error:
            raise BuildFailed(error.complaint.message, error.complaint.hint) from error


def _kind(order: Order) -> str:
    """What of an order decides whether its workflow has places for all of it."""
    recipe = order.recipe
    files = {setting: str(paths[0]) if setting == "workflow" else len(paths) for setting, paths in order.files.items()}
    return json.dumps([sorted(recipe), recipe.get("bindings"), recipe.get("loras"), files], sort_keys=True)
