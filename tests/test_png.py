"""PNG files: whole or not, what else a file is, the text in it, the digest of its pixels."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from imagegen import png, seen
from imagegen.png import Chunk, NotWhole, pixel_digest, text_chunk, text_of
from imagegen.seen import Kind
from tests.pictures import ours, png_of, with_chunks

WHOLE = ours()


def kinds(data: bytes) -> list[bytes]:
    return [part.kind for part in png.chunks(data)]


def flaw(data: bytes) -> str:
    with pytest.raises(NotWhole) as caught:
        list(png.chunks(data))
    return str(caught.value)


def looked(folder: Path, data: bytes) -> seen.Seen:
    file = folder / "picture.png"
    file.write_bytes(data)
    return seen.look(file)


# --- whole --------------------------------------------------------------------------------------


def test_a_whole_picture_is_walked_to_its_end() -> None:
    assert kinds(png_of()) == [b"IHDR", b"IDAT", b"IEND"]
    assert kinds(WHOLE) == [b"IHDR", b"iTXt", b"tEXt", b"IDAT", b"IEND"]
    assert png.size_of(next(png.chunks(png_of((31, 17))))) == (31, 17)
    assert png.rebuilt(png.chunks(WHOLE), []) == WHOLE


@settings(max_examples=len(WHOLE))
@given(st.integers(0, len(WHOLE) - 1))
def test_a_picture_cut_off_anywhere_is_never_whole(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    expected = "cut off" if cut else "an empty file"
    assert flaw(WHOLE[:cut]) == expected
    file = tmp_path_factory.getbasetemp() / "cut.png"
    file.write_bytes(WHOLE[:cut])
    for look in (seen.look, seen.closely):
        assert (look(file).kind, look(file).why) == (Kind.DAMAGED, expected)


def test_one_byte_short_is_cut_off_although_pillow_takes_it(tmp_path: Path) -> None:
    short = png_of()[:-1]
    Image.open(io.BytesIO(short)).load()
    assert flaw(short) == "cut off"
    assert looked(tmp_path, short).kind is Kind.DAMAGED


@settings(max_examples=300)
@given(st.integers(8, len(WHOLE) - 1), st.integers(1, 255))
def test_one_changed_byte_is_noticed(at: int, change: int) -> None:
    """A chunk's length, kind, data and checksum hold each other."""
    damaged = bytearray(WHOLE)
    damaged[at] ^= change
    assert flaw(bytes(damaged)) == "cut off" or flaw(bytes(damaged)).startswith("damaged: ")


def test_a_wrong_checksum_is_named_with_its_chunk(tmp_path: Path) -> None:
    data = png_of()
    at = data.index(b"IDAT") + 6
    broken = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    assert flaw(broken) == "damaged: its IDAT chunk has a wrong checksum"
    (tmp_path / "x.png").write_bytes(broken)
    assert seen.closely(tmp_path / "x.png").why == "damaged: its IDAT chunk has a wrong checksum"


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([b"IHDR", b"IEND"], "it has no pixels"),
        ([b"IDAT", b"IHDR", b"IEND"], "it does not begin with its header"),
        ([b"tEXt", b"IHDR", b"IDAT", b"IEND"], "it does not begin with its header"),
        ([b"IHDR", b"IDAT"], "cut off"),
        ([], "cut off"),
    ],
)
def test_chunks_that_make_no_picture(parts: list[bytes], why: str) -> None:
    found = {part.kind: part for part in png.chunks(png_of())}
    found[b"tEXt"] = text_chunk("a", "b")
    assert why in flaw(png.SIGNATURE + b"".join(found[kind].encoded() for kind in parts))


def test_what_follows_the_end_is_no_part_of_the_picture(tmp_path: Path) -> None:
    assert kinds(WHOLE + b"garbage") == kinds(WHOLE)
    assert looked(tmp_path, WHOLE + b"garbage").kind is Kind.OURS


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32\nsize 12345\n"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "an empty file"),
        (LFS, "a git-lfs pointer: run `git lfs pull`"),
        (LFS[:40], "a git-lfs pointer: run `git lfs pull`"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(100), "a JPEG"),
        (b"<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>", "an HTML page"),
        (b"<html>\n<head><title>502</title></head></html>", "an HTML page"),
        (b'{"error": {"type": "not_found"}, "node_errors": {}}', "JSON text"),
        (b"GIF89a" + bytes(60), "a GIF"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(60), "a WebP"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(60), "not a PNG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG"),
        (bytes(4096), "not a PNG"),
        (b"\x89PNG\n\x1a\n" + bytes(60), "not a PNG"),  # its line ends were converted
        (b"x", "not a PNG"),
    ],
)
def test_what_a_file_is_that_is_no_png(tmp_path: Path, data: bytes, why: str) -> None:
    assert flaw(data) == why
    found = looked(tmp_path, data)
    assert (found.kind, found.why) == (Kind.DAMAGED, why)
    assert seen.closely(tmp_path / "picture.png") == found


def huge(width: int = 50_000, height: int = 50_000) -> bytes:
    """A header that promises more pixels than memory holds, and a few bytes of them."""
    header = Chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    return png.rebuilt([header, Chunk(b"IDAT", zlib.compress(bytes(1000))), Chunk(b"IEND", b"")], [])


@pytest.mark.parametrize("size", [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (20_000, 20_000)])
def test_a_header_of_too_many_pixels_costs_nothing(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(NotWhole, match=f"{size[0]} × {size[1]} pixels, too large"):
        pixel_digest(huge(*size))
    assert looked(tmp_path, huge(*size)).kind is Kind.FOREIGN


@pytest.mark.parametrize(
    "header",
    [(8, 8, 8, 7, 0, 0, 0), (8, 8, 3, 2, 0, 0, 0), (8, 8, 8, 2, 9, 0, 0), (0, 8, 8, 2, 0, 0, 0), (8, 8, 8, 2, 0, 0, 9)],
)
def test_pixels_that_cant_be_decoded_are_said_so_the_same_way_each_time(header: tuple[int, ...]) -> None:
    parts = [Chunk(b"IHDR", struct.pack(">IIBBBBB", *header)), Chunk(b"IDAT", b"no pixels"), Chunk(b"IEND", b"")]
    with pytest.raises(NotWhole) as caught:
        pixel_digest(png.rebuilt(parts, []))
    assert "0x" not in str(caught.value)


@given(st.integers(0, len(WHOLE) - 1))
def test_pixels_that_are_cut_off_have_no_digest_but_that_of_the_whole(cut: int) -> None:
    try:
        assert pixel_digest(WHOLE[:cut]) == pixel_digest(WHOLE)  # all pixels are there, only the end is not
    except NotWhole:
        pass


# --- text ---------------------------------------------------------------------------------------

KEYWORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=79)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(KEYWORDS, ANY_TEXT, st.booleans())
def test_text_survives_and_other_programs_read_it(keyword: str, text: str, international: bool) -> None:
    chunk = text_chunk(keyword, text, international)
    assert text_of(chunk) == (keyword, text)
    data = with_chunks(png_of(), chunk)
    assert png.texts_in(png.chunks(data)) == {keyword: text}
    with Image.open(io.BytesIO(data)) as image:
        assert image.info[keyword] == text


@given(KEYWORDS, ANY_TEXT)
def test_text_that_other_programs_wrote_is_read(keyword: str, text: str) -> None:
    latin = text.encode("latin-1", "ignore").decode("latin-1")
    for compressed in (False, True):
        for words, add in ((latin, "add_text"), (text, "add_itxt")):
            info = PngImagePlugin.PngInfo()
            getattr(info, add)(keyword, words, zip=compressed)
            assert png.texts_in(png.chunks(png_of(pnginfo=info))) == {keyword: words}


def test_latin_text_is_tEXt_and_all_other_iTXt() -> None:  # noqa: N802  (the chunks are called so)
    assert [text_chunk("a", text).kind for text in ("Élan", "鬼")] == [b"tEXt", b"iTXt"]
    assert text_chunk("a", "plain", international=True).kind == b"iTXt"


def test_the_first_text_of_a_keyword_counts() -> None:
    data = with_chunks(png_of(), text_chunk("a", "first"), text_chunk("a", "second"), text_chunk("b", "third"))
    assert png.texts_in(png.chunks(data)) == {"a": "first", "b": "third"}


@pytest.mark.parametrize(
    "chunk",
    [
        Chunk(b"tEXt", b"no keyword"),
        Chunk(b"zTXt", b"k\0\0not deflated"),
        Chunk(b"iTXt", b"k\0"),
        Chunk(b"iTXt", b"k\0\0"),
        Chunk(b"iTXt", b"k\0\0\0\0\0\xff\xfe"),
        Chunk(b"iTXt", b"k\0\1\0\0\0not deflated"),
        Chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(png.MAX_TEXT + 1))),
        Chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(png.MAX_TEXT + 1))),
    ],
)
def test_text_that_cant_be_read_is_damage_and_no_bomb(chunk: Chunk) -> None:
    with pytest.raises(NotWhole, match="its text can't be read"):
        text_of(chunk)


@given(st.sampled_from([b"tEXt", b"zTXt", b"iTXt"]), st.binary(max_size=40))
def test_any_text_chunk_is_read_or_damage(kind: bytes, data: bytes) -> None:
    try:
        keyword, text = text_of(Chunk(kind, data))
        assert isinstance(keyword, str) and isinstance(text, str)
    except NotWhole:
        pass


# --- pixels -------------------------------------------------------------------------------------


def noise(mode: str = "RGB") -> Image.Image:
    image = Image.frombytes("RGB", (16, 12), bytes(n * 37 % 251 for n in range(16 * 12 * 3)))
    return image.quantize(16).convert("RGB").convert(mode) if mode != "RGB" else image.quantize(16).convert("RGB")


def saved(image: Image.Image, **how: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", **how)
    return stream.getvalue()


def split(data: bytes, size: int = 20) -> bytes:
    """The same compressed pixels in many small IDAT chunks."""
    parts = list(png.chunks(data))
    pixels = b"".join(part.data for part in parts if part.kind == b"IDAT")
    pieces = [Chunk(b"IDAT", pixels[at : at + size]) for at in range(0, len(pixels), size)]
    return png.rebuilt([parts[0], *pieces, parts[-1]], [])


@pytest.mark.parametrize("level", range(0, 10, 3))
def test_the_digest_of_pixels_does_not_depend_on_compression_mode_or_chunks(level: int) -> None:
    image = noise()
    wanted = pixel_digest(saved(image))
    for other in (
        saved(image, compress_level=level),
        saved(image, optimize=True),
        saved(image.convert("RGBA"), compress_level=level),
        saved(image.quantize(16), compress_level=level),
        split(saved(image, compress_level=level)),
        with_chunks(saved(image), text_chunk("Comment", "hello")),
        saved(image, dpi=(72, 72)),
    ):
        assert pixel_digest(other) == wanted


def test_transparency_counts_however_it_is_written() -> None:
    opaque, key = noise(), noise().getpixel((3, 3))
    clear = opaque.convert("RGBA")
    for x, y in itertools.product(range(16), range(12)):
        if opaque.getpixel((x, y)) == key:
            clear.putpixel((x, y), (*key, 0))  # type: ignore[misc]
    assert pixel_digest(saved(opaque, transparency=key)) == pixel_digest(saved(clear)) != pixel_digest(saved(opaque))


def test_grey_is_the_same_as_its_colours() -> None:
    grey = noise("L")
    assert pixel_digest(saved(grey)) == pixel_digest(saved(grey.convert("RGB"))) != pixel_digest(saved(noise()))


@given(st.integers(0, 15), st.integers(0, 11), st.integers(0, 3), st.integers(1, 255))
def test_any_one_changed_pixel_changes_the_digest(x: int, y: int, band: int, change: int) -> None:
    image = noise("RGBA")
    before = pixel_digest(saved(image))
    pixel = list(image.getpixel((x, y)))  # type: ignore[arg-type]
    pixel[band] ^= change
    image.putpixel((x, y), tuple(pixel))
    assert pixel_digest(saved(image)) != before


def test_size_counts_not_only_the_pixels_in_their_order() -> None:
    assert pixel_digest(png_of((4, 16))) != pixel_digest(png_of((16, 4)))


def test_sixteen_bits_of_grey_are_told_apart() -> None:
    """An adopted height map, edited in its upper half, is edited."""
    assert pixel_digest(png_of(mode="I;16", colour=30_000)) != pixel_digest(png_of(mode="I;16", colour=60_000))


def test_the_quick_digest_follows_the_compressed_bytes() -> None:
    image = noise()
    first, again, other = saved(image), with_chunks(saved(image), text_chunk("a", "b")), saved(image, compress_level=1)
    assert png.data_digest(png.chunks(first)) == png.data_digest(png.chunks(again))
    assert png.data_digest(png.chunks(first)) != png.data_digest(png.chunks(other))


def test_a_header_has_its_length() -> None:
    header, *others = png.chunks(png_of())
    assert "does not begin with its header" in flaw(png.rebuilt([Chunk(b"IHDR", header.data[:12]), *others], []))


LOOK = b"IHDR PLTE tRNS gAMA cHRM sRGB iCCP sBIT pHYs cICP mDCV cLLI acTL fcTL fdAT IDAT IEND".split()
"""What decides how a picture looks: https://www.w3.org/TR/png-3/#11Chunks"""


def test_what_decides_the_look_is_kept_and_the_rest_left_out() -> None:
    rest = b"tEXt zTXt iTXt tIME eXIf hIST sPLT prVt".split()
    parts = [Chunk(kind, b"") for kind in (*LOOK, *rest)]
    assert [part.kind for part in png.picture_only(parts)] == LOOK
