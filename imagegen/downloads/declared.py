"""``models:`` of a manifest as values, and what is wrong with them beyond the schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from imagegen import text
from imagegen.document import Document
from imagegen.downloads import tokens, urls
from imagegen.errors import Problem, listed
from imagegen.items import Model

KEY = "models"

ENDINGS = (".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".bin", ".pth", ".pkl", ".gguf")
"""What a model's file may end with: nothing else is ever written into a folder of models."""

_PAGES = {"HF_TOKEN": re.compile(r"/[^/]+/[^/]+(/(blob|tree|raw)/.*)?$"), "CIVITAI_TOKEN": re.compile(r"/models/.*")}
_FILES = {
    "HF_TOKEN": "huggingface.co/OWNER/NAME/resolve/REVISION/FILE is a file",
    "CIVITAI_TOKEN": "civitai.com/api/download/models/VERSION is a file",
}


def models(values: Mapping[str, Any], document: Document) -> tuple[list[Model], list[Problem]]:
    """The models that ``values`` list, and every problem with them. Entries that are not of the form that the
    schema wants are left out without a word: it has told."""
    listed_ones = values.get(KEY)
    found: list[Model] = []
    problems: list[Problem] = []
    taken: dict[str, Model] = {}
    for number, entry in enumerate(listed_ones if isinstance(listed_ones, list) else ()):
        model = _model(entry, document.place((KEY, number)).line)
        if model is None:
            continue
        for key, message, hint in _wrong(model):
            place = document.place((KEY, number, key))
            problems.append(Problem(message, f"{KEY}[{number}].{key}", place, hint))
        other = taken.setdefault(text.same_file(model.name), model)
        if other is not model:
            where = f" (line {other.line})" if other.line else ""
            place = document.place((KEY, number, "file"))
            problems.append(Problem(f"{model.name} is listed twice{where}", f"{KEY}[{number}]", place, "keep one"))
        found.append(model)
    return found, problems


def _model(entry: Any, line: int) -> Model | None:
    if not isinstance(entry, Mapping):
        return None
    given = {"sha256": "", "license": "", **entry}
    texts = [given.get(key) for key in ("kind", "file", "url", "sha256", "license")]
    size, gated = given.get("size", 0), given.get("gated", False)
    if not all(isinstance(one, str) for one in texts) or type(size) is not int or type(gated) is not bool:
        return None
    kind, file, url, sha256, license = (str(one) for one in texts)
    return Model(kind, file, url, sha256.lower().removeprefix("sha256:"), size, license, gated, line)


def _wrong(model: Model) -> list[tuple[str, str, str]]:
    """Key, message and mend of all that is wrong with one entry."""
    found = []
    if "\\" in model.file:
        found.append(("file", "joins its folders by \\", "write /"))
    elif bad := text.bad_file_name(model.file):
        found.append(("file", f"can't be a file in the models' folder: {bad}", "such as sdxl/dream.safetensors"))
    elif not model.file.lower().endswith(ENDINGS):
        found.append(("file", f'"{model.file}" has no model\'s ending', f"they are {listed(ENDINGS)}"))
    try:
        urls.check(model.url)
        if (host := tokens.variable(model.url)) and (page := _PAGES[host].match(urlsplit(model.url).path)):
            found.append(("url", f"is the page of a model ({page[0]}), not its file", _FILES[host]))
    except urls.NotAllowed as error:
        found.append(("url", str(error), ""))
    if model.sha256 and not re.fullmatch(r"[0-9a-f]{64}", model.sha256):
        found.append(("sha256", "must be 64 hex digits", "without it the download says which it got"))
    return found
