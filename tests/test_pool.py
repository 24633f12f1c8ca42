"""Several servers share the images of a run: each goes where it is done first, and none is lost with a server."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from imagegen import png
from imagegen.backends.comfyui.address import addresses, count
from imagegen.errors import WrongInput
from tests.comfyui_stories import changes, drawn, ended, not_made, others_job, prompt_for, started, target, tidy, wants
from tests.conftest import Project
from tests.servers.comfyui import ComfyServer

NAMES = ("Mallsing", "Brannick", "Oswin", "Thora", "Yrsa", "Ulf", "Signy", "Torvald")
Servers = Sequence[ComfyServer]


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Two stand-ins."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(ComfyServer(checkpoints=["dream.safetensors", "ink.safetensors"])) for _ in range(2)]


def wants_of(
    project: Project, servers: Servers, *names: str, block: Mapping[str, Any] | None = None, **defaults: Any
) -> None:
    """A manifest whose images are made by all of these servers."""
    wants(project, servers[0], *names, block=block, **defaults)
    manifest = json.loads((project.root / "assets.yaml").read_text("utf-8"))
    del manifest["backends"]["comfyui"]["url"]
    manifest["backends"]["comfyui"]["urls"] = [server.url for server in servers]
    project.manifest(json.dumps(manifest))


def makers(servers: Servers, name: str) -> list[ComfyServer]:
    """The servers that have made an image of this name, one for each time."""
    return [
        server
        for server in servers
        for prompt_id in server.executed
        if f'"{prompt_for(name)}"' in json.dumps(server.submitted[server.submitted_ids.index(prompt_id)])
    ]


def made_once(project: Project, servers: Servers, *names: str) -> None:
    """Each image is there, with the pixels that just one server drew for it, and was made once."""
    for name in names:
        (server,) = makers(servers, name)
        assert png.pixel_digest(project.png(target(name))) == drawn(server, prompt_for(name)), name


# Sharing


def test_two_servers_share_the_images(project: Project, servers: Servers) -> None:
    wants_of(project, servers, *NAMES)
    for server in servers:
        server.hold()
    with started(project, "run") as process:
        for server in servers:  # two of ours on each
            server.wait_until(lambda server=server: server.held and server.pending)
        for server in servers:
            server.release()
        ended(process).exits(0).says("8 made, 0 skipped, 0 failed")
    made_once(project, servers, *NAMES)
    for server in servers:
        assert server.max_queued_of(_client(server)) == 2
        assert not server.life.queue.history
        tidy(project, server)


def test_n_limits_the_whole(project: Project, servers: Servers) -> None:
    wants_of(project, servers, *NAMES[:3])
    servers[0].hold(), servers[1].hold()
    with started(project, "run", "-n", "2") as process:
        for server in servers:
            server.wait_until(lambda server=server: server.held)
        assert [server.pending for server in servers] == [[], []]
        servers[0].release(), servers[1].release()
        ended(process).exits(0).says("3 made")
    assert [server.max_queued_of(_client(server)) for server in servers] == [1, 1]


def test_the_environment_names_several(project: Project, servers: Servers) -> None:
    wants(project, "http://127.0.0.1:1", *NAMES[:4])
    project.run("run", COMFYUI_URLS=f"{servers[0].url}, {servers[1].url}").exits(0).says("4 made")
    made_once(project, servers, *NAMES[:4])


def test_the_same_server_twice_is_one(project: Project, server: ComfyServer) -> None:
    wants_of(project, [server, server], *NAMES[:4])
    server.hold()
    with started(project, "run", "-n", "8") as process:
        server.wait_until(lambda: server.held and server.pending)
        server.release()
        ended(process).exits(0)
    assert server.max_queued_of(_client(server)) == 2
    made_once(project, [server], *NAMES[:4])


def test_the_quicker_server_makes_more(project: Project) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"], work=0.5) as slow, \
         ComfyServer(checkpoints=["dream.safetensors"], work=0.02) as quick:  # fmt: skip
        names = [f"Kin-{number}" for number in range(24)]
        wants_of(project, [slow, quick], *names)
        project.run("run").exits(0).says("24 made")
        assert 1 <= len(slow.executed) < len(quick.executed) / 2
        made_once(project, [slow, quick], *names)


def test_the_one_that_others_use_is_spared(project: Project, servers: Servers) -> None:
    busy, idle = servers
    busy.hold()
    jobs = [others_job(busy, seed=seed) for seed in range(9)]
    wants_of(project, servers, *NAMES[:2])
    project.run("run").exits(0).says("2 made")
    assert (len(busy.submitted), len(idle.submitted)) == (9, 2)
    tidy(project, busy, *jobs)


def test_what_needs_the_same_models_sticks_together(project: Project) -> None:
    """Loading a model costs more than an image."""
    with contextlib.ExitStack() as stack:
        both = ["dream.safetensors", "ink.safetensors"]
        servers = [stack.enter_context(ComfyServer(checkpoints=both, work=0.05)) for _ in range(2)]
        names = [f"Kin-{number}" for number in range(16)]
        wants_of(project, servers, *names)
        for name in names[1::2]:
            changes(project, name, checkpoint="ink.safetensors")
        project.run("run").exits(0).says("16 made")
        made_once(project, servers, *names)
        loaded = 0
        for server in servers:
            kits = [_checkpoint(graph) for graph in server.submitted]
            loaded += sum(before != after for before, after in zip([None, *kits], kits, strict=False))
        assert loaded <= 5  # one each is the least; without sticking it would be about eight


# What a server can't do


def test_each_gets_what_it_can_do(project: Project) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"]) as one, ComfyServer(checkpoints=["ink.safetensors"]) as other:
        wants_of(project, [one, other], *NAMES)
        for name in NAMES[:3]:
            changes(project, name, checkpoint="ink.safetensors")
        project.run("run").exits(0).says("8 made")
        assert {_checkpoint(graph) for graph in one.submitted} == {"dream.safetensors"}
        assert {_checkpoint(graph) for graph in other.submitted} == {"ink.safetensors"}
        made_once(project, [one, other], *NAMES)


def test_what_no_server_can_do_is_refused(project: Project, servers: Servers) -> None:
    wants_of(project, servers, *NAMES[:3])
    changes(project, "Oswin", checkpoint="drem.safetensors")
    project.run("run").exits(3).says(
        "images:oswin", f'checkpoint "drem.safetensors" is not known to {servers[0].url} and {servers[1].url}',
        f'{servers[1].url}: it has "dream.safetensors"',
    )  # fmt: skip
    assert servers[0].submitted == servers[1].submitted == []


def test_what_each_lacks_is_said(project: Project) -> None:
    with ComfyServer(checkpoints=["dream.safetensors"]) as one, ComfyServer(checkpoints=["ink.safetensors"]) as other:
        del other.types["EmptyLatentImage"]
        wants_of(project, [one, other], "Mallsing", checkpoint="ink.safetensors")
        project.run("run").exits(3).says(
            "no server can make it", f'checkpoint "ink.safetensors" is not known to {one.url}',
            f'the node class "EmptyLatentImage" is not known to {other.url}',
        )  # fmt: skip


def test_a_number_beyond_the_server_s_bounds_is_refused(project: Project, server: ComfyServer) -> None:
    server.types["KSampler"] = sampler = copy.deepcopy(server.types["KSampler"])
    sampler["input"]["required"]["cfg"][1]["max"] = 30.0
    sampler["input"]["required"]["seed"][1]["max"] = 2**32 - 1
    wants(project, server, "Mallsing", "Brannick", "Oswin")
    changes(project, "Brannick", cfg=31)
    changes(project, "Oswin", seed=2**63)
    project.run("run").exits(3).says(
        "images:brannick", f"cfg 31 is more than the 30.0 that KSampler takes at {server.url}",
        "images:oswin", f"seed {2**63} is more than",
    ).says_not("mallsing")  # fmt: skip
    assert server.submitted == []


def test_a_seed_that_is_not_drawn_yet_is_no_trouble(project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES[:3], seed="random")
    project.run("run", timeout=20).exits(0).says("3 made")


def test_a_node_that_the_server_lacks_is_refused(project: Project, server: ComfyServer) -> None:
    wants(project, server, "Mallsing")
    del server.types["KSampler"]
    project.run("run").exits(3).says("images:mallsing", f'the node class "KSampler" is not known to {server.url}')
    assert server.submitted == []


# A server goes, or comes back


def test_a_server_that_goes_half_way_takes_nothing_with_it(project: Project, servers: Servers) -> None:
    stays, goes = servers
    wants_of(project, servers, *NAMES)
    goes.hold()
    stays.hold()
    with started(project, "run") as process:
        goes.wait_until(lambda: goes.held and goes.pending)
        stays.wait_until(lambda: stays.held and stays.pending)
        goes.close()
        stays.release()
        ended(process).exits(0).says("8 made, 0 skipped, 0 failed")
    assert goes.executed == []
    made_once(project, servers, *NAMES)
    tidy(project, stays)


def test_a_server_that_was_never_there_is_left_out(project: Project, server: ComfyServer) -> None:
    wants_of(project, [server], *NAMES)
    nobody = "http://127.0.0.1:1"
    project.edit(f'["{server.url}"]', f'["{nobody}", "{server.url}"]')
    project.run("run").exits(0).says("8 made", f"{nobody} is left out for now", "connection refused")
    made_once(project, [server], *NAMES)
    assert project.stray_files() == []


def test_one_that_hangs_is_left_out(project: Project, servers: Servers) -> None:
    hangs, works = servers
    hangs.faults.hang(times=None)
    wants_of(project, servers, *NAMES, block={"request_timeout": 0.5})
    project.run("run").exits(0).says("8 made", f"{hangs.url} is left out")
    made_once(project, [works], *NAMES)


def test_only_what_the_missing_server_could_do_fails(project: Project, servers: Servers) -> None:
    away, there = servers
    there.models["checkpoints"].remove("ink.safetensors")
    wants_of(project, servers, *NAMES[:3])
    changes(project, "Oswin", checkpoint="ink.safetensors")
    with away.faults.refuse():
        project.run("run").exits(1).says(
            "2 made, 0 skipped, 1 failed", "images:oswin", f'checkpoint "ink.safetensors" is not known to {there.url}',
            f"{away.url} does not answer",
        )  # fmt: skip
    made_once(project, servers, *NAMES[:2])
    not_made(project, "Oswin")


def test_no_server_of_several_answers(project: Project, servers: Servers) -> None:
    wants_of(project, servers, *NAMES[:2])
    with servers[0].faults.refuse(), servers[1].faults.refuse():
        project.run("run").exits(1).says(
            "0 made, 0 skipped, 2 failed", "no server answers", servers[0].url, servers[1].url, "3 attempts",
            "connection refused",
        )  # fmt: skip
    project.run("run").exits(0).says("2 made")


def test_a_server_comes_back(project: Project, servers: Servers) -> None:
    stays, returns = servers
    wants_of(project, servers, *NAMES)
    stays.hold()
    with contextlib.ExitStack() as outage, started(project, "run") as process:
        outage.enter_context(returns.faults.refuse())
        stays.wait_until(lambda: stays.held and stays.pending)
        outage.close()
        returns.wait_until(lambda: len(returns.executed) == len(NAMES) - 2, timeout=10)
        stays.release()
        ended(process).exits(0).says("8 made")
    made_once(project, servers, *NAMES)
    tidy(project, returns)


def test_what_was_left_behind_is_withdrawn_when_its_server_answers_again(project: Project, servers: Servers) -> None:
    stays, silent = servers
    names = NAMES[:4]
    wants_of(project, servers, *names, block={"request_timeout": 0.5})
    for server in servers:
        server.hold()
    with started(project, "run") as process:
        for server in servers:
            server.wait_until(lambda server=server: server.held and server.pending)
        left_behind = [silent.running, *silent.pending]
        silent.faults.html(times=None)  # its proxy is up, and nothing behind it
        stays.release(2)
        stays.wait_until(lambda: len(stays.submitted) == 4, timeout=15)
        silent.faults.clear()
        stays.release()
        ended(process).exits(0).says("4 made")
    assert set(left_behind) == set(silent.deleted)
    made_once(project, [stays], *names)
    tidy(project, silent)


def test_a_lost_prompt_goes_where_there_is_room(project: Project, servers: Servers) -> None:
    stays, restarts = servers
    wants_of(project, servers, *NAMES[:4])
    for server in servers:
        server.hold()
    with started(project, "run") as process:
        for server in servers:
            server.wait_until(lambda server=server: server.held and server.pending)
        restarts.faults.restart_and_forget()
        for server in servers:
            server.release()
        ended(process).exits(0).says("4 made")
    made_once(project, servers, *NAMES[:4])


def test_three_attempts_over_all_servers_together(project: Project, servers: Servers) -> None:
    wants_of(project, servers, "Mallsing")
    for server in servers:
        server.faults.lose_files(times=None)
    project.run("run").exits(1).says("images:mallsing", "3 attempts", "gone")
    assert sum(len(server.submitted) for server in servers) == 3
    not_made(project, "Mallsing")


def test_who_waits_sleeps(project: Project, server: ComfyServer) -> None:
    """Those who wait for a place do not wake each other without end."""
    resource = pytest.importorskip("resource", reason="Windows tells no process's times this way")
    wants(project, server, *NAMES)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    server.hold()
    with started(project, "run", "-n", "8", **project.unmeasured) as process:
        server.wait_until(lambda: server.held and server.pending)
        asked = len(server.requests)
        server.wait_until(lambda: len(server.requests) > asked + 40, timeout=20)  # some seconds of polling
        server.release()
        ended(process).exits(0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime < 2.0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that a test can send to one process")
@pytest.mark.parametrize("path", ["/object_info", "POST /prompt", "GET /history", "/view"])
def test_who_leaves_does_not_wait_for_a_server_that_hangs(path: str, project: Project, server: ComfyServer) -> None:
    wants(project, server, *NAMES[:3], block={"request_timeout": 60, "retries": 0})
    server.faults.hang(path, times=None)
    method, _, route = f"GET {path}".rpartition(" ")
    with started(project, "run") as process:
        server.wait_until(lambda: server.asked(method.split()[-1], route))
        process.send_signal(signal.SIGTERM)
        ended(process, timeout=15).exits(130).says_not("failed ")
    not_made(project, *NAMES[:3])


# Where they are


def test_addresses_are_told_once_and_the_environment_wins() -> None:
    block = {"urls": ["http://one:1/", "http://me:pass@two:2", "http://one:1"]}
    assert [one.url for one in addresses(block, {})] == ["http://one:1", "http://two:2"]
    assert [bool(one.headers) for one in addresses(block, {})] == [False, True]
    assert [one.url for one in addresses(block, {"COMFYUI_URL": "http://three"})] == ["http://three"]
    several = {"COMFYUI_URLS": " http://three,\thttp://four  http://three,"}
    assert [one.url for one in addresses(block, several)] == ["http://three", "http://four"]
    assert (count(block, {}), count(block, several), count({}, {})) == (2, 2, 1)
    assert [one.ws_url for one in addresses(block, {})] == ["ws://one:1/ws", "ws://two:2/ws"]


@pytest.mark.parametrize(
    ("block", "environ", "said"),
    [
        ({"url": "http://one", "urls": ["http://two"]}, {}, r"comfyui\.urls.*url too"),
        ({"urls": ["http://one", "http://two"], "ws_url": "ws://one/ws"}, {}, r"comfyui\.ws_url.*there are 2"),
        ({"urls": ["http://one", "two"]}, {}, r"comfyui\.urls\[1\]"),
        ({}, {"COMFYUI_URL": "http://one", "COMFYUI_URLS": "http://two"}, "COMFYUI_URLS.*COMFYUI_URL too"),
        ({"ws_url": "ws://one/ws"}, {"COMFYUI_URLS": "http://one http://two"}, "ws_url.*there are 2"),
        ({"urls": ["http://one", "http://two"]}, {"COMFYUI_WS_URL": "ws://x"}, "COMFYUI_WS_URL.*there are 2"),
    ],
)
def test_addresses_that_contradict_each_other(block: dict[str, Any], environ: dict[str, str], said: str) -> None:
    with pytest.raises(WrongInput, match=said):
        addresses(block, environ)


def test_one_socket_for_several_servers_is_told_offline(project: Project, servers: Servers) -> None:
    wants_of(project, servers, "Mallsing", block={"ws_url": "ws://127.0.0.1:1/ws"})
    project.run("validate").exits(3).says("backends.comfyui.ws_url", "there are 2")


def _client(server: ComfyServer) -> str:
    (client,) = {request.body["client_id"] for request in server.asked("POST", "/prompt")}
    return str(client)


def _checkpoint(graph: Mapping[str, Any]) -> str:
    (name,) = (node["inputs"]["ckpt_name"] for node in graph.values() if "ckpt_name" in node["inputs"])
    return str(name)
