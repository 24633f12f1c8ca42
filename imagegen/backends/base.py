"""What a backend is: the one thing that every file or folder beside this one implements.

Adding a backend is one new module (or folder) here with a class ``Backend`` that meets
:class:`Backend`, and ``schemas/backends/<name>.schema.json`` for its settings block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from imagegen.watch import ATTEMPTS as ATTEMPTS
from imagegen.watch import Attempts as Attempts
from imagegen.watch import Watch as Watch


@dataclass(frozen=True)
class Order:
    """One image to make: the recipe decides its pixels, the rest is for messages and patience.

    ``task`` is ``job:slug``; ``digest`` the recipe's, 64 hex digits; ``timeout`` (from when the
    image starts to run) and ``queue_timeout`` are seconds, None leaves it to the backend's block.
    ``files`` are those whose content the recipe names, by setting: ``workflow``, ``references``, ``image``.
    """

    task: str
    name: str
    recipe: Mapping[str, Any]
    digest: str
    timeout: float | None = None
    queue_timeout: float | None = None
    files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Picture:
    """What a backend gives back.

    ``png`` is a whole PNG file. ``texts`` are text chunks to keep beside the record (keyword to
    text). ``notes`` are worth a line to the user. ``known`` are digests of what the recipe names, as the server
    tells them. ``settle`` is called once the target is in its
    place (a polite client then forgets the job on the server); it must not raise for a server's fault.
    """

    png: bytes
    texts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    settle: Callable[[], None] = lambda: None
    known: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Complaint:
    """A setting that a backend can't work with: which one, why, and the mend.

    ``useless`` says that there is nothing the setting could change: an error where an item or job gives it,
    and a warning from ``defaults``. ``asks`` says that :meth:`Backend.learn` may mend it. ``advice`` is a
    warning, wherever the setting is given.
    """

    setting: str
    message: str
    hint: str = ""
    useless: bool = False
    asks: bool = False
    advice: bool = False


@dataclass(frozen=True)
class Sent:
    """What would be sent for an order: the ``graph``; for each setting where it goes (``places``, such as
    ``6.text (CLIPTextEncode)``); and which of a workflow's own values it changes, ``(place, old, new)``."""

    graph: Mapping[str, Any]
    places: Mapping[str, Sequence[str]] = field(default_factory=dict)
    changes: Sequence[tuple[str, Any, Any]] = ()


class Workflows(Protocol):
    """What a backend whose graphs come from files can tell of such a file."""

    def convert(self, path: Path, known: Path | None) -> Mapping[str, Any]:
        """The graph in the form in which it is sent. ``known`` is a snapshot to go by in place of what the
        server says. Raises WrongInput, or Unreachable where the server is needed and does not answer."""

    def check(self, path: Path, known: Path | None) -> Mapping[str, Any]:
        """What the file is and what would be bound to what: ``format``, ``save``, ``places``, ``unbound`` (a
        setting and why), ``problem`` where it can't be used at all."""

    def snapshot(self, paths: Sequence[Path]) -> bytes:
        """What the server knows of the node classes in these files (of all classes without files), as JSON.
        Raises Unreachable."""

    def snapshot_path(self) -> Path:
        """Where the settings say that a snapshot lies, or where it is usual."""


@dataclass(frozen=True)
class Refusal:
    """What a server can't do, found before anything is queued: the orders it concerns, and why."""

    tasks: tuple[str, ...]
    setting: str
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Check:
    """One line of `doctor`: ``what`` was looked at, what was ``found``, and the command or step that mends it.

    ``state`` is ``ok``, ``warning`` (worth knowing, and no reason to fail) or ``failed``.
    """

    what: str
    found: str
    state: str = "ok"
    mend: str = ""


class ModelsFolder(NamedTuple):
    """A folder of models. ``noted`` says that the user's own state on this machine vouches for it; another is
    only named by the manifest, which may have come from anybody."""

    path: Path
    noted: bool = False


class Service(Protocol):
    """A server of this machine that was set up here, for `server start|stop|status|logs`. Every method may
    raise BuildFailed (its message is for the user)."""

    def start(self, say: Callable[[str], None], watch: Watch | None = None) -> bool:
        """Start it, detached, and wait until it answers; whether it was started now (else it ran already)."""

    def stop(self, say: Callable[[str], None]) -> bool:
        """End what :meth:`start` started, gently first; whether there was anything to end."""

    def status(self) -> Mapping[str, Any]:
        """``running``, ``pid``, ``url``, ``version``, ``log``, ``started``, ``queue`` (what is known of them)."""

    def logs(self, follow: bool) -> Iterator[str]:
        """Its lines; with ``follow`` also those to come, until it ends."""


class Unusable(ValueError):
    """A file that a setting names and that can't be used."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(complaint.message)
        self.complaint = complaint


class Absent(LookupError):
    """A model's file that is in none of the folders where it could be."""

    def __init__(self, complaint: Complaint) -> None:
        super().__init__(complaint.message)
        self.complaint = complaint


class Backend(Protocol):
    """Turns recipes into images.

    ``uses`` names every setting that decides this backend's pixels; a setting that is given and
    not in ``uses`` is an error where an item or job gives it and a warning from ``defaults``.
    ``file_settings`` are those of them that name a model's file.
    ``draws_name`` says that the item's name is in the picture, and so in the recipe. ``multiple`` is the
    number of pixels whose multiples its sides are.
    """

    name: str
    uses: frozenset[str]
    file_settings: frozenset[str]
    draws_name: bool
    multiple: int

    def __init__(self, settings: Mapping[str, Any], environ: Mapping[str, str], project: Path) -> None:
        """``settings`` is the manifest's ``backends.<name>`` block, already checked by its schema;
        relative folders in it count from ``project``. Raises WrongInput; connects to nothing yet.
        """

    @property
    def workers(self) -> int:
        """How many orders may be under way at once (waiting, running, coming down)."""

    def defaults(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The documented values, for an item with these settings, of those that nobody gave; they enter
        the recipe."""

    def check(self, order: Order) -> Iterable[Complaint]:
        """Look at one order by itself, without a server, a GPU or a model. Its seed may be ``"random"``, and
        the pixels of what goes into it are not known yet."""

    def content(self, setting: str, path: Path) -> str:
        """``sha256:…`` of what matters in a file that a setting names (``workflow``). Raises Unusable."""

    def read(self) -> Iterable[Path]:
        """The files, whether they are there or not, that :meth:`check` and :meth:`content` have gone by."""

    def learn(self) -> None:
        """Ask the server for what a complaint said is lacking, and keep it. Raises BuildFailed."""

    def workflows(self) -> Workflows | None:
        """For a backend whose graphs may come from files."""

    def searches(self, setting: str) -> bool:
        """Whether the settings block says where the files of this setting can be looked for."""

    def locate(self, setting: str, value: str) -> Path | None:
        """The file that a setting of ``file_settings`` names; None where that can't be known offline.

        Raises :class:`Absent` when it can be known and the file is not there.
        """

    def models_folders(self, kind: str) -> Sequence[ModelsFolder]:
        """The folders of this machine, whether they are there or not, in which models of a kind
        (``checkpoints``) are looked for; new ones go first. Empty for a backend that keeps none in folders."""

    def answers(self) -> bool:
        """Whether somebody answers there now; asked before more is queued after nobody did."""

    def preflight(self, orders: Sequence[Order], watch: Watch) -> Sequence[Refusal]:
        """Ask the server, before anything is queued, whether it can do all of these.

        Raises :class:`~imagegen.errors.Unreachable` when no server answers.
        """

    def sent(self, order: Order) -> Sent | None:
        """What would be sent, for ``explain``; None where nothing is. Raises BuildFailed."""

    def service(self) -> Service | None:
        """For a backend whose server can be started here."""

    def checks(self, orders: Sequence[Order], watch: Watch) -> Iterable[Check]:
        """What this machine and the servers have of what these orders need, for `doctor`; it changes nothing,
        and a server that does not answer is a line like any other."""

    def setup(self, wishes: Mapping[str, Any], say: Callable[[str], None], watch: Watch) -> bool:
        """Bring what is lacking onto this machine, each step said; whether anything was changed. ``wishes`` are
        the command line's (``yes``: downloads may begin). Raises BuildFailed, and what was there is as it was."""

    def generate(self, order: Order, watch: Watch) -> Picture:
        """Make one image. Raises BuildFailed (its message is for the user) or Interrupted."""

    def close(self) -> None:
        """Let go of sockets and threads."""


def modules(package_path: Iterable[str]) -> Iterator[str]:
    """Names of the backends that live beside this file."""
    import pkgutil

    for module in pkgutil.iter_modules(list(package_path)):
        if module.name != "base":
            yield module.name
