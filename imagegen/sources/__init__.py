"""Where a job's items come from: the manifest itself, or a file that ``source`` names.

Each kind of source is a module here with a function ``read(path, name, options)``: the file as a
:class:`~imagegen.document.Document` whose root is ``{"items": […]}``, items as the manifest would have them, so
that they are checked by the same schema and in the same words. Adding one is a module, its line in
:data:`KINDS` and its key in the schema's ``source``. A kind that is ``live`` has ``read_live`` in place of ``read``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from imagegen.document import Document
from imagegen.errors import WrongInput
from imagegen.items import Source
from imagegen.progress import Event, Listener


@dataclass(frozen=True)
class Entry:
    """One item as its source gives it: what it sets, and where in which document that stands. ``defaults`` is what
    the source gives for all its items; ``soft`` says that both may hold what a backend has no use for."""

    values: Mapping[str, Any]
    document: Document
    path: tuple[str | int, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    soft: bool = False


class Kind(NamedTuple):
    """A kind of source: its module, and the keys that may stand beside its own in ``source``.

    ``live`` ones are no files that a digest tells from their changed selves but databases, which others write to
    while images are made: their module has ``address``, ``is_current``, ``follower`` and ``settle`` besides.
    """

    module: str
    options: tuple[str, ...] = ()
    live: bool = False


class Follower(Protocol):
    """Hears a run's events, from any thread, and writes into its source what becomes of the items."""

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None: ...


KINDS: Mapping[str, Kind] = {
    "markdown": Kind("markdown", ("level",)),
    "csv": Kind("table"),
    "json": Kind("objects"),
    "storyboard": Kind("storyboard", ("project",), live=True),
}


class Live(NamedTuple):
    """What a live source gives: a job's items, and the ``state`` that they follow from (slug → digest, and more)."""

    document: Document
    state: Mapping[str, str]


def read_live(kind: str, address: str, project: Path, options: Mapping[str, Any]) -> Live:
    """The items that a live source has now; ``address`` is a path or URL as :func:`address` gave it. Raises
    WrongInput."""
    found: Live = _module(kind).read_live(address, project, options)
    return found


def address(kind: str, written: str, path: Callable[[str], str]) -> str:
    """Where a live source is; ``path`` checks what is the path of a file. Raises what ``path`` raises, and
    WrongInput."""
    found: str = _module(kind).address(written, path)
    return found


def is_current(source: Source, project: Path) -> bool:
    """Whether a live source still gives what it gave."""
    try:
        current: bool = _module(source.kind).is_current(source, project)
    except WrongInput:
        return False  # reading it says what is wrong
    return current


def followers(project: Path, found: Sequence[Source], tell: Listener) -> Iterator[Follower]:
    """Those who write into live sources what a run makes of their items."""
    for kind in dict.fromkeys(source.kind for source in found):
        yield _module(kind).follower(project, [source for source in found if source.kind == kind], tell)


def settle(project: Path, source: Source, fresh: Mapping[str, bool], targets: Mapping[str, str]) -> None:
    """Bring a live source in line with the verdicts; both mappings are by slug. Raises WrongInput and
    Unreachable."""
    _module(source.kind).settle(project, source, fresh, targets)


def read(kind: str, path: Path, name: str, options: Mapping[str, Any]) -> Document:
    """The items of the file at ``path``, which messages call ``name``. Raises WrongInput with all that is
    wrong with its form, and OSError."""
    found: Document = _module(kind).read(path, name, options)
    return found


def _module(kind: str) -> Any:
    return importlib.import_module(f"{__name__}.{KINDS[kind].module}")
