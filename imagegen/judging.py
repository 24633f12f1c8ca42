"""The verdicts of one session, and what a run does about each.

Most items are judged by their own picture alone. One that another picture goes into (an ingredient) is
judged with that one's pixels, and reads stale while that one is still to be made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from imagegen import record, seen, verdict
from imagegen.contents import Contents
from imagegen.errors import BuildFailed
from imagegen.files import inside
from imagegen.ingredients import NoPicture, in_making_order, with_pixels
from imagegen.items import Ingredient, Item, Manifest, Way
from imagegen.options import Options
from imagegen.recipe import RANDOM_SEED, canonical
from imagegen.verdict import Action, Overwrite, State, Verdict

if TYPE_CHECKING:
    from imagegen.workshop import Workshop


class Planned(NamedTuple):
    """An item, its verdict, and what a run does about it."""

    item: Item
    verdict: Verdict
    action: Action


class Judging:
    """``manifest`` and ``options``; ``meant`` are the tasks that `run -a` and `--reseed` are about, None
    for all: an item that is only needed by one of them is not made anew without need."""

    workshop: Workshop

    def __init__(self, found: Manifest, options: Options) -> None:
        self.manifest, self.options = found, options
        self.project: Path = found.project
        self.meant: frozenset[str] | None = None
        self._known: dict[tuple[str, tuple[tuple[str, str], ...]], dict[str, str]] = {}
        self._within: dict[Path, bool] = {}

    @cached_property
    def by_task(self) -> Mapping[str, Item]:
        return {item.task: item for item in self.manifest.items}

    @cached_property
    def contents(self) -> Contents:
        """Digests of the files that recipes speak of."""
        return Contents(self.project)

    def known(self, way: Way) -> Mapping[str, str]:
        """Digests of the files that items of this way name, as far as they can be had here."""
        key = (way.backend, way.files)
        if key not in self._known:
            self._known[key] = self.workshop.digests(way) if way.files else {}
        return self._known[key]

    # --- verdicts -------------------------------------------------------------------------------

    def judge(self, item: Item) -> Verdict:
        """The verdict on one item, its pixels unread."""
        return self.judged([item])[0]

    def judged(self, items: Iterable[Item]) -> list[Verdict]:
        """The verdicts on ``items``; what they need is looked at once for all of them."""
        wanted = list(items)
        found: dict[str, Verdict] = {}
        for item in self.with_needed(wanted):
            found[item.task] = self._mixed(item, found) if item.ingredients else self._plain(item)
        if any(item.ingredients for item in wanted):
            self.contents.save()
        return [found[item.task] for item in wanted]

    def judge_closely(self, item: Item) -> Verdict:
        """The verdict with the pixels checked."""
        there = seen.closely(self.manifest.path(item))
        settled, lacking = self._as_far_as_known(item, there)
        found = verdict.judge(settled, self.known(item.way), there, item.way.record == "digest")
        return _with(found, lacking)

    def judged_all(self) -> list[Verdict]:
        """The verdicts on all items of the manifest, the fresh ones found quickly."""
        items, fresh = self.manifest.items, self.fresh()
        others = iter(self.judged(item for item, is_fresh in zip(items, fresh, strict=True) if not is_fresh))
        return [verdict.FRESH if is_fresh else next(others) for is_fresh in fresh]

    def fresh(self) -> list[bool]:
        """For each item of the manifest whether the quick look finds it fresh: 10,000 a blink."""
        if self.manifest.outside:
            return [found.fresh for found in self.judged(self.manifest.items)]
        columns = self.manifest.columns
        root = os.fspath(self.project) + os.sep
        found = seen.carried(root, columns.targets, columns.recipes)
        if self.manifest.file_uses or any(way.record != "full" for way in columns.ways):
            for number, item in enumerate(self.manifest.items):
                if item.way.record == "digest":
                    found[number] = self._plain(item).fresh
                elif item.way.files and (known := self.known(item.way)):
                    found[number] = seen.carries(root + item.target, record.ending(item.recipe), canonical(known))
        if columns.ingredients:  # their recipes are not whole before the pixels are looked at
            numbers = list(columns.ingredients)
            mixed = self.judged(self.manifest.items[number] for number in numbers)
            for number, one in zip(numbers, mixed, strict=True):
                found[number] = one.fresh
        return found

    def _plain(self, item: Item, recipe: bytes = b"") -> Verdict:
        """The verdict on an item whose recipe is whole."""
        recipe = recipe or item.recipe
        known = self.known(item.way)
        path = self.manifest.path(item)
        digests = item.way.record == "digest"
        ending = record.ending(recipe)
        if not digests and seen.carries(os.fspath(path), ending, canonical(known) if known else b""):
            return verdict.FRESH
        return verdict.judge(json.loads(recipe), known, seen.look(path), digests)

    def _mixed(self, item: Item, found: Mapping[str, Verdict]) -> Verdict:
        """The verdict on an item with ingredients; ``found`` has those of what it needs."""
        needed = list(dict.fromkeys(one.task for one in item.ingredients if one.task))
        coming = [task for task in needed if self.action(self.by_task[task], found[task]) is Action.MAKE]
        try:
            own = self._plain(item, canonical(with_pixels(item.recipe, item.ingredients, self.pixels)))
            lacking: tuple[str, ...] = ()
        except NoPicture:
            there = seen.look(self.manifest.path(item))
            settled, lacking = self._as_far_as_known(item, there, coming)
            own = verdict.judge(settled, self.known(item.way), there, item.way.record == "digest")
        return _with(own, (*lacking, *([f"may change, after {', '.join(coming)}"] if coming else [])))

    def _as_far_as_known(
        self, item: Item, there: seen.Seen, coming: Iterable[str] = ()
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The recipe with what can be had of its ingredients, and why the rest can't be: a setting that
        can't be known is taken to be as the record has it."""
        unknown: set[str] = set()
        reasons: list[str] = []
        for one in item.ingredients:
            try:
                self.pixels(one)
            except NoPicture as error:
                unknown.add(one.setting)
                if one.task not in coming:
                    reasons.append(f"{one.setting}: {error}")
        settled = with_pixels(item.recipe, [one for one in item.ingredients if one.setting not in unknown], self.pixels)
        recorded = there.record.recipe if there.record and there.record.recipe is not None else {}
        settled.update({setting: recorded[setting] for setting in unknown if setting in recorded})
        return settled, tuple(reasons)

    # --- recipes with their ingredients ------------------------------------------------------------

    def pixels(self, one: Ingredient) -> str:
        """The digest of an ingredient's pixels. Raises NoPicture, which names it."""
        called, path = one.task or one.path, self.project / one.path
        if not self._may_read(path):
            raise NoPicture(f"{called} leads out of the project by a link to {os.path.realpath(path)}")
        try:
            return self.contents.pixels(path)
        except FileNotFoundError as error:
            raise NoPicture(f"{called} is not there" if one.task else f"there is no {called}") from error
        except OSError as error:
            raise NoPicture(f"{called} can't be read: {error.strerror or error}") from error
        except NoPicture as error:
            raise NoPicture(f"{called} is no picture that can be used: {error}") from error

    def _may_read(self, path: Path) -> bool:
        """Whether a file lies in the project or in an allowed folder, links followed. That it did when the
        manifest was checked says nothing: it may have become a link since."""
        looked_at = path if path.is_symlink() else path.parent
        if looked_at not in self._within:
            self._within[looked_at] = any(inside(root, looked_at) for root in (self.project, *self.options.allow))
        return self._within[looked_at]

    def whole(self, item: Item) -> Item:
        """The item with the pixels of its ingredients in its recipe, as they are now. Raises BuildFailed."""
        if not item.ingredients:
            return item
        try:
            return item._replace(recipe=canonical(with_pixels(item.recipe, item.ingredients, self.pixels)))
        except NoPicture as error:
            raise BuildFailed(str(error), "its pixels are part of the recipe: make or mend it first") from error

    def settled(self, item: Item) -> dict[str, Any]:
        """The item's recipe as far as it is known, a random seed being the one that its picture keeps, if
        it keeps one."""
        if not item.ingredients and RANDOM_SEED not in item.recipe:
            plain: dict[str, Any] = json.loads(item.recipe)
            return plain
        there = seen.look(self.manifest.path(item))
        recipe, _ = self._as_far_as_known(item, there)
        if RANDOM_SEED in item.recipe and there.record is not None and there.record.seed is not None:
            recipe["seed"] = there.record.seed
        return recipe

    def with_needed(self, items: Iterable[Item]) -> list[Item]:
        """``items`` and all that goes into them, each behind what it needs."""
        wanted = list(items)
        if not any(item.ingredients for item in wanted):
            return wanted
        waits: dict[str, list[str]] = {}
        todo = [item.task for item in reversed(wanted)]
        while todo:
            task = todo.pop()
            if task not in waits:
                waits[task] = [one.task for one in self.by_task[task].ingredients if one.task]
                todo.extend(waits[task])
        order, _ = in_making_order(waits.items())  # the manifest has no cycle
        return [self.by_task[task] for task in order]

    # --- what a run does --------------------------------------------------------------------------

    def plan(self, items: Iterable[Item]) -> list[Planned]:
        """What a run does about each of ``items``."""
        wanted = list(items)
        return [
            Planned(item, found, self.action(item, found))
            for item, found in zip(wanted, self.judged(wanted), strict=True)
        ]

    def action(self, item: Item, found: Verdict) -> Action:
        """What a run does about an item with this verdict."""
        again = self.again(item) or self.reseeds(item)
        return verdict.action(found.state, self.overwrite(item), self.options.backend is not None, again)

    def overwrite(self, item: Item) -> Overwrite:
        return self.options.overwrite or Overwrite(item.way.overwrite)

    def again(self, item: Item) -> bool:
        """Whether an item is to be made even if it is fresh."""
        return self.options.again and self._is_meant(item)

    def reseeds(self, item: Item) -> bool:
        """Whether a new seed is to be drawn for an item: only a random one is."""
        return self.options.reseed and RANDOM_SEED in item.recipe and self._is_meant(item)

    def _is_meant(self, item: Item) -> bool:
        return self.meant is None or item.task in self.meant


def _with(found: Verdict, reasons: Iterable[str]) -> Verdict:
    """A verdict with further reasons for being stale, where the picture is ours and as we wrote it."""
    more = tuple(reasons)
    if not more or found.state not in (State.FRESH, State.STALE):
        return found
    return Verdict(State.STALE, (*found.reasons, *more))
