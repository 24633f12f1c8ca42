"""Is a graph acceptable? The checks, and the answers to bad graphs, of `POST /prompt`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .comfyui_graph import Graph, NodeTypes

_LONGEST_LIST = 20  # values; a longer list of choices is left out of the answer
_RAISED = (KeyError, IndexError, TypeError, AttributeError, RecursionError)  # by checks of a bad graph
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}

Error = dict[str, Any]


@dataclass
class Verdict:
    """`error` is None when at least one output node is good; `node_errors` can be non-empty even so."""

    error: Error | None
    outputs: list[str] = field(default_factory=list)
    node_errors: dict[str, Any] = field(default_factory=dict)


def check(graph: Graph, types: NodeTypes, file_exists: Callable[[str], bool], newer: bool = False) -> Verdict:
    """Judge a graph. Plain values are converted in place, as the real server does ("7" for an INT is 7).

    `newer`: an unknown class is `missing_node_type`, as servers of 2026 say it.
    """
    for node_id, node in graph.items():
        if "class_type" not in node:
            why = "Cannot execute because a node is missing the class_type property."
            return Verdict(_error("invalid_prompt", why, f"Node ID '#{node_id}'"))
        if node["class_type"] not in types:
            return Verdict(_unknown_class(node_id, node["class_type"], newer))
    outputs = [node_id for node_id, node in graph.items() if types[node["class_type"]]["output_node"]]
    if not outputs:
        return Verdict(_error("prompt_no_outputs", "Prompt has no outputs"))
    return _Check(graph, types, file_exists).of(outputs)


class _Check:
    def __init__(self, graph: Graph, types: NodeTypes, file_exists: Callable[[str], bool]) -> None:
        self._graph = graph
        self._types = types
        self._file_exists = file_exists
        self._known: dict[str, tuple[bool, list[Error]]] = {}

    def of(self, outputs: list[str]) -> Verdict:
        """The verdict on all output nodes: bad ones are named, good ones are run."""
        good: list[str] = []
        reasons: list[Error] = []
        node_errors: dict[str, Any] = {}
        for output in outputs:
            try:
                fine, errors = self._node(output)
            except _RAISED as problem:
                fine, errors = False, [_exception("exception_during_validation", "node", problem, {})]
                self._known[output] = fine, errors
            if fine:
                good.append(output)
                continue
            reasons += errors
            for node_id, (_, found) in self._known.items():
                if found:
                    class_type = self._graph[node_id]["class_type"]
                    entry = {"errors": found, "dependent_outputs": [], "class_type": class_type}
                    node_errors.setdefault(node_id, entry)["dependent_outputs"].append(output)
        if good:
            return Verdict(None, good, node_errors)
        details = "\n".join(f"{reason['message']}: {reason['details']}" for reason in reasons)
        error = _error("prompt_outputs_failed_validation", "Prompt outputs failed validation", details)
        return Verdict(error, [], node_errors)

    def _node(self, node_id: str) -> tuple[bool, list[Error]]:
        """Whether a node and all that leads to it is good, and its own errors."""
        if node_id not in self._known:
            node = self._graph[node_id]
            wanted = self._types[node["class_type"]]["input"]
            fine, errors = True, []
            for category in ("required", "optional"):
                for name, config in (wanted.get(category) or {}).items():
                    if name in node["inputs"]:
                        found = self._input(node["inputs"], name, config)
                    elif category == "required":
                        found = [_error("required_input_missing", "Required input is missing", name, name)]
                    else:
                        found = []
                    fine = fine and found is not None
                    errors += found or []
            self._known[node_id] = fine and not errors, errors
        return self._known[node_id]

    def _input(self, inputs: dict[str, Any], name: str, config: list[Any]) -> list[Error] | None:
        """The errors of one input; None when only the node that it is linked to is bad."""
        value = inputs[name]
        if isinstance(value, list):
            return self._link(name, value, config)
        if isinstance(value, dict) and "__value__" in value:
            value = inputs[name] = value["__value__"]
        kind, options = config[0], config[1] if len(config) > 1 else {}
        if isinstance(kind, str) and kind in _CONVERSIONS:
            try:
                value = inputs[name] = _CONVERSIONS[kind](value)
            except (TypeError, ValueError) as problem:
                why = f"Failed to convert an input value to a {kind} value"
                error = _bad("invalid_input_type", why, f"{name}, {value}, {problem}", name, config, value)
                error["extra_info"]["exception_message"] = str(problem)
                return [error]
        if options.get("image_upload"):
            return [] if self._file_exists(value) else [_no_file(name, value)]
        if "min" in options and value < options["min"]:
            why = f"Value {value} smaller than min of {options['min']}"
            return [_bad("value_smaller_than_min", why, name, name, config, value)]
        if "max" in options and value > options["max"]:
            why = f"Value {value} bigger than max of {options['max']}"
            return [_bad("value_bigger_than_max", why, name, name, config, value)]
        choices = kind if isinstance(kind, list) else options.get("options")
        if isinstance(choices, list) and value not in choices:
            return [_not_in_list(name, value, config, choices)]
        return []

    def _link(self, name: str, value: list[Any], config: list[Any]) -> list[Error] | None:
        if len(value) != 2:
            why = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            return [_bad("bad_linked_input", why, name, name, config, value)]
        source, slot = value
        given = self._types[self._graph[source]["class_type"]]["output"][slot]
        if not _fits(given, config[0]):
            details = f"{name}, received_type({given}) mismatch input_type({config[0]})"
            error = _error("return_type_mismatch", "Return type mismatch between linked nodes", details, name)
            error["extra_info"] |= {"input_config": config, "received_type": given, "linked_node": value}
            return [error]
        try:
            fine, _ = self._node(source)
        except _RAISED as problem:
            extra = {"input_name": name, "input_config": config, "linked_node": value}
            inner = _exception("exception_during_inner_validation", "inner node", problem, extra)
            self._known[source] = False, [inner]
            return None
        return [] if fine else None


def _fits(given: Any, wanted: Any) -> bool:
    if given == wanted or "*" in (given, wanted):
        return True
    if not isinstance(given, str) or not isinstance(wanted, str):
        return False
    return not set(re.split(r"\s*,\s*", given)).isdisjoint(re.split(r"\s*,\s*", wanted))


def _error(kind: str, message: str, details: str = "", input_name: str | None = None) -> Error:
    extra = {} if input_name is None else {"input_name": input_name}
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


def _bad(kind: str, message: str, details: str, name: str, config: Any, value: Any) -> Error:
    error = _error(kind, message, details, name)
    error["extra_info"] |= {"input_config": config, "received_value": value}
    return error


def _not_in_list(name: str, value: Any, config: list[Any], choices: list[Any]) -> Error:
    long = len(choices) > _LONGEST_LIST
    listed = f"(list of length {len(choices)})" if long else str(choices)
    details = f"{name}: '{value}' not in {listed}"
    return _bad("value_not_in_list", "Value not in list", details, name, None if long else config, value)


def _no_file(name: str, value: Any) -> Error:
    details = f"{name} - Invalid image file: {value}"
    return _error("custom_validation_failed", "Custom validation failed for node", details, name)


def _unknown_class(node_id: str, class_type: str, newer: bool) -> Error:
    if not newer:
        why = f"Cannot execute because node {class_type} does not exist."
        return _error("invalid_prompt", why, f"Node ID '#{node_id}'")
    error = _error("missing_node_type", f"Node '{class_type}' not found.", f"Node ID '#{node_id}'")
    error["extra_info"] = {"node_id": node_id, "class_type": class_type}
    return error


def _exception(kind: str, where: str, problem: BaseException, extra: dict[str, Any]) -> Error:
    error = _error(kind, f"Exception when validating {where}", str(problem))
    error["extra_info"] = extra | {"exception_type": type(problem).__name__, "traceback": []}
    if kind == "exception_during_inner_validation":
        error["extra_info"]["exception_message"] = str(problem)
    return error
