"""What can be told of a workflow's file, and of the node classes that it needs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagegen.backends.base import Unusable
from imagegen.backends.comfyui.library import Library
from imagegen.backends.comfyui.pool import Pool
from imagegen.backends.comfyui.workflow import api, bindings, loras, pictures
from imagegen.errors import BuildFailed, Problem, WrongInput


class Inspection:
    """``server`` is asked only where no snapshot tells what is needed."""

    def __init__(self, settings: Mapping[str, Any], project: Path, server: Callable[[], Pool]) -> None:
        self._settings, self._project, self._server = settings, project, server

    def convert(self, path: Path, known: Path | None) -> Mapping[str, Any]:
        """See :meth:`imagegen.backends.base.Workflows.convert`."""
        try:
            return self._knowing(path, known).graph(path)
        except Unusable as error:
            raise _told(error) from error

    def check(self, path: Path, known: Path | None) -> Mapping[str, Any]:
        """See :meth:`imagegen.backends.base.Workflows.check`."""
        found: dict[str, Any] = {"file": str(path)}
        try:
            is_ui = Library(self._settings, self._project, known).workflow(path).is_ui
            found["format"] = "ui" if is_ui else "api"
            library = self._knowing(path, known)
            graph = library.graph(path)
            bound = library.bindings(path, {})
            start = bound.places.get("image", ())
            references = pictures.reference_spots(graph, library.nodes, (), start, bound.save)
            if not references:  # an edit's own picture takes one too, where no image: is given
                references = pictures.reference_spots(graph, library.nodes, (), (), bound.save)
        except (Unusable, pictures.CantPlace, BuildFailed) as error:
            complaint = error.complaint if isinstance(error, Unusable) else error
            found["problem"], found["hint"] = complaint.message, complaint.hint
            return found
        places = {**bound.placeholders, **bound.places, "references": references}
        unbound = {setting: trouble for setting, trouble in bound.trouble.items() if setting not in places}
        try:
            places["loras"] = loras.loaders(graph, library.nodes, (bound.save,))
        except loras.CantPlace as error:
            unbound["loras"] = bindings.Trouble(str(error), (), error.hint)
        return {
            **found,
            "nodes": len(graph),
            "save": f"{bound.save} in {api.described(graph, bound.save)}",
            "places": {
                setting: [f"{spot} in {api.described(graph, spot.node)}" for spot in spots]
                for setting, spots in places.items()
                if spots
            },
            "unbound": {
                setting: {
                    "why": trouble.message,
                    "candidates": [f"{spot} in {api.described(graph, spot.node)}" for spot in trouble.candidates],
                }
                for setting, trouble in unbound.items()
            },
        }

    def snapshot(self, paths: Sequence[Path]) -> bytes:
        """See :meth:`imagegen.backends.base.Workflows.snapshot`."""
        library = Library(self._settings, self._project)
        names: set[str] = set()
        for path in paths:
            try:
                names |= library.classes(path)
            except Unusable as error:
                raise _told(error) from error
        known = self._server().object_info(sorted(names))
        return json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"

    def snapshot_path(self) -> Path:
        """See :meth:`imagegen.backends.base.Workflows.snapshot_path`."""
        return Library(self._settings, self._project).snapshot

    def _knowing(self, path: Path, known: Path | None) -> Library:
        """A library that can convert the file, its node classes asked for where nothing here has them."""
        library = Library(self._settings, self._project, known)
        try:
            library.graph(path)
        except Unusable as error:
            if not error.complaint.asks:
                raise
            library = Library(self._settings, self._project, known, self._server().object_info())
        return library


def _told(error: Unusable) -> WrongInput:
    return WrongInput([Problem(error.complaint.message, hint=error.complaint.hint)])
