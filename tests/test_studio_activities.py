"""What goes on and what is searched for, as values: no thread, no file, no socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from imagegen.items import Item, Way
from imagegen.live.reading import Told
from imagegen.studio import searching
from imagegen.studio.activities import Activities, Activity, Sentence
from imagegen.studio.subscriptions import MOST_TASKS, MOST_WAITING, Subscription
from imagegen.verdict import State, Verdict
from tests.awaiting import awaited

# --- searching --------------------------------------------------------------------------------------

words = st.text("abcÄß :", max_size=6)


@given(st.lists(st.tuples(words, words), max_size=12), words, st.sampled_from(["", "a", "b"]), st.data())
def test_searching_finds_just_what_has_all_the_words(
    pairs: list[tuple[str, str]], text: str, job: str, data: st.DataObject
) -> None:
    way = Way("placeholder", "stale", "full", None, None, ())
    items = [
        Item(f"{'ab'[number % 2]}:{number}", name, f"t/{number}", json.dumps({"prompt": prompt}).encode(), way)
        for number, (name, prompt) in enumerate(pairs)
    ]
    found = searching.find(searching.index(items), searching.Query(job, text))
    expected = [
        number
        for number, item in enumerate(items)
        if job in ("", item.job)
        and all(
            any(word in part.casefold() for part in (item.task, item.name, item.target, pairs[number][1]))
            for word in text.casefold().split()
        )
    ]
    assert list(found) == expected
    verdicts = [Verdict(data.draw(st.sampled_from(State))) for _ in items]
    busy = data.draw(st.sets(st.integers(0, max(len(items) - 1, 0))))
    states = data.draw(st.sets(st.sampled_from([*(state.value for state in State), "busy"])))
    kept = searching.of_states(found, verdicts, busy, states)
    assert [
        n for n in found if not states or verdicts[n].state.value in states or ("busy" in states and n in busy)
    ] == [*kept]
    counts = searching.counts(found, verdicts, busy)
    assert sum(counts[state.value] for state in State) == len(found)


# --- what goes on, as values ------------------------------------------------------------------------


def activities() -> Activities:
    return Activities(
        lambda task: Sentence("p", task.partition(":")[2]) if task.startswith("story:") else None,
        lambda one: f"/previews/{one.task}",
    )


DATA: dict[str, dict[str, Any]] = {
    "queued": {}, "started": {}, "step": {"value": 1, "total": 4}, "preview": {"file": "/p.jpg", "type": "jpeg"},
    "made": {"target": "t.png", "seed": 1}, "skipped": {"reason": "fresh"}, "failed": {"message": "no", "hint": "do"},
    "withdrawn": {},
}  # fmt: skip
events = st.lists(
    st.tuples(st.sampled_from(["one", "two"]), st.sampled_from(list(DATA)), st.sampled_from(["a:x", "story:y"])),
    max_size=30,
)


@given(events, st.booleans())
def test_after_the_end_of_every_run_nothing_is_under_way(told: list[tuple[str, str, str]], lost: bool) -> None:
    """And each job that was told as under way is told as over, once."""
    heard = activities()
    messages = [
        message for run, event, task in told for message in heard.told(Told(run, "run", event, task, DATA[event]))
    ]
    for run in ("one", "two"):
        messages += heard.told(Told(run, "run", "ended", "", {"lost": lost}))
    assert heard.active() == [] and not any(one.busy for one in heard.shown().values())
    open_jobs: set[str] = set()
    for message in messages:
        if message["type"] == "progress":
            open_jobs.add(message["jobId"])
            assert 0 <= message["progress"] <= 1
        else:
            open_jobs.discard(message["jobId"])
        assert message["sentenceId"] == ("y" if message["task"] == "story:y" else None)
    assert open_jobs == set()


def test_a_job_s_own_end_is_the_engine_s_to_tell() -> None:
    """What the studio's run writes of it may be read late: it opens nothing again."""
    heard = activities()
    list(heard.claim("run", "a:x", "job"))
    list(heard.told(Told("run", "studio", "started", "a:x", {})))
    assert heard.shown()["a:x"].status == "generating"
    assert list(heard.told(Told("run", "studio", "made", "a:x", DATA["made"]))) == []
    done = list(heard.announced({"name": "image/completed", "jobId": "job", "task": "a:x", "result": {"file": "f"}}))
    assert [one["type"] for one in done] == ["job_complete"]
    assert list(heard.told(Told("run", "studio", "step", "a:x", DATA["step"]))) == []
    assert heard.active() == [] and heard.own_job("a:x") is None


def test_of_two_jobs_for_one_image_the_one_at_work_is_shown() -> None:
    heard = activities()
    list(heard.told(Told("cli", "run", "queued", "a:x", {})))
    list(heard.claim("run", "a:x", "job"))
    list(heard.told(Told("run", "studio", "step", "a:x", DATA["step"])))
    assert heard.shown()["a:x"].job == heard.active()[-1]["jobId"] == "job"
    over = list(heard.announced({"name": "image/completed", "jobId": "job", "task": "a:x", "result": {}}))
    assert [(one["type"], one["jobId"]) for one in over] == [("job_complete", "job"), ("progress", "cli:a:x")]


def test_a_failure_is_shown_until_the_next_try() -> None:
    heard = activities()
    list(heard.told(Told("cli", "run", "failed", "a:x", DATA["failed"])))
    assert heard.shown() == {"a:x": Activity("cli:a:x", "a:x", "failed", error="no", hint="do")}
    list(heard.told(Told("cli2", "run", "queued", "a:x", {})))
    assert heard.shown()["a:x"].busy


# --- a page that reads slowly ---------------------------------------------------------------------------


def progress(job: str, step: int) -> dict[str, Any]:
    return {"type": "progress", "jobId": job, "projectId": None, "step": step}


def differs(*tasks: str) -> dict[str, Any]:
    return {"type": "changed", "version": 1, "tasks": list(tasks), "counts": {}}


def test_what_waits_for_a_slow_page_stays_short_and_ends_right() -> None:
    async def story() -> None:
        page = Subscription()
        for step in range(1000):
            page.put(progress("a", step))
            page.put(progress("b", step))
            page.put(differs(f"task-{step % 10}"))
        page.put({"type": "job_complete", "jobId": "a"})
        page.put(progress("a2", 0))
        found = await page.take()
        assert [(one["type"], one.get("jobId")) for one in found] == [
            ("progress", "b"), ("changed", None), ("job_complete", "a"), ("progress", "a2"),
        ]  # fmt: skip
        assert found[0]["step"] == 999 and len(found[1]["tasks"]) == 10 and not page.lost

    awaited(story())


def test_too_many_changes_are_told_as_everything() -> None:
    async def story() -> None:
        page = Subscription()
        for number in range(MOST_TASKS + 1):
            page.put(differs(f"task-{number}"))
        (found,) = await page.take()
        assert found["tasks"] is None

    awaited(story())


def test_a_page_that_falls_too_far_behind_is_let_go_and_holds_up_nobody() -> None:
    async def story() -> None:
        slow, quick = Subscription(), Subscription()
        for number in range(MOST_WAITING + 10):
            for page in (slow, quick):
                page.put({"type": "job_complete", "jobId": str(number)})
            assert len(await quick.take()) == 1
        assert slow.lost and not quick.lost

    awaited(story())


def test_messages_come_from_any_thread() -> None:
    async def story() -> None:
        page = Subscription()
        await asyncio.gather(*(asyncio.to_thread(page.put, {"type": "note", "n": n}) for n in range(50)))
        found: list[int] = []
        while len(found) < 50:
            found += [one["n"] for one in await page.take()]
        assert sorted(found) == list(range(50))

    awaited(story())
