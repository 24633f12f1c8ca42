"""The recorded node classes, `/object_info`, with the choices of model that this server is to offer."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from .comfyui_files import Files
from .comfyui_graph import NodeTypes

RECORDINGS = Path(__file__).with_name("recordings")
FOLDERS = (  # what a real 0.3.64 answers to GET /models
    *("checkpoints", "configs", "loras", "vae", "text_encoders", "diffusion_models", "clip_vision"),
    *(
        "style_models",
        "embeddings",
        "diffusers",
        "vae_approx",
        "controlnet",
        "gligen",
        "upscale_models",
        "custom_nodes",
    ),
    *("hypernetworks", "photomaker", "classifiers", "model_patches", "audio_encoders"),
)
_FOLDER_OF = {  # the inputs that name a model
    "ckpt_name": "checkpoints",
    "lora_name": "loras",
    "vae_name": "vae",
    "unet_name": "diffusion_models",
    "clip_name": "text_encoders",
    "control_net_name": "controlnet",
    "style_model_name": "style_models",
}


def recorded(name: str) -> Any:
    """A recording of a real server, by its file's name without `.json`."""
    return json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))


def node_types(models: dict[str, list[str]], files: Files, more: NodeTypes | None = None) -> NodeTypes:
    """The recorded classes and `more`; their choices are the lists in `models` and `files`, the very same."""
    types: NodeTypes = copy.deepcopy({**recorded("object_info"), **(more or {})})
    for info in types.values():
        for wanted in info["input"].values():
            for name, config in wanted.items():
                if name in _FOLDER_OF and isinstance(config[0], list):
                    config[0] = models[_FOLDER_OF[name]]
                elif isinstance(config, list) and len(config) > 1 and config[1].get("image_upload"):
                    config[0] = files.uploads
    return types
