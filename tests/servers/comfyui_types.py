"""The recorded node classes, `/object_info`, with the choices of model that this server is to offer."""

from __future__ import annotations

import copy
import json
from functools import lru_cache
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
    **dict.fromkeys(("ckpt_name", "checkpoint"), "checkpoints"),
    "lora_name": "loras",
    "vae_name": "vae",
    "unet_name": "diffusion_models",
    **dict.fromkeys(("clip_name", "clip_name1", "clip_name2", "clip_name3", "clip_name4"), "text_encoders"),
    "control_net_name": "controlnet",
    "style_model_name": "style_models",
    "gligen_name": "gligen",
    "hypernetwork_name": "hypernetworks",
    "photomaker_model_name": "photomaker",
}
_FOLDER_AT = {  # where the name alone does not tell
    ("CLIPVisionLoader", "clip_name"): "clip_vision",
    ("UpscaleModelLoader", "model_name"): "upscale_models",
    ("ModelPatchLoader", "name"): "model_patches",
}
NEWER: NodeTypes = {
    # After 0.3.64; from what ComfyUI's authors' own workflows give them, not recorded.
    "EmptyFlux2LatentImage": {
        "input": {
            "required": {
                **{side: ["INT", {"default": 1024, "min": 16, "max": 16384}] for side in ("width", "height")},
                "batch_size": ["INT", {"default": 1, "min": 1, "max": 4096}],
            }
        },
        "output": ["LATENT"],
        "output_node": False,
        "name": "EmptyFlux2LatentImage",
    },
    "Flux2Scheduler": {
        "input": {
            "required": {
                "steps": ["INT", {"default": 20, "min": 1, "max": 4096}],
                **{side: ["INT", {"default": 1024, "min": 16, "max": 16384}] for side in ("width", "height")},
            }
        },
        "output": ["SIGMAS"],
        "output_node": False,
        "name": "Flux2Scheduler",
    },
}


def recorded(name: str) -> Any:
    """A recording of a real server, by its file's name without `.json`."""
    return json.loads((RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def every_class() -> NodeTypes:
    """All classes of a real 0.3.64; not to be changed."""
    return dict(recorded("object_info-0.3.64"))


def node_types(
    models: dict[str, list[str]], files: Files, more: NodeTypes | None = None, whole: bool = False
) -> NodeTypes:
    """The recorded classes (a few, or `whole`) and `more`; their choices are the lists in `models` and `files`,
    the very same."""
    types: NodeTypes = copy.deepcopy({**(every_class() if whole else recorded("object_info")), **(more or {})})
    for class_type, info in types.items():
        for category in ("required", "optional"):
            for name, config in (info["input"].get(category) or {}).items():
                folder = _FOLDER_AT.get((class_type, name)) or _FOLDER_OF.get(name)
                options = config[1] if len(config) > 1 else {}
                if folder and isinstance(config[0], list):
                    config[0] = models[folder]
                elif folder and config[0] == "COMBO":
                    options["options"] = models[folder]
                elif options.get("image_upload") and isinstance(config[0], list):
                    config[0] = files.uploads
    return types
