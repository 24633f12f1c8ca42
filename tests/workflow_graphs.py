"""Small graphs in API format for the tests of workflows."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from imagegen.backends.comfyui.workflow.api import Graph, Node


def node(class_type: str, title: str = "", **inputs: Any) -> Node:
    return {"class_type": class_type, "inputs": inputs} | ({"_meta": {"title": title}} if title else {})


def text_to_image() -> Graph:
    """Checkpoint 1, texts 2 and 3, size 4, sampler 5, decoder 6, save node 7."""
    return {
        "1": node("CheckpointLoaderSimple", ckpt_name="tiny-random.safetensors"),
        "2": node("CLIPTextEncode", text="a mouse", clip=["1", 1]),
        "3": node("CLIPTextEncode", text="text", clip=["1", 1]),
        "4": node("EmptyLatentImage", width=64, height=64, batch_size=1),
        "5": node(
            "KSampler",
            model=["1", 0],
            positive=["2", 0],
            negative=["3", 0],
            latent_image=["4", 0],
            seed=1,
            steps=2,
            cfg=7.0,
            sampler_name="euler",
            scheduler="normal",
            denoise=1.0,
        ),
        "6": node("VAEDecode", samples=["5", 0], vae=["1", 2]),
        "7": node("SaveImage", images=["6", 0], filename_prefix="a"),
    }


_IDS = ["1", "2", "3", "4:1", "a"]
_CLASSES = ["KSampler", "LoraLoader", "LoadImage", "LoadImageMask", "ReferenceLatent", "SaveImage", "Any", "Reroute"]
_INPUTS = [
    "model",
    "clip",
    "latent_image",
    "positive",
    "negative",
    "image",
    "images",
    "lora_name",
    "strength_model",
    "x",
]
_VALUES = st.one_of(
    st.tuples(st.sampled_from([*_IDS, "gone"]), st.integers(-1, 2)).map(list),
    st.sampled_from(["text", 1, None, [], {}, ["1"], [1, 2], ["1", True]]),
)


def garbage() -> st.SearchStrategy[Graph]:
    """Graphs that have the form and make no sense: cycles, links to nowhere, odd values."""
    inputs = st.dictionaries(st.sampled_from(_INPUTS), _VALUES, max_size=6)
    meta = st.sampled_from([{}, {"title": "Reference 2"}, {"title": 3}, None])
    one = st.builds(
        lambda name, given, about: {"class_type": name, "inputs": given, "_meta": about},
        st.sampled_from(_CLASSES),
        inputs,
        meta,
    )
    return st.dictionaries(st.sampled_from(_IDS), one, min_size=1, max_size=5)
