"""status: a verdict and its reasons for each image."""

from __future__ import annotations

from collections import Counter
from typing import Any

from imagegen import errors
from imagegen.commands import options
from imagegen.commands.base import Plain
from imagegen.commands.plan import shorter, warned
from imagegen.items import Item
from imagegen.session import Session, open_session
from imagegen.verdict import State, Verdict

ORDER = (State.DAMAGED, State.FOREIGN, State.EDITED, State.STALE, State.MISSING, State.FRESH)


class Status(Plain):
    doc_purpose = "a verdict and its reasons for each image"
    doc_usage = "[JOB|JOB:SLUG ...]"
    doc_description = "fresh, missing, stale, edited, foreign or damaged. Needs no server."
    cmd_options = (
        options.ASSETS,
        options.ALLOW,
        options.BACKEND,
        options.JSON,
        options.option("check", "check", "exit with 1 if anything is not fresh", type=bool),
        options.option("verify", "verify", "read every picture whole and check its pixels", type=bool),
        options.option("all", "all", "list fresh images too", short="a", type=bool),
    )

    def work(self, params: Any, names: list[str]) -> int:
        session = open_session(options.wishes(params))
        items = session.select(names)
        judged = self._judged(session, items, bool(params["verify"]))
        counts = Counter(found.state for found in judged)
        if params["as_json"]:
            options.print_json(_as_json(session, items, judged, counts))
        else:
            warned(session)
            for item, found in zip(items, judged, strict=True):
                if not found.fresh or params["all"]:
                    why = "; ".join(shorter(reason) for reason in found.reasons)
                    print(f"{found.state.value:8} {item.task}" + (f"  {why}" if why else ""))
            print(", ".join(f"{counts[state]} {state.value}" for state in ORDER if counts[state]) or "no images")
        return errors.FAILED if params["check"] and counts[State.FRESH] < len(items) else errors.DONE

    @staticmethod
    def _judged(session: Session, items: list[Item], closely: bool) -> list[Verdict]:
        if closely:
            return [session.judge_closely(item) for item in items]
        return session.judged(items) if len(items) < len(session.manifest.items) else session.judged_all()


def _as_json(session: Session, items: list[Item], judged: list[Verdict], counts: Counter[State]) -> dict[str, Any]:
    return {
        "items": [
            {
                "task": item.task,
                "name": item.name,
                "target": item.target,
                "verdict": found.state.value,
                "reasons": list(found.reasons),
                "backend": item.way.backend,
                "seed": session.settled(item).get("seed"),
            }
            for item, found in zip(items, judged, strict=True)
        ],
        "counts": {state.value: counts[state] for state in reversed(ORDER) if counts[state]},
    }
