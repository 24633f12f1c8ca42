"""What may ask for an image, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen.errors import WrongInput
from imagegen.jobs.event import HIGHEST_SEED, Event, new_id, of_sentence, of_task, parse
from imagegen.jobs.retrying import ATTEMPTS, delay

SENTENCE = {"projectId": "p", "sentenceId": "s"}


def test_an_event_for_a_sentence_carries_what_it_changes():
    given = {**SENTENCE, "imagePrompt": "a fox", "characterRefs": ["Anna"], "styleLora": "ink:0.8", "seed": 2**63}
    event = parse({"id": "click-1", "name": "image/generate", "data": given})
    assert (
        event == Event("click-1", given) == of_sentence("p", "s", "click-1", **{k: given[k] for k in list(given)[2:]})
    )
    assert (event.project, event.sentence, event.candidate_seed) == ("p", "s", None)


def test_an_event_for_an_item_may_be_a_candidate_with_a_seed_of_its_own():
    assert of_task("kins:fox", candidate_seed=5).candidate_seed == 5
    assert of_task("kins:fox").candidate_seed is None
    assert (of_task("kins:fox").project, of_task("kins:fox").sentence) == ("", "")


def test_each_event_without_an_id_is_one_of_its_own():
    assert parse({"data": SENTENCE}).id != parse({"data": SENTENCE}).id


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("text", "an event is a mapping"),
        ({}, "an event's data is a mapping"),
        ({"data": SENTENCE, "name": "image/remove"}, "there is no event 'image/remove'"),
        ({"data": SENTENCE, "id": "../x"}, "can't be an event's id"),
        ({"data": SENTENCE, "id": "x#2"}, "can't be an event's id"),
        ({"data": SENTENCE, "id": "x" * 101}, "can't be an event's id"),
        ({"data": SENTENCE, "id": 7}, "can't be an event's id"),
        ({"data": {"projectId": "p"}}, "needs sentenceId"),
        ({"data": {"projectId": "p", "sentenceId": ""}}, "needs sentenceId"),
        ({"data": {**SENTENCE, "task": "a:b"}}, "no key 'projectId'"),
        ({"data": {**SENTENCE, "candidate": True}}, "no key 'candidate'"),
        ({"data": {**SENTENCE, "imageprompt": ""}}, 'did you mean "imagePrompt"'),
        ({"data": {**SENTENCE, "imagePrompt": 7}}, "imagePrompt is text"),
        ({"data": {**SENTENCE, "imagePrompt": "x" * 20_001}}, "20001 characters"),
        ({"data": {**SENTENCE, "imagePrompt": "a\0b"}}, "NUL"),
        ({"data": {**SENTENCE, "imagePrompt": "\ud800"}}, "half a character"),
        ({"data": {**SENTENCE, "characterRefs": "Anna"}}, "characterRefs is a list"),
        ({"data": {**SENTENCE, "characterRefs": [1]}}, "an entry of characterRefs is text"),
        ({"data": {**SENTENCE, "characterRefs": [" "]}}, "is empty"),
        ({"data": {**SENTENCE, "characterRefs": ["a"] * 65}}, "65 entries"),
        ({"data": {**SENTENCE, "seed": True}}, "seed is a whole number"),
        ({"data": {**SENTENCE, "seed": -1}}, "seed is a whole number"),
        ({"data": {**SENTENCE, "seed": 2**64}}, "seed is a whole number"),
        ({"data": {**SENTENCE, "seed": 1.0}}, "seed is a whole number"),
        ({"data": {"task": "a:b", "seed": 5}}, "belong together"),
        ({"data": {"task": "a:b", "candidate": True}}, "belong together"),
        ({"data": {"task": "a:b", "candidate": 1, "seed": 5}}, "candidate is true or false"),
    ],
)
def test_what_is_no_such_event_is_refused_and_says_why(given, said):
    with pytest.raises(WrongInput, match=".*") as refused:
        parse(given)
    assert said in str(refused.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)


@given(JSON | st.fixed_dictionaries({"data": JSON}) | st.fixed_dictionaries({"id": JSON, "data": st.just(SENTENCE)}))
def test_whatever_is_sent_is_an_event_or_wrong_input(sent):
    try:
        event = parse(sent)
    except WrongInput:
        return
    assert parse(json.loads(json.dumps({"id": event.id, "data": dict(event.data)}))) == event


@given(
    st.integers(0, HIGHEST_SEED),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50),
)
def test_an_event_comes_back_from_json_as_it_was(seed, prompt):
    event = of_sentence("p", "s", new_id(), seed=seed, imagePrompt=prompt)
    assert parse(json.loads(json.dumps({"id": event.id, "name": event.name, "data": dict(event.data)}))) == event


def test_three_attempts_wait_30_and_60_seconds():
    assert [delay(attempt) for attempt in range(1, ATTEMPTS)] == [30.0, 60.0]
    assert [delay(attempt, 0.1) for attempt in range(1, ATTEMPTS)] == [0.1, 0.2]
