"""The schemas, and a manifest checked by them.

``schemas/`` at the top of the source tree is their one home; a wheel carries it as
``imagegen/schemas/``. ``python -m imagegen.schema`` writes the single file for editors anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from imagegen import backends, firstlook
from imagegen.document import Document
from imagegen.errors import Problem, WrongInput, did_you_mean, listed

Path_ = tuple[str | int, ...]
"""Keys and indices from a document's root to a value."""

EDITOR_FILE = "editor.schema.json"


def folder() -> Path:
    """Where the schemas are: inside an installed package, or beside it in the source tree."""
    packed = Path(__file__).with_name("schemas")
    return packed if packed.is_dir() else Path(__file__).parent.parent / "schemas"


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@cache
def assembled() -> Mapping[str, Any]:
    """The manifest's schema with every backend's block put in."""
    schema = _load(folder() / "assets.schema.json")
    schema["$id"] = schema["$id"].replace("assets.schema.json", EDITOR_FILE)
    blocks = schema["properties"]["backends"]["properties"]
    for name in backends.names():
        block = _load(folder() / "backends" / f"{name}.schema.json")
        blocks[name] = {key: value for key, value in block.items() if not key.startswith("$")}
    schema["$defs"]["backend"]["enum"] = list(backends.names())
    return schema


def editor_text() -> str:
    """The single file for editors, as it stands in ``schemas/``."""
    return json.dumps(assembled(), indent=2, ensure_ascii=False) + "\n"


@cache
def inlined() -> Mapping[str, Any]:
    """The assembled schema without ``$ref``: jsonschema follows one in about the time of ten checks."""
    schema = assembled()

    def inline(node: Any) -> Any:
        if isinstance(node, Mapping):
            if "$ref" in node:
                return inline(schema["$defs"][node["$ref"].removeprefix("#/$defs/")])
            return {key: inline(value) for key, value in node.items() if key != "$defs"}
        return [inline(value) for value in node] if isinstance(node, list) else node

    whole: Mapping[str, Any] = inline(schema)
    return whole


def settled(document: Document) -> Any:
    """The document's values as the schema wants them: where text is wanted the source's own letters
    (``007``, ``true``), where an integer is wanted ``7.0`` is ``7``; unknown parts as they are."""
    return _settle(document.root, inlined(), None)


def _settle(node: Any, schema: Mapping[str, Any], letters: str | None) -> Any:
    if isinstance(node, dict):
        known = schema.get("properties", {})
        others = schema.get("additionalProperties")
        rest = others if isinstance(others, Mapping) else {}
        own = getattr(node, "letters", {})
        return {key: _settle(value, known.get(key, rest), own.get(key)) for key, value in node.items()}
    if isinstance(node, list):
        entry = schema.get("items", {})
        own = getattr(node, "letters", {})
        return [_settle(value, entry, own.get(index)) for index, value in enumerate(node)]
    if isinstance(node, str):
        return node
    wanted = schema.get("type", ())
    if letters and (
        wanted == "string"
        or (isinstance(wanted, list) and "string" in wanted and not {"integer", "number"} & set(wanted))
    ):
        return letters
    if isinstance(node, float) and node.is_integer() and "integer" in wanted:
        return int(node)
    return node


MOST_ITEMS = 100_000
MOST_WRONG_ITEMS = 1_000
"""Wrong items that are told of one list; a list of ten thousand is mended from its first ones."""


def problems(document: Document, values: Any) -> list[tuple[Path_, Problem]]:
    """Everything that the schema finds wrong with ``values``, each with the path of what is to blame."""
    from jsonschema import Draft202012Validator

    found: list[tuple[Path_, Problem]] = []
    reduced, places = _without_right_items(document, values)
    for path, indices in places.items():
        if len(indices) > MOST_WRONG_ITEMS:
            message = f"{len(indices)} items are wrong; these are the first {MOST_WRONG_ITEMS}"
            summary = Problem(message, path_text(path), document.place(path, of_key=True))
            found.extend(((*path, index), summary) for index in indices[MOST_WRONG_ITEMS:])  # left out, too
            del indices[MOST_WRONG_ITEMS:]
    for error in Draft202012Validator(inlined()).iter_errors(reduced):
        path = tuple(error.absolute_path)
        for length in (1, 3):
            if len(path) > length and path[:length] in places:
                path = (*path[:length], places[path[:length]][int(path[length])], *path[length + 1 :])
        found.extend(((*path, *blamed), problem) for blamed, problem in _told(document, error, path))
    return found


def _without_right_items(document: Document, values: Any) -> tuple[Any, dict[Path_, list[Any]]]:
    """``values`` with only those items that a first look does not find right; for each list of items
    its path and the items' own numbers. Raises WrongInput for more items than can be handled."""
    is_right = _item_check()
    places: dict[Path_, list[Any]] = {}

    def left(owner: Any, path: Path_) -> Any:
        if not isinstance(owner, dict) or not isinstance(owner.get("items"), list):
            return owner
        items = owner["items"]
        if len(items) > MOST_ITEMS:
            message = f"has {len(items)} items; at most {MOST_ITEMS} can be"
            where = (*path, "items")
            place = document.place(where, of_key=True)
            raise WrongInput([Problem(message, path_text(where), place, "split it into manifests of their own")])
        indices = [index for index, item in enumerate(items) if not is_right(item)]
        places[(*path, "items")] = indices
        return {**owner, "items": [items[index] for index in indices[:MOST_WRONG_ITEMS]]}

    reduced = left(values, ())
    if isinstance(reduced, dict) and isinstance(reduced.get("jobs"), dict):
        jobs = {name: left(job, ("jobs", name)) for name, job in reduced["jobs"].items()}
        reduced = {**reduced, "jobs": jobs}
    return reduced, places


@cache
def _item_check() -> firstlook.Check:
    return firstlook.compiled(inlined()["properties"]["items"]["items"])


def path_text(path: tuple[str | int, ...]) -> str:
    """``jobs.kins.items[3]``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def _told(document: Document, error: Any, path: Path_) -> Iterator[tuple[Path_, Problem]]:
    def problem(message: str, hint: str = "", key: str | None = None) -> tuple[Path_, Problem]:
        if key is not None:
            return (key,), Problem(message, path_text(path), document.place((*path, key), of_key=True), hint)
        return (), Problem(message, path_text(path), document.place(path), hint)

    value, rule = error.instance, error.validator_value
    if path[:1] == ("backends",) and (path[-1] in ("url", "ws_url", "repository") or "headers" in path):
        value = _Secret()  # it may hold a password or a token
    match error.validator:
        case "additionalProperties":
            known = error.schema.get("properties", {})
            for key in value:
                if key not in known:
                    mend = did_you_mean(key, known) or f"known here: {listed(known, 40)}"
                    yield problem(f'unknown key "{key}"', mend, key)
        case "type":
            yield problem(f"must be {_types(rule)}, not {_value(value)}")
        case "required":
            for key in rule:
                if key not in value and f"'{key}'" in error.message:
                    yield problem(f'has no "{key}"')
        case "enum":
            mend = did_you_mean(value, rule) if isinstance(value, str) else ""
            yield problem(f"must be one of {listed(rule)}, not {_value(value)}", mend)
        case "const":
            yield problem(f"must be {_value(rule)}, not {_value(value)}")
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            word = {
                "minimum": "at least",
                "maximum": "at most",
                "exclusiveMinimum": "more than",
                "exclusiveMaximum": "less than",
            }[error.validator]
            yield problem(f"must be {word} {rule}, not {_value(value)}")
        case "pattern" if path and path[-1] == "seed":
            yield problem(f'must be a number, "derived" or "random", not {_value(value)}')
        case "pattern":
            examples = {
                "size": "1024x1024",
                "aspect_ratio": "16:9",
                "url": "http://127.0.0.1:8188",
                "ws_url": "ws://127.0.0.1:8188/ws",
                "slug": "mallsing",
                "repository": "https://github.com/Comfy-Org/ComfyUI",
                "ref": "v0.3.64",
            }
            last = path[-1] if path else ""
            if "propertyNames" in error.absolute_schema_path:
                yield problem(
                    f"\"{value}\" can't be a job's name",
                    "letters, digits, - and _; no blanks, no : * = , / . and no - or _ in front",
                    value,
                )
            else:
                yield problem(f"must look like {examples.get(str(last), rule)}, not {_value(value)}")
        case "minLength":
            yield problem("must not be empty")
        case "anyOf":  # only keys of which one has to be there
            keys = [f'"{key}"' for one in rule for key in one["required"]]
            yield problem(f"has no {' or '.join(keys)}")
        case "minProperties":
            yield problem("is empty")
        case _:  # a rule that the schemas do not use yet
            yield problem(error.message)


def _types(types: str | list[str]) -> str:
    names = {
        "string": "text",
        "integer": "a whole number",
        "number": "a number",
        "object": "a mapping",
        "array": "a list",
        "boolean": "true or false",
        "null": "empty",
    }
    return " or ".join(names[name] for name in ([types] if isinstance(types, str) else types))


class _Secret:
    """Stands for a value that no message shows."""


def _value(value: Any) -> str:
    if isinstance(value, _Secret):
        return "what it is"
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + '…"'


if __name__ == "__main__":
    (folder() / EDITOR_FILE).write_text(editor_text(), encoding="utf-8")
