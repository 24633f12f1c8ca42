"""Checked values → items with their recipes, and everything that only shows when all is put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagegen import verbs
from imagegen.composing import OWN_NAMES, Composer, Findings
from imagegen.document import Document
from imagegen.errors import LacksKnowledge, Problem, WrongInput
from imagegen.files import digest_of_file
from imagegen.inputs import joined
from imagegen.items import ONE_JOB, FileUse, Item, Manifest, Overrides, PictureUse, columns, in_order
from imagegen.layers import Layer, Layers
from imagegen.schema import Path_, path_text
from imagegen.sources import inline


def resolve(
    file: Path,
    document: Document,
    values: dict[str, Any],
    found: Sequence[tuple[Path_, Problem]],
    overrides: Overrides,
) -> Manifest:
    """``values`` (checked, ``found`` being what the schemas found wrong) as a manifest.

    Raises WrongInput with all problems, those of the schemas first in the places where they stand.
    """
    work = _Resolver(file, document, values, overrides)
    work.findings.problems.extend(problem for _, problem in found)
    for path, _ in found:
        work.leave_out(path)
    work.run()
    wrong, composer = work.findings, work.composer
    if wrong.asking and not set(wrong.problems) - set(wrong.askable):
        block = composer.block(wrong.asking)
        raise LacksKnowledge(in_order(wrong.askable), wrong.asking, block, list(composer.workflows))
    if wrong.problems:
        raise WrongInput(in_order(wrong.problems))
    return work.manifest()


class _Resolver:
    """One pass over the manifest; problems gather while it goes on."""

    def __init__(self, file: Path, document: Document, values: dict[str, Any], overrides: Overrides) -> None:
        self.file, self.document, self.values = file, document, values
        self.project = file.parent
        self.findings = Findings()
        self.composer = Composer(file, document, values, overrides, self.findings)
        self.items: list[Item] = []
        self.picture_uses: list[PictureUse] = []
        self.left_out: set[Path_] = set()  # items that can't be looked at
        self.lacking: set[Path_] = set()  # items of which something was left out
        self.outer_is_bad = False  # then what an item lacks may only be misspelled above it
        jobs = values.get("jobs")
        for name in jobs if isinstance(jobs, dict) else ():  # now: a job that is wrong otherwise is left out later
            if name in verbs.RESERVED:
                message = f'a job can\'t be called "{name}": a command is'
                self.problem(message, ("jobs", name), "choose another name", of_key=True)

    # --- what the schemas found -----------------------------------------------------------------

    def leave_out(self, path: Path_) -> None:
        """Take what stands at ``path`` out of the values, so that the rest can still be looked at."""
        item = next((path[:n] for n in (2, 4) if path[n - 2 : n - 1] == ("items",) and len(path) >= n), None)
        if item is None:
            self.outer_is_bad = True
        elif path == item or path[len(item)] == "name":
            self.left_out.add(item)
            return
        else:
            self.lacking.add(item)
        first = len(item or ())
        in_list = next((n for n in range(first + 1, len(path)) if isinstance(path[n], int)), len(path))
        path = path[:in_list]  # a list with a hole would be another list
        node: Any = self.values
        for step in path[:-1]:
            if isinstance(node, dict):
                node = node.get(step)
            else:
                node = node[step] if isinstance(node, list) and isinstance(step, int) else None
        if isinstance(node, dict) and path:
            node.pop(path[-1], None)

    # --- jobs -----------------------------------------------------------------------------------

    def jobs(self) -> Iterator[tuple[str, Mapping[str, Any], Path_]]:
        for name, job in self.values.get("jobs", {}).items():
            yield name, job, ("jobs", name)
        if "items" in self.values:
            yield ONE_JOB, {"items": self.values["items"]}, ()

    def run(self) -> None:
        if "jobs" in self.values and "items" in self.values:
            self.problem("has both jobs and items", ("items",), "move the items into a job", of_key=True)
        elif not {"jobs", "items"} & set(self.values) and not self.outer_is_bad:
            self.problem("has neither jobs nor items", (), "list the images under items:")
        for name, job, path in self.jobs():
            layers: list[Layer] = [(self.values.get("defaults", {}), self.document, ("defaults",))]
            layers.append((job, self.document, path))
            for own in OWN_NAMES:
                for where, values in (((), self.values), (path, job)):
                    if own in values.get("vars", {}):
                        message = f'a var can\'t be called "{own}": every item has one'
                        self.problem(message, (*where, "vars", own), "rename it", of_key=True)
            for entry in inline.entries(job.get("items", ()), self.document, (*path, "items")):
                if entry.path not in self.left_out:
                    own_layers = Layers([*layers, (entry.values, entry.document, entry.path)])
                    lacking = self.outer_is_bad or entry.path in self.lacking
                    self.composer.compose(name, own_layers, entry, lacking)
        made = self.composer
        self.items, self.picture_uses, wrong = joined(made.items, made.wants, made.wrong)
        self.findings.problems.extend(wrong)

    # --- helpers --------------------------------------------------------------------------------

    def problem(self, message: str, path: Path_, hint: str = "", of_key: bool = False) -> None:
        self.findings.problems.append(Problem(message, path_text(path), self.document.place(path, of_key), hint))

    def read(self) -> Iterator[tuple[str, Path]]:
        """The files that the backends went by, as the manifest's store names them."""
        for backend in self.composer.backends.values():
            for path in backend.read():
                inner = path.is_relative_to(self.project)
                yield (path.relative_to(self.project) if inner else path).as_posix(), path

    def manifest(self) -> Manifest:
        return Manifest(
            project=self.project,
            file=self.file.name,
            jobs=tuple(name for name, _, _ in self.jobs()),
            columns=columns(self.items),
            backends=self.values.get("backends", {}),
            file_uses=tuple(FileUse(*key, *use) for key, use in self.composer.uses.items()),
            picture_uses=tuple(self.picture_uses),
            inputs={path: digest_of_file(whole) if whole.is_file() else None for path, whole in self.read()},
            warnings=tuple(in_order(self.findings.warnings)),
            folders=tuple(sorted({item.target.rpartition("/")[0] for item in self.items})),
            origins=self.composer.origins,
        )
