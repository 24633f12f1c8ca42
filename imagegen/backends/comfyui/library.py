"""The workflows of a project: each file read, converted and looked through once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from imagegen.backends.base import Complaint, Unusable
from imagegen.backends.comfyui.workflow import api, bindings, file, ui
from imagegen.backends.comfyui.workflow.api import Graph
from imagegen.backends.comfyui.workflow.bindings import Bindings
from imagegen.backends.comfyui.workflow.nodes import Nodes
from imagegen.files import STATE, inside

SNAPSHOT = "workflows/object_info.json"
"""Where a snapshot of a server's node classes usually lies; ``backends.comfyui.object_info`` names another."""

LEARNED = f"{STATE}/object_info.json"
"""What the server said when it was last asked; deleting it costs asking again."""


class Workflow(NamedTuple):
    """A workflow's file as JSON, which of the two formats it has, and the digest of what matters in it."""

    path: Path
    value: Any
    is_ui: bool
    content: str


class Library:
    """Threads share it. ``settings`` is the checked ``backends.comfyui`` block; ``known`` a snapshot that
    wins over the project's own; ``told`` what a server has just said, gone by where there is no snapshot."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        project: Path,
        known: Path | None = None,
        told: Mapping[str, Any] | None = None,
    ) -> None:
        self._told = told
        self._project = project
        self._known = known
        self._named = known is not None or "object_info" in settings
        self.snapshot = known or project / settings.get("object_info", SNAPSHOT)
        self.learned = project / LEARNED
        self._workflows: dict[Path, Workflow] = {}
        self._graphs: dict[Path, Graph] = {}
        self._bindings: dict[tuple[Path, str], Bindings] = {}
        self._went_by: dict[Path, None] = {}
        self._by_hearsay: set[Path] = set()
        self._lock = threading.RLock()

    def read(self) -> Iterator[Path]:
        """The files that were gone by, whether they are there or not."""
        yield from self._went_by

    def workflow(self, path: Path) -> Workflow:
        """A workflow's file. Raises Unusable."""
        with self._lock:
            if path not in self._workflows:
                self._went_by[path] = None
                try:
                    value = file.parsed(path.read_bytes())
                except FileNotFoundError as error:
                    raise self._unusable(path, "is not there", "workflow: counts from the manifest's folder") from error
                except OSError as error:
                    raise self._unusable(path, f"can't be read: {error.strerror or error}") from error
                except file.NoWorkflow as error:
                    raise self._unusable(path, str(error)) from error
                self._workflows[path] = Workflow(path, value, not api.is_api(value), file.content(value))
            return self._workflows[path]

    def graph(self, path: Path) -> Graph:
        """The workflow in API format. Raises Unusable."""
        with self._lock:
            if path not in self._graphs:
                found = self.workflow(path)
                graph: Graph = self._converted(found) if found.is_ui else found.value
                if nowhere := api.dangling(graph):
                    node, name, source = nowhere
                    what = f"has a link to nowhere: {name} of {api.described(graph, node)} comes from node {source}"
                    raise self._unusable(path, what, "there is no such node in it")
                self._graphs[path] = graph
            return self._graphs[path]

    def advice(self, path: Path) -> Complaint | None:
        """What to do about a workflow that only this folder can convert, since only here a server was asked."""
        if path not in self._by_hearsay:
            return None
        return Complaint(
            "workflow",
            f"{path.name} is understood by what a server said, which only this folder's {STATE} keeps",
            "imagegen workflow snapshot keeps it in the project, for clones and CI",
            advice=True,
        )

    def classes(self, path: Path) -> set[str]:
        """The node classes that a workflow names, the page's own among them. Raises Unusable."""
        value = self.workflow(path).value
        if api.is_api(value):
            return {node["class_type"] for node in value.values()}
        return {str(node["type"]) for node in _nodes_in(value)}

    def bindings(self, path: Path, by_hand: Mapping[str, Sequence[str]]) -> Bindings:
        """Where each setting goes in the workflow. Raises Unusable."""
        key = path, json.dumps(by_hand, sort_keys=True)
        with self._lock:
            if key not in self._bindings:
                try:
                    self._bindings[key] = bindings.find(self.graph(path), self.nodes, by_hand)
                except bindings.BadBinding as error:
                    raise Unusable(Complaint("bindings", str(error), error.hint)) from error
                except bindings.NoSave as error:
                    raise self._unusable(path, f": {error}", error.hint) from error
            return self._bindings[key]

    @cached_property
    def nodes(self) -> Nodes | None:
        """The project's own snapshot. What was only learned is not gone by where a graph needs no
        converting, so that it means the same on every machine. Raises Unusable."""
        return self._nodes(self.snapshot, must_be_there=self._named)

    def _converted(self, found: Workflow) -> Graph:
        nodes = self.nodes
        if nodes is None:
            nodes = Nodes(self._told) if self._told else self._nodes(self.learned, must_be_there=False)
            self._by_hearsay.add(found.path)
        if nodes is None:
            raise self._unusable(
                found.path,
                "is in the format of ComfyUI's plain Save, which needs the server's node classes to be understood",
                "imagegen workflow snapshot asks the server and keeps them; or use ComfyUI's Export (API)",
                asks=True,
            )
        try:
            return ui.to_api(found.value, nodes)
        except ui.UnknownNodes as error:
            asks = self.nodes is None
            mend = "" if asks else f"; imagegen workflow snapshot writes {self.snapshot.name} anew"
            raise self._unusable(found.path, f": {error}", error.hint + mend, asks=asks) from error
        except ui.CantConvert as error:
            raise self._unusable(found.path, f": {error}", error.hint) from error

    def _nodes(self, path: Path, must_be_there: bool) -> Nodes | None:
        self._went_by[path] = None
        mend = "imagegen workflow snapshot writes it"
        if path != self._known and not inside(self._project, path):
            raise self._unusable(path, "lies outside the project", "keep the snapshot inside")
        try:
            known = json.loads(path.read_bytes())
            if not isinstance(known, dict) or not all(isinstance(one, dict) for one in known.values()):
                raise ValueError("it holds no node classes")
            return Nodes(known)
        except FileNotFoundError as error:
            if must_be_there:
                raise self._unusable(path, "is not there", mend) from error
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise self._unusable(path, f"is no snapshot of node classes: {error}", mend) from error

    def _unusable(self, path: Path, what: str, hint: str = "", asks: bool = False) -> Unusable:
        try:
            called = path.relative_to(self._project).as_posix()
        except ValueError:
            called = str(path)
        said = called + what if what.startswith(":") else f"{called} {what}"
        return Unusable(Complaint("workflow", said, hint, asks=asks))


def _nodes_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """The nodes of a workflow as the page saves it, those of its subgraphs too."""
    definitions = value.get("definitions")
    inner = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    for graph in [value, *(inner if isinstance(inner, list) else [])]:
        nodes = graph.get("nodes") if isinstance(graph, dict) else None
        yield from (node for node in nodes or () if isinstance(node, dict) and isinstance(node.get("type"), str))
