"""`imagegen storyboard`: a script comes in, begins a project or changes one, is listed and written out again."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from imagegen.storyboard import editing
from imagegen.storyboard.database import address, open_storyboard
from tests.conftest import Project
from tests.postgres import PASSWORD, Postgres, postgres  # noqa: F401  (a fixture)

LINES = [
    "Ada poles the ferry into the mist.",
    "Bo sits in the bow with a lantern.",
    "A heron stands on a post.",
    "They are home.",
]
SCRIPT = "# The Ferry\n\n" + "\n\n".join(LINES) + "\n"


def script(project: Project, text: str = SCRIPT, name: str = "script.md") -> str:
    (project.root / name).write_text(text, encoding="utf-8")
    return name


def small(project: Project) -> None:
    """A manifest whose pictures are quickly made."""
    project.manifest(
        """\
        defaults: {backend: placeholder}
        jobs:
          frames:
            source: {storyboard: data/storyboard.sqlite, project: The Ferry}
            width: 64
            height: 64
        """
    )
    project.write("workflows/image/flux-2.json", "{}")


def listed(project: Project, *words: str, **environ: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        project.run("storyboard", "list", "--json", *words, **environ).exits(0).json["sentences"]
    )
    return found


def rows(project: Project, statement: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(project.root / "data" / "storyboard.sqlite") as database:
        found = database.execute(statement).fetchall()
    database.close()
    return found


def tree(project: Project) -> set[str]:
    return {path.relative_to(project.root).as_posix() for path in project.root.rglob("*") if path.is_file()}


# --- from an empty folder -------------------------------------------------------------------------


def test_from_an_empty_folder_to_pictures(project: Project) -> None:
    """The placeholder stands in where there was no workflow; import says so, and all commands work at once."""
    script(project, "# The Ferry\n\n**Size:** 64x64\n\n" + "\n".join(LINES))
    told = project.run("storyboard", "import", "script.md").exits(0)
    told.says(
        'the new project "The Ferry"', "4 sentences", "wrote assets.yaml", "wrote dodo.py", "wrote pyproject.toml"
    )
    told.says("wrote workflows/image/flux-2.json", "The placeholder draws the pictures", "imagegen studio")
    assert {"assets.yaml", "dodo.py", "pyproject.toml", ".gitignore", "data/storyboard.sqlite"} <= tree(project)
    assert {".imagegen/", "*.sqlite-wal", "*.sqlite-shm"} <= set((project.root / ".gitignore").read_text().splitlines())
    project.run("validate").exits(0)
    project.doit().exits(0).says("4 made")
    project.doit().exits(0).says("Nothing to do")
    assert [one["verdict"] for one in listed(project)] == ["fresh"] * 4
    assert all((project.root / one["image_file"]).is_file() for one in listed(project))
    project.run("storyboard", "import", "script.md").exits(0).says("nothing changed").says_not("wrote")


def test_a_backend_that_is_named_is_written(project: Project) -> None:
    script(project)
    told = project.run("storyboard", "import", "script.md", "--backend", "ollama", "--job", "shots").exits(0)
    told.says("doit shots").says_not("placeholder")
    assert (
        "  shots:\n" in (project.root / "assets.yaml").read_text()
        and "backend: ollama" in (project.root / "assets.yaml").read_text()
    )


def test_with_the_workflow_there_the_default_backend_makes_the_pictures(project: Project) -> None:
    script(project)
    project.write("workflows/image/flux-2.json", "{}")
    project.run("storyboard", "import", "script.md").exits(0).says_not("placeholder")
    assert "backend:" not in (project.root / "assets.yaml").read_text()


def test_the_workflow_comes_with_it_and_another_one_is_asked_for(project: Project) -> None:
    ours = Path(__file__).parent.parent / "workflows" / "image" / "flux-2.json"
    project.run("storyboard", "import", script(project)).exits(0)
    assert (project.root / "workflows/image/flux-2.json").read_bytes() == ours.read_bytes()
    script(project, "# Other\n\n**Workflow:** workflows/mine.json\n\nAda poles.\n", "other.md")
    project.run("storyboard", "import", "other.md").exits(0).says("there is no workflows/mine.json yet")
    assert not (project.root / "workflows/mine.json").exists()


def test_nothing_that_is_there_is_written_over(project: Project) -> None:
    script(project)
    project.write("dodo.py", "# mine\n")
    project.write("pyproject.toml", "[project]\nname = 'mine'\n")
    project.write(".gitignore", "*.log\n")
    told = project.run("storyboard", "import", "script.md").exits(0)
    told.says("left  dodo.py", "left  pyproject.toml", "[tool.doit.plugins.command]", ".imagegen/", "wrote assets.yaml")
    assert (project.root / "dodo.py").read_text() == "# mine\n"


def test_a_manifest_that_is_there_is_not_edited_but_the_lines_to_add_are_printed(project: Project) -> None:
    script(project)
    before = (
        "defaults: {backend: placeholder, width: 64, height: 64}\njobs:\n  frames:\n    items: [{name: a, prompt: p}]\n"
    )
    project.manifest(before)
    told = (
        project.run("storyboard", "import", "script.md").exits(0).says("assets.yaml has no job for it", "below jobs:")
    )
    assert (project.root / "assets.yaml").read_text() == before
    assert {"dodo.py", "pyproject.toml"}.isdisjoint(tree(project))
    found = re.search(r"^  frames-2:\n(    .*\n)+", told.out, re.MULTILINE)
    assert found is not None
    project.write("workflows/image/flux-2.json", "{}")
    project.manifest(before + found[0])
    project.run("run").exits(0).says("5 made")
    project.run("storyboard", "import", "script.md").exits(0).says("nothing changed").says_not("has no job")


def test_a_manifest_of_one_job_is_told_that_it_needs_another_form(project: Project) -> None:
    script(project)
    project.manifest("defaults: {backend: placeholder}\nitems: [{name: a, prompt: p}]\n")
    project.run("storyboard", "import", "script.md").exits(0).says("jobs:\n  frames:", "side by side")


def test_a_project_s_name_may_be_anything(project: Project) -> None:
    script(project, '# A "film": {x} \\\\ é #1 ${name}\n\nAda poles.\n')
    project.write("workflows/image/flux-2.json", "{}")
    project.run("storyboard", "import", "script.md", "--backend", "placeholder").exits(0)
    project.run("validate").exits(0)
    (one,) = listed(project)
    assert one["verdict"] == "missing"


def test_a_project_that_is_called_otherwise_stays_the_job_s(project: Project) -> None:
    project.run("storyboard", "import", script(project)).exits(0)
    ((own, name),) = rows(project, "select id, name from projects")
    assert f'project: "{own}"}}  # {name}\n' in (project.root / "assets.yaml").read_text()
    board = open_storyboard(address("data/storyboard.sqlite", project.root))
    with board.session() as session:
        editing.change_project(session, own, name="The Heron")
    board.close()
    project.run("status").says_not("no project")
    assert {one["verdict"] for one in listed(project)} == {"missing"}


def test_a_name_of_digits_is_the_job_s(project: Project) -> None:
    small(project)
    project.edit("project: The Ferry", "project: 007")
    project.run("storyboard", "import", script(project, "# 007\n\nAda poles.\n")).exits(0).says_not("has no job")
    assert [one["verdict"] for one in listed(project)] == ["missing"]


def test_a_title_that_was_changed_makes_no_second_project(project: Project) -> None:
    project.run("storyboard", "import", script(project)).exits(0)
    script(project, SCRIPT.replace("The Ferry", "The Heron"))
    for more in ((), ("--dry-run",)):
        project.run("storyboard", "import", "script.md", *more).exits(3).says(
            'called "The Heron"', 'in the project "The Ferry"', '--project "The Ferry" imports it there'
        )
    assert rows(project, "select name from projects") == [("The Ferry",)]
    project.run("storyboard", "import", "script.md", "--project", "The Ferry").exits(0).says("nothing changed")
    project.run("storyboard", "import", "script.md", "--project", "The Heron").exits(0).says("the new project")
    script(project, "# Another\n\nA film of its own.\n\n" + LINES[0] + "\n", "other.md")
    project.run("storyboard", "import", "other.md").exits(0).says('the new project "Another"')


def test_a_clone_with_the_script_alone_gets_the_project_that_its_manifest_names(project: Project) -> None:
    project.run("storyboard", "import", script(project)).exits(0)
    ((own,),) = rows(project, "select id from projects")
    shutil.rmtree(project.root / "data")
    project.run("storyboard", "import", "script.md").exits(0).says(f"({own})").says_not("has no job")
    assert {one["verdict"] for one in listed(project)} == {"missing"}
    script(project, "# Another\n\nA film of its own.\n", "other.md")
    project.run("storyboard", "import", "other.md").exits(0).says("has no job for it")


# --- importing again ------------------------------------------------------------------------------


def test_importing_again_changes_what_the_script_has_changed_and_nothing_else(project: Project) -> None:
    small(project)
    project.run("storyboard", "import", script(project)).exits(0)
    project.run("run").exits(0).says("4 made")
    ids = {one["text"]: one["id"] for one in listed(project)}
    changed = SCRIPT.replace("They are home.", "**Seed:** 7\n\nA bell rings.\n\nThey are home at last.").replace(
        LINES[0] + "\n\n", ""
    )
    told = project.run("storyboard", "import", script(project, changed)).exits(0)
    told.says("1 added, 2 changed", "003  seed", "004  text", "kept 1 sentence", f"001  {LINES[0]}", "--prune")
    found = listed(project)
    assert [(one["name"], one["verdict"]) for one in found] == [
        ("001", "fresh"), ("002", "fresh"), ("003", "stale"), ("005", "missing"), ("004", "stale"),
    ]  # fmt: skip
    assert found[0]["id"] == ids[LINES[0]] and found[4]["id"] == ids["They are home."]
    assert [one["is_image_dirty"] for one in found] == [False, False, True, True, True]
    project.run("run").exits(0).says("3 made")
    project.run("storyboard", "import", "script.md").exits(0).says("nothing changed", "kept 1 sentence")
    assert {one["verdict"] for one in listed(project)} == {"fresh"}


def test_prune_removes_what_the_script_no_longer_has_and_leaves_the_picture(project: Project) -> None:
    small(project)
    project.run("storyboard", "import", script(project)).exits(0)
    project.run("run").exits(0)
    picture = listed(project)[0]["image_file"]
    script(project, SCRIPT.replace(LINES[0], ""))
    project.run("storyboard", "import", "script.md", "--prune", "--dry-run").exits(0).says("would remove 1 sentence")
    assert len(listed(project)) == 4
    project.run("storyboard", "import", "script.md", "--prune").exits(0).says("1 removed", "stay on disk", picture)
    assert [one["text"] for one in listed(project)] == LINES[1:] and (project.root / picture).is_file()


def test_a_dry_run_changes_nothing_and_makes_no_file(project: Project) -> None:
    script(project)
    before = tree(project)
    told = project.run("storyboard", "import", "script.md", "--dry-run").exits(0)
    told.says("would import script.md", "4 sentences", "would begin a project here")
    assert tree(project) == before
    project.run("storyboard", "import", "script.md").exits(0)
    script(project, SCRIPT + "\nAnd then.\n")
    project.run("storyboard", "import", "script.md", "--dry-run").exits(0).says("would import", "1 added")
    assert rows(project, "SELECT count(*) FROM sentences") == [(4,)]


def test_what_was_written_in_the_storyboard_is_not_lost_to_a_script_that_says_nothing_of_it(project: Project) -> None:
    project.run("storyboard", "import", script(project)).exits(0)
    rows(project, "UPDATE sentences SET image_prompt = 'a ferry', seed = '9' WHERE name = '001'")
    project.run("storyboard", "import", "script.md").exits(0).says("nothing changed")
    assert [(one["image_prompt"], one["seed"]) for one in listed(project)[:1]] == [("a ferry", 9)]
    script(project, SCRIPT.replace(LINES[0], f"{LINES[0]}\n**Prompt:**\n\n**Seed:** derived"))
    project.run("storyboard", "import", "script.md").exits(0).says("1 changed")
    assert [(one["image_prompt"], one["seed"]) for one in listed(project)[:1]] == [("", None)]


CAST = """\
# The Ferry

**Style:** ink
**Style LoRA:** ink.safetensors

## Characters

- **Ada:** a ferrywoman
  - **LoRA:** ada.safetensors:0.5
- **Bo:** a boy
  - **LoRA:** bo.safetensors

## Script

They go.

**Characters:** Bo, Ada

Nobody.
"""


def test_characters_and_style_become_settings_and_changing_one_marks_its_pictures(project: Project) -> None:
    small(project)
    project.run("storyboard", "import", script(project, CAST)).exits(0).says("2 characters")
    project.run("run").exits(0)
    first = listed(project)[0]
    recipe = project.run("explain", f"frames:{first['id']}", "--json").exits(0).json["recipe"]
    assert [one["name"] for one in recipe["loras"]] == ["ink.safetensors", "ada.safetensors", "bo.safetensors"]
    assert recipe["prompt"] == "They go., ink"
    script(project, CAST.replace("bo.safetensors", "bo.safetensors:0.3").replace("a ferrywoman", "an old ferrywoman"))
    project.run("storyboard", "import", "script.md").exits(0).says("2 characters")
    assert [one["is_image_dirty"] for one in listed(project)] == [True, False]
    script(project, CAST.replace("**Style:** ink", "**Style:** oil"))
    project.run("storyboard", "import", "script.md").exits(0).says("the project's style")
    assert [one["verdict"] for one in listed(project)] == ["stale", "stale"]


# --- what can be wrong ----------------------------------------------------------------------------


def test_a_character_that_nobody_lists_is_told_with_its_line_and_nothing_is_written(project: Project) -> None:
    script(project, CAST.replace("Bo, Ada", "Bo, Adda") + "\n**Characters:** Cy\n")
    before = tree(project)
    told = project.run("storyboard", "import", "script.md").exits(3)
    told.says(
        'script.md:17: there is no character "Adda" (did you mean "Ada"?)', 'script.md:21: there is no character "Cy"'
    )
    assert rows(project, "SELECT count(*) FROM projects") == [(0,)] if tree(project) != before else True


def test_characters_of_the_storyboard_need_not_be_listed_again(project: Project) -> None:
    project.run("storyboard", "import", script(project, CAST)).exits(0)
    script(project, "text,characters\nThey go.,Bo\nA heron stands.,Ada\n", "more.csv")
    project.run("storyboard", "import", "more.csv", "--project", "The Ferry").exits(0).says("1 added, 1 changed")
    assert [one["characters"] for one in listed(project)] == [["Bo"], [], ["Ada"]]


def test_all_mistakes_are_told_at_once_and_nothing_is_made(project: Project) -> None:
    script(project, "Ada.\n\n**Promt:** x\n\n**Seed:** many\n")
    told = project.run("storyboard", "import", "script.md").exits(3)
    told.says('script.md:3: unknown setting "Promt" (did you mean "prompt"?', "script.md:5: seed is 'many'")
    assert tree(project) == {"script.md"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "import, list or export"),
        (("improt", "x.md"), 'did you mean "import"?'),
        (("import",), "wants one script"),
        (("import", "skript.md"), 'there is no skript.md (did you mean "script.md"?)'),
        (("import", "."), ". is a folder"),
        (("import", "latin.md"), "latin.md:1: is not UTF-8 text"),
        (("import", "script.md", "--backend", "comfy"), 'did you mean "comfyui"?'),
        (("import", "script.md", "--job", "status"), "a command is"),
        (("import", "script.md", "--job", "a:b"), "no blanks, colons or slashes"),
        (("import", "script.md", "--to", "../elsewhere.sqlite"), "lies outside the project"),
        (("import", "script.md", "--to", "mysql://u:secret@h/d"), "mysql://"),
        (("import", "script.md", "--to", "script.md"), "script.md"),
        (("import", "script.md", "--format", "md"), "--format is for storyboard export"),
        (("import", "script.md", "--project="), "--project wants a value"),
        (("import", "script.md", "--project", "two\nlines"), "--project has more than one line"),
        (("list",), "there is no storyboard data/storyboard.sqlite (imagegen storyboard import makes one)"),
        (("export", "a", "b", "c"), "takes fewer names"),
    ],
)
def test_a_wrong_command_line_is_told(project: Project, words: tuple[str, ...], says: str) -> None:
    script(project)
    (project.root / "latin.md").write_bytes("Où est-elle ?".encode("latin-1"))
    project.run("storyboard", *words).exits(3).says(says).says_not("secret")
    assert tree(project) == {"script.md", "latin.md"}


def test_a_script_without_a_name_is_not_taken_for_another_project(project: Project) -> None:
    project.run("storyboard", "import", script(project)).exits(0)
    script(project, "Another one.\n", "second.txt")
    told = project.run("storyboard", "import", "second.txt").exits(3)
    told.says('second.txt names no project, and the storyboard has "The Ferry"', '--project "second"')
    project.run("storyboard", "import", "second.txt", "--project", "second").exits(0).says(
        "the new project", "frames-2:"
    )
    project.run("storyboard", "import", "second.txt").exits(0).says("nothing changed")


def test_a_storyboard_says_what_the_extra_is_called_where_it_is_not_installed(project: Project) -> None:
    script(project)
    project.write("sqlalchemy.py", "raise ImportError('no module', name='sqlalchemy')\n")
    told = project.run("storyboard", "import", "script.md", PYTHONPATH=os.fspath(project.root)).exits(3)
    told.says("sqlalchemy, which is not installed", "pip install 'imagegen[studio]'")


# --- list and export ------------------------------------------------------------------------------


def test_list_goes_by_the_verdict_and_shortens_to_the_terminal(project: Project) -> None:
    small(project)
    long = "A very long sentence that no terminal of sixty columns can show in one line."
    project.run("storyboard", "import", script(project, SCRIPT + f"\n{long}\n")).exits(0)
    project.run("run").exits(0)
    (picture,) = [project.root / one["image_file"] for one in listed(project) if one["name"] == "002"]
    picture.unlink()
    told = project.run("storyboard", "list", COLUMNS="60").exits(0)
    told.says("job frames): 4 fresh, 1 missing").says_not(long)
    lines = told.out.splitlines()
    assert all(len(line) <= 60 for line in lines) and "missing" in lines[1] and lines[4].endswith("…")


def test_plain_doit_has_the_command_too(project: Project) -> None:
    project.run("storyboard", "import", script(project)).exits(0)
    project.doit("storyboard", "list").exits(0).says(LINES[0], "4 missing")


def test_list_of_several_projects_counts_them(project: Project) -> None:
    small(project)
    project.run("storyboard", "import", script(project)).exits(0)
    project.run("storyboard", "import", script(project, "# Other\n\nOne.\n", "b.md")).exits(0)
    told = project.run("storyboard", "list").exits(0)
    told.says("Other", "1 sentence, 1 dirty", "The Ferry", "4 sentences, 4 dirty", "job frames")
    assert {one["name"] for one in project.run("storyboard", "list", "--json").json["projects"]} == {
        "Other",
        "The Ferry",
    }
    project.run("storyboard", "list", "Other").exits(0).says("One.", "1 dirty")
    project.run("storyboard", "list", "Othr").exits(3).says('did you mean "Other"?')


def test_list_shows_the_flag_where_the_manifest_is_wrong(project: Project) -> None:
    small(project)
    project.run("storyboard", "import", script(project)).exits(0)
    project.edit("width: 64", "width: 1")
    project.run("storyboard", "list").exits(0).says("no verdicts, because the manifest is wrong", "4 dirty")
    assert listed(project)[0]["verdict"] is None


@pytest.mark.parametrize("form", ["json", "md", "csv"])
def test_what_is_exported_is_imported_to_the_same(project: Project, form: str) -> None:
    project.run("storyboard", "import", script(project, CAST)).exits(0)
    project.run("storyboard", "export", f"out.{form}").exits(0).says(f"wrote out.{form}: 2 sentences")
    project.run("storyboard", "export", f"out.{form}").exits(3).says("is there already", "--overwrite")
    project.run("storyboard", "export", f"out.{form}", "--overwrite").exits(0)
    printed = project.run("storyboard", "export", "The Ferry", "--format", form).exits(0).out
    assert printed == (project.root / f"out.{form}").read_text("utf-8")
    project.run("storyboard", "import", f"out.{form}", "--project", "The Ferry").exits(0).says("nothing changed")


def test_export_to_a_folder_is_told(project: Project) -> None:
    project.run("storyboard", "import", script(project)).exits(0)
    (project.root / "film.md").mkdir()
    project.run("storyboard", "export", "film.md", "--overwrite").exits(3).says("film.md is a folder").says_not(".tmp")
    project.write("taken", "")
    project.run("storyboard", "export", "taken/film.md").exits(1).says("can't write taken/film.md")


def test_export_to_a_place_with_no_format_is_told(project: Project) -> None:
    project.run("storyboard", "import", script(project)).exits(0)
    project.run("storyboard", "export", "The Ferry", "out.txt").exits(3).says("--format json, md or csv")
    project.run("storyboard", "export", "--format", "xml").exits(3).says('there is no format "xml"')
    assert json.loads(project.run("storyboard", "export").exits(0).out)["project"]["name"] == "The Ferry"


# --- large, and on a server -----------------------------------------------------------------------


def test_ten_thousand_sentences_come_in_at_once(project: Project) -> None:
    texts = [{"text": f"Sentence {number} of many.", "prompt": f"scene {number}"} for number in range(10_000)]
    script(project, json.dumps(texts), "big.json")
    began = time.monotonic()
    project.run("storyboard", "import", "big.json", timeout=170).exits(0).says("10000 sentences")
    assert rows(project, "SELECT count(*), count(DISTINCT name), max(position) FROM sentences") == [
        (10_000, 10_000, 9999)
    ]
    assert time.monotonic() - began < 120, "seconds on an idle machine"


def test_on_postgresql_with_the_password_in_the_environment(project: Project, postgres: Postgres) -> None:  # noqa: F811
    """The password is in no file and in nothing that is printed."""
    script(project)
    small(project)
    (project.root / "assets.yaml").unlink()
    url = postgres.address
    told = project.run("storyboard", "import", "script.md", "--backend", "placeholder", IMAGEGEN_STORYBOARD=url).exits(
        0
    )
    told.says("imported script.md into postgresql://painter@127.0.0.1").says_not(PASSWORD, url)
    assert PASSWORD not in (written := (project.root / "assets.yaml").read_text()) and url not in written
    assert [one["verdict"] for one in listed(project, IMAGEGEN_STORYBOARD=url)] == ["missing"] * 4
    project.run("storyboard", "list", PGPASSWORD=PASSWORD).exits(0).says("4 missing")
    project.run("storyboard", "import", "script.md", PGPASSWORD=PASSWORD).exits(0).says("nothing changed")
    project.run("storyboard", "list", PGPASSWORD="wrong").exits(3).says_not("Traceback")
    assert "data/storyboard.sqlite" not in tree(project)
