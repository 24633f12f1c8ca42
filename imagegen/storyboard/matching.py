"""Which sentence of a storyboard is which of a script that is imported again, and the order of both together. Pure."""

from __future__ import annotations

import bisect
import difflib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from imagegen.storyboard.script import Sentence

ALIKE = 0.7
"""How much of two texts agrees (difflib's ratio) where one is the other, corrected."""
NEARBY = 5
"""Sentences among which a corrected one is looked for."""


class Held(Protocol):
    """A sentence that the storyboard holds."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def image_prompt(self) -> str: ...


Row = TypeVar("Row", bound=Held)


def matched(script: Sequence[Sentence], held: Sequence[Row]) -> list[Row | None]:
    """For each sentence of the script the one of the storyboard that it is; None for a new one.

    One that the script names is the one with that name; any other the next one with that text, or else the first.
    What is left of both is the same where it stands between the same sentences and its text is alike: a text that was
    corrected.
    """
    found: list[Row | None] = [None] * len(script)
    by_name = {one.name: one for one in held}
    taken: set[str] = set()
    for number, one in enumerate(script):
        if (same := by_name.get(one.given.get("name", ""))) is not None:
            found[number] = same
            taken.add(same.id)
    place = {row.id: number for number, row in enumerate(held)}
    by_text: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(held):
        if row.id not in taken:
            by_text[said(row.text, row.image_prompt)].append(number)
    last = -1  # the next one, not the first: else one that is gone takes the place of its like at the second import
    for number, one in enumerate(script):
        left = by_text.get(said(one.text, one.given.get("image_prompt", "")))
        if found[number] is None and left:
            behind = bisect.bisect(left, last)
            same = held[left.pop(behind if behind < len(left) else 0)]
            found[number] = same
            taken.add(same.id)
        if (same_as := found[number]) is not None:
            last = place[same_as.id]
    _corrected(script, held, place, found, taken)
    return found


def said(text: str, prompt: str) -> str:
    """What a sentence is known by."""
    return text or prompt


def _corrected(
    script: Sequence[Sentence],
    held: Sequence[Row],
    place: Mapping[str, int],
    found: list[Row | None],
    taken: set[str],
) -> None:
    at = 0
    for number, one in enumerate(script):
        same = found[number]
        for near in range(at, min(at + NEARBY, len(held))) if same is None else ():
            if held[near].id in taken:
                break
            if _alike(one.text, held[near].text):
                found[number] = same = held[near]
                taken.add(same.id)
                break
        if same is not None:
            at = place[same.id] + 1


def _alike(one: str, other: str) -> bool:
    compared = difflib.SequenceMatcher(None, one, other, autojunk=False)
    return compared.real_quick_ratio() >= ALIKE and compared.quick_ratio() >= ALIKE and compared.ratio() >= ALIKE


def order(wanted: Sequence[str], before: Sequence[str]) -> list[str]:
    """All ids: those ``wanted`` in their order, and each of the others behind the one that it stood behind.

    >>> order(["a", "x", "c"], ["a", "b", "c"])
    ['a', 'b', 'x', 'c']
    """
    among = set(wanted)
    behind: Mapping[str, list[str]] = defaultdict(list)
    last = ""
    for one in before:
        if one in among:
            last = one
        else:
            behind[last].append(one)
    found = list(behind[""])
    for one in wanted:
        found += [one, *behind[one]]
    return found
