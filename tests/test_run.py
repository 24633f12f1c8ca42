"""run: what is missing or stale is made, the rest is left alone, and what people made is safe."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome, Project
from tests.handiwork import LFS_POINTER, cut_off, draw, edit, record, seed

MANIFEST = """\
    defaults: {backend: placeholder, size: 64x64}
    jobs:
      kins:
        prompt: portrait of ${name}
        items: [Ada, Bo, {name: Cy, seed: random}]
      scenes:
        output: art
        items:
          - {name: Ferry, prompt: a ferry at dawn}
    """
TARGETS = ["assets/kins/ada.png", "assets/kins/bo.png", "assets/kins/cy.png", "art/ferry.png"]


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


def there(project: Project) -> list[str]:
    """The targets that exist."""
    return [target for target in TARGETS if (project.root / target).exists()]


def previous(project: Project) -> dict[str, bytes]:
    """What is kept of earlier pictures: name under .imagegen/previous to bytes."""
    folder = project.root / ".imagegen" / "previous"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


# --- the ordinary days ------------------------------------------------------------------------------


def test_the_first_run_makes_all_and_the_second_does_nothing(kins: Project) -> None:
    first = kins.run().exits(0)  # `run` is the default
    for target in TARGETS:
        line = re.search(rf"^made +{target}  seed (\d+)  \d+\.\d s$", first.out, re.MULTILINE)
        assert line, f"no line for {target}:\n{first}"
        assert int(line[1]) == seed(kins.root / target)
    assert first.out.endswith(" s\n") and first.err == ""
    before = {target: (kins.png(target), (kins.root / target).stat().st_mtime_ns) for target in TARGETS}
    kins.run("run").exits(0).says("Nothing to do", "4 images").says_not("made")
    assert {target: (kins.png(target), (kins.root / target).stat().st_mtime_ns) for target in TARGETS} == before
    assert kins.stray_files() == []
    assert not previous(kins)


def test_a_changed_prompt_remakes_that_image_and_keeps_the_old_one(made: Project) -> None:
    old = {target: made.png(target) for target in TARGETS}
    made.edit("a ferry at dawn", "a ferry at night")
    made.run("run").exits(0).says("made     art/ferry.png", "1 made, 3 skipped, 0 failed").says_not("ada", "bo", "cy")
    assert made.png("art/ferry.png") != old["art/ferry.png"]
    assert [made.png(target) for target in TARGETS[:3]] == [old[target] for target in TARGETS[:3]]
    assert previous(made) == {"art/ferry/0001.png": old["art/ferry.png"]}
    second = made.png("art/ferry.png")
    made.edit("a ferry at night", "a ferry at dawn")
    made.run("run").exits(0).says("1 made")
    assert made.png("art/ferry.png") == old["art/ferry.png"], "the same recipe gives the same bytes"
    assert previous(made) == {"art/ferry/0001.png": old["art/ferry.png"], "art/ferry/0002.png": second}


def test_an_item_more_and_an_item_less_change_no_other(made: Project) -> None:
    made.edit("[Ada, Bo, {name: Cy, seed: random}]", "[Di, Bo, Ada]")
    made.run("run").exits(0).says("made     assets/kins/di.png", "1 made, 3 skipped")
    assert (made.root / "assets/kins/cy.png").exists(), "what is no longer in the manifest is not ours to remove"


def test_one_image_at_a_time_comes_in_the_manifests_order(kins: Project) -> None:
    lines = kins.run("run", "-n", "1").exits(0).out.splitlines()
    assert [line.split()[1] for line in lines[:4]] == TARGETS
    kins.run("run", "-n", "-1").exits(3).says("-n", "-1")
    kins.run("run", "-n", "0").exits(3).says("-n")
    kins.run("run", "-n", "some").exits(3).says("-n", "some")


# --- what people made is safe -----------------------------------------------------------------------


def test_what_people_changed_is_refused_and_the_others_are_made(made: Project) -> None:
    made.edit("[Ada, Bo, {name: Cy, seed: random}]", "[Ada, Bo, {name: Cy, seed: random}, Di, Eve, Flo]")
    made.run("run").exits(0)
    kin = {name: made.root / f"assets/kins/{name}.png" for name in ("ada", "bo", "cy", "di", "eve", "flo")}
    theirs = {"ada": edit(kin["ada"]), "bo": draw(kin["bo"]), "cy": cut_off(kin["cy"])}
    kin["di"].write_text(LFS_POINTER)
    kin["eve"].write_bytes(b"")
    theirs |= {"di": LFS_POINTER.encode(), "eve": b""}
    kin["flo"].unlink()
    made.edit("portrait of", "a painting of")
    refused = made.run("run").exits(1)
    refused.says("made     assets/kins/flo.png", "1 made, 1 skipped, 5 failed")
    refused.says("somebody edited it", "not ours", "cut off", "git lfs pull", "empty file")
    assert {name: kin[name].read_bytes() for name in theirs} == theirs
    assert not previous(made)

    end = refused.out.partition("1 made, 1 skipped, 5 failed")[2]
    for name in theirs:
        assert f"kins:{name}" in end, f"the end does not repeat that kins:{name} failed:\n{refused}"
    assert "imagegen adopt kins:ada" in end and "--overwrite" in end

    made.run("run", "--overwrite").exits(0).says("5 made, 2 skipped, 0 failed")
    assert previous(made) == {f"assets/kins/{name}/0001.png": data for name, data in theirs.items()}
    made.run("status", "--check", "--verify").exits(0).says("7 fresh")


def test_an_edited_picture_whose_recipe_is_current_is_left_alone(made: Project) -> None:
    theirs = edit(made.root / "assets/kins/ada.png")
    made.run("run").exits(0).says("Nothing to do")
    assert made.png("assets/kins/ada.png") == theirs
    made.run("run", "-a", "kins:ada").exits(1).says("somebody edited it")
    assert made.png("assets/kins/ada.png") == theirs


def test_always_makes_fresh_ones_too_and_still_protects(made: Project) -> None:
    mine = draw(made.root / "assets/kins/bo.png")
    made.edit("output: art", "output: art\n    overwrite: never")
    fresh, ferry = made.png("assets/kins/ada.png"), made.png("art/ferry.png")
    drawn = seed(made.root / "assets/kins/cy.png")
    made.run("run", "-a").exits(1).says("2 made, 1 skipped, 1 failed", "made     assets/kins/ada.png", "kins:bo")
    assert made.png("assets/kins/ada.png") == fresh, "the same recipe gives the same bytes"
    assert made.png("assets/kins/bo.png") == mine
    assert made.png("art/ferry.png") == ferry
    assert seed(made.root / "assets/kins/cy.png") == drawn


def test_overwrite_never_makes_only_what_is_missing(made: Project) -> None:
    made.edit("defaults: {", "defaults: {overwrite: never, ")
    made.edit("portrait of", "a painting of")
    (made.root / "assets/kins/ada.png").unlink()
    mine = draw(made.root / "assets/kins/bo.png")
    old = made.png("assets/kins/cy.png")
    made.run("plan").exits(0).says("make    kins:ada", "leave   kins:bo", "leave   kins:cy", "1 to make, 3 to leave")
    made.run("run").exits(0).says("1 made, 3 skipped, 0 failed")
    assert (made.png("assets/kins/bo.png"), made.png("assets/kins/cy.png")) == (mine, old)
    made.run("run", "--overwrite").exits(0).says("2 made, 2 skipped")  # the command line has the last word


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_an_output_folder_that_leads_out_of_the_project_is_refused(
    kins: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (kins.root / "art").symlink_to(elsewhere, target_is_directory=True)
    kins.run("run").exits(3).says("art", "link", f"--allow-path {elsewhere}").says_not("made")
    kins.run("validate").exits(3).says("art", "link")
    assert there(kins) == [] and not any(elsewhere.iterdir())
    kins.run("run", "--allow-path", str(elsewhere)).exits(0).says("4 made")
    assert (elsewhere / "ferry.png").is_file()


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_an_output_folder_that_links_to_itself_is_an_error(kins: Project) -> None:
    (kins.root / "art").symlink_to(kins.root / "art", target_is_directory=True)
    outcome = kins.run("run").says("art", "link")
    assert outcome.code in (1, 3), outcome
    outcome.says_not("Traceback")


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_no_command_writes_through_a_link_that_leads_out(
    made: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made.edit("a ferry at dawn", "a ferry at night")
    made.run("run").exits(0)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.move(made.root / "art/ferry.png", elsewhere / "ferry.png")
    (made.root / "art").rmdir()
    (made.root / "art").symlink_to(elsewhere, target_is_directory=True)
    outside = (elsewhere / "ferry.png").read_bytes()
    for words in (["clean"], ["restore", "scenes"]):
        outcome = made.run(*words)
        assert (elsewhere / "ferry.png").is_file(), f"{words} removed it:\n{outcome}"
        assert (elsewhere / "ferry.png").read_bytes() == outside, f"{words} wrote there:\n{outcome}"
        assert outcome.code in (1, 3), f"{words} has to say that it did not:\n{outcome}"
    mine = draw(elsewhere / "ferry.png")
    assert made.run("adopt", "scenes").code in (1, 3)
    assert (elsewhere / "ferry.png").read_bytes() == mine
    made.run("adopt", "scenes", "--allow-path", str(elsewhere)).exits(0)


# --- seeds ------------------------------------------------------------------------------------------


def test_a_random_seed_stays_until_reseed(made: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    cy = made.root / "assets/kins/cy.png"
    drawn = seed(cy)
    made.edit("portrait of", "a painting of")
    made.run("run", "kins:cy").exits(0).says(f"seed {drawn}")

    clone = Project(tmp_path_factory.mktemp("clone"))
    shutil.copytree(made.root, clone.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".imagegen"))
    clone.run("status", "--check", "kins:cy").exits(0)
    clone.edit("a painting of", "a drawing of")
    clone.run("run", "kins:cy").exits(0).says(f"seed {drawn}")

    made.run("run").exits(0)
    others = [made.png(target) for target in TARGETS if "cy" not in target]
    made.run("run", "--reseed").exits(0).says("1 made, 3 skipped", "assets/kins/cy.png")
    assert seed(cy) != drawn
    assert [made.png(target) for target in TARGETS if "cy" not in target] == others
    made.run("run").exits(0).says("Nothing to do")


def test_reseed_where_no_seed_is_random_is_an_error(made: Project) -> None:
    made.run("run", "--reseed", "kins:ada").exits(3).says("--reseed", "random")
    made.edit("{name: Cy, seed: random}", "Cy")
    made.run("run", "--reseed").exits(3).says("--reseed", "seed: random").says_not("made")
    made.run("plan", "--reseed").exits(3).says("--reseed")


# --- another backend --------------------------------------------------------------------------------


def test_a_backend_on_the_command_line_makes_only_what_is_missing(project: Project) -> None:
    project.manifest("""\
        defaults: {backend: comfyui, checkpoint: dream.safetensors, size: 64x64}
        backends: {comfyui: {url: "http://127.0.0.1:9"}}
        items:
          - {name: Ada, prompt: an astronomer}
          - {name: Bo, prompt: a boatman}
        """)
    project.run("run", "--backend", "placeholder").exits(0).says("2 made")
    project.run("run", "--backend", "placeholder").exits(0).says("Nothing to do")
    project.run("status", "images:ada").exits(0).says("stale", 'backend: "placeholder" → "comfyui"')
    project.edit("a boatman", "a boatwoman")
    (project.root / "assets/images/ada.png").unlink()
    old = project.png("assets/images/bo.png")
    project.run("plan", "--backend", "placeholder").exits(0).says("make    images:ada", "leave   images:bo")
    project.run("run", "--backend", "placeholder").exits(0).says("1 made, 1 skipped")
    assert project.png("assets/images/bo.png") == old
    project.run("run", "--backend", "placeholder", "--overwrite").exits(0).says("1 made, 1 skipped")
    assert record(project.root / "assets/images/bo.png")["recipe"]["prompt"] == "a boatwoman"
    project.run("run", "--backend", "placehoder").exits(3).says("placehoder", '"placeholder"')


# --- names ------------------------------------------------------------------------------------------


def test_names_are_jobs_items_patterns_or_targets(kins: Project) -> None:
    kins.run("run", "kins:ada", "scenes").exits(0).says("2 made")
    assert there(kins) == ["assets/kins/ada.png", "art/ferry.png"]
    kins.run("run", "kins:b*").exits(0).says("made     assets/kins/bo.png", "1 made")
    (kins.root / "art/deeper").mkdir()
    kins.run("run", "../../assets/kins/cy.png", cwd="art/deeper").exits(0).says("1 made", "assets/kins/cy.png")
    assert there(kins) == TARGETS
    kins.run("run", "kins").exits(0).says("Nothing to do", "3 images")


def test_a_name_given_twice_hides_no_other(kins: Project) -> None:
    kins.run("run", "kins:ada", "kins:ada", "kins", "scenes", "kins").exits(0).says("4 made")
    assert there(kins) == TARGETS


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("kins:aba", 'did you mean "kins:ada"?'),
        ("kin", 'did you mean "kins"?'),
        ("ferry", 'did you mean "scenes:ferry"?'),
        ("kin:*", "kin:*"),
        ("assets/kins/aba.png", "assets/kins/aba.png"),
        ("", ""),
    ],
)
def test_an_unknown_name_makes_nothing_and_says_what_was_meant(kins: Project, name: str, mend: str) -> None:
    kins.run("run", "kins:bo", name).exits(3).says(f'"{name}"', mend)
    assert there(kins) == []


def test_options_stand_before_or_after_names(kins: Project) -> None:
    before = kins.run("run", "--dry-run", "--json", "kins:ada").exits(0)
    after = kins.run("run", "kins:ada", "--json", "--dry-run").exits(0)
    assert before.json == after.json
    assert [item["task"] for item in after.json["items"]] == ["kins:ada"]
    kins.run("kins:ada", "-n", "1").exits(0).says("1 made")  # `run` may be left out
    assert there(kins) == ["assets/kins/ada.png"]


# --- what it would do, and what it did --------------------------------------------------------------


def test_a_dry_run_is_the_plan_and_makes_nothing(made: Project) -> None:
    (made.root / "assets/kins/ada.png").unlink()
    draw(made.root / "assets/kins/bo.png")
    made.edit("a ferry at dawn", "a ferry at night")
    remaining = there(made)
    plan = made.run("plan").exits(0)
    plan.says("make    kins:ada  missing", 'prompt: "a ferry at dawn" → "a ferry at night"', "refuse  kins:bo")
    plan.says("2 to make, 1 to leave, 1 refused").says_not("kins:cy")
    assert made.run("run", "--dry-run").exits(0).out == plan.out
    for more in (["-a"], ["--overwrite"], ["kins"], ["--reseed", "--json"]):
        assert made.run("run", "--dry-run", *more).exits(0).out == made.run("plan", *more).exits(0).out
    assert there(made) == remaining


def test_events_tell_the_run_in_lines_of_json(made: Project) -> None:
    draw(made.root / "assets/kins/bo.png")
    made.edit("a ferry at dawn", "a ferry at night")
    outcome = made.run("run", "--json").exits(1)
    assert outcome.err == ""
    first, *between, last = outcome.events
    assert (first["event"], first["total"], first["skipped"]) == ("begun", 2, 2)
    ferry = next(event for event in between if event["event"] == "made")
    assert (ferry["task"], ferry["target"]) == ("scenes:ferry", "art/ferry.png")
    assert ferry["seed"] == seed(made.root / "art/ferry.png")
    assert ferry["reasons"] == ['prompt: "a ferry at dawn" → "a ferry at night"']
    failed = next(event for event in between if event["event"] == "failed")
    assert failed["task"] == "kins:bo" and "not ours" in failed["message"] and "adopt" in failed["hint"]
    assert [event["event"] for event in between if event["task"] == "scenes:ferry"] == ["started", "step", "made"]
    assert (last["event"], last["made"], last["skipped"], last["failed"], last["status"]) == ("ended", 1, 2, 1, 1)
    assert [failure["task"] for failure in last["failures"]] == ["kins:bo"]


def test_one_failure_stops_the_others_only_when_asked(kins: Project) -> None:
    draw(kins.root / "assets/kins/ada.png")
    kins.run("run", "-n", "1", "--no-continue").exits(1).says("kins:ada", "0 made, 0 skipped, 1 failed")
    assert there(kins) == ["assets/kins/ada.png"]
    kins.run("run", "-n", "1").exits(1).says("3 made, 0 skipped, 1 failed")
    assert there(kins) == TARGETS


# --- caches, clones, disks --------------------------------------------------------------------------


@pytest.mark.parametrize("junk", [None, "{", '{"kins:ada": 3}'])
def test_what_is_kept_beside_the_pictures_may_be_lost_or_cut_off(made: Project, junk: str | None) -> None:
    state = made.root / ".imagegen"
    kept = {path for path in state.iterdir() if path.is_file()} | {state / "doit.json"}
    assert state / "times.json" in kept and any("manifest" in path.name for path in kept)
    if junk is None:
        shutil.rmtree(state)
    for path in kept:
        if junk is not None:
            path.write_text(junk)
    made.run("run").exits(0).says("Nothing to do")
    made.edit("a ferry at dawn", "a ferry at night")
    made.run("run").exits(0).says("1 made, 3 skipped")
    made.run("plan", "-a").exits(0).says("4 to make", "earlier images")


def test_the_stored_manifest_follows_the_file(made: Project) -> None:
    text = (made.root / "assets.yaml").read_text()
    state = (made.root / "assets.yaml").stat()
    (made.root / "assets.yaml").write_text(text.replace("dawn", "dusk"))
    os.utime(made.root / "assets.yaml", ns=(state.st_atime_ns, state.st_mtime_ns))  # same size, same time
    made.run("run").exits(0).says("1 made, 3 skipped")


def test_a_fresh_clone_is_up_to_date(made: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    clone = Project(tmp_path_factory.mktemp("clones") / "clone")
    made.write(".gitignore", ".imagegen/\n")

    def git(*words: str) -> None:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=made.root, check=True, capture_output=True)

    if shutil.which("git"):
        git("init", "-q")
        git("add", ".")
        git("commit", "-q", "-m", "pictures")
        git("clone", "-q", ".", str(clone.root))
    else:
        shutil.copytree(made.root, clone.root, ignore=shutil.ignore_patterns(".imagegen"))
    assert not (clone.root / ".imagegen").exists()
    clone.run("status", "--check", "--verify").exits(0).says("4 fresh")
    clone.run("run").exits(0).says("Nothing to do")


def confined(project: Project, confine: Callable[[], None], *words: str) -> Outcome:
    """`imagegen WORDS` in a child that ``confine`` has taken something from."""
    done = subprocess.run(
        [sys.executable, "-m", "imagegen", *words], cwd=project.root, env=project.unmeasured, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, encoding="utf-8", timeout=60, check=False, preexec_fn=confine,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


def no_special_rights() -> None:
    """In a child: permissions hold for root, too (who otherwise may write anywhere). The program could not
    run as another user, since Python may live in root's own folder."""
    if os.geteuid() == 0:
        drop_from_bounding_set, may_override_permissions = 24, 1  # linux/prctl.h, linux/capability.h
        ctypes.CDLL(None).prctl(drop_from_bounding_set, may_override_permissions, 0, 0, 0)


def obeys_permissions(folder: Path) -> bool:
    """Whether a child of :func:`confined` is stopped by permissions here."""
    folder.chmod(0o555)
    attempt = "import sys; open(sys.argv[1] + '/attempt', 'w')"
    command = [sys.executable, "-c", attempt, str(folder)]
    return subprocess.run(command, capture_output=True, check=False, preexec_fn=no_special_rights).returncode != 0


@pytest.mark.skipif(os.name == "nt", reason="folders have no such permissions on Windows")
def test_a_folder_that_cannot_be_written_fails_its_own_images(kins: Project) -> None:
    (kins.root / "art").mkdir()
    if not obeys_permissions(kins.root / "art"):
        pytest.skip("permissions do not bind this user")
    outcome = confined(kins, no_special_rights, "run").exits(1)
    outcome.says("3 made, 0 skipped, 1 failed", "scenes:ferry: can't write", "art")
    assert there(kins) == TARGETS[:3]
    (kins.root / "art").chmod(0o755)
    kins.run("run").exits(0).says("1 made, 3 skipped")


@pytest.mark.skipif(os.name == "nt", reason="folders have no such permissions on Windows")
def test_a_project_that_cannot_be_written_is_still_judged(made: Project) -> None:
    shutil.rmtree(made.root / ".imagegen")
    if not obeys_permissions(made.root):
        pytest.skip("permissions do not bind this user")
    try:
        confined(made, no_special_rights, "status", "--check").exits(0).says("4 fresh")
        confined(made, no_special_rights, "list", "--all").exits(0).says("kins:ada")
        confined(made, no_special_rights, "run").exits(0).says("Nothing to do")
        outcome = confined(made, no_special_rights, "run", "-a").exits(1)
        outcome.says(".imagegen", "Permission denied").says_not("made   ")
    finally:
        made.root.chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="no limit for file sizes on Windows")
@pytest.mark.parametrize("room", [1000, 0], ids=["for small files", "none"])
def test_a_full_disk_costs_only_what_did_not_fit(made: Project, room: int) -> None:
    import resource

    old = made.png("art/ferry.png")
    (made.root / "assets/kins/ada.png").unlink()
    made.edit("a ferry at dawn", "a ferry at night")
    outcome = confined(made, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)), "run").exits(1)
    outcome.says("can't write assets/kins/ada.png", "can't write art/ferry.png", "0 made, 2 skipped, 2 failed")
    assert made.png("art/ferry.png") == old and not (made.root / "assets/kins/ada.png").exists()
    assert made.stray_files() == []
    made.run("run").exits(0).says("2 made, 2 skipped")
