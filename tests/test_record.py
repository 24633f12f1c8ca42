"""The record in a picture: what it keeps, what it hides, what it outlives, and what others read beside it."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, PngImagePlugin

from imagegen import png, recipe, record, seen, stamp, verdict
from imagegen.png import NotWhole
from imagegen.recipe import Recipe, canonical
from imagegen.record import FromTheFuture, Record
from imagegen.seen import Kind, Seen
from imagegen.verdict import State, Verdict
from tests.conftest import Project
from tests.manifests import ON_PLACEHOLDER
from tests.pictures import RECIPE, ours, png_of, with_chunks, with_record

KNOWN = {"checkpoint": "sha256:" + "0123456789abcdef" * 4}
LETTERS = st.text(st.characters(exclude_categories=["Cs"]))
RECIPES = st.dictionaries(
    LETTERS, LETTERS | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(), max_size=6
)


def record_in(data: bytes) -> Record:
    """The record in a picture's bytes."""
    (found,) = (record.read(part) for part in png.chunks(data) if part.data.startswith(b"imagegen\0"))
    assert found is not None
    return found


def judged(data: bytes, wanted: Recipe = RECIPE, known: dict[str, str] | None = None) -> Verdict:
    return verdict.judge(wanted, known or {}, Seen(Kind.OURS, record_in(data)))


# --- round trip ---------------------------------------------------------------------------------


@given(RECIPES)
def test_a_record_survives_in_any_script(made: dict[str, Any]) -> None:
    data = ours(made)
    found = record_in(data)
    assert found.recipe == made and canonical(found.recipe) == canonical(made)
    assert judged(data, made) == verdict.FRESH
    assert found.pixels == png.pixel_digest(data) == png.pixel_digest(png_of())
    assert found.idat == png.data_digest(png.chunks(png_of()))


@given(LETTERS, LETTERS)
def test_other_programs_read_what_was_written(prompt: str, negative: str) -> None:
    made = {**RECIPE, "prompt": prompt, "negative_prompt": negative}
    graph = json.dumps({"1": {"inputs": {"text": prompt}}}, ensure_ascii=False)
    with Image.open(io.BytesIO(ours(made, texts={"prompt": graph}))) as image:
        assert json.loads(image.info["imagegen"])["recipe"] == made
        assert image.info["prompt"] == graph  # ComfyUI loads it when the picture is dropped on it
        assert image.info["parameters"].startswith(prompt)


def test_the_record_is_the_first_chunk_after_the_header_and_canonical() -> None:
    first, second, *_ = png.chunks(ours())
    assert (first.kind, second.kind) == (b"IHDR", b"iTXt")
    text = png.text_of(second)[1]
    assert canonical(json.loads(text)).decode() == text
    assert list(json.loads(text)) == ["format", "idat", "pixels", "recipe"]
    assert second.data.endswith(record.ending(canonical(RECIPE)))


def test_the_form_of_a_record_outlives_this_version() -> None:
    """Another form of the same would make every picture of every project stale."""
    pixels, idat = "a" * 64, "b" * 64
    full = png.text_of(record.written(RECIPE, pixels, idat, KNOWN))[1]
    assert full == (
        f'{{"format":1,"idat":"{idat}","known":{{"checkpoint":"{KNOWN["checkpoint"]}"}},"pixels":"{pixels}",'
        '"recipe":{"backend":"placeholder","cfg":6.5,"name":"Mallsing","prompt":"a ferry","seed":7}}'
    )
    hidden = json.loads(png.text_of(record.written(RECIPE, pixels, idat, KNOWN, digest_only=True))[1])
    assert hidden["digests"]["prompt"] == hashlib.sha256(f'{pixels}\nprompt\n"a ferry"'.encode()).hexdigest()
    assert hidden["digests"]["cfg"] == hashlib.sha256(f"{pixels}\ncfg\n6.5".encode()).hexdigest()
    assert set(hidden) == {"format", "idat", "pixels", "digests", "seed", "known"}


def test_the_same_recipe_and_pixels_give_the_same_bytes() -> None:
    """Whatever the server writes beside the pixels: times, its own file's name, its own text."""
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", '{"9": {"inputs": {"filename_prefix": "ComfyUI_00017"}}}')
    info.add_itxt("workflow", "{}", zip=True)
    info.add(b"tIME", bytes(7))
    info.add(b"prVt", b"queue number 17", after_idat=True)
    noisy = png_of(pnginfo=info, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0")
    assert noisy != png_of()
    assert ours(data=noisy) == ours()
    assert ours(dict(reversed(list(RECIPE.items()))), data=noisy) == ours({**RECIPE, "seed": 7.0})
    assert stamp.made(ours(), RECIPE, {}, {}) == ours()


def test_no_part_of_the_picture_is_lost() -> None:
    data = png_of(mode="P", colour=1, icc_profile=b"a profile", dpi=(72, 72), transparency=0)
    kept = [part for part in png.chunks(ours(data=data)) if part.kind not in png.TEXT_CHUNKS]
    assert kept == list(png.chunks(data))


@pytest.mark.parametrize("data", [b"", png_of()[:-1], b"\xff\xd8\xff"])
def test_what_is_no_whole_picture_gets_no_record(data: bytes) -> None:
    with pytest.raises(NotWhole):
        stamp.made(data, RECIPE, {}, {})
    with pytest.raises(NotWhole):
        stamp.adopted(data, RECIPE, {})


# --- record: digest -----------------------------------------------------------------------------

SECRETS: Recipe = {
    "prompt": "the villain is violet-heron",
    "negative_prompt": "no golden-otter",
    "checkpoint": "studio/unreleased-model.safetensors",
    "sampler": "dpmpp_odd_sampler",
    "name": "Aurelia-Spoiler",
    "steps": 7351,
    "cfg": 6.28125,
}
PUBLIC = {"backend": "comfyui", "seed": 123454321, "width": 8, "height": 8}
HIDDEN: Recipe = {**PUBLIC, **SECRETS}


@pytest.mark.parametrize("adopt", [False, True])
def test_a_digest_record_hides_every_value(adopt: bool) -> None:
    texts = {"prompt": json.dumps(SECRETS), "workflow": json.dumps(SECRETS)}
    data = stamp.made(png_of(), HIDDEN, KNOWN, texts, digest_only=True)
    if adopt:
        full = stamp.made(png_of(), HIDDEN, KNOWN, texts)
        assert b"violet-heron" in full
        data = stamp.adopted(full, {**HIDDEN, "steps": 5}, KNOWN, digest_only=True)
    assert [part.kind for part in png.chunks(data)] == [b"IHDR", b"iTXt", b"IDAT", b"IEND"]
    for secret in (*map(str, SECRETS.values()), "violet", "otter", "0123456789abcdef", "Spoiler", "comfyui"):
        assert secret.encode() not in data
    body = json.loads(png.texts_in(png.chunks(data))["imagegen"])
    assert body["seed"] == 123454321 and "recipe" not in body


@pytest.mark.parametrize("field", [*SECRETS, "backend", "width"])
def test_a_digest_record_names_the_field_and_neither_value(field: str) -> None:
    data = ours(HIDDEN, digest_only=True)
    assert judged(data, HIDDEN).fresh
    assert judged(data, {**HIDDEN, field: "another"}).reasons == (f"{field}: changed",)
    assert judged(data, {name: value for name, value in HIDDEN.items() if name != field}).reasons == (
        f"{field}: changed",
    )


def test_a_digest_record_tells_the_seed() -> None:
    data = ours(HIDDEN, digest_only=True)
    assert record_in(data).seed == 123454321
    assert judged(data, {**HIDDEN, "seed": 5}).reasons == ("seed: 123454321 → 5",)
    assert judged(data, {**HIDDEN, "seed": "random"}).fresh


def test_digests_are_salted_by_the_pixels() -> None:
    """Else one guess would be tried on all pictures at once."""
    one, other = (record_in(ours(HIDDEN, digest_only=True, data=png_of(colour=colour))) for colour in ("red", "blue"))
    assert one.digests and other.digests and one.digests.keys() == other.digests.keys()
    assert not set(one.digests.values()) & set(other.digests.values())
    assert len(set(one.digests.values())) == len(one.digests)


@given(RECIPES, RECIPES)
def test_a_digest_record_is_stale_for_the_same_fields_as_a_full_one(
    made: dict[str, Any], wanted: dict[str, Any]
) -> None:
    full, hidden = (judged(ours(made, digest_only=digest_only), wanted) for digest_only in (False, True))
    assert full.state is hidden.state
    fields = sorted(field for field, _, _ in recipe.differences(made, wanted))
    assert len(full.reasons) == len(hidden.reasons) == len(fields)
    assert all(hidden.reasons[number].startswith(f"{field}: ") for number, field in enumerate(fields))


def test_a_digest_record_on_the_command_line(project: Project) -> None:
    project.manifest(ON_PLACEHOLDER + "items: [{name: a, prompt: violet heron, record: digest, size: 16x16}]\n")
    project.run("run").exits(0)
    assert b"violet" not in project.png("assets/images/a.png")
    project.run("status", "--check", "--verify").exits(0)
    project.edit("violet heron", "golden otter")
    project.run("status").says("stale", "prompt: changed").says_not("violet", "otter")


# --- formats to come, settings to come ----------------------------------------------------------


@pytest.mark.parametrize("version", [2, 17, "2-beta"])
def test_a_format_of_the_future_is_refused_by_name(tmp_path: Path, version: object) -> None:
    file = tmp_path / "x.png"
    file.write_bytes(with_record(json.dumps({"format": version, "recipe": dict(RECIPE), "shape": "unknown"})))
    found = seen.look(file)
    assert found.kind is Kind.DAMAGED and f"format {version}" in found.why and "update imagegen" in found.why
    with pytest.raises(FromTheFuture):
        record.parse(json.dumps({"format": version}))


def test_a_picture_of_the_future_is_left_as_it_is(project: Project) -> None:
    project.manifest(ON_PLACEHOLDER + "items: [a]\n")
    file = project.root / "assets" / "images" / "a.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(with_record('{"format":2}'))
    project.run("status").exits(0).says("damaged", "format 2", "update imagegen")
    for words in (("run",), ("clean",), ("adopt", "images:a")):
        project.run(*words).says("format 2" if words != ("clean",) else "leaving")
        assert file.read_bytes() == with_record('{"format":2}')


@pytest.mark.parametrize("digest_only", [False, True])
def test_a_setting_of_a_later_version_leaves_older_pictures_fresh(
    monkeypatch: pytest.MonkeyPatch, digest_only: bool
) -> None:
    older = ours(digest_only=digest_only)
    monkeypatch.setattr(recipe, "ABSENT_MEANS", {"clip_skip": 1, "tiling": None})
    assert judged(older, {**RECIPE, "clip_skip": 1, "tiling": None}).fresh
    assert judged(older, {**RECIPE, "clip_skip": 1.0}).fresh
    assert judged(older, RECIPE).fresh
    changed = judged(older, {**RECIPE, "clip_skip": 2}).reasons
    assert changed == (("clip_skip: changed",) if digest_only else ("clip_skip: 1 → 2",))
    # And one that was made with it, wanted without: its absence means the same there.
    newer = ours({**RECIPE, "clip_skip": 1}, digest_only=digest_only)
    assert judged(newer, RECIPE).fresh
    assert not judged(ours({**RECIPE, "clip_skip": 2}, digest_only=digest_only), RECIPE).fresh


@pytest.mark.parametrize("digest_only", [False, True])
@pytest.mark.parametrize("wanted", [None, False, 0, "", "unset"])
def test_a_setting_that_nobody_defined_away_makes_stale(digest_only: bool, wanted: object) -> None:
    assert judged(ours(digest_only=digest_only), {**RECIPE, "new": wanted}).state is State.STALE


# --- what can't be known is no difference -------------------------------------------------------


@pytest.mark.parametrize("digest_only", [False, True])
def test_a_content_that_either_side_does_not_know_is_no_difference(digest_only: bool) -> None:
    one, other = {"checkpoint": "sha256:" + "a" * 64}, {"checkpoint": "sha256:" + "b" * 64}
    for made, here in (({}, {}), (one, {}), ({}, one), (one, one), (one, {"lora": "sha256:x"})):
        assert judged(ours(known=made, digest_only=digest_only), known=here).fresh
    found = judged(ours(known=one, digest_only=digest_only), known=other)
    assert found.state is State.STALE
    (reason,) = found.reasons
    assert reason.startswith("checkpoint's content: ") and " → " in reason
    assert (reason == f"checkpoint's content: {'a' * 12} → {'b' * 12}") == (not digest_only)


# --- adopting -----------------------------------------------------------------------------------


def edited(data: bytes) -> bytes:
    """The picture as somebody saved it from a paint program that keeps text."""
    with Image.open(io.BytesIO(data)) as image:
        info = PngImagePlugin.PngInfo()
        for keyword, text in image.info.items():
            if isinstance(keyword, str) and isinstance(text, str):
                info.add_itxt(keyword, text)
        ImageDraw.Draw(image).point((3, 3), (1, 2, 3))
        stream = io.BytesIO()
        image.save(stream, "PNG", pnginfo=info)
        return stream.getvalue()


WANTED: Recipe = {**RECIPE, "prompt": "a ferry at dawn"}


@pytest.mark.parametrize(
    ("data", "made"),
    [
        (png_of(), None),
        (ours(), {"recipe": RECIPE}),
        (edited(ours()), {"recipe": RECIPE, "edited": True}),
        (ours(digest_only=True), {"seed": 7}),
        (stamp.adopted(ours(), {**RECIPE, "cfg": 1}, {}), {"recipe": RECIPE}),
        (stamp.adopted(png_of(), RECIPE, {}), None),
    ],
)
def test_an_adopted_picture_says_for_what_and_what_really_made_it(data: bytes, made: object) -> None:
    accepted = stamp.adopted(data, WANTED, {})
    found = record_in(accepted)
    assert (found.recipe, found.made, found.adopted) == (WANTED, made, True)
    assert judged(accepted, WANTED).fresh and not judged(accepted).fresh
    assert png.pixel_digest(accepted) == png.pixel_digest(data) == found.pixels
    assert stamp.adopted(accepted, WANTED, {}) == accepted


def test_adopting_what_was_made_for_just_this_leaves_it_as_it_was() -> None:
    assert stamp.adopted(ours(texts={"prompt": "{}"}), RECIPE, {}) == ours(texts={"prompt": "{}"})
    assert not record_in(stamp.adopted(ours(), RECIPE, {})).adopted
    assert record_in(stamp.adopted(edited(ours()), RECIPE, {})).made == {"recipe": RECIPE, "edited": True}


def test_what_was_known_of_a_picture_stays_known_when_it_is_adopted() -> None:
    now = {"checkpoint": "sha256:now"}
    assert record_in(stamp.adopted(ours(known=KNOWN), RECIPE, {})).known == KNOWN
    assert record_in(stamp.adopted(ours(), RECIPE, now)).known == now
    assert record_in(stamp.adopted(png_of(), RECIPE, now)).known == now


def test_what_else_is_in_an_adopted_picture_stays() -> None:
    theirs = with_chunks(png_of(), png.text_chunk("Author", "Ann"), png.text_chunk("parameters", "old"))
    texts = png.texts_in(png.chunks(stamp.adopted(theirs, WANTED, {})))
    assert texts["Author"] == "Ann" and texts["parameters"] == "old"


# --- what others read ---------------------------------------------------------------------------


def test_the_parameters_that_a1111_and_civitai_read() -> None:
    made = {
        "backend": "comfyui", "prompt": "a ferry,\nmisty", "negative_prompt": "blurry", "steps": 20, "cfg": 6.5,
        "sampler": "dpmpp_2m", "scheduler": "karras", "seed": 7, "width": 512, "height": 768, "denoise": 0.5,
        "checkpoint": "sdxl/dream.v2.safetensors",
    }  # fmt: skip
    assert stamp.parameters(made) == (
        "a ferry,\nmisty\nNegative prompt: blurry\n"
        "Steps: 20, Sampler: dpmpp_2m, Schedule type: karras, CFG scale: 6.5, Seed: 7, Size: 512x768, "
        "Model: dream.v2, Denoising strength: 0.5, Version: imagegen (comfyui)"
    )


def test_parameters_leave_out_what_is_unset_and_quote_what_would_be_torn() -> None:
    assert stamp.parameters({"backend": "placeholder", "prompt": "p", "seed": 1, "denoise": 1}) == (
        "p\nSeed: 1, Version: imagegen (placeholder)"
    )
    assert 'Model: "é, b: c"' in stamp.parameters({"prompt": "p", "checkpoint": "x/é, b: c.ckpt"})


# --- whatever stands there ----------------------------------------------------------------------

ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.sampled_from(["", "a", "7", "\ud800", "sha256:x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["seed", "prompt", "\ud800"]), inner),
    max_leaves=6,
)
BODIES = ODD | st.fixed_dictionaries(
    {"format": st.sampled_from([1, 1, 1, 1, 1.0, True, 2, None, "1"])},
    optional=dict.fromkeys(("pixels", "idat", "recipe", "digests", "seed", "known", "made"), ODD),
)


def surely(text: str) -> None:
    """Nothing that a cloned project's picture can hold ends in a traceback."""
    try:
        found = Seen(Kind.OURS, record.parse(text))
    except (NotWhole, FromTheFuture) as error:
        assert str(error)
        return
    for wanted in (RECIPE, {**RECIPE, "seed": "random"}):
        told = verdict.judge(wanted, {"checkpoint": "sha256:aa"}, found)
        assert all(isinstance(reason, str) for reason in told.reasons)
    stamp.adopted(with_record(text), RECIPE, {"checkpoint": "sha256:aa"})


@settings(max_examples=300)
@given(BODIES)
def test_any_record_is_judged_or_damage(body: Any) -> None:
    surely(json.dumps(body))


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", "not json", '{"format":1}', '{"format":1,"pixels":"x","recipe":null}',
        '{"format":1,"pixels":"x","recipe":{},"digests":{}}',
        '{"format":1,"pixels":"x","recipe":{"cfg":NaN}}',
        '{"format":1,"pixels":"x","recipe":{"cfg":1e999}}',
        '{"format":1,"pixels":"x","recipe":{"prompt":"\\ud800"}}',
        '{"format":1,"pixels":"\\ud800","digests":{"prompt":"x"}}',
        '{"format":1,"pixels":"x","recipe":{},"known":[1]}',
        '{"format":1,"pixels":"x","recipe":{},"known":{"checkpoint":5}}',
        '{"format":1,"pixels":"x","recipe":{"seed":' + "9" * 5000 + "}}",
        '{"format":1,"pixels":"x","recipe":{"a":' + "[" * 900 + "]" * 900 + "}}",
        '{"format":1,"pixels":"x","recipe":{"a":' + "[" * 90_000 + "]" * 90_000 + "}}",
    ],
    ids=lambda text: text[:60],
)  # fmt: skip
def test_a_record_that_is_none_is_no_traceback(text: str) -> None:
    surely(text)


def test_a_broken_record_on_the_command_line(project: Project) -> None:
    project.manifest(ON_PLACEHOLDER + "items: [a, b, c]\n")
    for name, text in (
        ("a", '{"format":1,"pixels":"x","recipe":{"cfg":NaN}}'),
        ("b", '{"format":1,"known":[1]}'),
        ("c", "{"),
    ):
        path = project.root / "assets" / "images" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(with_record(text))
    for words in (("status",), ("status", "--verify"), ("plan",), ("clean", "-n")):
        project.run(*words).exits(0)
    project.run("run").exits(1)
