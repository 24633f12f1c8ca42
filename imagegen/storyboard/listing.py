"""A storyboard as lists: its projects, and one project's sentences with the verdicts on their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from imagegen.session import Session
from imagegen.storyboard.database import Address
from imagegen.storyboard.present import Line, Present
from imagegen.verdict import Verdict


class Shown(NamedTuple):
    """A sentence in a list. ``state`` is the verdict on its picture; where no job of the manifest makes it, what its
    flag says: dirty or clean."""

    number: int
    line: Line
    state: str
    reasons: Sequence[str]


def same(one: Address, other: Address) -> bool:
    """Whether two addresses are one storyboard's."""
    if one.file is not None and other.file is not None:
        return one.file.resolve() == other.file.resolve()
    return one.file is None and other.file is None and one.shown == other.shown


def sentences(project: Present, session: Session | None, job: str) -> list[Shown]:
    """The project's sentences in their order, with the verdicts that ``session`` has on the items of ``job``."""
    verdicts: Mapping[str, Verdict] = {}
    if session is not None and job:
        items = session.select([job])
        verdicts = {item.slug: found for item, found in zip(items, session.judged(items), strict=True)}
    return [_shown(number, line, verdicts.get(line.id)) for number, line in enumerate(project.sentences, 1)]


def _shown(number: int, line: Line, found: Verdict | None) -> Shown:
    if found is None:
        return Shown(number, line, "dirty" if line.is_image_dirty else "clean", ())
    return Shown(number, line, found.state.value, found.reasons)


def shortened(text: str, most: int) -> str:
    """A text in one line of at most ``most`` letters, 20 at least."""
    line = " ".join(text.split())
    most = max(20, most)
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def count(number: int, what: str) -> str:
    """``1 sentence``, ``2 sentences``."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def as_json(project: Present, shown: Sequence[Shown], job: str) -> dict[str, Any]:
    """The list as JSON; ``verdict`` is null where no job makes the picture."""
    return {
        "id": project.id,
        "name": project.name,
        "job": job or None,
        **project.settings,
        "sentences": [
            {
                "number": one.number,
                **one.line._asdict(),
                "verdict": one.state if job else None,
                "reasons": list(one.reasons),
            }
            for one in shown
        ],
    }
