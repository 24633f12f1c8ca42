"""One entry of a source → an item with its recipe, and all that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagegen import backends, recipe, settings, text
from imagegen.backends.base import Backend, Order, Unusable
from imagegen.document import Document
from imagegen.errors import Place, Problem, WrongInput, listed, nearest
from imagegen.findings import Findings
from imagegen.gathering import OWN_NAMES
from imagegen.inputs import BadInput, Inputs, Wanted, wanted
from imagegen.items import Item, Overrides, Way
from imagegen.layers import LAYERS, Layers
from imagegen.matrix import Choice
from imagegen.schema import path_text
from imagegen.settings import BadSize, Narrowed, narrow, without_sizes
from imagegen.sources import Entry
from imagegen.targets import BadTarget, Targets

PROMPTS = ("prompt", "negative_prompt")
PICTURES = ("references", "image")
PICTURES_AND_LORAS = (*PICTURES, "loras")
MOST_LETTERS = 512 * 1024 * 1024


class Composer:
    """Composes one item after another. ``values`` are the manifest's, ``document`` where they stand.

    ``wants`` are the pictures that go into items, by task; ``wrong`` the tasks with errors; ``workflows`` the
    files of them all; ``uses`` the model files that are named, with the first place and a count.
    """

    def __init__(
        self, file: Path, document: Document, values: Mapping[str, Any], overrides: Overrides, findings: Findings
    ) -> None:
        self.file, self.document, self.values, self.overrides = file, document, values, overrides
        self.findings, self.problems = findings, findings.problems
        self.project = file.parent
        self.items: list[Item] = []
        self.origins: dict[str, dict[str, str]] = {}
        self.wants: dict[str, list[Wanted]] = {}
        self.wrong: set[str] = set()
        self.workflows: dict[str, None] = {}
        self.uses: dict[tuple[str, str, str], tuple[Place, str, int]] = {}
        self.backends: dict[str, Backend] = {}
        self._targets = Targets(self.project, overrides.allow)
        self._inputs = Inputs(self.project, overrides.allow)
        self._ways: dict[Way, Way] = {}
        self._letters = 0

    def compose(self, job: str, layers: Layers, entry: Entry, choice: Choice, lacking: bool) -> None:
        """Take one item for one combination; whatever is wrong with it, the rest of it is looked at too.
        ``lacking`` says that something was left out of it, so that what it lacks need not be told."""
        wrong_before = len(self.problems)
        given_backend = next((own["backend"] for own, _, _ in reversed(layers.all) if "backend" in own), "")
        backend_name = self.overrides.backend or given_backend or str(settings.BUILTIN["backend"])
        backend = self.backend(backend_name)
        try:
            given = narrow([values for values, _, _ in layers.all], backend.multiple)
        except BadSize as error:
            self.problems.append(layers.problem(str(error), error.key, layer=error.layer))
            given = narrow([without_sizes(values) for values, _, _ in layers.all])
        for layer, setting in given.useless:
            message = f"{setting} has no use without aspect_ratio"
            self.findings.useless(layers.problem(message, setting, "remove it", layer), layer)
        name = entry.values["name"]
        slug = entry.values.get("slug") or text.slug_of(name)
        if not slug:
            hint = "give it a slug: of its own"
            self.problems.append(layers.problem(f'no file name can be made of "{name}"', "name", hint))
        slug = choice.slug_of(slug)
        filled = self._filled(given, layers, {**choice.values, "name": name, "slug": slug, "job": job})
        name = choice.name_of(name)
        may_lack = "workflow" in filled and "prompt" not in filled  # it has texts of its own
        if not filled.get("prompt") and not may_lack and not lacking and "prompt" not in layers.unfilled:
            what = "its prompt is empty" if "prompt" in filled else "has no prompt"
            hint = "give the item, its job or defaults one"
            self.problems.append(layers.problem(what, "prompt", hint, given.origins.get("prompt")))
        for setting, layer in given.origins.items():
            if setting not in backend.uses and setting not in settings.ABOUT_THE_FILE:
                if layers.is_soft(layer):
                    self._left_out(backend_name, setting, given.values[setting], layers)
                    continue
                message = f"the {backend_name} backend has no use for {setting}"
                self.findings.useless(layers.problem(message, setting, _without_use(setting), layer), layer)
        task = f"{job}:{slug}"
        made = recipe_of(backend, backend_name, name, task, filled)
        workflow = self._workflow(made, backend, layers, given)
        wants = list(self._pictures(made, layers, given))
        files: dict[str, tuple[Path, ...]] = {"workflow": (self.project / workflow,)} if workflow else {}
        for one in wants:
            files[one.setting] = (*files.get(one.setting, ()), self.project / (one.file or one.item))
        if "workflow" not in layers.unfilled:
            self._complaints(backend, Order(task, name, made, "", files=files), made, layers, given, lacking)
        self.wrong.add(task)  # until it is found right
        place = entry.document.place(entry.path)
        if not slug or {"output", "filename"} & layers.unfilled:
            return
        target = ""
        try:
            self._targets.check_filename(filled["filename"])
        except BadTarget as error:
            setting = "slug" if "slug" in entry.values else error.setting
            self.problems.append(layers.problem(str(error), setting, error.hint, given.origins.get(setting)))
        try:
            target = self._targets.target(filled["output"], filled["filename"])
            self._targets.claim(task, name, filled["output"], target, place)
        except BadTarget as error:
            origin = given.origins.get(error.setting)
            self.problems.append(layers.problem(str(error), error.setting, error.hint, origin))
        if len(self.problems) == wrong_before:
            self.wrong.discard(task)
            if wants:
                self.wants[task] = wants
            self._keep(task, name, target, made, filled, backend, given, (place, path_text(entry.path)), workflow)

    def _complaints(
        self,
        backend: Backend,
        order: Order,
        made: dict[str, Any],
        layers: Layers,
        given: Narrowed,
        lacking: bool,
    ) -> None:
        """What the backend finds wrong with an order; a setting without use is taken out of the recipe."""
        for found in backend.check(order):
            origin = given.origins.get(found.setting)
            if found.useless:
                made.pop(found.setting, None)
                if origin is None or layers.is_soft(origin):  # a documented default, such as the seed
                    continue
            if origin is None and lacking:
                continue
            problem = layers.problem(found.message, found.setting, found.hint, origin)
            if found.advice:
                self.findings.warnings.append(problem)
                continue
            if found.asks:
                self.findings.askable.append(problem)
                self.findings.asking = backend.name
            if found.useless:
                self.findings.useless(problem, origin or 0)
            else:
                self.problems.append(problem)

    def _left_out(self, backend: str, setting: str, value: Any, layers: Layers) -> None:
        """A source has given a setting that the backend has no use for."""
        if setting in PICTURES_AND_LORAS and value:
            _, document, _ = layers.all[-1]
            message = f"the {backend} backend has no use for {setting}, which some of its items have: left out"
            self.findings.warn_once(Problem(message, place=Place(document.name)))

    def _workflow(self, made: dict[str, Any], backend: Backend, layers: Layers, given: Narrowed) -> str:
        """The path of the item's workflow; the recipe holds its content instead. Empty without one."""
        if "workflow" not in made or "workflow" in layers.unfilled:
            return ""
        origin = given.origins.get("workflow")
        try:
            path = self._inputs.path(made.pop("workflow"))
            made["workflow"] = backend.content("workflow", self.project / path)
            self.workflows[path] = None
            return path
        except BadInput as error:
            self.problems.append(layers.problem(str(error), "workflow", error.hint, origin))
        except Unusable as error:
            complaint = error.complaint
            self.problems.append(layers.problem(complaint.message, "workflow", complaint.hint, origin))
        layers.unfilled.add("workflow")
        return ""

    def _pictures(self, made: dict[str, Any], layers: Layers, given: Narrowed) -> Iterator[Wanted]:
        """The pictures that go into an item; what they show joins the recipe when they are there. One that is
        told to be wrong counts as well: nothing is missing in its place."""
        for setting in PICTURES:
            value = made.pop(setting, None)
            entries = value if isinstance(value, list) else [] if value is None else [value]
            origin = given.origins.get(setting)
            for number, entry in enumerate(entries):
                where = layers.problem("", setting, layer=origin, entry=number if isinstance(value, list) else None)
                try:
                    if setting not in layers.unfilled:
                        yield wanted(setting, entry, self._inputs, where.place, where.path)
                        continue
                except BadInput as error:
                    self.problems.append(replace(where, message=str(error), hint=error.hint))
                yield Wanted(setting, "", "", where.place, where.path)

    def _filled(self, given: Narrowed, layers: Layers, own: Mapping[str, str]) -> dict[str, Any]:
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
        for setting in (*PROMPTS, "output", "filename", "workflow", *PICTURES):
            if setting not in filled:
                continue
            try:
                filled[setting] = text.fill_all(filled[setting], names)
            except (text.UnknownName, text.TooLong) as error:
                self.problems.append(layers.problem(str(error), setting, layer=given.origins.get(setting)))
                layers.unfilled.add(setting)
            if setting in PROMPTS:
                filled[setting] = filled[setting].strip()
        return filled

    def _keep(
        self,
        task: str,
        name: str,
        target: str,
        made: Mapping[str, Any],
        filled: Mapping[str, Any],
        backend: Backend,
        given: Narrowed,
        where: tuple[Place, str],
        workflow: str,
    ) -> None:
        """Take an item that is right."""
        files = tuple(
            (setting, value)
            for setting in sorted(backend.file_settings)
            if setting in made and backend.searches(setting)
            for value in ([made[setting]] if isinstance(made[setting], str) else [one["name"] for one in made[setting]])
        )
        for setting, value in files:
            key = (made["backend"], setting, value)
            first_place, first_path, count = self.uses.get(key, (*where, 0))
            self.uses[key] = (first_place, first_path, count + 1)
        patience = filled.get("timeout"), filled.get("queue_timeout")
        way = Way(made["backend"], filled["overwrite"], filled["record"], *patience, files, workflow)
        way = self._ways.setdefault(way, way)
        written = recipe.canonical(made)
        self._letters += len(written)
        if self._letters > MOST_LETTERS:
            message = f"is more than {MOST_LETTERS >> 20} MB once every item is written out"
            raise WrongInput([Problem(message, place=Place(self.file.name), hint="shorten what all items share")])
        self.items.append(Item(task, name, target, written, way))
        self.origins[task] = {key: LAYERS[layer] for key, layer in given.origins.items()}

    def backend(self, name: str) -> Backend:
        if name not in self.backends:
            if name not in backends.names():
                choices = listed(nearest(name, backends.names()))
                raise WrongInput(f'there is no backend "{name}"', f"there are {choices}")
            try:
                self.backends[name] = backends.load(name)(self.block(name), {}, self.project)
            except WrongInput as error:
                where = self.document.place(("backends", name))
                self.problems.extend(replace(problem, place=where) for problem in error.problems)
                self.backends[name] = backends.load(name)({}, {}, self.project)
        return self.backends[name]

    def block(self, name: str) -> Mapping[str, Any]:
        """The settings of a backend."""
        found: Mapping[str, Any] = self.values.get("backends", {}).get(name, {})
        return found


def _without_use(setting: str) -> str:
    """What to do about a setting that the backend has no use for."""
    others = [name for name in backends.names() if setting in backends.load(name).uses]
    return f"remove it, or choose backend: {' or '.join(others)}" if others else "remove it"


def recipe_of(backend: Backend, backend_name: str, name: str, task: str, filled: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe: every setting that decides the pixels, given or the backend's own default."""
    made: dict[str, Any] = dict(backend.defaults(filled))
    made.update({key: value for key, value in filled.items() if key in backend.uses})
    if "loras" in made:
        made["loras"] = [_lora(one) for one in made["loras"]]
    if "bindings" in made:
        made["bindings"] = {key: [spot] if isinstance(spot, str) else spot for key, spot in made["bindings"].items()}
    made["backend"] = backend_name
    if backend.draws_name:
        made["name"] = name
    if made.get("seed") == "derived":
        job, _, slug = task.partition(":")
        made["seed"] = recipe.derived_seed(filled["base_seed"], job, slug)
    return made


def _lora(given: Any) -> dict[str, Any]:
    """A LoRA with both its strengths: 1, and the text encoder's the same, as ComfyUI's own node has it."""
    one = {"name": given} if isinstance(given, str) else given
    strength = one.get("strength", 1)
    return {"name": one["name"], "strength": strength, "strength_clip": one.get("strength_clip", strength)}
