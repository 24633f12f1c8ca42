"""A workflow's file: what it is, and what in it matters."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from imagegen.backends.comfyui.workflow import api, ui

LARGEST = 32 * 1024 * 1024
"""Bytes; the largest of 600 workflows by ComfyUI's authors has half a megabyte."""

_LOOKS = frozenset(
    {"pos", "size", "color", "bgcolor", "flags", "order", "shape", "boxcolor", "showAdvanced", "locked"}
    | {"groups", "extra", "config", "version", "revision", "last_node_id", "last_link_id", "state"}
    | {"bounding", "tooltip", "localized_name", "floatingLinks", "reroutes", "dir", "slot_index"}
)
"""What ComfyUI's page keeps for itself: where a node stands and how it looks."""

_IN_ANY_ORDER = frozenset({"nodes", "links", "subgraphs"})
"""Lists that the page writes anew in another order: a node that was clicked comes last."""

_OWN_PROPERTIES = frozenset({"proxyWidgets"})
"""What of a node's properties says anything about the graph."""


class NoWorkflow(ValueError):
    """A file that is no workflow; the message says what it is."""


def parsed(data: bytes) -> Any:
    """The JSON of a workflow's file, in either format. Raises NoWorkflow."""
    if len(data) > LARGEST:
        raise NoWorkflow(f"is larger than {LARGEST >> 20} MB")
    try:
        value = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        what = "a PNG: save the workflow itself" if data.startswith(b"\x89PNG") else f"not JSON ({error})"
        raise NoWorkflow(f"is {what}") from error
    if isinstance(value, dict) and api.is_api(value.get("prompt")) and not ui.is_ui(value):
        value = value["prompt"]  # the body of a request, as some programs save it
    if not (api.is_api(value) or ui.is_ui(value)):
        raise NoWorkflow("is JSON, but no workflow: it has neither nodes and links nor class_type and inputs")
    return value


def _no_number(name: str) -> None:
    """Python reads NaN and Infinity, which no JSON has and no server takes."""
    raise ValueError(f"it holds {name}")


def content(value: Any) -> str:
    """``sha256:…`` of what matters in a workflow: its nodes, links and values, whatever the order of keys,
    the layout of the file, and where the nodes stand on the page. Titles matter, they can decide bindings."""
    if api.is_api(value):
        kept: Any = {name: [node["class_type"], node["inputs"], api.title(node)] for name, node in value.items()}
    else:
        kept = _without_looks({key: inner for key, inner in value.items() if key != "id"})  # drawn by Save As
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _without_looks(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_looks(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept: dict[str, Any] = {}
    for key, inner in value.items():
        if key == "properties" and isinstance(inner, dict):
            kept[key] = {name: inner[name] for name in sorted(_OWN_PROPERTIES & set(inner))}
        elif key == "widgets_values":
            kept[key] = inner
        elif key in _IN_ANY_ORDER and isinstance(inner, list):
            kept[key] = sorted(map(_without_looks, inner), key=lambda one: json.dumps(one, sort_keys=True))
        elif key not in _LOOKS:
            kept[key] = _without_looks(inner)
    return kept
