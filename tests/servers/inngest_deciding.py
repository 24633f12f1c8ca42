"""What an Inngest server does after an answer, as a real one was recorded to: pure, but for new calls' ids."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from .inngest_wire import UNTARGETED, Answer, Call, Function, Run, new_call


class Again(NamedTuple):
    """A call to make. ``wait`` is in seconds; None is the server's own pause before a call that is made again."""

    call: Call
    wait: float | None = 0.0


class Then(NamedTuple):
    """The calls to make, or how the run ended: Completed or Failed."""

    calls: tuple[Again, ...] = ()
    ended: str = ""


def after(run: Run, call: Call, answer: Answer, now: datetime | None = None) -> Then:
    """Write what a call gave into the run, and say what comes next."""
    run.version = int(answer.headers.get("x-inngest-req-version", run.version))
    if answer.status == 200:
        run.output = answer.body
        return Then(ended="Completed")
    if answer.status == 206:
        return _after_steps(run, call, answer)
    return _once_more(run, call, _wait(answer, now or datetime.now(UTC)), answer)


def _after_steps(run: Run, call: Call, answer: Answer) -> Then:
    planned = [one["id"] for one in answer.body if one["op"] == "StepPlanned"]
    if planned:
        run.planned |= set(planned)
        return Then(tuple(Again(new_call(one)) for one in planned))
    (step,) = answer.body
    if step["op"] == "StepError":
        return _once_more(run, call, None, answer)
    if step["op"] == "StepRun":
        run.steps[step["id"]] = {"data": step["data"]}
    elif step["op"] == "StepFailed":
        run.steps[step["id"]] = {"error": {key: step["error"][key] for key in ("message", "name", "stack")}}
    else:
        raise AssertionError(f"{step['op']} is not played here")
    run.stack.append(step["id"])
    run.planned.discard(step["id"])
    if call.step != UNTARGETED and run.planned:
        return Then()  # the last of those that were planned goes on
    return Then((Again(new_call()),))


def _once_more(run: Run, call: Call, wait: float | None, answer: Answer) -> Then:
    no_more = answer.headers.get("x-inngest-no-retry") == "true" or call.attempt + 1 >= run.function.most_attempts
    if no_more:
        run.output = answer.body
        return Then(ended="Failed")
    if wait is not None:
        run.waits.append(wait)
    return Then((Again(call._replace(attempt=call.attempt + 1), wait),))


def _wait(answer: Answer, now: datetime) -> float | None:
    until = answer.headers.get("retry-after")
    return None if until is None else max(0.0, (datetime.fromisoformat(until) - now).total_seconds())


def triggered(functions: Mapping[str, Function], event: Mapping[str, Any]) -> list[Function]:
    """The functions that this event starts."""
    return [
        function
        for function in functions.values()
        for trigger in function.config["triggers"]
        if trigger.get("event") == event["name"] and holds(trigger.get("expression"), event=event)
    ]


def cancels(run: Run, event: Mapping[str, Any]) -> bool:
    """Whether this event ends that run."""
    return run.status == "Running" and any(
        one["event"] == event["name"] and holds(one.get("if"), event=run.event, **{"async": event})
        for one in run.function.config.get("cancel") or ()
    )


def holds(expression: str | None, **names: Any) -> bool:
    """An expression, of those that are used here: none, or `a.b.c == d.e`, or `a.b == 'text'`."""
    if not expression:
        return True
    left, right = (_value(side.strip(), names) for side in expression.split("=="))
    return left is not None and left == right


def _value(written: str, names: Mapping[str, Any]) -> Any:
    if written.startswith("'"):
        return written.strip("'")
    value: Any = names
    for part in written.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
