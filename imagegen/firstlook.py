"""A first look at values that a schema describes: certainly right, or to be looked at again.

jsonschema has the last word and finds the words for an error, but takes tens of seconds for a large
manifest, nearly all of whose items are right. This knows only the rules that our schemas use; a rule it
does not know makes it say no, never yes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]

_IGNORED = frozenset({"description", "default", "title", "$schema", "$id"})
_KNOWN = frozenset(
    {"type", "enum", "minLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "properties"}
    | {"additionalProperties", "required", "items", "minItems", "minProperties"}
)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
}


def never(value: Any) -> bool:
    """What is said where a rule is not known."""
    return False


def compiled(schema: Mapping[str, Any]) -> Check:
    """A check of ``schema`` (without ``$ref``): True only where the value certainly fits it."""
    rules = set(schema) - _IGNORED
    types = schema.get("type")
    names = [types] if isinstance(types, str) else list(types or ())
    if rules - _KNOWN or not names or set(names) - set(_TYPES):
        return never
    by_type: dict[type, Check] = {}
    for name in names:
        for kind in _TYPES[name]:
            by_type[kind] = _CHECKS.get(kind, _number)(schema)
    choices = frozenset(schema["enum"]) if "enum" in schema else None

    def check(value: Any) -> bool:
        own = by_type.get(type(value))  # exactly: True is no integer
        if own is None and isinstance(value, dict | list):
            own = by_type.get(dict if isinstance(value, dict) else list)
        return own is not None and own(value) and (choices is None or value in choices)

    return check


def _text(schema: Mapping[str, Any]) -> Check:
    least = schema.get("minLength", 0)
    pattern = re.compile(schema["pattern"]).search if "pattern" in schema else None
    if pattern is None:
        return lambda value: len(value) >= least
    return lambda value: len(value) >= least and pattern(value) is not None


def _number(schema: Mapping[str, Any]) -> Check:
    least, most = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    above = schema.get("exclusiveMinimum", float("-inf"))
    return lambda value: above < value and least <= value <= most


def _mapping(schema: Mapping[str, Any]) -> Check:
    known = {key: compiled(rule) for key, rule in schema.get("properties", {}).items()}
    required = tuple(schema.get("required", ()))
    least = schema.get("minProperties", 0)
    others = schema.get("additionalProperties", True)
    other = compiled(others) if isinstance(others, Mapping) else None if others else never

    def check(value: Any) -> bool:
        for key, item in value.items():
            rule = known.get(key, other)
            if rule is not None and not rule(item):
                return False
        return len(value) >= least and all(key in value for key in required)

    return check


def _list(schema: Mapping[str, Any]) -> Check:
    least = schema.get("minItems", 0)
    entry = compiled(schema["items"]) if isinstance(schema.get("items"), Mapping) else never
    return lambda value: len(value) >= least and all(map(entry, value))


_CHECKS: Mapping[type, Callable[[Mapping[str, Any]], Check]] = {str: _text, dict: _mapping, list: _list}
"""For each type that is no number."""
