"""From a storyboard's rows to items: what decides a picture, and its digest."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from imagegen import text
from imagegen.errors import WrongInput
from imagegen.storyboard import deciding, editing, following
from imagegen.storyboard.address import Address
from imagegen.storyboard.glancing import glance, is_settled
from imagegen.storyboard.loras import lora
from tests.scripts import Script


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    made = Script(tmp_path)
    yield made
    made.storyboard.close()


def test_a_script_is_items_in_its_order(script: Script) -> None:
    board = script.board
    assert board.project_id == script.id and board.project_name == "Ash"
    assert board.defaults == {
        "output": f"data/projects/{script.id}/images",
        "width": 1920,
        "height": 1080,
        "workflow": "workflows/image/flux-2.json",
        "negative_prompt": "blurry, low quality, distorted",
    }
    assert [(shot.id, shot.name, shot.number) for shot in board.sentences] == [
        (script.first, "001", 1), (script.second, "002", 2), (script.third, "003", 3)
    ]  # fmt: skip
    style = {"name": "ink.safetensors", "strength": 0.8}
    mia, tom = {"name": "mia.safetensors", "strength": 1.0}, {"name": "tom.safetensors", "strength": 1.5}
    assert [shot.settings for shot in board.sentences] == [
        {
            "name": "001",
            "slug": script.first,
            "prompt": "rain over a harbour, ink on paper",
            "loras": [style],
        },
        {
            "name": "002",
            "slug": script.second,
            "prompt": "Mia waits., ink on paper",
            "loras": [style, mia],
            "references": ["cast/mia.png"],
        },
        {
            "name": "003",
            "slug": script.third,
            "prompt": "Tom comes., ink on paper",
            "seed": 7,
            "loras": [style, mia, tom],
            "references": ["cast/mia.png", "cast/tom.png"],
        },
    ]


def test_a_board_is_found_by_id_and_by_name(script: Script) -> None:
    with script.storyboard.reading() as session:
        assert deciding.board(session, script.id) == deciding.board(session, "Ash")
        with pytest.raises(WrongInput, match='no project "Asch"') as found:
            deciding.board(session, "Asch")
    assert 'did you mean "Ash"?' in str(found.value)


def test_one_shot_is_as_in_the_board(script: Script) -> None:
    with script.storyboard.reading() as session:
        for one in deciding.board(session, script.id).sentences:
            assert deciding.shot(session, one.id) == one
        assert deciding.shot(session, "gone") is None
        assert deciding.digests(session, script.id, script.first) == {script.first: script.digest(script.first)}


def test_a_script_s_own_words_are_no_names_to_fill_in(script: Script) -> None:
    said = "costs ${price}, $${twice}, $5 {braces} ${"
    script.change(script.first, image_prompt=said)
    script.change_all(style="", negative_prompt="no ${name}", style_lora="a${b}.safetensors", workflow="w/${x}.json")
    found, board = script.settings(script.first), script.board
    assert text.fill(found["prompt"], {}) == said
    assert text.fill(board.defaults["negative_prompt"], {}) == "no ${name}"
    assert text.fill(board.defaults["workflow"], {}) == "w/${x}.json"
    assert text.fill(found["loras"][0]["name"], {}) == "a${b}.safetensors"


def test_what_is_empty_is_left_out(script: Script) -> None:
    script.change_all(style="", style_lora="", negative_prompt="", workflow="")
    assert set(script.board.defaults) == {"output", "width", "height"}
    assert set(script.settings(script.first)) == {"name", "slug", "prompt"}


def test_a_sentence_s_style_lora_takes_the_project_s_place(script: Script) -> None:
    script.change(script.third, style_lora="oil.safetensors")
    assert [one["name"] for one in script.settings(script.third)["loras"]] == [
        "oil.safetensors", "mia.safetensors", "tom.safetensors"
    ]  # fmt: skip
    script.change(script.third, style_lora="")
    assert [one["name"] for one in script.settings(script.third)["loras"]] == ["mia.safetensors", "tom.safetensors"]
    script.change(script.third, style_lora=None)
    assert script.settings(script.third)["loras"][0]["name"] == "ink.safetensors"


def test_a_sentence_s_references_come_behind_the_characters(script: Script) -> None:
    script.change(script.second, references=["places/quay.png"])
    assert script.settings(script.second)["references"] == ["cast/mia.png", "places/quay.png"]


def test_the_largest_seed_is_kept(script: Script) -> None:
    script.change(script.first, seed=2**64 - 1)
    assert script.settings(script.first)["seed"] == 2**64 - 1
    script.change(script.first, seed=0)
    assert script.settings(script.first)["seed"] == 0


@pytest.mark.parametrize(
    ("written", "name", "strength"),
    [("a.safetensors", "a.safetensors", 1), ("sub/a.safetensors:0.8", "sub/a.safetensors", 0.8), ("a:-2", "a", -2)],
)
def test_a_lora_has_a_strength(written: str, name: str, strength: float) -> None:
    assert lora(written) == {"name": name, "strength": strength}


@pytest.mark.parametrize("written", ["", ":1", "a:strong", "a:nan", "a:inf", "a:101", "a:"])
def test_no_lora(written: str) -> None:
    with pytest.raises(WrongInput, match="no LoRA"):
        lora(written)


def test_what_other_programs_wrote_wrong_is_told_all_at_once(script: Script) -> None:
    script.sql("UPDATE sentences SET style_lora = 'oil:strong' WHERE id = ?", script.first)
    script.sql("UPDATE sentences SET style_lora = 'chalk:weak' WHERE id = ?", script.third)
    with pytest.raises(WrongInput) as found:
        _ = script.board
    assert [str(one)[:40] for one in found.value.problems] == [
        'sentence "001": "oil:strong" is no LoRA ', 'sentence "003": "chalk:weak" is no LoRA '
    ]  # fmt: skip
    script.change(script.first, style_lora="oil:0.5")  # it can be mended
    script.change(script.third, style_lora=None)
    assert len(script.board.sentences) == 3


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("seed", "many"),
        ("seed", "-1"),
        ("seed", "18446744073709551616"),
        ('"references"', "x"),
        ('"references"', "[1]"),
    ],
)
def test_a_value_that_can_t_be_is_no_traceback(script: Script, column: str, value: str) -> None:
    script.sql(f"UPDATE sentences SET {column} = ? WHERE id = ?", value, script.first)
    with pytest.raises(WrongInput, match='sentence "001": .* in the storyboard'):
        _ = script.board
    script.change(script.second, image_prompt="rain")  # the others are as good as before


def test_a_sentence_without_words_is_no_picture_of_the_style(script: Script) -> None:
    script.sql("UPDATE sentences SET text = ' ', image_prompt = '' WHERE id = ?", script.first)
    with pytest.raises(WrongInput, match='sentence "001": it has neither text nor image_prompt'):
        _ = script.board


def test_another_program_s_row_has_its_defaults(script: Script) -> None:
    script.sql(
        "INSERT INTO sentences (id, project_id, name, text, position) VALUES ('x1', ?, 'x', 'Hi.', 9)", script.id
    )
    script.sql("UPDATE sentences SET seed = 12 WHERE id = 'x1'")
    assert script.settings("x1") == {
        "name": "x",
        "slug": "x1",
        "prompt": "Hi., ink on paper",
        "seed": 12,
        "loras": [{"name": "ink.safetensors", "strength": 0.8}],
    }
    assert "x1" in script.dirty and script.sentence("x1").status == "idle"
    assert script.sentence("x1").created_at.tzinfo is not None


def test_a_long_script_takes_no_more_queries_than_a_short_one(script: Script) -> None:
    statements: list[str] = []
    event.listen(script.storyboard._engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    _ = script.board
    few = len(statements)
    with script.storyboard.session() as session:
        for number in range(60):
            editing.add_sentence(session, script.id, f"sentence {number}", characters=["Mia"])
    statements.clear()
    assert len(script.board.sentences) == 63
    assert len(statements) == few <= 7


def test_a_glance_sees_what_decides_and_nothing_else(script: Script) -> None:
    def look(project: str = "Ash") -> str:
        return glance(script.storyboard.address, project)

    before = look()
    assert len(before) == 32 and look(script.id) == before
    script.do(following.failed, script.first, "no GPU")
    script.do(editing.change_character, script.mia, description="tall")
    assert look() == before
    alone = look("")
    script.change(script.first, seed=9)
    assert look() != before and look("") not in ("", alone)
    assert look("Birch") == glance(Address("x", script.folder / "x"), "Ash") == glance(Address("x", None), "Ash") == ""


def test_a_glance_leaves_nothing_beside_the_file(script: Script) -> None:
    script.storyboard.close()
    address, fresh = script.storyboard.address, {script.first: True, script.third: False}
    assert glance(address, "Ash") and is_settled(address, "Ash", fresh)
    assert [path.name for path in (script.folder / "data").iterdir()] == ["storyboard.sqlite"]


def test_rows_are_settled_where_they_say_what_the_verdicts_do(script: Script) -> None:
    fresh = {script.first: True, script.second: True, script.third: False}
    address = script.storyboard.address

    def changes() -> bool:
        return bool(script.do(following.reconcile, script.id, fresh, {}, ()))

    for spoil in (
        lambda: script.change(script.first, seed=9),
        lambda: script.do(following.began, script.third),
        lambda: script.do(following.failed, script.second, "no"),
        lambda: script.clean(script.third),
    ):
        assert is_settled(address, "Ash", fresh) and is_settled(address, "", fresh) and not changes()
        spoil()
        assert not is_settled(address, "Ash", fresh) and changes()
    assert not is_settled(Address("x", None), "Ash", fresh) and not is_settled(Address("x", script.folder), "", fresh)


def test_a_glance_takes_no_sqlalchemy(script: Script) -> None:
    program = """if True:
        import sys
        from pathlib import Path
        from imagegen.storyboard.address import address
        from imagegen.storyboard.glancing import glance
        print(glance(address(sys.argv[2], Path(sys.argv[1])), "Ash"), "sqlalchemy" in sys.modules)
        """
    words = [sys.executable, "-c", program, str(script.folder), script.written]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [glance(script.storyboard.address, "Ash"), "False"]


def test_bytes_that_are_no_text_are_no_traceback(script: Script) -> None:
    script.sql("UPDATE sentences SET text = CAST(x'ff41' AS TEXT)")
    with pytest.raises(WrongInput, match="storyboard.sqlite: "):
        _ = script.board
    assert glance(script.storyboard.address, "Ash") == ""


def test_a_time_that_can_t_be_read_is_no_traceback(script: Script) -> None:
    script.sql("UPDATE sentences SET created_at = 'yesterday', updated_at = 1700000000")
    assert script.sentence(script.first).created_at.year == 1970
    script.sql("UPDATE sentences SET created_at = '2026-01-02T03:04:05Z'")
    assert script.sentence(script.first).created_at.hour == 3


# --- equal states are equal items -----------------------------------------------------------------

Edit = tuple[str, Any]
PROMPTS = st.sampled_from(["", "a", "b", "a, s"])
LORAS = st.sampled_from(["", "x", "x:1", "x:0.5"])
EDITS: st.SearchStrategy[Edit] = st.one_of(
    st.tuples(
        st.just("sentence"),
        st.tuples(
            st.integers(0, 3),
            st.fixed_dictionaries(
                {},
                optional={
                    "text": st.sampled_from(["a", "b", "c"]),
                    "image_prompt": PROMPTS,
                    "seed": st.sampled_from([None, 0, 1, 2**64 - 1]),
                    "style_lora": st.none() | LORAS,
                    "characters": st.lists(st.sampled_from(["Mia", "Tom"]), max_size=2),
                    "references": st.lists(st.sampled_from(["r.png", "s.png"]), max_size=2),
                },
            ),
        ),
    ),
    st.tuples(
        st.just("project"),
        st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["Ash", "Birch"]),
                "style": st.sampled_from(["", "s", "t"]),
                "style_lora": LORAS,
                "aspect_ratio": st.sampled_from(["16:9", "1:1", "9:16"]),
                "width": st.sampled_from([512, 1920]),
                "negative_prompt": st.sampled_from(["", "blurry"]),
                "workflow": st.sampled_from(["", "w.json"]),
            },
        ),
    ),
    st.tuples(
        st.just("character"),
        st.tuples(
            st.integers(0, 1),
            st.fixed_dictionaries(
                {},
                optional={
                    "name": st.sampled_from(["Mia", "Tom"]),
                    "description": st.sampled_from(["", "tall"]),
                    "lora": LORAS,
                    "references": st.lists(st.sampled_from(["m.png", "t.png"]), max_size=2),
                    "position": st.sampled_from([0, 1]),
                },
            ),
        ),
    ),
    st.tuples(st.just("move"), st.tuples(st.integers(0, 3), st.integers(0, 2))),
    st.tuples(st.just("add"), st.tuples(st.sampled_from(["a", "b"]), st.integers(-1, 2))),
    st.tuples(st.just("remove"), st.integers(0, 3)),
)


def apply(script: Script, edit: Edit) -> None:
    """One edit, unless it is nonsense by itself (then nothing changes)."""
    kind, what = edit
    order = script.order
    try:
        if kind == "sentence":
            script.change(order[what[0] % len(order)], **what[1])
        elif kind == "project":
            script.change_all(**what)
        elif kind == "character":
            script.do(editing.change_character, (script.mia, script.tom)[what[0]], **what[1])
        elif kind == "move":
            script.do(editing.move_sentence, order[what[0] % len(order)], min(what[1], len(order) - 1))
        elif kind == "add":
            after = "" if what[1] < 0 else order[what[1] % len(order)]
            script.do(editing.add_sentence, script.id, what[0], after=after, characters=["Mia"])
        elif len(order) > 1:
            script.do(editing.remove_sentence, order[what % len(order)])
    except WrongInput:
        pass


def items(board: deciding.Board) -> dict[str, str]:
    """For each sentence all that decides its item, written out; under the empty text the defaults and the order."""
    whole = {shot.id: json.dumps([shot.settings, board.defaults], sort_keys=True) for shot in board.sentences}
    return {**whole, "": json.dumps([board.defaults, [shot.id for shot in board.sentences]], sort_keys=True)}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(EDITS, min_size=1, max_size=6))
def test_states_differ_just_where_items_do_and_edits_mark_just_those(
    tmp_path_factory: pytest.TempPathFactory, edits: list[Edit]
) -> None:
    script = Script(tmp_path_factory.mktemp("script"))
    for edit in edits:
        script.clean_all()
        before, at_a_glance = script.board, glance(script.storyboard.address, script.id)
        apply(script, edit)
        after = script.board
        old, new = items(before), items(after)
        old_state, new_state = deciding.state(before), deciding.state(after)
        assert old_state.keys() == old.keys() and new_state.keys() == new.keys()
        for one in old.keys() & new.keys():
            assert (old[one] == new[one]) == (old_state[one] == new_state[one]), edit
        assert script.dirty == {one for one in new if one and old.get(one) != new[one]}, edit
        if glance(script.storyboard.address, script.id) == at_a_glance:
            assert old_state == new_state, edit
    script.storyboard.close()
