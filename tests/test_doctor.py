"""doctor: what is there of what the manifest needs, worst first, and what mends it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.comfyui_stories import ended, wants
from tests.conftest import Project
from tests.rights import read_only, run_as_user
from tests.servers.comfyui import ComfyServer

ON_PLACEHOLDER = "defaults: {backend: placeholder, prompt: p, size: 16x16}\nitems: [a, b]\n"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"


def checks(project: Project, **environ: str) -> dict[str, list[dict[str, Any]]]:
    """The checks of `doctor --json`, by what was looked at."""
    found: dict[str, list[dict[str, Any]]] = {}
    for check in project.run("doctor", "--json", **environ).json["checks"]:
        found.setdefault(check["what"], []).append(check)
    return found


def state(project: Project, what: str, **environ: str) -> list[str]:
    return [check["state"] for check in checks(project, **environ)[what]]


def test_all_is_well(project: Project) -> None:
    project.manifest(ON_PLACEHOLDER)
    project.run("doctor").exits(0).says(
        "ok", "Python", "git", "2 images, and it is right", "can be written to"
    ).says_not("FAILED", "server")
    project.run("run").exits(0)
    project.run("doctor").exits(0).says("0 images to make")
    project.run("doctor", "images").exits(3).says("takes no names")


def test_the_worst_comes_first_with_its_mend(project: Project) -> None:
    project.manifest(ON_PLACEHOLDER)
    project.write("assets/images/a.png", POINTER)
    project.write(".imagegen/doit.json", "{cut off")
    told = project.run("doctor").exits(1)
    lines = told.out.splitlines()
    assert lines[0].startswith("FAILED") and "git-lfs pointers in place of pictures: images:a" in lines[0]
    assert "→ git lfs pull" in lines[1]
    assert lines[2].startswith("warning") and "doit's database" in lines[2]
    assert "it is a cache" in lines[3]
    assert all(line.startswith("ok") for line in lines[4:])


def test_a_manifest_that_is_wrong(project: Project) -> None:
    project.manifest("defaults: {backend: placeholder}\nitems: [{name: a, promt: p}]\n")
    project.run("doctor").exits(1).says("FAILED", "manifest", 'unknown key "promt"', 'did you mean "prompt"?')
    project.manifest("items: [{name: a, prompt: p}, {name: b, prompt: p, checkpoint: c, steps: 0}]\n")
    project.run("doctor").exits(1).says("items[0]: has no checkpoint", "items[1].steps: must be at least 1")


def test_without_a_project(project: Project) -> None:
    project.run("doctor").exits(1).says("FAILED", "there is no assets.yaml", "imagegen init", "Python")


def test_git(project: Project, tmp_path: Path) -> None:
    """One that lies in the project is none of the user's, whatever the PATH says."""
    project.manifest(ON_PLACEHOLDER)
    project.write("git", "#!/bin/sh\ntouch it-ran\n").chmod(0o755)
    project.run("doctor", PATH=".:").exits(0).says("warning  git", "not found", "install git")
    assert not (project.root / "it-ran").exists()


def test_folders_and_room(project: Project) -> None:
    project.manifest("defaults: {backend: placeholder, prompt: p, size: 16x16, output: out/deep}\nitems: [a]\n")
    project.write("out", "a file")
    project.run("doctor").exits(1).says("out is a file", "move it away")
    items = ", ".join(f"k{number}" for number in range(5000))
    project.manifest(
        f"backends: {{comfyui: {{url: 'http://127.0.0.1:9'}}}}\n"
        f"defaults: {{checkpoint: c.safetensors, prompt: p, size: 16384x16384}}\nitems: [{items}]\n"
    )
    (disk,) = checks(project)["disk"]
    assert disk["state"] == "failed" and "5000 images to make" in disk["found"] and "free some space" in disk["mend"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no folder that an administrator can't write to")
def test_a_folder_that_can_not_be_written_to(project: Project) -> None:
    project.manifest(ON_PLACEHOLDER)
    project.run("status")
    with read_only(project.root / "assets"):
        told = ended(run_as_user(project, "doctor")).exits(1)
    told.says("FAILED   output folder", "assets/images can't be written to", "→ chmod u+w")


def test_a_server_and_what_it_has(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    told = project.run("doctor").exits(0)
    told.says(
        f"{server.url} answers, ComfyUI 0.3.64",
        f"{server.url}: cpu, ",
        "GB free",
        "dream.safetensors is known to the server",
    )
    assert server.submitted == []
    wants(project, server, "Mallsing", checkpoint="dreem.safetensors")
    told = project.run("doctor").exits(1).says('checkpoint "dreem.safetensors" is not known', '"dream.safetensors"')
    assert told.out.splitlines()[0].startswith("FAILED   checkpoint")
    wants(project, server, "Mallsing", loras=["ink.safetensors"])
    project.run("doctor").exits(1).says('lora "ink.safetensors" is not known')


def test_a_server_that_does_not_answer(project: Project, server: ComfyServer) -> None:
    wants(project, "http://127.0.0.1:9", "Mallsing")
    project.run("doctor").exits(1).says("FAILED", "no answer from http://127.0.0.1:9", "is ComfyUI running there?")
    both = f"{server.url} http://127.0.0.1:9"
    told = project.run("doctor", COMFYUI_URLS=both).exits(0).says("warning", "no answer from http://127.0.0.1:9")
    told.says(f"{server.url} answers")


def test_a_backend_that_the_manifest_does_not_use_fails_nothing(project: Project) -> None:
    project.manifest("backends: {comfyui: {url: 'http://127.0.0.1:9'}}\n" + ON_PLACEHOLDER)
    project.run("doctor").exits(0).says_not("127.0.0.1:9")


def test_model_files_are_looked_for_where_they_may_lie(project: Project, server: ComfyServer) -> None:
    (project.root / "models").mkdir()
    wants(project, server, "Mallsing", block={"checkpoint_paths": ["models"]})
    project.run("doctor").exits(1).says('checkpoint "dream.safetensors" is in none of the checkpoint_paths')
    (project.root / "models" / "dream.safetensors").write_bytes(b"model")
    project.run("doctor").exits(0)


def test_a_token_is_there_or_not_and_never_shown(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", block={"headers": {"Authorization": "Bearer ${env:COMFY_TOKEN}"}})
    assert state(project, "token") == ["failed"]
    project.run("doctor").exits(1).says("COMFY_TOKEN is not set", "export COMFY_TOKEN")
    project.run("doctor", COMFY_TOKEN="s3cr3t-t0ken").exits(0).says("COMFY_TOKEN is set").says_not("s3cr3t")


def test_models_of_the_manifest(project: Project) -> None:
    project.manifest(
        "models: [{kind: checkpoints, file: dream.safetensors, url: 'https://example.invalid/dream.safetensors'}]\n"
        + ON_PLACEHOLDER
    )
    assert "warning" in [check["state"] for key in ("model", "models") for check in checks(project).get(key, [])]
    project.run("doctor").exits(0)


def test_it_changes_nothing(project: Project, server: ComfyServer, tmp_path: Path) -> None:
    wants(project, server, "Mallsing")
    project.run("status")
    before = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
    told = json.loads(project.run("doctor", "--json").exits(0).out)
    assert told["ok"] is True
    assert {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()} == before
    assert {request.method for request in server.requests} == {"GET"}
