"""A file of ComfyUI's plain Save, converted: each rule of the page in a small workflow."""

from __future__ import annotations

from typing import Any

import pytest

from imagegen.backends.comfyui.workflow import api as api_format
from imagegen.backends.comfyui.workflow import ui
from tests.drawn_workflows import BYPASSED, MUTED, Drawing, api, nodes

SAMPLED = (5, "fixed", 20, 8, "euler", "normal", 1)


def picture(drawing: Drawing, **more: Any) -> int:
    return drawing.add("EmptyImage", 64, 48, 1, 7, **more)


def saved_picture(drawing: Drawing, origin: int, output: int = 0) -> int:
    save = drawing.add("SaveImage", "out")
    drawing.link(origin, save, "images", output)
    return save


def test_nodes_become_their_widgets_by_name_and_their_links() -> None:
    page = Drawing()
    image = picture(page, title="My picture")
    save = saved_picture(page, image)
    assert ui.is_ui(page.saved())
    graph = ui.to_api(page.saved(), nodes())
    assert api_format.is_api(graph)
    assert graph == {
        str(image): {
            "inputs": {"width": 64, "height": 48, "batch_size": 1, "color": 7},
            "class_type": "EmptyImage",
            "_meta": {"title": "My picture"},
        },
        str(save): {
            "inputs": {"filename_prefix": "out", "images": [str(image), 0]},
            "class_type": "SaveImage",
            "_meta": {"title": "Save Image"},
        },
    }


@pytest.mark.parametrize("value", [None, [], {}, {"nodes": {}}, {"3": {"class_type": "X", "inputs": {}}}])
def test_other_files_are_not_taken_for_one(value: Any) -> None:
    assert not ui.is_ui(value)


# --- modes and the page's own nodes ---------------------------------------------------------------


def test_what_is_muted_is_left_out_and_what_hangs_on_it_gets_nothing() -> None:
    page = Drawing()
    number = page.add("PrimitiveInt", 333, "fixed", mode=MUTED)
    image = picture(page)
    page.link(number, image, "width")
    muted = picture(page, mode=MUTED)
    saved_picture(page, image)
    saved_picture(page, muted)
    converted = api(page)
    assert converted["2"]["width"] == 64
    assert converted["5"] == {"class": "SaveImage", "filename_prefix": "out"}
    assert {"1", "3"}.isdisjoint(converted)


def test_what_is_bypassed_hands_on_what_it_gets() -> None:
    page = Drawing()
    loader = page.add("CheckpointLoaderSimple", "a.safetensors")
    lora = page.add("LoraLoader", "b.safetensors", 1, 1, mode=BYPASSED)
    page.link(loader, lora, "clip", 1)  # in another order than the class has
    page.link(loader, lora, "model", 0)
    text, model = page.add("CLIPTextEncode", "x"), page.add("ModelSamplingSD3", 3)
    page.link(lora, text, "clip", 1)
    page.link(lora, model, "model", 0)
    converted = api(page)
    assert (converted["3"]["clip"], converted["4"]["model"]) == (["1", 1], ["1", 0])
    assert "2" not in converted


def test_a_bypassed_node_with_two_of_a_type_hands_on_the_one_of_the_same_number() -> None:
    page = Drawing()
    one, two = page.add("CLIPTextEncode", "p"), page.add("CLIPTextEncode", "n")
    control = page.add("ControlNetApplyAdvanced", 1, 0, 1, mode=BYPASSED)
    page.link(one, control, "positive")
    page.link(two, control, "negative")
    sampler = page.add("KSampler", *SAMPLED)
    page.link(control, sampler, "positive", 0)
    page.link(control, sampler, "negative", 1)
    assert (api(page)["4"]["positive"], api(page)["4"]["negative"]) == (["1", 0], ["2", 0])


def test_nothing_passes_a_bypassed_node_that_has_no_such_input() -> None:
    page = Drawing()
    encoded = page.add("VAEEncode", mode=BYPASSED)
    page.link(picture(page), encoded, "pixels")
    decoded = page.add("VAEDecode")
    page.link(encoded, decoded, "samples")
    assert api(page) == {"2": {"class": "EmptyImage", "width": 64, "height": 48, "batch_size": 1, "color": 7},
                         "3": {"class": "VAEDecode"}}  # fmt: skip


def test_an_input_of_any_type_gets_what_a_bypassed_node_gets() -> None:
    page = Drawing()
    inverted = page.add("ImageInvert", mode=BYPASSED)
    page.link(picture(page), inverted, "image")
    shown = page.add("PreviewAny")
    page.link(inverted, shown, "source")
    assert api(page)["3"]["source"] == ["2", 0]


def test_a_primitive_gives_its_value_to_each_widget_it_is_linked_to() -> None:
    page = Drawing()
    number = page.add("PrimitiveNode", 333, "fixed", mode=MUTED)  # the page asks it all the same
    one, two = picture(page), picture(page)
    page.link(number, one, "width")
    page.link(number, two, "height")
    assert [(node["width"], node["height"]) for node in api(page).values()] == [(333, 48), (64, 333)]


def test_a_primitive_gives_nothing_through_a_reroute() -> None:
    page = Drawing()
    number, way = page.add("PrimitiveNode", 333, "fixed"), page.add("Reroute")
    image = picture(page)
    page.link(number, way, "")
    page.link(way, image, "width")
    assert api(page) == {"3": {"class": "EmptyImage", "width": 64, "height": 48, "batch_size": 1, "color": 7}}


def test_set_and_get_are_a_link_without_a_line() -> None:
    page = Drawing()
    setter, getter = page.add("SetNode", "picture"), page.add("GetNode", "picture")
    page.link(picture(page), setter, "IMAGE")
    saved_picture(page, getter)
    assert api(page)["4"]["images"] == ["3", 0]
    page.nodes[getter]["widgets_values"] = ["other"]
    with pytest.raises(ui.CantConvert, match=r'node 2 \(GetNode\) gets "other", and no SetNode sets it'):
        api(page)


def test_notes_and_labels_are_gone() -> None:
    page = Drawing()
    saved_picture(page, picture(page))
    for kind in ("Note", "MarkdownNote", "Label (rgthree)", "Fast Groups Bypasser (rgthree)"):
        page.add(kind, "read me")
    assert sorted(api(page)) == ["1", "2"]


# --- slots --------------------------------------------------------------------------------------


def test_a_widget_that_is_linked_keeps_its_place_in_the_list() -> None:
    page = Drawing()
    seed = page.add("PrimitiveInt", 333, "fixed")
    sampler = page.add("KSampler", *SAMPLED)
    page.link(seed, sampler, "seed")
    assert (api(page)["2"]["seed"], api(page)["2"]["steps"]) == (["1", 0], 20)


def test_inputs_that_only_the_file_has_stay_unless_they_are_widgets() -> None:
    page = Drawing()
    number, image, inverted = page.add("PrimitiveInt", 3, "fixed"), picture(page), page.add("ImageInvert")
    page.link(image, inverted, "more")
    page.link(number, inverted, "amount")
    assert api(page)["3"] == {"class": "ImageInvert", "more": ["2", 0]}


def test_links_and_ids_in_their_other_forms() -> None:
    page = Drawing()
    saved_picture(page, picture(page))
    usual, file = api(page), page.saved()
    file["version"] = 1
    file["links"] = [{"id": 1, "origin_id": "1", "origin_slot": "0", "target_id": "2", "target_slot": 0}, None]
    for node in file["nodes"]:
        node["id"] = str(node["id"])
    assert api(file) == usual
