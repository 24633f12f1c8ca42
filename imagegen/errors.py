"""The one family of errors: what is wrong, where, and what to do.

Exit statuses (the whole program's, see docs/architecture.md):
0 done; 1 an image failed, no server answered, or ``--check`` found work;
2 our own error; 3 the input is wrong; 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

DONE, FAILED, BUG, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(frozen=True, order=True)
class Place:
    """A spot in a file: ``line`` and ``column`` count from 1, 0 means unknown."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the input.

    ``path`` says where in the manifest (``jobs.kins.items[3]``), ``hint`` how to mend it.
    """

    message: str
    path: str = ""
    place: Place = Place()
    hint: str = ""

    def __str__(self) -> str:
        where = "".join(f"{part}: " for part in (str(self.place), self.path) if part)
        return f"{where}{self.message}" + (f" ({self.hint})" if self.hint else "")

    def as_json(self) -> dict[str, object]:
        flat = asdict(self)
        return {**flat.pop("place"), **flat}


class ImagegenError(Exception):
    """Something the user is told in one message, without a traceback."""

    status = FAILED

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint

    def __str__(self) -> str:
        return self.message + (f"\n  {self.hint}" if self.hint else "")


class WrongInput(ImagegenError):
    """The manifest, a file it names, or the command line is wrong: exit status 3. ``workflows`` are the
    files of those that a manifest names, as far as it was understood."""

    status = WRONG_INPUT

    def __init__(self, problems: Iterable[Problem] | str, hint: str = "", workflows: Sequence[str] = ()) -> None:
        self.workflows = workflows
        found = [Problem(problems, hint=hint)] if isinstance(problems, str) else list(problems)
        self.problems: Sequence[Problem] = found
        super().__init__("\n".join(str(problem) for problem in found))


class LacksKnowledge(WrongInput):
    """Nothing is wrong but that a ``backend``, with these ``settings``, has to ask its server before the
    manifest can be understood."""

    def __init__(
        self, problems: Iterable[Problem], backend: str, settings: Mapping[str, Any], workflows: Sequence[str]
    ) -> None:
        super().__init__(problems, workflows=workflows)
        self.backend, self.settings = backend, settings


class BuildFailed(ImagegenError):
    """This image could not be made; the others go on. ``attempts`` says how many were spent: none on what no
    further one would mend."""

    attempts = 0


class Unreachable(BuildFailed):
    """A server did not answer as it should; it may later."""


class NobodyThere(Unreachable):
    """No server answered at all."""


class Interrupted(ImagegenError):
    """Ctrl-C, SIGTERM: leave everything whole and go."""

    status = INTERRUPTED


def nearest(wrong: str, choices: Iterable[str]) -> list[str]:
    """All choices, those most like ``wrong`` first, the others in their own order."""
    import difflib  # only a mistake needs it

    known = list(dict.fromkeys(choices))
    lower = {choice: choice.lower() for choice in known}
    ratio = {c: difflib.SequenceMatcher(None, wrong.lower(), lower[c]).ratio() for c in known}
    return sorted(known, key=lambda choice: -ratio[choice])


def did_you_mean(wrong: str, choices: Iterable[str]) -> str:
    """``did you mean "prompt"?`` where a choice is close enough, else the empty text."""
    return _closest(wrong, tuple(choices))


@lru_cache(maxsize=1024)
def _closest(wrong: str, choices: tuple[str, ...]) -> str:
    import difflib

    close = difflib.get_close_matches(wrong.lower(), {c.lower(): c for c in choices}, n=1, cutoff=0.6)
    if not close:
        return ""
    original = {c.lower(): c for c in choices}[close[0]]
    return f'did you mean "{original}"?'


def listed(choices: Iterable[str], most: int = 12) -> str:
    """``"a", "b" and 3 more``: choices as an error shows them."""
    known = list(choices)
    if not known:
        return "none"
    shown = ", ".join(f'"{choice}"' for choice in known[:most])
    return shown + (f" and {len(known) - most} more" if len(known) > most else "")
