"""A stand-in for a ComfyUI server: real HTTP and WebSocket on loopback, shaped like the recordings.

    with ComfyServer() as server:
        server.faults.answer("/prompt", 502, times=2)
        …talk to server.url…
        assert server.record.executed == [prompt_id]

As a program, `python -m tests.servers.comfyui --work 0.5` prints its URL and serves until it is killed. What it
claims, `test_comfyui_standin.py` holds against the recordings of a real ComfyUI 0.3.64.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from .comfyui_execution import Timing
from .comfyui_faults import Faults
from .comfyui_files import Files, annotated
from .comfyui_graph import NodeTypes
from .comfyui_http import Listener
from .comfyui_life import Gate, Life
from .comfyui_pictures import Picture, encode
from .comfyui_queue import Job
from .comfyui_record import Record, Request
from .comfyui_sockets import Sockets
from .comfyui_types import FOLDERS, node_types, recorded
from .comfyui_websocket import Socket


@dataclass(frozen=True)
class Options:
    """What kind of server it is."""

    takes_prompt_id: bool = True  # False: as before 0.3.45, it draws its own
    newer: bool = False  # ids must be UUIDs, an unknown class is `missing_node_type` (from accounts, not recorded)
    base_path: str = ""  # as behind a proxy: "/comfy"
    required_header: tuple[str, str] | None = None  # without it: 401
    max_upload_size: int = 104857600


class ComfyServer:
    """The server, running from construction until `close` or the end of its `with`. Thread-safe.

    `models`: the files by folder, offered by `/models` and `/object_info`; `checkpoints` is a short way to say
    those. `nodes`: more classes than the recorded ones, in the form of `/object_info`. `work`: seconds for each
    picture; `steps_delay`: seconds for each sampling step on top. `record` tells what happened.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        work: float = 0.0,
        steps_delay: float = 0.0,
        previews: bool = False,
        checkpoints: list[str] | None = None,
        models: dict[str, list[str]] | None = None,
        nodes: NodeTypes | None = None,
        options: Options | None = None,
        **more_options: Any,
    ) -> None:
        self.options = options or Options(**more_options)
        self.changed = threading.Condition()
        self.record = Record()
        self.files = Files()
        self.files.write("input", "", "example.png", encode(Picture(64, 64, "example")))
        self.models: dict[str, list[str]] = {folder: [] for folder in FOLDERS}
        self.models["checkpoints"] = ["tiny-random.safetensors"] if checkpoints is None else checkpoints
        self.models |= models or {}
        self._input_names: list[str] = []
        self._types = node_types(self.models, self._input_names, nodes)
        self.system_stats: dict[str, Any] = recorded("system_stats")
        self.features = {"supports_preview_metadata": True, "max_upload_size": self.options.max_upload_size}
        self._timing = Timing(work, steps_delay, previews)
        self._gate = Gate(self.changed)
        self._closing = False
        self.sockets = Sockets(self.changed)
        self.faults = Faults(self, self.changed)
        self.life = self._new_life()
        self._listener = Listener(self, "127.0.0.1", port)
        self._listener.start()

    # For tests

    @property
    def url(self) -> str:
        """Where it answers, with the base path and no slash at the end."""
        host, port = self._listener.address
        return f"http://{host}:{port}{self.options.base_path}"
