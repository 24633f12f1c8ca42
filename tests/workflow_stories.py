"""What the stories about workflows and references share: graphs with models that the stand-in server has, the
project that uses them, and what was sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imagegen.backends.comfyui.workflow.api import Graph, Node
from tests.comfyui_stories import QUICK
from tests.conftest import Project
from tests.drawn_workflows import Drawing
from tests.servers.comfyui import ComfyServer
from tests.workflow_graphs import node, text_to_image

PLAIN = "workflows/plain.json"
NOBODY = "http://127.0.0.1:9"
"""Where nobody answers."""
SIGNED = "prefix of this submission"


def comfy() -> ComfyServer:
    """A stand-in with every node class of a 0.3.64."""
    loras = ["ink.safetensors", "moss.safetensors", "style/woodcut.safetensors"]
    return ComfyServer(whole=True, models={"checkpoints": ["dream.safetensors", "ink.safetensors"], "loras": loras})


def plain(**changed: Any) -> Graph:
    """Text to image in API format; ``changed`` are values of inputs by name, wherever they are."""
    graph = text_to_image()
    for one in graph.values():
        given = {"ckpt_name": "dream.safetensors", **changed}
        one["inputs"].update({name: value for name, value in given.items() if name in one["inputs"]})
    return graph


def referring(count: int = 2, **changed: Any) -> Graph:
    """``plain`` with so many references in a row, nodes 11, 21, 31 …, each with an example of its own."""
    graph = plain(**changed)
    last = "2"
    for number in range(1, count + 1):
        load, encode, refer = (f"{number}{part}" for part in (1, 2, 3))
        graph[load] = node("LoadImage", f"Reference {number}", image="example.png")
        graph[encode] = node("VAEEncode", pixels=[load, 0], vae=["1", 2])
        graph[refer] = node("ReferenceLatent", conditioning=[last, 0], latent=[encode, 0])
        last = refer
    graph["5"]["inputs"]["positive"] = [last, 0]
    return graph


def with_lora(*names: str) -> Graph:
    """``plain`` with these LoRAs in a row, nodes 31, 32 …"""
    graph = plain()
    last = "1"
    for number, name in enumerate(names, 31):
        graph[str(number)] = node(
            "LoraLoader", model=[last, 0], clip=[last, 1], lora_name=name, strength_model=0.5, strength_clip=0.5
        )
        last = str(number)
    graph["5"]["inputs"]["model"] = [last, 0]
    graph["2"]["inputs"]["clip"] = graph["3"]["inputs"]["clip"] = [last, 1]
    return graph


def drawn(prompt: str = "a mouse") -> dict[str, Any]:
    """``plain`` as ComfyUI's page saves it; its texts are nodes 2 and 3, its sampler is node 5."""
    page = Drawing()
    checkpoint = page.add("CheckpointLoaderSimple", "dream.safetensors")
    positive, negative = page.add("CLIPTextEncode", prompt), page.add("CLIPTextEncode", "text")
    size = page.add("EmptyLatentImage", 64, 64, 1)
    sampler = page.add("KSampler", 1, "randomize", 2, 7.0, "euler", "normal", 1.0)
    decoder = page.add("VAEDecode")
    save = page.add("SaveImage", "a")
    for text in (positive, negative):
        page.link(checkpoint, text, "clip", 1)
    page.link(checkpoint, sampler, "model")
    page.link(positive, sampler, "positive")
    page.link(negative, sampler, "negative")
    page.link(size, sampler, "latent_image")
    page.link(sampler, decoder, "samples")
    page.link(checkpoint, decoder, "vae", 2)
    page.link(decoder, save, "images")
    return page.saved()


def put(project: Project, graph: Mapping[str, Any], name: str = PLAIN, **layout: Any) -> Path:
    """A workflow's file."""
    return project.write(name, json.dumps(graph, **layout))


def wants(
    project: Project,
    server: ComfyServer | str,
    *items: Mapping[str, Any] | str,
    block: Mapping[str, Any] | None = None,
    jobs: Mapping[str, Sequence[Mapping[str, Any] | str]] | None = None,
    **defaults: Any,
) -> None:
    """A manifest: ``items`` of the job ``images``, or several ``jobs``; ``block`` adds to the server's settings."""
    url = server if isinstance(server, str) else server.url
    manifest: dict[str, Any] = {"backends": {"comfyui": {"url": url, **QUICK, **(block or {})}}, "defaults": defaults}
    if jobs:
        manifest["jobs"] = {name: {"items": list(one)} for name, one in jobs.items()}
    else:
        manifest["items"] = list(items)
    project.manifest(json.dumps(manifest, ensure_ascii=False, indent=1))


def sent(server: ComfyServer, number: int = -1) -> Graph:
    """A graph that was queued: the last, or that number."""
    return server.submitted[number]


def of_class(graph: Graph, class_type: str) -> list[Node]:
    return [one for one in graph.values() if one["class_type"] == class_type]


def loaded(graph: Graph) -> list[str]:
    """What the graph's LoadImage nodes load, in the order of the graph."""
    return [one["inputs"]["image"] for one in of_class(graph, "LoadImage")]


def uploaded(server: ComfyServer, name: str) -> bytes:
    folder, _, file = name.rpartition("/")
    return server.files.read("input", folder, file) or b""


def unsigned(graph: Graph) -> Graph:
    """A graph without what differs in each submission: save nodes' prefixes, and names of uploaded pictures."""
    found = json.loads(json.dumps(graph))
    for one in found.values():
        if "filename_prefix" in one["inputs"]:
            one["inputs"]["filename_prefix"] = SIGNED
        if one["class_type"] == "LoadImage":
            one["inputs"]["image"] = SIGNED
    return dict(found)
