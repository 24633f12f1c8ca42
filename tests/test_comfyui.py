"""The ComfyUI backend as it is meant to work: `imagegen` as a process, over HTTP and WebSocket to the stand-in."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from imagegen.backends.comfyui.address import addresses
from imagegen.backends.comfyui.outcome import images
from imagegen.errors import BuildFailed, WrongInput
from tests.comfyui_stories import (
    QUICK,
    changes,
    ended,
    held_after,
    made,
    others_job,
    our_client,
    prompt_for,
    started,
    target,
    texts,
    tidy,
    wants,
)
from tests.conftest import Outcome, Project
from tests.servers.comfyui import ComfyServer
from tests.servers.comfyui_types import recorded

KINS = ("Mallsing", "Brannick", "Oswin", "Thora", "Yrsa", "Ulf")


def inputs(graph: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A graph by class and role instead of node ids; links become the class they lead to and the slot."""

    def role(node_id: str) -> str:
        sampler = next(node for node in graph.values() if node["class_type"] == "KSampler")["inputs"]
        roles = {sampler["positive"][0]: " positive", sampler["negative"][0]: " negative"}
        return str(graph[node_id]["class_type"]) + roles.get(node_id, "")

    return {
        role(node_id): {
            name: (role(value[0]), value[1]) if isinstance(value, list) else value
            for name, value in node["inputs"].items()
        }
        for node_id, node in graph.items()
    }


def only_graph(server: ComfyServer) -> dict[str, dict[str, Any]]:
    (graph,) = server.submitted
    return inputs(graph)


# From a manifest to images


def test_a_manifest_becomes_images(project: Project, server: ComfyServer) -> None:
    wants(project, server, *KINS)
    project.run("run").exits(0).says("6 made, 0 skipped, 0 failed", "assets/images/mallsing.png  seed ")
    made(project, server, *KINS)
    tidy(project, server)
    project.run("status", "--check", "--verify").exits(0).says("6 fresh")


def test_again_asks_the_server_nothing(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    project.run("run").exits(0)
    before, requests = project.png(target("Mallsing")), len(server.requests)
    project.run("run").exits(0).says("Nothing to do")
    assert len(server.requests) == requests
    assert project.png(target("Mallsing")) == before


def test_a_changed_prompt_remakes_one(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", "Brannick")
    project.run("run").exits(0)
    before, other = project.png(target("Mallsing")), project.png(target("Brannick"))
    changes(project, "Mallsing", prompt="an old reed-cutter")
    project.run("run").exits(0).says("1 made, 1 skipped")
    assert project.png(target("Mallsing")) != before
    assert project.png(target("Brannick")) == other
    assert len(server.executed) == 3


def test_the_graph_that_is_sent(project: Project, server: ComfyServer) -> None:
    wants(
        project, server, "Mallsing", negative_prompt="blurry, Ελένη", size="128x64", steps=3, cfg=6.5, seed=2**64 - 1,
        sampler="dpmpp_2m", scheduler="karras", denoise=0.75,
    )  # fmt: skip
    project.run("run").exits(0)
    graph = only_graph(server)
    prefix = graph["SaveImage"].pop("filename_prefix")
    assert prefix.startswith("imagegen")
    assert graph == {
        "CheckpointLoaderSimple": {"ckpt_name": "dream.safetensors"},
        "CLIPTextEncode positive": {"text": prompt_for("Mallsing"), "clip": ("CheckpointLoaderSimple", 1)},
        "CLIPTextEncode negative": {"text": "blurry, Ελένη", "clip": ("CheckpointLoaderSimple", 1)},
        "EmptyLatentImage": {"width": 128, "height": 64, "batch_size": 1},
        "KSampler": {
            "seed": 2**64 - 1,
            "steps": 3,
            "cfg": 6.5,
            "sampler_name": "dpmpp_2m",
            "scheduler": "karras",
            "denoise": 0.75,
            "model": ("CheckpointLoaderSimple", 0),
            "positive": ("CLIPTextEncode positive", 0),
            "negative": ("CLIPTextEncode negative", 0),
            "latent_image": ("EmptyLatentImage", 0),
        },
        "VAEDecode": {"samples": ("KSampler", 0), "vae": ("CheckpointLoaderSimple", 2)},
        "SaveImage": {"images": ("VAEDecode", 0)},
    }


def test_the_documented_defaults_of_the_graph(project: Project, server: ComfyServer) -> None:
    project.manifest(f"""
        backends: {{comfyui: {{url: "{server.url}"}}}}
        items: [{{name: Mallsing, prompt: a reed-cutter, checkpoint: ink.safetensors}}]
    """)
    project.run("run").exits(0)
    graph = only_graph(server)
    assert graph["CLIPTextEncode negative"]["text"] == ""
    assert (graph["EmptyLatentImage"]["width"], graph["EmptyLatentImage"]["height"]) == (512, 512)
    chosen = {name: graph["KSampler"][name] for name in ("steps", "cfg", "sampler_name", "scheduler", "denoise")}
    assert chosen == {"steps": 20, "cfg": 8, "sampler_name": "euler", "scheduler": "normal", "denoise": 1}


def test_a_prefix_of_its_own_for_every_submission(project: Project, server: ComfyServer) -> None:
    """Else the cache would name the file of the first time, which may be gone."""
    wants(project, server, "Mallsing")
    project.run("run").exits(0)
    server.faults.lose_file()
    project.run("run", "-a").exits(0)
    prefixes = [inputs(graph)["SaveImage"]["filename_prefix"] for graph in server.submitted]
    assert len(set(prefixes)) == 2
    made(project, server, "Mallsing")


def test_prompts_in_any_script_arrive_and_stay(project: Project, server: ComfyServer) -> None:
    prompt = '芦刈りの老人, портрет, ‏עץ, 🐉 "quoted" ${name} C:\\new\nline'
    wants(project, server, "Mallsing")
    changes(project, "Mallsing", prompt=prompt)
    project.run("run").exits(0)
    filled = prompt.replace("${name}", "Mallsing")
    assert only_graph(server)["CLIPTextEncode positive"]["text"] == filled
    found = texts(project.png(target("Mallsing")))
    assert json.loads(found["imagegen"])["recipe"]["prompt"] == filled
    assert inputs(json.loads(found["prompt"]))["CLIPTextEncode positive"]["text"] == filled
    assert found["parameters"].startswith(filled)


def test_plain_doit_makes_them_too_two_at_a_time(project: Project) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"], work=0.2) as server:
        project.run("init").exits(0)
        wants(project, server, "Mallsing", "Brannick", "Oswin")
        project.doit().exits(0)
        made(project, server, "Mallsing", "Brannick", "Oswin")
        tidy(project, server)
        assert server.max_queued_of(our_client(server)) == 2


# What the server knows


def test_a_windows_server_gets_its_own_spelling(project: Project) -> None:
    with ComfyServer(checkpoints=["sdxl\\dream.safetensors", "ink.safetensors"]) as server:
        wants(project, server, "Mallsing", checkpoint="sdxl/dream.safetensors")
        project.run("run").exits(0)
        assert only_graph(server)["CheckpointLoaderSimple"]["ckpt_name"] == "sdxl\\dream.safetensors"
        made(project, server, "Mallsing")
    # The recipe is the manifest's: on another system's server it stays fresh.
    project.run("status", "--check").exits(0)


def test_a_manifest_in_windows_spelling_works_on_any_server(project: Project) -> None:
    with ComfyServer(checkpoints=["sdxl/dream.safetensors"]) as server:
        wants(project, server, "Mallsing", checkpoint="sdxl\\dream.safetensors")
        project.run("run").exits(0)
        assert only_graph(server)["CheckpointLoaderSimple"]["ckpt_name"] == "sdxl/dream.safetensors"


@pytest.mark.parametrize(
    ("setting", "wrong", "nearest", "farther"),
    [
        ("checkpoint", "imk.safetensors", "ink.safetensors", "dream.safetensors"),
        ("sampler", "dpmp_2m", "dpmpp_2m", "dpm_2"),
        ("scheduler", "karas", "karras", "normal"),
    ],
)
def test_what_the_server_does_not_know_is_refused_before_anything_is_queued(
    setting: str, wrong: str, nearest: str, farther: str, project: Project, server: ComfyServer
) -> None:
    wants(project, server, "Mallsing", "Brannick")
    changes(project, "Brannick", **{setting: wrong})
    outcome = project.run("run").exits(3).says(setting, wrong, "images:brannick", nearest)
    choices = re.findall(r'"([^"]+)"', (outcome.out + outcome.err).partition("it has ")[2])
    assert choices[0] == nearest
    assert farther in choices[1:]
    assert server.submitted == []
    assert not (project.root / "assets").exists()


def test_all_that_is_unknown_is_said_at_once(project: Project, server: ComfyServer) -> None:
    project.manifest(f"""
        backends: {{comfyui: {{url: "{server.url}"}}}}
        defaults: {{prompt: a kin, size: 64x64}}
        jobs:
          drafts: {{backend: placeholder, items: [Draft]}}
          kins:
            checkpoint: dream.safetensors
            items: [{{name: Mallsing, sampler: eular}}, {{name: Brannick, scheduler: norml}}]
          more:
            checkpoint: drem.safetensors
            items: [One, Two, Three, Four, Five]
    """)
    project.run("run").exits(3).says(
        'sampler "eular"', "kins:mallsing", 'scheduler "norml"', "kins:brannick",
        'checkpoint "drem.safetensors"', "more:one", "2 more",
    )  # fmt: skip
    assert server.submitted == []
    assert not (project.root / "assets").exists(), "the placeholder's picture was made all the same"


def test_only_what_is_to_be_made_is_asked_about(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", "Brannick")
    project.run("run").exits(0)
    server.models["checkpoints"].remove("dream.safetensors")
    project.run("run").exits(0)  # fresh ones need no checkpoint
    changes(project, "Mallsing", checkpoint="ink.safetensors")
    project.run("run").exits(0).says("1 made, 1 skipped")
    changes(project, "Brannick", prompt="another")
    project.run("run", "images:mallsing").exits(0)
    project.run("run").exits(3).says("dream.safetensors", "ink.safetensors")


def test_a_checkpoint_in_none_of_the_search_paths_needs_no_server_to_be_refused(
    project: Project, server: ComfyServer
) -> None:
    (project.root / "models").mkdir()
    (project.root / "models" / "ink.safetensors").write_bytes(b"ink")
    wants(project, server, "Mallsing", block={"checkpoint_paths": ["models"]}, checkpoint="inc.safetensors")
    for command in ("validate", "run"):
        project.run(command).exits(3).says("inc.safetensors", '"ink.safetensors"', "checkpoint_paths")
    assert server.requests == []
    project.edit("inc.safetensors", "ink.safetensors")
    project.run("run").exits(0)
    record = json.loads(texts(project.png(target("Mallsing")))["imagegen"])
    assert hashlib.sha256(b"ink").hexdigest() in record["known"]["checkpoint"]


def test_a_checkpoint_that_is_here_but_not_on_the_server_is_refused(project: Project, server: ComfyServer) -> None:
    (project.root / "models").mkdir()
    (project.root / "models" / "local.safetensors").write_bytes(b"local")
    wants(project, server, "Mallsing", block={"checkpoint_paths": ["models"]}, checkpoint="local.safetensors")
    project.run("run").exits(3).says("local.safetensors", '"dream.safetensors"')
    assert server.submitted == []


def test_sides_that_no_latent_can_have_are_refused_offline(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", size="100x64")
    project.run("validate").exits(3).says("100", "96", "104")
    assert server.requests == []


def test_validate_online(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    project.run("validate", "--online").exits(0)
    changes(project, "Mallsing", sampler="eulr")
    project.run("validate").exits(0)
    project.run("validate", "--online").exits(3).says("eulr", '"euler"', "images:mallsing")
    found = project.run("validate", "--online", "--json").exits(3).json
    assert not found["ok"]
    assert "eulr" in found["problems"][0]["message"]
    with server.faults.refuse():
        project.run("validate", "--online").exits(3).says(server.url)
        project.run("validate").exits(0)
    assert server.submitted == []


def test_explain_shows_the_graph_that_is_sent(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", negative_prompt="blurry")
    shown = project.run("explain", "images:mallsing", "--json").exits(0).json["graph"]
    project.run("explain", "images:mallsing").exits(0).says('"class_type": "KSampler"', '"text": "blurry"')
    assert server.requests == []
    project.run("run").exits(0)
    for graph in (shown, server.submitted[0]):
        for node in graph.values():
            node["inputs"].pop("filename_prefix", None)
    assert shown == server.submitted[0]


# Servers of many kinds


def test_an_old_server_that_takes_no_prompt_id(project: Project) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"], takes_prompt_id=False) as server:
        wants(project, server, "Mallsing", "Brannick", "Oswin")
        project.run("run").exits(0)
        made(project, server, "Mallsing", "Brannick", "Oswin")
        asked = [request.body["prompt_id"] for request in server.asked("POST", "/prompt")]
        assert not set(asked) & set(server.submitted_ids)
        assert sorted(server.history_deleted) == sorted(server.submitted_ids)
        tidy(project, server)


def test_a_new_server_that_wants_uuids(project: Project) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"], newer=True) as server:
        wants(project, server, "Mallsing")
        project.run("run").exits(0)
        made(project, server, "Mallsing")
        tidy(project, server)


def test_a_server_from_before_the_lists_of_models(project: Project, server: ComfyServer) -> None:
    server.faults.answer("/models", 404, times=None)
    wants(project, server, "Mallsing")
    project.run("run").exits(0)
    made(project, server, "Mallsing")
    changes(project, "Mallsing", checkpoint="dram.safetensors")
    project.run("run").exits(3).says('"dream.safetensors"')


def test_under_a_path_with_a_header(project: Project) -> None:
    with ComfyServer(
        checkpoints=["dream.safetensors"], base_path="/comfy/ui", required_header=("X-Key", "sesame")
    ) as server:
        wants(project, server.url + "/", "Mallsing", block={"headers": {"X-Key": "sesame"}})
        project.run("run").exits(0)
        made(project, server, "Mallsing")
        tidy(project, server)
        assert not [request.path for request in server.requests if request.path.startswith("/outside")]
        assert [request.headers["X-Key"] for request in server.asked("GET", "/ws")] == ["sesame"]


def test_no_origin_is_sent(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    project.run("run").exits(0)
    assert {request.headers["Origin"] for request in server.requests} == {None}


def test_a_header_from_the_environment(project: Project) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"], required_header=("Authorization", "Bearer t0ken")) as server:
        wants(project, server, "Mallsing", block={"headers": {"Authorization": "Bearer ${env:COMFY_TOKEN}"}})
        project.run("run", COMFY_TOKEN="t0ken").exits(0)
        made(project, server, "Mallsing")


def test_a_missing_token_is_told_before_anything_is_made(project: Project, server: ComfyServer) -> None:
    project.manifest(f"""
        backends:
          comfyui:
            url: "{server.url}"
            headers: {{Authorization: "Bearer ${{env:COMFY_TOKEN}}"}}
        defaults: {{prompt: a kin, size: 64x64}}
        jobs:
          drafts: {{backend: placeholder, items: [Draft]}}
          kins: {{checkpoint: dream.safetensors, items: [Mallsing]}}
    """)
    project.run("validate").exits(0)
    for words in (["validate", "--online"], ["run"]):
        project.run(*words).exits(3).says("COMFY_TOKEN is not set", "headers.Authorization").says_not("a fault of")
    assert server.requests == []
    assert not (project.root / "assets").exists()


def test_the_environment_is_for_headers_alone(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", "Brannick", "Oswin")
    changes(project, "Mallsing", prompt="a ${env:COMFY_TOKEN}")
    changes(project, "Brannick", negative_prompt="a ${env:COMFY_TOKEN}")
    changes(project, "Oswin", output="out/${env:COMFY_TOKEN}")
    outcome = project.run("run", COMFY_TOKEN="t0ken").exits(3).says_not("t0ken")
    assert len(outcome.err.splitlines()) == 3  # each is told
    assert server.requests == []


@pytest.mark.parametrize("key", ["url", "ws_url"])
def test_an_address_takes_nothing_from_the_environment(key: str) -> None:
    scheme = "ws" if key == "ws_url" else "http"
    with pytest.raises(WrongInput, match=rf"backends\.comfyui\.{key}"):
        addresses({key: f"{scheme}://127.0.0.1:1/${{env:COMFY_TOKEN}}"}, {"COMFY_TOKEN": "t0ken"})


def test_the_environment_names_the_server(project: Project, server: ComfyServer) -> None:
    wants(project, "http://127.0.0.1:1", "Mallsing")
    project.run("run", COMFYUI_URL=server.url + "/").exits(0)
    made(project, server, "Mallsing")


def test_the_environment_names_the_socket(project: Project, server: ComfyServer) -> None:
    with ComfyServer() as other:
        wants(project, server, "Mallsing", block={"ws_url": "ws://127.0.0.1:1/ws"})
        server.hold()
        with started(project, "run", COMFYUI_WS_URL=other.url.replace("http", "ws") + "/ws") as process:
            other.wait_until(lambda: other.sockets.clients)
            server.release()
            ended(process).exits(0)
        assert [request.path for request in other.requests] == ["/ws"]
        assert server.asked("GET", "/ws") == []
        made(project, server, "Mallsing")


def test_a_proxy_for_the_world_is_none_for_this_machine(project: Project, server: ComfyServer) -> None:
    nowhere = "http://127.0.0.1:1"
    project.write("netrc", "default login somebody password t0ken\n")
    wants(project, server, "Mallsing")
    server.hold()
    with started(
        project, "run", http_proxy=nowhere, HTTP_PROXY=nowhere, all_proxy=nowhere, NETRC=str(project.root / "netrc")
    ) as process:
        server.wait_until(lambda: server.sockets.clients)  # the socket comes through too
        server.release()
        ended(process).exits(0)
    assert {request.headers["Authorization"] for request in server.requests} == {None}


# Secrets stay secret


SECRET = "s3cr3t-t0ken"
BASIC = base64.b64encode(f"me:{SECRET}".encode()).decode()


def keeps_secrets(outcome: Outcome, project: Project) -> Outcome:
    """No secret was printed, and none that is not in the manifest itself is in any file."""
    outcome.says_not(SECRET, BASIC)
    for path in project.root.rglob("*"):
        if path.is_file() and path.name != "assets.yaml" and not path.name.startswith("manifest-"):
            data = path.read_bytes()
            assert SECRET.encode() not in data, path
            assert BASIC.encode() not in data, path
    return outcome


def with_secrets(project: Project, url: str, **block: Any) -> dict[str, Any]:
    """A project whose address holds a password and whose header a token; the environment it wants."""
    login = url.replace("://", f"://me:{SECRET}@")
    wants(project, login, "Mallsing", block={"headers": {"X-Token": "${env:COMFY_TOKEN}"}, **block})
    return {"COMFY_TOKEN": SECRET}


def test_a_password_in_the_address_is_sent_and_never_shown(project: Project) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"], required_header=("Authorization", f"Basic {BASIC}")) as server:
        environ = with_secrets(project, server.url)
        keeps_secrets(project.run("run", "--json", **environ), project).exits(0)
        made(project, server, "Mallsing")
        for words in (["status", "--json"], ["explain", "images:mallsing"], ["plan"], ["validate", "--online"]):
            keeps_secrets(project.run(*words, **environ), project).exits(0)


ECHO = f"no entry with {SECRET} and Basic {BASIC}"


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/object_info", 401, ECHO),
        ("POST /prompt", 500, ECHO),
        ("POST /prompt", 400, ECHO),
        ("POST /prompt", 400, {"error": {"message": ECHO, "details": ECHO}, "node_errors": {}}),
        ("/view", 500, ECHO),
    ],
    ids=lambda value: "" if ECHO in str(value) else str(value),
)
def test_a_server_that_echoes_secrets_gives_them_away_to_nobody(
    path: str, status: int, body: Any, project: Project, server: ComfyServer
) -> None:
    environ = with_secrets(project, server.url)
    server.faults.answer(path, status, body, times=None)
    keeps_secrets(project.run("run", **environ), project).exits(1).says("images:mallsing")
    tidy(project, server)


def test_errors_on_the_way_to_a_server_hold_no_secrets(project: Project, server: ComfyServer) -> None:
    environ = with_secrets(project, server.url)
    with server.faults.refuse():
        for words in (["run"], ["run", "--json"], ["validate", "--online"]):
            keeps_secrets(project.run(*words, **environ), project).says(server.url)
    server.faults.drop(times=None)
    keeps_secrets(project.run("run", **environ), project).exits(1)
    server.faults.clear()
    server.faults.answer("*", 302, headers={"Location": f"http://me:{SECRET}@127.0.0.1:1/"}, times=None)
    keeps_secrets(project.run("run", **environ), project).exits(1)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f"htp://me:{SECRET}@127.0.0.1", id="scheme"),
        pytest.param(f"http://me:{SECRET}@127.0.0.1:port", id="port"),
        pytest.param(f"http://me:{SECRET}@127.0.0.1:99999", id="high port"),
        pytest.param(f"http://me:{SECRET}@[::1", id="bracket"),
        pytest.param(f"http://me:{SECRET}@ 127.0.0.1", id="space"),
        pytest.param(f"http://me:{SECRET}@", id="no host"),
        pytest.param(f"me:{SECRET}@127.0.0.1:8188", id="no scheme"),
        pytest.param(SECRET, id="no address"),
    ],
)
def test_a_wrong_address_is_told_without_its_password(url: str) -> None:
    for settings, environ, where in (({"url": url}, {}, r"comfyui\.url"), ({}, {"COMFYUI_URL": url}, "COMFYUI_URL")):
        with pytest.raises(WrongInput, match=where) as raised:
            addresses(settings, environ)
        assert SECRET not in str(raised.value)


def test_a_wrong_address_in_manifest_and_environment(project: Project) -> None:
    url = f"me:{SECRET}@127.0.0.1:8188"
    wants(project, url, "Mallsing")
    outcome = project.run("run").exits(3).says("backends.comfyui.url").says_not("a fault of")
    keeps_secrets(outcome, project)
    wants(project, "http://127.0.0.1:1", "Mallsing")
    outcome = project.run("run", COMFYUI_URL=url).exits(3).says("COMFYUI_URL").says_not("a fault of")
    keeps_secrets(outcome, project)


@pytest.mark.parametrize("value", [f"{SECRET}\nX-Other: 1", f"{SECRET} ✓"], ids=["newline", "letter"])
def test_a_token_that_no_header_can_hold_is_told_without_it(value: str, project: Project, server: ComfyServer) -> None:
    environ = {**with_secrets(project, server.url), "COMFY_TOKEN": value}
    keeps_secrets(project.run("run", **environ), project).exits(3).says("headers.X-Token")
    assert server.requests == []


@pytest.mark.parametrize(
    ("path", "status"),
    [("/object_info", 302), ("POST /prompt", 307), ("/history", 308), ("/view", 301), ("/ws", 302)],
)
def test_a_redirect_to_another_host_is_not_followed(
    path: str, status: int, project: Project, server: ComfyServer
) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"]) as other:
        environ = with_secrets(project, server.url)
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        asked = path.split()[-1]
        server.faults.answer(path, status, headers={"Location": f"{elsewhere}{asked}?clientId=x"}, times=None)
        outcome = keeps_secrets(project.run("run", **environ), project)
        assert other.requests == []
        if path == "/ws":  # nothing rests on the socket
            outcome.exits(0)
            made(project, server, "Mallsing")
        else:
            outcome.exits(1).says("images:mallsing", str(status))
        tidy(project, server)


# A shared server


@pytest.mark.parametrize("words", [[], ["-n", "8"]], ids=["as it is", "-n 8"])
def test_two_prompts_are_kept_on_the_server_and_never_more(
    words: list[str], project: Project, server: ComfyServer
) -> None:
    wants(project, server, *KINS)
    server.hold()
    with started(project, "run", *words) as process:
        for _ in KINS[:-1]:
            server.wait_until(lambda: server.held and server.pending)  # one runs, one waits
            before = server.held
            server.release(1)
            held_after(server, before)
        server.release()
        ended(process).exits(0)
    assert server.max_queued_of(our_client(server)) == 2
    made(project, server, *KINS)


def test_one_at_a_time_if_asked(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", "Brannick", "Oswin")
    project.run("run", "-n", "1").exits(0)
    assert server.max_queued_of(our_client(server)) == 1


def test_our_history_entries_are_deleted_and_no_others(project: Project, server: ComfyServer) -> None:
    other = others_job(server)
    server.wait_until(lambda: server.entry(other))
    wants(project, server, "Mallsing", "Brannick")
    project.run("run").exits(0)
    assert sorted(server.history_deleted) == sorted(server.executed[1:])
    assert list(server.life.queue.history) == [other]
    tidy(project, server, other)


def test_behind_somebody_elses_job(project: Project, server: ComfyServer) -> None:
    server.hold()
    other = others_job(server)
    wants(project, server, "Mallsing")
    with started(project, "run") as process:
        server.wait_until(lambda: server.pending)
        server.release()
        ended(process).exits(0)
    made(project, server, "Mallsing")
    assert server.executed[0] == other


# Progress


def test_progress_as_json(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing", "Brannick", steps=4)
    server.hold()
    with started(project, "run", "--json") as process:
        server.wait_until(lambda: server.held and server.sockets.clients)
        server.release()
        events = ended(process).exits(0).events
    assert events[0] == {"event": "begun", "task": "", "total": 2, "skipped": 0}
    for name in ("mallsing", "brannick"):
        mine = [event for event in events if event["task"] == f"images:{name}"]
        assert [event["event"] for event in mine].count("started") == 1
        assert [mine[0]["event"], mine[-1]["event"]] == ["started", "made"]
        steps = [(event["value"], event["total"]) for event in mine[1:-1]]
        assert steps in ([(1, 4), (2, 4), (3, 4), (4, 4)], [(2, 4), (3, 4), (4, 4)])  # one may precede the socket
        seed = json.loads(texts(project.png(target(name)))["imagegen"])["recipe"]["seed"]
        assert (mine[-1]["target"], mine[-1]["seed"]) == (target(name), seed)
    last = events[-1]
    assert last["event"] == "ended"
    assert (last["made"], last["skipped"], last["failed"], last["status"]) == (2, 0, 0, 0)


def test_failures_as_json(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    server.faults.fail_node("no such luck", node="KSampler")
    events = project.run("run", "--json").exits(1).events
    (failed,) = (event for event in events if event["event"] == "failed")
    assert failed["task"] == "images:mallsing"
    assert "no such luck" in failed["message"]
    assert (events[-1]["failed"], events[-1]["status"]) == (1, 1)


# The same recipe gives the same bytes


def test_two_runs_on_two_servers_give_the_same_bytes(project: Project, tmp_path: Path) -> None:
    wants(project, "http://127.0.0.1:1", "Mallsing", "Brannick")
    elsewhere = Project(tmp_path / "elsewhere")
    elsewhere.root.mkdir()
    wants(elsewhere, "http://127.0.0.1:2", "Brannick", "Mallsing", "Oswin", block={"timeout": 77})
    with (
        ComfyServer(checkpoints=["dream.safetensors"]) as one,
        ComfyServer(
            checkpoints=["ink.safetensors", "dream.safetensors"], takes_prompt_id=False, base_path="/x", work=0.01
        ) as other,
    ):
        others_job(other)
        project.run("run", COMFYUI_URL=one.url).exits(0)
        elsewhere.run("run", COMFYUI_URL=other.url).exits(0)
    for name in ("Mallsing", "Brannick"):
        assert project.png(target(name)) == elsewhere.png(target(name))


def test_a_picture_holds_its_graph_and_nothing_of_the_run(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    project.run("run").exits(0)
    first = project.png(target("Mallsing"))
    project.run("run", "-a").exits(0)
    assert project.png(target("Mallsing")) == first
    found = texts(first)
    assert set(found) == {"imagegen", "parameters", "prompt"}
    graph = json.loads(found["prompt"])
    sent = dict(server.submitted[0])
    assert graph.keys() == sent.keys()
    for node_id, node in graph.items():
        if node["class_type"] == "SaveImage":  # the submission's own prefix is left out
            assert sent[node_id]["inputs"]["filename_prefix"].startswith(node["inputs"].pop("filename_prefix"))
            sent[node_id]["inputs"].pop("filename_prefix")
        assert node == sent[node_id]
    port = server.url.rpartition(":")[2]
    clients = {request.body["client_id"] for request in server.asked("POST", "/prompt")}
    for run_specific in (*server.submitted_ids, *clients, port, "127.0.0.1"):
        assert run_specific.encode() not in first
    assert set(json.loads(found["imagegen"])) == {"format", "idat", "pixels", "recipe"}


# Which of the pictures in a history entry


def image(name: str, kind: str = "output") -> dict[str, str]:
    return {"filename": f"{name}.png", "subfolder": "", "type": kind}


@pytest.mark.parametrize(
    ("outputs", "chosen"),
    [
        ({"7": {"images": [image("a")]}}, ["a"]),
        ({"7": {"images": [image("a"), image("b")]}}, ["a", "b"]),
        ({"3": {"images": [image("look", "temp")]}, "7": {"images": [image("a")]}}, ["a"]),
        ({"3": {"images": [image("other")]}, "7": {"images": [image("a")]}}, ["a"]),
        ({"3": {"images": [image("other")]}, "7": {"images": [image("a", "temp")]}}, ["a"]),
        ({"7": {"images": [image("a", "temp"), image("b")]}}, ["b"]),
        ({"3": {"images": [image("look", "temp")]}, "4": {"images": [image("other")]}}, ["other"]),
        ({"3": {"text": ["words"]}, "7": {"images": [image("a")]}}, ["a"]),
        ({"3": {"images": [image("film")], "animated": [True]}, "7": {"images": [image("a")]}}, ["a"]),
    ],
)
def test_which_picture_is_taken(outputs: dict[str, Any], chosen: list[str]) -> None:
    for status in (None, {"status_str": "success", "completed": True, "messages": []}):
        found = images({"outputs": outputs, "status": status}, "7")
        assert [one["filename"] for one in found] == [f"{name}.png" for name in chosen]


@pytest.mark.parametrize("outputs", [{}, None, {"7": {}}, {"7": {"images": []}}, {"7": {"images": [{}]}}])
def test_no_picture_is_an_error(outputs: Any) -> None:
    with pytest.raises(BuildFailed, match="without a picture"):
        images({"outputs": outputs, "status": None}, "7")


@pytest.mark.parametrize(
    ("recording", "words"), [("exec-error", "failed on the server in"), ("interrupted", "interrupted")]
)
def test_what_a_real_server_wrote_of_a_job_that_failed(recording: str, words: str) -> None:
    (entry,) = recorded(recording)["history"].values()
    with pytest.raises(BuildFailed, match=words):
        images(entry, "7")


# The address by itself


@pytest.mark.parametrize(
    ("url", "clean", "socket"),
    [
        ("http://127.0.0.1:8188", "http://127.0.0.1:8188", "ws://127.0.0.1:8188/ws"),
        ("https://gpu.example/comfy/", "https://gpu.example/comfy", "wss://gpu.example/comfy/ws"),
        ("http://[::1]:8188/", "http://[::1]:8188", "ws://[::1]:8188/ws"),
        ("https://me:p%40ss@gpu.example", "https://gpu.example", "wss://gpu.example/ws"),
    ],
)
def test_where_a_server_and_its_socket_are(url: str, clean: str, socket: str) -> None:
    found = addresses({"url": url}, {})[0]
    assert (found.url, found.ws_url) == (clean, socket)


def test_the_password_of_an_address_becomes_a_header() -> None:
    found = addresses({"url": "https://me:p%40ss@gpu.example"}, {})[0]
    assert found.headers["Authorization"] == "Basic " + base64.b64encode(b"me:p@ss").decode()
    assert "p@ss" not in repr(found)
    assert found.headers["Authorization"] not in repr(found)


def test_a_header_of_the_block_wins_over_the_address() -> None:
    found = addresses({"url": "https://me:pass@gpu.example", "headers": {"authorization": "Bearer t0ken"}}, {})[0]
    assert {name.lower(): value for name, value in found.headers.items()} == {"authorization": "Bearer t0ken"}
    assert len(found.headers) == 1, "the socket would send both"


def test_the_environment_wins_over_the_block() -> None:
    block = {"url": "http://one:1", "ws_url": "ws://one:1/ws", **QUICK}
    found = addresses(block, {"COMFYUI_URL": "https://two/x/", "COMFYUI_WS_URL": "wss://three/y"})[0]
    assert (found.url, found.ws_url) == ("https://two/x", "wss://three/y")
