"""explain: one image's resolved recipe, where its settings come from, its verdict, what would be sent."""

from __future__ import annotations

import json
from typing import Any

from imagegen import backends, errors, manifest, recipe
from imagegen.commands import options
from imagegen.commands.base import Plain
from imagegen.errors import WrongInput
from imagegen.session import Session, open_session
from imagegen.verdict import Action

_ORIGINS = {"item": "the item", "job": "its job", "defaults": "defaults"}


class Explain(Plain):
    doc_purpose = "one image's recipe, where each setting is from, and what would be sent"
    doc_usage = "JOB:SLUG"
    cmd_options = (options.ASSETS, options.ALLOW, options.BACKEND, options.JSON)

    def work(self, params: Any, names: list[str]) -> int:
        if len(names) != 1:
            raise WrongInput("explain wants one image, as job:slug", "imagegen list --all shows them")
        session = open_session(options.wishes(params))
        item = session.one(names[0])
        # The stored manifest does not keep where settings come from.
        file = session.project / session.manifest.file
        origins = manifest.load(file, session.options.overrides).origins[item.task]
        made = session.settled(item)
        drawn = recipe.RANDOM_SEED in item.recipe and made["seed"] != recipe.RANDOM
        found = session.judge(item)
        backend = session.workshop.backend(item.way.backend)
        graph = backend.graph(made)
        known = session.known(item.way)
        sources = {setting: _origin(session, setting, origins, item.way.backend, drawn) for setting in made}
        if params["as_json"]:
            options.print_json(
                {
                    "task": item.task,
                    "target": item.target,
                    "verdict": found.state.value,
                    "reasons": list(found.reasons),
                    "recipe": made,
                    "origins": sources,
                    "known": dict(known),
                    "graph": graph,
                }
            )
            return errors.DONE
        print(f"{item.task}  {item.name}\n{session.shown(item)}\n")
        width = max(len(setting) for setting in made)
        for setting, value in made.items():
            print(f"  {setting:{width}}  {recipe.shown(value)}  ({sources[setting]})")
        for setting, digest in known.items():
            print(f"  {setting}'s content  {digest}")
        todo = {Action.MAKE: "run makes it", Action.LEAVE: "run leaves it", Action.REFUSE: "run refuses"}
        print(f"\n{found.state.value}: {todo[session.action(item, found)]}")
        for reason in found.reasons:
            print(f"  {reason}")
        if graph is None:
            print(f"\nThe {item.way.backend} backend sends nothing anywhere.")
        else:
            print("\nThe graph that would be sent:\n" + json.dumps(graph, ensure_ascii=False, indent=2))
        return errors.DONE


def _origin(session: Session, setting: str, origins: Any, backend: str, item_is_random: bool) -> str:
    if setting == "backend" and session.options.backend:
        return "the command line"
    if setting in origins:
        kept = ", random: drawn once, kept by the picture" if setting == "seed" and item_is_random else ""
        return _ORIGINS[origins[setting]] + kept
    if setting == "seed":
        return "derived from base_seed, the job and the slug"
    if setting == "name":
        return "the item"
    if setting in backends.load(backend).defaults:
        return f"{backend}'s default"
    return "the documented default"
