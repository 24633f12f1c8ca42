"""Finding items among 10,000: by job, by state, by words. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence, Set
from typing import NamedTuple

from imagegen.items import Item
from imagegen.verdict import State, Verdict

BUSY = "busy"
"""Beside the verdicts' states: what is queued or being made."""


class Index(NamedTuple):
    """For each item what is looked through (in small letters), and its job."""

    texts: Sequence[str]
    jobs: Sequence[str]


class Query(NamedTuple):
    """All of the words of ``text`` must be there, whether written in capitals or not. What is empty asks for
    nothing."""

    job: str = ""
    text: str = ""


def index(items: Sequence[Item]) -> Index:
    """What is looked through: task, name, target and prompt."""
    return Index([_text(item) for item in items], [item.job for item in items])


def _text(item: Item) -> str:
    prompt = json.loads(item.recipe).get("prompt", "")
    return f"{item.task}\n{item.name}\n{item.target}\n{prompt}".casefold()


def find(index: Index, query: Query) -> Sequence[int]:
    """The numbers of the items that ``query`` asks for, in order."""
    found: Sequence[int] = range(len(index.texts))
    if query.job:
        found = [number for number in found if index.jobs[number] == query.job]
    for word in query.text.casefold().split():
        found = [number for number in found if word in index.texts[number]]
    return found


def of_states(
    numbers: Sequence[int], verdicts: Sequence[Verdict], busy: Set[int], states: Collection[str]
) -> Sequence[int]:
    """Those of ``numbers`` that have one of these states, or are ``busy`` where that is one of them; all without
    states."""
    if not states:
        return numbers
    wanted = {state for state in State if state.value in states}
    also = busy if BUSY in states else frozenset[int]()
    return [number for number in numbers if verdicts[number].state in wanted or number in also]


def counts(numbers: Sequence[int], verdicts: Sequence[Verdict], busy: Set[int]) -> dict[str, int]:
    """How many of ``numbers`` have each state, and how many are busy."""
    found = Counter([verdicts[number].state for number in numbers])
    return {**{state.value: found[state] for state in State}, BUSY: len(busy & set(numbers) if busy else busy)}
