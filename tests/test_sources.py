"""Items from Markdown, CSV and JSON: what a person writes there, what it becomes, and how mistakes are told."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen import schema, sources, stored
from imagegen.errors import WrongInput
from imagegen.items import Item, Manifest, Overrides
from imagegen.settings import NOT_SETTINGS
from imagegen.sources import cells, markdown, table
from tests.conftest import Project
from tests.manifests import loaded, recipe_of, wrong

ON = "defaults: {backend: placeholder, size: 64x64}\n"


def written(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")


def from_page(folder: Path, text: str, more: str = "", job: str = "") -> Manifest:
    """The manifest whose one job has its items in the Markdown ``text``."""
    written(folder, "kins.md", text)
    return loaded(folder, f"{ON}jobs: {{kins: {{source: {{markdown: kins.md{more}}}{job}}}}}\n")


def from_table(folder: Path, text: str, job: str = "") -> Manifest:
    written(folder, "kins.csv", text)
    return loaded(folder, f"{ON}jobs: {{kins: {{source: {{csv: kins.csv}}{job}}}}}\n")


def from_json(folder: Path, value: Any, job: str = "") -> Manifest:
    written(folder, "kins.json", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    return loaded(folder, f"{ON}jobs: {{kins: {{source: {{json: kins.json}}{job}}}}}\n")


def told_by(call: Any, *arguments: Any) -> str:
    with pytest.raises(WrongInput) as caught:
        call(*arguments)
    return "\n".join(str(problem) for problem in caught.value.problems)


def prompts(found: Manifest) -> dict[str, str]:
    return {item.slug: recipe_of(item)["prompt"] for item in found.items}


def named(found: Manifest, slug: str) -> Item:
    (item,) = (item for item in found.items if item.slug == slug)
    return item


# --- Markdown -------------------------------------------------------------------------------------

PAGE = """\
    # The kins of the marsh

    What they have in common. **Seed:** 99 is nobody's here.

    ## Mallsing

    An old **heron** with a [lantern](lantern.md),
    in `ink_and_wash`.

    ## Thorn of the *Marsh*

    - **Negative:** blurry
    - **Seed:** 7
    - drawn by nobody

    Notes that are no prompt.

    ```text
    a viper, *coiled*  ${name}
    ```

    ```
    a second block
    ```

    # What else there is

    Not an item, and no part of Thorn.

    Ember
    -----
    **Slug:** ember-the-first
    **Width:** 128
    A fire.

    A cold one.
"""


def test_each_heading_is_an_item_and_its_prompt_is_below(tmp_path: Path) -> None:
    found = from_page(tmp_path, PAGE.replace("A fire.", "\n    A fire."))
    assert prompts(found) == {
        "mallsing": "An old heron with a lantern, in ink_and_wash.",
        "thorn-of-the-marsh": "a viper, *coiled*  Thorn of the Marsh",
        "ember-the-first": "A fire.\n\nA cold one.",
    }
    thorn, ember = recipe_of(named(found, "thorn-of-the-marsh")), recipe_of(named(found, "ember-the-first"))
    assert (thorn["seed"], thorn["negative_prompt"]) == (7, "blurry")
    assert (ember["width"], ember["height"]) == (128, 64)
    assert named(found, "thorn-of-the-marsh").name == "Thorn of the Marsh"


def test_another_level_of_headings(tmp_path: Path) -> None:
    page = "# A\n\none\n\n### Deep\n\ntwo\n\n## B\n\n### Deeper\n\nthree\n"
    assert prompts(from_page(tmp_path, page, ", level: 3")) == {"deep": "two", "deeper": "three"}
    assert prompts(from_page(tmp_path, page, ", level: 1")) == {"a": "one"}


def test_comments_pictures_quotes_and_tables_are_no_prompt(tmp_path: Path) -> None:
    page = """\
        ## Mallsing

        <!-- a note
        **Seed:** 3
        -->
        An old heron<!-- or crane? --> <br> at dawn.

        ![what we had](old.png)

        > somebody's words, **Seed:** 4

        | a | **Seed:** 5 |
        | --- | --- |
        | b | c |

            an indented block

        ### Notes

        Shy.
    """
    found = from_page(tmp_path, page)
    assert prompts(found) == {"mallsing": "An old heron at dawn."}
    assert recipe_of(found.items[0])["seed"] not in (3, 4, 5)


def test_a_static_site_s_front_matter_is_no_heading(tmp_path: Path) -> None:
    page = "---\ntitle: Kins\nlayout: page\n---\n\n## Mallsing\n\nheron\n"
    assert prompts(from_page(tmp_path, page)) == {"mallsing": "heron"}
    assert "kins.md:9:" in told_by(from_page, tmp_path, page + "**Seed:** x\n")


@pytest.mark.parametrize(
    "line",
    ["**Negative:** a, b", "**Negative prompt**: a, b", "**NEGATIVE_PROMPT:** a, b", "__negative-prompt__ : a, b",
     "* **Negative:** a,\n  b", "**Negative:**\n```\na, b\n```", "1. **Negative:**\n   ~~~\n   a, b\n   ~~~",
     "**Prompt:** heron\n**Negative:** `a, b`", "### Settings\n\n**Negative:** a, b"],
)  # fmt: skip
def test_a_setting_line_is_written_as_people_write(tmp_path: Path, line: str) -> None:
    found = from_page(tmp_path, f"## A\n\nheron\n\n{line}\n")
    assert recipe_of(found.items[0])["negative_prompt"] == "a, b"
    assert prompts(found) == {"a": "heron"}


def test_every_setting_can_be_written_as_a_line(tmp_path: Path) -> None:
    for key in set(cells.keys()) - NOT_SETTINGS:
        for label in (key, key.upper(), key.replace("_", " ").title()):
            page = markdown.parse(f"## A\n\n**{label}:** 7\n", "kins.md")
            assert key in page.root["items"][0], label


def test_lists_and_mappings_are_written_as_in_yaml(tmp_path: Path) -> None:
    (row,) = markdown.parse(
        "## A\n\n**LoRAs:** [a_b_c.safetensors, {name: b, strength: 0.5}]\n**References:** a.png\n"
        "**Image:** {item: 'kins:b'}\n",
        "kins.md",
    ).root["items"]
    assert row["loras"] == ["a_b_c.safetensors", {"name": "b", "strength": 0.5}]
    assert row["references"] == ["a.png"] and row["image"] == {"item": "kins:b"}
    found = from_page(tmp_path, "## A\n\n${kin} of ${Home}\n\n**vars:** {kin: 007}\n**vars.Home:** the marsh\n")
    assert prompts(found) == {"a": "007 of the marsh"}


def test_a_name_or_prompt_line_wins_over_heading_and_block(tmp_path: Path) -> None:
    found = from_page(tmp_path, "## A\n\n**Name:** Mallsing\n**Prompt:** heron\n\n```\nelse\n```\n")
    assert prompts(found) == {"mallsing": "heron"}


def test_an_empty_line_gives_nothing_and_bold_words_are_text(tmp_path: Path) -> None:
    found = from_page(tmp_path, "## A\n\n**Seed:**\n\n**Scene:** the marsh.\n**Bold** words.\n")
    assert prompts(found) == {"a": "Scene: the marsh. Bold words."}


def test_a_job_s_prompt_serves_headings_with_nothing_below(tmp_path: Path) -> None:
    found = from_page(tmp_path, "## A\n## B\n\nown\n", job=", prompt: 'portrait of ${name}'")
    assert prompts(found) == {"a": "portrait of A", "b": "own"}
    assert found.origins["kins:a"]["prompt"] == "job" and found.origins["kins:b"]["prompt"] == "item"


WRONG_PAGES = [
    ("## A\n\nx\n\n**Seed:** never\n", "kins.md:5: items[0].seed: must be a number"),
    ("## A\n\nx\n\ny\n**Steps:** 0\n", "kins.md:6: items[0].steps: must be at least 1, not 0"),
    ("## A\n\n- **Seed:** 1\n- **Seed:** 2\n", 'kins.md:4: "seed" stands twice here, first in line 3'),
    ("## A\n\nx\n\n**Stpes:** 3\n", 'kins.md:5: unknown setting "Stpes" (did you mean "steps"?'),
    ("## A\n\nx\n\n## a\n\ny\n", 'kins.md:5: items[1].name: "a" and "A" (line 1) have one target'),
    ("## A\n", "kins.md:1: items[0]: has no prompt"),
    ("##\n\nx\n", 'kins.md:1: items[0]: has no "name"'),
    ("## A\n\nx ${y}\n", 'kins.md:3: items[0].prompt: unknown "${y}"'),
    ("## A\n\nx\n\n```\ny\n\n## B\n", "kins.md:5: this fenced block is never closed"),
    ("## A\n\nx\n\n<!-- y\n\n## B\n", "kins.md:5: this comment is never closed"),
    ("# A\n\nx\n", "kins.md: has no heading of level 2 (##) (level: 1 would find some)"),
    ("", "kins.md: has no heading of level 2"),
    ("## A\n\nx\n\n**LoRAs:** [a\n", "kins.md:5: loras is not YAML"),
    ("## A\n\nx\n\n**Backend:** placeholdr\n", 'kins.md:5: items[0].backend: must be one of "comfyui"'),
    ("---\n\n## A\n\nx ${y}\n\n---\n\n## B\n\nx\n", 'kins.md:5: items[0].prompt: unknown "${y}"'),
]


@pytest.mark.parametrize(("page", "told"), WRONG_PAGES)
def test_a_mistake_in_a_page_is_told_with_its_line(tmp_path: Path, page: str, told: str) -> None:
    assert told in told_by(from_page, tmp_path, page)


def test_mistakes_in_page_and_manifest_are_told_together(tmp_path: Path) -> None:
    written(tmp_path, "kins.md", "## A\n\nx\n\n**Seed:** x\n**Width:** 1\n\n## B\n\n${z}\n")
    told = wrong(tmp_path, ON + "jobs: {kins: {source: {markdown: kins.md}}, b: {items: [{name: a, steps: x}]}}\n")
    for one in ("kins.md:5", "kins.md:6", "kins.md:10", "assets.yaml:2:"):
        assert one in told


@given(st.text())
@settings(max_examples=300, deadline=None)
def test_any_page_is_read_or_refused(text: str) -> None:
    try:
        found = markdown.parse(text, "kins.md")
    except WrongInput as error:
        assert all(problem.place.file == "kins.md" for problem in error.problems)
    else:
        assert found.root["items"]


BLOCKS = st.sampled_from(
    ["## A", "# T", "### C", "**Seed:** 7", "- **Negative:** x", "```\na\n```", "text", "<!-- c -->", "> q", "---",
     "**Steps:**", "![p](q)", "| a |\n| - |", "**b", "    code", "1. x", "* * *", "A\n=", "**Prompt**: p"],
)  # fmt: skip


@given(st.lists(BLOCKS, max_size=12), st.sampled_from(["\n", "\n\n", "\r\n"]))
@settings(max_examples=300, deadline=None)
def test_line_ends_decide_nothing_and_every_place_is_in_the_page(blocks: list[str], between: str) -> None:
    text = between.join(["## First", *blocks])

    def read(text: str) -> tuple[Any, ...]:
        try:
            return "items", markdown.parse(text, "p").root
        except WrongInput as error:
            return "wrong", error.problems

    kind, found = read(text.replace("\r\n", "\n"))
    assert (kind, found) == read(text.replace("\r\n", "\n").replace("\n", "\r\n"))
    lines = text.count("\n") + 1
    places = [p.place.line for p in found] if kind == "wrong" else [spot[0] for spot in found["items"].values_at]
    assert all(0 < line <= lines for line in places)


# --- CSV ------------------------------------------------------------------------------------------

TABLE = """\
    Name,Negative prompt,seed,vars.kin,prompt
    Mallsing,"blurry, text",7,heron,"a ${kin},
    a ""big"" one"
    ,,,,

    Thorn of the Marsh,,,viper,${name} the ${kin}
"""


def test_each_row_is_an_item_and_each_column_a_setting(tmp_path: Path) -> None:
    found = from_table(tmp_path, TABLE)
    assert prompts(found) == {"mallsing": 'a heron,\na "big" one', "thorn-of-the-marsh": "Thorn of the Marsh the viper"}
    mallsing = recipe_of(named(found, "mallsing"))
    assert (mallsing["seed"], mallsing["negative_prompt"]) == (7, "blurry, text")
    assert "negative_prompt" not in recipe_of(named(found, "thorn-of-the-marsh"))


@pytest.mark.parametrize("parted", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_tables_of_every_program(tmp_path: Path, parted: str, end: str, mark: str) -> None:
    rows = [["name", "slug", "prompt", "cfg"], ["Größe", "007", f"a{parted} b{end}c", ""]]
    text = io.StringIO()
    csv.writer(text, delimiter=parted, lineterminator=end).writerows(rows)
    (tmp_path / "kins.csv").write_bytes((mark + text.getvalue()).encode())
    found = loaded(tmp_path, ON + "jobs: {kins: {source: {csv: kins.csv}}}\n")
    assert prompts(found) == {"007": f"a{parted} b\nc"} and found.items[0].name == "Größe"


def test_a_cell_is_what_yaml_would_make_of_it(tmp_path: Path) -> None:
    found = from_table(tmp_path, "name,prompt,seed,vars.n\n1.10,${n} true,7.0,007\nNo,no,random,~\n")
    assert prompts(found) == {"1-10": "007 true", "no": "no"}
    assert [recipe_of(item)["seed"] for item in found.items] == [7, "random"]
    assert [item.name for item in found.items] == ["1.10", "No"]


WRONG_TABLES = [
    ("", "kins.csv: is empty"),
    ("prompt\nx\n", 'kins.csv:1: has no column "name"'),
    ("name,stpes\nA,1\n", 'kins.csv:1: unknown column "stpes" (did you mean "steps"?)'),
    ("name,kin\nA,1\n", 'a var of your own is called "vars.kin"'),
    ("name,,prompt\nA,1,x\n", "kins.csv:1: column 2 has no name"),
    ("name,Seed,seed\nA,1,2\n", 'kins.csv:1: two columns are called "seed"'),
    ("name,prompt\nA,x\nB,a, b\n", "kins.csv:3: this row has 3 cells, the first row 2"),
    ('name,prompt\nA,"x\ny"\n\nB,x\nC,x\nC,y\n', 'kins.csv:7: items[3].name: "C" and "C" (line 6)'),
    ('name,prompt,seed\nA,"x\ny",1\nB,x,never\n', "kins.csv:4: items[1].seed: must be a number"),
    ("name,prompt,steps\nA,x,many\n", 'kins.csv:2: items[0].steps: must be a whole number, not "many"'),
    ("name,prompt\n,x\n", 'kins.csv:2: items[0]: has no "name"'),
    ('name,prompt\nA,"x\nB,y\n', "kins.csv:2: is not CSV"),
    ('name,prompt\nA,"x" y\n', "kins.csv:2: is not CSV"),
    ("name,prompt,loras\nA,x,[a\n", "kins.csv:2: loras is not YAML"),
    ("name,prompt,bindings\nA,x,a\n", "kins.csv:2: items[0].bindings: must be a mapping"),
]


@pytest.mark.parametrize(("text", "told"), WRONG_TABLES)
def test_a_mistake_in_a_table_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    assert told in told_by(from_table, tmp_path, text)


def test_what_is_not_utf8_or_too_large_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kins.csv").write_bytes("name,prompt\nA,x\nGröße,y\n".encode("latin-1"))
    manifest = ON + "jobs: {kins: {source: {csv: kins.csv}}}\n"
    assert "kins.csv:3: is not UTF-8 text (save it as UTF-8)" in wrong(tmp_path, manifest)
    monkeypatch.setattr("imagegen.sources.content.MAX_BYTES", 8)
    assert "kins.csv: is 0 MB; at most 0 MB are read" in wrong(tmp_path, manifest)


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12).map(str.strip)


@given(st.lists(st.tuples(CELL.filter(bool), CELL, CELL), min_size=1, max_size=6), st.sampled_from(",;\t"))
@settings(max_examples=200, deadline=None)
def test_whatever_a_spreadsheet_writes_is_read_back(rows: list[tuple[str, str, str]], parted: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=parted).writerows([("name", "prompt", "vars.kin"), *rows])
    found = table.parse(text.getvalue(), "kins.csv").root["items"]
    assert [(one["name"], one.get("prompt", ""), one.get("vars", {}).get("kin", "")) for one in found] == rows


# --- JSON -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True])
def test_a_list_of_objects_or_an_object_with_items(tmp_path: Path, whole: bool) -> None:
    items = ["Ember", {"name": "Mallsing", "prompt": "heron", "seed": 7, "vars": {"kin": "heron"}}]
    found = from_json(tmp_path, {"items": items} if whole else items, ", prompt: 'a ${name}'")
    assert prompts(found) == {"ember": "a Ember", "mallsing": "heron"}
    assert recipe_of(named(found, "mallsing"))["seed"] == 7


WRONG_JSON = [
    ('[\n{"name": "A", "prompt": "x",\n "seed": "never"}]', "kins.json:3:10: items[0].seed: must be a number"),
    ('{"items": [\n{"name": "A", "promt": "x"}]}', 'kins.json:2:15: items[0]: unknown key "promt" (did you mean'),
    ('[{"prompt": "x"}]', 'kins.json:1:2: items[0]: has no "name"'),
    ('[{"name": "A",}]', "kins.json:1:15: is not JSON"),
    ('{"itmes": []}', 'kins.json:1:2: unknown key "itmes" (did you mean "items"?)'),
    ('"A"', "kins.json: is neither a list of items nor an object"),
    ('{"items": 7}', "kins.json: is neither a list of items nor an object"),
    ('[{"name": "A", "name": "B"}]', 'kins.json: the key "name" stands twice'),
    ("", "kins.json:1:1: is not JSON"),
]


@pytest.mark.parametrize(("text", "told"), WRONG_JSON)
def test_a_mistake_in_json_is_told_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    assert told in told_by(from_json, tmp_path, text)


# --- the job --------------------------------------------------------------------------------------

WRONG_JOBS = [
    ("{}", 'assets.yaml:2:14: jobs.kins: has no "items" or "source"'),
    ("{items: [{name: a, prompt: x}], source: {csv: kins.csv}}", "jobs.kins.source: has both items and a source"),
    ("{source: kins.csv}", "jobs.kins.source: must be a mapping"),
    ("{source: {cvs: kins.csv}}", 'jobs.kins.source: unknown key "cvs" (did you mean "csv"?)'),
    ("{source: {}}", "jobs.kins.source: is empty"),
    ("{source: {level: 2}}", 'jobs.kins.source: has no "markdown" or "csv" or "json"'),
    ("{source: {csv: kins.csv, json: a.json}}", 'jobs.kins.source: names more than one file: "csv", "json"'),
    ("{source: {csv: kins.csv, level: 3}}", "assets.yaml:2:39: jobs.kins.source.level: has no use with csv"),
    ("{source: {csv: kin.csv}}", 'jobs.kins.source.csv: there is no kin.csv (did you mean "kins.csv"?)'),
    ("{source: {csv: no/kin.csv}}", "assets.yaml:2:29: jobs.kins.source.csv: there is no no/kin.csv"),
    ("{source: {csv: .}}", "jobs.kins.source.csv: . is a folder (name a file in it)"),
    ("{source: {csv: ../kins.csv}}", "jobs.kins.source.csv: ../kins.csv lies outside the project"),
    ("{source: {csv: /etc/passwd}}", "lies outside the project"),
    ("{source: {markdown: kins.csv, level: 7}}", "jobs.kins.source.level: must be at most 6"),
]


@pytest.mark.parametrize(("job", "told"), WRONG_JOBS)
def test_a_mistake_in_the_job_is_told_once(tmp_path: Path, job: str, told: str) -> None:
    written(tmp_path, "kins.csv", "name,prompt\nA,x\n")
    found = wrong(tmp_path, f"{ON}jobs: {{kins: {job}}}\n")
    assert told in found and (len(found.splitlines()) == 1 or "level: 7" in job), found


def test_a_link_out_of_the_project_is_refused_and_a_folder_can_be_allowed(tmp_path: Path) -> None:
    outside, project = tmp_path / "outside", tmp_path / "project"
    outside.mkdir()
    project.mkdir()
    written(outside, "kins.csv", "name,prompt\nA,x\n")
    (project / "link.csv").symlink_to(outside / "kins.csv")
    assert "lies outside" in wrong(project, ON + "jobs: {kins: {source: {csv: link.csv}}}\n")
    manifest = ON + "jobs: {kins: {source: {csv: ../outside/kins.csv}}}\n"
    assert prompts(loaded(project, manifest, Overrides(allow=(outside,)))) == {"a": "x"}


def test_every_kind_of_source_is_in_the_schema() -> None:
    known = schema.assembled()["$defs"]["source"]["properties"]
    assert set(known) == set(sources.KINDS) | {option for kind in sources.KINDS.values() for option in kind.options}


def test_items_of_sources_are_referred_to_as_others_are(tmp_path: Path) -> None:
    written(tmp_path, "kins.csv", "name,prompt,slug\nA,x,\nB,y,bee\n")
    text = """\
        defaults: {checkpoint: a.safetensors}
        jobs:
          kins: {source: {csv: kins.csv}}
          more:
            prompt: z
            items: [{name: C, image: {item: "kins:bee"}}, {name: D, image: assets/kins/a.png}]
    """
    assert [item.ingredients[0].task for item in loaded(tmp_path, text).items[2:]] == ["kins:bee", "kins:a"]


def test_many_wrong_rows_are_told_from_the_first_on(tmp_path: Path) -> None:
    text = "name,prompt,seed\n" + "".join(f"a{n},x,never\n" for n in range(1_200))
    told = told_by(from_table, tmp_path, text).splitlines()
    assert len(told) == 1_001 and "kins.csv:1: items: 1200 items are wrong; these are the first 1000" in told[0]
    assert told[1].startswith("kins.csv:2: items[0].seed")


# --- commands -------------------------------------------------------------------------------------


def test_a_run_sees_what_changed_in_a_source(project: Project) -> None:
    project.manifest(ON + "jobs: {kins: {source: {markdown: docs/kins.md}}}\n")
    project.write("docs/kins.md", "## Mallsing\n\na heron\n\n## Thorn\n\na viper\n\n**Seed:** 7\n")
    project.run("run").exits(0).says("2 made")
    assert project.run("list", "--all").exits(0).says("kins:mallsing", "kins:thorn")
    project.run("run").exits(0).says("Nothing to do: all 2 images")
    project.edit("a heron", "a crane", "docs/kins.md")
    project.run("plan").exits(0).says("make    kins:mallsing", '"a heron" → "a crane"', "1 to make, 1 to leave")
    project.run("run").says("1 made, 1 skipped")
    project.run("explain", "kins:thorn").exits(0).says('prompt   "a viper"  (the item)', "seed     7  (the item)")
    (project.root / "docs/kins.md").unlink()
    project.run("status").exits(3).says("jobs.kins.source.markdown: there is no docs/kins.md")
    project.write("docs/kins.md", "## Mallsing\n\na crane\n")
    project.run("status").exits(0).says("1 fresh")


def test_what_a_source_says_is_stored_by_its_content(tmp_path: Path) -> None:
    first = from_table(tmp_path, "name,prompt\nA,x\n")
    assert list(first.inputs) == ["kins.csv"]
    file = tmp_path / "assets.yaml"
    assert stored.manifest(file, Overrides()).columns.recipes == first.columns.recipes
    assert stored.current(file, Overrides()) is not None
    written(tmp_path, "kins.csv", "name,prompt\nA,y\n")
    assert stored.current(file, Overrides()) is None
    assert prompts(stored.manifest(file, Overrides())) == {"a": "y"}


def test_a_run_with_nothing_to_do_reads_no_page(project: Project) -> None:
    project.manifest(ON + "jobs: {kins: {source: {markdown: kins.md}, matrix: {e: [a, b]}}}\n")
    project.write("kins.md", "## A\n\nheron ${e}\n")
    program = (
        "import sys; sys.argv[0] = 'imagegen'; from imagegen.app import main\n"
        "try: main(['run'])\n"
        "finally: print('markdown_it' in sys.modules, 'imagegen.gathering' in sys.modules)"
    )

    def run() -> str:
        command = [sys.executable, "-c", program]
        return subprocess.run(
            command, cwd=project.root, env=project.environ, capture_output=True, text=True, check=False
        ).stdout

    first, second = run(), run()
    assert "2 made" in first and first.endswith("True True\n")
    assert "Nothing to do" in second and second.endswith("False False\n")
