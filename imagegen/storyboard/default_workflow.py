"""The workflow that a new project's pictures are made with, as the package brings it."""

from __future__ import annotations

from pathlib import Path

import imagegen
from imagegen.storyboard.present import DEFAULTS

FILE = str(DEFAULTS["workflow"])
"""Where a project has it, counted from its folder."""


def text() -> bytes:
    """The workflow's file, which is inside an installed package and beside it in the source tree."""
    package = Path(imagegen.__file__).parent
    packed = package / FILE
    return (packed if packed.is_file() else package.parent / FILE).read_bytes()
