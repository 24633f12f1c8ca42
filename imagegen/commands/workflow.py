"""workflow: what a workflow's file is, what would be bound to what, and the node classes it needs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imagegen import backends, errors, manifest, stored
from imagegen.backends.base import Backend, Workflows
from imagegen.commands import options
from imagegen.commands.base import Plain
from imagegen.errors import BuildFailed, WrongInput, did_you_mean
from imagegen.files import from_here, inside, write_whole
from imagegen.items import Overrides

ACTIONS = ("check", "convert", "snapshot")


class Workflow(Plain):
    doc_purpose = "check or convert a workflow's file, snapshot the server's node classes"
    doc_usage = "check FILE ... | convert FILE | snapshot [FILE ...]"
    doc_description = (
        "check tells for each file what it is and what would be bound to what: exit status 3 where one can't be "
        "used. convert prints the API form of a file that ComfyUI's Save wrote. snapshot asks the server for the "
        "node classes in the given files (else in the manifest's workflows, else all) and keeps them in the "
        "project, so that nothing needs the server to understand them."
    )
    cmd_options = (
        options.ASSETS,
        options.JSON,
        options.option("object_info", "object-info", "go by this snapshot of node classes, not by the server's"),
        options.option("output", "output", "where snapshot writes [default: backends.comfyui.object_info]", short="o"),
        options.option("all", "all", "snapshot every node class the server has", type=bool),
    )

    def work(self, params: Any, names: list[str]) -> int:
        action, *files = names or [""]
        if action not in ACTIONS:
            mend = did_you_mean(action, ACTIONS) if action else ""
            instead = f', not "{action}"' if action else ""
            raise WrongInput(f"workflow wants to be told what: check, convert or snapshot{instead}", mend)
        place = _Place(params.get("assets"))
        backend, workflows = place.backend()
        known = Path(params["object_info"]).absolute() if params.get("object_info") else None
        paths = [Path(file).absolute() for file in files]
        try:
            if action == "check":
                return _check(workflows, paths, known, bool(params["as_json"]))
            if action == "convert":
                if len(paths) != 1:
                    raise WrongInput("workflow convert wants one file")
                options.print_json(workflows.convert(paths[0], known))
                return errors.DONE
            if not paths and not params["all"]:
                paths = place.workflows()
            return _snapshot(place, workflows, paths, params.get("output"))
        finally:
            backend.close()


class _Place:
    """The project that the current folder lies in, or none."""

    def __init__(self, named: str | None) -> None:
        self.file = manifest.find(manifest.here(), named)
        self.folder = self.file.parent if self.file else manifest.here()

    def backend(self) -> tuple[Backend, Workflows]:
        """The one whose graphs may come from files, set up by the manifest. Raises WrongInput."""
        blocks = manifest.blocks(self.file) if self.file else {}
        for name in backends.names():
            made = backends.load(name)(blocks.get(name, {}), os.environ, self.folder)
            if (workflows := made.workflows()) is not None:
                return made, workflows
        raise WrongInput("no backend here knows workflows")

    def workflows(self) -> list[Path]:
        """The workflows that the manifest names; one that is wrong names them all the same, since it may be
        the snapshot that it lacks."""
        if self.file is None:
            return []
        try:
            found = {way.workflow for way in stored.manifest(self.file, Overrides()).columns.ways}
        except WrongInput as error:
            if not error.workflows:
                raise
            return [self.folder / file for file in error.workflows]
        return [self.folder / file for file in sorted(found - {""})]


def _check(workflows: Workflows, paths: Sequence[Path], known: Path | None, as_json: bool) -> int:
    if not paths:
        raise WrongInput("workflow check wants a file, or more")
    found = []
    for path in paths:
        try:
            found.append(workflows.check(path, known))
        except BuildFailed as error:  # its node classes are needed, and nobody answers
            found.append({"file": str(path), "problem": error.message, "hint": error.hint})
    if as_json:
        options.print_json(found)
    else:
        print("\n\n".join(_told(one) for one in found))
    return errors.WRONG_INPUT if any("problem" in one for one in found) else errors.DONE


def _told(found: Mapping[str, Any]) -> str:
    kinds = {"api": "API format", "ui": "the format of ComfyUI's Save"}
    lines = [from_here(Path(found["file"])) + (f": {kinds[found['format']]}" if "format" in found else "")]
    if "problem" in found:
        return "\n".join(
            [*lines, f"  can't be used: {found['problem']}", *([f"  {found['hint']}"] if found["hint"] else [])]
        )
    lines[0] += f", {found['nodes']} nodes, saved by {found['save']}"
    width = max(len(setting) for setting in (*found["places"], *found["unbound"]))
    for setting, places in found["places"].items():
        for number, spot in enumerate(places):
            lines.append(f"  {'' if number else setting:{width}}  {spot}")
    for setting, why in found["unbound"].items():
        lines.append(f"  {setting:{width}}  – {why['why']}")
        lines += [f"  {'':{width}}    perhaps {spot}" for spot in why["candidates"]]
    return "\n".join(lines)


def _snapshot(place: _Place, workflows: Workflows, paths: Sequence[Path], output: str | None) -> int:
    where = Path(output).absolute() if output else workflows.snapshot_path()
    if not output and not inside(place.folder, where):
        raise WrongInput(f"{where} lies outside the project", "--output names another place")
    data = workflows.snapshot(paths)
    write_whole(where, data)
    what = f"the node classes of {len(paths)} workflow{'' if len(paths) == 1 else 's'}" if paths else "all node classes"
    print(f"{from_here(where)}: {what}, {len(data) / 1000:.0f} kB")
    return errors.DONE
