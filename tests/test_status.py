"""status: a verdict and its reasons for each image, for people, for programs and for CI."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.handiwork import LFS_POINTER, cut_off, draw, edit, record, seed

MANIFEST = """\
    defaults: {backend: placeholder, size: 64x64}
    jobs:
      kins:
        prompt: portrait of ${name}
        items: [Ada, Bo, Cy, Di, Eve, Flo, {name: Gus, seed: random}]
    """


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


@pytest.fixture
def troubled(made: Project) -> Project:
    """One picture for each verdict: Ada fresh, Bo missing, Cy stale, Di edited, Eve foreign, Flo damaged."""
    (made.root / "assets/kins/bo.png").unlink()
    made.edit("Cy", "{name: Cy, prompt: a boatman}")
    edit(made.root / "assets/kins/di.png")
    draw(made.root / "assets/kins/eve.png")
    cut_off(made.root / "assets/kins/flo.png")
    return made


def test_json_is_what_the_documentation_promises(project: Project) -> None:
    project.manifest("""\
        defaults: {backend: placeholder, size: 64x64}
        jobs:
          kins:
            items:
              - {name: Mallsing, prompt: a, seed: 1}
              - {name: Thorn, prompt: c, seed: 3}
        """)
    project.run("run").exits(0)
    project.edit("prompt: a, seed: 1", "prompt: b, seed: 2")
    assert project.run("status", "--json").exits(0).json == {
        "items": [
            {
                "task": "kins:mallsing",
                "name": "Mallsing",
                "target": "assets/kins/mallsing.png",
                "verdict": "stale",
                "reasons": ['prompt: "a" → "b"', "seed: 1 → 2"],
                "backend": "placeholder",
                "seed": 2,
            },
            {
                "task": "kins:thorn",
                "name": "Thorn",
                "target": "assets/kins/thorn.png",
                "verdict": "fresh",
                "reasons": [],
                "backend": "placeholder",
                "seed": 3,
            },
        ],
        "counts": {"fresh": 1, "stale": 1},
    }
    (project.root / "art").mkdir()
    inner = project.run("status", "--json", "kins:mallsing", cwd="art").exits(0).json
    assert [item["target"] for item in inner["items"]] == ["assets/kins/mallsing.png"]  # from the project's folder
    assert inner["counts"] == {"stale": 1}


def test_all_six_verdicts_with_their_reasons(troubled: Project) -> None:
    status = troubled.run("status", "--verify").exits(0)
    words = [line.split(maxsplit=2) for line in status.out.splitlines()]
    assert [(line[0], line[1]) for line in words[:-1]] == [
        ("missing", "kins:bo"),
        ("stale", "kins:cy"),
        ("edited", "kins:di"),
        ("foreign", "kins:eve"),
        ("damaged", "kins:flo"),
    ]
    reasons = {line[1]: line[2] for line in words[:-1]}
    assert reasons["kins:cy"] == 'prompt: "portrait of Cy" → "a boatman"'
    assert "pixels" in reasons["kins:di"] and "record" in reasons["kins:eve"] and reasons["kins:flo"] == "cut off"
    assert status.out.splitlines()[-1] == "1 damaged, 1 foreign, 1 edited, 1 stale, 1 missing, 2 fresh"
    troubled.run("status", "-a").exits(0).says("fresh    kins:ada")

    told = troubled.run("status", "--verify", "--json").exits(0).json
    verdicts = {item["task"]: item["verdict"] for item in told["items"]}
    assert list(verdicts.values()) == ["fresh", "missing", "stale", "edited", "foreign", "damaged", "fresh"]
    assert told["counts"] == {"fresh": 2, "missing": 1, "stale": 1, "edited": 1, "foreign": 1, "damaged": 1}
    assert all(item["reasons"] for item in told["items"] if item["verdict"] != "fresh")


def test_what_is_no_picture_is_called_by_its_name(made: Project) -> None:
    kin = made.root / "assets/kins"
    (kin / "ada.png").write_text(LFS_POINTER)
    (kin / "bo.png").write_bytes(b"")
    (kin / "cy.png").write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    (kin / "di.png").unlink()
    (kin / "di.png").mkdir()
    (kin / "eve.png").write_text("<html>502 Bad Gateway</html>")
    draw(kin / "flo.png", imagegen=json.dumps({"format": 9, "pixels": "", "recipe": {}}))
    whole = (kin / "gus.png").read_bytes()
    (kin / "gus.png").write_bytes(whole[:-1])
    status = made.run("status").exits(0).says("7 damaged")
    status.says("git lfs pull", "an empty file", "JPEG", "a folder", "HTML", "format 9", "update imagegen", "cut off")


def test_check_is_for_ci(troubled: Project) -> None:
    troubled.run("status").exits(0)
    troubled.run("status", "--check").exits(1)
    troubled.run("status", "--json", "--check").exits(1)
    troubled.run("status", "--check", "kins:ada", "kins:gus").exits(0).says("2 fresh")
    troubled.run("status", "kins:ada", "kins:bo", "--check").exits(1).says("1 missing, 1 fresh")
    troubled.run("status", "--check", "kins:adda").exits(3).says('did you mean "kins:ada"?')
    troubled.run("status", "--check", "kin:*").exits(3).says("kin:*")  # a typo must not be green
    troubled.run("status", "--check", "kins:[ab]*").exits(1).says("1 missing, 1 fresh")


def test_only_verify_reads_the_pixels(made: Project) -> None:
    edit(made.root / "assets/kins/di.png")
    made.run("status", "--check").exits(0).says("7 fresh")
    made.run("status", "--check", "--verify").exits(1).says("edited   kins:di", "6 fresh")
    made.run("status", "--verify", "kins:ada", "--check").exits(0).says("1 fresh")
    made.edit("portrait of", "a painting of")
    made.run("status", "kins:di").exits(0).says("stale    kins:di")
    both = made.run("status", "--verify", "--json", "kins:di").exits(0).json["items"][0]
    assert both["verdict"] == "edited"
    assert both["reasons"][1:] == ['prompt: "portrait of Di" → "a painting of Di"']


def test_a_long_prompt_is_cut_for_people_and_whole_for_programs(made: Project) -> None:
    prompt = "a " + "very " * 100 + "old tree"
    made.edit("portrait of ${name}", prompt)
    line = made.run("status", "kins:ada").exits(0).out.splitlines()[0]
    assert line.endswith("…") and len(line) < 200
    reason = made.run("status", "kins:ada", "--json").json["items"][0]["reasons"][0]
    assert reason == f'prompt: "portrait of Ada" → "{prompt}"'


def test_a_random_seed_is_told_as_the_number_it_became(made: Project) -> None:
    drawn = seed(made.root / "assets/kins/gus.png")
    assert made.run("status", "kins:gus", "--json").exits(0).json["items"][0]["seed"] == drawn
    made.edit("portrait of", "a painting of")
    assert made.run("status", "kins:gus", "--json").exits(0).json["items"][0]["seed"] == drawn
    (made.root / "assets/kins/gus.png").unlink()
    assert made.run("status", "kins:gus", "--json").exits(0).json["items"][0]["seed"] == "random"


def test_a_digest_record_names_the_fields_without_their_values(made: Project) -> None:
    made.edit("defaults: {", "defaults: {record: digest, ")
    made.run("status", "--check").exits(1).says("record: full → digest")  # it tells what it should not
    made.run("run", "-a").exits(0)
    assert "recipe" not in record(made.root / "assets/kins/ada.png")
    assert b"portrait" not in made.png("assets/kins/ada.png")
    made.run("status", "--check").exits(0)
    made.edit("portrait of ${name}", "a secret")
    made.run("status", "kins:ada").exits(0).says("stale    kins:ada  prompt: changed").says_not("secret", "portrait")


def test_it_needs_nothing_but_the_manifest_and_the_pictures(made: Project) -> None:
    shutil.rmtree(made.root / ".imagegen")
    made.run("status", "--check").exits(0)
    assert not (made.root / ".imagegen/doit.json").exists()
    made.edit("backend: placeholder", "backend: comfyui, checkpoint: dream.safetensors")
    made.manifest((made.root / "assets.yaml").read_text() + 'backends: {comfyui: {url: "http://127.0.0.1:9"}}\n')
    made.run("status", "--check").exits(1).says("7 stale")  # no server is asked
    made.run("status", "--backend", "placeholder").exits(0)


def test_programs_get_every_letter_whatever_the_terminal_can_show(project: Project) -> None:
    project.manifest("""\
        defaults: {backend: placeholder, size: 64x64}
        items: [{name: 鬼, slug: oni, prompt: 鬼の顔}]
        """)
    narrow = "cp1252"  # as a pipe on Windows
    told = project.run("status", "--json", PYTHONIOENCODING=narrow).exits(0).json
    assert told["items"][0]["name"] == "鬼"
    project.run("run", PYTHONIOENCODING=narrow).exits(0)
    project.edit("の顔", "の夢")
    told = project.run("plan", "--json", PYTHONIOENCODING=narrow).exits(0).json
    assert told["items"][0]["reasons"] == ['prompt: "鬼の顔" → "鬼の夢"']
    made = project.run("run", "--json", PYTHONIOENCODING=narrow).exits(0).events
    assert next(event["reasons"] for event in made if event["event"] == "made") == told["items"][0]["reasons"]
