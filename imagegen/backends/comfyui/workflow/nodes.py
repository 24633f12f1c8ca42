"""What is known of node classes: a server's ``/object_info``, whole or in part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Input:
    """One input of a node class. ``type`` is ``COMBO`` for a choice, whose ``choices`` may be values of
    any kind; ``options`` are the rest of its description (default, min, max, step, …)."""

    name: str
    type: str
    required: bool
    options: Mapping[str, Any] = field(default_factory=dict)
    choices: Sequence[Any] = ()


@dataclass(frozen=True)
class NodeClass:
    """``inputs`` in the order in which the page shows them; ``outputs`` are the outputs' types."""

    name: str
    inputs: Mapping[str, Input]
    outputs: Sequence[str]
    is_output: bool
    info: Mapping[str, Any]


class Nodes:
    """The classes of an ``object_info`` mapping, each read when it is asked for."""

    def __init__(self, object_info: Mapping[str, Any]) -> None:
        self._info = object_info
        self._read: dict[str, NodeClass] = {}

    def __contains__(self, name: object) -> bool:
        return isinstance(self._info.get(name), Mapping) if isinstance(name, str) else False

    def __getitem__(self, name: str) -> NodeClass:
        """Raises KeyError for a class that is not known."""
        if name not in self._read:
            self._read[name] = _read(name, self._info[name])
        return self._read[name]

    def get(self, name: str) -> NodeClass | None:
        return self[name] if name in self else None  # noqa: SIM401  (this is get)

    @cached_property
    def names(self) -> Sequence[str]:
        return sorted(self._info)


def read_inputs(groups: Any, order: Any = None) -> dict[str, Input]:
    """The inputs that ``{"required": {name: description}, "optional": …}`` describes, the required first,
    each group in ``order``'s order (``input_order`` of a class) and what that leaves out behind."""
    inputs: dict[str, Input] = {}
    for group in ("required", "optional"):
        described = groups.get(group) if isinstance(groups, Mapping) else None
        if not isinstance(described, Mapping):
            continue
        wanted = order.get(group) if isinstance(order, Mapping) else None
        first = [name for name in wanted if isinstance(name, str)] if isinstance(wanted, list) else []
        for own in dict.fromkeys([*first, *described]):
            if own in described:
                inputs[own] = _input(own, described[own], group == "required")
    return inputs


def _read(name: str, info: Mapping[str, Any]) -> NodeClass:
    given = info.get("output")
    outputs = [kind if isinstance(kind, str) else "COMBO" for kind in given] if isinstance(given, list) else []
    inputs = read_inputs(info.get("input"), info.get("input_order"))
    return NodeClass(name, inputs, outputs, bool(info.get("output_node")), info)


def _input(name: str, described: Any, required: bool) -> Input:
    """Choices come in the old form, a list in the type's place, and in the new, ``["COMBO", {"options": …}]``."""
    kind = described[0] if isinstance(described, list) and described else "*"
    more = described[1] if isinstance(described, list) and len(described) > 1 else {}
    options = more if isinstance(more, Mapping) else {}
    if isinstance(kind, list):
        return Input(name, "COMBO", required, options, tuple(kind))
    choices = options.get("options", ()) if kind == "COMBO" else ()
    return Input(name, str(kind), required, options, tuple(choices) if isinstance(choices, list) else ())
