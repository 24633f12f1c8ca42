"""The built-in graphs, text to image and image to image, in ComfyUI's API format. Pure.

Their defaults are those of the workflow that ComfyUI itself opens with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagegen.backends.comfyui.workflow import bindings as walk
from imagegen.backends.comfyui.workflow.api import Graph, Spot

DEFAULTS: Mapping[str, Any] = {
    "negative_prompt": "",
    "width": 512,
    "height": 512,
    "steps": 20,
    "cfg": 8,
    "sampler": "euler",
    "scheduler": "normal",
    "denoise": 1,
}
FROM_A_PICTURE: Mapping[str, Any] = {
    **{name: value for name, value in DEFAULTS.items() if name not in ("width", "height")},
    "denoise": 0.75,
}
"""With ``image``: its size is the picture's own, and a denoise of 1 would leave nothing of it. A1111's
img2img begins with 0.75 too."""

SAVE_NODE = "7"
PREFIX = "imagegen"
"""What a picture's own copy of its graph names its file by; a submission adds its id."""

_PLACES: Mapping[str, Spot] = {
    "checkpoint": Spot("1", "ckpt_name"),
    "prompt": Spot("2", "text"),
    "negative_prompt": Spot("3", "text"),
    "seed": Spot("5", "seed"),
    "steps": Spot("5", "steps"),
    "cfg": Spot("5", "cfg"),
    "sampler": Spot("5", "sampler_name"),
    "scheduler": Spot("5", "scheduler"),
    "denoise": Spot("5", "denoise"),
}


def built_in(recipe: Mapping[str, Any], prefix: str = PREFIX) -> Graph:
    """The graph of one recipe, its settings in it; a picture to start from is still to be named."""
    made = graph("image" in recipe, "width" in recipe or "height" in recipe, prefix)
    return walk.filled(made, bindings(made), {name: recipe[name] for name in walk.SETTINGS if name in recipe})


def graph(from_picture: bool, has_size: bool, prefix: str = PREFIX) -> Graph:
    """The graph of one kind, without its settings: image to image ``from_picture``, which is scaled first
    where the recipe ``has_size`` too."""
    made = {
        "1": _node("CheckpointLoaderSimple", "Checkpoint", ckpt_name=""),
        "2": _node("CLIPTextEncode", "Positive Prompt", text="", clip=["1", 1]),
        "3": _node("CLIPTextEncode", "Negative Prompt", text="", clip=["1", 1]),
        "4": _node("EmptyLatentImage", "Size", width=512, height=512, batch_size=1),
        "5": _node(
            "KSampler",
            "Sampler",
            seed=0,
            steps=20,
            cfg=8,
            sampler_name="euler",
            scheduler="normal",
            denoise=1,
            model=["1", 0],
            positive=["2", 0],
            negative=["3", 0],
            latent_image=["4", 0],
        ),
        "6": _node("VAEDecode", "Decode", samples=["5", 0], vae=["1", 2]),
        SAVE_NODE: _node("SaveImage", "Save", filename_prefix=prefix, images=["6", 0]),
    }
    if from_picture:
        source = "8"
        made[source] = _node("LoadImage", "Start", image="")
        if has_size:
            made["9"] = _node(
                "ImageScale", "Size",
                image=[source, 0], upscale_method="lanczos", width=0, height=0, crop="center",
            )  # fmt: skip
            source = "9"
        made["4"] = _node("VAEEncode", "Encode", pixels=[source, 0], vae=["1", 2])
    return made


def bindings(made: Graph) -> walk.Bindings:
    """Where the settings go in :func:`graph`."""
    places = {name: (spot,) for name, spot in _PLACES.items()}
    trouble = {}
    sized = next((name for name in ("9", "4") if "width" in made.get(name, {"inputs": {}})["inputs"]), None)
    if sized:
        places.update(width=(Spot(sized, "width"),), height=(Spot(sized, "height"),))
    if "8" in made:
        places["image"] = (Spot("8", "image"),)
    else:
        trouble["image"] = walk.Trouble("the built-in graph starts from nothing")
    for side in ("width", "height"):
        if side not in places:
            trouble[side] = walk.Trouble("the picture it starts from decides the size")
    return walk.Bindings(SAVE_NODE, places, trouble, {})


def _node(class_type: str, title: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "_meta": {"title": title}, "inputs": inputs}
