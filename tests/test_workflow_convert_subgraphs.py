"""Subgraphs of a file of ComfyUI's plain Save, laid open."""

from __future__ import annotations

from typing import Any

import pytest

from imagegen.backends.comfyui.workflow import ui
from tests.drawn_workflows import BYPASSED, MUTED, Drawing, api


def blank(width: int = 64) -> Drawing:
    """A picture whose width the node outside shows."""
    inside = Drawing({"width": "INT"}, {"IMAGE": "IMAGE"})
    image = inside.add("EmptyImage", width, 48, 1, 0, id=3)
    inside.feed("width", image, "width")
    inside.give(image, "IMAGE")
    return inside


def around(inner: Drawing, *values: Any) -> Drawing:
    """A subgraph of one node, which is a subgraph again."""
    outside = Drawing({"side": "INT"}, {"IMAGE": "IMAGE"})
    host = outside.use(inner, *values, id=4)
    outside.feed("side", host, "width")
    outside.give(host, "IMAGE")
    return outside


def inverted() -> Drawing:
    inside = Drawing({"image": "IMAGE"}, {"IMAGE": "IMAGE"})
    node = inside.add("ImageInvert", id=3)
    inside.feed("image", node, "image")
    inside.give(node, "IMAGE")
    return inside


def show(page: Drawing, node: int, name: str) -> None:
    """The node has an input with a widget to which nothing is linked."""
    page.nodes[node]["inputs"].append({"name": name, "type": "INT", "link": None, "widget": {"name": name}})


def test_a_subgraph_used_thrice_has_each_time_the_values_of_its_node() -> None:
    page, inside = Drawing(), blank()
    for values in ((111,), (222,), ()):
        save = page.add("SaveImage", "out")
        page.link(page.use(inside, *values), save, "images")
    converted = api(page)
    assert [converted[node]["images"] for node in ("1", "3", "5")] == [["2:3", 0], ["4:3", 0], ["6:3", 0]]
    assert [converted[node]["width"] for node in ("2:3", "4:3", "6:3")] == [111, 222, 64]


def test_what_is_linked_to_the_node_outside_wins_over_its_value() -> None:
    page = Drawing()
    host = page.use(blank(), 111)
    page.link(page.add("PrimitiveInt", 333, "fixed"), host, "width")
    assert api(page)["1:3"]["width"] == ["2", 0]


def test_a_primitive_sets_what_the_node_outside_shows() -> None:
    page = Drawing()
    host = page.use(blank(), 111)
    page.link(page.add("PrimitiveNode", 333, "fixed"), host, "width")
    assert api(page)["1:3"]["width"] == 333


@pytest.mark.parametrize(("outer", "inner", "width"), [((9,), (5,), 9), ((), (5,), 5), ((), (), 64), ((None,), (), 64)])
def test_the_outermost_value_counts(outer: tuple[Any, ...], inner: tuple[Any, ...], width: int) -> None:
    page = Drawing()
    host = page.use(around(blank(), *inner), *outer)
    show(page, host, "side")
    assert api(page)["1:4:3"]["width"] == width


def test_a_link_reaches_through_two_borders() -> None:
    page = Drawing()
    host = page.use(around(blank(), 5), 9)
    page.link(page.add("PrimitiveInt", 333, "fixed"), host, "side")
    assert api(page)["1:4:3"]["width"] == ["2", 0]


@pytest.mark.parametrize("first", ["3", "-1"])
def test_values_of_promoted_widgets_are_in_the_order_of_the_list_that_promotes_them(first: str) -> None:
    page = Drawing()
    promoted = [["3", "height"], [first, "width"], ["3", "$$canvas-image-preview"], "broken"]
    page.use(blank(), 77, 88, properties={"proxyWidgets": promoted})
    page.use(blank(), properties={"proxyWidgets": promoted})
    assert [(node["width"], node["height"]) for node in api(page).values()] == [(88, 77), (64, 48)]


def test_a_promoted_widget_two_subgraphs_deep() -> None:
    page = Drawing()
    page.use(around(blank()), 77, properties={"proxyWidgets": [["4", "width"]]})
    assert api(page)["1:4:3"]["width"] == 77


@pytest.mark.parametrize(("values", "width"), [((808,), 808), ((), 42)])
def test_a_promoted_primitive(values: tuple[int, ...], width: int) -> None:
    inside = Drawing({}, {"IMAGE": "IMAGE"})
    number, image = inside.add("PrimitiveNode", 42, "fixed"), inside.add("EmptyImage", 64, 48, 1, 0)
    inside.link(number, image, "width")
    page = Drawing()
    page.use(inside, *values, properties={"proxyWidgets": [["1", "value"]]})
    assert api(page)["1:2"]["width"] == width


def test_values_by_name_where_the_list_has_another_length() -> None:
    page = Drawing()
    page.use(blank(), 4, 111, widgets_values_named={"width": 111, "gone": 4})
    assert api(page)["1:3"]["width"] == 111


def test_inputs_left_out_of_the_file_and_in_another_order() -> None:
    inside = Drawing({"width": "INT", "image": "IMAGE", "height": "INT"}, {"IMAGE": "IMAGE"})
    scaled = inside.add("ImageScale", "area", 64, 48, "disabled")
    for name in inside.inputs:
        inside.feed(name, scaled, name)
    inside.give(scaled, "IMAGE")
    page = Drawing()
    host = page.use(inside, 111, 222)
    page.link(page.add("PrimitiveInt", 333, "fixed"), host, "height")
    page.link(page.add("EmptyImage", 1, 1, 1, 0), host, "image")
    assert api(page)["1:1"] == {
        "class": "ImageScale", "upscale_method": "area", "width": 111, "height": ["2", 0], "crop": "disabled",
        "image": ["3", 0],
    }  # fmt: skip


def test_text_that_the_node_outside_shows_is_sent_as_it_is() -> None:
    inside = Drawing({"text": "STRING"}, {"CONDITIONING": "CONDITIONING"})
    inside.feed("text", inside.add("CLIPTextEncode", "{inside}"), "text")
    page = Drawing()
    page.use(inside, "{red|blue}")
    page.use(inside)
    assert [node["text"] for node in api(page).values()] == ["{red|blue}", "{inside}"]


@pytest.mark.parametrize(("mode", "images"), [(0, ["2:3", 0]), (BYPASSED, ["1", 0]), (MUTED, None)])
def test_a_subgraph_muted_or_bypassed_is_so_as_a_whole(mode: int, images: Any) -> None:
    page = Drawing()
    image, host, save = page.add("EmptyImage"), page.use(inverted(), mode=mode), page.add("SaveImage", "out")
    page.link(image, host, "image")
    page.link(host, save, "images")
    assert api(page)["3"].get("images") == images
    assert ("2:3" in api(page)) == (mode == 0)


def test_a_subgraph_may_hand_its_input_on() -> None:
    inside = Drawing({"image": "IMAGE"}, {"IMAGE": "IMAGE"})
    inside.links.append([1, -10, 0, -20, 0, "IMAGE"])
    page = Drawing()
    image, host, save = page.add("EmptyImage"), page.use(inside), page.add("SaveImage", "out")
    page.link(image, host, "image")
    page.link(host, save, "images")
    assert api(page)["3"]["images"] == ["1", 0]


def test_definitions_may_lie_in_definitions() -> None:
    inner = blank()
    page = Drawing()
    page.use(around(inner, 5))
    file = page.saved()
    outer, innermost = sorted(file["definitions"]["subgraphs"], key=lambda one: bool(one["id"] == inner.id))
    file["definitions"]["subgraphs"] = [{**outer, "definitions": {"subgraphs": [innermost]}}]
    assert api(file) == api(page)


def test_a_subgraph_that_the_file_lacks_is_named() -> None:
    page = Drawing()
    page.add("f2fdebf6-dfaf-43b6-9eb2-7f70613cfdc1")
    with pytest.raises(ui.CantConvert, match=r"node 1 \(f2fdebf6-.*\) is a subgraph that the file does not hold"):
        api(page)


def test_unknown_classes_are_told_all_at_once_but_not_those_that_do_not_run() -> None:
    inside = Drawing()
    inside.add("Unheard")
    muted = Drawing()
    muted.add("Silent")
    page = Drawing()
    page.use(inside)
    page.use(muted, mode=MUTED)
    page.add("Another")
    page.add("Another")
    page.add("Bypassed", mode=BYPASSED)
    with pytest.raises(ui.UnknownNodes, match='"Another", "Unheard"') as caught:
        api(page)
    assert caught.value.names == ("Another", "Unheard")
    assert "snapshot" in caught.value.hint


def test_a_group_node_of_old_times_is_an_error_that_says_what_to_do() -> None:
    page = Drawing()
    page.add("workflow>Upscale")
    with pytest.raises(ui.CantConvert, match="group node") as caught:
        api(page)
    assert "newer ComfyUI" in caught.value.hint
