"""explain: one image's resolved recipe, where its settings come from, its verdict, what would be sent."""

from __future__ import annotations

import json
from typing import Any

from imagegen import build, errors, manifest, recipe
from imagegen.backends.base import Sent
from imagegen.commands import options
from imagegen.commands.base import Plain
from imagegen.errors import WrongInput
from imagegen.origins import origin
from imagegen.session import open_session
from imagegen.verdict import Action


class Explain(Plain):
    doc_purpose = "one image's recipe, where each setting is from, and what would be sent"
    doc_usage = "JOB:SLUG"
    cmd_options = (
        options.ASSETS,
        options.ALLOW,
        options.BACKEND,
        options.JSON,
        options.option("graph", "graph", "print just the graph that would be sent, as JSON", type=bool),
    )

    def work(self, params: Any, names: list[str]) -> int:
        if len(names) != 1:
            raise WrongInput("explain wants one image, as job:slug", "imagegen list --all shows them")
        session = open_session(options.wishes(params), may_ask=True)
        item = session.one(names[0])
        # The stored manifest does not keep where settings come from.
        file = session.project / session.manifest.file
        origins = manifest.load(file, session.options.overrides).origins[item.task]
        made = session.settled(item)
        drawn = recipe.RANDOM_SEED in item.recipe and made["seed"] != recipe.RANDOM
        found = session.judge(item)
        backend = session.workshop.backend(item.way.backend)
        sent = backend.sent(build.order_of(item, session.project, made))
        if params["graph"]:
            if sent is None:
                raise WrongInput(f"the {item.way.backend} backend sends no graph anywhere")
            options.print_json(sent.graph)
            return errors.DONE
        known = session.known(item.way)
        sources = {setting: origin(session, setting, origins, item, drawn) for setting in made}
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
                    "graph": sent and sent.graph,
                    "bindings": sent and sent.places,
                    "changes": sent and [dict(zip(("place", "old", "new"), one, strict=True)) for one in sent.changes],
                }
            )
            return errors.DONE
        print(f"{item.task}  {item.name}\n{session.shown(item)}\n")
        width = max(len(setting) for setting in made)
        for setting, value in made.items():
            print(f"  {setting:{width}}  {recipe.shown(value)}  ({sources[setting]})")
        for one in item.ingredients:
            print(f"  {one.setting} from {one.path}" + (f", which is {one.task}" if one.task else ""))
        for setting, digest in known.items():
            print(f"  {setting}'s content  {digest}")
        todo = {Action.MAKE: "run makes it", Action.LEAVE: "run leaves it", Action.REFUSE: "run refuses"}
        print(f"\n{found.state.value}: {todo[session.action(item, found)]}")
        for reason in found.reasons:
            print(f"  {reason}")
        if sent is None:
            print(f"\nThe {item.way.backend} backend sends nothing anywhere.")
        elif item.way.workflow:
            _show(item.way.workflow, sent)
        else:
            print("\nWhat would be sent:\n" + json.dumps(sent.graph, ensure_ascii=False, indent=2))
        return errors.DONE


def _show(workflow: str, sent: Sent) -> None:
    """Where the settings go in a workflow, and what of its own they change."""
    print(f"\nWhere they go in {workflow}:")
    width = max((len(setting) for setting in sent.places), default=0)
    for setting, places in sent.places.items():
        for number, place in enumerate(places):
            print(f"  {'' if number else setting:{width}}  {place}")
    print("\nWhat that changes:" if sent.changes else "\nIt is sent as it is.")
    for place, old, new in sent.changes:
        if place.startswith("node "):
            print(f"  {place}: {old} is taken out" if new is None else f"  {place}: {new} is added")
        else:
            print(f"  {place}: {_value(old)} → {_value(new)}")
    print("\n--graph prints the whole graph.")


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:99] + "…"
