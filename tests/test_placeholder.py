"""The placeholder: a picture for every item, the same one every time, and never a box for a letter."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageFont

from imagegen.backends.base import Order, Watch
from imagegen.backends.placeholder import Backend, lettering
from imagegen.backends.placeholder.canvas import Canvas
from imagegen.backends.placeholder.card import MARK, Box, Card, card, words
from imagegen.backends.placeholder.chance import Chance
from imagegen.backends.placeholder.drawing import Subject, ground
from imagegen.backends.placeholder.lettering import Faces, balanced, covers, legible, wrapped
from imagegen.backends.placeholder.palette import palette
from imagegen.backends.placeholder.pattern import FAMILIES
from imagegen.backends.placeholder.tilings import glass, hexes, quarters, scales, weave
from imagegen.errors import Interrupted

HERE = Path(__file__).parent.parent
PROMPT = "a portrait of an old lighthouse keeper at dusk, oil on canvas, warm lamplight, a stormy sea behind"

SIZES = [
    (1024, 1024), (832, 1216), (1344, 768), (256, 256), (128, 128), (64, 64), (48, 48), (32, 32), (16, 16),
    (16, 2000), (2000, 16), (64, 1024), (1024, 64), (300, 40), (40, 300), (511, 97),
]  # fmt: skip


def order(name: str = "Ember", prompt: str = PROMPT, width: int = 96, height: int = 96, seed: int = 7) -> Order:
    recipe = {"name": name, "prompt": prompt, "width": width, "height": height, "seed": seed}
    return Order("kins:x", name, recipe, digest(repr(recipe)))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def png(wanted: Order) -> bytes:
    return Backend({}, {}, Path()).generate(wanted, Watch(threading.Event())).png


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def laid(name: str, prompt: str, width: int, height: int) -> Card | None:
    return card(words(name, prompt, width, height, "4294967295"), width, height, Faces())


def said(label: Card | None, role: str) -> str:
    return " ".join(line.text for line in label.lines if line.role == role) if label else ""


def inside(inner: Box, outer: Box) -> bool:
    return (
        outer.left <= inner.left < inner.right <= outer.right and outer.top <= inner.top < inner.bottom <= outer.bottom
    )


def apart(one: Box, other: Box) -> bool:
    beside = one.right <= other.left or other.right <= one.left
    return beside or one.bottom <= other.top or other.bottom <= one.top


# The same recipe is the same picture, another is another.


def test_the_same_recipe_is_the_same_bytes_here_and_in_another_process() -> None:
    wanted = order(width=200, height=120)
    script = (
        "import json, sys, threading, hashlib\n"
        "from pathlib import Path\n"
        "from imagegen.backends.base import Order, Watch\n"
        "from imagegen.backends.placeholder import Backend\n"
        "recipe, digest = json.load(sys.stdin)\n"
        "order = Order('other:task', 'another', recipe, digest)\n"
        "png = Backend({}, {}, Path()).generate(order, Watch(threading.Event())).png\n"
        "print(hashlib.sha256(png).hexdigest())\n"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps([dict(wanted.recipe), wanted.digest]),
        env={**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        check=True,
    )
    once = png(wanted)
    assert once == png(wanted)
    assert elsewhere.stdout.strip() == hashlib.sha256(once).hexdigest()


def test_threads_draw_what_one_alone_draws() -> None:
    many = [order(name=f"Kin {n} Ελένη", width=160, height=200, seed=n) for n in range(12)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(png, many))
    assert together == [png(one) for one in many]


def test_another_digest_is_another_picture_even_with_the_same_words() -> None:
    recipe = order().recipe
    seen = {png(Order("a:b", "Ember", recipe, digest(str(number)))) for number in range(40)}
    assert len(seen) == 40


def test_pictures_can_be_told_apart_at_a_glance() -> None:
    def small(number: int) -> Image.Image:
        subject = Subject("", "", 64, 64, "", digest(f"glance {number}"))
        return ground(subject, palette(Chance(subject.digest, "palette"))).resize((8, 8), Image.Resampling.BOX)

    pictures = [small(number) for number in range(16)]
    for index, one in enumerate(pictures):
        for other in pictures[index + 1 :]:
            different = ImageChops.difference(one, other).convert("L")
            assert sum(different.tobytes()) / 64 > 6


def test_every_family_of_pattern_is_met() -> None:
    met = {Chance(digest(str(number)), "pattern").pick(FAMILIES) for number in range(200)}
    assert met == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
@pytest.mark.parametrize("size", [(120, 90), (16, 700), (700, 16), (16, 16)])
def test_each_family_covers_every_size(family, size, monkeypatch) -> None:
    from imagegen.backends.placeholder import pattern

    monkeypatch.setattr(pattern, "FAMILIES", (family,))
    colours = palette(Chance(digest("x"), "palette"))
    image = Image.new("RGB", size, (255, 0, 255))  # no palette has it
    pattern.paint(image, colours, Chance(digest("y"), "pattern"))
    found = image.getcolors(1 << 16)
    assert found is not None
    assert (255, 0, 255) not in [colour for _, colour in found]
    if size == (120, 90):
        assert len(found) > 3


@pytest.mark.parametrize("family", [hexes, scales, weave, glass, quarters], ids=lambda family: family.__name__)
def test_tiles_reach_into_every_corner(family) -> None:
    for number in range(6):
        image = Image.new("RGB", (400, 300))
        colours = palette(Chance(digest("x"), "palette"))
        family(Canvas(image, ImageDraw.Draw(image), colours, Chance(digest(str(number)), "pattern")))
        for corner in ((0, 0), (300, 0), (0, 200), (300, 200)):
            part = image.crop((*corner, corner[0] + 100, corner[1] + 100))
            found = part.getcolors(1 << 14)
            assert found is not None and len(found) > 1, (number, corner)


def test_numbers_follow_from_the_digest_and_stay_in_bounds() -> None:
    numbers = [Chance("d", "p").unit() for _ in range(3)]
    assert len(set(numbers)) == 1
    assert Chance("d", "p").unit() != Chance("d", "q").unit()
    chance = Chance("d", "p")
    wholes = [chance.whole(2, 5) for _ in range(300)]
    assert set(wholes) == {2, 3, 4, 5}
    # Written down, so that a change of what every old recipe looks like is a change on purpose.
    assert Chance("0" * 64, "pattern").unit() == 0.9442975148620398


# The picture is a PNG of the asked size.


@pytest.mark.parametrize("size", SIZES)
def test_it_has_exactly_the_asked_size(size: tuple[int, int]) -> None:
    image = opened(png(order("Lighthouse keeper", width=size[0], height=size[1])))
    assert (image.size, image.mode, image.format) == (size, "RGB", "PNG")
    assert image.info == {}


@settings(max_examples=25, deadline=None)
@given(st.integers(16, 420), st.integers(16, 420), st.text(max_size=30))
def test_any_size_any_name(width: int, height: int, name: str) -> None:
    assert opened(png(order(name, name * 3, width, height))).size == (width, height)


def test_a_large_one_is_painted_smaller_and_enlarged_to_the_size() -> None:
    assert opened(png(order(width=2100, height=1500))).size == (2100, 1500)


def test_a_recipe_without_a_prompt_or_seed_is_drawn() -> None:
    bare = Order("a:b", "Ember", {"name": "Ember", "width": 64, "height": 64}, digest("bare"))
    assert opened(png(bare)).size == (64, 64)


# Names in any script are readable, or an emblem stands for them.


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ember", "Ember"),
        ("Ελένη", "Elene"),
        ("Привет", "Privet"),
        ("北京", "Bei Jing"),
        ("ひらがな", "hiragana"),
        ("سلام", "slm"),
        ("नमस्ते", "nmste"),
        ("Zoë & Đặng", "Zoe & Dang"),
        ("Zoe\u0308", "Zoe"),
        ("x\u0302\u0323", "x"),
        ("𝓐𝓫 ① ｆｕｌｌ", "Ab 1 full"),
        ("🐉 dragon 🔥", "dragon"),
        ("two\nlines\tand \r\n more", "two lines and more"),
        ("a\x00b\x07c\x1b[31m", "abc[31m"),
        ("\u202eright\u202c to \u200fleft", "right to left"),
        ("!!!", "!!!"),
        ("— “so” …", "-- “so” …"),
        ("🐉", ""),
        ("🐉!", ""),
        ("👩‍👩‍👧 🇩🇪", ""),
        ("\ud83d", ""),
        ("\ue000\ue001", ""),
        ("ꯃꯤꯇꯩ x", ""),
        ("", ""),
        (" \n\u200b\u3000 ", ""),
    ],
)
def test_a_name_as_it_is_written(name: str, shown: str) -> None:
    assert legible(name) == shown


@given(st.text(max_size=80))
def test_only_letters_that_the_typeface_has_are_ever_written(text: str) -> None:
    assert all(covers(char) for char in legible(text))


@settings(max_examples=40, deadline=None)
@given(
    st.text(max_size=40),
    st.one_of(st.text(max_size=200), st.just(PROMPT), st.just("W" * 300)),
    st.one_of(st.sampled_from(SIZES), st.tuples(st.integers(16, 1500), st.integers(16, 1500))),
)
def test_a_label_never_overflows_or_overlaps(name: str, prompt: str, size: tuple[int, int]) -> None:
    label = laid(name, prompt, *size)
    if label is None:
        assert min(size) < 24
        return
    boxes = [line.box for line in label.lines] + ([label.emblem] if label.emblem else [])
    panel = label.panel or Box(0, 0, *size)
    assert boxes
    assert inside(panel, Box(0, 0, *size))
    assert all(inside(box, panel) for box in boxes)
    assert all(apart(one, other) for n, one in enumerate(boxes) for other in boxes[n + 1 :])
    for line in label.lines:
        assert all(covers(char) for char in line.text)
        assert Faces().length(line.text, line.size) <= line.box.width


@pytest.mark.parametrize("size", [(700, 500), (256, 256), (96, 96), (64, 64), (60, 400), (500, 48)])
@pytest.mark.parametrize("name", ["jgyÅ|(Wq_", "Lighthouse keeper of the northern shore", "🐉", "W" * 40])
def test_no_ink_falls_outside_the_label(size: tuple[int, int], name: str) -> None:
    wanted = order(name, "jumping (quickly) | over Wagons_" * 8, *size)
    subject = Subject(name, "", *size, "7", wanted.digest)
    bare = ground(subject, palette(Chance(wanted.digest, "palette")))
    label = card(words(name, str(wanted.recipe["prompt"]), *size, "7"), *size, Faces())
    assert label is not None
    changed = ImageChops.difference(opened(png(wanted)), bare).getbbox()
    home = label.panel or label.emblem
    assert changed is not None and home is not None
    assert inside(Box(*changed), home)


def _cmap(data: bytes) -> set[int]:
    """Code points of a font file's Unicode table of format 4 (OpenType 1.9, "cmap")."""
    tables = struct.unpack(">H", data[4:6])[0]
    records = [struct.unpack(">4sLLL", data[12 + 16 * n : 28 + 16 * n]) for n in range(tables)]
    at = next(offset for tag, _, offset, _ in records if tag == b"cmap")
    for n in range(struct.unpack(">H", data[at + 2 : at + 4])[0]):
        table = at + struct.unpack(">HHL", data[at + 4 + 8 * n : at + 12 + 8 * n])[2]
        form, _, _, twice = struct.unpack(">HHHH", data[table : table + 8])
        if form != 4:
            continue
        ends, starts, deltas, offsets = (
            struct.unpack(f">{twice // 2}H", data[start : start + twice])
            for start in (table + 14 + gap + k * twice for k, gap in ((0, 0), (1, 2), (2, 2), (3, 2)))
        )
        found = set()
        for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
            for code in range(start, min(end, 0xFFFE) + 1):
                glyph = code + deltas[k]
                if offsets[k]:
                    where = table + 16 + 3 * twice + 2 * k + offsets[k] + 2 * (code - start)
                    glyph = struct.unpack(">H", data[where : where + 2])[0]
                if glyph & 0xFFFF:
                    found.add(code)
        return found
    raise AssertionError("the font has no table of format 4")


def test_what_is_taken_for_covered_is_in_the_fonts_own_table() -> None:
    face = ImageFont.load_default(32)
    assert isinstance(face, ImageFont.FreeTypeFont)
    table = _cmap(face.font_bytes)
    assert {ord("A"), ord("·")} <= table
    wrong = [chr(code) for code in range(0x10000) if covers(chr(code)) and code not in table]
    assert wrong == []
    lacking = {chr(code) for code in table if not covers(chr(code)) and not chr(code).isspace()}
    assert all(not char.isalnum() for char in lacking), lacking


def test_the_layout_is_not_left_to_a_library_that_some_machines_lack() -> None:
    # Raqm comes and goes with FriBiDi on the machine, and would move letters.
    assert Faces()(20).layout_engine == ImageFont.Layout.BASIC


def test_signs_the_typeface_lacks_are_replaced() -> None:
    assert all(covers(char) for sign in (lettering.times(), lettering.dot(), lettering.ellipsis()) for char in sign)
    assert said(laid("Ember", "", 640, 480), "facts").startswith(f"640 {lettering.times()} 480")


def test_an_unreadable_name_has_an_emblem_and_its_prompt_and_size() -> None:
    label = laid("🐉", "a dragon", 1024, 768)
    assert label is not None and label.emblem is not None
    assert said(label, "name") == ""
    assert said(label, "prompt") == "a dragon"
    assert said(label, "mark") == MARK
    readable = laid("Ember", "a dragon", 1024, 768)
    assert readable is not None and readable.emblem is None
    assert said(readable, "name") == "Ember"


def test_emblems_differ_and_are_clear_outside_their_outline() -> None:
    from imagegen.backends.placeholder.emblem import emblem

    drawn = [
        emblem(60, palette(Chance(digest("same"), "palette")), Chance(digest(str(n)), "emblem")) for n in range(12)
    ]
    assert len({one.tobytes() for one in drawn}) > 9
    for one in drawn:
        assert one.size == (60, 60)
        assert one.getpixel((0, 59))[3] == 0
        assert one.getpixel((30, 30))[3] == 255


@pytest.mark.parametrize(("width", "height"), [(1024, 1024), (832, 1216), (1344, 768), (256, 256), (96, 96)])
def test_name_size_seed_and_the_word_placeholder_are_there(width: int, height: int) -> None:
    label = laid("Ember", PROMPT, width, height)
    assert said(label, "name") == "Ember"
    dot = f" {lettering.dot()}" if width > 100 else ""  # two lines, where one is too narrow
    assert said(label, "facts") == f"{width} {lettering.times()} {height}{dot} seed 4294967295"
    assert said(label, "mark") == MARK


def test_a_tiny_one_has_only_what_fits() -> None:
    assert said(laid("Ember", PROMPT, 64, 64), "name") == "Ember"
    assert said(laid("Lighthouse keeper", PROMPT, 48, 48), "name").endswith(lettering.ellipsis())
    smaller = laid("Ember", PROMPT, 24, 24)
    assert smaller is not None and smaller.lines == () and smaller.emblem is not None
    assert laid("Ember", PROMPT, 16, 16) is None


def test_a_long_prompt_ends_in_an_ellipsis_and_a_short_one_does_not() -> None:
    assert said(laid("Ember", PROMPT * 20, 512, 512), "prompt").endswith(lettering.ellipsis())
    assert said(laid("Ember", "a dragon", 512, 512), "prompt") == "a dragon"


@pytest.mark.parametrize("prompt", [PROMPT * 50, "龙" * 5000, "W" * 5000, " \n" * 2500, "a " * 2500, "🐉" * 5000])
def test_five_thousand_characters_take_no_time(prompt: str) -> None:
    png(order())
    begun = time.perf_counter()
    png(order("Ember", prompt, 256, 256))
    assert time.perf_counter() - begun < 1.0
    assert len(legible(prompt)) < 6 * lettering.LONGEST


def test_lines_break_at_words_and_keep_all_of_them() -> None:
    faces = Faces()
    lines = wrapped(PROMPT, faces, 20, 400, 9, cut=False)
    assert lines is not None and len(lines) > 1
    assert " ".join(lines) == PROMPT
    assert wrapped("W" * 40, faces, 20, 100, 9, cut=False) is None
    broken = wrapped("W" * 12, faces, 20, 100, 9, cut=True)
    assert broken is not None and "".join(broken) == "W" * 12
    assert wrapped("WWWWWW", faces, 20, 25, 1, cut=True) is None
    assert wrapped("WWWWWW", faces, 20, 5, 9, cut=True) is None


def test_two_lines_of_a_name_are_about_equally_long() -> None:
    faces = Faces()
    lines = balanced("Lighthouse keeper of the north", faces, 20, 260, 2)
    assert lines is not None and len(lines) == 2
    lengths = [faces.length(line, 20) for line in lines]
    assert max(lengths) < 2 * min(lengths)


def test_without_freetype_there_is_the_emblem_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(size: float | None = None) -> None:
        raise ImportError("The _imagingft C module is not installed")

    monkeypatch.setattr(ImageFont, "load_default", lacking)
    label = laid("Ember", PROMPT, 200, 100)
    assert label is not None and label.emblem is not None and label.lines == ()
    assert opened(png(order(width=200, height=100))).size == (200, 100)


# What the program asks of a backend.


def test_it_takes_every_setting() -> None:
    assert {"prompt", "negative_prompt", "checkpoint", "sampler", "loras", "workflow", "seed"} <= Backend.uses
    assert Backend.draws_name
    assert Backend({}, {}, Path()).defaults({}) == {"width": 1024, "height": 1024}
    backend = Backend({}, {}, Path())
    assert 1 <= backend.workers <= 4
    assert backend.locate("checkpoint", "x") is None
    assert backend.preflight([], Watch(threading.Event())) == []
    assert backend.sent(order()) is None
    backend.close()


@pytest.mark.parametrize(
    ("recipe", "complaints"),
    [
        ({}, []),
        ({"width": 16, "height": 8192}, []),
        ({"width": 8000, "height": 8000}, []),
        ({"width": 15, "height": 512}, ["width"]),
        ({"width": 8193, "height": 0}, ["width", "height"]),
        ({"width": 8192, "height": 8192}, ["width"]),
        ({"width": 8000, "height": 8001}, ["height"]),
        ({"width": "512"}, ["width"]),
        ({"width": True}, ["width"]),
    ],
)
def test_sizes_it_can_not_draw_are_said_beforehand(recipe: dict[str, object], complaints: list[str]) -> None:
    found = list(Backend({}, {}, Path()).check(Order("job:a", "a", recipe, "")))
    assert [complaint.setting for complaint in found] == complaints
    assert all(complaint.message and complaint.hint for complaint in found)


def test_it_reports_its_start_and_its_one_step() -> None:
    told: list[object] = []
    watch = Watch(threading.Event(), lambda: told.append("started"), lambda *step: told.append(step))
    Backend({}, {}, Path()).generate(order(), watch)
    assert told == ["started", (1, 1)]


def test_it_draws_nothing_when_the_run_is_being_left() -> None:
    told: list[object] = []
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(Interrupted):
        Backend({}, {}, Path()).generate(order(), Watch(cancelled, lambda: told.append("started")))
    assert told == []


def test_pillow_is_not_loaded_before_the_first_picture() -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from imagegen.backends.placeholder import Backend\n"
        "from imagegen.backends.base import Order\n"
        "list(Backend({}, {}, Path()).check(Order('job:a', 'a', {'width': 64}, '')))\n"
        "print('PIL' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


def test_its_block_has_no_settings() -> None:
    schema = json.loads((HERE / "schemas/backends/placeholder.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({})
    assert not validator.is_valid({"label": False})
    assert schema["description"]
