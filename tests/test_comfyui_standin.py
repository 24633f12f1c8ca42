"""The stand-in for ComfyUI against recordings of a real one: the same situation must give the same messages.

With COMFYUI_URL set, a few of the same situations are replayed against the real server there.
"""

from __future__ import annotations

import io
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket
from PIL import Image

from tests.servers.comfyui import ComfyServer
from tests.servers.comfyui_pictures import Picture, encode
from tests.servers.comfyui_types import RECORDINGS, recorded

REAL = os.environ.get("COMFYUI_URL", "").rstrip("/")
TIMEOUT = 5  # seconds; nothing here should come near it
http = requests.Session()
http.trust_env = False  # no proxy on the way to loopback


@pytest.fixture
def server() -> Iterator[ComfyServer]:
    with ComfyServer() as running:
        yield running


@pytest.fixture
def every_class() -> Iterator[ComfyServer]:
    """With all of a real server's node classes."""
    with ComfyServer(whole=True, models={"loras": ["ink.safetensors"]}) as running:
        yield running


# Talking to a server


def get(url: str, path: str, **more: Any) -> requests.Response:
    return http.get(url + path, timeout=TIMEOUT, **more)


def post(url: str, path: str, body: Any) -> requests.Response:
    return http.post(url + path, json=body, timeout=TIMEOUT)


def upload(url: str, name: str, data: bytes) -> None:
    """Put a file into the inputs' folder `imagegen`."""
    form = {"subfolder": "imagegen", "overwrite": "true"}
    http.post(url + "/upload/image", files={"image": (name, data)}, data=form, timeout=TIMEOUT).raise_for_status()


def connect(url: str, client: str, **more: Any) -> Any:
    more = {"suppress_origin": True, "timeout": TIMEOUT} | more
    return websocket.create_connection(f"{url.replace('http', 'ws', 1)}/ws?clientId={client}", **more)


def message(socket: Any) -> dict[str, Any]:
    """The next message, as the recordings note it."""
    said = socket.recv()
    if isinstance(said, bytes):
        return {"binary": len(said), "head": said[:8].hex()}
    return dict(json.loads(said))


def until_done(socket: Any) -> list[dict[str, Any]]:
    """All messages up to the last of a job."""
    messages = [message(socket)]
    while messages[-1].get("type") != "executing" or messages[-1]["data"]["node"] is not None:
        messages.append(message(socket))
    return messages


def replay(url: str, graph: Any, meanwhile: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Submit a graph, and note what the recordings note; `meanwhile` acts after the answer."""
    client = uuid.uuid4().hex
    socket = connect(url, client)
    messages = [message(socket)]
    answer = post(url, "/prompt", {"prompt": graph, "client_id": client})
    body = answer.json()
    history = {}
    if answer.status_code == 200:
        meanwhile(body["prompt_id"])
        messages += until_done(socket)
        history = get(url, f"/history/{body['prompt_id']}").json()
    else:
        messages = []
    socket.close()
    return {"post": {"status": answer.status_code, "body": body}, "websocket": messages, "history": history}


def submit(server: ComfyServer, graph: Any, **more: Any) -> str:
    """Submit a graph; the prompt id."""
    return str(post(server.url, "/prompt", {"prompt": graph, **more}).json()["prompt_id"])


def finish(server: ComfyServer, graph: Any, **more: Any) -> dict[str, Any]:
    """Submit a graph, and wait for its history entry."""
    prompt_id = submit(server, graph, **more)
    server.wait_until(lambda: server.entry(prompt_id))
    return dict(get(server.url, f"/history/{prompt_id}").json()[prompt_id])


def images_of(entry: dict[str, Any]) -> list[dict[str, str]]:
    return [image for output in entry["outputs"].values() for image in output["images"]]


def picture(server: ComfyServer, entry: dict[str, Any]) -> Image.Image:
    """The first picture of a history entry."""
    answer = get(server.url, "/view", params=images_of(entry)[0])
    assert answer.status_code == 200, answer
    return Image.open(io.BytesIO(answer.content))


# Graphs


def txt2img(**changes: Any) -> dict[str, Any]:
    """The recorded graph; `changes`: values of inputs by name, wherever they are."""
    graph = next(iter(recorded("txt2img")["history"].values()))["prompt"][2]
    for node in graph.values():
        node["inputs"] |= {name: value for name, value in changes.items() if name in node["inputs"]}
    return dict(graph)


def one_colour(color: int = 255, prefix: str = "dup", batch_size: int = 1, size: int = 64) -> dict[str, Any]:
    inputs = {"width": size, "height": size, "batch_size": batch_size, "color": color}
    return {
        "1": {"class_type": "EmptyImage", "inputs": inputs},
        "2": {"class_type": "SaveImage", "inputs": {"filename_prefix": prefix, "images": ["1", 0]}},
    }


def with_lora(name: str) -> dict[str, Any]:
    graph = txt2img()
    inputs = {
        "lora_name": name,
        "strength_model": 1.0,
        "strength_clip": 1.0,
        "model": ["1", 0],
        "clip": ["1", 1],
    }
    graph["8"] = {"class_type": "LoraLoader", "inputs": inputs}
    graph["5"]["inputs"]["model"] = ["8", 0]
    return graph


def without(graph: dict[str, Any], node: str, *inputs: str) -> dict[str, Any]:
    if not inputs:
        del graph[node]
    for name in inputs:
        del graph[node]["inputs"][name]
    return graph


# Against the recordings


def alike(recording: dict[str, Any]) -> Any:
    """A recording with all that is free to differ made the same: ids, times, numbers, tracebacks, sizes."""
    body = recording["post"]["body"]
    text = json.dumps({part: recording[part] for part in ("post", "websocket", "history")})
    if recording["websocket"]:
        text = text.replace(recording["websocket"][0]["data"]["sid"], "<client>")
        text = text.replace(body["prompt_id"], "<prompt>")
    return json.loads(text, object_hook=_alike)


def _alike(value: dict[str, Any]) -> dict[str, Any]:
    for name in value.keys() & {"timestamp", "number", "traceback", "binary"}:
        value[name] = type(value[name]).__name__
    for name in value.keys() & {"executed", "current_outputs"}:  # Python sets at the real server
        value[name].sort()
    if isinstance(value.get("prompt"), list):  # a history entry
        value["prompt"][0] = "number"
    return value


def situation(name: str, server: ComfyServer) -> dict[str, Any]:
    """Bring the server into the situation of a recording, and do what was recorded."""
    graph = next(iter(recorded(name)["history"].values()))["prompt"][2]
    if name in ("txt2img-cached", "cached-file-deleted", "save-image-websocket-cached"):
        finish(server, graph)
    if name == "cached-file-deleted":
        assert server.files.delete("imagegen_00001_.png") == 1
    if name == "save-image-websocket":  # the job before it had another size
        finish(server, txt2img(width=256, height=256))
    if name == "image-to-image":
        upload(server.url, "start.png", encode(Picture(100, 60, "start")))
        server.files.write("output", "", "imagegen_00007_.png", b"")  # of earlier jobs, as in the next
    if name == "custom-sampler":
        server.files.write("output", "", "imagegen_00008_.png", b"")
    if name == "subfolder":  # the job before it had another seed
        finish(server, txt2img(seed=122))
    if name != "interrupted":
        return replay(server.url, graph)

    def interrupt(prompt_id: str) -> None:
        server.wait_until(lambda: server.held == prompt_id)
        post(server.url, "/interrupt", {"prompt_id": prompt_id})

    server.hold()
    return replay(server.url, graph, interrupt)


RUNS = [
    *("txt2img", "txt2img-cached", "emptyimage", "subfolder", "interrupted", "exec-error"),
    *("cached-file-deleted", "save-image-websocket", "save-image-websocket-cached"),
]


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_told_as_recorded(server: ComfyServer, name: str) -> None:
    told_as_recorded(server, name)


@pytest.mark.parametrize("name", ["image-to-image", "custom-sampler"])
def test_a_run_of_other_classes_is_told_as_recorded(every_class: ComfyServer, name: str) -> None:
    told_as_recorded(every_class, name)


def told_as_recorded(server: ComfyServer, name: str) -> None:
    mine, real = alike(situation(name, server)), alike(recorded(name))
    assert [said.get("type", "binary") for said in mine["websocket"]] == [
        said.get("type", "binary") for said in real["websocket"]
    ]
    assert lines(mine) == lines(real)


def lines(value: Any) -> list[str]:
    """As JSON, which tells 1 from 1.0 and from true."""
    return json.dumps(value, indent=1, sort_keys=True).splitlines()


REFUSALS: dict[str, Callable[[], Any]] = {
    "bad-ckpt": lambda: txt2img(ckpt_name="nope.safetensors"),
    "bad-sampler": lambda: txt2img(sampler_name="foo"),
    "bad-node": lambda: txt2img() | {"5": {"class_type": "Nope", "inputs": {}}},
    "missing-denoise": lambda: without(txt2img(), "5", "denoise"),
    "missing-lora": lambda: with_lora("ink.safetensors"),
    "no-output": lambda: without(txt2img(), "7"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_worded_as_recorded(server: ComfyServer, name: str) -> None:
    said = replay(server.url, REFUSALS[name]())
    assert lines(said) == lines({part: value for part, value in recorded(name).items() if part != "what"})
    assert not server.submitted


def test_a_picture_that_is_not_there_is_refused_as_recorded(every_class: ComfyServer) -> None:
    graph = next(iter(recorded("image-to-image")["history"].values()))["prompt"][2]
    graph["8"]["inputs"]["image"] = "imagegen/gone.png"
    assert lines(replay(every_class.url, graph)["post"]) == lines(recorded("missing-image")["post"])


def test_nodes_run_in_the_order_in_which_a_real_server_ran_them(server: ComfyServer) -> None:
    graph = txt2img()
    graph |= {"10": one_colour(1)["1"], "14": {"class_type": "PreviewImage", "inputs": {"images": ["13", 0]}}}
    graph["11"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["10", 0], "vae": ["1", 2]}}
    graph["12"] = {"class_type": "KSampler", "inputs": graph["5"]["inputs"] | {"latent_image": ["11", 0]}}
    graph["13"] = {"class_type": "VAEDecode", "inputs": {"samples": ["12", 0], "vae": ["1", 2]}}
    graph["15"] = {"class_type": "PreviewImage", "inputs": {"images": ["6", 0]}}
    graph |= {"17": one_colour()["1"], "18": {"class_type": "PreviewImage", "inputs": {"images": ["17", 0]}}}
    said = replay(server.url, graph)["websocket"]
    ran = [each["data"]["node"] for each in said if each["type"] == "executing"]
    assert ran == ["17", "18", "1", "4", "3", "2", "5", "6", "7", "15", "10", "11", "12", "13", "14", None]


def test_the_deleted_file_of_a_cached_job_is_not_found(server: ComfyServer) -> None:
    entry = finish(server, one_colour())
    assert server.faults.lose_file() == 1
    again = finish(server, one_colour())
    assert images_of(again) == images_of(entry)
    assert get(server.url, "/view", params=images_of(again)[0]).status_code == 404
    assert server.pictures_made == 1
    assert len(server.executed) == 2


def test_object_info_and_system_stats_are_the_recorded_ones(server: ComfyServer) -> None:
    types = recorded("object_info")
    assert get(server.url, "/object_info").json() == types
    assert get(server.url, "/object_info/KSampler").json() == {"KSampler": types["KSampler"]}
    assert get(server.url, "/object_info/Nope").json() == {}
    assert get(server.url, "/system_stats").json() == recorded("system_stats")


def test_a_picture_is_laid_out_as_the_recorded_one(server: ComfyServer) -> None:
    real = (RECORDINGS / "output.png").read_bytes()
    graph = json.loads(Image.open(io.BytesIO(real)).info["prompt"])
    image = images_of(finish(server, graph))[0]
    answer = get(server.url, "/view", params=image)
    assert answer.headers["Content-Type"] == "image/png"
    assert chunks(answer.content) == chunks(real)
    mine = Image.open(io.BytesIO(answer.content))
    assert (mine.size, mine.mode, mine.info) == ((64, 64), "RGB", Image.open(io.BytesIO(real)).info)


def chunks(png: bytes) -> list[bytes]:
    kinds, at = [], 8
    while at < len(png):
        kinds.append(png[at + 4 : at + 8])
        at += 12 + struct.unpack(">I", png[at : at + 4])[0]
    return kinds


@pytest.mark.skipif(not REAL, reason="COMFYUI_URL is not set")
class TestTheRealServer:
    """It still does what was recorded of it, so far as a strange server's state lets one compare."""

    def test_a_run_has_the_recorded_shape(self) -> None:
        mark = uuid.uuid4().hex
        said = alike(replay(REAL, one_colour(int(mark[:6], 16), f"imagegen-standin-test/{mark}")))
        assert shape(said) == shape(alike(recorded("emptyimage")))

    @pytest.mark.parametrize("name", ["bad-node", "no-output"])
    def test_a_refusal_is_worded_as_recorded(self, name: str) -> None:
        assert replay(REAL, REFUSALS[name]())["post"] == recorded(name)["post"]

    def test_its_stats_have_the_recorded_shape(self) -> None:
        real, kept = get(REAL, "/system_stats").json(), recorded("system_stats")
        del real["system"]["argv"], kept["system"]["argv"]
        assert shape(real) == shape(kept)


def shape(value: Any) -> Any:
    """Keys and types; `status` messages, which speak of everybody's jobs, left out."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value if not isinstance(inner, dict) or inner.get("type") != "status"]
    return type(value).__name__


# Beyond the recordings: what a real 0.3.64 was seen to do


def test_every_route_is_also_under_api(server: ComfyServer) -> None:
    assert get(server.url, "/api/queue").json() == {"queue_running": [], "queue_pending": []}
    assert get(server.url, "/api/models/checkpoints").json() == ["tiny-random.safetensors"]
    assert get(server.url, "/features").json()["max_upload_size"] == 104857600
    assert get(server.url, "/models/nope").status_code == 404
    assert get(server.url, "/nope").status_code == 404
    assert post(server.url, "/history/x", {}).status_code == 405


def test_a_strange_origin_is_refused(server: ComfyServer) -> None:
    assert get(server.url, "/queue", headers={"Origin": "http://evil.example"}).status_code == 403
    assert get(server.url, "/queue", headers={"Origin": server.url}).status_code == 200
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        connect(server.url, "a", suppress_origin=False, origin="http://evil.example")


def test_it_can_sit_under_a_path_and_want_a_header() -> None:
    with ComfyServer(base_path="/comfy", required_header=("Authorization", "Bearer x")) as server:
        assert server.url.endswith("/comfy")
        assert get(server.url, "/queue").status_code == 401
        assert get(server.url, "/queue", headers={"Authorization": "Bearer x"}).status_code == 200
        assert (
            get(server.url.removesuffix("/comfy"), "/queue", headers={"Authorization": "Bearer x"}).status_code == 404
        )


def test_broken_json_is_a_500_with_a_plain_body(server: ComfyServer) -> None:
    answer = http.post(server.url + "/prompt", data="{nope", timeout=TIMEOUT)
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "text/plain; charset=utf-8")


def test_an_id_posted_twice_runs_twice(server: ComfyServer) -> None:
    server.hold()
    mine = str(uuid.uuid4())
    assert submit(server, one_colour(1), prompt_id=mine) == mine
    assert submit(server, one_colour(2), prompt_id=mine) == mine
    server.release()
    server.wait_until(lambda: server.executed == [mine, mine])


def test_an_old_server_draws_its_own_id() -> None:
    with ComfyServer(takes_prompt_id=False) as server:
        mine = str(uuid.uuid4())
        assert submit(server, one_colour(), prompt_id=mine) != mine


def test_a_newer_server_wants_a_uuid_and_names_a_missing_class() -> None:
    with ComfyServer(newer=True) as server:
        answer = post(server.url, "/prompt", {"prompt": one_colour(), "prompt_id": "mine"})
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_prompt_id")
        answer = post(server.url, "/prompt", {"prompt": REFUSALS["bad-node"]()})
        assert answer.json()["error"]["extra_info"] == {"node_id": "5", "class_type": "Nope"}


def test_waiting_jobs_can_be_withdrawn_and_leave_no_history(server: ComfyServer) -> None:
    server.hold()
    first, second, third = (submit(server, one_colour(number), client_id="me") for number in range(3))
    server.wait_until(lambda: server.held == first)
    queue = get(server.url, "/queue").json()
    assert [job[1] for job in queue["queue_running"]] == [first]
    assert [job[1] for job in queue["queue_pending"]] == [second, third]
    assert queue["queue_pending"][0][2:] == [one_colour(1), {"client_id": "me"}, ["2"]]
    post(server.url, "/queue", {"delete": [second]})
    assert server.pending == [third]
    post(server.url, "/queue", {"clear": True})
    assert server.pending == []
    server.release()
    server.wait_until(lambda: server.executed == [first])
    assert get(server.url, f"/history/{second}").json() == {}
    assert (server.deleted, server.clearances, server.max_queued_of("me")) == ([second], 1, 3)


def test_an_interrupt_for_another_job_stops_nothing(server: ComfyServer) -> None:
    server.hold()
    running = submit(server, one_colour())
    server.wait_until(lambda: server.held)
    post(server.url, "/interrupt", {"prompt_id": "another"})
    assert server.held == running
    server.release()
    server.wait_until(lambda: server.executed == [running])
    assert server.interrupts == ["another"]


def test_history_can_be_cut_and_deleted(server: ComfyServer) -> None:
    ids = [submit(server, one_colour(number)) for number in range(3)]
    server.wait_until(lambda: server.executed == ids)
    assert list(get(server.url, "/history?max_items=2").json()) == ids[1:]
    post(server.url, "/history", {"delete": [ids[0]]})
    assert list(get(server.url, "/history").json()) == ids[1:]


def test_who_reconnects_hears_only_the_current_node(server: ComfyServer) -> None:
    server.hold()
    first = connect(server.url, "me")
    submit(server, txt2img(), client_id="me")
    server.wait_until(lambda: server.held)
    first.close()
    server.wait_until(lambda: not server.sockets.clients)
    again = connect(server.url, "me")
    assert message(again)["data"]["status"] == {"exec_info": {"queue_remaining": 1}}
    assert message(again) == {"type": "executing", "data": {"node": "5"}}
    server.release()
    assert until_done(again)[-3]["type"] == "execution_success"
    again.close()


def test_a_second_socket_goes_deaf_when_the_first_closes(server: ComfyServer) -> None:
    first, second = connect(server.url, "me"), connect(server.url, "me")
    message(second)
    server.wait_until(lambda: server.sockets.clients == ["me"])
    first.close()
    server.wait_until(lambda: server.sockets.clients == [])
    second.ping()
    opcode, _ = second.recv_data(control_frame=True)
    assert opcode == websocket.ABNF.OPCODE_PONG  # it is open all the same
    second.close()


def test_a_job_without_a_client_tells_everyone_its_progress_only(server: ComfyServer) -> None:
    socket = connect(server.url, "bystander")
    prompt_id = submit(server, one_colour())
    said = [message(socket) for _ in range(8)]
    assert [each["type"] for each in said] == ["status"] * 3 + ["progress_state"] * 4 + ["status"]
    assert said[3]["data"]["prompt_id"] == prompt_id
    socket.close()


def test_the_cache_reaches_back_one_job(server: ComfyServer) -> None:
    for color in (1, 2, 1):
        finish(server, one_colour(color))
    assert server.pictures_made == 3
    finish(server, one_colour(1))
    assert server.pictures_made == 3


def test_pixels_follow_from_the_graph_and_not_from_the_prefix(server: ComfyServer) -> None:
    first = picture(server, finish(server, txt2img(filename_prefix="a")))
    second = picture(server, finish(server, txt2img(filename_prefix="b/c")))
    other = picture(server, finish(server, txt2img(seed=2)))
    assert first.tobytes() == second.tobytes() != other.tobytes()
    assert server.files.names("output") == ["a_00001_.png", "b/c_00001_.png", "imagegen_00001_.png"]
    with ComfyServer() as elsewhere:
        assert picture(elsewhere, finish(elsewhere, txt2img())).tobytes() == first.tobytes()


def test_sizes_batches_colours_and_previews(server: ComfyServer) -> None:
    assert picture(server, finish(server, txt2img(width=200, height=96))).size == (200, 96)
    entry = finish(server, one_colour(0x102030, batch_size=2))
    assert [image["filename"] for image in images_of(entry)] == ["dup_00001_.png", "dup_00002_.png"]
    assert picture(server, entry).getpixel((63, 63)) == (0x10, 0x20, 0x30)
    preview = one_colour() | {"2": {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}}
    assert images_of(finish(server, preview))[0]["type"] == "temp"


def test_an_upload_is_kept_and_can_be_painted_over(server: ComfyServer) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 24), "red").save(buffer, "PNG")

    def upload(data: bytes, **fields: str) -> Any:
        files = {"image": ("a.png", data, "image/png")}
        return http.post(server.url + "/upload/image", files=files, data=fields, timeout=TIMEOUT).json()

    assert upload(buffer.getvalue(), subfolder="s") == {"name": "a.png", "subfolder": "s", "type": "input"}
    assert upload(b"other\r\n--bytes", subfolder="s")["name"] == "a (1).png"
    assert upload(buffer.getvalue(), subfolder="s")["name"] == "a.png"
    assert server.files.read("input", "s", "a (1).png") == b"other\r\n--bytes"
    graph = txt2img(denoise=0.5)
    graph["4"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["9", 0], "vae": ["1", 2]}}
    graph["9"] = {"class_type": "LoadImage", "inputs": {"image": "s/a.png"}}
    assert picture(server, finish(server, graph)).size == (40, 24)
    graph["9"]["inputs"]["image"] = "s/none.png"
    refused = post(server.url, "/prompt", {"prompt": graph}).json()
    assert refused["node_errors"]["9"]["errors"][0]["details"] == "image - Invalid image file: s/none.png"


def test_one_bad_output_of_two_is_a_success_with_errors(server: ComfyServer) -> None:
    graph = one_colour() | {"3": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x"}}}
    answer = post(server.url, "/prompt", {"prompt": graph})
    assert (answer.status_code, list(answer.json()["node_errors"])) == (200, ["3"])


def test_classes_and_models_can_be_added() -> None:
    scale = {
        "input": {"required": {"image": ["IMAGE"], "width": ["INT", {}], "height": ["INT", {}]}},
        "output": ["IMAGE"],
        "output_node": False,
        "name": "ImageScale",
    }
    with ComfyServer(models={"loras": ["ink.safetensors"]}, nodes={"ImageScale": scale}) as server:
        graph = with_lora("ink.safetensors")
        graph["9"] = {"class_type": "ImageScale", "inputs": {"image": ["6", 0], "width": 32, "height": 16}}
        graph["7"]["inputs"]["images"] = ["9", 0]
        assert picture(server, finish(server, graph)).size == (32, 16)


def test_many_clients_at_once_lose_nothing(server: ComfyServer) -> None:
    def run(client: int) -> None:
        socket = connect(server.url, str(client))
        for number in range(5):
            post(server.url, "/prompt", {"prompt": one_colour(100 * client + number), "client_id": str(client)})
            until_done(socket)
        socket.close()

    threads = [threading.Thread(target=run, args=(client,)) for client in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(server.executed)) == server.pictures_made == 30
    assert {server.max_queued_of(str(client)) for client in range(6)} == {1}


# Faults


def test_refused_connections(server: ComfyServer) -> None:
    socket = connect(server.url, "me")
    message(socket)
    with server.faults.refuse():
        with pytest.raises(requests.ConnectionError):
            get(server.url, "/queue")
        with pytest.raises((websocket.WebSocketException, OSError)):
            message(socket)
    assert get(server.url, "/queue").status_code == 200
    server.faults.refuse(seconds=0.05)
    with pytest.raises(requests.ConnectionError):
        get(server.url, "/queue")


def test_a_hanging_request(server: ComfyServer) -> None:
    server.faults.hang("/prompt")
    with pytest.raises(requests.ReadTimeout):
        http.post(server.url + "/prompt", json={"prompt": one_colour()}, timeout=0.05)
    assert get(server.url, "/queue").status_code == 200
    assert server.faults.armed == []
    server.faults.clear()


def test_a_late_and_a_dropped_answer(server: ComfyServer) -> None:
    server.faults.delay("/queue", seconds=0.05)
    started = time.perf_counter()
    assert get(server.url, "/queue").status_code == 200
    assert time.perf_counter() - started > 0.04
    server.faults.drop("/queue")
    with pytest.raises(requests.ConnectionError):
        get(server.url, "/queue")


def test_other_answers(server: ComfyServer) -> None:
    server.faults.answer("POST /prompt", 500, {"error": "broken"}, times=2)
    assert get(server.url, "/prompt").status_code == 200
    server.faults.html("/history", status=200)
    server.faults.answer("/models", 302, headers={"Location": "http://elsewhere.example/"})
    assert [post(server.url, "/prompt", {"prompt": one_colour()}).status_code for _ in range(3)] == [
        500,
        500,
        200,
    ]
    page = get(server.url, "/history/some-id")
    assert page.headers["Content-Type"].startswith("text/html")
    assert get(server.url, "/models/loras", allow_redirects=False).headers["Location"].endswith("example/")
    assert len(server.submitted) == 1


def test_a_lost_answer_leaves_the_job_in_the_queue(server: ComfyServer) -> None:
    server.faults.lose_answer()
    mine = str(uuid.uuid4())
    with pytest.raises(requests.ConnectionError):
        submit(server, one_colour(), prompt_id=mine)
    server.wait_until(lambda: server.executed == [mine])


def test_a_job_queued_twice(server: ComfyServer) -> None:
    server.faults.do_twice()
    mine = submit(server, one_colour(), prompt_id=str(uuid.uuid4()))
    server.wait_until(lambda: server.executed == [mine, mine])


def test_a_restart_forgets_queue_history_and_the_running_job(server: ComfyServer) -> None:
    done = submit(server, one_colour())
    server.wait_until(lambda: server.executed == [done])
    server.hold()
    socket = connect(server.url, "me")
    running, _ = submit(server, txt2img(), client_id="me"), submit(server, txt2img(seed=2), client_id="me")
    server.wait_until(lambda: server.held == running)
    server.faults.restart_and_forget()
    with pytest.raises((websocket.WebSocketException, OSError)):
        until_done(socket)
    server.release()
    assert get(server.url, "/queue").json() == {"queue_running": [], "queue_pending": []}
    assert get(server.url, "/history").json() == {}
    assert server.files.names("output") == ["dup_00001_.png"]
    assert post(server.url, "/prompt", {"prompt": one_colour()}).json()["number"] == 0
    server.wait_until(lambda: len(server.executed) == 2)
    assert running not in server.executed
    server.faults.restart_and_forget(down=0.05)
    with pytest.raises(requests.ConnectionError):
        get(server.url, "/queue")


def test_dropped_refused_and_silent_sockets(server: ComfyServer) -> None:
    socket = connect(server.url, "me")
    message(socket)
    assert server.faults.drop_sockets() == 1
    with pytest.raises((websocket.WebSocketException, OSError)):
        message(socket)
    server.faults.refuse_sockets(500, times=1)
    with pytest.raises(websocket.WebSocketBadStatusException, match="500"):
        connect(server.url, "me")
    server.faults.silent_sockets()
    socket = connect(server.url, "me", timeout=0.05)
    finish(server, one_colour(), client_id="me")
    with pytest.raises(websocket.WebSocketTimeoutException):
        message(socket)
    server.faults.clear()
    server.faults.drop_sockets_every(0.02)
    socket.settimeout(TIMEOUT)
    with pytest.raises((websocket.WebSocketException, OSError)):
        message(socket)
    server.faults.clear()


def test_noise_and_repetition_on_sockets(server: ComfyServer) -> None:
    socket = connect(server.url, "me")
    message(socket)
    server.faults.noisy_sockets()
    finish(server, one_colour(), client_id="me")
    heard = [socket.recv() for _ in range(60)]
    assert "not JSON at all" in heard
    assert any("somebody_else" in str(said) for said in heard)
    socket.close()
    server.faults.clear()
    server.faults.duplicate_messages()
    socket = connect(server.url, "me")
    assert message(socket) == message(socket)
    server.faults.clear()
    server.faults.say("hello?")
    assert socket.recv() == "hello?"
    socket.close()


def test_errors_of_nodes(server: ComfyServer) -> None:
    server.faults.out_of_memory()
    entry = finish(server, txt2img())
    event, error = entry["status"]["messages"][-1]
    assert (event, error["node_type"], error["exception_type"]) == (
        "execution_error",
        "KSampler",
        "torch.OutOfMemoryError",
    )
    assert entry["outputs"] == {}
    assert finish(server, txt2img())["status"]["status_str"] == "success"
    server.faults.node_errors_with_success()
    answer = post(server.url, "/prompt", {"prompt": one_colour()})
    assert answer.status_code == 200
    assert answer.json()["node_errors"]


def test_somebody_else_interrupts_and_withdraws(server: ComfyServer) -> None:
    server.faults.interrupt_jobs()
    entry = finish(server, txt2img())
    assert entry["status"]["messages"][-1][0] == "execution_interrupted"
    server.hold()
    running, waiting = submit(server, txt2img()), submit(server, one_colour())
    server.wait_until(lambda: server.held == running)
    assert server.faults.delete_pending() == [waiting]
    server.faults.interrupt()
    server.wait_until(lambda: server.entry(running))
    assert (server.executed, server.interrupts, server.deleted) == ([], [], [])


def test_unusual_outputs(server: ComfyServer) -> None:
    server.faults.temp_only()
    assert images_of(finish(server, one_colour(1)))[0]["type"] == "temp"
    server.faults.several_outputs(3)
    assert len(images_of(finish(server, one_colour(2)))) == 3
    server.faults.no_outputs()
    entry = finish(server, one_colour(3))
    assert (entry["outputs"], entry["status"]["status_str"]) == ({}, "success")
    server.faults.null_status()
    assert finish(server, one_colour(4))["status"] is None
    server.faults.lose_files()
    image = images_of(finish(server, one_colour(5)))[0]
    assert get(server.url, "/view", params=image).status_code == 404


def test_spoilt_pictures(server: ComfyServer) -> None:
    entry = finish(server, one_colour())
    whole = get(server.url, "/view", params=images_of(entry)[0]).content
    server.faults.wrong_size(32, 48)
    assert picture(server, entry).size == (32, 48)
    server.faults.truncated_png()
    with pytest.raises((OSError, SyntaxError)):
        picture(server, entry).load()
    server.faults.bad_crc()
    with pytest.raises((OSError, SyntaxError)):
        picture(server, entry).verify()
    server.faults.html("/view")
    assert get(server.url, "/view", params=images_of(entry)[0]).content.startswith(b"<!DOCTYPE")
    server.faults.cut_download(after=50)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        get(server.url, "/view", params=images_of(entry)[0])
    assert get(server.url, "/view", params=images_of(entry)[0]).content == whole


def test_holding_lets_go_of_one_job_at_a_time(server: ComfyServer) -> None:
    server.hold()
    first, second = submit(server, one_colour(1)), submit(server, one_colour(2))
    server.wait_until(lambda: server.held == first)
    server.release(jobs=1)
    server.wait_until(lambda: server.held == second)
    assert server.executed == [first]
    server.release()
    server.wait_until(lambda: server.executed == [first, second])


def test_previews_come_as_jpeg_frames() -> None:
    with ComfyServer(previews=True) as server:
        frames = [said for said in replay(server.url, txt2img())["websocket"] if "binary" in said]
        assert [frame["head"] for frame in frames] == ["0000000100000001"] * 2


def test_as_a_program_it_prints_its_url_and_dies_when_killed() -> None:
    command = [sys.executable, "-m", "tests.servers.comfyui", "--checkpoints", "a.safetensors,b.safetensors"]
    top = Path(__file__).parent.parent
    with subprocess.Popen(command, cwd=top, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        url = program.stdout.readline().strip()
        assert get(url, "/models/checkpoints").json() == ["a.safetensors", "b.safetensors"]
        program.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        program.wait(TIMEOUT)
    with pytest.raises(requests.ConnectionError):
        get(url, "/queue")
