"""Pictures that go into others: their digests, the order of making, and where their files may lie."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imagegen import png
from imagegen.ingredients import NoPicture, in_making_order, pixels, with_pixels
from imagegen.inputs import BadInput, Inputs
from imagegen.items import Ingredient
from imagegen.recipe import canonical
from tests.manifests import ON_PLACEHOLDER, loaded, own_folder, wrong
from tests.pictures import ours, png_of, with_chunks, with_record


def written(image: Image.Image, form: str, **how: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **how)
    return stream.getvalue()


def noise(mode: str = "RGB", size: tuple[int, int] = (12, 8), seed: int = 7) -> Image.Image:
    count = size[0] * size[1] * len(mode)
    return Image.frombytes(mode, size, bytes((seed * (n + 3) ** 2) % 251 for n in range(count)))


# Pixels


def test_the_digest_is_of_the_pixels_and_not_of_the_file() -> None:
    image = noise()
    same = [
        written(image, "PNG"),
        written(image, "PNG", compress_level=0),
        written(image.convert("RGBA"), "PNG"),
        written(image, "WEBP", lossless=True),
        with_chunks(written(image, "PNG"), png.text_chunk("Comment", "words")),
    ]
    assert len({pixels(data) for data in same}) == 1
    assert pixels(written(noise(seed=8), "PNG")) != pixels(same[0])


def test_the_size_counts_too() -> None:
    assert pixels(png_of((8, 4))) != pixels(png_of((4, 8)))


def test_what_is_transparent_counts() -> None:
    image = noise("RGBA")
    assert pixels(written(image, "PNG")) != pixels(written(image.convert("RGB"), "PNG"))


def test_a_photograph_is_turned_as_its_camera_says() -> None:
    """ComfyUI's LoadImage turns it too."""
    image = noise()
    exif = Image.Exif()
    exif[0x0112] = 6
    assert pixels(written(image, "WEBP", lossless=True, exif=exif)) == pixels(
        written(image.rotate(-90, expand=True), "PNG")
    )


def test_a_png_that_its_exif_turns_is_turned_too() -> None:
    image = noise()
    exif = Image.Exif()
    exif[0x0112] = 3
    assert pixels(written(image, "PNG", exif=exif)) == pixels(written(image.rotate(180), "PNG"))


def test_a_picture_of_ours_is_not_decoded_and_gives_the_same() -> None:
    plain = written(noise(), "PNG")
    assert pixels(ours(data=plain)) == pixels(plain)


def test_a_record_that_came_with_other_pixels_is_not_believed() -> None:
    """Somebody painted over a picture of ours in a program that keeps its texts."""
    mine, other = ours(data=written(noise(), "PNG")), written(noise(seed=9), "PNG")
    kept = [chunk for chunk in png.chunks(mine) if chunk.kind == b"iTXt"]
    assert pixels(with_chunks(other, *kept)) == pixels(other)


@pytest.mark.parametrize("text", ['{"format":999}', '{"format":1}', "", "words"])
def test_a_record_that_cannot_be_read_is_only_a_text(text: str) -> None:
    assert pixels(with_record(text)) == pixels(png_of())


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty file"),
        (b"words", "no picture"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "git-lfs"),
        (b"GIF89a" + bytes(30), "GIF"),
        (written(noise(), "GIF"), "GIF"),
        (written(noise(), "BMP"), ""),
        (written(noise(), "JPEG")[:200], "decoded"),
        (written(noise(), "WEBP")[:40], ""),
        (written(noise(), "PNG")[:60], ""),
        (written(noise(), "PNG")[:-1], ""),
        (b"\x89PNG\r\n\x1a\n", ""),
    ],
)
def test_what_is_no_picture_says_what_it_is(data: bytes, told: str) -> None:
    with pytest.raises(NoPicture, match=f".*{told}"):
        pixels(data)


@given(
    st.binary(max_size=80), st.sampled_from([b"", b"\xff\xd8\xff", b"RIFF....WEBP", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
)
def test_any_bytes_are_a_picture_or_none(data: bytes, start: bytes) -> None:
    try:
        assert pixels(start + data).startswith("sha256:")
    except NoPicture as error:
        assert str(error)


@given(st.data())
def test_a_picture_with_any_byte_changed_is_another_or_none_or_the_same(data: st.DataObject) -> None:
    """Never a crash, whatever a disk does to a file."""
    whole = data.draw(st.sampled_from([ours(), png_of(), written(noise(), "JPEG"), written(noise(), "WEBP")]))
    at = data.draw(st.integers(0, len(whole) - 1))
    broken = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    try:
        assert pixels(broken).startswith("sha256:")
    except NoPicture as error:
        assert str(error)


def test_a_header_of_enormous_sides_costs_nothing() -> None:
    data = bytearray(png_of())
    data[16:24] = (50_000).to_bytes(4, "big") * 2
    with pytest.raises(NoPicture):
        pixels(bytes(data))


# The recipe


def test_references_keep_their_order_and_an_image_is_one() -> None:
    own = (Ingredient("references", "b"), Ingredient("image", "c"), Ingredient("references", "a"))
    made = with_pixels(b'{"prompt":"x"}', own, lambda one: f"sha256:{one.path}")
    assert made == {"prompt": "x", "references": ["sha256:b", "sha256:a"], "image": "sha256:c"}


def test_a_recipe_with_pixels_says_nothing_of_files() -> None:
    one = with_pixels(b"{}", (Ingredient("references", "a.png"),), lambda _: "sha256:1")
    other = with_pixels(b"{}", (Ingredient("references", "b.png", "kins:b"),), lambda _: "sha256:1")
    assert canonical(one) == canonical(other)


# The order


def needs() -> st.SearchStrategy[dict[str, list[str]]]:
    names = st.sampled_from([f"t{n}" for n in range(12)])
    return st.dictionaries(names, st.lists(names, max_size=4), max_size=12)


@given(needs())
def test_each_is_behind_what_it_needs_or_there_is_a_cycle(waits: dict[str, list[str]]) -> None:
    order, circle = in_making_order(waits.items())
    if circle:
        assert order == []
        assert circle[0] == circle[-1]
        assert len(set(circle)) == len(circle) - 1
        assert all(after in waits[before] for before, after in zip(circle, circle[1:], strict=False))
    else:
        assert sorted(order) == sorted({*waits, *(need for own in waits.values() for need in own)})
        at = {task: number for number, task in enumerate(order)}
        assert all(at[need] < at[task] for task, own in waits.items() for need in own)


@given(st.permutations([f"t{n}" for n in range(8)]), st.data())
def test_what_has_an_order_has_no_cycle(tasks: list[str], data: st.DataObject) -> None:
    waits = {
        task: data.draw(st.lists(st.sampled_from(tasks[:n]), max_size=3)) if n else [] for n, task in enumerate(tasks)
    }
    shuffled = {task: waits[task] for task in data.draw(st.permutations(tasks))}
    assert in_making_order(shuffled.items())[1] == []


def test_a_chain_of_ten_thousand_is_no_matter() -> None:
    waits = {f"t{n}": [f"t{n + 1}"] for n in range(10_000)}
    order, circle = in_making_order(waits.items())
    assert (order[0], order[-1], circle) == ("t10000", "t0", [])
    waits["t10000"] = ["t0"]
    assert len(in_making_order(waits.items())[1]) == 10_002


# Files


@pytest.mark.parametrize("same", ["art/a.png", "./art/a.png", "art//a.png", "art/../art/a.png", "{root}/art/a.png"])
def test_one_file_has_one_name(tmp_path: Path, same: str) -> None:
    assert Inputs(tmp_path, ()).path(same.format(root=tmp_path)) == "art/a.png"


@pytest.mark.parametrize("named", ["../a.png", "/a.png", "a\\b.png", " ", "a\0b", "art/../../a.png", "//srv/a"])
def test_other_names_are_refused(tmp_path: Path, named: str) -> None:
    with pytest.raises(BadInput):
        Inputs(tmp_path, ()).path(named)


@given(named=st.text(max_size=30))
def test_any_name_is_inside_or_refused(tmp_path_factory: pytest.TempPathFactory, named: str) -> None:
    project = own_folder(tmp_path_factory)
    try:
        found = Inputs(project, ()).path(named)
    except BadInput:
        return
    assert (project / found).resolve().is_relative_to(project.resolve())


def test_a_link_out_is_refused_with_the_folder_to_allow(tmp_path: Path) -> None:
    outside, project = tmp_path / "outside", tmp_path / "project"
    outside.mkdir()
    project.mkdir()
    (project / "art").symlink_to(outside)
    with pytest.raises(BadInput) as caught:
        Inputs(project, ()).path("art/a.png")
    assert caught.value.hint.endswith(f"--allow-path {outside.resolve()}")
    assert Inputs(project, (outside,)).path("art/a.png") == "art/a.png"


# In a manifest


def test_a_path_that_is_another_items_target_is_that_item(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        ON_PLACEHOLDER + "items: [Mallsing, {name: Ferry, references: [./assets/images/MALLSING.png]}]\n",
    )
    assert found.items[1].ingredients == (Ingredient("references", "assets/images/mallsing.png", "images:mallsing"),)
    assert found.picture_uses == ()


def test_the_job_of_its_own_comes_first_and_a_full_name_wins(tmp_path: Path) -> None:
    text = """\
        defaults: {backend: placeholder, prompt: a picture}
        jobs:
          a: {items: [Mallsing]}
          b:
            items:
              - Mallsing
              - {name: Own, image: {item: mallsing}}
              - {name: Other, image: {item: "a:mallsing"}}
        """
    found = {item.name: item.ingredients for item in loaded(tmp_path, text).items}
    assert found["Own"][0].task == "b:mallsing"
    assert found["Other"][0].task == "a:mallsing"


def test_one_missing_picture_of_many_items_is_counted_once(tmp_path: Path) -> None:
    found = loaded(tmp_path, ON_PLACEHOLDER + "items: [{name: A, image: a.png}, {name: B, image: ./a.png}]\n")
    assert [(use.file, use.items) for use in found.picture_uses] == [("a.png", 2)]


def test_what_refers_to_a_wrong_item_is_no_error_of_its_own(tmp_path: Path) -> None:
    told = wrong(
        tmp_path,
        ON_PLACEHOLDER + 'items: [{name: Mallsing, width: 10}, {name: Ferry, references: [{item: "mallsing"}]}]\n',
    )
    assert "there is no item" not in told
    assert "width" in told


def test_references_are_given_anew_and_do_not_add_up(tmp_path: Path) -> None:
    text = "defaults: {backend: placeholder, prompt: a, references: [a.png]}\n"
    found = loaded(tmp_path, text + "items: [A, {name: B, references: [b.png]}, {name: C, references: []}]\n")
    assert [[one.path for one in item.ingredients] for item in found.items] == [["a.png"], ["b.png"], []]


def test_the_recipe_of_the_manifest_has_no_path(tmp_path: Path) -> None:
    found = loaded(tmp_path, ON_PLACEHOLDER + "items: [{name: A, references: [a.png], image: b.png}]\n")
    assert not {"references", "image"} & set(json.loads(found.items[0].recipe))
