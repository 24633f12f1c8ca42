"""The built-in text-to-image graph, in ComfyUI's API format. Pure.

Its defaults are those of the workflow that ComfyUI itself opens with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imagegen.backends.comfyui.workflow.api import Spot

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
SAVE_NODE = "7"
PLACES: Mapping[str, Sequence[Spot]] = {
    "checkpoint": (Spot("1", "ckpt_name"),),
    "prompt": (Spot("2", "text"),),
    "negative_prompt": (Spot("3", "text"),),
    "width": (Spot("4", "width"),),
    "height": (Spot("4", "height"),),
    "seed": (Spot("5", "seed"),),
    "steps": (Spot("5", "steps"),),
    "cfg": (Spot("5", "cfg"),),
    "sampler": (Spot("5", "sampler_name"),),
    "scheduler": (Spot("5", "scheduler"),),
    "denoise": (Spot("5", "denoise"),),
}
"""Where each setting goes."""
PREFIX = "imagegen"
"""What a picture's own copy of its graph names its file by; a submission adds its id."""


def built_in(recipe: Mapping[str, Any], prefix: str = PREFIX) -> dict[str, Any]:
    """The graph of one recipe; node ids are text, a link is ``[node id, output]``."""
    return {
        "1": _node("CheckpointLoaderSimple", "Checkpoint", ckpt_name=recipe["checkpoint"]),
        "2": _node("CLIPTextEncode", "Positive Prompt", text=recipe["prompt"], clip=["1", 1]),
        "3": _node("CLIPTextEncode", "Negative Prompt", text=recipe["negative_prompt"], clip=["1", 1]),
        "4": _node("EmptyLatentImage", "Size", width=recipe["width"], height=recipe["height"], batch_size=1),
        "5": _node(
            "KSampler",
            "Sampler",
            seed=recipe["seed"],
            steps=recipe["steps"],
            cfg=recipe["cfg"],
            sampler_name=recipe["sampler"],
            scheduler=recipe["scheduler"],
            denoise=recipe["denoise"],
            model=["1", 0],
            positive=["2", 0],
            negative=["3", 0],
            latent_image=["4", 0],
        ),
        "6": _node("VAEDecode", "Decode", samples=["5", 0], vae=["1", 2]),
        SAVE_NODE: _node("SaveImage", "Save", filename_prefix=prefix, images=["6", 0]),
    }


def _node(class_type: str, title: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "_meta": {"title": title}, "inputs": inputs}
