"""Reading YAML 1.2 and JSON: what stays text, where things stand, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen import document, schema
from imagegen.document import Document, plain
from imagegen.errors import Place, WrongInput
from imagegen.yaml12 import scalar
from tests.conftest import Outcome, Project
from tests.manifests import ON_PLACEHOLDER, loaded, wrong

DEEP = 100_000


def parsed(raw: str | bytes, is_json: bool = False) -> Document:
    name = "assets.json" if is_json else "assets.yaml"
    return document.parse(raw.encode() if isinstance(raw, str) else raw, name, is_json)


def read(raw: str | bytes, is_json: bool = False) -> Any:
    return plain(parsed(raw, is_json).root)


def refusal(raw: str | bytes, is_json: bool = False) -> str:
    with pytest.raises(WrongInput) as caught:
        parsed(raw, is_json)
    return str(caught.value)


# --- scalars ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["No", "no", "Yes", "on", "Off", "y", "N", "16:9", "12:30:45", "2026-01-01", "2026-01-01T10:00:00Z", "1_000",
     "0b101", "-0x1f", "0o8", "0xfg", "tRue", "nULL", "1e", "e3", "+", "-", ".", "+.", "1.2.3", "1,000", "=", "<<",
     ".inf", "-.INF", ".nan", "1e999", "v1.0", "9" * 401],
)  # fmt: skip
def test_what_only_yaml_1_1_takes_for_something_else_stays_text(text: str) -> None:
    assert scalar(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("007", 7), ("+7", 7), ("-7", -7), ("0o17", 15), ("0x1F", 31), ("7.0", 7.0), (".5", 0.5), ("5.", 5.0),
     ("1e3", 1000.0), ("-1.5E-2", -0.015), ("true", True), ("True", True), ("FALSE", False), ("null", None),
     ("~", None), ("Null", None), ("", None)],
)  # fmt: skip
def test_what_the_core_schema_reads_as_a_value(text: str, value: object) -> None:
    found = scalar(text)
    assert (found, type(found)) == (value, type(value))


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_that_python_writes_is_read_back(number: float) -> None:
    if len(repr(number)) <= 400:
        assert scalar(repr(number)) == number


@pytest.mark.parametrize("text", ['"7"', "'7'", "|-\n  7", ">-\n  7"])
def test_quoted_and_block_scalars_are_text(text: str) -> None:
    assert read(f"a: {text}") == {"a": "7"}


NAMES = ["No", "16:9", "2026-01-01", "1_000", "007", "1.10", "true", "Yes", "null", "0x1F", "1e3", "0o17", "-0", "5."]


def test_where_text_is_wanted_the_source_s_own_letters_are_taken(tmp_path: Path) -> None:
    text = ON_PLACEHOLDER + "items:\n" + "".join(f"  - {{name: {name}, slug: i{n}}}\n" for n, name in enumerate(NAMES))
    assert [item.name for item in loaded(tmp_path, text).items] == NAMES


def test_names_alone_keep_their_letters_too(tmp_path: Path) -> None:
    found = loaded(tmp_path, ON_PLACEHOLDER + "items: [No, 007, 1.10, true, 2026-01-01]\n")
    assert [item.name for item in found.items] == ["No", "007", "1.10", "true", "2026-01-01"]


def test_letters_travel_through_aliases_and_vars() -> None:
    values = schema.settled(parsed("vars: {a: &a 007, b: *a, c: true, d: 1.10}\nitems: [*a]"))
    assert values == {"vars": {"a": "007", "b": "007", "c": "true", "d": "1.10"}, "items": ["007"]}


def test_where_a_number_is_wanted_it_has_one_form() -> None:
    values = schema.settled(parsed("items: [{name: a, steps: 20.0, width: 1e3, seed: 007, cfg: 7}]"))
    assert values["items"][0] == {"name": "a", "steps": 20, "width": 1000, "seed": 7, "cfg": 7}
    assert all(type(values["items"][0][key]) is int for key in ("steps", "width", "seed"))


LINES_OF_1_1 = "\x85\u2028\u2029"
"""Line ends for YAML 1.1 and for libyaml; for YAML 1.2 letters like any other."""


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=5))
def test_any_text_is_read_as_it_was_written(texts: list[str]) -> None:
    assert read(json.dumps(texts), is_json=True) == texts
    assert read(json.dumps(texts, ensure_ascii=False), is_json=True) == texts
    if not any(line_end in text for text in texts for line_end in LINES_OF_1_1):
        for quote in "'\"":
            assert read(yaml.safe_dump(texts, allow_unicode=True, default_style=quote)) == texts


@pytest.mark.parametrize("letter", LINES_OF_1_1)
def test_what_only_yaml_1_1_takes_for_a_line_end_is_text_or_named(letter: str) -> None:
    """Such a letter comes with a prompt pasted from a web page."""
    try:
        assert read(f"a:\n  b: mist{letter}and reeds\n") == {"a": {"b": f"mist{letter}and reeds"}}
    except WrongInput as error:
        assert f"U+{ord(letter):04X}" in str(error)


# --- places -------------------------------------------------------------------------------------

PLACED = """\
defaults:
    cfg: 7
jobs:
  Élan 🐉: {items: [a, {name: b}]}
"""


@pytest.mark.parametrize(
    ("path", "of_key", "line", "column"),
    [
        ((), False, 1, 1),
        (("defaults",), True, 1, 1),
        (("defaults", "cfg"), True, 2, 5),
        (("defaults", "cfg"), False, 2, 10),
        (("jobs", "Élan 🐉"), True, 4, 3),
        (("jobs", "Élan 🐉", "items", 0), False, 4, 20),
        (("jobs", "Élan 🐉", "items", 1, "name"), False, 4, 30),
        (("jobs", "Élan 🐉", "items", 1, "prompt"), False, 4, 23),  # not there: the nearest that is
    ],
)
@pytest.mark.parametrize("before", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_places_count_lines_and_letters_from_1(
    path: tuple[str | int, ...], of_key: bool, line: int, column: int, before: str, end: str
) -> None:
    found = parsed(before + PLACED.replace("\n", end))
    assert found.place(path, of_key) == Place("assets.yaml", line, column)


def test_json_has_places_too() -> None:
    assert parsed('{"items":\n [1]}', is_json=True).place(("items", 0)) == Place("assets.json", 2, 3)


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("a: 1\nb: 2\na: 3\n", "assets.yaml:3:1"),
        ("x:\n  a: 1\n  'a': 2\n", "assets.yaml:3:3"),
        ('{a: 1, "\\x61": 2}', "assets.yaml:1:8"),
        ("- &k a\n- {a: 1, *k : 2}\n", "assets.yaml:2:10"),
    ],
)
def test_a_key_that_stands_twice_is_refused_where_it_stands(text: str, where: str) -> None:
    assert refusal(text).startswith(f'{where}: the key "a" stands twice here')


def test_a_key_that_stands_twice_in_json_is_refused() -> None:
    assert 'the key "a" stands twice' in refusal('{"x": {"a": 1, "\\u0061": 2}}', is_json=True)


@pytest.mark.parametrize(
    "text", ["a: !!str 1", "!!map {a: 1}", "a: ! 1", "a: !local [1]", "!!python/object/apply:os.system [x]",
             "!!set {a}", "!!str a: 1", "a: !<tag:yaml.org,2002:int> 1", "a: !!binary aGk="]
)  # fmt: skip
def test_tags_are_refused(text: str) -> None:
    assert "tags are not read" in refusal(text)


def test_merge_keys_are_refused_with_the_mend() -> None:
    assert '"<<" merges in YAML 1.1 only (put' in refusal("a: &a {x: 1}\nb: {<<: *a, y: 2}\n")


def test_more_than_one_document_is_refused() -> None:
    assert refusal("a: 1\n---\nb: 2\n").startswith("assets.yaml:2:1: holds more than one document")
    assert read("---\na: 1\n...\n") == {"a": 1}


@pytest.mark.parametrize("text", ["? [a]\n: 1", "{[a]: 1}", "? {a: 1}\n: 2", "&a [x]: 1", "a: &l [1]\n*l : 2"])
def test_a_key_is_text(text: str) -> None:
    assert "a key must be text" in refusal(text)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "\ufeff", "~", "null"])
def test_an_empty_file_is_a_clear_error(tmp_path: Path, text: str) -> None:
    assert wrong(tmp_path, text) == "assets.yaml: is empty (imagegen init writes an example)"


def test_an_empty_json_file_is_a_clear_error(project: Project) -> None:
    project.write("assets.json", "")
    project.run("validate").exits(3).says("assets.json:1:1: is not JSON")
    project.write("assets.json", "null")
    project.run("validate").exits(3).says("assets.json: is empty", "imagegen init")


@pytest.mark.parametrize(("text", "what"), [("[1]", "a list"), ("- a: 1", "a list"), ("just text", "text")])
def test_a_file_that_is_no_mapping_is_a_clear_error(tmp_path: Path, text: str, what: str) -> None:
    assert wrong(tmp_path, text) == f"assets.yaml: is {what}, not a mapping with jobs or items"


# --- aliases ------------------------------------------------------------------------------------


def test_aliases_repeat_what_they_name() -> None:
    assert read("a: &a {x: [1, 2]}\nb: *a\nc: [*a, &a 3, *a]\n") == {
        "a": {"x": [1, 2]}, "b": {"x": [1, 2]}, "c": [{"x": [1, 2]}, 3, 3],
    }  # fmt: skip
    assert read("- &k name\n- {*k : 1}\n") == ["name", {"name": 1}]


@pytest.mark.parametrize("text", ["a: *x", "&a [*a]", "&a {x: *a}", "*a"])
def test_an_alias_for_nothing_above_it_is_refused(text: str) -> None:
    assert "nothing is called &" in refusal(text)


def nested_bomb(levels: int) -> str:
    lines = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(["a0: &a0 [lol, lol, lol]", *lines])


def wide_bomb() -> str:
    return "a: &a [" + "x," * 30_000 + "]\nb: [" + "*a," * 30_000 + "]"


def mapped_bomb() -> str:
    lines = [f"a{n}: &a{n} {{{', '.join(f'k{k}: *a{n - 1}' for k in range(9))}}}" for n in range(1, 40)]
    return "\n".join(["a0: &a0 {k: lol}", *lines])


@pytest.mark.parametrize("bomb", [nested_bomb(10), nested_bomb(60), wide_bomb(), mapped_bomb()])
def test_alias_bombs_are_refused(bomb: str) -> None:
    assert "repeats itself through aliases too often" in refusal(bomb)


def with_1_gb(project: Project, *words: str) -> Outcome:
    """`imagegen WORDS` on a machine that has no more memory than that."""
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)); "
        "from imagegen.__main__ import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=project.root, env=project.environ, check=False,
        capture_output=True, text=True, encoding="utf-8", timeout=60,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout[:2000], done.stderr[:2000])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to RLIMIT_AS")
@pytest.mark.parametrize("kind", ["a var in a prompt", "a default of many items"])
def test_text_that_blows_up_is_no_way_round_that(project: Project, kind: str) -> None:
    """4 MB that would become more than 1 GB end in a clear error, not in a machine without memory."""
    long = "x" * 4_000_000
    if kind == "a var in a prompt":
        project.manifest(f"vars: {{a: {long}}}\nitems: [{{name: b, prompt: '{'${a}' * 400}'}}]\n")
    else:
        project.manifest(f"defaults: {{prompt: {long}}}\nitems: [{', '.join(f'i{n}' for n in range(400))}]\n")
    with_1_gb(project, "validate", "--backend", "placeholder").exits(3).says("assets.yaml")


# --- size and depth -----------------------------------------------------------------------------

SHAPES = {
    "lists left open": "[" * DEEP,
    "lists": "[" * DEEP + "]" * DEEP,
    "maps": '{"a":' * DEEP + "1" + "}" * DEEP,
    "mixed": '[{"a":' * (DEEP // 2) + "1" + "}]" * (DEEP // 2),
    "just over the limit": "[" * 65 + "]" * 65,
}
YAML_SHAPES = {
    "blocks of lists": "- " * DEEP + "x",
    "lists in maps": "a:\n" + "- " * DEEP + "x",
    "indented maps": "".join(" " * n + "a:\n" for n in range(2000)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("is_json", [False, True])
def test_endless_depth_is_refused(shape: str, is_json: bool) -> None:
    assert "nested" in refusal(SHAPES[shape], is_json)


@pytest.mark.parametrize("shape", YAML_SHAPES)
def test_endless_depth_of_blocks_is_refused(shape: str) -> None:
    assert "nested" in refusal(YAML_SHAPES[shape])


@pytest.mark.parametrize("name", ["assets.yaml", "assets.json"])
def test_depth_100_000_on_the_command_line(project: Project, name: str) -> None:
    project.write(name, "[" * DEEP + "]" * DEEP)
    project.run("validate").exits(3).says(f"{name}:", "is nested")


@pytest.mark.parametrize("is_json", [False, True])
def test_depth_that_nobody_reaches_by_hand_is_allowed(is_json: bool) -> None:
    assert read("[" * 60 + "1" + "]" * 60, is_json) is not None


def test_a_file_of_10_mb_is_read(tmp_path: Path) -> None:
    file = tmp_path / "names.yaml"
    file.write_text("".join(f"- kins {n:06}\n" for n in range(700_000)), encoding="utf-8")
    found = document.read(file, file.name).root
    assert (found[0], found[-1], len(found)) == ("kins 000000", "kins 699999", 700_000)


def test_a_manifest_of_10_mb_is_answered(tmp_path: Path) -> None:
    items = "".join(f"- {{name: kin{n}, prompt: {'heather ' * 400}}}\n" for n in range(3000))
    assert len(loaded(tmp_path, ON_PLACEHOLDER + "items:\n" + items).items) == 3000


def test_a_larger_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "assets.yaml"
    file.write_bytes(b"#" * (document.MAX_BYTES + 1))
    with pytest.raises(WrongInput, match="is 16 MB; at most 16 MB are read"):
        document.read(file, file.name)


def test_a_file_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(WrongInput, match=r"assets\.yaml: can't be read: "):
        document.read(tmp_path, "assets.yaml")


@pytest.mark.parametrize("is_json", [False, True])
def test_numbers_of_thousands_of_digits_do_no_harm(is_json: bool) -> None:
    text = '{"a": ' + "9" * 5000 + "}"
    if is_json:
        assert "digits" in refusal(text, is_json)
    else:
        assert read(text) == {"a": "9" * 5000}


# --- letters that are none ----------------------------------------------------------------------


@pytest.mark.parametrize("letter", ["\x00", "\x01", "\x1b", "\x7f", "\x90", "\ufffe"])
def test_control_characters_are_refused_with_their_line(letter: str) -> None:
    assert refusal(f"a: 1\nb: é\nc: x{letter}y\n").startswith("assets.yaml:3: is not YAML:")


def test_control_characters_in_json_are_refused() -> None:
    assert refusal('{\n"a": "x\x01y"}', is_json=True).startswith("assets.json:2:8: is not JSON:")


@pytest.mark.parametrize("is_json", [False, True])
@pytest.mark.parametrize("raw", ['{"a":\n"é"}'.encode("latin-1"), b'{"a":\n"\xed\xa0\x80"}', b'{"a":\n"\xc3"}'])
def test_what_is_not_utf_8_is_refused_with_its_line(raw: bytes, is_json: bool) -> None:
    assert ":2: is not UTF-8 text (save it as UTF-8)" in refusal(raw, is_json)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("is_json", [False, True])
def test_other_encodings_are_refused(encoding: str, is_json: bool) -> None:
    assert "is not" in refusal('{"a": 1}'.encode(encoding), is_json)


@pytest.mark.parametrize("is_json", [False, True])
def test_a_byte_order_mark_is_no_part_of_the_file(is_json: bool) -> None:
    assert read("\ufeff" + '{"a": 1}', is_json) == {"a": 1}


def test_pairs_of_surrogates_in_json_are_letters() -> None:
    assert read('["\\ud83d\\udc09"]', is_json=True) == ["🐉"]


HALF = "\\ud800"


@pytest.mark.parametrize(
    "text",
    [
        '{"items": [{"name": "a", "prompt": "%s"}]}',
        '{"items": [{"name": "a%s", "prompt": "x"}]}',
        '{"vars": {"v": "%s"}, "items": [{"name": "a", "prompt": "${v}"}]}',
        '{"items": [{"name": "a", "prompt": "x", "output": "%s"}]}',
        '{"items": [{"name": "a", "prompt": "x", "slug": "%s"}]}',
        '{"items": [{"name": "a", "prompt": "x", "%s": 1}]}',
        '{"jobs": {"%s": {"prompt": "x", "items": ["a"]}}}',
    ],
)
def test_half_a_surrogate_pair_is_a_clear_error_at_once(project: Project, text: str) -> None:
    project.write("assets.json", text % HALF)
    project.run("validate", "--backend", "placeholder").exits(3).says("assets.json:")


def test_yaml_refuses_half_a_surrogate_pair_by_itself() -> None:
    assert refusal('a: "\\ud800"').startswith("assets.yaml:1:")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_constants_that_are_no_json_are_refused(number: str) -> None:
    assert f"{number} is not a number" in refusal(f'{{"a": {number}}}', is_json=True)


# --- whatever comes -----------------------------------------------------------------------------

YAMLISH = st.text(st.sampled_from(list("ab1.:-?#&*!|>'\"%@`[]{},~ \n\t\r\\xu0e\ufeff\x85é🐉<")), max_size=60)


@settings(max_examples=400)
@given(YAMLISH, st.booleans())
def test_any_text_is_a_document_or_a_clear_error(text: str, is_json: bool) -> None:
    try:
        parsed(text, is_json)
    except WrongInput as error:
        assert error.problems[0].place.file and error.problems[0].message


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_a_document_or_a_clear_error(raw: bytes, is_json: bool) -> None:
    try:
        parsed(raw, is_json)
    except WrongInput as error:
        assert error.problems[0].place.file and error.problems[0].message
