"""What holds for every conversion: detours change nothing, and no file is a surprise."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imagegen.backends.comfyui.workflow import api as api_format
from imagegen.backends.comfyui.workflow import ui
from tests.drawn_workflows import BYPASSED, MUTED, Drawing, api, nodes

PLANS = st.lists(st.tuples(st.sampled_from([0, 1, 2]), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=7)
"""For each node: how many pictures it takes, and from which of those before."""
KINDS = {0: ("EmptyImage", ()), 1: ("ImageInvert", ("image",)), 2: ("ImageBatch", ("image1", "image2"))}
Plan = list[tuple[int, int, int]]
Wire = tuple[int, int, str]


def wired(plan: Plan) -> tuple[list[str], list[Wire]]:
    """The nodes' classes, a SaveImage last, and (origin, target, input) for each link."""
    kinds: list[str] = []
    wires: list[Wire] = []
    for number, (taken, *sources) in enumerate(plan):
        kind, names = KINDS[taken if number else 0]
        kinds.append(kind)
        wires += [(source % number, number, name) for name, source in zip(names, sources, strict=False)]
    return [*kinds, "SaveImage"], [*wires, (len(plan) - 1, len(plan), "images")]


def drawn(plan: Plan, detour: Callable[[Drawing, int, int], int] = lambda page, origin, number: origin) -> Drawing:
    """Node n of the plan has the id n + 1; each link goes by the detour."""
    page = Drawing()
    kinds, wires = wired(plan)
    for number, kind in enumerate(kinds):
        page.add(kind, *([number + 1, 8, 1, 0] if kind == "EmptyImage" else []))
    for number, (origin, target, name) in enumerate(wires):
        page.link(detour(page, origin + 1, number), target + 1, name)
    return page


@settings(deadline=None)
@given(PLANS, st.lists(st.integers(0, 3), min_size=20, max_size=20), st.booleans())
def test_reroutes_and_bypassed_nodes_on_the_way_change_nothing(plan: Plan, lengths: list[int], bypass: bool) -> None:
    def detour(page: Drawing, origin: int, number: int) -> int:
        for _ in range(lengths[number]):
            way = page.add("ImageInvert", mode=BYPASSED) if bypass else page.add("Reroute")
            page.link(origin, way, "image" if bypass else "")
            origin = way
        return origin

    assert api(drawn(plan, detour)) == api(drawn(plan))


@settings(deadline=None)
@given(PLANS, st.sets(st.integers(0, 6)), st.integers(1, 3))
def test_a_part_put_into_subgraphs_is_the_same_part(plan: Plan, chosen: set[int], depth: int) -> None:
    kinds, wires = wired(plan)
    part = {number for number in chosen if number < len(plan)}
    into = [wire for wire in wires if wire[0] not in part and wire[1] in part]
    out = sorted({origin for origin, target, _ in wires if origin in part and target not in part})
    inside = Drawing({f"in{n}": "IMAGE" for n in range(len(into))}, {f"out{n}": "IMAGE" for n in out})
    page = Drawing()
    for number, kind in enumerate(kinds):
        values = [number + 1, 8, 1, 0] if kind == "EmptyImage" else []
        (inside if number in part else page).add(kind, *values, id=number + 1)
    for origin, target, name in wires:
        if (origin in part) == (target in part):
            (inside if origin in part else page).link(origin + 1, target + 1, name)
    for number, (_, target, name) in enumerate(into):
        inside.feed(f"in{number}", target + 1, name)
    for origin in out:
        inside.give(origin + 1, f"out{origin}")
    for _ in range(depth - 1):
        around = Drawing(inside.inputs, inside.outputs)
        host = around.use(inside, id=50)
        for port in inside.inputs:
            around.feed(port, host, port)
        for number, port in enumerate(inside.outputs):
            around.give(host, port, number)
        inside = around
    host = page.use(inside, id=90)
    for number, (origin, _, _) in enumerate(into):
        page.link(origin + 1, host, f"in{number}")
    for origin, target, name in wires:
        if origin in part and target not in part:
            page.link(host, target + 1, name, out.index(origin))
    prefix = "90:" + "50:" * (depth - 1)
    bare = {node_id.removeprefix(prefix): unprefixed(node, prefix) for node_id, node in api(page).items()}
    assert bare == api(drawn(plan))


def unprefixed(node: dict[str, Any], prefix: str) -> dict[str, Any]:
    links = {name: [value[0].removeprefix(prefix), value[1]] for name, value in node.items() if isinstance(value, list)}
    return {**node, **links}


@settings(deadline=None)
@given(PLANS, st.randoms(use_true_random=False))
def test_no_order_matters_and_muted_nodes_and_notes_do_not(plan: Plan, chance: Any) -> None:
    page = drawn(plan)
    plain = api(page)
    page.add("Note", "read me")
    muted = page.add("ImageInvert", mode=MUTED)
    page.link(1, muted, "image")
    file = page.saved()
    for each in (file["nodes"], file["links"]):
        chance.shuffle(each)
    assert api(shuffled(file, chance)) == plain


def shuffled(value: Any, chance: Any) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: shuffled(value[key], chance) for key in keys}
    return [shuffled(one, chance) for one in value] if isinstance(value, list) else value


# --- garbage and malice ---------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-30, 30) | st.floats(allow_nan=False) | st.text(max_size=4)
    | st.sampled_from(["Reroute", "PrimitiveNode", "GetNode", "KSampler", "-1", "3", "*"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["id", "type", "name", "link"]), inner),
    max_leaves=6,
)  # fmt: skip


def everything() -> dict[str, Any]:
    """A workflow with a bit of all."""
    inside = Drawing({"width": "INT", "image": "IMAGE"}, {"IMAGE": "IMAGE"})
    number, batch = inside.add("PrimitiveNode", 3, "fixed"), inside.add("ImageScale", "area", 64, 48, "disabled")
    inside.feed("width", batch, "width")
    inside.feed("image", batch, "image")
    inside.link(number, batch, "height")
    inside.give(batch, "IMAGE")
    page = Drawing()
    image, way = page.add("EmptyImage", 64, 48, 1, 0), page.add("Reroute")
    host = page.use(inside, 77, 88, properties={"proxyWidgets": [["-1", "width"], ["2", "crop"]]})
    setter, getter = page.add("SetNode", "a"), page.add("GetNode", "a")
    bypassed, save = page.add("ImageInvert", mode=BYPASSED), page.add("SaveImage", "out")
    wires = [(image, way, ""), (way, host, "image"), (host, setter, "x"), (getter, bypassed, "image")]
    for origin, target, name in [*wires, (bypassed, save, "images")]:
        page.link(origin, target, name)
    return page.saved()


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        yield (*at, key)
        yield from places(value[key], (*at, key))


EVERYTHING = everything()
PLACES = list(places(EVERYTHING))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PLACES), JSON), min_size=1, max_size=3))
def test_garbage_is_converted_or_refused_and_nothing_else(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    file = copy.deepcopy(EVERYTHING)
    for (*way, last), value in changes:
        at: Any = file
        try:
            for key in way:
                at = at[key]
            at[last] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    try:
        graph = ui.to_api(file, nodes())
    except ui.CantConvert as error:
        assert error.message == str(error)
    else:
        assert api_format.is_api(graph)
        assert all(source in graph for node in graph.values() for _, source, _ in api_format.links(node))


@settings(deadline=None)
@given(JSON)
def test_anything_at_all_is_refused(value: Any) -> None:
    with pytest.raises(ui.CantConvert):
        ui.to_api(value, nodes())


def ring() -> Drawing:
    page = Drawing()
    for _ in range(3):
        page.add("Reroute")
    for number in (1, 2, 3):
        page.link(number, number % 3 + 1, "")
    page.link(1, page.add("SaveImage", "out"), "images")
    return page


def holds_itself() -> Drawing:
    one, two = Drawing(), Drawing()
    one.use(two)
    two.use(one)
    page = Drawing()
    page.use(one)
    return page


def ever_more(depth: int, times: int) -> Drawing:
    page = Drawing()
    page.add("EmptyImage")
    for _ in range(depth):
        inner, page = page, Drawing()
        for _ in range(times):
            page.use(inner)
    return page


def crowd() -> Drawing:
    page = Drawing()
    page.nodes = {number: {"id": number, "type": "EmptyImage"} for number in range(100_000)}
    return page


def long_ways() -> Drawing:
    """Many inputs at the end of a long chain of reroutes."""
    page = Drawing()
    page.nodes = {n: {"id": n, "type": "Reroute", "inputs": [{"name": "", "link": n}]} for n in range(1, 5000)}
    images = [{"name": "images", "link": 1}]
    page.nodes |= {n: {"id": n, "type": "SaveImage", "inputs": images} for n in range(5000, 9000)}
    page.links = [[n, n + 1, 0, n, 0, "IMAGE"] for n in range(1, 5000)]
    return page


def nowhere(link: list[Any]) -> Drawing:
    page = Drawing()
    page.add("SaveImage", "out", inputs=[{"name": "images", "type": "IMAGE", "link": 1}])
    page.links = [link]
    return page


def twins() -> Drawing:
    page = Drawing()
    page.nodes = {1: {"id": 1, "type": "EmptyImage"}, 2: {"id": "1", "type": "EmptyImage"}}
    return page


@pytest.mark.parametrize(
    ("file", "said"),
    [(ring, r"node 4 \(SaveImage\) is linked in a circle through node \d"), (holds_itself, "that holds itself"),
     (lambda: ever_more(8, 20), "more than 50000"), (lambda: ever_more(200, 1), "more than 32 subgraphs deep"),
     (crowd, "has 100000 nodes"), (long_ways, "through too many nodes"), (twins, "two nodes 1"),
     (lambda: nowhere([1, 7, 0, 1, 0, "IMAGE"]), r"node 1 \(SaveImage\) is linked to a node 7 that is not there"),
     (lambda: nowhere([2, 7, 0, 1, 0, "IMAGE"]), "its input images has a link that the file lacks"),
     (Drawing, "has no node that would run")],
)  # fmt: skip
def test_malice_is_refused_soon(file: Callable[[], Drawing], said: str) -> None:
    saved = file().saved()
    began = time.process_time()
    with pytest.raises(ui.CantConvert, match=said):
        ui.to_api(saved, nodes())
    assert time.process_time() - began < 10
