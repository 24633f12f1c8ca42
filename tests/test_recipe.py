"""The recipe: one form for each value, which settings make which items stale, seeds, differences."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from imagegen import record, verdict
from imagegen.backends.comfyui.graph import DEFAULTS
from imagegen.backends.placeholder import EVERY_SETTING
from imagegen.items import Item
from imagegen.recipe import UNSET, canonical, derived_seed, differences, digest, drawn_seed, shown, with_seed_of
from imagegen.seen import Kind, Seen
from imagegen.verdict import State
from tests.manifests import loaded, own_folder, recipe_of

# --- one form -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "written"),
    [(7, "7"), (7.0, "7"), (-0.0, "0"), (0.5, "0.5"), (1e21, "1000000000000000000000"), (1e-7, "1e-07"), (0.1, "0.1"),
     (2**64 - 1, "18446744073709551615"), (True, "true"), (None, "null"), ("é\n\"🐉", '"é\\n\\"🐉"'),
     ((1, 2.0), "[1,2]"),
     ({"b": 1, "a": {"d": 7.0, "c": []}}, '{"a":{"c":[],"d":7},"b":1}')],
)  # fmt: skip
def test_each_value_has_one_form(value: Any, written: str) -> None:
    assert canonical(value) == written.encode()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_form_is_made_up_for_what_is_no_number(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)


LETTERS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | LETTERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_the_form_is_json_reads_back_the_same_and_stays(value: Any) -> None:
    written = canonical(value)
    assert json.loads(written) == value
    assert canonical(json.loads(written)) == written
    assert b"\n" not in written


@given(st.dictionaries(LETTERS, VALUES, max_size=5), st.randoms())
def test_the_order_of_settings_does_not_matter(values: dict[str, Any], chance: random.Random) -> None:
    pairs = list(values.items())
    chance.shuffle(pairs)
    assert canonical(dict(pairs)) == canonical(values) and digest(dict(pairs)) == digest(values)
    assert digest(values) == hashlib.sha256(canonical(values)).hexdigest()


@given(VALUES, VALUES)
def test_two_values_have_one_form_only_if_they_are_equal(one: Any, other: Any) -> None:
    if canonical(one) == canonical(other):
        assert one == other


# --- seeds --------------------------------------------------------------------------------------


def test_derived_seeds_never_change() -> None:
    """Another formula would make every image of every project stale."""
    assert derived_seed(0, "kins", "mallsing") == 298906966
    assert derived_seed(1, "kins", "mallsing") == 596125357
    assert derived_seed(0, "images", "鬼") == 2663250026


@given(st.integers(0, 2**64 - 1), LETTERS, LETTERS)
def test_a_derived_seed_is_a_seed_for_every_backend(base: int, job: str, slug: str) -> None:
    assert 1 <= derived_seed(base, job, slug) <= 2**32 - 1


def test_derived_seeds_differ_by_base_job_and_slug() -> None:
    seeds = {derived_seed(base, job, slug) for base in range(10) for job in "abc" for slug in "abcdefgh"}
    assert len(seeds) == 240


def test_drawn_seeds_are_in_the_same_range_and_differ() -> None:
    seeds = {drawn_seed() for _ in range(1000)}
    assert len(seeds) > 990 and all(1 <= seed <= 2**32 - 1 for seed in seeds)


def test_a_random_seed_is_the_record_s() -> None:
    assert with_seed_of({"seed": "random", "cfg": 1}, {"seed": 7}) == {"seed": 7, "cfg": 1}
    assert with_seed_of({"seed": 5}, {"seed": 7}) == {"seed": 5}
    assert with_seed_of({"seed": "random"}, {}) == {"seed": "random"}


# --- differences --------------------------------------------------------------------------------


def test_differences_are_listed_by_name_old_to_new() -> None:
    made = {"prompt": "a", "cfg": 7, "seed": 1, "model": "m"}
    wanted = {"prompt": "b", "cfg": 7.0, "seed": 1, "steps": 20}
    assert list(differences(made, wanted)) == [("model", "m", UNSET), ("prompt", "a", "b"), ("steps", UNSET, 20)]
    assert [shown(value) for value in (UNSET, 'a"é', 7.0, None)] == ["unset", '"a\\"é"', "7", "null"]


FLAT = st.dictionaries(st.sampled_from("abcde"), NUMBERS | st.booleans() | LETTERS)


@given(FLAT, FLAT)
def test_there_is_no_difference_exactly_where_the_forms_are_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    found = list(differences(one, other))
    assert (not found) == (canonical(one) == canonical(other))
    assert found == [(field, old, new) for field, new, old in differences(other, one)]
    for field, old, new in found:
        assert (one.get(field, UNSET), other.get(field, UNSET)) == (old, new)


# --- a change of any one setting that matters makes exactly that item stale ----------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="$"), min_size=1).filter(str.strip)
MATTER: Mapping[str, st.SearchStrategy[Any]] = {
    "prompt": WORDS,
    "negative_prompt": WORDS,
    "checkpoint": WORDS,
    "model": WORDS,
    "sampler": WORDS,
    "scheduler": WORDS,
    "width": st.integers(2, 64).map(lambda n: 8 * n),
    "height": st.integers(2, 64).map(lambda n: 8 * n),
    "steps": st.integers(1, 10_000),
    "cfg": st.floats(0, 100),
    "denoise": st.floats(0, 1),
    "seed": st.integers(0, 2**64 - 1),
}
"""Settings that decide pixels, with values that can be."""

MATTER_NOT: Mapping[str, st.SearchStrategy[Any]] = {
    "output": st.sampled_from(["art", "art/deep"]),
    "filename": st.sampled_from(["x/${slug}", "${slug}-v2"]),
    "overwrite": st.sampled_from(["stale", "always", "never"]),
    "record": st.sampled_from(["full", "digest"]),
    "timeout": st.floats(1, 1000),
    "queue_timeout": st.floats(1, 1000),
    "vars": st.dictionaries(st.sampled_from(["a", "b"]), WORDS),
}

SLUGS = ("ember", "thorn", "wren")


def some(strategies: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict(strategies))


@st.composite
def projects(draw: st.DrawFn) -> dict[str, Any]:
    """A manifest of two jobs and six items, each with settings of its own."""
    backend = draw(st.sampled_from(["placeholder", "comfyui"]))
    matter = {name: found for name, found in MATTER.items() if name != "model" or backend == "placeholder"}
    jobs = {
        job: {
            **draw(some({name: matter[name] for name in ("steps", "cfg", "prompt")})),
            "items": [{"name": slug.title(), "slug": slug, **draw(some(matter))} for slug in SLUGS],
        }
        for job in ("kins", "scenes")
    }
    return {"defaults": {"backend": backend, "prompt": "p", "checkpoint": "c"}, "jobs": jobs}


def made(folder: Path, values: dict[str, Any]) -> dict[str, Item]:
    return {item.task: item for item in loaded(folder, values).items}


def verdicts(before: Mapping[str, Item], after: Mapping[str, Item], digest_only: bool) -> dict[str, verdict.Verdict]:
    """What is said of each item, where the pictures were made for ``before``."""
    found = {}
    for task, item in before.items():
        chunk = record.written(recipe_of(item), "f" * 64, "e" * 64, {}, digest_only)
        found[task] = verdict.judge(recipe_of(after[task]), {}, Seen(Kind.OURS, record.read(chunk)))
    return found


@settings(max_examples=150)
@given(projects(), st.data(), st.booleans())
def test_a_change_of_one_setting_makes_exactly_that_item_stale(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any], data: st.DataObject, digest_only: bool
) -> None:
    folder = own_folder(tmp_path_factory)
    before = made(folder, values)
    job, number = data.draw(st.sampled_from(["kins", "scenes"])), data.draw(st.integers(0, 2))
    names = [name for name in MATTER if name != "model" or values["defaults"]["backend"] == "placeholder"]
    setting = data.draw(st.sampled_from(names))
    values["jobs"][job]["items"][number][setting] = data.draw(MATTER[setting])
    after = made(folder, values)
    task = f"{job}:{SLUGS[number]}"
    assume(recipe_of(before[task]).get(setting) != recipe_of(after[task])[setting])

    found = verdicts(before, after, digest_only)
    assert [one for one in found if found[one].state is State.STALE] == [task]
    assert all(found[one].fresh for one in found if one != task)
    (reason,) = found[task].reasons
    assert reason.startswith(f"{setting}: ") and (
        digest_only or reason.endswith(shown(recipe_of(after[task])[setting]))
    )


@settings(max_examples=60)
@given(projects(), st.data())
def test_what_does_not_decide_pixels_makes_nothing_stale(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any], data: st.DataObject
) -> None:
    folder = own_folder(tmp_path_factory)
    before = made(folder, values)
    layer = data.draw(st.sampled_from([values["jobs"]["kins"], values["jobs"]["kins"]["items"][0]]))
    layer.update(data.draw(some(MATTER_NOT)))
    values["backends"] = {"comfyui": {"url": "http://other:8188", "timeout": 5}}
    after = made(folder, values)
    assert all(one.fresh for one in verdicts(before, after, digest_only=False).values())
    assert [item.recipe for item in before.values()] == [item.recipe for item in after.values()]


@settings(max_examples=60)
@given(projects(), st.sampled_from(["steps", "cfg", "sampler"]), st.sampled_from(["defaults", "kins"]), st.data())
def test_a_change_above_reaches_exactly_the_items_that_do_not_override_it(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any], setting: str, layer: str, data: st.DataObject
) -> None:
    folder = own_folder(tmp_path_factory)
    before = made(folder, values)
    changed = values["defaults"] if layer == "defaults" else values["jobs"]["kins"]
    changed[setting] = data.draw(MATTER[setting])
    after = made(folder, values)
    reached = {
        f"{name}:{item['slug']}"
        for name, job in values["jobs"].items()
        for item in job["items"]
        if setting not in item and (name == layer or (layer == "defaults" and setting not in job))
    }
    assume(all(recipe_of(before[task]).get(setting) != changed[setting] for task in reached))
    found = verdicts(before, after, digest_only=False)
    assert {task for task in found if not found[task].fresh} == reached


@settings(max_examples=60)
@given(projects(), st.randoms(), st.lists(st.sampled_from(["new", "other"]), unique=True))
def test_items_that_come_go_or_move_make_no_other_item_stale(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any], chance: random.Random, new: list[str]
) -> None:
    folder = own_folder(tmp_path_factory)
    before = made(folder, values)
    items = values["jobs"]["kins"]["items"]
    gone = items.pop(chance.randrange(3))["slug"]
    items.extend({"name": name} for name in new)
    chance.shuffle(items)
    values["jobs"] = dict(reversed(values["jobs"].items()))
    after = made(folder, values)
    del before[f"kins:{gone}"]
    assert all(item.recipe == after[task].recipe for task, item in before.items())


@pytest.mark.parametrize(("backend", "stale"), [("placeholder", True), ("comfyui", False)])
def test_a_name_matters_only_where_it_is_drawn(tmp_path: Path, backend: str, stale: bool) -> None:
    values: dict[str, Any] = {
        "defaults": {"backend": backend, "prompt": "p", "checkpoint": "c"},
        "items": [{"name": "Ember", "slug": "x"}, {"name": "Thorn"}],
    }
    before = made(tmp_path, values)
    values["items"][0]["name"] = "Wren"
    found = verdicts(before, made(tmp_path, values), digest_only=False)
    assert (found["images:x"].fresh, found["images:thorn"].fresh) == (not stale, True)


def test_a_name_in_the_prompt_matters_everywhere(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "defaults": {"prompt": "${name}", "checkpoint": "c"},
        "items": [{"name": "Ember", "slug": "x"}, {"name": "Thorn"}],
    }
    before = made(tmp_path, values)
    values["items"][0]["name"] = "Wren"
    found = verdicts(before, made(tmp_path, values), digest_only=False)
    assert found["images:x"].reasons == ('prompt: "Ember" → "Wren"',) and found["images:thorn"].fresh


def test_every_setting_that_decides_pixels_is_tried_above() -> None:
    assert {*DEFAULTS, "prompt", "seed", "checkpoint"} == set(MATTER) - {"model"}
    assert set(MATTER) <= EVERY_SETTING
