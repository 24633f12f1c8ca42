"""Checked values → items with their recipes, and everything that only shows when all is put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagegen import verbs
from imagegen.composing import Composer
from imagegen.document import Document
from imagegen.downloads import declared
from imagegen.errors import LacksKnowledge, Problem, WrongInput
from imagegen.files import digest_of_file
from imagegen.findings import Findings
from imagegen.gathering import OWN_NAMES, Gatherer
from imagegen.inputs import joined
from imagegen.items import ONE_JOB, FileUse, Item, Manifest, Overrides, PictureUse, columns, in_order
from imagegen.layers import Layer, Layers
from imagegen.remains import Remains
from imagegen.schema import MOST_ITEMS, Path_, path_text


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
    named = values.get("jobs")
    jobs = list(named) if isinstance(named, dict) else []  # now: one that is wrong otherwise is left out below
    models, wrong_models = declared.models(values, document)
    work = _Resolver(file, document, Remains(values, (path for path, _ in found)), overrides)
    work.findings.problems.extend(problem for _, problem in found)
    work.findings.problems.extend(wrong_models)
    work.reserved_names(jobs)
    work.run()
    wrong, composer = work.findings, work.composer
    if wrong.asking and not set(wrong.problems) - set(wrong.askable):
        block = composer.block(wrong.asking)
        raise LacksKnowledge(in_order(wrong.askable), wrong.asking, block, list(composer.workflows))
    if wrong.problems:
        raise WrongInput(in_order(wrong.problems), workflows=list(composer.workflows))
    return replace(work.manifest(), models=tuple(models))


class _Resolver:
    """One pass over the manifest; problems gather while it goes on."""

    def __init__(self, file: Path, document: Document, remains: Remains, overrides: Overrides) -> None:
        self.file, self.document, self.remains, self.values = file, document, remains, remains.values
        self.project = file.parent
        self.findings = Findings()
        self.composer = Composer(file, document, self.values, overrides, self.findings)
        self.gatherer = Gatherer(document, remains, self.project, overrides.allow, self.findings.problems)
        self.items: list[Item] = []
        self.picture_uses: list[PictureUse] = []

    # --- jobs -----------------------------------------------------------------------------------

    def jobs(self) -> Iterator[tuple[str, Mapping[str, Any], Path_]]:
        for name, job in self.values.get("jobs", {}).items():
            yield name, job, ("jobs", name)
        if "items" in self.values:
            yield ONE_JOB, {"items": self.values["items"]}, ()

    def reserved_names(self, jobs: Iterable[str]) -> None:
        for name in jobs:
            if name in verbs.RESERVED:
                message = f'a job can\'t be called "{name}": a command is'
                self.problem(message, ("jobs", name), "choose another name", of_key=True)

    def run(self) -> None:
        if "jobs" in self.values and "items" in self.values:
            self.problem("has both jobs and items", ("items",), "move the items into a job", of_key=True)
        elif not {"jobs", "items"} & set(self.values) and not self.remains.outer_is_bad:
            self.problem("has neither jobs nor items", (), "list the images under items:")
        gathered = []
        count = 0
        for name, job, path in self.jobs():
            for own in OWN_NAMES:
                for where, values in (((), self.values), (path, job)):
                    if own in values.get("vars", {}):
                        message = f'a var can\'t be called "{own}": every item has one'
                        self.problem(message, (*where, "vars", own), "rename it", of_key=True)
            items = list(self.gatherer.of(name, job, path))
            count += sum(len(one.choices) for one in items)
            if count > MOST_ITEMS:
                hint = "split it into manifests of their own"
                self.problem(f"makes it {count} images; at most {MOST_ITEMS} can be in all", path, hint)
                return
            gathered.append((name, job, path, items))
        for name, job, path, items in gathered:
            layers: list[Layer] = [(self.values.get("defaults", {}), self.document, ("defaults",))]
            layers.append((job, self.document, path))
            for entry, choices, lacking in items:
                given = entry.document, ("project",)
                for choice in choices:
                    itself = (entry.values, entry.document, entry.path)
                    own_layers = Layers([layers[0], (entry.defaults, *given), layers[1], itself], entry.soft)
                    self.composer.compose(name, own_layers, entry, choice, lacking)
        made = self.composer
        self.items, self.picture_uses, wrong = joined(made.items, made.wants, made.wrong)
        self.findings.problems.extend(wrong)

    # --- helpers --------------------------------------------------------------------------------

    def problem(self, message: str, path: Path_, hint: str = "", of_key: bool = False) -> None:
        self.findings.problems.append(Problem(message, path_text(path), self.document.place(path, of_key), hint))

    def inputs(self) -> dict[str, str | None]:
        """The files that the backends went by, as the manifest's store names them."""
        found: dict[str, str | None] = {}
        for backend in self.composer.backends.values():
            for path in backend.read():
                inner = path.is_relative_to(self.project)
                name = (path.relative_to(self.project) if inner else path).as_posix()
                found[name] = digest_of_file(path) if path.is_file() else None
        return found

    def manifest(self) -> Manifest:
        return Manifest(
            project=self.project,
            file=self.file.name,
            jobs=tuple(name for name, _, _ in self.jobs()),
            columns=columns(self.items),
            backends=self.values.get("backends", {}),
            file_uses=tuple(FileUse(*key, *use) for key, use in self.composer.uses.items()),
            picture_uses=tuple(self.picture_uses),
            inputs={**self.inputs(), **self.gatherer.inputs},
            warnings=tuple(in_order(self.findings.warnings)),
            folders=tuple(sorted({item.target.rpartition("/")[0] for item in self.items})),
            origins=self.composer.origins,
            sources=tuple(self.gatherer.live),
        )
