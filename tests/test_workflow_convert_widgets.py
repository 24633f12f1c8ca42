"""The widgets' values of a saved file, which has them as a list: which is which, and what is sent."""

from __future__ import annotations

from typing import Any

import pytest

from imagegen.backends.comfyui.workflow import ui
from tests.drawn_workflows import Drawing, api, with_class

SAMPLED = (5, "fixed", 20, 8, "euler", "normal", 1)

# --- widgets ------------------------------------------------------------------------------------


def test_the_seed_has_a_value_behind_it_that_is_the_pages_own() -> None:
    page = Drawing()
    page.add("KSampler", *SAMPLED)
    assert api(page)["1"] == {
        "class": "KSampler", "seed": 5, "steps": 20, "cfg": 8, "sampler_name": "euler", "scheduler": "normal",
        "denoise": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("described", "values"),
    [(["INT", {}], [5, "fixed", 9]), (["INT", {"control_after_generate": True}], [5, "randomize", 9]),
     (["INT", {"control_after_generate": False}], [5, 9]), (["FLOAT", {}], [5, 9]),
     (["COMBO", {"options": [5], "control_after_generate": True}], [5, "fixed", "", 9])],
)  # fmt: skip
def test_what_follows_a_seed(described: Any, values: list[Any]) -> None:
    page = Drawing()
    page.add("Odd", *values)
    known = with_class("Odd", seed=described, after=["INT", {}])
    assert api(page, known)["1"] == {"class": "Odd", "seed": 5, "after": 9}


def test_the_button_under_a_picture_has_a_value_and_is_no_input() -> None:
    page = Drawing()
    page.add("LoadImageMask", "example.png", "red", "image")
    assert api(page)["1"] == {"class": "LoadImageMask", "image": "example.png", "channel": "red"}


@pytest.mark.parametrize("values", [["text", 3], ["text", 0.5, 3]])
def test_an_input_without_a_widget_had_a_value_in_old_files(values: list[Any]) -> None:
    known = with_class("Odd", text=["STRING", {}], forced=["FLOAT", {"forceInput": True}], after=["INT", {}])
    page = Drawing()
    page.add("Odd", *values)
    assert api(page, known)["1"] == {"class": "Odd", "text": "text", "after": 3}


@pytest.mark.parametrize("values", [[5, "fixed", 20], [5, "fixed", 20, 8, None, None, None], [*SAMPLED[:3], 8.0]])
def test_what_is_not_set_is_the_default(values: list[Any]) -> None:
    page = Drawing()
    page.add("KSampler", *values)
    assert api(page)["1"] == {
        "class": "KSampler", "seed": 5, "steps": 20, "cfg": 8.0, "sampler_name": "euler", "scheduler": "simple",
        "denoise": 1.0,
    }  # fmt: skip


def test_more_values_than_widgets_do_no_harm() -> None:
    page = Drawing()
    page.add("KSampler", *SAMPLED, "more", 3)
    assert api(page)["1"]["denoise"] == 1


def test_values_by_name() -> None:
    page = Drawing()
    page.add("EmptyImage", widgets_values={"height": 48, "width": 64, "color": 7})
    assert api(page)["1"] == {"class": "EmptyImage", "width": 64, "height": 48, "batch_size": 1, "color": 7}


def test_names_help_where_the_class_had_other_widgets() -> None:
    page = Drawing()
    named = {"width": 64, "depth": 3, "height": 48, "batch_size": 1, "color": 7}
    page.add("EmptyImage", *named.values(), widgets_values_named=named)
    assert api(page)["1"] == {"class": "EmptyImage", "width": 64, "height": 48, "batch_size": 1, "color": 7}


def test_names_that_do_not_go_with_the_list_are_not_gone_by() -> None:
    page = Drawing()
    page.add("SaveVideo", "edited", "auto", "auto", "new", widgets_values_named={"filename_prefix": "first"})
    assert api(page)["1"]["filename_prefix"] == "edited"


def test_a_value_that_can_not_be_this_widgets_is_an_error() -> None:
    page = Drawing()
    page.add("KSampler", 5, 20, 8, "euler", "normal", 1)  # nothing behind the seed
    with pytest.raises(ui.CantConvert, match=r"node 1 \(KSampler\): the value saved for its cfg is no FLOAT"):
        api(page)


def test_a_placeholder_may_stand_for_a_number() -> None:
    page = Drawing()
    page.add("KSampler", "{{SEED}}", *SAMPLED[1:])
    assert api(page)["1"]["seed"] == "{{SEED}}"


def test_a_list_is_wrapped_that_it_be_no_link() -> None:
    known = with_class("Odd", many=["COMBO", {"options": ["a", "b"], "multi_select": True}])
    page = Drawing()
    page.add("Odd", ["a", 1])
    assert api(page, known)["1"]["many"] == {"__value__": ["a", 1]}


def test_a_choice_with_inputs_of_its_own() -> None:
    sizes = [{"key": "by side", "inputs": {"required": {"side": ["INT", {}], "seed": ["INT", {}]}}},
             {"key": "by area", "inputs": {"required": {"area": ["FLOAT", {"default": 1.5}]}}}]  # fmt: skip
    known = with_class("Odd", mode=["COMFY_DYNAMICCOMBO_V3", {"options": sizes}], after=["INT", {}])
    page = Drawing()
    page.add("Odd", "by side", 512, 3, 9)
    page.add("Odd", "by area", None, 9)
    page.add("Odd")
    assert api(page, known) == {
        "1": {"class": "Odd", "mode": "by side", "mode.side": 512, "mode.seed": 3, "after": 9},
        "2": {"class": "Odd", "mode": "by area", "mode.area": 1.5, "after": 9},
        "3": {"class": "Odd", "mode": "by side", "mode.side": 0, "mode.seed": 0, "after": 0},
    }


def test_inputs_that_grow_are_linked_by_their_names() -> None:
    known = with_class("Odd", ["IMAGE"], images=["COMFY_AUTOGROW_V3", {"template": {}}])
    page = Drawing()
    image, odd = page.add("EmptyImage"), page.add("Odd")
    page.link(image, odd, "images.image0")
    page.link(image, odd, "images.image1")
    assert api(page, known)["2"] == {"class": "Odd", "images.image0": ["1", 0], "images.image1": ["1", 0]}


def test_inputs_that_take_the_type_of_what_is_linked() -> None:
    match = ["COMFY_MATCHTYPE_V3", {"template": {"template_id": "switch", "allowed_types": "*"}}]
    known = with_class("Switch", ["COMFY_MATCHTYPE_V3"], on_false=match, on_true=match, switch=["BOOLEAN", {}])
    page = Drawing()
    image, way, past = page.add("EmptyImage"), page.add("Switch", True), page.add("Switch", True, mode=4)
    for switch in (way, past):
        page.link(image, switch, "on_false")
        page.link(image, switch, "on_true")
    for switch in (way, past):
        page.link(switch, page.add("SaveImage", "out"), "images")
    converted = api(page, known)
    assert converted["2"] == {"class": "Switch", "switch": True, "on_false": ["1", 0], "on_true": ["1", 0]}
    assert (converted["4"]["images"], converted["5"]["images"]) == (["2", 0], ["1", 0])


def test_a_picture_that_only_the_open_page_has_is_an_error() -> None:
    page = Drawing()
    page.add("WebcamCapture", None, 0, 0, False)
    with pytest.raises(ui.CantConvert, match=r"node 1 \(WebcamCapture\) takes its input image from ComfyUI's page"):
        api(page)


# --- text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sent"),
    [("a cat", "a cat"), ("a {red} cat", "a red cat"), ("a /* b */ c // d\ne", "a  c \ne"), ("a {b", "a b"),
     (r"\{a\|b\} \n", r"{a|b} \n"), ("a } b | c", "a } b | c"), ('{"a": {"b": 1}}', '"a": "b": 1'),
     ("see http://x.y", "see http:"), ("{{PROMPT}}, best", "{{PROMPT}}, best"),
     ("{{{SEED}}} {{other}}", "{{SEED}} other")],
)  # fmt: skip
def test_text_is_sent_as_the_page_sends_it(text: str, sent: str) -> None:
    page = Drawing()
    page.add("CLIPTextEncode", text)
    page.add("PrimitiveString", text)  # an input that has no such option
    assert [node.get("text", node.get("value")) for node in api(page).values()] == [sent, text]


def test_a_choice_that_the_page_draws_is_an_error() -> None:
    page = Drawing()
    page.add("CLIPTextEncode", "a {red|blue} cat")
    with pytest.raises(ui.CantConvert, match=r"node 1 \(CLIPTextEncode\): the text in its text holds a choice"):
        api(page)
