"""The schemas: whole, described, closed, and the same for editors and for us."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as settings_
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from imagegen import backends, document, firstlook, manifest, schema, settings
from imagegen.backends.comfyui.graph import DEFAULTS
from tests.conftest import Project

ROOT = Path(__file__).parent.parent
FILES = sorted(schema.folder().rglob("*.schema.json"))


def loaded(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def editor() -> dict[str, Any]:
    return loaded(schema.folder() / schema.EDITOR_FILE)


def schemas_in(node: Any, at: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema in ``node``, with where it stands."""
    if not isinstance(node, Mapping):
        return
    yield at, node
    for group in ("properties", "$defs", "patternProperties"):
        for name, child in node.get(group, {}).items():
            yield from schemas_in(child, f"{at}/{name}")
    for name in ("items", "additionalProperties", "propertyNames"):
        yield from schemas_in(node.get(name), f"{at}/{name}")
    for name in ("oneOf", "anyOf", "allOf"):
        for number, child in enumerate(node.get(name, ())):
            yield from schemas_in(child, f"{at}/{name}{number}")


def test_the_single_file_for_editors_is_current() -> None:
    """`python -m imagegen.schema` writes it anew."""
    assert (schema.folder() / schema.EDITOR_FILE).read_text("utf-8") == schema.editor_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_file_is_a_schema_of_2020_12(path: Path) -> None:
    found = loaded(path)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert found["$id"].endswith(path.name) and found["title"] and found["description"]
    Draft202012Validator.check_schema(found)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_key_is_described(path: Path) -> None:
    whole = loaded(path)
    for at, found in schemas_in(whole):
        for key, child in found.get("properties", {}).items():
            named = whole["$defs"][child["$ref"].removeprefix("#/$defs/")] if "$ref" in child else child
            assert len(named.get("description", "")) > 5, f"{at}/{key}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_object_takes_an_unknown_key(path: Path) -> None:
    for at, found in schemas_in(loaded(path)):
        if "object" in found.get("type", ()) or "properties" in found:
            closed = found.get("additionalProperties")
            assert closed is False or (isinstance(closed, Mapping) and not found.get("properties")), at


def test_only_named_things_are_open_and_what_they_hold_is_typed() -> None:
    opened = {at for at, found in schemas_in(editor()) if isinstance(found.get("additionalProperties"), Mapping)}
    assert opened == {"/jobs", "/vars", "/bindings", "/matrix", "/exclude/items", "/backends/comfyui/headers"}


def test_every_backend_s_block_is_in_the_whole() -> None:
    found = editor()
    blocks = found["properties"]["backends"]["properties"]
    assert list(blocks) == list(backends.names()) == found["$defs"]["backend"]["enum"]
    assert {path.name for path in (schema.folder() / "backends").iterdir()} == {
        f"{name}.schema.json" for name in backends.names()
    }
    for name in backends.names():
        own = loaded(schema.folder() / "backends" / f"{name}.schema.json")
        assert blocks[name] == {key: value for key, value in own.items() if not key.startswith("$")}


def test_the_documented_defaults_are_the_real_ones() -> None:
    described = {name: found["default"] for name, found in editor()["$defs"].items() if "default" in found}
    assert {name: described[name] for name in settings.BUILTIN} == settings.BUILTIN
    assert described.pop("megapixels") == 1.0
    assert set(described) == set(settings.BUILTIN)


def test_the_built_in_graph_s_defaults_are_told() -> None:
    words = {name: str(value) for name, value in DEFAULTS.items()}
    words |= {"negative_prompt": "empty text", "height": "as for width"}
    for name, word in words.items():
        assert word in editor()["$defs"][name]["description"], name


def test_every_layer_knows_the_same_settings() -> None:
    found = editor()
    layers = {
        "defaults": set(found["properties"]["defaults"]["properties"]),
        "job": set(found["$defs"]["job"]["properties"]),
        "item": set(found["$defs"]["item"]["properties"]),
    }
    assert layers["job"] - settings.NOT_SETTINGS == layers["item"] - settings.NOT_SETTINGS == layers["defaults"]
    known = {name for name in found["$defs"] if name in layers["defaults"]}
    assert known == layers["defaults"]


def test_what_a_backend_uses_can_be_given() -> None:
    found = set(editor()["properties"]["defaults"]["properties"])
    assert set(DEFAULTS) | {"prompt", "seed", "checkpoint", *settings.BUILTIN} <= found


def test_an_installed_wheel_carries_them() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]["schemas"] == "imagegen/schemas"


# --- editors and we say the same ----------------------------------------------------------------

RIGHT = [
    "items: [a]\n",
    "version: 1\njobs: {kins: {items: [a, {name: b}]}}\n",
    "items: [{name: a, slug: b, size: 512x768, seed: random, vars: {x: y}, filename: 'a/${slug}'}]\n",
    "items: [{name: a, aspect_ratio: 2.39:1, megapixels: 0.5, seed: 18446744073709551615}]\n",
    "items: [{name: a, width: 512.0, cfg: 7, denoise: 0, steps: 1, overwrite: never, record: digest}]\n",
    "items: [a]\nbackends: {comfyui: {url: 'https://example.org/comfy', headers: {A: b}, checkpoint_paths: [~/x]}}\n",
]
WRONG = [
    "item: [a]\n", "items: [{name: a, promt: b}]\n", "items: [{prompt: b}]\n", "items: [{name: ''}]\n", "version: 2\n",
    "items: [{name: a, width: 15}]\n", "items: [{name: a, width: 512.5}]\n", "items: [{name: a, size: big}]\n",
    "items: [{name: a, seed: -1}]\n", "items: [{name: a, seed: never}]\n", "items: [{name: a, denoise: 1.1}]\n",
    "items: [{name: a, backend: nowhere}]\n", "backends: {nowhere: {}}\n", "backends: {comfyui: {uri: x}}\n",
    "backends: {comfyui: {retries: 3}}\n", "backends: {placeholder: {x: 1}}\n", "jobs: {}\n", "jobs: {a: {}}\n",
    "jobs: {'a b': {items: [a]}}\n", "jobs: {a: {items: [a], item: 1}}\n", "vars: {a: [b]}\n", "defaults: {name: a}\n",
    "defaults: {overwrite: sometimes}\n", "items: [[a]]\n", "items: [{name: a, slug: a/b}]\n", "[]", "7",
]  # fmt: skip


@pytest.mark.parametrize("text", [*RIGHT, *WRONG])
def test_the_editor_s_schema_and_ours_accept_the_same(text: str) -> None:
    found = document.parse(text.encode(), "assets.yaml")
    values = schema.settled(found)
    told = [
        whole
        for whole in (editor(), schema.assembled(), schema.inlined())
        if Draft202012Validator(whole).is_valid(values)
    ]
    assert len(told) == (3 if text in RIGHT else 0)
    assert bool(schema.problems(found, values)) == (text in WRONG)


VALUES = (
    st.none() | st.integers(-1, 20) | st.floats(-1, 20) | st.sampled_from(["a", "", "random", "1:1", "16x16", "never"])
)
KEYS = st.sampled_from(["name", "prompt", "size", "seed", "cfg", "steps", "vars", "overwrite", "record", "slug", "a"])
ITEMS = st.sampled_from(["a", "", 7]) | st.builds(
    lambda name, more: {**more, **name},
    st.sampled_from([{"name": "a"}, {"name": "a"}, {"name": ""}, {}]),
    st.dictionaries(KEYS, VALUES, max_size=2),
)
LISTS = st.lists(ITEMS, max_size=4)
JOBS = st.dictionaries(st.sampled_from(["kins", "a b", "items"]), st.builds(lambda items: {"items": items}, LISTS))


@settings_(max_examples=300)
@given(st.fixed_dictionaries({}, optional={"items": LISTS, "jobs": JOBS, "defaults": st.dictionaries(KEYS, VALUES)}))
def test_our_problems_are_those_of_the_schema(values: dict[str, Any]) -> None:
    """Items that a quick look finds right are not shown to jsonschema: none that is wrong may be among them."""
    told = {path for path, _ in schema.problems(document.Document("assets.json", values), values)}
    errors = [tuple(error.absolute_path) for error in Draft202012Validator(schema.assembled()).iter_errors(values)]
    assert bool(told) == bool(errors)
    for path in errors:
        assert any(one[: len(path)] == path for one in told), (path, told)


@given(ITEMS)
def test_the_first_look_at_an_item_says_right_of_none_that_is_wrong(item: Any) -> None:
    rules = schema.inlined()["properties"]["items"]["items"]
    assert not firstlook.compiled(rules)(item) or Draft202012Validator(rules).is_valid(item)


@pytest.mark.parametrize(
    "item",
    ["a", {"name": "a"}, {"name": "a", "prompt": "p", "seed": 0, "cfg": 7.5, "vars": {"x": "y"}, "overwrite": "never"},
     {"name": "a", "slug": "b", "size": "16x16", "seed": "random", "width": 16, "denoise": 1, "steps": 10_000}],
)  # fmt: skip
def test_the_first_look_knows_what_is_usual(item: Any) -> None:
    """Else a manifest of 10,000 items takes jsonschema's time."""
    assert firstlook.compiled(schema.inlined()["properties"]["items"]["items"])(item)


def test_nothing_is_left_to_follow_in_the_inlined_schema() -> None:
    assert "$ref" not in json.dumps(schema.inlined()) and "$ref" in json.dumps(schema.assembled())


def test_init_s_manifest_is_right_for_the_editor_it_names_the_schema_to(project: Project) -> None:
    project.run("init").exits(0)
    text = (project.root / "assets.yaml").read_text("utf-8")
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    project.run("validate").exits(0)
    named = project.root / first.partition("$schema=")[2]
    assert named.read_text("utf-8") == schema.editor_text()
    Draft202012Validator(loaded(named)).validate(schema.settled(document.parse(text.encode(), "assets.yaml")))


def test_init_s_manifest_is_right_with_its_comments_taken_up(project: Project) -> None:
    """The lines that are commented out are examples, too."""
    project.run("init").exits(0)
    text = (project.root / "assets.yaml").read_text("utf-8")
    lines = [
        line.replace("# ", "", 1) if line.strip().startswith(("# backends", "#   ")) else line
        for line in text.splitlines()
    ]
    assert "backends:" in lines
    found = document.parse("\n".join(lines).encode(), "assets.yaml")
    assert not schema.problems(found, schema.settled(found))


def test_the_example_of_this_repository_is_right() -> None:
    example = ROOT / "assets.yaml"
    found = manifest.load(example)
    assert len(found.items) >= 14 and {item.way.backend for item in found.items} == {"placeholder"}
    first = example.read_text("utf-8").splitlines()[0]
    assert (ROOT / first.partition("$schema=")[2]).is_file() or ".imagegen/" in first


def test_problems_are_told_in_our_words_and_not_the_library_s() -> None:
    for text in WRONG:
        found = document.parse(text.encode(), "assets.yaml")
        for _, problem in schema.problems(found, schema.settled(found)):
            assert "is not valid under" not in problem.message and "Additional properties" not in problem.message
            assert "does not match" not in problem.message and "is not of type" not in problem.message


@pytest.mark.parametrize(
    "more", [{"references": ["a.png"]}, {"loras": [{"name": "l"}]}, {"matrix": {"e": ["x"]}, "exclude": [{"e": "x"}]}]
)
def test_many_right_items_with_lists_are_right(more: dict[str, Any]) -> None:
    """They were counted as wrong once there were more than can be told of."""
    items = [{"name": f"a{number}", **more} for number in range(schema.MOST_WRONG_ITEMS + 1)]
    values = {"items": items}
    assert schema.problems(document.Document("assets.json", values), values) == []
    items[7] = {"name": "a", next(iter(more)): [7]}
    (_, found), *others = schema.problems(document.Document("assets.json", values), values)
    assert found.path.startswith("items[7].") and not others
