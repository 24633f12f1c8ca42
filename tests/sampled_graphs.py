"""Graphs that sample in different ways, and what is bound in them, said as ``bindings:`` say it."""

from __future__ import annotations

from typing import Any

from imagegen.backends.comfyui.workflow.api import Graph
from imagegen.backends.comfyui.workflow.bindings import Bindings, find
from tests.workflow_graphs import node, text_to_image


def bound(graph: Graph, setting: str, **by_hand: list[str]) -> list[str]:
    """The spots of a setting, as bindings say them; it must not be in trouble."""
    found = find(graph, None, by_hand)
    assert setting not in found.trouble, found.trouble[setting].message
    return [str(spot) for spot in found.places[setting]]


def trouble(graph: Graph, setting: str) -> str:
    found = find(graph)
    assert setting not in found.places
    return found.trouble[setting].message


def candidates(graph: Graph, setting: str) -> list[str]:
    return [str(spot) for spot in find(graph).trouble[setting].candidates]


def shown(found: Bindings) -> dict[str, list[str]]:
    return {setting: [str(spot) for spot in spots] for setting, spots in found.places.items()}


def custom(guider: str = "CFGGuider", scheduler: str = "BasicScheduler", **guided: Any) -> Graph:
    """Text to image with a node for each part of sampling: noise 11, guider 12, sampler 13, sigmas 14."""
    graph = text_to_image()
    graph["5"] = node(
        "SamplerCustomAdvanced",
        noise=["11", 0],
        guider=["12", 0],
        sampler=["13", 0],
        sigmas=["14", 0],
        latent_image=["4", 0],
    )
    graph["11"] = node("RandomNoise", noise_seed=1)
    graph["12"] = node(guider, model=["1", 0], **guided)
    graph["13"] = node("KSamplerSelect", sampler_name="euler")
    graph["14"] = node(scheduler, model=["1", 0], scheduler="simple", steps=20, denoise=1)
    return graph


def guided(**more: Any) -> Graph:
    return custom(positive=["2", 0], negative=["3", 0], cfg=5, **more)


def base_and_refiner(**refiner: Any) -> Graph:
    """KSamplerAdvanced 5, whose noise 25 goes on with; texts 22 and 23 of the refiner's own checkpoint 21."""
    graph = text_to_image()
    shared = {"steps": 25, "cfg": 8, "sampler_name": "euler", "scheduler": "normal"}
    graph["5"] = node(
        "KSamplerAdvanced",
        model=["1", 0], positive=["2", 0], negative=["3", 0], latent_image=["4", 0],
        add_noise="enable", noise_seed=1, start_at_step=0, end_at_step=20, **shared,
    )  # fmt: skip
    graph["21"] = node("CheckpointLoaderSimple", ckpt_name="refiner.safetensors")
    graph["22"] = node("CLIPTextEncode", text="a mouse", clip=["21", 1])
    graph["23"] = node("CLIPTextEncode", text="text", clip=["21", 1])
    graph["25"] = node(
        "KSamplerAdvanced",
        model=["21", 0], positive=["22", 0], negative=["23", 0], latent_image=["5", 0],
        add_noise="disable", noise_seed=0, start_at_step=20, end_at_step=10000, **{**shared, **refiner},
    )  # fmt: skip
    graph["6"]["inputs"]["samples"] = ["25", 0]
    return graph


def two_passes() -> Graph:
    """Text to image, its latent twice as large (30), and sampler 31 over it with noise of its own."""
    graph = text_to_image()
    graph["30"] = node("LatentUpscale", samples=["5", 0], width=128, height=128, upscale_method="bicubic", crop="")
    graph["31"] = node("KSampler", **{**graph["5"]["inputs"], "latent_image": ["30", 0], "seed": 9, "denoise": 0.5})
    graph["6"]["inputs"]["samples"] = ["31", 0]
    return graph


def from_picture(**between: Any) -> Graph:
    """Image to image: LoadImage 40, perhaps a node 41 between, VAEEncode 4."""
    graph = text_to_image()
    graph["40"] = node("LoadImage", image="example.png")
    graph["4"] = node("VAEEncode", pixels=["40", 0], vae=["1", 2])
    if between:
        graph["41"] = node(image=["40", 0], **between)
        graph["4"]["inputs"]["pixels"] = ["41", 0]
    return graph
