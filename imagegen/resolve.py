"""Checked values → items with their recipes, and everything that only shows when all is put together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from imagegen import backends, recipe, settings, text, verbs
from imagegen.backends.base import Backend
from imagegen.document import Document
from imagegen.errors import Place, Problem, WrongInput, listed, nearest
from imagegen.manifest import ONE_JOB, FileUse, Item, Manifest, Overrides, Way, in_order
from imagegen.schema import Path_, path_text
from imagegen.settings import BadSize, Narrowed, narrow
from imagegen.sources import Entry, inline

LAYERS = ("defaults", "job", "item")
PROMPTS = ("prompt", "negative_prompt")
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
        self.bad_items: set[Path_] = set()
        self.outer_is_bad = False  # then what an item lacks may only be misspelled above it
        self.taken: dict[str, tuple[str, Place]] = {}  # targets and task names, by whose item
        jobs = values.get("jobs")
        for name in jobs if isinstance(jobs, dict) else ():  # now: a job that is wrong otherwise is left out later
            if name in verbs.RESERVED:
                message = f'a job can\'t be called "{name}": a command is'
                self.problem(message, ("jobs", name), "choose another name", of_key=True)
        self.uses: dict[tuple[str, str, str], tuple[Place, str, int]] = {}
        self.backends: dict[str, Backend] = {}
        self.ways: dict[Way, Way] = {}

    # --- what the schemas found -----------------------------------------------------------------

    def leave_out(self, path: Path_) -> None:
        """Take what stands at ``path`` out of the values, so that the rest can still be looked at."""
        for length in (2, 4):
            if len(path) >= length and path[length - 2] == "items" and isinstance(path[length - 1], int):
                self.bad_items.add(path[:length])
                return
        self.outer_is_bad = True
        if not path:
            return
        node: Any = self.values
        for step in path[:-1]:
            node = node.get(step) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(path[-1], None)

    # --- jobs -----------------------------------------------------------------------------------

    def jobs(self) -> Iterator[tuple[str, Mapping[str, Any], Path_]]:
        if "jobs" in self.values and "items" in self.values:
            self.problem("has both jobs and items", ("items",), "move the items into a job", of_key=True)
        for name, job in self.values.get("jobs", {}).items():
            yield name, job, ("jobs", name)
        if "items" in self.values:
            yield ONE_JOB, {"items": self.values["items"]}, ()
        elif "jobs" not in self.values and not self.outer_is_bad:
            self.problem("has neither jobs nor items", (), "list the images under items:")

    def run(self) -> None:
        for name, job, path in self.jobs():
            entries = inline.entries(job.get("items", ()), self.document, (*path, "items"))
            for entry in entries:
                if entry.path not in self.bad_items:
                    self.item(name, job, path, entry)

    # --- one item -------------------------------------------------------------------------------

    def item(self, job_name: str, job: Mapping[str, Any], job_path: Path_, entry: Entry) -> None:
        layers = (self.values.get("defaults", {}), job, entry.values)
        paths: tuple[tuple[Document, Path_], ...] = (
            (self.document, ("defaults",)),
            (self.document, job_path),
            (entry.document, entry.path),
        )

        def complain(message: str, setting: str, hint: str = "", layer: int | None = None) -> None:
            where, path = paths[2 if layer is None else layer]
            known = setting in layers[2 if layer is None else layer]
            place = where.place((*path, setting)) if known else where.place(path)
            self.problems.append(Problem(message, path_text((*path, setting) if known else path), place, hint))

        try:
            given = narrow(layers)
        except BadSize as error:
            complain(str(error), error.key, layer=error.layer)
            return
        for layer, setting in given.useless:
            self.no_use(layers, paths, layer, setting, f"{setting} has no use without aspect_ratio")
        name = entry.values["name"]
        slug = entry.values.get("slug") or text.slug_of(name)
        if not slug:
            complain(f'no file name can be made of "{name}"', "name", "give it a slug: of its own")
            return
        names = {**self.values.get("vars", {}), **job.get("vars", {}), **entry.values.get("vars", {})}
        for own in OWN_NAMES:
            if own in names:
                self.problem(
                    f'a var can\'t be called "{own}": every item has one',
                    ("vars",) if own in self.values.get("vars", {}) else entry.path,
                    "rename it",
                )
        names.update(name=name, slug=slug, job=job_name)
        filled = dict(given.values)
        for setting in (*PROMPTS, "output", "filename"):
            if setting in filled:
                try:
                    filled[setting] = text.fill(filled[setting], names)
                except text.UnknownName as error:
                    complain(str(error), setting, layer=given.origins.get(setting))
                    return
        for setting in PROMPTS:
            if setting in filled:
                filled[setting] = filled[setting].strip()
        backend_name = self.overrides.backend or filled["backend"]
        backend = self.backend(backend_name)
        if not filled.get("prompt"):
            if not self.outer_is_bad:
                complain(
                    "has no prompt" if "prompt" not in filled else "its prompt is empty",
                    "prompt",
                    "give the item, its job or defaults one",
                    given.origins.get("prompt"),
                )
            return
        for setting in filled:
            if setting not in backend.uses and setting not in settings.ABOUT_THE_FILE:
                message = f"the {backend_name} backend has no use for {setting}"
                self.no_use(layers, paths, given.origins[setting], setting, message)
        task = f"{job_name}:{slug}"
        made = compose(backend, backend_name, name, task, filled)
        if not self.outer_is_bad:
            for found in backend.check(made):
                complain(found.message, found.setting, found.hint, given.origins.get(found.setting))
        place = entry.document.place(entry.path)
        target = self.target(task, name, filled, place, complain, given)
        if target is None:
            return
        self.keep(task, name, target, made, filled, backend_name, backend, given, (place, path_text(entry.path)))

    def no_use(
        self,
        layers: Sequence[Mapping[str, Any]],
        paths: Sequence[tuple[Document, Path_]],
        layer: int,
        setting: str,
        message: str,
    ) -> None:
        """A setting without use: an error where an item or job gives it, a warning from defaults."""
        document, path = paths[layer]
        where = (*path, setting) if setting in layers[layer] else path
        problem = Problem(message, path_text(where), document.place(where), "remove it")
        (self.problems if layer else self.warnings).append(problem)

    def target(
        self, task: str, name: str, filled: Mapping[str, Any], place: Place, complain: Any, given: Narrowed
    ) -> str | None:
        """The item's PNG, counted from the project's folder; None after a complaint."""
        output, filename = filled["output"].rstrip("/") or "/", filled["filename"]
        outside = PurePosixPath(output).is_absolute() or PureWindowsPath(output).drive
        if "\\" in output or "\\" in filename:
            setting = "output" if "\\" in output else "filename"
            complain(f"{setting} joins its folders by \\", setting, "write /", given.origins.get(setting))
            return None
        if bad := text.bad_file_name(filename):
            complain(
                f"the file name can't be: {bad}",
                "slug" if "slug" in given.origins else "filename",
                "give the item another slug",
                given.origins.get("filename"),
            )
            return None
        folder = self.project / output
        if outside or ".." in PurePosixPath(output).parts:
            allowed = [root for root in self.overrides.allow if _within(root, folder)]
            if not allowed and not _within(self.project, folder):
                complain(
                    f"output {output} lies outside the project",
                    "output",
                    f"keep it inside, or allow it: --allow-path {folder}",
                    given.origins.get("output"),
                )
                return None
            target = (folder / f"{filename}.png").as_posix()
        else:
            clean = PurePosixPath(output)  # "./art/" is art
            target = str(clean / f"{filename}.png")
        for what, key in ((f"target, {target}", text.same_file(target)), (f"task name, {task}", f"task {task}")):
            if key in self.taken:
                other, where = self.taken[key]
                complain(
                    f'"{name}" and "{other}" ({f"line {where.line}" if where.line else "before it"}) have one {what}',
                    "name",
                    "give one of them a slug: of its own",
                )
                return None
            self.taken[key] = (name, place)
        return target

    def keep(
        self,
        task: str,
        name: str,
        target: str,
        made: Mapping[str, Any],
        filled: Mapping[str, Any],
        backend_name: str,
        backend: Backend,
        given: Narrowed,
        where: tuple[Place, str],
    ) -> None:
        files = tuple(
            (setting, made[setting])
            for setting in sorted(backend.file_settings)
            if setting in made and backend.searches(setting)
        )
        for setting, value in files:
            key = (backend_name, setting, value)
            first_place, first_path, count = self.uses.get(key, (*where, 0))
            self.uses[key] = (first_place, first_path, count + 1)
        way = Way(
            backend_name,
            filled["overwrite"],
            filled["record"],
            filled.get("timeout"),
            filled.get("queue_timeout"),
            files,
        )
        way = self.ways.setdefault(way, way)
        self.items.append(Item(task, name, target, recipe.canonical(made), way))
        self.origins[task] = {key: LAYERS[layer] for key, layer in given.origins.items()}

    # --- helpers --------------------------------------------------------------------------------

    def backend(self, name: str) -> Backend:
        if name not in self.backends:
            if name not in backends.names():
                choices = listed(nearest(name, backends.names()))
                raise WrongInput(f'there is no backend "{name}"', f"there are {choices}")
            block = self.values.get("backends", {}).get(name, {})
            self.backends[name] = backends.load(name)(block, {}, self.project)
        return self.backends[name]

    def problem(self, message: str, path: Path_, hint: str = "", of_key: bool = False) -> None:
        self.problems.append(Problem(message, path_text(path), self.document.place(path, of_key), hint))

    def manifest(self) -> Manifest:
        return Manifest(
            project=self.project,
            file=self.file.name,
            jobs=tuple(name for name, _, _ in self.jobs()),
            items=tuple(self.items),
            backends=self.values.get("backends", {}),
            file_uses=tuple(FileUse(*key, *use) for key, use in self.uses.items()),
            warnings=tuple(in_order(self.warnings)),
            folders=tuple(sorted({item.target.rpartition("/")[0] for item in self.items})),
            origins=self.origins,
        )


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


def _within(root: Path, folder: Path) -> bool:
    from imagegen.files import inside

    return inside(root, folder)
