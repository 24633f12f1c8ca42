"""A ComfyUI server: https://github.com/comfyanonymous/ComfyUI.

``address`` says where it is, ``client`` and ``listener`` are the wire, ``graph`` is what is asked for,
``prompt`` follows one image, ``pool`` hands out the server's places; ``choices`` and ``models`` say what
can be chosen. What a real server does is replayed by tests/servers/comfyui.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen.backends.base import Absent, Complaint, Order, Picture, Refusal, Watch
from imagegen.backends.comfyui import address, graph, models
from imagegen.errors import listed, nearest

if TYPE_CHECKING:
    from imagegen.backends.comfyui.pool import Pool

WORKERS = 4
"""Two images on the server (see pool.ON_SERVER), two that come down, are checked and written."""


class Backend:
    """One server. Threads may share it; it is first spoken to when something is asked of it."""

    name = "comfyui"
    uses = frozenset({"checkpoint", "prompt", "seed", *graph.DEFAULTS})
    file_settings = frozenset({"checkpoint"})
    defaults: Mapping[str, Any] = graph.DEFAULTS
    draws_name = False

    def __init__(self, settings: Mapping[str, Any], environ: Mapping[str, str], project: Path) -> None:
        address.check(settings)
        self._settings, self._environ = settings, environ
        self._folders = [project / Path(folder).expanduser() for folder in settings.get("checkpoint_paths", ())]
        self._pool: Pool | None = None
        self._lock = threading.Lock()

    @property
    def workers(self) -> int:
        return WORKERS

    def check(self, recipe: Mapping[str, Any]) -> Iterable[Complaint]:
        """A checkpoint, and sides that the latent can have: ComfyUI counts it in units of 8 pixels."""
        if not recipe.get("checkpoint"):
            yield Complaint(
                "checkpoint",
                "has no checkpoint",
                "the built-in graph needs one: give the item, its job or defaults one, or choose backend: placeholder",
            )
        for side in ("width", "height"):
            below = recipe[side] // 8 * 8
            if recipe[side] != below:
                yield Complaint(
                    side, f"{side} {recipe[side]} is no multiple of 8", f"{below} or {below + 8} can be made"
                )

    def searches(self, setting: str) -> bool:
        return setting == "checkpoint" and bool(self._folders)

    def locate(self, setting: str, value: str) -> Path | None:
        if not self._folders:
            return None
        found = models.find(self._folders, value)
        if found is None:
            hint = f"they have {listed(nearest(value, models.names(self._folders)))}"
            missing = [str(folder) for folder in self._folders if not folder.is_dir()]
            if missing:
                hint += f"; there is no folder {', '.join(missing)}"
            raise Absent(Complaint(setting, f'{setting} "{value}" is in none of the checkpoint_paths', hint))
        return found

    def graph(self, recipe: Mapping[str, Any]) -> Mapping[str, Any]:
        return graph.built_in(recipe)

    def answers(self) -> bool:
        return self._server().answers()

    def preflight(self, orders: Sequence[Order], watch: Watch) -> Sequence[Refusal]:
        return self._server().preflight(orders, watch)

    def generate(self, order: Order, watch: Watch) -> Picture:
        return self._server().generate(order, watch)

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
                self._pool = Pool(self._settings, self._environ)
            return self._pool
