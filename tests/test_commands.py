"""The other commands, one after another, as a person meets them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.handiwork import cut_off, draw, edit, pixels, record, seed, texts_of

MANIFEST = """\
    vars: {style: in ink}
    defaults: {backend: placeholder, size: 64x64}
    jobs:
      kins:
        prompt: portrait of ${name}, ${style}
        items: [Ada, Bo, {name: Cy, seed: random}]
      scenes:
        output: art
        items:
          - {name: Ferry, prompt: a ferry at dawn, seed: 7, size: 48x32}
    """
VERBS = ["run", "plan", "init", "list", "info", "forget", "clean", "status", "validate", "explain", "generate", "adopt"]


@pytest.fixture
def kins(project: Project) -> Project:
    """A project with nothing made yet."""
    project.manifest(MANIFEST)
    return project


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose pictures are all there, made once."""
    first = Project(tmp_path_factory.mktemp("made"))
    first.manifest(MANIFEST)
    first.run("run").exits(0).says("0 skipped, 0 failed")
    return first.root


@pytest.fixture
def made(project: Project, made_once: Path) -> Project:
    """A project whose pictures are all there."""
    shutil.copytree(made_once, project.root, dirs_exist_ok=True)
    return project


def kept(project: Project, target: str) -> list[bytes]:
    """The earlier versions of a target, oldest first."""
    folder = project.root / ".imagegen/previous" / target.removesuffix(".png")
    return [path.read_bytes() for path in sorted(folder.glob("*.png"))]


# --- help, and what is mistyped -----------------------------------------------------------------------


def test_help_says_what_there_is(project: Project) -> None:
    overview = project.run("--help").exits(0)
    for verb in [*VERBS, "restore", "help"]:
        assert re.search(rf"^ +{verb} +\w", overview.out, re.MULTILINE), f"{verb} is not in:\n{overview}"
    assert project.run("help").exits(0).out == project.run("-h").exits(0).out == overview.out
    assert re.fullmatch(r"imagegen \d+\.\d+\.\d+\S*\n", project.run("--version").exits(0).out)
    assert not list(project.root.iterdir()), "help leaves nothing behind"


@pytest.mark.parametrize("verb", [*VERBS, "restore"])
def test_every_command_has_its_help(project: Project, verb: str) -> None:
    told = project.run(verb, "--help").exits(0).says(f"imagegen {verb}", "--help")
    if verb != "init":
        told.says("--assets")


def test_help_of_one_command(project: Project) -> None:
    told = project.run("help", "run").exits(0).says("--dry-run", "--overwrite", "--reseed", "--backend", "-n")
    assert told.out == project.run("run", "-h").exits(0).out
    project.run("help", "stats").exits(3).says('did you mean "status"?')


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (["stauts"], 'did you mean "status"?'),
        (["generat", "a cat"], 'did you mean "generate"?'),
        (["run", "--overwite"], 'did you mean "--overwrite"?'),
        (["status", "kins:ada", "--chek"], 'did you mean "--check"?'),
        (["--vresion"], "--vresion"),
        (["clean", "kins:aba"], 'did you mean "kins:ada"?'),
        (["info", "kins:aba"], 'did you mean "kins:ada"?'),
        (["explain", "kins:aba"], 'did you mean "kins:ada"?'),
        (["adopt", "kins:aba"], 'did you mean "kins:ada"?'),
        (["clean", "kin:*"], "kin:*"),
        (["explain", "kins"], "3 images"),
        (["explain"], "job:slug"),
        (["info"], "list --all"),
        (["info", "kins:*"], "kins:*"),
        (["adopt"], "job:slug"),
        (["ignore"], "ignore"),
        (["validate", "kins"], "no names"),
        (["run", "--assets", "nothing.yaml"], "there is no nothing.yaml"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_named_and_mended(kins: Project, words: list[str], mend: str) -> None:
    kins.run(*words).exits(3).says(mend)


def test_an_option_without_its_value_is_told_so(kins: Project) -> None:
    kins.run("run", "-n").exits(3).says("-n").says_not("did you mean")


def test_without_a_manifest_the_way_to_one_is_told(project: Project) -> None:
    for words in ([], ["status"], ["list"], ["validate"]):
        project.run(*words).exits(3).says("assets.yaml", "imagegen init")
    assert project.run("validate", "--json").exits(3).json["ok"] is False


@pytest.mark.skipif(os.name == "nt", reason="Windows does not remove a folder that is in use")
def test_a_current_folder_that_is_gone_is_told(project: Project) -> None:
    (project.root / "gone").mkdir()
    leave = "import os, sys; os.rmdir('../gone'); os.execv(sys.executable, [sys.executable, '-m', 'imagegen', 'list'])"
    done = subprocess.run(
        [sys.executable, "-c", leave], cwd=project.root / "gone", env=project.environ, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 3 and "folder" in done.stderr and "Traceback" not in done.stderr, done.stderr


# --- init -------------------------------------------------------------------------------------------


def test_init_starts_a_project_that_runs(project: Project) -> None:
    project.run("init").exits(0).says("assets.yaml", "dodo.py", "pyproject.toml", ".gitignore", "imagegen run")
    manifest = (project.root / "assets.yaml").read_text()
    assert manifest.startswith("# yaml-language-server: $schema=")
    assert ".imagegen/" in (project.root / ".gitignore").read_text()
    project.run("validate").exits(0)
    project.run("run", "-n", "1").exits(0).says("made", "0 failed")
    project.run("status", "--check").exits(0)
    schema = manifest.splitlines()[0].partition("=")[2]
    assert json.loads((project.root / schema).read_text())["title"], "the editor's schema is where the line points"


def test_init_writes_over_nothing(project: Project) -> None:
    (project.root / "shop").mkdir()
    mine = {
        "assets.yaml": "items: []\n",
        "dodo.py": "def task_x(): return {'actions': []}\n",
        "pyproject.toml": '[project]\nname = "shop"\n',
        ".gitignore": "*.log\n",
    }
    for name, text in mine.items():
        project.write(f"shop/{name}", text)
    told = project.run("init", "shop").exits(0)
    assert {name: (project.root / "shop" / name).read_text() for name in mine} == mine
    told.says("[tool.doit]", 'loader = "imagegen"', "Add to .gitignore: .imagegen/").says_not("wrote")
    lines = told.out[told.out.index("[tool.doit]") : told.out.index("Add to .gitignore")]
    project.write("shop/pyproject.toml", mine["pyproject.toml"] + lines)
    project.doit("status", cwd="shop").exits(0).says("no images")  # what was told to add is right
    (project.root / "shop/assets.yaml").unlink()
    project.run("init", "shop").exits(0).says("wrote", "assets.yaml")
    assert (project.root / "shop/.gitignore").read_text() == mine[".gitignore"]
    project.run("init", "shop/.gitignore").exits(1).says(".gitignore")  # a file, no folder
    project.run("init", "one", "two").exits(3)


# --- plan, explain, validate ------------------------------------------------------------------------


def test_the_plan_estimates_from_earlier_images(kins: Project) -> None:
    kins.run("plan").exits(0).says("make    kins:ada  missing", "4 to make, 0 to leave", "no earlier image")
    assert kins.run("plan", "--json").json["seconds"] is None
    kins.run("run", "kins").exits(0)
    kins.run("plan").exits(0).says("1 to make, 3 to leave; about less than a second, going by earlier images")
    told = kins.run("plan", "--json").exits(0).json
    assert [(item["task"], item["action"], item["verdict"]) for item in told["items"]] == [
        ("kins:ada", "leave", "fresh"),
        ("kins:bo", "leave", "fresh"),
        ("kins:cy", "leave", "fresh"),
        ("scenes:ferry", "make", "missing"),
    ]
    assert told["counts"] == {"make": 1, "refuse": 0, "leave": 3} and told["seconds"] >= 0
    assert not (kins.root / "art").exists()
    kins.run("plan", "kins").exits(0).says("0 to make, 3 to leave")


def test_explain_tells_each_setting_and_where_it_is_from(kins: Project) -> None:
    told = kins.run("explain", "scenes:ferry").exits(0)
    told.says("scenes:ferry  Ferry", "art/ferry.png", "missing: run makes it")
    for setting, value, origin in [
        ("prompt", '"a ferry at dawn"', "the item"),
        ("seed", "7", "the item"),
        ("width", "48", "the item"),
        ("backend", '"placeholder"', "defaults"),
    ]:
        assert re.search(rf"^ +{setting} +{value}  \({origin}\)$", told.out, re.MULTILINE), f"{setting}:\n{told}"
    ada = kins.run("explain", "kins:ada", "--json").exits(0).json
    assert ada["recipe"]["prompt"] == "portrait of Ada, in ink"
    assert (ada["origins"]["prompt"], ada["origins"]["height"]) == ("its job", "defaults")
    assert "derived" in ada["origins"]["seed"]
    assert ada["graph"] is None
    kins.run("run", "kins:ada").exits(0).says(f"seed {ada['recipe']['seed']}")
    kins.edit("in ink", "in oil")
    kins.run("explain", "kins:ada").exits(0).says("stale: run makes it", "in ink", "in oil")
    edit(kins.root / "assets/kins/ada.png")
    draw(kins.root / "assets/kins/bo.png")
    kins.run("explain", "kins:bo").exits(0).says("foreign: run refuses")


def test_explain_shows_the_graph_that_would_be_sent_and_asks_no_server(kins: Project) -> None:
    kins.edit("backend: placeholder", "backend: comfyui, checkpoint: dream.safetensors")
    kins.manifest((kins.root / "assets.yaml").read_text() + 'backends: {comfyui: {url: "http://127.0.0.1:9"}}\n')
    told = kins.run("explain", "scenes:ferry", "--json").exits(0).json
    inputs = {node["class_type"]: node["inputs"] for node in told["graph"].values()}
    assert inputs["CheckpointLoaderSimple"]["ckpt_name"] == "dream.safetensors"
    assert (inputs["KSampler"]["seed"], inputs["EmptyLatentImage"]["width"]) == (7, 48)
    assert "a ferry at dawn" in [node["inputs"].get("text") for node in told["graph"].values()]
    assert told["origins"]["steps"] == "comfyui's default"
    kins.run("explain", "scenes:ferry").exits(0).says("KSampler", "dream.safetensors")


def test_explain_knows_the_seed_that_was_drawn(made: Project) -> None:
    drawn = seed(made.root / "assets/kins/cy.png")
    made.run("explain", "kins:cy").exits(0).says(str(drawn))


def test_validate_is_for_ci(kins: Project) -> None:
    kins.run("validate").exits(0).says("assets.yaml is right: 4 images in 2 jobs")
    assert kins.run("validate", "--json").exits(0).json == {"ok": True, "problems": [], "warnings": [], "items": 4}
    kins.run("validate", "--online").exits(0)
    assert not (kins.root / ".imagegen/doit.json").exists() and not (kins.root / "art").exists()
    kins.edit("defaults: {", "defaults: {megapixels: 2, ")
    assert "megapixels" in kins.run("validate", "--json").exits(0).json["warnings"][0]["message"]
    assert "warning: assets.yaml:2:" in kins.run("validate").exits(0).err


def test_validate_tells_everything_wrong_at_once(kins: Project) -> None:
    kins.edit("items: [Ada, Bo,", "items: [Ada, ADA, {nam: Bo}, {name: Di, slug: di, promt: x},")
    kins.edit("size: 48x32", "size: large")
    wrong = kins.run("validate").exits(3)
    lines = wrong.err.splitlines()
    assert [re.match(r"assets\.yaml:\d+:\d+: jobs\.\S+: ", line) is not None for line in lines] == [True] * len(lines)
    wrong.says('unknown key "promt" (did you mean "prompt"?)', 'unknown key "nam"', "ADA", "one target", "large")
    told = kins.run("validate", "--json").exits(3).json
    assert told["ok"] is False and len(told["problems"]) == len(lines)
    assert {"file", "line", "column", "message", "path", "hint"} <= set(told["problems"][0])
    for words in (["run"], ["plan"], ["list"], ["adopt", "kins"]):
        assert kins.run(*words).exits(3).err == wrong.err, words


# --- list, info, forget, clean ----------------------------------------------------------------------


def test_list_and_info_are_doits(kins: Project) -> None:
    listed = kins.run("list").exits(0).out.splitlines()
    assert [line.split(maxsplit=1) for line in listed] == [["kins", "3 images"], ["scenes", "1 image"]]
    every = kins.run("list", "--all").exits(0).out.splitlines()
    assert [line.split()[0] for line in every] == [
        "kins", "kins:ada", "kins:bo", "kins:cy", "scenes", "scenes:ferry",
    ]  # fmt: skip
    assert kins.run("list", "kins", "--all").exits(0).out == kins.run("list", "--all", "kins").exits(0).out
    kins.run("info", "kins:ada").says("assets/kins/ada.png", "Ada").says_not("up-to-date", "Traceback")
    kins.run("run").exits(0)
    kins.run("info", "kins:ada").exits(0).says("up-to-date")
    kins.run("info", "assets/kins/ada.png").exits(0).says("kins:ada")
    kins.run("info", "kins").says("kins").says_not("Traceback")


def test_forget_says_why_there_is_nothing_to_forget(made: Project) -> None:
    for words in ([], ["kins:ada"], ["kins"], ["--all"]):
        made.run("forget", *words).exits(0).says("nothing to forget", "record", "run -a", "clean")
    made.run("run").exits(0).says("Nothing to do")


def test_an_ignored_image_waits_until_it_is_forgotten(made: Project) -> None:
    made.run("ignore", "kins:ada").exits(0)
    made.edit("portrait of", "a painting of")
    made.run("run", "kins").exits(0).says("2 made, 1 skipped", "ignored")
    made.run("forget", "kins:ada").exits(0)
    made.run("run", "kins").exits(0).says("1 made, 2 skipped")


def test_clean_removes_what_is_ours_as_we_wrote_it(made: Project) -> None:
    made.edit("[Ada, Bo,", "[Ada, Bo, Di, Eve, {name: Flo, prompt: a flower},")
    made.run("run").exits(0)
    made.edit("a flower", "a tree")
    kin = made.root / "assets/kins"
    theirs = {"ada": edit(kin / "ada.png"), "bo": draw(kin / "bo.png"), "di": cut_off(kin / "di.png")}

    before = sorted(path.name for path in kin.iterdir())
    shown = made.run("clean", "-n").exits(0)
    shown.says("would remove assets/kins/eve.png", "would remove assets/kins/flo.png", "would remove art/ferry.png")
    shown.says("leaving assets/kins/ada.png: edited", "leaving assets/kins/bo.png: foreign")
    shown.says("leaving assets/kins/di.png: damaged")
    assert sorted(path.name for path in kin.iterdir()) == before

    made.run("clean", "kins:cy").exits(0).says("removed assets/kins/cy.png").says_not("eve")
    made.run("clean").exits(0)
    assert {path.stem: path.read_bytes() for path in kin.iterdir()} == theirs
    assert not (made.root / "art/ferry.png").exists()
    made.run("clean", "scenes", "-n").exits(0).says_not("remov")


# --- adopt and restore ------------------------------------------------------------------------------


def test_adopt_accepts_pictures_and_remembers_what_made_them(made: Project) -> None:
    kin = {name: made.root / f"assets/kins/{name}.png" for name in ("ada", "bo", "cy")}
    before = {name: pixels(path) for name, path in kin.items()}
    drawn = seed(kin["cy"])
    edited = edit(kin["ada"])
    foreign = draw(kin["bo"], size=(32, 32), Author="a friend")
    made.edit("in ink", "in oil")
    told = made.run("adopt", "kins").exits(0).says("adopted  assets/kins/ada.png")
    told.says("32 × 32", "64 × 64")  # it was accepted, but somebody should know
    made.run("status", "kins", "--check", "--verify").exits(0).says("3 fresh")
    made.run("run", "kins").exits(0).says("Nothing to do")

    ada, bo, cy = (record(kin[name]) for name in ("ada", "bo", "cy"))
    assert ada["recipe"]["prompt"] == "portrait of Ada, in oil"
    assert ada["made"]["recipe"]["prompt"] == "portrait of Ada, in ink" and ada["made"]["edited"] is True
    assert bo["made"] is None, "nobody knows what made it"
    assert cy["made"]["recipe"]["prompt"] == "portrait of Cy, in ink" and "edited" not in cy["made"]
    assert cy["recipe"]["seed"] == drawn
    assert pixels(kin["cy"]) == before["cy"] and pixels(kin["ada"]) != before["ada"]
    assert texts_of(kin["bo"])["Author"] == "a friend", "what is not ours in it stays"
    assert kept(made, "assets/kins/ada.png") == [edited] and kept(made, "assets/kins/bo.png") == [foreign]

    made.edit("in oil", "in chalk")
    made.run("adopt", "kins:ada").exits(0)
    assert record(kin["ada"])["made"] == ada["made"], "what really made it is not lost by adopting it twice"


def test_what_cannot_be_adopted_is_told_and_the_others_are(made: Project) -> None:
    (made.root / "assets/kins/ada.png").unlink()
    half = cut_off(made.root / "assets/kins/bo.png")
    draw(made.root / "assets/kins/cy.png")
    made.run("adopt", "kins").exits(1).says("kins:ada", "no file", "kins:bo", "cut off", "adopted  assets/kins/cy.png")
    assert made.png("assets/kins/bo.png") == half
    made.run("adopt", "kins:cy").exits(0)


def test_adopting_what_we_made_for_just_this_changes_nothing(made: Project) -> None:
    before = made.png("assets/kins/ada.png")
    made.run("adopt", "kins:ada").exits(0)
    assert made.png("assets/kins/ada.png") == before


def test_restore_brings_the_old_picture_back_and_again_the_new_one(made: Project) -> None:
    ada = made.root / "assets/kins/ada.png"
    made.run("restore", "kins:ada").exits(1).says("no previous version")
    first = pixels(ada)
    made.edit("in ink", "in oil")
    made.run("run", "kins:ada").exits(0)
    second, second_bytes = pixels(ada), ada.read_bytes()
    assert first != second

    made.run("restore", "kins:ada").exits(0).says("restored assets/kins/ada.png")
    assert pixels(ada) == first
    made.run("status", "kins:ada", "--check", "--verify").exits(0)
    told = record(ada)
    assert told["recipe"]["prompt"] == "portrait of Ada, in oil", "it is accepted for the current recipe"
    assert told["made"]["recipe"]["prompt"] == "portrait of Ada, in ink", "and says what really made it"

    made.run("restore", "kins:ada").exits(0)
    assert ada.read_bytes() == second_bytes
    made.run("restore", "kins:ada").exits(0)
    assert pixels(ada) == first
    assert len(kept(made, "assets/kins/ada.png")) == 1

    made.run("clean", "kins:ada").exits(0)
    made.run("restore", "kins:ada").exits(0)
    assert pixels(ada) == first, "an adopted picture that was removed is kept, and comes back"


def test_restore_undoes_an_overwrite(made: Project) -> None:
    bo = made.root / "assets/kins/bo.png"
    draw(bo, "crimson")
    theirs = pixels(bo)
    made.run("run", "kins:bo", "--overwrite").exits(0)
    assert pixels(bo) != theirs
    made.run("restore", "kins:bo").exits(0)
    assert pixels(bo) == theirs and record(bo)["made"] is None
    made.run("run").exits(0).says("Nothing to do")


def test_restore_after_adopt_loses_nothing(made: Project) -> None:
    theirs = draw(made.root / "assets/kins/bo.png", "crimson")
    crimson = pixels(made.root / "assets/kins/bo.png")
    made.run("adopt", "kins:bo").exits(0)
    made.run("restore", "kins:bo")  # the same picture: whether it says so or does it,
    made.run("restore", "kins:bo")
    assert pixels(made.root / "assets/kins/bo.png") == crimson
    assert theirs in kept(made, "assets/kins/bo.png"), "the file as it was is still kept"


def test_a_kept_version_that_cannot_be_restored_is_named(made: Project) -> None:
    ada = made.root / "assets/kins/ada.png"
    cut_off(ada)
    made.run("run", "kins:ada", "--overwrite").exits(0)
    whole = ada.read_bytes()
    made.run("restore", "kins:ada").exits(1).says("kins:ada", "cut off", "previous")
    assert ada.read_bytes() == whole


# --- generate ---------------------------------------------------------------------------------------

FLAGS = ("--backend", "placeholder", "--size", "64x64")


def pngs(project: Project) -> list[str]:
    """All pictures of a project, as paths."""
    found = (path.relative_to(project.root) for path in project.root.rglob("*.png"))
    return sorted(path.as_posix() for path in found if ".imagegen" not in path.parts)


def test_generate_needs_no_manifest(project: Project) -> None:
    told = project.run("generate", *FLAGS, "a cat on a mat").exits(0)
    line = re.search(r"^made +a-cat-on-a-mat\.png  seed (\d+)  ", told.out, re.MULTILINE)
    assert line, told
    first = project.root / "a-cat-on-a-mat.png"
    assert seed(first) == int(line[1])
    assert record(first)["recipe"]["prompt"] == "a cat on a mat"
    before = first.read_bytes()
    project.run("generate", "a cat on a mat", *FLAGS).exits(0).says("a-cat-on-a-mat-2.png")
    assert first.read_bytes() == before
    assert seed(project.root / "a-cat-on-a-mat-2.png") != int(line[1]), "each time another one"
    assert pngs(project) == ["a-cat-on-a-mat-2.png", "a-cat-on-a-mat.png"]
    project.run("generate", "a cat", "--size", "64x64").exits(3).says("checkpoint")  # comfyui is the default


def test_generate_takes_several_prompts_counts_and_seeds(project: Project) -> None:
    project.run("generate", *FLAGS, "a cat", "a dog", "--count", "2", "--seed", "5").exits(0).says("4 made")
    assert pngs(project) == ["a-cat-2.png", "a-cat.png", "a-dog-2.png", "a-dog.png"]
    assert {name: seed(project.root / name) for name in pngs(project)} == {
        "a-cat.png": 5, "a-cat-2.png": 6, "a-dog.png": 5, "a-dog-2.png": 6,
    }  # fmt: skip
    project.run("generate", *FLAGS, "-c", "2", "a cat", "--seed", "5").exits(0).says("a-cat-3.png", "a-cat-4.png")
    again = [record(project.root / name)["recipe"] for name in ("a-cat.png", "a-cat-3.png")]
    assert {**again[0], "name": ""} == {**again[1], "name": ""}


def test_generate_puts_the_file_where_it_is_told(project: Project) -> None:
    project.run("generate", *FLAGS, "a cat", "--output", "art/cats").exits(0).says("art/cats/a-cat.png")
    project.run("generate", *FLAGS, "a cat", "-o", "art/my cat.png").exits(0).says("art/my cat.png")
    project.run("generate", *FLAGS, "a cat", "--name", "tom", "--output", "art").exits(0).says("art/tom.png")
    project.run("generate", *FLAGS, "a cat", "a dog", "--name", "pet").exits(0).says("pet-1.png", "pet-2.png")
    outside = project.root / "elsewhere"
    (project.root / "here").mkdir()
    project.run("generate", *FLAGS, "a cat", "-o", str(outside), cwd="here").exits(0)
    assert pngs(project) == [
        "art/cats/a-cat.png", "art/my cat.png", "art/tom.png", "elsewhere/a-cat.png", "pet-1.png", "pet-2.png",
    ]  # fmt: skip


def test_generate_overwrites_only_when_told(project: Project) -> None:
    mine = draw(project.root / "tom.png")
    there = project.run("generate", *FLAGS, "a cat", "--name", "tom").exits(3)
    there.says("tom.png is there already", "--overwrite")
    assert project.png("tom.png") == mine
    project.run("generate", *FLAGS, "a cat", "-o", "tom.png").exits(3).says("--overwrite")
    project.run("generate", *FLAGS, "a cat", "--name", "tom", "--overwrite").exits(0).says("made     tom.png")
    assert record(project.root / "tom.png")["recipe"]["prompt"] == "a cat"
    assert kept(project, "tom.png") == [mine]


def test_generate_says_when_it_made_nothing(project: Project) -> None:
    project.write("notes", "not a folder")
    outcome = project.run("generate", *FLAGS, "a cat", "-o", "notes").says("notes").says_not("Nothing to do")
    assert outcome.code in (1, 3), outcome
    assert (project.root / "notes").read_text() == "not a folder"


def test_generate_reads_prompts_from_standard_input(project: Project) -> None:
    told = project.run("generate", *FLAGS, "-", stdin="light = dark\n\n  名前 and é\n", LC_ALL="C.UTF-8").exits(0)
    told.says("light-dark.png", "2 made")
    prompts = {record(project.root / name)["recipe"]["prompt"] for name in pngs(project)}
    assert prompts == {"light = dark", "名前 and é"}
    project.run("generate", *FLAGS, "-", stdin="\n").exits(3).says("wants a prompt")
    project.run("generate", *FLAGS, "a=b").exits(0).says("a-b.png")  # here no variable
    project.run("generate", *FLAGS, "--", "-5 degrees").exits(0).says("5-degrees.png")


def test_generate_takes_the_defaults_of_a_manifest(kins: Project) -> None:
    kins.edit("size: 64x64}", "size: 40x40, negative_prompt: fog, seed: 3, overwrite: never, output: out}")
    kins.run("generate", "a cat ${style}").exits(0).says("made     a-cat-style.png  seed 3")
    told = record(kins.root / "a-cat-style.png")["recipe"]
    assert (told["prompt"], told["width"], told["negative_prompt"]) == ("a cat in ink", 40, "fog")
    (kins.root / "sub").mkdir()
    inner = kins.run("generate", "a dog", "--size", "32x48", "--seed", "9", cwd="sub").exits(0)
    inner.says("made     a-dog.png").says_not("../sub")
    told = record(kins.root / "sub/a-dog.png")["recipe"]
    assert (told["width"], told["height"], told["seed"]) == (32, 48, 9)
    kins.run("status").exits(0).says("4 missing")  # it belongs to no job
    kins.edit("prompt: a ferry", "promt: a ferry")
    kins.run("generate", "a cat").exits(3).says("assets.yaml:", 'did you mean "prompt"?')


def test_a_flag_for_every_setting(kins: Project) -> None:
    told = kins.run("generate", "--help").exits(0)
    schema = json.loads((Path(__file__).parent.parent / "schemas/assets.schema.json").read_text("utf-8"))
    for setting in schema["properties"]["defaults"]["properties"]:
        if setting not in ("prompt", "filename", "base_seed"):  # the words themselves; --name; one image
            several = setting.removesuffix("s") if setting in ("loras", "references", "bindings") else setting
            told.says(f"--{several.replace('_', '-')}")
    kins.run(
        "generate", "a cat", "--negative-prompt", "fog", "--aspect-ratio", "2:1", "--megapixels", "0.01",
        "--record", "full", "--model", "007", "--name", "x",
    ).exits(0)  # fmt: skip
    recipe = record(kins.root / "x.png")["recipe"]
    assert recipe["negative_prompt"] == "fog" and recipe["width"] == 2 * recipe["height"]
    assert recipe["model"] == "007", "text stays as it was typed"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--size", "large"], '--size: must look like 1024x1024, not "large"'),
        (["--size", "64x64", "--width", "64"], "twice"),
        (["--seed", "x"], "--seed"),
        (["--seed", "-1"], "--seed"),
        (["--steps", "many"], '--steps: must be a whole number, not "many"'),
        (["--count", "0"], "--count"),
        (["--backend", "placehoder"], 'did you mean "placeholder"?'),
        (["--name", "../up"], "../up"),
        (["--name", "con"], "con"),
        (["--record", "some"], "--record"),
        (["--sed", "5"], 'did you mean "--seed"?'),
        (["--assets", "nothing.yaml"], "nothing.yaml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_flags_are_told_in_the_words_of_the_command_line(
    project: Project, words: list[str], complaint: str
) -> None:
    flags = words if "--backend" in words else ["--backend", "placeholder", *words]
    told = project.run("generate", "a cat", *flags).exits(3).says(complaint)
    told.says_not("jobs.generated", "items[", "slug")
    assert pngs(project) == []


def test_a_prompt_that_cannot_be_used_is_told(project: Project) -> None:
    project.run("generate", *FLAGS).exits(3).says("wants a prompt")
    project.run("generate", *FLAGS, "").exits(3).says("empty")
    project.run("generate", *FLAGS, "a ${colour} cat").exits(3).says("${colour}")
    project.run("generate", *FLAGS, "🐉").exits(0).says("image.png")
