"""What an import of a script does to a storyboard. Pure: a script and what is there give a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from imagegen.errors import Problem, WrongInput, did_you_mean
from imagegen.storyboard import matching
from imagegen.storyboard.present import DEFAULTS, Line, Present
from imagegen.storyboard.script import Character, Draft, Sentence

_SIZE = ("aspect_ratio", "width", "height")
"""They follow from each other."""


class Step(NamedTuple):
    """A sentence of the script, the one of the storyboard that it is (None: it is new), and what changes in that."""

    written: Sentence
    held: Line | None
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What an import does. ``project_id`` is None for a new project. ``settings`` are those that change, ``whole`` all
    as they then are. ``characters`` are the changes of those that are there, by id; ``cast`` the names of all in their
    order, ``recast`` whether those that were there change theirs. ``gone`` are the sentences that the script no longer
    has; ``before`` the ids of all in their old order, ``moved`` whether those that stay are in another."""

    name: str
    project_id: str | None
    settings: Mapping[str, Any]
    whole: Mapping[str, Any]
    new_characters: Sequence[Character]
    characters: Mapping[str, Mapping[str, Any]]
    cast: Sequence[str]
    recast: bool
    steps: Sequence[Step]
    gone: Sequence[Line]
    before: Sequence[str]
    moved: bool

    @cached_property
    def added(self) -> Sequence[Step]:
        return [step for step in self.steps if step.held is None]

    @cached_property
    def changed(self) -> Sequence[Step]:
        return [step for step in self.steps if step.changes]

    @property
    def is_nothing(self) -> bool:
        """Whether the storyboard holds all that the script says."""
        about_all = self.settings or self.new_characters or self.characters or self.recast or self.moved
        return self.project_id is not None and not (about_all or self.added or self.changed)


def plan(draft: Draft, name: str, there: Present | None) -> Plan:
    """What is to be done so that the project ``name``, which is ``there`` or new, is as the script says. Raises
    WrongInput for characters that nobody lists."""
    if problems := list(_strangers(draft, there)):
        raise WrongInput(problems)
    if there is None:
        there = Present("", name, {}, (), ())
    settings = {key: value for key, value in draft.settings.items() if there.settings.get(key) != value}
    if settings.keys() & set(_SIZE):
        settings |= {key: draft.settings[key] for key in _SIZE if key in draft.settings}
    roles = {role.name: role for role in there.characters}
    found = matching.matched(draft.sentences, there.sentences)
    stay = [line.id for line in found if line is not None]
    staying = set(stay)
    cast = matching.order([one.name for one in draft.characters], list(roles))
    return Plan(
        there.name,
        there.id or None,
        settings,
        {**DEFAULTS, **there.settings, **draft.settings},
        [one for one in draft.characters if one.name not in roles],
        dict(_characters(draft, there)),
        cast,
        [name for name in cast if name in roles] != list(roles),
        [Step(one, line, _changes(one, line)) for one, line in zip(draft.sentences, found, strict=True)],
        [line for line in there.sentences if line.id not in staying],
        [line.id for line in there.sentences],
        stay != [line.id for line in there.sentences if line.id in staying],
    )


def _characters(draft: Draft, there: Present) -> Iterator[tuple[str, Mapping[str, Any]]]:
    roles = {role.name: role for role in there.characters}
    for one in draft.characters:
        if role := roles.get(one.name):
            is_now = role._asdict()
            if changes := {key: value for key, value in one.given.items() if is_now[key] != value}:
                yield role.id, changes


def _changes(written: Sentence, held: Line | None) -> Mapping[str, Any]:
    if held is None:
        return {}
    is_now = {**held._asdict(), "characters": sorted(held.characters)}
    given = {"text": written.text, **written.given}
    if "characters" in given:  # their order is the project's
        given["characters"] = sorted(given["characters"])
    return {key: value for key, value in given.items() if is_now[key] != value}


def _strangers(draft: Draft, there: Present | None) -> Iterator[Problem]:
    """Characters of sentences that neither the script nor the storyboard lists."""
    known = [one.name for one in draft.characters] + [role.name for role in (there.characters if there else ())]
    listed = set(known)
    for one in draft.sentences:
        for called in one.given.get("characters", ()):
            if called not in listed:
                hint = did_you_mean(called, known) or "list who it is among the script's characters"
                yield Problem(f'there is no character "{called}"', place=one.cast_at, hint=hint)
