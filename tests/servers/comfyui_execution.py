"""Running one job: its nodes in order, the cache, and every message as the recordings have it."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass
from typing import Any, Protocol

from PIL import UnidentifiedImageError

from . import comfyui_nodes as nodes
from .comfyui_faults import Faults
from .comfyui_files import ROOT, Files, OutsideError, annotated
from .comfyui_graph import NodeTypes, is_link, order, signatures
from .comfyui_messages import Messages
from .comfyui_pictures import Picture, encode, small_jpeg
from .comfyui_queue import Job
from .comfyui_sockets import JPEG, Sockets

_PREVIEW_PREFIX = "ComfyUI_temp_abcde"  # five random letters on a real server
_unlike_any = itertools.count()


class InterruptedJob(Exception):
    """Somebody asked for the job to stop."""


class Abandoned(Exception):
    """The server was restarted under the job."""


class NodeError(Exception):
    """A node raised."""

    def __init__(self, message: str, exception_type: str = "Exception") -> None:
        super().__init__(message)
        self.exception_type = exception_type


@dataclass(frozen=True)
class Timing:
    """Seconds for each picture, and for each sampling step on top; and whether steps send previews."""

    work: float = 0.0
    steps_delay: float = 0.0
    previews: bool = False


class Pace(Protocol):
    """Who may stop the work: each raises Abandoned, and all but the first InterruptedJob, when it is so."""

    def check_alive(self) -> None: ...
    def check(self) -> None: ...
    def pause(self, seconds: float) -> None: ...
    def gate(self, prompt_id: str) -> None: ...  # waits while a test holds the job


@dataclass
class _Cached:
    outputs: list[Any]
    ui: dict[str, Any] | None = None
    node_id: str = ""  # of the graph that ran it first

    @property
    def meta(self) -> dict[str, Any]:
        """What the history says of it."""
        node_id = self.node_id
        return {"node_id": node_id, "display_node": node_id, "parent_node": None, "real_node_id": node_id}


class Executor:
    """Runs jobs for one life of the server, and keeps its cache between them."""

    def __init__(self, types: NodeTypes, files: Files, sockets: Sockets, faults: Faults, timing: Timing) -> None:
        self.types = types
        self.files = files
        self.sockets = sockets
        self.faults = faults
        self.timing = timing
        self.cache: dict[str, _Cached] = {}  # by signature; only what the last job's graph names
        self.node: str | None = None  # what runs now
        self.pictures = 0  # really made: saved, or sent as a binary message

    def run(self, job: Job, pace: Pace) -> dict[str, Any]:
        """Run a job and return its history entry without the prompt. Raises Abandoned."""
        return _Run(self, job, pace).run()

    def changed(self, node: dict[str, Any]) -> str:
        """What a node's result depends on beside its inputs (ComfyUI's IS_CHANGED)."""
        if node["class_type"] == "SaveImageWebsocket":
            return str(next(_unlike_any))
        image = node["inputs"].get("image")
        if node["class_type"].startswith("LoadImage") and isinstance(image, str):
            return hashlib.sha256(self.read_input(image)).hexdigest()
        return ""

    def read_input(self, name: str) -> bytes:
        """An uploaded file, as a LoadImage node names it."""
        return self.files.read(*annotated(name, "input")) or b""


class _Run:
    def __init__(self, executor: Executor, job: Job, pace: Pace) -> None:
        self._x = executor
        self._job = job
        self._pace = pace
        self._messages = Messages(job, executor.sockets)
        self._gated = False
        self._signatures = signatures(job.graph, executor.changed)

    def run(self) -> dict[str, Any]:
        x, job = self._x, self._job
        self._messages.started()
        x.cache = {key: x.cache[key] for key in self._signatures.values() if key in x.cache}
        cached = [node_id for node_id, key in self._signatures.items() if key in x.cache]
        self._messages.cached(cached)
        success = False
        node_id = ""
        try:
            for node_id in order(job.graph, job.outputs, cached, x.types):
                self._node(node_id)
            self._gate()
            self._messages.succeeded()
            success = True
        except InterruptedJob:
            self._messages.interrupted(node_id)
        except NodeError as problem:
            self._messages.failed(node_id, str(problem), problem.exception_type)
        x.node = None
        return self._result(success)

    def _node(self, node_id: str) -> None:
        x, class_type, key = self._x, self._job.graph[node_id]["class_type"], self._signatures[node_id]
        ran = key not in x.cache
        if ran:
            x.node = node_id
            self._messages.node_started(node_id)
            self._pace.check()
            if fault := x.faults.take("fail", node_id, class_type):
                raise NodeError(fault.text, fault.kind)
            entry = self._work(node_id, class_type)
            entry.node_id = node_id
            if entry.ui:
                self._messages.output(node_id, entry.ui)
            x.cache[key] = entry
        else:
            self._messages.output(node_id, x.cache[key].ui)
        self._pace.check_alive()
        self._messages.node_finished(node_id, ran)

    def _work(self, node_id: str, class_type: str) -> _Cached:
        x, info = self._x, self._x.types[class_type]
        inputs = {name: self._value(value) for name, value in self._job.graph[node_id]["inputs"].items()}
        if info["output_node"]:
            self._gate()
            if class_type == "SaveImageWebsocket":
                self._send_pictures(node_id, inputs["images"])
                return _Cached([])
            return _Cached([], self._save(class_type, inputs))
        if steps := nodes.steps_of(info, inputs):
            self._sample(node_id, steps, nodes.batch_of(inputs))
        elif class_type == "EmptyImage":
            self._pace.pause(x.timing.work * nodes.batch_of(inputs))
        try:
            return _Cached(nodes.run(info, inputs, self._signatures[node_id], x.read_input))
        except UnidentifiedImageError as problem:
            where = "/".join([ROOT, *annotated(inputs["image"], "input")])
            raise NodeError(f"cannot identify image file {where!r}\n", "PIL.UnidentifiedImageError") from problem

    def _value(self, value: Any) -> Any:
        if not is_link(value):
            return value
        return self._x.cache[self._signatures[value[0]]].outputs[int(value[1])]

    def _sample(self, node_id: str, steps: int, batch: int) -> None:
        x = self._x
        for step in range(1, steps + 1):
            self._pace.pause(x.timing.work * batch / steps + x.timing.steps_delay)
            self._messages.step(node_id, step, steps)
            if x.timing.previews:
                x.sockets.send_image(small_jpeg(), self._job.client, JPEG)
            if step == 1:
                self._gate()

    def _send_pictures(self, node_id: str, pictures: nodes.Pictures) -> None:
        for number, picture in enumerate(pictures):
            self._pace.check()
            self._messages.step(node_id, number, len(pictures))
            data = encode(picture)
            if spoilt := self._x.faults.take("spoil"):
                data = spoilt.spoil(data)
            self._x.sockets.send_image(data, self._job.client)
            self._x.pictures += 1

    def _save(self, class_type: str, inputs: dict[str, Any]) -> dict[str, Any] | None:
        x, pictures = self._x, inputs.get("images")
        if not isinstance(pictures, tuple) or x.faults.take("no outputs"):
            return None
        folder = "temp" if class_type == "PreviewImage" or x.faults.take("temp") else "output"
        prefix = inputs.get("filename_prefix", _PREVIEW_PREFIX)
        copies = x.faults.take("several")
        texts = self._texts()
        images = []
        for picture in pictures * (copies.count if copies else 1):
            images.append(self._save_one(folder, prefix, picture, texts))
            x.pictures += 1
        return {"images": images}

    def _save_one(self, folder: str, prefix: str, picture: Picture, texts: dict[str, str]) -> dict[str, str]:
        files = self._x.files
        try:
            image = files.save(folder, prefix, picture.width, picture.height, encode(picture, texts))
        except OutsideError as problem:
            raise NodeError(f"{problem}\n") from problem
        if self._x.faults.take("lose file"):
            files.delete(image["filename"], folder)
        return image

    def _texts(self) -> dict[str, str]:
        extra = self._job.extra_data.get("extra_pnginfo") or {}
        return {key: json.dumps(value) for key, value in [("prompt", self._job.graph), *extra.items()]}

    def _gate(self) -> None:
        """The one place in each job where a test can hold it, and where somebody may interrupt it."""
        if not self._gated:
            self._gated = True
            if self._x.faults.take("interrupt"):
                raise InterruptedJob
            self._pace.gate(self._job.prompt_id)

    def _result(self, success: bool) -> dict[str, Any]:
        entries = {node_id: self._x.cache.get(key) for node_id, key in self._signatures.items()}
        shown = {node_id: entry for node_id, entry in entries.items() if entry and entry.ui}
        status = {
            "status_str": "success" if success else "error",
            "completed": success,
            "messages": self._messages.kept,
        }
        return {
            "outputs": {node_id: entry.ui for node_id, entry in shown.items()},
            "status": None if self._x.faults.take("null status") else status,
            "meta": {node_id: entry.meta for node_id, entry in shown.items()},
        }
