"""The values of a node's widgets, which a saved file has as a list without names.

Which input is a widget, which widgets come in which order, and which are there for the page alone
follows ComfyUI's page: an INT called ``seed`` or ``noise_seed`` is followed by a widget that says what
becomes of it after a run, a choice with ``control_after_generate`` by two; the button under a picture
to upload comes last; an input with ``forceInput`` has none, but had a place in files of before 1.16.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from imagegen.backends.comfyui.workflow.nodes import Input, NodeClass, read_inputs
from imagegen.backends.comfyui.workflow.ui_file import UINode

NUMBERS = frozenset({"INT", "FLOAT"})
_SIMPLE: Mapping[str, Any] = {"INT": 0, "FLOAT": 0, "STRING": "", "BOOLEAN": False}
_DYNAMIC = "COMFY_DYNAMICCOMBO_V3"
_GROUP = "COMFY_DYNAMICGROUP_V3"
_WIDGETS = frozenset(
    {*_SIMPLE, "COMBO", _DYNAMIC, "MARKDOWN", "TEXTAREA", "COLOR", "COLORS", "CURVE", "RANGE", "BOUNDING_BOX"}
)
DRAWN = frozenset({"LOAD_3D", "LOAD_3D_ANIMATION", "WEBCAM", "AUDIO_RECORD", "PAINTER", _GROUP})
"""Widgets whose value exists only while a page is open, or that no conversion here can read."""
_UPLOADS = ("image_upload", "animated_image_upload", "video_upload", "file_upload", "audio_upload")


def kind(described: Input) -> str:
    """The type that decides about the widget, which may differ from the one that links need."""
    own = described.options.get("widgetType")
    return own if isinstance(own, str) else described.type


def is_widget(described: Input) -> bool:
    return kind(described) in _WIDGETS and not described.options.get("forceInput")


def widgets(node: UINode, known: NodeClass) -> dict[str, tuple[Input, Any]]:
    """Each widget's name → its description and value: the saved one, else the default where there is one,
    else None. Inputs of a choice that has inputs of its own are called ``choice.input``.

    The page goes by the list alone. Values by name, which newer pages write too, are for a list that is
    not as long as the widgets are many, because it was saved where the class had others.
    """
    odd = {slot.widget for slot in node.inputs if slot.widget is not None}  # types that an extension draws
    inputs = list(known.inputs.values())
    named = node.names()
    if not isinstance(node.values, Mapping):
        saved = _InOrder(_without_forced(node.values, known))
        found = dict(_walk(inputs, "", odd, saved))
        buttons = any(_uploads(described) for described in inputs)  # with values of their own, at the end
        if named is None or saved.taken == len(saved.values) or (buttons and saved.taken < len(saved.values)):
            return found
    return dict(_walk(inputs, "", odd, _ByName(named or {})))


class _ByName:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def take(self, name: str, controls: int) -> Any:
        return self.values.get(name)


class _InOrder:
    def __init__(self, values: Sequence[Any]) -> None:
        self.values, self.taken = values, 0

    def take(self, name: str, controls: int) -> Any:
        value = self.values[self.taken] if self.taken < len(self.values) else None
        self.taken += 1 + controls
        return value


def _walk(
    inputs: Iterable[Input], prefix: str, odd: set[str], saved: _ByName | _InOrder
) -> Iterator[tuple[str, tuple[Input, Any]]]:
    """Inputs inside inputs lie as deep as the object_info nests them, which is finite."""
    for described in inputs:
        name = prefix + described.name
        drawn = described.type in DRAWN or described.options.get("forceInput")
        if not is_widget(described) and (name not in odd or drawn):
            continue
        value = saved.take(name, _controls(described, name))
        if value is None:
            value = default(described)
        yield name, (described, value)
        if kind(described) == _DYNAMIC:
            yield from _walk(_inner(described, value), f"{name}.", odd, saved)


def default(described: Input) -> Any:
    """What the page shows in a widget that has no value yet; None where it shows nothing."""
    if kind(described) == _DYNAMIC:
        return next(iter(_options(described)), None)
    if described.type == "COMBO":
        first = described.choices[0] if described.choices else None
        return described.options.get("default") or ([] if described.options.get("multi_select") else first)
    own = described.options.get("default")
    return _SIMPLE.get(kind(described)) if own is None else own


def fits(described: Input, value: Any) -> bool:
    """Whether a value can be one of this widget's: a number or text that is one, yes or no. A list that
    was cut or shifted shows here; other types take anything, and what choices there are the server says."""
    if described.type in NUMBERS:
        if isinstance(value, str):
            try:
                float(value)
            except ValueError:
                return False
            return True
        return isinstance(value, int | float) and not isinstance(value, bool)
    if described.type == "BOOLEAN":
        return isinstance(value, bool) or value in (0, 1) or value in ("true", "false", "True", "False")
    return True


def _without_forced(values: Sequence[Any], known: NodeClass) -> Sequence[Any]:
    """Files of before 1.16 have a value for inputs with ``forceInput`` too, which no widget takes."""
    forced: list[bool] = []
    for described in known.inputs.values():
        if kind(described) == _DYNAMIC:
            return values
        if kind(described) in _WIDGETS:
            forced += [bool(described.options.get("forceInput"))] + [False] * _controls(described, described.name)
    forced += [False] * any(_uploads(described) for described in known.inputs.values())
    if not any(forced) or len(values) != len(forced):
        return values
    return [value for value, left_out in zip(values, forced, strict=True) if not left_out]


def _controls(described: Input, name: str) -> int:
    """How many widgets follow that say what becomes of the value after a run."""
    asked = described.options.get("control_after_generate")
    if described.type == "COMBO":
        return 2 if asked else 0
    if described.type == "INT" and asked is None:
        return int(name in ("seed", "noise_seed"))
    return 1 if asked and described.type in NUMBERS else 0


def _uploads(described: Input) -> bool:
    return any(described.options.get(option) for option in _UPLOADS)


def _options(described: Input) -> dict[str, Any]:
    given = described.options.get("options")
    found = [one for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []
    return {one["key"]: one.get("inputs") for one in found if isinstance(one.get("key"), str)}


def _inner(described: Input, chosen: Any) -> Iterable[Input]:
    options = _options(described)
    return read_inputs(options.get(chosen)).values() if isinstance(chosen, str) else ()


def drawn_in_page(known: NodeClass, linked: Container[str]) -> str | None:
    """The first input whose value is drawn or recorded in the open page, and to which nothing is linked."""
    own = (one.name for one in known.inputs.values() if kind(one) in DRAWN and one.name not in linked)
    return next(own, None)
