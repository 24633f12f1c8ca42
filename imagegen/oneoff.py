"""A command line of `generate` as a manifest that is written nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imagegen import document, manifest, recipe, resolve, schema, text, yaml12
from imagegen.document import Document
from imagegen.errors import LacksKnowledge, Problem, WrongInput
from imagegen.items import Manifest, Overrides, in_order
from imagegen.options import Options
from imagegen.session import ask
from imagegen.verdict import Overwrite

JOB = "generated"
LONGEST_NAME = 60
"""Letters of the prompt that become the file's name."""
SEVERAL = {
    "loras": ("lora", "a LoRA's file, perhaps with its strength behind a colon (ink.safetensors:0.8); may be repeated"),
    "references": ("reference", "a picture's file for the workflow's LoadImage nodes; may be repeated"),
    "bindings": ("binding", "where a setting goes in the workflow (prompt=6.text); may be repeated"),
}
"""Settings that are lists or mappings: the flag that adds one to them, and its words."""
FILES = ("workflow", "image", "references")
"""Settings that name files: what is typed counts from the current folder, and may lie anywhere."""


class Wanted:
    """A command line as a manifest."""

    def __init__(self, params: Mapping[str, Any], prompts: Sequence[str], file: Path | None) -> None:
        self.prompts, self.file = prompts, file
        self.name, self.count = params.get("name"), params["count"]
        self.overwrite = bool(params.get("overwrite"))
        self.backend = params.get("with_backend")
        self.settings = {
            name.removeprefix("set_"): _given(name.removeprefix("set_"), value)
            for name, value in params.items()
            if name.startswith("set_") and value not in (None, [])
        }
        self.read_from = {
            Path(file).parent.resolve() for setting in FILES for file in _as_list(self.settings.get(setting, []))
        }
        self.letters = {
            name.removeprefix("set_"): value
            for name, value in params.items()
            if name.startswith("set_") and isinstance(value, str) and name.removeprefix("set_") not in FILES
        }
        output = Path(params.get("output") or ".")
        if output.suffix.lower() == ".png":
            if self.name:
                raise WrongInput("--output names the file already", "leave out --name, or give --output a folder")
            self.folder, self.name = output.parent.absolute(), output.name
        elif output.suffix.lower() in (".jpg", ".jpeg", ".webp", ".gif"):
            raise WrongInput(f"{output}: only PNG files are written", f"--output {output.with_suffix('.png')}")
        else:
            self.folder = output.absolute()
        if self.name and self.name.lower().endswith(".png"):
            self.name = self.name[: -len(".png")]
        if self.folder.exists() and not self.folder.is_dir():
            raise WrongInput(f"--output {output} is a file, not a folder", "a file's name ends with .png")
        self.project = file.parent if file else manifest.here()

    def options(self) -> Options:
        return Options(
            overwrite=Overwrite.ALWAYS if self.overwrite else Overwrite.NEVER,
            again=self.overwrite,
            allow=(self.folder.resolve(), *sorted(self.read_from)),
        )

    def manifest(self) -> Manifest:
        """Raises WrongInput in the words of the command line."""
        base = self._base()
        defaults = base.get("defaults", {})
        job: dict[str, Any] = {key: value for key, value in self.settings.items() if key != "seed"}
        job["items"] = list(self._items(self.settings.get("seed", defaults.get("seed"))))
        job["output"] = self._output()
        if self.backend:
            job["backend"] = self.backend
        keep = {key: base[key] for key in ("vars", "backends") if key in base}
        above = {key: value for key, value in defaults.items() if key not in ("seed", "filename", "overwrite")}
        given = yaml12.Map((0, 0))
        given.update({**keep, "defaults": above, "jobs": {JOB: job}})
        source = Document("", _lettered(given, job, self.letters))
        values = schema.settled(source)
        file, overrides = self.project / "the command line", Overrides(allow=self.options().allow)

        def resolved() -> Manifest:
            return resolve.resolve(file, source, values, schema.problems(source, values), overrides)

        try:
            try:
                return resolved()
            except LacksKnowledge as lack:
                ask(lack, self.project)
                return resolved()
        except WrongInput as error:
            raise WrongInput([as_flag(problem) for problem in error.problems]) from error

    def _base(self) -> Mapping[str, Any]:
        if self.file is None:
            return {}
        source = document.read(self.file, self.file.name)
        values = schema.settled(source)
        wrong = [problem for _, problem in schema.problems(source, values)] if isinstance(values, dict) else []
        if wrong:
            raise WrongInput(in_order(wrong))
        return values if isinstance(values, dict) else {}

    def _output(self) -> str:
        try:
            inner = self.folder.relative_to(self.project.absolute()).as_posix()
        except ValueError:
            return self.folder.as_posix()
        return inner

    def _items(self, seed: Any) -> Iterator[dict[str, Any]]:
        taken: set[str] = set()
        for prompt in self.prompts:
            for number in range(self.count):
                name = self._file_name(prompt, number, taken)
                taken.add(text.same_file(name))
                fixed = isinstance(seed, int) and not isinstance(seed, bool)
                own = (
                    seed + number
                    if fixed
                    else recipe.drawn_seed()
                    if seed in (None, recipe.RANDOM, "derived")
                    else seed
                )
                yield {"name": name, "slug": _plain(name), "filename": name, "prompt": prompt, "seed": own}

    def _file_name(self, prompt: str, number: int, taken: set[str]) -> str:
        """The given name, or one made of the prompt that is still free."""
        many = self.count * len(self.prompts) > 1
        if self.name:
            name = f"{self.name}-{len(taken) + 1}" if many else str(self.name)
            if not self.overwrite and (self.folder / f"{name}.png").exists():
                raise WrongInput(
                    f"{self.folder / name}.png is there already",
                    "--overwrite writes over it and keeps the old one; --name gives another name",
                )
            return name
        base = text.slug_of(prompt)[:LONGEST_NAME].strip("-") or "image"
        at = 1
        while True:
            name = base if at == 1 else f"{base}-{at}"
            there = not self.overwrite and (self.folder / f"{name}.png").exists()
            if not there and text.same_file(name) not in taken:
                return name
            at += 1


def _given(setting: str, value: Any) -> Any:
    """A setting's value as it was typed, in the form that the manifest has. Raises WrongInput."""
    if setting == "bindings":
        pairs = [one.partition("=") for one in value]
        if wrong := [name for name, equals, spot in pairs if not (name and equals and spot)]:
            raise WrongInput(f'--binding wants a setting and a place, not "{wrong[0]}"', "--binding prompt=6.text")
        return {name: [spot for other, _, spot in pairs if other == name] for name, _, _ in pairs}
    if setting == "loras":
        return [_lora(one) for one in value]
    if setting in FILES:
        return [str(Path(one).absolute()) for one in value] if isinstance(value, list) else str(Path(value).absolute())
    return yaml12.scalar(value)


def _lora(typed: str) -> dict[str, Any]:
    """``ink.safetensors:0.8``."""
    name, colon, strength = typed.rpartition(":")
    number = yaml12.scalar(strength) if colon else None
    if isinstance(number, int | float) and not isinstance(number, bool):
        return {"name": name, "strength": number}
    return {"name": typed}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _plain(name: str) -> str:
    """A slug for a file name that may hold what slugs can't."""
    return "".join("-" if letter in "/\\:*= \t\n" else letter for letter in name) or "image"


def _lettered(given: yaml12.Map, job: dict[str, Any], letters: Mapping[str, str]) -> yaml12.Map:
    """The job, remembering what was typed, for settings that want text (``--checkpoint 007``)."""
    marked = yaml12.Map((0, 0))
    marked.update(job)
    marked.letters.update(letters)
    given["jobs"] = {JOB: marked}
    return given


def as_flag(problem: Problem) -> Problem:
    """``jobs.generated.steps`` is ``--steps`` to who typed it."""
    path = problem.path.removeprefix(f"jobs.{JOB}").removeprefix(".")
    if path.startswith("items"):
        path = path.partition("]")[2].removeprefix(".")
    path = path.partition("[")[0].partition(".")[0]
    path = {"filename": "name", "slug": "name", **{name: flag for name, (flag, _) in SEVERAL.items()}}.get(path, path)
    hint = "" if "item" in problem.hint else problem.hint
    if problem.message == "has no checkpoint":
        return Problem(
            "the comfyui backend needs a checkpoint", hint="--checkpoint names one; or --backend placeholder"
        )
    return Problem(problem.message, f"--{path.replace('_', '-')}" if path else "", hint=hint)
