"""Plain `doit`: with nothing but a dodo.py, and with the lines that `imagegen init` puts into pyproject.toml."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imagegen import verbs
from imagegen.commands.init import DODO, doit_lines
from tests.conftest import Project
from tests.handiwork import draw, pixels, record, seed

MANIFEST = """\
    defaults: {backend: placeholder, size: 64x64}
    jobs:
      kins:
        prompt: portrait of ${name}
        items: [Ada, Bo, {name: Cy, seed: random}]
    """
TARGETS = ["assets/kins/ada.png", "assets/kins/bo.png", "assets/kins/cy.png"]


@pytest.fixture
def lone(project: Project) -> Project:
    """A project with a dodo.py alone: doit's own commands."""
    project.manifest(MANIFEST)
    project.write("dodo.py", DODO)
    return project


@pytest.fixture
def registered(project: Project) -> Project:
    """A project whose pyproject.toml registers our loader and commands; it needs no dodo.py."""
    project.manifest(MANIFEST)
    project.write("pyproject.toml", doit_lines())
    return project


@pytest.fixture(params=["dodo.py", "pyproject.toml"])
def either(project: Project, request: pytest.FixtureRequest) -> Project:
    """The one and the other."""
    project.manifest(MANIFEST)
    project.write(*(("dodo.py", DODO) if request.param == "dodo.py" else ("pyproject.toml", doit_lines())))
    return project


def there(project: Project) -> list[str]:
    return [target for target in TARGETS if (project.root / target).exists()]


def test_the_projects_own_dodo_is_the_one_that_init_writes() -> None:
    assert (Path(__file__).parent.parent / "dodo.py").read_text("utf-8") == DODO


# --- both ways --------------------------------------------------------------------------------------


def test_doit_makes_what_imagegen_makes(either: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    told = either.doit().exits(0).says("made     assets/kins/ada.png  seed ", "3 made, 0 skipped, 0 failed")
    assert told.err == "" and there(either) == TARGETS
    either.doit().exits(0).says("Nothing to do")
    either.edit("portrait of", "a painting of")
    (either.root / "assets/kins/ada.png").unlink()
    either.doit("kins:ada").exits(0).says("1 made, 0 skipped, 0 failed")
    either.doit("run").exits(0).says("2 made, 1 skipped, 0 failed")
    either.run().exits(0).says("Nothing to do")

    other = Project(tmp_path_factory.mktemp("other"))
    other.manifest((either.root / "assets.yaml").read_text())
    other.run("run", "kins:ada").exits(0)
    assert other.png("assets/kins/ada.png") == either.png("assets/kins/ada.png")
    assert either.stray_files() == []
    assert not list(either.root.glob(".doit*")), "doit's database is in .imagegen with the rest"


def test_tasks_are_doits(either: Project) -> None:
    every = either.doit("list", "--all").exits(0)
    assert [line.split()[0] for line in every.out.splitlines()] == ["kins", "kins:ada", "kins:bo", "kins:cy"]
    assert either.doit("list").exits(0).out.split() == ["kins", "3", "images"]
    either.doit("kins:b*").exits(0).says("1 made")
    either.doit("assets/kins/cy.png").exits(0).says("1 made")  # a target, as everywhere in doit
    assert there(either) == TARGETS[1:]
    either.doit("info", "kins:bo").exits(0).says("assets/kins/bo.png", "up-to-date")
    assert either.doit("info", "kins:ada").says_not("up-to-date", "Traceback").code in (0, 1)
    either.doit("forget", "kins:bo").exits(0)
    either.doit("forget").exits(0)
    either.doit("kins:bo").exits(0).says("Nothing to do")


def test_clean_removes_only_what_is_ours(either: Project) -> None:
    either.doit().exits(0)
    mine = draw(either.root / "assets/kins/bo.png")
    either.doit("clean", "-n").exits(0).says("assets/kins/ada.png", "leaving assets/kins/bo.png: foreign")
    assert there(either) == TARGETS
    either.doit("clean", "kins:ada").exits(0)
    assert there(either) == TARGETS[1:]
    either.doit("clean").exits(0)
    assert there(either) == TARGETS[1:2] and either.png("assets/kins/bo.png") == mine


def test_always_execute_makes_fresh_ones_again(either: Project) -> None:
    either.doit().exits(0)
    before = [pixels(either.root / target) for target in TARGETS]
    either.doit("-a").exits(0).says("3 made, 0 skipped, 0 failed")
    assert [pixels(either.root / target) for target in TARGETS] == before
    either.doit("-a", "kins:ada").exits(0).says("1 made, 0 skipped, 0 failed")
    assert len(list((either.root / ".imagegen/previous/assets/kins/ada").iterdir())) == 2


def test_words_wish_what_options_wish(either: Project) -> None:
    either.doit("backend=placeholder").exits(0).says("3 made")
    mine = draw(either.root / "assets/kins/bo.png")
    either.doit().exits(1).says("not ours")
    drawn = seed(either.root / "assets/kins/cy.png")
    either.doit("kins:cy", "reseed=yes").exits(0).says("1 made")
    assert seed(either.root / "assets/kins/cy.png") != drawn
    either.doit("kins:cy", "reseed=no").exits(0).says("Nothing to do")
    either.doit("overwrite=always").exits(0).says("1 made, 2 skipped")
    assert (either.root / ".imagegen/previous/assets/kins/bo/0001.png").read_bytes() == mine
    either.edit("portrait of", "a painting of")
    either.doit("overwrite=never").exits(0).says("Nothing to do")
    either.doit("backend=placeholder").exits(0).says("Nothing to do")  # another backend makes only what is missing
    either.write("other.yaml", MANIFEST.replace("kins:", "folk:"))
    either.doit("assets=other.yaml", "folk:ada").exits(0).says("assets/folk/ada.png")


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("overwrite=sometimes", "overwrite=stale, always or never"),
        ("reseed=maybe", "yes or no"),
        ("backend=placehoder", '"placeholder"'),
        ("assets=nothing.yaml", "nothing.yaml"),
    ],
)
def test_wrong_words_make_nothing(either: Project, word: str, complaint: str) -> None:
    either.doit(word).exits(3).says(word.partition("=")[2], complaint)
    assert there(either) == []


def test_a_wrong_manifest_is_told_as_imagegen_tells_it(either: Project) -> None:
    either.edit("prompt: portrait", "promt: portrait")
    wrong = either.run().exits(3).err
    assert wrong.startswith('assets.yaml:4:5: jobs.kins: unknown key "promt" (did you mean "prompt"?)')
    for words in ([], ["list"], ["info", "kins:ada"], ["clean"]):
        told = either.doit(*words).exits(3)  # which also sees to it that there is no traceback
        assert told.err.removeprefix("ERROR: ").strip() == wrong.strip(), words
    either.doit("help").exits(0)


def test_exit_statuses_are_the_same(either: Project) -> None:
    either.doit().exits(0)
    draw(either.root / "assets/kins/bo.png")
    for words, status in (([], 1), (["kins:ada"], 0), (["kins:boo"], 3), (["clean", "x"], 3)):
        assert either.run(*words).exits(status).code == either.doit(*words).exits(status).code, words
    shutil.rmtree(either.root / "assets")
    (either.root / "assets.yaml").unlink()
    assert either.run().exits(3).code == either.doit().exits(3).code


def test_doits_other_commands_still_work(either: Project) -> None:
    either.doit("help").exits(0).says("tabcompletion", "strace")
    either.doit("help", "list").exits(0).says("--all")
    either.doit("tabcompletion").exits(0).says("complete")
    either.doit("ignore", "kins:ada").exits(0)
    either.doit().exits(0).says("2 made, 1 skipped", "ignored")
    either.doit("forget", "kins:ada").exits(0)
    either.doit("reset-dep").exits(0)
    either.doit().exits(0).says("1 made, 2 skipped")
    either.doit("-n", "2", "-a").exits(0).says("3 made")
    (either.root / ".imagegen/doit.json").write_text("{")
    either.doit().exits(0).says("Nothing to do")


# --- a dodo.py alone --------------------------------------------------------------------------------


def test_a_lone_dodo_takes_doits_options(lone: Project) -> None:
    (lone.root / "art").mkdir()
    lone.doit("-k", "list", "--all", cwd="art").exits(0).says("kins:ada")
    lone.doit("-f", "../dodo.py", cwd="art").exits(0).says("3 made")
    assert there(lone) == TARGETS
    (lone.root / TARGETS[0]).unlink()
    lone.doit("-r", "console").exits(0).says("kins:ada")  # doit's own reporter
    assert there(lone) == TARGETS
    (lone.root / TARGETS[0]).unlink()
    processes = lone.doit("-n", "2", "-P", "process").says("thread")
    assert processes.code in (0, 1, 3), processes


def test_a_dodo_may_hold_other_tasks_too(lone: Project) -> None:
    sheet = "\n\ndef task_sheet():\n    return {'actions': ['echo sheet'], 'task_dep': ['kins']}\n"
    lone.write("dodo.py", DODO + sheet)
    lone.doit("list").exits(0).says("kins", "sheet")
    lone.doit("sheet").exits(0).says("3 made")
    lone.doit("sheet").exits(0)


# --- the loader and our commands --------------------------------------------------------------------


def test_the_loader_brings_our_commands(registered: Project) -> None:
    listed = registered.doit("help").exits(0)
    for verb in verbs.OURS:
        assert f" {verb} " in listed.out, verb
    registered.doit("plan").exits(0).says("3 to make, 0 to leave")
    registered.doit("run", "--dry-run", "kins:ada").exits(0).says("1 to make")
    registered.doit("status", "--check").exits(1).says("3 missing")
    registered.doit("kins:ada", "-n", "1").exits(0).says("1 made")  # options after names here, too
    assert registered.doit("status", "kins:ada", "--json").exits(0).json["counts"] == {"fresh": 1}
    registered.doit("forget").exits(0).says("nothing to forget")
    registered.doit("validate").exits(0)
    registered.doit("explain", "kins:ada").exits(0).says("portrait of Ada")
    draw(registered.root / TARGETS[1])
    registered.doit("adopt", "kins:bo").exits(0)
    registered.doit("restore", "kins:bo").says("kins/bo.png")
    registered.doit("run", "--overwite").exits(3).says('did you mean "--overwrite"?')
    registered.doit("stauts").exits(3).says('did you mean "status"?')


def test_words_reach_every_command(registered: Project) -> None:
    registered.doit("status", "backend=placehoder").exits(3).says("placehoder")
    registered.doit("validate", "assets=nothing.yaml").exits(3).says("nothing.yaml")
    registered.doit().exits(0)
    draw(registered.root / TARGETS[1])
    registered.doit("plan", "overwrite=always").exits(0).says("make    kins:bo")


def test_prompts_with_an_equals_sign_come_through_standard_input(registered: Project) -> None:
    registered.doit("generate", "-", stdin="x = y\na=b in fog\n").exits(0).says("2 made", "x-y.png")
    assert record(registered.root / "a-b-in-fog.png")["recipe"]["prompt"] == "a=b in fog"
    registered.doit("generate", "a dog").exits(0).says("a-dog.png")


def test_a_prompt_that_doit_takes_for_a_variable_is_not_lost_in_silence(registered: Project) -> None:
    registered.doit("generate", "a=b in fog", "a dog").exits(3).says("a=b in fog", "standard input")
    registered.doit("generate", "a=b in fog").exits(3).says("standard input")
    assert not list(registered.root.glob("*.png"))


# --- other people's projects ------------------------------------------------------------------------


def test_another_doit_project_is_not_touched(project: Project) -> None:
    project.write(
        "dodo.py",
        """\
        def task_status():
            return {'actions': ['echo their status'], 'verbosity': 2}

        def task_generate():
            return {'actions': ['echo theirs > generated.txt'], 'targets': ['generated.txt'], 'verbosity': 2}
        """,
    )
    project.doit().exits(0).says("their status")
    project.doit("status").exits(0).says("their status")
    project.doit("generate").exits(0)
    project.doit("list").exits(0).says("generate", "status").says_not("imagegen")
    project.doit("help").exits(0).says_not("adopt", "imagegen")
    assert not (project.root / ".imagegen").exists()
