"""The verdict and what a run does about it; the quick looks agree with the slow ones."""

from __future__ import annotations

import itertools
import json
import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen import png, record, seen, stamp, verdict
from imagegen.items import Item, Manifest, Overrides, Way, columns
from imagegen.manifest import load
from imagegen.options import Options
from imagegen.recipe import Recipe, canonical
from imagegen.session import Session
from imagegen.verdict import Action, Overwrite, State, Verdict, action
from tests.pictures import RECIPE, ours, png_of, with_chunks, with_record

# --- what a run does: rule 2 of the design ------------------------------------------------------

TABLE = """
             stale    always   never
    missing  make     make     make
    fresh    leave    leave    leave
    stale    make     make     leave
    edited   refuse   make     leave
    foreign  refuse   make     leave
    damaged  refuse   make     leave
"""
"""The state, and what is done under each `overwrite`."""

AGAIN = TABLE.replace("fresh    leave    leave    leave", "fresh    make     make     leave")
"""`run -a` and --reseed remake fresh ones too, with the protections of the table."""

ONLY_MISSING = """
             stale    always   never
    missing  make     make     make
    fresh    leave    leave    leave
    stale    leave    make     leave
    edited   leave    make     leave
    foreign  leave    make     leave
    damaged  leave    make     leave
"""
"""--backend makes only what is missing, unless --overwrite is given too."""

AGAIN_BUT_ONLY_MISSING = ONLY_MISSING.replace("fresh    leave    leave", "fresh    leave    make ")


@pytest.mark.parametrize(
    ("table", "only_missing", "again"),
    [(TABLE, False, False), (AGAIN, False, True), (ONLY_MISSING, True, False), (AGAIN_BUT_ONLY_MISSING, True, True)],
)
def test_what_a_run_does(table: str, only_missing: bool, again: bool) -> None:
    head, *rows = (line.split() for line in table.strip().splitlines())
    assert [row[0] for row in rows] == ["missing", "fresh", "stale", "edited", "foreign", "damaged"]
    assert {row[0] for row in rows} == {state.value for state in State}
    for state, *todo in rows:
        for overwrite, word in zip(head, todo, strict=True):
            found = action(State(state), Overwrite(overwrite), only_missing, again)
            assert found is Action(word), (state, overwrite, only_missing, again)


def test_every_refused_state_has_a_mend() -> None:
    refused = {state for state in State if action(state, Overwrite.STALE) is Action.REFUSE}
    assert refused == set(verdict.MEND)
    assert all("--overwrite" in mend for mend in verdict.MEND.values())


# --- what stands at a target --------------------------------------------------------------------

OTHER: Recipe = {**RECIPE, "prompt": "a fen", "steps": 20}
ADOPTED = stamp.adopted(png_of(colour="green"), RECIPE, {})
MANY_TEXTS = {f"text {n}": "x" * 1000 for n in range(10)}


def edited(data: bytes) -> bytes:
    """Other pixels under the same record."""
    ours_, theirs = list(png.chunks(data)), list(png.chunks(png_of(colour="blue")))
    texts = [part for part in ours_ if part.kind in png.TEXT_CHUNKS]
    return png.rebuilt(theirs, texts)


def packed_anew(data: bytes) -> bytes:
    """The same pixels, otherwise compressed."""
    texts = [part for part in png.chunks(data) if part.kind in png.TEXT_CHUNKS]
    return png.rebuilt(png.chunks(png_of(compress_level=0)), texts)


def moved(data: bytes) -> bytes:
    """The record behind the pixels, as a program that keeps text may write it."""
    parts = list(png.chunks(data))
    record_ = next(part for part in parts if part.data.startswith(b"imagegen\0"))
    parts.remove(record_)
    parts.insert(-1, record_)
    return png.rebuilt(parts, [])


def without_text(data: bytes) -> bytes:
    return png.rebuilt(png.picture_only(png.chunks(data)), [])


S = State
FILES: Mapping[str, tuple[bytes, State, State]] = {
    "fresh": (ours(), S.FRESH, S.FRESH),
    "fresh, as a digest": (ours(digest_only=True), S.FRESH, S.FRESH),
    "fresh, its checkpoint's content known": (ours(known={"checkpoint": "sha256:a"}), S.FRESH, S.FRESH),
    "fresh, with other texts": (ours(texts=MANY_TEXTS), S.FRESH, S.FRESH),
    "fresh, other pixels": (ours(data=png_of((64, 64), "white")), S.FRESH, S.FRESH),
    "fresh, packed anew": (packed_anew(ours()), S.FRESH, S.FRESH),
    "fresh, its record moved": (moved(ours()), S.FRESH, S.FRESH),
    "fresh, with another text in front": (with_chunks(ours(), png.text_chunk("a", "b")), S.FRESH, S.FRESH),
    "fresh, something behind": (ours() + b"something", S.FRESH, S.FRESH),
    "fresh, a number otherwise": (ours({**RECIPE, "seed": 7.0}), S.FRESH, S.FRESH),
    "adopted": (ADOPTED, S.FRESH, S.FRESH),
    "adopted, as a digest": (stamp.adopted(png_of(), RECIPE, {}, digest_only=True), S.FRESH, S.FRESH),
    "stale": (ours(OTHER), S.STALE, S.STALE),
    "stale, as a digest": (ours(OTHER, digest_only=True), S.STALE, S.STALE),
    "stale, one field more": (ours({**RECIPE, "steps": 20}), S.STALE, S.STALE),
    "stale, one field less": (ours({k: v for k, v in RECIPE.items() if k != "seed"}), S.STALE, S.STALE),
    "stale, adopted for another": (stamp.adopted(ours(), OTHER, {}), S.STALE, S.STALE),
    "edited": (edited(ours()), S.FRESH, S.EDITED),
    "edited and stale": (edited(ours(OTHER)), S.STALE, S.EDITED),
    "edited, as a digest": (edited(ours(digest_only=True)), S.FRESH, S.EDITED),
    "foreign": (png_of(), S.FOREIGN, S.FOREIGN),
    "foreign, with text": (with_chunks(png_of(), png.text_chunk("parameters", "a ferry")), S.FOREIGN, S.FOREIGN),
    "foreign, its record taken out": (without_text(ours()), S.FOREIGN, S.FOREIGN),
    "empty": (b"", S.DAMAGED, S.DAMAGED),
    "cut off": (ours()[:-20], S.DAMAGED, S.DAMAGED),
    "one byte short": (ours()[:-1], S.DAMAGED, S.DAMAGED),
    "cut off in the record": (ours()[:90], S.DAMAGED, S.DAMAGED),
    "a wrong end": (ours()[:-1] + b"\0", S.DAMAGED, S.DAMAGED),
    "a JPEG": (b"\xff\xd8\xff\xe0" + bytes(200), S.DAMAGED, S.DAMAGED),
    "a git-lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid x\nsize 1\n", S.DAMAGED, S.DAMAGED),
    "a record that is none": (with_record("{"), S.DAMAGED, S.DAMAGED),
    "a record of the future": (with_record('{"format":2}'), S.DAMAGED, S.DAMAGED),
    "a record's bit flipped": (ours().replace(b"a ferry", b"a gerry", 1), S.DAMAGED, S.DAMAGED),
    "a pixel's bit flipped": (ours()[:-20] + bytes([ours()[-20] ^ 1]) + ours()[-19:], S.FRESH, S.DAMAGED),
}
"""What may stand at a target: its bytes, what a look says of it, what a close look says."""


def looks(
    root: Path, name: str, wanted: Recipe = RECIPE, known: Mapping[str, str] | None = None
) -> list[Verdict | bool]:
    """The four looks at one file, from the quickest to the closest."""
    written, here = canonical(wanted), known or {}
    return [
        *seen.carried(f"{root}{os.sep}", [name], [written]),
        seen.carries(str(root / name), record.ending(written), canonical(here) if here else b""),
        verdict.judge(wanted, here, seen.look(root / name)),
        verdict.judge(wanted, here, seen.closely(root / name)),
    ]


def agree(
    root: Path, name: str, wanted: Recipe = RECIPE, known: Mapping[str, str] | None = None
) -> tuple[State, State]:
    """A quick look never says fresh where a longer one would not; what the last two say."""
    carried, carries, look, closely = looks(root, name, wanted, known)
    assert isinstance(look, Verdict) and isinstance(closely, Verdict)
    if not known:  # the plainest record is asked for only where nothing is known here
        assert not carried or carries
    if carries:
        assert look == verdict.FRESH
    if closely != look:  # a close look finds only that pixels are not what they were
        assert closely.state in (State.EDITED, State.DAMAGED) and look.state in (
            State.FRESH,
            State.STALE,
            State.FOREIGN,
        )
    return look.state, closely.state


@pytest.mark.parametrize("name", FILES)
def test_what_is_said_of_a_file(tmp_path: Path, name: str) -> None:
    data, look, closely = FILES[name]
    (tmp_path / "x.png").write_bytes(data)
    assert agree(tmp_path, "x.png") == (look, closely)


def test_what_a_run_wrote_is_known_at_the_quickest_look(tmp_path: Path) -> None:
    """Else 10,000 fresh pictures take ten times as long."""
    for data in (ours(), ours(data=png_of((64, 64), "white")), ours(texts={"prompt": "{}", **MANY_TEXTS})):
        (tmp_path / "x.png").write_bytes(data)
        assert looks(tmp_path, "x.png")[:2] == [True, True]
    (tmp_path / "x.png").write_bytes(ours(known={"checkpoint": "sha256:a"}))
    assert looks(tmp_path, "x.png", known={"checkpoint": "sha256:a"})[1] is True


def test_the_looks_agree_for_every_file_and_every_recipe(tmp_path: Path) -> None:
    """Each file is also looked at for recipes that are not its own, all in one go."""
    for number, (data, _, _) in enumerate(FILES.values()):
        (tmp_path / f"{number}.png").write_bytes(data)
    wishes = [RECIPE, OTHER, {}, {**RECIPE, "seed": "random"}, {**RECIPE, "cfg": 6}, {"recipe": RECIPE}]
    cases = [(f"{number}.png", wanted) for number in range(len(FILES) + 1) for wanted in wishes]
    at_once = seen.carried(f"{tmp_path}/", [name for name, _ in cases], [canonical(wanted) for _, wanted in cases])
    for (name, wanted), carried in zip(cases, at_once, strict=True):
        agree(tmp_path, name, wanted)
        assert carried == looks(tmp_path, name, wanted)[0]
        for known in ({"checkpoint": "sha256:a"}, {"checkpoint": "sha256:b"}):
            agree(tmp_path, name, wanted, known)


@pytest.mark.parametrize(
    ("kind", "state"),
    [("nothing", S.MISSING), ("no folder", S.MISSING), ("a folder", S.DAMAGED), ("a file for a folder", S.DAMAGED),
     ("a dead link", S.MISSING), ("a loop of links", S.DAMAGED), ("a link to a picture", S.FRESH)],
)  # fmt: skip
def test_what_is_said_of_what_is_no_file(tmp_path: Path, kind: str, state: State) -> None:
    file = tmp_path / "x.png"
    (tmp_path / "real.png").write_bytes(ours())
    name = {"no folder": "art/x.png", "a file for a folder": "real.png/x.png"}.get(kind, "x.png")
    if kind == "a folder":
        file.mkdir()
    elif kind in ("a dead link", "a loop of links", "a link to a picture"):
        file.symlink_to({"a dead link": "gone.png", "a loop of links": "x.png"}.get(kind, "real.png"))
    assert agree(tmp_path, name) == (state, state)


# --- reasons ------------------------------------------------------------------------------------


def judged(data: bytes, wanted: Recipe, folder: Path, known: Mapping[str, str] | None = None) -> Verdict:
    (folder / "x.png").write_bytes(data)
    return verdict.judge(wanted, known or {}, seen.closely(folder / "x.png"))


def test_reasons_name_the_fields_old_to_new(tmp_path: Path) -> None:
    wanted = {**RECIPE, "prompt": 'a "fen"', "cfg": 7, "steps": 20}
    del wanted["name"]
    assert judged(ours(), wanted, tmp_path).reasons == (
        "cfg: 6.5 → 7", 'name: "Mallsing" → unset', 'prompt: "a ferry" → "a \\"fen\\""', "steps: unset → 20",
    )  # fmt: skip


def test_reasons_of_the_other_states(tmp_path: Path) -> None:
    assert judged(edited(ours(OTHER)), {**OTHER, "steps": 5}, tmp_path).reasons == (
        "its pixels are not those we wrote", "steps: 20 → 5",
    )  # fmt: skip
    assert judged(png_of(), RECIPE, tmp_path).reasons == ("it has no record of ours",)
    assert judged(b"", RECIPE, tmp_path).reasons == ("an empty file",)
    (tmp_path / "x.png").unlink()
    assert verdict.judge(RECIPE, {}, seen.closely(tmp_path / "x.png")).reasons == ("there is no file",)


def test_another_content_of_the_checkpoint_makes_stale(tmp_path: Path) -> None:
    old, new = {"checkpoint": "sha256:" + "a" * 64}, {"checkpoint": "sha256:" + "b" * 64}
    (tmp_path / "x.png").write_bytes(ours(known=old))
    assert agree(tmp_path, "x.png", known=old) == (State.FRESH, State.FRESH)
    assert agree(tmp_path, "x.png", known=new) == (State.STALE, State.STALE)
    assert judged(ours(known=old), RECIPE, tmp_path, new).reasons == (f"checkpoint's content: {'a' * 12} → {'b' * 12}",)


# --- whatever stands there ----------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
RECIPES = st.fixed_dictionaries(
    {"prompt": TEXTS | st.integers(3500, 4200).map(lambda length: "x" * length), "seed": st.integers(1, 9)},
    optional={"cfg": st.sampled_from([1, 1.5, 7.0]), "made": TEXTS, "known": TEXTS},
)
KNOWN = st.none() | st.fixed_dictionaries({"checkpoint": st.sampled_from(["sha256:a", "sha256:b"])})


@st.composite
def changes(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """What may happen to a picture between two runs."""
    kind = draw(st.sampled_from(["nothing", "cut", "text in front", "behind", "edit", "pack", "move", "strip", "byte"]))
    number = draw(st.integers(0, 400))
    changed: dict[str, Callable[[bytes], bytes]] = {
        "nothing": lambda data: data,
        "cut": lambda data: data[: -1 - number],
        "text in front": lambda data: with_chunks(data, png.text_chunk("x", "y" * number)),
        "behind": lambda data: data + bytes(number),
        "edit": edited,
        "pack": packed_anew,
        "move": moved,
        "strip": without_text,
        "byte": lambda data: flipped(data, number),
    }
    return changed[kind]


def flipped(data: bytes, at: int) -> bytes:
    """One bit of the record changed: its length, its kind, its text or its checksum."""
    length = struct.unpack_from(">I", data, png.HEADER_SIZE)[0]
    at = png.HEADER_SIZE + at % (length + 12)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@settings(max_examples=300)
@given(RECIPES, st.none() | RECIPES, KNOWN, KNOWN, st.booleans(), st.booleans(), changes())
def test_the_quick_looks_never_say_fresh_where_the_long_one_would_not(
    tmp_path_factory: pytest.TempPathFactory,
    made: dict[str, Any],
    other: dict[str, Any] | None,
    known: dict[str, str] | None,
    here: dict[str, str] | None,
    digest_only: bool,
    adopt: bool,
    change: Callable[[bytes], bytes],
) -> None:
    root = tmp_path_factory.getbasetemp()
    data = ours(made, known, digest_only)
    if adopt:
        data = stamp.adopted(data, made if other is None else {**other, **made}, known or {}, digest_only)
    data = change(data)
    (root / "any.png").write_bytes(data)
    wanted = made if other is None else other
    state, _ = agree(root, "any.png", wanted, here)
    contents_differ = known and here and known != here
    if wanted == made and not contents_differ and data == ours(made, known, digest_only):
        assert state is State.FRESH


# --- the session asks the quick look first ------------------------------------------------------


def session_of(manifest_: Manifest, **how: Any) -> Session:
    return Session(manifest_, Options(**how), {})


def items_of(folder: Path, text: str, overrides: Overrides = Overrides()) -> Manifest:  # noqa: B008
    (folder / "assets.yaml").write_text(text, encoding="utf-8")
    return load(folder / "assets.yaml", overrides)


def paint(found: Manifest, item: Item, known: Mapping[str, str] | None = None, recipe: Recipe | None = None) -> None:
    path = found.path(item)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(ours(recipe or json.loads(item.recipe), known))


def test_a_session_s_quick_look_agrees_with_its_judgement(tmp_path: Path) -> None:
    """False of the quick look means only that a longer one is needed; plain fresh pictures never need it."""
    way = Way("placeholder", "stale", "full", None, None, ())
    items = [Item(f"a:{n}", name, f"{n}.png", canonical(RECIPE), way) for n, name in enumerate(FILES)]
    for item in items:
        (tmp_path / item.target).write_bytes(FILES[item.name][0])
    session = session_of(Manifest(tmp_path, "assets.yaml", ("a",), columns(items), {}))
    for item, quick in zip(items, session.fresh(), strict=True):
        _, look, closely = FILES[item.name]
        assert session.judge(item).state is look and session.judge_closely(item).state is closely
        assert look is State.FRESH or not quick
        assert quick or item.name not in ("fresh", "fresh, with other texts", "fresh, other pixels")


@pytest.mark.parametrize("content", ["same", "other", "gone"])
@pytest.mark.parametrize("recorded", [True, False])
def test_a_session_looks_at_the_content_of_checkpoints(tmp_path: Path, content: str, recorded: bool) -> None:
    weights = tmp_path / "models" / "ink.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    found = items_of(
        tmp_path,
        "backends: {comfyui: {checkpoint_paths: [models]}}\n"
        "defaults: {prompt: p, checkpoint: ink.safetensors}\nitems: [a, {name: b, backend: placeholder}]\n",
    )
    for item in found.items:
        paint(found, item, session_of(found).known(item.way) if recorded else {})
    if content == "other":
        weights.write_bytes(b"other weights")
    elif content == "gone":
        weights.unlink()
    session = session_of(found)
    wanted = [not (recorded and content == "other"), True]
    assert [session.judge(item).fresh for item in found.items] == wanted
    quick = list(session.fresh())
    assert quick <= wanted and (quick == wanted or content == "gone")


def test_a_target_outside_the_project_is_looked_at_where_it_is(tmp_path: Path) -> None:
    """Joined to the project's folder as text, its name is another file's."""
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    found = items_of(
        project,
        f"defaults: {{backend: placeholder, prompt: p}}\nitems: [{{name: a, output: {outside}}}]\n",
        Overrides(allow=(outside,)),
    )
    (item,) = found.items
    wrong = project / item.target.lstrip("/")
    paint(found, item)
    wrong.parent.mkdir(parents=True)
    found.path(item).rename(wrong)
    session = session_of(found)
    assert list(session.fresh()) == [False] == [session.judge(item).fresh]
    wrong.rename(found.path(item))
    assert list(session_of(found).fresh()) == [True]


@pytest.mark.parametrize("overwrite", [None, Overwrite.ALWAYS])
@pytest.mark.parametrize("backend", [None, "placeholder"])
def test_a_session_s_action_is_the_table_s(tmp_path: Path, overwrite: Overwrite | None, backend: str | None) -> None:
    found = items_of(
        tmp_path,
        "defaults: {backend: placeholder, prompt: p}\n"
        "items: [{name: a}, {name: b, overwrite: never}, {name: c, overwrite: always}]\n",
    )
    session = session_of(found, overwrite=overwrite, backend=backend)
    for state, (item, own) in itertools.product(
        State, zip(found.items, (Overwrite.STALE, Overwrite.NEVER, Overwrite.ALWAYS), strict=True)
    ):
        expected = action(state, overwrite or own, only_missing=backend is not None)
        assert session.action(item, Verdict(state)) is expected
