"""What the page shows of one image by itself: its recipe, what would change, what stood there before."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from imagegen import previous, seen
from imagegen.errors import ImagegenError
from imagegen.items import Ingredient, Item, Manifest
from imagegen.manifest import load
from imagegen.origins import origin
from imagegen.recipe import RANDOM, RANDOM_SEED, UNSET, Recipe, differences, with_seed_of
from imagegen.record import Record
from imagegen.studio import candidates, cards
from imagegen.studio.hub import Hub
from imagegen.studio.project import Project, View, stamp_of
from imagegen.studio.refusal import Refused
from imagegen.verdict import State


class Details:
    """Tells all of one item after another; threads share it."""

    def __init__(self, project: Project, hub: Hub) -> None:
        self._project, self._hub = project, hub
        self._lock = threading.Lock()
        self._origins: tuple[Manifest | None, Mapping[str, Mapping[str, str]]] = (None, {})

    def of(self, task: str) -> dict[str, Any]:
        """The detail of one item. Raises Refused where there is none."""
        project = self._project
        view, number = self._seen(task)
        if view.verdicts[number].state is State.STALE:  # or did somebody edit it, too?
            project.look([task])
            view, number = self._seen(task)
        item = view.items[number]
        record = seen.look(view.listing.manifest.path(item)).record
        session = project.looked_with
        recipe = session.settled(item)
        candidate = candidates.path(project.folder, item.target)
        sentence = project.storyboards.sentence_of(task)
        return {
            **cards.card(view, number, self._hub.activities.get(task)),
            "index": number,
            "prompt": recipe.get("prompt", ""),
            "recipe": {key: cards.exact(value) for key, value in recipe.items()},
            "origins": self._origins_of(view, item, recipe),
            "changes": changes(record, recipe),
            "previous": [
                {"number": int(version.stem), **_pictures("previous", task, version, f"/{int(version.stem)}")}
                for version in reversed(previous.versions(project.folder, item.target))
            ],
            "candidate": _pictures("candidates", task, candidate) if stamp_of(candidate) else None,
            "references": [self._reference(task, place, one) for place, one in enumerate(item.ingredients)],
            "sentence": {"projectId": sentence.project, "sentenceId": sentence.id} if sentence else None,
        }

    def _seen(self, task: str) -> tuple[View, int]:
        """What is known now, and the item's place in it. Raises Refused."""
        view = self._project.view
        number = view.number(task)
        if number is None:
            raise Refused(404, f'there is no image "{task}"', "it may have left the manifest")
        return view, number

    def _reference(self, task: str, place: int, one: Ingredient) -> dict[str, Any]:
        stamp = stamp_of(self._project.folder / one.path)
        shown = cards.address("references", task, stamp, f"/{place}") if stamp else None
        return {"picture": shown, "path": one.path, "task": one.task or None}

    def _origins_of(self, view: View, item: Item, recipe: Recipe) -> dict[str, str]:
        """Where each setting is from, in words. The stored manifest does not tell, so it is read anew, once."""
        manifest = view.listing.manifest
        with self._lock:
            if self._origins[0] is not manifest:
                try:
                    found = manifest.origins or load(self._project.file, self._project.options.overrides).origins
                except ImagegenError:  # it has just become wrong: the project's problems tell
                    return {}
                self._origins = manifest, found
            origins = self._origins[1].get(item.task)
        if origins is None:
            return {}
        drawn = RANDOM_SEED in item.recipe and recipe.get("seed") != RANDOM
        session = self._project.looked_with
        return {setting: origin(session, setting, origins, item, drawn) for setting in recipe}


def _pictures(kind: str, task: str, path: Any, rest: str = "") -> dict[str, Any]:
    stamp = stamp_of(path) or (0, 0)
    record = seen.look(path).record
    return {
        "picture": cards.address(kind, task, stamp, rest),
        "thumbnail": cards.address(kind, task, stamp, f"{rest}/thumbnail"),
        "seed": cards.exact(record.seed if record else None),
    }


def changes(record: Record | None, wanted: Recipe) -> list[dict[str, Any]]:
    """What another build would change: for each setting the value in the picture's record and the one wanted,
    None where there is none. A record of digests tells no values: those are shown by the verdict's reasons."""
    if record is None or record.recipe is None:
        return []
    return [
        {"field": field, "old": _value(old), "new": _value(new)}
        for field, old, new in differences(record.recipe, with_seed_of(wanted, record.recipe))
    ]


def _value(value: Any) -> Any:
    return None if value is UNSET else cards.exact(value)
