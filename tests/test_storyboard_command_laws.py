"""What holds for every storyboard: what is exported is imported to the same, and importing again changes nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from imagegen.storyboard import editing, exporting, matching, script_json, script_markdown, script_table
from imagegen.storyboard.importing import carry_out
from imagegen.storyboard.planning import plan
from imagegen.storyboard.present import Line, Present, present
from imagegen.storyboard.script import Draft
from imagegen.storyboard.tables import Base

READERS: dict[str, Any] = {
    "json": lambda text: script_json.parse(text.encode(), "script.json"),
    "md": lambda text: script_markdown.parse(text, "script.md"),
    "csv": lambda text: script_table.parse(text, "script.csv"),
}


@contextmanager
def memory() -> Iterator[Session]:
    """A storyboard in memory: its tables, without the file."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        yield session
    engine.dispose()


def without_nul(text: str) -> bool:
    return "\0" not in text


LETTERS = st.characters(exclude_categories=("Cs", "Cc"))
ANY = st.text(st.one_of(LETTERS, st.sampled_from("\n\t*_#`-1. ;,:|<>&\\[]()!~=+'\"")), max_size=30).map(str.strip)
LINES = st.text(st.one_of(LETTERS, st.sampled_from("*_#`-1. ;,:|<>&\\[]()!~=+'\"")), max_size=30)
ONE_LINE = LINES.map(lambda text: " ".join(text.split()))
NAMES = ONE_LINE.filter(bool)
LORAS = st.sampled_from(["", "ink.safetensors", "sdxl/ink one.safetensors:0.8", "a.safetensors:-2"])
PATHS = st.lists(st.sampled_from(["art/a.png", "b, c.png", "é.png"]), unique=True, max_size=3)


@st.composite
def boards(draw: st.DrawFn, texts: st.SearchStrategy[str], names: st.SearchStrategy[str]) -> dict[str, Any]:
    """What a storyboard may hold of one project."""
    cast = draw(st.lists(names, unique=True, max_size=3))
    roles = [{"name": one, "description": draw(texts), "lora": draw(LORAS), "references": draw(PATHS)} for one in cast]
    labels = draw(st.lists(names, unique=True, min_size=1, max_size=4))
    sentences = []
    for label in labels:
        text, prompt = draw(texts), draw(texts)
        sentences.append({
            "name": label, "text": text or ("" if prompt else "x"), "image_prompt": prompt,
            "characters": draw(st.lists(st.sampled_from(cast), unique=True)) if cast else [],
            "seed": draw(st.none() | st.integers(0, 2**64 - 1)), "style_lora": draw(st.none() | LORAS),
            "references": draw(PATHS),
        })  # fmt: skip
    own = {
        "style": draw(texts), "style_lora": draw(LORAS), "negative_prompt": draw(texts),
        "aspect_ratio": draw(st.sampled_from(["16:9", "1:1", "2.39:1"])),
        "workflow": draw(st.sampled_from(["", "workflows/my flow.json"])),
    }  # fmt: skip
    return {"name": draw(names), "own": own, "roles": roles, "sentences": sentences}


def filled(session: Session, board: dict[str, Any]) -> Present:
    project = editing.create_project(session, board["name"], **board["own"])
    for role in board["roles"]:
        editing.add_character(session, project.id, **role)
    for one in board["sentences"]:
        more = {key: one[key] for key in ("style_lora", "references")}
        rest = {key: value for key, value in one.items() if key not in more}
        added = editing.add_sentence(session, project.id, **rest)
        editing.change_sentence(session, added.id, **more)
    return present(session, project.id)


def said(project: Present) -> Any:
    """All that a script can say of a project, without the ids."""
    lines = [(one.name, one.text, one.image_prompt, tuple(one.characters), one.seed, one.style_lora,
              tuple(one.references)) for one in project.sentences]  # fmt: skip
    cast = [(one.name, one.description, one.lora, tuple(one.references)) for one in project.characters]
    return project.name, dict(project.settings), cast, lines


def brought_in(session: Session, draft: Draft, name: str, there: Present | None = None) -> Present:
    return present(session, carry_out(session, plan(draft, name, there)))


SLOWLY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOWLY
@given(boards(ANY.filter(without_nul), NAMES))
def test_json_says_all_of_a_project(board: dict[str, Any]) -> None:
    with memory() as session, memory() as other:
        first = filled(session, board)
        draft = READERS["json"](exporting.script(first, "json"))
        assert plan(draft, draft.name, first).is_nothing
        assert said(brought_in(other, draft, draft.name)) == said(first)


@SLOWLY
@given(boards(ONE_LINE, NAMES.filter(lambda name: ";" not in name)))
def test_markdown_says_all_of_a_project_but_line_ends(board: dict[str, Any]) -> None:
    with memory() as session, memory() as other:
        first = filled(session, board)
        draft = READERS["md"](exporting.script(first, "md"))
        assert not draft.notes
        assert plan(draft, draft.name, first).is_nothing
        assert said(brought_in(other, draft, draft.name)) == said(first)


@SLOWLY
@given(boards(ANY.filter(without_nul), NAMES.filter(lambda name: ";" not in name)))
def test_csv_says_all_of_the_sentences(board: dict[str, Any]) -> None:
    with memory() as session:
        first = filled(session, board)
        draft = READERS["csv"](exporting.script(first, "csv"))
        assert plan(draft, first.name, first).is_nothing
        cells = [(one.text, one.given.get("seed"), one.given.get("style_lora")) for one in draft.sentences]
        assert cells == [(one.text, one.seed, one.style_lora) for one in first.sentences]


PLAIN = st.lists(st.sampled_from(["Ada poles.", "Bo sits.", "A heron.", "They are home.", "Ada poles!"]), max_size=8)


@SLOWLY
@given(PLAIN.filter(bool), PLAIN.filter(bool))
@example(["Bo sits.", "Ada poles.", "Bo sits."], ["Ada poles.", "Ada poles.", "Bo sits."])
def test_after_an_import_the_storyboard_has_the_script_and_a_second_one_changes_nothing(
    before: list[str], after: list[str]
) -> None:
    with memory() as session:
        first = brought_in(session, script_json.parse(_list(before), "a.json"), "p")
        draft = script_json.parse(_list(after), "b.json")
        done = plan(draft, "p", first)
        second = brought_in(session, draft, "p", first)
        gone = {line.id for line in done.gone}
        assert [line.text for line in second.sentences if line.id not in gone] == after
        assert len(second.sentences) == len(after) + len(gone)
        assert len({line.name for line in second.sentences}) == len(second.sentences)
        assert plan(draft, "p", second).is_nothing
        kept = {line.id: line.text for line in second.sentences}
        assert all(kept[line.id] == line.text for line in done.gone)


def _list(texts: list[str]) -> bytes:
    return json.dumps(texts).encode()


@given(st.permutations(list("abcdef")), st.lists(st.sampled_from("abcxyz"), unique=True))
def test_the_order_of_both_is_the_scripts_and_nothing_is_lost(before: list[str], wanted: list[str]) -> None:
    found = matching.order(wanted, before)
    assert sorted(found) == sorted({*before, *wanted})
    assert [one for one in found if one in wanted] == wanted
    others = [one for one in before if one not in wanted]
    for one in others:
        behind = before[before.index(one) - 1] if before.index(one) else None
        assert found.index(one) == (found.index(behind) + 1 if behind else 0) or behind is None
    assume(not wanted)
    assert found == before


def line(number: int, text: str, name: str = "") -> Line:
    return Line(f"id{number}", name or f"{number:03d}", text, "", (), None, None, (), None, True, "idle", "")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (["Ada poles the ferry.", "Bo sits."], [0, 1]),
        (["Bo sits.", "Ada poles the ferry."], [1, 0]),
        (["Ada poles the old ferry.", "Bo sits."], [0, 1]),  # corrected
        (["Something else.", "Bo sits."], [None, 1]),
        (["Ada poles the ferry.", "New.", "Bo sits!"], [0, None, 1]),
        (["Bo sits.", "Ada poles the old ferry."], [1, None]),  # not in its place
        (["Bo sits.", "Bo sits."], [1, None]),
    ],
)
def test_which_sentence_is_which(script: list[str], expected: list[int | None]) -> None:
    held = [line(0, "Ada poles the ferry."), line(1, "Bo sits.")]
    draft = script_json.parse(_list(script), "s.json")
    found = matching.matched(draft.sentences, held)
    assert [None if one is None else held.index(one) for one in found] == expected


def test_a_long_script_is_planned_in_a_time_that_grows_with_its_length() -> None:
    texts = [f"Sentence {number}." for number in range(20_000)]
    lines = [Line(text, text, text, "", (), None, None, (), None, True, "idle", "") for text in texts]
    draft = READERS["json"](json.dumps(texts))
    began = time.process_time()
    assert plan(draft, "Film", Present("film", "Film", {}, (), lines)).is_nothing
    assert time.process_time() - began < 4, "seconds; a tenth is usual"
