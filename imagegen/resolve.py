"""Checked values → items with their recipes, and everything that only shows when all is put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagegen import backends, recipe, settings, text, verbs
from imagegen.backends.base import Backend
from imagegen.document import Document
from imagegen.errors import Place, Problem, WrongInput, listed, nearest
from imagegen.items import ONE_JOB, FileUse, Item, Manifest, Overrides, Way, columns, in_order
from imagegen.schema import Path_, path_text
from imagegen.settings import BadSize, Narrowed, narrow, without_sizes
from imagegen.sources import Entry, inline
from imagegen.targets import BadTarget, Targets

LAYERS = ("defaults", "job", "item")
PROMPTS = ("prompt", "negative_prompt")
MOST_LETTERS = 512 * 1024 * 1024
OWN_NAMES = ("name", "slug", "job")


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
    work.problems.extend(problem for _, problem in found)
    for path, _ in found:
        work.leave_out(path)
    work.run()
    if work.problems:
        raise WrongInput(in_order(work.problems))
    return work.manifest()


class _Resolver:
    """One pass over the manifest; problems gather while it goes on."""

    def __init__(self, file: Path, document: Document, values: dict[str, Any], overrides: Overrides) -> None:
        self.file, self.document, self.values, self.overrides = file, document, values, overrides
        self.project = file.parent
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.items: list[Item] = []
        self.origins: dict[str, dict[str, str]] = {}
        self.left_out: set[Path_] = set()  # items that can't be looked at
        self.lacking: set[Path_] = set()  # items of which something was left out
        self.outer_is_bad = False  # then what an item lacks may only be misspelled above it
        self.letters = 0
        self.targets = Targets(self.project, overrides.allow)
        self.uses: dict[tuple[str, str, str], tuple[Place, str, int]] = {}
        self.backends: dict[str, Backend] = {}
        self.ways: dict[Way, Way] = {}
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
                    self.item(name, _Layers([*layers, (entry.values, entry.document, entry.path)]), entry)

    # --- one item -------------------------------------------------------------------------------

    def item(self, job: str, layers: _Layers, entry: Entry) -> None:
        """Resolve one item; whatever is wrong with it, the rest of it is looked at too."""
        wrong_before = len(self.problems)
        lacking = self.outer_is_bad or entry.path in self.lacking
        try:
            given = narrow([values for values, _, _ in layers.all])
        except BadSize as error:
            self.problems.append(layers.problem(str(error), error.key, layer=error.layer))
            given = narrow([without_sizes(values) for values, _, _ in layers.all])
        for layer, setting in given.useless:
            self.no_use(
                layers.problem(f"{setting} has no use without aspect_ratio", setting, "remove it", layer), layer
            )
        name = entry.values["name"]
        slug = entry.values.get("slug") or text.slug_of(name)
        if not slug:
            hint = "give it a slug: of its own"
            self.problems.append(layers.problem(f'no file name can be made of "{name}"', "name", hint))
        filled = self.filled(given, layers, {"name": name, "slug": slug, "job": job})
        backend_name = self.overrides.backend or filled["backend"]
        backend = self.backend(backend_name)
        if not filled.get("prompt") and not lacking and "prompt" not in layers.unfilled:
            what = "its prompt is empty" if "prompt" in filled else "has no prompt"
            hint = "give the item, its job or defaults one"
            self.problems.append(layers.problem(what, "prompt", hint, given.origins.get("prompt")))
        for setting, layer in given.origins.items():
            if setting not in backend.uses and setting not in settings.ABOUT_THE_FILE:
                message = f"the {backend_name} backend has no use for {setting}"
                self.no_use(layers.problem(message, setting, "remove it", layer), layer)
        task = f"{job}:{slug}"
        made = compose(backend, backend_name, name, task, filled)
        for found in backend.check(made):
            if found.setting in given.origins or not lacking:
                origin = given.origins.get(found.setting)
                self.problems.append(layers.problem(found.message, found.setting, found.hint, origin))
        place = entry.document.place(entry.path)
        if not slug or {"output", "filename"} & layers.unfilled:
            return
        target = ""
        try:
            self.targets.check_filename(filled["filename"])
        except BadTarget as error:
            setting = "slug" if "slug" in entry.values else error.setting
            self.problems.append(layers.problem(str(error), setting, error.hint, given.origins.get(setting)))
        try:
            target = self.targets.target(filled["output"], filled["filename"])
            self.targets.claim(task, name, filled["output"], target, place)
        except BadTarget as error:
            origin = given.origins.get(error.setting)
            self.problems.append(layers.problem(str(error), error.setting, error.hint, origin))
        if len(self.problems) == wrong_before:
            self.keep(task, name, target, made, filled, backend, given, (place, path_text(entry.path)))

    def filled(self, given: Narrowed, layers: _Layers, own: Mapping[str, str]) -> dict[str, Any]:
        """The settings with every ``${…}`` put in; what can't be is left out, and told."""
        names: dict[str, str] = dict(self.values.get("vars", {}))
        for values, _, _ in layers.all[1:]:
            names.update(values.get("vars", {}))
        for reserved in OWN_NAMES:
            if reserved in layers.all[-1][0].get("vars", {}):
                message = f'a var can\'t be called "{reserved}": every item has one'
                self.problems.append(layers.problem(message, "vars", "rename it"))
        names.update(own)
        filled = dict(given.values)
        for setting in (*PROMPTS, "output", "filename"):
            if setting not in filled:
                continue
            try:
                filled[setting] = text.fill(filled[setting], names)
            except (text.UnknownName, text.TooLong) as error:
                self.problems.append(layers.problem(str(error), setting, layer=given.origins.get(setting)))
                layers.unfilled.add(setting)
            if setting in PROMPTS:
                filled[setting] = filled[setting].strip()
        return filled

    def no_use(self, problem: Problem, layer: int) -> None:
        """A setting without use: an error where an item or job gives it, a warning from defaults."""
        (self.problems if layer else self.warnings).append(problem)

    def keep(
        self,
        task: str,
        name: str,
        target: str,
        made: Mapping[str, Any],
        filled: Mapping[str, Any],
        backend: Backend,
        given: Narrowed,
        where: tuple[Place, str],
    ) -> None:
        """Take an item that is right."""
        files = tuple(
            (setting, made[setting])
            for setting in sorted(backend.file_settings)
            if setting in made and backend.searches(setting)
        )
        for setting, value in files:
            key = (made["backend"], setting, value)
            first_place, first_path, count = self.uses.get(key, (*where, 0))
            self.uses[key] = (first_place, first_path, count + 1)
        patience = filled.get("timeout"), filled.get("queue_timeout")
        way = Way(made["backend"], filled["overwrite"], filled["record"], *patience, files)
        way = self.ways.setdefault(way, way)
        written = recipe.canonical(made)
        self.letters += len(written)
        if self.letters > MOST_LETTERS:
            message = f"is more than {MOST_LETTERS >> 20} MB once every item is written out"
            raise WrongInput([Problem(message, place=Place(self.file.name), hint="shorten what all items share")])
        self.items.append(Item(task, name, target, written, way))
        self.origins[task] = {key: LAYERS[layer] for key, layer in given.origins.items()}

    # --- helpers --------------------------------------------------------------------------------

    def backend(self, name: str) -> Backend:
        if name not in self.backends:
            if name not in backends.names():
                choices = listed(nearest(name, backends.names()))
                raise WrongInput(f'there is no backend "{name}"', f"there are {choices}")
            block = self.values.get("backends", {}).get(name, {})
            try:
                self.backends[name] = backends.load(name)(block, {}, self.project)
            except WrongInput as error:
                where = self.document.place(("backends", name))
                self.problems.extend(replace(problem, place=where) for problem in error.problems)
                self.backends[name] = backends.load(name)({}, {}, self.project)
        return self.backends[name]

    def problem(self, message: str, path: Path_, hint: str = "", of_key: bool = False) -> None:
        self.problems.append(Problem(message, path_text(path), self.document.place(path, of_key), hint))

    def manifest(self) -> Manifest:
        return Manifest(
            project=self.project,
            file=self.file.name,
            jobs=tuple(name for name, _, _ in self.jobs()),
            columns=columns(self.items),
            backends=self.values.get("backends", {}),
            file_uses=tuple(FileUse(*key, *use) for key, use in self.uses.items()),
            warnings=tuple(in_order(self.warnings)),
            folders=tuple(sorted({item.target.rpartition("/")[0] for item in self.items})),
            origins=self.origins,
        )


Layer = tuple[Mapping[str, Any], Document, Path_]
"""Values, and where in which document they stand."""


class _Layers:
    """What an item's settings narrow from, the widest first; ``unfilled`` are settings that could not be
    filled in."""

    def __init__(self, layers: list[Layer]) -> None:
        self.all = layers
        self.unfilled: set[str] = set()

    def problem(self, message: str, setting: str, hint: str = "", layer: int | None = None) -> Problem:
        """A problem at the place where a layer (the item, unless told) gives ``setting``."""
        values, document, path = self.all[-1 if layer is None else layer]
        where = (*path, setting) if setting in values else path
        return Problem(message, path_text(where), document.place(where), hint)


def compose(backend: Backend, backend_name: str, name: str, task: str, filled: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe: every setting that decides the pixels, given or the backend's own default."""
    made: dict[str, Any] = dict(backend.defaults)
    made.update({key: value for key, value in filled.items() if key in backend.uses})
    made["backend"] = backend_name
    if backend.draws_name:
        made["name"] = name
    if made.get("seed") == "derived":
        job, _, slug = task.partition(":")
        made["seed"] = recipe.derived_seed(filled["base_seed"], job, slug)
    return made
