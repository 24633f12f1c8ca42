"""init: a new project, never over an existing file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagegen import errors, manifest, verbs
from imagegen.commands.base import Plain
from imagegen.errors import ImagegenError, WrongInput
from imagegen.files import STATE

MANIFEST = f"""\
# yaml-language-server: $schema={STATE}/assets.schema.json
# Which images this project has, and how each is made. `imagegen run` (or `doit`) makes what is missing
# or stale; `imagegen explain portraits:mallsing` shows what becomes of an item.
version: 1

vars:
  style: ink and watercolour, muted earth tones

defaults:
  # The placeholder needs no server and no model. For a ComfyUI server, change these two lines:
  backend: placeholder                 # → comfyui
  # checkpoint: dream.safetensors      # → one of your server's checkpoints
  size: 768x1024

# backends:
#   comfyui:
#     url: http://127.0.0.1:8188
#     checkpoint_paths: [~/ComfyUI/models/checkpoints]

jobs:
  portraits:
    prompt: portrait of ${{name}}, ${{style}}
    negative_prompt: blurry, low quality, text
    items:
      - Mallsing
      - name: Thorn of the Marsh
        slug: thorn
        prompt: portrait of an old reed-cutter with a lantern, ${{style}}
        seed: 7

  scenes:
    aspect_ratio: 16:9
    items:
      - name: The ferry at dawn
        prompt: a ferry on a misty river at dawn, ${{style}}
"""

DODO = '''\
"""doit's way in: `doit` makes the images of assets.yaml, as `imagegen run` does."""

from imagegen.loader import Dodo

images = Dodo()
DOIT_CONFIG = images.config
'''

GITIGNORE = f"""\
# imagegen's own: caches, locks, previous versions of pictures
{STATE}/
"""


def doit_lines() -> str:
    """What pyproject.toml holds so that plain doit knows our loader and commands, in this project alone."""
    commands = "\n".join(f'{name} = "{place}"' for name, place in verbs.OURS.items())
    return (
        '[tool.doit]\nloader = "imagegen"\n\n[tool.doit.plugins.loader]\nimagegen = "imagegen.loader:Loader"\n\n'
        f"[tool.doit.plugins.command]\n{commands}\n"
    )


class Init(Plain):
    doc_purpose = "start a project in this folder"
    doc_usage = "[FOLDER]"
    doc_description = "Writes assets.yaml, dodo.py, pyproject.toml and .gitignore; an existing file is left as it is."

    def work(self, params: Any, names: list[str]) -> int:
        if len(names) > 1:
            raise WrongInput("init wants one folder, or none for this one")
        folder = Path(names[0]) if names else manifest.here()
        files = {
            "assets.yaml": MANIFEST,
            "dodo.py": DODO,
            "pyproject.toml": doit_lines(),
            ".gitignore": GITIGNORE,
        }
        there = next((name for name in manifest.NAMES if (folder / name).exists()), None)
        if there is not None:
            del files["assets.yaml"]  # two manifests in one folder are an error
            print(f"left  {folder / there}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            written = [name for name, text in files.items() if write_new(folder / name, text)]
        except OSError as error:
            raise ImagegenError(f"can't write to {folder}: {error.strerror or error}") from error
        for name in files:
            print(f"{'wrote' if name in written else 'left '} {folder / name}")
        if "pyproject.toml" not in written and "tool.doit" not in (folder / "pyproject.toml").read_text("utf-8"):
            print("\nFor plain `doit` to know imagegen's commands, add to pyproject.toml:\n\n" + doit_lines())
        if ".gitignore" not in written and STATE not in (folder / ".gitignore").read_text("utf-8", "replace"):
            print(f"\nAdd to .gitignore: {STATE}/")
        if written:
            print(f"\nNext: {f'cd {names[0]} && ' if names else ''}imagegen run")
        return errors.DONE


def write_new(path: Path, text: str) -> bool:
    """Write a new file; False where there is one already."""
    try:
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        return False
    return True
