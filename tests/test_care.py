"""What a person does to their pictures is never lost: stories of care found by a review."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Project
from tests.servers.comfyui import ComfyServer

ONE = """\
    defaults: {{backend: placeholder, size: 64x64}}
    jobs:
      kins:
        prompt: portrait of ${{name}}
        {more}
        items: [Ada, Bo]
"""


def draw(path: Path, colour: str) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64), colour).save(path)
    return path.read_bytes()


def kept(project: Project) -> list[bytes]:
    """The content of every version that is kept."""
    return [path.read_bytes() for path in (project.root / ".imagegen" / "previous").rglob("*.png")]


def colour(path: Path) -> tuple[int, ...]:
    with Image.open(path) as image:
        found = image.convert("RGB").getpixel((0, 0))
    assert isinstance(found, tuple)
    return found


@pytest.mark.parametrize("before", [None, "stale"])
def test_a_picture_put_there_while_its_image_is_made_is_left_alone(
    project: Project, server: ComfyServer, before: str | None
) -> None:
    project.manifest(f"""\
        defaults: {{checkpoint: dream.safetensors, size: 64x64, steps: 2}}
        backends: {{comfyui: {{url: "{server.url}"}}}}
        jobs: {{kins: {{prompt: "portrait of ${{name}}", items: [Ada]}}}}
    """)
    target = project.root / "assets/kins/ada.png"
    if before:
        project.run("run").exits(0)
        project.edit("portrait of", "sketch of")
    server.hold()
    run = project.start("run")
    server.wait_until(lambda: server.held is not None)
    theirs = draw(target, "crimson")
    server.release()
    out, err = run.communicate(timeout=30)
    assert run.returncode == 1 and "was changed while its image was being made" in out + err
    assert target.read_bytes() == theirs


def test_clean_keeps_what_was_adopted(project: Project) -> None:
    project.manifest(ONE.format(more=""))
    target = project.root / "assets/kins/ada.png"
    draw(target, "crimson")
    project.run("adopt", "kins:ada").exits(0)
    project.run("clean").exits(0)
    assert not target.exists() and kept(project)
    project.run("restore", "kins:ada").exits(0)
    assert colour(target) == (220, 20, 60)


@pytest.mark.skipif(os.name == "nt", reason="links want a privilege on Windows")
def test_of_a_linked_target_the_picture_is_kept(project: Project) -> None:
    project.manifest(ONE.format(more=""))
    store = project.root / "store" / "x.png"
    theirs = draw(store, "crimson")
    target = project.root / "assets/kins/ada.png"
    target.parent.mkdir(parents=True)
    target.symlink_to(store)
    project.run("run", "kins:ada", "--overwrite").exits(0)
    assert theirs in kept(project) and store.read_bytes() == theirs


@pytest.mark.parametrize("output", [".imagegen/previous/x", ".git/hooks", "./.GIT"])
def test_pictures_go_nowhere_among_the_tools_own_files(project: Project, output: str) -> None:
    project.manifest(ONE.format(more=f"output: {output}"))
    project.run("validate").exits(3).says("which is not for pictures")


def test_a_record_that_tells_too_much_is_rewritten_without_making_the_image(project: Project) -> None:
    project.manifest(ONE.format(more="record: full"))
    project.run("run").exits(0)
    target = project.root / "assets/kins/ada.png"
    pixels = Image.open(target).tobytes()
    project.edit("record: full", "record: digest")
    project.run("status", "--check").exits(1).says("record: full → digest")
    project.run("run").exits(0).says("its record was rewritten").says_not("made  ")
    assert b"portrait of Ada" not in target.read_bytes() and Image.open(target).tobytes() == pixels
    project.run("status", "--check", "--verify").exits(0)
    project.run("run").exits(0).says("Nothing to do")


def test_a_run_tells_warnings_too(project: Project, server: ComfyServer) -> None:
    project.manifest(f"""\
        defaults: {{checkpoint: dream.safetensors, size: 64x64, model: x/z-image-turbo}}
        backends: {{comfyui: {{url: "{server.url}"}}}}
        items: [{{name: Ada, prompt: a portrait}}]
    """)
    project.run("run").exits(0).says("has no use for model", "1 made")
    project.edit("name: Ada,", "name: Ada, model: other,")
    project.run("validate").exits(3).says("has no use for model")


@pytest.mark.parametrize(
    "url", ["http://${env:H}:8188", "http://localhost:99999", "http://h/?token=abcd", "http://a..b"]
)
def test_an_address_that_can_t_be_is_told_by_validate(project: Project, url: str) -> None:
    project.manifest(f"""\
        defaults: {{checkpoint: dream.safetensors}}
        backends: {{comfyui: {{url: "{url}"}}}}
        items: [{{name: Ada, prompt: a portrait}}]
    """)
    project.run("validate").exits(3).says("backends.comfyui.url").says_not("abcd")


def test_init_does_not_start_a_second_manifest(project: Project) -> None:
    project.write("assets.json", '{"items": []}')
    project.write(".gitignore", "x").write_bytes(b"\xff\xfe")
    project.run("init").exits(0).says("left  ", "assets.json")
    assert not (project.root / "assets.yaml").exists()
    project.run("validate").exits(0)


def test_once_nobody_answers_the_rest_need_not_find_that_out(project: Project) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"]) as server:
        project.manifest(f"""\
            defaults: {{checkpoint: dream.safetensors, size: 64x64, steps: 2}}
            backends: {{comfyui: {{url: "{server.url}", retry_delay: 0.3}}}}
            jobs: {{kins: {{prompt: "portrait of ${{name}}", items: [{", ".join(f"k{n}" for n in range(40))}]}}}}
        """)
        server.hold()
        run = project.start("run")
        server.wait_until(lambda: server.held is not None)
    out, err = run.communicate(timeout=30)  # 20 pairs one after another would take their pauses too
    assert run.returncode == 1 and "0 made, 0 skipped, 40 failed" in out, out + err
