"""Changing a storyboard: what marks a picture, what does not, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from imagegen.errors import WrongInput
from imagegen.storyboard import checking, editing
from imagegen.storyboard.tables import Character, Job, Project, Sentence
from tests.scripts import Script


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    made = Script(tmp_path)
    made.clean_all()
    yield made
    made.storyboard.close()


def refused(script: Script, change: Any, *given: Any, **settings: Any) -> str:
    """What a change is refused with; nothing of it may be kept."""
    before = script.state
    with pytest.raises(WrongInput) as found:
        script.do(change, *given, **settings)
    assert script.state == before and script.dirty == set()
    return str(found.value)


# --- sentences ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"image_prompt": "fog"},
        {"seed": 5},
        {"characters": ["Tom"]},
        {"style_lora": "oil.safetensors"},
        {"references": ["quay.png"]},
        {"name": "opening"},
    ],
)
def test_what_decides_a_picture_marks_it(script: Script, changes: dict[str, Any]) -> None:
    script.change(script.first, **changes)
    assert script.dirty == {script.first}
    assert script.sentence(script.first).status == "idle"
    assert script.sentence(script.second).status == "completed"


@pytest.mark.parametrize("changes", [{"text": "It pours."}, {"image_prompt": " rain over a harbour "}, {"seed": None}])
def test_what_does_not_decide_it_leaves_it(script: Script, changes: dict[str, Any]) -> None:
    """The text does not where there is an image_prompt."""
    before = script.sentence(script.first).updated_at
    script.change(script.first, **changes)
    assert script.dirty == set() and script.sentence(script.first).status == "completed"
    assert script.sentence(script.first).updated_at > before


def test_the_text_decides_where_there_is_no_prompt(script: Script) -> None:
    script.change(script.second, text="Mia sleeps.")
    assert script.dirty == {script.second}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"characters": ["Mio"]}, 'no character "Mio" (did you mean "Mia"?)'),
        ({"characters": "Mia"}, "characters are no list"),
        ({"seed": -1}, "seed is '-1'"),
        ({"seed": 2**64}, "from 0 to 18446744073709551615"),
        ({"seed": True}, "seed is 'True'"),
        ({"seed": 1.5}, "seed is '1.5'"),
        ({"seed": "７"}, "seed is"),
        ({"text": " ", "image_prompt": ""}, "neither text nor image_prompt"),
        ({"text": 3}, "text is no text"),
        ({"text": "a\0b"}, "a letter that can't be kept"),
        ({"text": "\ud800"}, "a letter that can't be kept"),
        ({"image_prompt": "x" * 100_001}, "100001 letters; at most 100000"),
        ({"style_lora": "ink:strong"}, 'style_lora: "ink:strong" is no LoRA'),
        ({"references": ["../secret.png"]}, "no path inside the project"),
        ({"references": ["/etc/passwd"]}, "no path inside the project"),
        ({"references": ["C:\\secret.png"]}, "no path inside the project"),
        ({"references": "a.png"}, "no list of paths"),
        ({"name": "003"}, 'there is a sentence "003" already'),
        ({"name": "a\nb"}, "more than one line"),
        ({"name": " "}, "is empty"),
        ({"prompt": "x"}, 'a sentence has no "prompt"'),
        ({"image_promt": "x"}, 'did you mean "image_prompt"?'),
        ({"is_image_dirty": False}, 'has no "is_image_dirty"'),
    ],
)
def test_nonsense_about_a_sentence_is_refused(script: Script, changes: dict[str, Any], said: str) -> None:
    assert said in refused(script, editing.change_sentence, script.first, **changes)


def test_a_seed_may_come_in_digits(script: Script) -> None:
    script.change(script.first, seed="18446744073709551615")
    assert script.sentence(script.first).seed == 2**64 - 1


def test_sentences_that_are_not_there(script: Script) -> None:
    assert 'no sentence "gone"' in refused(script, editing.change_sentence, "gone", seed=1)
    assert 'no sentence "gone"' in refused(script, editing.remove_sentence, "gone")
    assert 'no sentence "gone"' in refused(script, editing.move_sentence, "gone", 0)
    assert 'no sentence "gone" to put' in refused(script, editing.add_sentence, script.id, "x", after="gone")
    assert 'no project "gone"' in refused(script, editing.add_sentence, "gone", "x")


def test_a_sentence_is_added_where_it_is_wanted(script: Script) -> None:
    last = script.do(editing.add_sentence, script.id, "The end.").id
    front = script.do(editing.add_sentence, script.id, "Once.", after="").id
    middle = script.do(editing.add_sentence, script.id, "Then.", after=script.first, characters=["Mia"], seed=3)
    assert script.order == [front, script.first, middle.id, script.second, script.third, last]
    assert script.dirty == {last, front, middle.id}
    assert middle.position == 2 and [one.name for one in middle.characters] == ["Mia"]


def test_names_by_number_are_never_given_twice(script: Script) -> None:
    script.do(editing.add_sentence, script.id, "Four.", name="005")
    four = script.do(editing.add_sentence, script.id, "Four.").id
    assert script.sentence(four).name == "004"
    script.do(editing.remove_sentence, four)
    assert script.sentence(script.do(editing.add_sentence, script.id, "Six.").id).name == "006"


def test_moving_changes_the_order_and_no_picture(script: Script) -> None:
    names = {one: script.sentence(one).name for one in script.order}
    script.do(editing.move_sentence, script.third, 0)
    assert script.order == [script.third, script.first, script.second]
    script.do(editing.move_sentence, script.third, 1)
    assert script.order == [script.first, script.third, script.second]
    assert script.dirty == set() and names == {one: script.sentence(one).name for one in script.order}
    assert "below 3" in refused(script, editing.move_sentence, script.third, 3)
    assert "position is" in refused(script, editing.move_sentence, script.third, -1)


def test_positions_that_another_program_doubled_are_put_right(script: Script) -> None:
    script.sql("UPDATE sentences SET position = 5")
    before = script.order
    script.do(editing.move_sentence, before[2], 0)
    assert script.order == [before[2], before[0], before[1]]
    assert [script.sentence(one).position for one in script.order] == [0, 1, 2]


def test_a_removed_sentence_leaves_its_job_s_story(script: Script) -> None:
    with script.storyboard.session() as session:
        session.add(Job(id="e1", project_id=script.id, sentence_id=script.first))
    script.do(editing.remove_sentence, script.first)
    assert script.order == [script.second, script.third]
    with script.storyboard.reading() as session:
        assert session.execute(select(Job)).scalar_one().sentence_id is None


# --- what holds for all ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"style": "oil"},
        {"style_lora": ""},
        {"aspect_ratio": "1:1"},
        {"width": 1024},
        {"height": 1024},
        {"negative_prompt": ""},
        {"workflow": "workflows/other.json"},
    ],
)
def test_what_holds_for_all_marks_all(script: Script, changes: dict[str, Any]) -> None:
    script.change_all(**changes)
    assert script.dirty == set(script.order)


@pytest.mark.parametrize("changes", [{"name": "Birch"}, {"aspect_ratio": "16:9"}, {"style": "ink on paper "}, {}])
def test_a_project_s_name_marks_nothing(script: Script, changes: dict[str, Any]) -> None:
    script.change_all(**changes)
    assert script.dirty == set()


def test_a_style_lora_marks_only_those_that_have_no_other(script: Script) -> None:
    script.change(script.second, style_lora="oil.safetensors")
    script.clean_all()
    script.change_all(style_lora="chalk.safetensors")
    assert script.dirty == {script.first, script.third}


@pytest.mark.parametrize(
    ("changes", "width", "height", "ratio"),
    [
        ({"aspect_ratio": "9:16"}, 1080, 1920, "9:16"),
        ({"aspect_ratio": "1:1"}, 1920, 1920, "1:1"),
        ({"aspect_ratio": "21:9"}, 1920, 824, "21:9"),
        ({"aspect_ratio": " 4 x 3 "}, 1920, 1440, "4:3"),
        ({"aspect_ratio": "1:1", "width": 512}, 512, 512, "1:1"),
        ({"aspect_ratio": "16:9", "height": 720}, 1280, 720, "16:9"),
        ({"width": 1080}, 1080, 1080, "1:1"),
        ({"width": 1280, "height": 720}, 1280, 720, "16:9"),
        ({"width": 1344, "height": 768, "aspect_ratio": "16:9"}, 1344, 768, "7:4"),
    ],
)
def test_a_picture_s_size(script: Script, changes: dict[str, Any], width: int, height: int, ratio: str) -> None:
    script.change_all(**changes)
    found = script.project
    assert (found.width, found.height, found.aspect_ratio) == (width, height, ratio)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"aspect_ratio": "wide"}, "write width:height, such as 16:9"),
        ({"aspect_ratio": "0:1"}, "aspect_ratio is '0:1'"),
        ({"aspect_ratio": "1000:1"}, "makes a picture of 1920 by 0 pixels"),
        ({"width": 8}, "16 to 16384 pixels"),
        ({"height": "1080"}, "height is '1080'"),
        ({"name": ""}, "is empty"),
        ({"style": None}, "style is no text"),
        ({"workflow": "../w.json"}, "no path inside the project"),
        ({"style_lora": "a:1000"}, "no LoRA"),
        ({"colour": "red"}, 'a project has no "colour"'),
    ],
)
def test_nonsense_about_a_project_is_refused(script: Script, changes: dict[str, Any], said: str) -> None:
    assert said in refused(script, editing.change_project, script.id, **changes)


def test_two_projects_have_two_names(script: Script) -> None:
    other = script.do(editing.create_project, "Birch", aspect_ratio="9:16", style="oil")
    assert (other.width, other.height, other.style) == (1080, 1920, "oil")
    assert 'there is a project "Ash" already' in refused(script, editing.create_project, "Ash")
    assert 'there is a project "Ash" already' in refused(script, editing.change_project, other.id, name="Ash")


def test_another_program_s_ratio_is_no_traceback(script: Script) -> None:
    script.sql("UPDATE projects SET aspect_ratio = 'wide'")
    script.change_all(style="oil")
    assert script.project.aspect_ratio == "16:9"


# --- characters -----------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"lora": "m2.safetensors"}, {"references": []}])
def test_a_character_marks_the_pictures_that_show_it(script: Script, changes: dict[str, Any]) -> None:
    script.do(editing.change_character, script.tom, **changes)
    assert script.dirty == {script.third}


@pytest.mark.parametrize("changes", [{"name": "Thomas"}, {"description": "tall"}, {"position": 1}])
def test_a_character_s_name_marks_nothing(script: Script, changes: dict[str, Any]) -> None:
    script.do(editing.change_character, script.tom, **changes)
    assert script.dirty == set()


def test_the_characters_order_decides_where_both_are_shown(script: Script) -> None:
    script.do(editing.change_character, script.tom, position=0)
    assert script.cast == ["Tom", "Mia"] and script.dirty == {script.third}
    assert [one["name"] for one in script.settings(script.third)["loras"]][1:] == ["tom.safetensors", "mia.safetensors"]


def test_a_removed_character_is_gone_from_its_pictures(script: Script) -> None:
    script.do(editing.remove_character, script.mia)
    assert script.dirty == {script.second, script.third} and script.cast == ["Tom"]
    assert "references" not in script.settings(script.second)


def test_a_new_character_marks_nothing(script: Script) -> None:
    script.do(editing.add_character, script.id, "Zoe", position=0, lora="zoe.safetensors")
    assert script.cast == ["Zoe", "Mia", "Tom"] and script.dirty == set()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "Tom"}, 'there is a character "Tom" already'),
        ({"lora": "x:y"}, "lora: "),
        ({"position": 2}, "below 2"),
        ({"references": ["a/../../b.png"]}, "no path inside the project"),
        ({"refs": []}, 'a character has no "refs"'),
    ],
)
def test_nonsense_about_a_character_is_refused(script: Script, changes: dict[str, Any], said: str) -> None:
    assert said in refused(script, editing.change_character, script.mia, **changes)
    assert 'no character "gone"' in refused(script, editing.change_character, "gone", name="x")


def test_characters_of_another_project_are_strangers(script: Script) -> None:
    other = script.do(editing.create_project, "Birch").id
    stranger = script.do(editing.add_character, other, "Mia").id
    assert 'no character "' in refused(script, editing.change_sentence, script.first, characters=[stranger])


# --- in the same session --------------------------------------------------------------------------


def test_rows_that_are_held_show_every_change(script: Script) -> None:
    with script.storyboard.session() as session:
        sentence = session.get(Sentence, script.third)
        assert sentence is not None and len(sentence.characters) == 2
        editing.move_sentence(session, script.third, 0)
        assert sentence.position == 0
        assert [one.name for one in sentence.characters] == ["Mia", "Tom"]
        editing.remove_character(session, script.tom)
        assert [one.name for one in sentence.characters] == ["Mia"]
        editing.change_project(session, script.id, style="oil")
        assert sentence.is_image_dirty and sentence.status == "idle"
        assert session.execute(select(Character.name)).scalars().all() == ["Mia"]


def test_a_project_goes_with_all_that_is_in_it(script: Script) -> None:
    with script.storyboard.session() as session:
        session.delete(session.get(Project, script.id))
    with script.storyboard.reading() as session:
        assert not session.execute(select(Sentence)).all() and not session.execute(select(Character)).all()


# --- checks, by themselves ------------------------------------------------------------------------


@given(st.floats(0.2, 5), st.integers(256, 4096))
def test_sides_keep_their_ratio_and_the_longer_side(proportion: float, longer: int) -> None:
    written = checking.ratio(f"{proportion:.3f}:1")
    width, height = checking.sides(written, longer)
    assert max(width, height) == longer or abs(max(width, height) - longer) <= 4
    assert min(width, height) % 8 == 0 or width == height
    assert abs(width - height * float(written.partition(":")[0])) <= 8 * max(1, proportion)
    assert checking.ratio_of(width, height, written) in (written, checking.ratio_of(width, height, "wide"))


@given(st.text())
def test_any_text_is_a_path_inside_the_project_or_refused(written: str) -> None:
    try:
        found = checking.path("references", written)
    except WrongInput:
        return
    assert not re.match(r"^([A-Za-z]:|/)", found) and ".." not in found.split("/") and "\\" not in found


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text())))
def test_any_value_is_checked_without_a_traceback(value: Any) -> None:
    for check in (
        checking.seed,
        checking.ratio,
        lambda given: checking.text("x", given),
        lambda given: checking.name("x", given),
        lambda given: checking.side("x", given),
        lambda given: checking.paths("x", given),
        lambda given: checking.lora_or_none("x", given),
    ):
        try:
            check(value)  # type: ignore[no-untyped-call]
        except WrongInput:
            pass
