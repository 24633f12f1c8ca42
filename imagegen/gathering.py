"""Which images a job has: its items, listed or from a source, each once or once for each combination."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from imagegen import matrix, schema, sources
from imagegen.document import Document
from imagegen.errors import Problem, WrongInput, did_you_mean, listed
from imagegen.files import digest_of_file
from imagegen.inputs import BadInput, Inputs
from imagegen.items import Source
from imagegen.matrix import Choice
from imagegen.remains import Remains
from imagegen.schema import Path_, path_text
from imagegen.sources import Entry, inline

OWN_NAMES = ("name", "slug", "job")
"""What every item has for ``${…}``; nothing else may be called so."""


class Gathered(NamedTuple):
    """An item and the combinations it is made for, one at least; ``lacking`` says that something was left out
    of it, so that what it lacks need not be told."""

    entry: Entry
    choices: Sequence[Choice]
    lacking: bool


class Gatherer:
    """Gathers one job's items after another. ``remains`` are the manifest's values, ``document`` where they
    stand; what is wrong joins ``problems``. ``inputs`` are the sources' files with their content's SHA-256, ``live``
    those sources that are databases."""

    def __init__(
        self, document: Document, remains: Remains, project: Path, allowed: Sequence[Path], problems: list[Problem]
    ) -> None:
        self.inputs: dict[str, str] = {}
        self.live: list[Source] = []
        self._document, self._remains, self._project = document, remains, project
        self._files = Inputs(project, allowed)
        self._problems = problems

    def of(self, name: str, job: Mapping[str, Any], path: Path_) -> Iterator[Gathered]:
        """The items of the ``job`` that is called ``name`` and stands at ``path``."""
        shared = self._choices(job, {}, self._document, self._remains, path)
        self._check_vars(job, shared, self._document, path)
        for entry, remains in self._entries(name, job, path):
            own, choices = entry.values, shared
            if remains.lost((*entry.path, "matrix")) or "matrix" in own or "exclude" in own:
                choices = self._choices(own, job, entry.document, remains, entry.path)
            self._check_vars(own, choices, entry.document, entry.path)
            yield Gathered(entry, choices, self._remains.outer_is_bad or remains.lacks(entry.path))

    # --- where they are from --------------------------------------------------------------------

    def _entries(self, name: str, job: Mapping[str, Any], path: Path_) -> Iterator[tuple[Entry, Remains]]:
        """The items of a job, each with what remains of the file that it is in."""
        document, remains, where = self._document, self._remains, (*path, "items")
        items = job.get("items", ())
        if "source" in job and "items" in job:
            self._problem("has both items and a source", (*path, "source"), "move one into another job", of_key=True)
        elif "source" in job:
            if "matrix" in job and any(sources.KINDS[kind].live for kind in sources.KINDS if kind in job["source"]):
                self._problem("has no use with a storyboard", (*path, "matrix"), "remove it", of_key=True)
            found = self._read(name, job["source"], (*path, "source"))
            if found is None:
                return
            document, remains, where = *found, ("items",)
            items = remains.values["items"]
        soft = document is not self._document and "defaults" in remains.values
        for entry in inline.entries(items, document, where):
            if soft:
                entry = replace(entry, defaults=remains.values["defaults"], soft=True)
            if entry.path not in remains.left_out:
                yield entry, remains

    def _read(self, job: str, asked: Mapping[str, Any], path: Path_) -> tuple[Document, Remains] | None:
        """The items of a source, checked as the manifest's own are; None where they can't be had."""
        kinds = [kind for kind in sources.KINDS if kind in asked]
        if len(kinds) != 1:
            if not self._remains.lost(path):
                wanted = " or ".join(f'"{kind}"' for kind in sources.KINDS)
                said = f"names more than one file: {listed(kinds)}" if kinds else f"has no {wanted}"
                self._problem(said, path, "a job has one source")
            return None
        (kind,) = kinds
        for key in set(asked) - {kind, *sources.KINDS[kind].options}:
            self._problem(f"has no use with {kind}", (*path, key), "remove it", of_key=True)
        options = {key: asked[key] for key in asked if key != kind}
        try:
            if sources.KINDS[kind].live:
                return self._read_live(job, kind, asked[kind], options)
            name = self._files.path(asked[kind])
            file = self._project / name
            if not file.is_file():
                there = [one.name for one in file.parent.iterdir()] if file.parent.is_dir() else []
                if file.is_dir():
                    raise BadInput(f"{name} is a folder", "name a file in it")
                mend = did_you_mean(file.name, there) or "it counts from the manifest's folder"
                raise BadInput(f"there is no {name}", mend)
            self.inputs[name] = digest_of_file(file)  # before it is read: what changes later is seen next time
            document = sources.read(kind, file, name, options)
            return self._checked(document)
        except BadInput as error:
            self._problem(str(error), (*path, kind), error.hint)
        except OSError as error:
            self._problem(f"can't be read: {error.strerror or error}", (*path, kind))
        except WrongInput as error:
            here = self._document.place((*path, kind))
            for problem in error.problems:  # a database's own have no place in it
                unplaced = replace(problem, path=path_text((*path, kind)), place=here)
                self._problems.append(problem if problem.place.file else unplaced)
        return None

    def _read_live(self, job: str, kind: str, written: str, options: Mapping[str, Any]) -> tuple[Document, Remains]:
        """The items of a database. Raises BadInput and WrongInput."""
        address = sources.address(kind, written, self._files.path)
        found = sources.read_live(kind, address, self._project, options)
        self.live.append(Source(job, kind, address, options, found.state))
        return self._checked(found.document)

    def _checked(self, document: Document) -> tuple[Document, Remains]:
        values = schema.settled(document)
        found = schema.problems(document, values)
        self._problems.extend(problem for _, problem in found)
        return document, Remains(values, (wrong for wrong, _ in found))

    # --- how often each is made -----------------------------------------------------------------

    def _choices(
        self, own: Mapping[str, Any], job: Mapping[str, Any], document: Document, remains: Remains, path: Path_
    ) -> Sequence[Choice]:
        """The combinations of what an item (or a job) gives and what its ``job`` gives: the narrowest holds."""
        combined = own.get("matrix", job.get("matrix", {}))
        exclude = own.get("exclude", () if "matrix" in own else job.get("exclude", ()))
        where = (*path, "matrix")
        if remains.lost(where):  # and told: here it is only a ${…} that is not to be unknown as well
            keys = {taken[len(where)]: () for taken in remains.taken if taken[:-1] == where}
            return matrix.stand_in({**combined, **{str(key): values for key, values in keys.items()}})
        wrong = list(matrix.faults(combined, exclude, OWN_NAMES))
        if (count := matrix.size(combined)) > schema.MOST_ITEMS:
            message = f"has {count} combinations; at most {schema.MOST_ITEMS} images can be in all"
            wrong.append(matrix.Fault(message, ("matrix",), "shorten it"))
        made = () if wrong else matrix.choices(combined, exclude)
        if not made and not wrong:
            message = "takes out every combination, so that no image is left"
            wrong.append(matrix.Fault(message, ("exclude",), "remove an entry"))
        self._tell((fault for fault in wrong if fault.path[0] in own), document, path)  # the job's own are told there
        return made or matrix.stand_in(combined)

    def _check_vars(self, own: Mapping[str, Any], choices: Sequence[Choice], document: Document, path: Path_) -> None:
        """No var of an item (or a job) may be called as a key of its matrix is."""
        for key in choices[0].values.keys() & own.get("vars", {}).keys():
            fault = matrix.Fault(f'a var can\'t be called "{key}": the matrix has it', ("vars", key), "rename one")
            self._tell([fault], document, path)

    # --- what is wrong --------------------------------------------------------------------------

    def _tell(self, faults: Iterable[matrix.Fault], document: Document, path: Path_) -> None:
        for message, inner, hint in faults:
            where = (*path, *inner)
            self._problems.append(Problem(message, path_text(where), document.place(where), hint))

    def _problem(self, message: str, path: Path_, hint: str = "", of_key: bool = False) -> None:
        self._problems.append(Problem(message, path_text(path), self._document.place(path, of_key), hint))
