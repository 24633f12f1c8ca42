"""assets.yaml → jobs and items: what holds for an item, where it goes, and everything that can be wrong."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imagegen import manifest, text, verbs
from imagegen.backends.comfyui import graph
from imagegen.errors import WrongInput
from imagegen.items import Overrides
from imagegen.settings import BUILTIN, of_ratio
from tests.conftest import Outcome, Project
from tests.manifests import ON_PLACEHOLDER, loaded, only, own_folder, problems, recipe_of, wrong

# --- everything that is wrong, at once ----------------------------------------------------------

WRONG_EVERYWHERE = """\
version: 2
style: ink
vars: {style: ink}
defaults:
  backend: placeholder
  prompt: portrait of ${name}
  stpes: 20
jobs:
  kins:
    items:
      - Mallsing
      - name: Thorn
        prompt: ${stlye}
      - name: Ember
        promt: an ember
      - mallsing
      - name: 🐉
      - seed: 7
  list:
    items: [A]
  scenes:
    width: wide
    cfg: 101
    items:
      - {name: Ferry, aspect_ratio: wide, steps: 0}
      - {name: Moor, seed: never, denoise: [1]}
      - {name: Reeds, size: 64x64, aspect_ratio: 1:1}
      - {name: Dawn, output: ../elsewhere}
      - {name: Dusk, backend: placeholdr}
      - [Night]
"""

ALL_OF_IT = [
    ("assets.yaml:1:10: version: must be 1", "not 2"),
    ('assets.yaml:2:1: unknown key "style"', 'known here: "version", "vars"'),
    ('assets.yaml:7:3: defaults: unknown key "stpes" (did you mean "steps"?)', ""),
    ('assets.yaml:13:17: jobs.kins.items[1].prompt: unknown "${stlye}" (did you mean "style"?)', ""),
    ('assets.yaml:15:9: jobs.kins.items[2]: unknown key "promt" (did you mean "prompt"?)', ""),
    ("assets.yaml:16:9: jobs.kins.items[3]", "assets/kins/mallsing.png"),
    ('assets.yaml:17:15: jobs.kins.items[4].name: no file name can be made of "🐉"', "slug:"),
    ('assets.yaml:18:9: jobs.kins.items[5]: has no "name"', ""),
    ('assets.yaml:19:3: jobs.list: a job can\'t be called "list"', ""),
    ("assets.yaml:22:12: jobs.scenes.width: must be a whole number", '"wide"'),
    ("assets.yaml:23:10: jobs.scenes.cfg: must be at most 100", "101"),
    ("assets.yaml:25:37: jobs.scenes.items[0].aspect_ratio: must look like 16:9", '"wide"'),
    ("assets.yaml:25:50: jobs.scenes.items[0].steps: must be at least 1", "0"),
    ("assets.yaml:26:28: jobs.scenes.items[1].seed: must be a number", '"never"'),
    ("assets.yaml:26:44: jobs.scenes.items[1].denoise: must be a number", "a list"),
    ("assets.yaml:27:29: jobs.scenes.items[2].size: gives its size twice", "aspect_ratio"),
    ("assets.yaml:28:30: jobs.scenes.items[3].output: ", "lies outside the project"),
    (
        'assets.yaml:29:31: jobs.scenes.items[4].backend: must be one of "comfyui", "ollama", "placeholder"',
        "did you mean",
    ),
    ("assets.yaml:30:9: jobs.scenes.items[5]: must be a mapping or text", "a list"),
]


def test_every_error_is_told_at_once_with_its_place_and_the_mend(tmp_path: Path) -> None:
    told = wrong(tmp_path, WRONG_EVERYWHERE).splitlines()
    for line, (start, more) in zip(told, ALL_OF_IT, strict=True):
        assert line.startswith(start) and more in line


def test_the_command_line_says_them_all_and_exits_with_3(project: Project) -> None:
    project.manifest(WRONG_EVERYWHERE)
    for command in ("validate", "run", "plan", "status"):
        told = project.run(command).exits(3)
        assert len(told.err.splitlines()) == len(ALL_OF_IT)
    found = project.run("validate", "--json").exits(3).json
    assert not found["ok"] and len(found["problems"]) == len(ALL_OF_IT)
    thorn = found["problems"][3]
    assert (thorn["file"], thorn["line"], thorn["column"], thorn["path"]) == (
        "assets.yaml", 13, 17, "jobs.kins.items[1].prompt",
    )  # fmt: skip


def test_one_fault_of_an_item_hides_no_other(tmp_path: Path) -> None:
    told = wrong(
        tmp_path,
        """\
        defaults: {backend: placeholder}
        items:
          - name: Ember
            colour: red
            steps: 0
            prompt: ${nmae}
            negative_prompt: ${bad}
            size: 64x64
            aspect_ratio: 1:1
            output: /etc
            filename: con
        """,
    )
    for fault in ('"colour"', "steps: must", "${nmae}", "${bad}", "size twice", "outside the project", "reserved"):
        assert fault in told


def test_a_fault_above_the_items_hides_none_in_them(tmp_path: Path) -> None:
    told = problems(tmp_path, ON_PLACEHOLDER + "jobs:\n  a: {cfg: x, items: [{name: b, prompt: '${x}'}]}\n")
    assert [problem.path for problem in told] == ["jobs.a.cfg", "jobs.a.items[0].prompt"]


def test_a_misspelled_prompt_above_is_no_missing_prompt_below(tmp_path: Path) -> None:
    told = problems(tmp_path, "defaults: {promt: a, backend: placeholder}\nitems: [a, b]\n")
    assert [problem.message for problem in told] == ['unknown key "promt"']


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("items: [a]\njobs: {b: {items: [c]}}\n", "assets.yaml:2:1: items: has both jobs and items"),
        ("vars: {a: b}\n", "assets.yaml:1:1: has neither jobs nor items"),
        ("jobs: {}\n", "assets.yaml:2:7: jobs: is empty"),
        ("jobs: {a: {}}\n", 'assets.yaml:2:11: jobs.a: has no "items"'),
        ("jobs: {a: {items: b}}\n", "assets.yaml:2:19: jobs.a.items: must be a list"),
        ("jobs: [a]\n", "assets.yaml:2:7: jobs: must be a mapping"),
        ("items: {a: b}\n", "assets.yaml:2:8: items: must be a list"),
        ("items: [{name: ''}]\n", "assets.yaml:2:16: items[0].name: must not be empty"),
        ("items: ['']\n", "assets.yaml:2:9: items[0]: must not be empty"),
        ("items: [{name: a, prompt: ' '}]\n", "assets.yaml:2:27: items[0].prompt: its prompt is empty"),
        ("items: [{name: }]\n", "assets.yaml:2:16: items[0].name: must be text"),
        ("backends: {comfyu: {}}\nitems: [a]\n", 'assets.yaml:2:12: backends: unknown key "comfyu" (did you mean'),
        ("backends: {comfyui: {url: x}}\nitems: [a]\n", "assets.yaml:2:27: backends.comfyui.url: must look like http"),
        ("backends: {placeholder: {x: 1}}\nitems: [a]\n", "assets.yaml:2:26: backends.placeholder: unknown key"),
        ("jobs: {a b: {items: [c]}}\n", "assets.yaml:2:8: jobs: \"a b\" can't be a job's name"),
        ("items: [{name: a, seed: -1}]\n", "assets.yaml:2:25: items[0].seed: must be at least 0"),
        ("items: [{name: a, width: 8.5}]\n", "assets.yaml:2:26: items[0].width: must be a whole number"),
        ("items: [{name: a, vars: {name: b}}]\n", 'a var can\'t be called "name"'),
        ("vars: {slug: b}\nitems: [a, c]\n", "assets.yaml:1:8: vars.slug: a var can't be called"),
        ("jobs: {a: {vars: {job: b}, items: [c]}}\n", "assets.yaml:2:19: jobs.a.vars.job: a var can't be called"),
    ],
)
def test_each_fault_is_told_where_it_stands(tmp_path: Path, body: str, told: str) -> None:
    assert told in wrong(tmp_path, (ON_PLACEHOLDER if not body.startswith("vars") else "") + body)


@pytest.mark.parametrize("name", sorted({*verbs.OURS, *verbs.DOITS, "doctor", "setup", "server", "studio"}))
def test_no_job_is_called_like_a_command(tmp_path: Path, name: str) -> None:
    told = wrong(tmp_path, ON_PLACEHOLDER + f"jobs:\n  {name}: {{items: [a]}}\n")
    assert told.startswith(f'assets.yaml:3:3: jobs.{name}: a job can\'t be called "{name}"')


@pytest.mark.parametrize("name", ["a:b", "*", "a=b", "-a", "_a", ".a", "a/b", "a,b", "", "a\\nb", "kins\\n", "a\\tb"])
def test_a_job_s_name_is_a_word_that_doit_can_take(tmp_path: Path, name: str) -> None:
    assert "can't be a job's name" in wrong(tmp_path, ON_PLACEHOLDER + f'jobs:\n  "{name}": {{items: [a]}}\n')


@pytest.mark.parametrize("slug", ["a/b", "a b", "a:b", "a*", "a=b", "a\\\\b", "a\\n", "..", "con"])
def test_a_slug_is_a_word_that_doit_and_a_file_can_take(tmp_path: Path, slug: str) -> None:
    assert "items[0].slug" in wrong(tmp_path, ON_PLACEHOLDER + f'items: [{{name: a, slug: "{slug}"}}]\n')


def test_a_block_s_last_line_end_is_not_taken_for_a_seed(tmp_path: Path) -> None:
    """``$`` matches before it in Python, in a schema's pattern too."""
    body = ON_PLACEHOLDER + "items:\n  - name: a\n    seed: |\n      random\n"
    try:
        assert recipe_of(only(loaded(tmp_path, body)))["seed"] == "random"
    except WrongInput as error:
        assert "items[0].seed" in str(error)


@pytest.mark.parametrize(
    "block",
    ["url: 'htp://me:hunter2@host'", "url: [hunter2]", "ws_url: 'me:hunter2@host'", "headers: {Token: [hunter2]}",
     "headers: hunter2"],
)  # fmt: skip
def test_no_secret_is_in_an_error(tmp_path: Path, block: str) -> None:
    told = wrong(tmp_path, ON_PLACEHOLDER + f"backends: {{comfyui: {{{block}}}}}\nitems: [a]\n")
    assert "backends.comfyui." in told and "hunter2" not in told


@pytest.mark.parametrize(
    "item", ["{name: a%d, promt: x}", "[a%d]", "{slug: a%d}", "{name: [a%d]}", "{name: a%d, cfg: x}"]
)
def test_of_thousands_of_wrong_items_the_first_are_told(tmp_path: Path, item: str) -> None:
    items = "".join(f"  - {item % number}\n" for number in range(1500))
    told = wrong(tmp_path, ON_PLACEHOLDER + "items:\n" + items).splitlines()
    assert told[0].startswith("assets.yaml:2:1: items: 1500 items are wrong")
    assert told[1].startswith("assets.yaml:3:") and told[-1].startswith("assets.yaml:1002:") and len(told) == 1001


def test_more_items_than_anybody_has_are_refused(tmp_path: Path) -> None:
    told = wrong(tmp_path, ON_PLACEHOLDER + "items: [" + "a," * 100_001 + "]\n")
    assert "assets.yaml:2:" in told and "items: has 100001 items; at most 100000" in told


# --- narrowing ----------------------------------------------------------------------------------


def test_settings_narrow_from_defaults_to_job_to_item(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        """\
        defaults: {backend: placeholder, prompt: from defaults, steps: 10, cfg: 1, sampler: euler}
        jobs:
          one: {steps: 20, cfg: 2, items: [plain, {name: own, cfg: 3, prompt: its own}]}
          two: {items: [other]}
        """,
    )
    plain, own, other = (recipe_of(item) for item in found.items)
    assert [made["steps"] for made in (plain, own, other)] == [20, 20, 10]
    assert [made["cfg"] for made in (plain, own, other)] == [2, 3, 1]
    assert [made["prompt"] for made in (plain, own, other)] == ["from defaults", "its own", "from defaults"]
    assert {made["sampler"] for made in (plain, own, other)} == {"euler"}
    assert found.origins["one:own"] == {
        "backend": "defaults", "prompt": "item", "steps": "job", "cfg": "item", "sampler": "defaults",
    }  # fmt: skip


def test_what_is_no_recipe_narrows_too(tmp_path: Path) -> None:
    first, second = loaded(
        tmp_path,
        """\
        defaults: {prompt: p, overwrite: never, timeout: 10, queue_timeout: 20}
        jobs:
          a: {backend: placeholder, record: digest, items: [b, {name: c, overwrite: always, timeout: 5}]}
        """,
    ).items
    assert (first.way.overwrite, first.way.record, first.way.timeout, first.way.queue_timeout) == (
        "never", "digest", 10, 20,
    )  # fmt: skip
    assert (second.way.overwrite, second.way.timeout) == ("always", 5)


def test_what_nobody_gives_stays_unset(tmp_path: Path) -> None:
    made = recipe_of(only(loaded(tmp_path, ON_PLACEHOLDER + "items: [a]\n")))
    assert set(made) == {"backend", "name", "prompt", "seed", "width", "height"}


def test_the_built_in_graph_s_defaults_are_in_the_recipe(tmp_path: Path) -> None:
    made = recipe_of(only(loaded(tmp_path, "items: [{name: a, prompt: p, checkpoint: c.safetensors}]\n")))
    assert made.pop("seed") > 0
    assert made == {"backend": "comfyui", "prompt": "p", "checkpoint": "c.safetensors", **graph.DEFAULTS}
    assert made["width"] == made["height"] == 512 and made["steps"] == 20  # as ComfyUI's own default workflow


def test_the_documented_defaults_of_the_rest(tmp_path: Path) -> None:
    item = only(loaded(tmp_path, "items: [{name: a, prompt: p, checkpoint: c.safetensors}]\n"))
    assert (item.way.backend, item.way.overwrite, item.way.record) == ("comfyui", "stale", "full")
    assert (item.task, item.target) == ("images:a", "assets/images/a.png")
    assert BUILTIN["seed"] == "derived" and BUILTIN["base_seed"] == 0


def test_a_setting_without_use_is_an_error_near_the_item_and_a_warning_from_defaults(tmp_path: Path) -> None:
    body = "jobs:\n  a: {prompt: p, checkpoint: c.safetensors, %s items: [{name: b%s}]}\n"
    assert wrong(tmp_path, body % ("", ", model: m")).startswith(
        "assets.yaml:2:71: jobs.a.items[0].model: the comfyui backend has no use for model"
    )
    assert "jobs.a.model: the comfyui backend has no use" in wrong(tmp_path, body % ("model: m,", ""))
    (warning,) = loaded(tmp_path, "defaults: {model: m}\n" + body % ("", "")).warnings
    assert str(warning).startswith("assets.yaml:1:19: defaults.model: the comfyui backend has no use for model")


def test_the_command_line_s_backend_stands_for_all(tmp_path: Path) -> None:
    body = "items: [{name: a, prompt: p, backend: comfyui, checkpoint: c.safetensors}]\n"
    made = recipe_of(only(loaded(tmp_path, body, Overrides(backend="placeholder"))))
    assert made["backend"] == "placeholder"
    with pytest.raises(WrongInput, match='there is no backend "placehold"(.|\n)*"placeholder", "ollama", "comfyui"'):
        loaded(tmp_path, body, Overrides(backend="placehold"))


# --- sizes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("defaults", "job", "item", "size"),
    [
        ("", "", "", (1024, 1024)),
        ("", "", "width: 640", (640, 1024)),
        ("size: 512x768", "", "", (512, 768)),
        ("size: 512 × 768", "", "", (512, 768)),
        ("size: 512X768", "", "", (512, 768)),
        ("size: 512x768", "", "height: 512", (512, 512)),
        ("size: 512x768", "width: 640", "height: 320", (640, 320)),
        ("width: 64, height: 32", "size: 48x48", "", (48, 48)),
        ("aspect_ratio: 1:1", "", "", (1024, 1024)),
        ("aspect_ratio: 16:9", "", "", (1368, 768)),
        ("aspect_ratio: 9:16", "", "", (768, 1368)),
        ("aspect_ratio: 2.39:1, megapixels: 0.5", "", "", (1120, 472)),
        ("megapixels: 0.25", "aspect_ratio: 1:1", "", (512, 512)),
        ("aspect_ratio: 1:1", "megapixels: 0.25", "", (512, 512)),
        ("aspect_ratio: 1:1", "", "megapixels: 4", (2048, 2048)),
        ("aspect_ratio: 16:9, megapixels: 4", "size: 64x64", "", (64, 64)),
        ("size: 64x64", "aspect_ratio: 1:1", "", (1024, 1024)),
        ("size: 64x64", "", "aspect_ratio: 2:1, megapixels: 0.5", (1024, 512)),
        ("aspect_ratio: 16:9, megapixels: 0.25", "", "aspect_ratio: 1:1", (512, 512)),
    ],
)
def test_sizes(tmp_path: Path, defaults: str, job: str, item: str, size: tuple[int, int]) -> None:
    found = loaded(
        tmp_path,
        f"defaults: {{backend: placeholder, prompt: p, {defaults}}}\n"
        f"jobs: {{a: {{{job + ', ' if job else ''}items: [{{name: b, {item}}}]}}}}\n",
    )
    made = recipe_of(only(found))
    assert (made["width"], made["height"]) == size and not found.warnings
    assert not set(made) & {"size", "aspect_ratio", "megapixels"}


@given(st.floats(0.05, 20), st.floats(0.05, 20), st.floats(0.1, 16))
def test_a_ratio_gives_multiples_of_8_of_about_the_area(across: float, down: float, megapixels: float) -> None:
    width, height = of_ratio(across, down, megapixels)
    assert width % 8 == height % 8 == 0 and min(width, height) >= 8
    area = megapixels * 1024 * 1024
    assert abs(width - (area * across / down) ** 0.5) <= 4 or width == 8
    assert abs(height - (area * down / across) ** 0.5) <= 4 or height == 8


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ("size: 64x64, width: 64", "items[0].size: gives its size twice"),
        ("aspect_ratio: 1:1, height: 64", "items[0].aspect_ratio: gives its size twice"),
        ("size: 64x64, aspect_ratio: 1:1", "items[0].size: gives its size twice"),
        ("megapixels: 2", "items[0].megapixels: megapixels has no use without aspect_ratio"),
        ("aspect_ratio: 0:1", "items[0].aspect_ratio: an aspect_ratio's sides are more than 0"),
        ("aspect_ratio: 1:0.0", "items[0].aspect_ratio: an aspect_ratio's sides are more than 0"),
        ("aspect_ratio: 1:5000", "16 to 16384"),
        ("aspect_ratio: '" + "9" * 400 + ":1'", "items[0]"),
        ("aspect_ratio: '1:" + "9" * 400 + "'", "items[0]"),
        ("aspect_ratio: '0." + "0" * 320 + "1:1'", "items[0]"),
        ("size: 15x64", "16 to 16384"),
        ("size: 99999x64", "16 to 16384"),
        ("size: 64", "items[0].size: must look like 1024x1024"),
        ("size: 64x", "items[0].size: must look like 1024x1024"),
        ("width: 8", "items[0].width: must be at least 16"),
        ("megapixels: 0", "items[0].megapixels: must be more than 0"),
    ],
)  # fmt: skip
def test_sizes_that_cant_be(tmp_path: Path, given_: str, told: str) -> None:
    assert told in wrong(tmp_path, ON_PLACEHOLDER + f"items: [{{name: a, {given_}}}]\n")


def test_the_largest_and_the_smallest_sizes(tmp_path: Path) -> None:
    body = "defaults: {prompt: p, checkpoint: c.safetensors}\nitems: [{name: a, size: %s}]\n"
    made = recipe_of(only(loaded(tmp_path, body % "16384x16")))
    assert (made["width"], made["height"]) == (16384, 16)
    assert "items[0].size: gives a width of 16385 pixels" in wrong(tmp_path, body % "16385x16")
    assert "width 20 is no multiple of 8" in wrong(tmp_path, body % "20x16")


# --- texts --------------------------------------------------------------------------------------


def test_vars_narrow_and_names_fill_prompts(tmp_path: Path) -> None:
    plain, own = loaded(
        tmp_path,
        """\
        vars: {style: ink, place: a moor, year: 1999}
        defaults: {backend: placeholder, negative_prompt: "no ${style}, ${ place }"}
        jobs:
          kins:
            vars: {place: a fen}
            prompt: "${name} (${slug}) of ${job} on ${place} in ${style}, ${year}, $${not} $5 ${"
            items:
              - Mallsing of the Reeds
              - {name: Thorn, slug: t, vars: {style: "chalk ${place}"}}
        """,
    ).items
    assert recipe_of(plain)["prompt"] == (
        "Mallsing of the Reeds (mallsing-of-the-reeds) of kins on a fen in ink, 1999, ${not} $5 ${"
    )
    assert recipe_of(plain)["negative_prompt"] == "no ink, a fen"
    # What is put in is not looked at again.
    assert recipe_of(own)["prompt"].startswith("Thorn (t) of kins on a fen in chalk ${place}, 1999")


def test_an_unknown_name_is_an_error_that_says_what_was_perhaps_meant(tmp_path: Path) -> None:
    body = ON_PLACEHOLDER + "vars: {style: ink}\nitems: [{name: a, %s}]\n"
    assert 'items[0].prompt: unknown "${stlye}" (did you mean "style"?)' in wrong(tmp_path, body % "prompt: '${stlye}'")
    assert 'items[0].negative_prompt: unknown "${zzz}" (define it under vars' in wrong(
        tmp_path, body % "negative_prompt: '${zzz}'"
    )
    assert "items[0].output: unknown" in wrong(tmp_path, body % "output: '${nmae}'")
    assert "items[0].filename: unknown" in wrong(tmp_path, body % "filename: '${nmae}'")


def test_the_environment_is_no_var(project: Project) -> None:
    project.manifest(ON_PLACEHOLDER + "items: [{name: a, prompt: '${env:SECRET} ${SECRET}'}]\n")
    project.run("validate", SECRET="hush").exits(3).says('unknown "${env:SECRET}"').says_not("hush")


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Mallsing", "mallsing"), ("Thorn of the Marsh", "thorn-of-the-marsh"), ("Élodie", "elodie"), ("Ελένη", "elene"),
     ("Дракон", "drakon"), ("鬼", "gui"), ("ドラゴン", "torakon"), ("김", "gim"), ("Straße 7", "strasse-7"),
     ("ابن", "bn"), ("16:9", "16-9"), ("No", "no"), ("007", "007"), ("  a  b ", "a-b"), ("🐉", ""), ("…!", "")],
)  # fmt: skip
def test_slugs_of_many_scripts(name: str, slug: str) -> None:
    assert text.slug_of(name) == slug


@settings(max_examples=300)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_name_has_a_portable_slug_or_none(name: str) -> None:
    slug = text.slug_of(name)
    assert slug == text.slug_of(slug) == slug.lower()
    assert slug.isascii() and all(part.isalnum() for part in slug.split("-") if slug)


@settings(max_examples=300)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_file_name_that_is_allowed_can_be_written(name: str) -> None:
    if text.bad_file_name(name) is None:
        assert "\0" not in name and not name.startswith("/") and ".." not in name.split("/")
        assert all(part and not part.endswith((".", " ")) and len(part.encode()) <= 255 for part in name.split("/"))


def test_a_name_in_any_script_may_have_a_slug_of_its_own(tmp_path: Path) -> None:
    found = loaded(tmp_path, ON_PLACEHOLDER + "items: [{name: 🐉, slug: dragon}, {name: 桂, slug: 桂}]\n")
    assert [item.target for item in found.items] == ["assets/images/dragon.png", "assets/images/桂.png"]


def test_a_name_that_gives_no_file_name_is_an_error_that_says_so(tmp_path: Path) -> None:
    told = wrong(tmp_path, ON_PLACEHOLDER + "items: [🐉]\n")
    assert 'no file name can be made of "🐉"' in told and "slug" in told


# --- targets ------------------------------------------------------------------------------------

COMPOSED, DECOMPOSED = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("items: [鬼, 桂]", ["鬼", "桂"]),
        ("items: [Mallsing, mallsing]", ["Mallsing", "mallsing"]),
        ("items: [{name: One, slug: x}, {name: Two, slug: x}]", ["One", "Two"]),
        ("items: [{name: One, slug: x}, {name: Two, slug: X}]", ["One", "Two"]),  # one file on macOS and Windows
        (f"items: [{{name: One, slug: {COMPOSED}}}, {{name: Two, slug: {DECOMPOSED}}}]", ["One", "Two"]),
        ("items: [{name: One, filename: x}, {name: Two, filename: x}]", ["One", "Two"]),
        ("jobs: {a: {output: art, items: [One]}, b: {output: art, items: [one]}}", ["One", "one"]),
        ("jobs: {a: {output: art, items: [One]}, b: {output: ./art/, items: [one]}}", ["One", "one"]),
        ("jobs: {a: {output: art, items: [One]}, b: {output: x/../art, items: [one]}}", ["One", "one"]),
        ("jobs: {a: {output: art, items: [One]}, b: {output: '<project>/art', items: [one]}}", ["One", "one"]),
        ("jobs: {a: {output: art, items: [One]}, b: {output: link, items: [one]}}", ["One", "one"]),
        ("jobs: {a: {output: art/x, items: [One]}, b: {output: art, filename: x/one, items: [Two]}}", ["One", "Two"]),
    ],
)
def test_two_items_with_one_target_are_an_error_that_names_both(tmp_path: Path, body: str, names: list[str]) -> None:
    (tmp_path / "art").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "art")
    told = wrong(tmp_path, ON_PLACEHOLDER + body.replace("<project>", str(tmp_path)) + "\n")
    assert all(name in told for name in names) and "one target" in told and "line 2" in told


def test_two_items_with_one_task_name_are_an_error_too(tmp_path: Path) -> None:
    told = wrong(tmp_path, ON_PLACEHOLDER + "items: [{name: Elan, filename: x}, {name: Élan, filename: y}]\n")
    assert "Elan" in told and "Élan" in told and "images:elan" in told


def test_the_same_slug_in_two_jobs_is_two_files(tmp_path: Path) -> None:
    found = loaded(tmp_path, ON_PLACEHOLDER + "jobs: {a: {items: [x]}, b: {items: [x]}}\n")
    assert [item.target for item in found.items] == ["assets/a/x.png", "assets/b/x.png"]
    assert [item.task for item in found.items] == ["a:x", "b:x"]


@pytest.mark.parametrize(
    ("given_", "target"),
    [
        ("output: art", "art/ferry.png"),
        ("output: ./art//deep/", "art/deep/ferry.png"),
        ("output: .", "ferry.png"),
        ("output: 'art/${job}'", "art/images/ferry.png"),
        ("output: 'art/${name}'", "art/Ferry/ferry.png"),
        ("filename: 'deep/${slug}'", "assets/images/deep/ferry.png"),
        ("filename: '${job}/${name} at ${hour}', vars: {hour: dawn}", "assets/images/images/Ferry at dawn.png"),
        ("filename: ferry.v2", "assets/images/ferry.v2.png"),
        ("filename: com10", "assets/images/com10.png"),
        (f"filename: {'x' * 200}", f"assets/images/{'x' * 200}.png"),
    ],
)
def test_where_an_image_goes(tmp_path: Path, given_: str, target: str) -> None:
    found = loaded(tmp_path, ON_PLACEHOLDER + f"items: [{{name: Ferry, {given_}}}]\n")
    assert only(found).target == target
    assert found.folders == (target.rpartition("/")[0],)


@pytest.mark.parametrize(
    "filename",
    ["../x", "/x", "a/../x", "a//x", "./x", "con", "CON.v2", "a/nul", "com1", "LPT9.x", "x.", "x ", " x", "a:b", "a?",
     "a|b", "a<b", "a\\n", "a\\0", 'a\\"b', "x" * 201, "${name}", "a\\\\b"],
)  # fmt: skip
def test_file_names_that_not_every_system_has_are_refused(tmp_path: Path, filename: str) -> None:
    told = wrong(tmp_path, ON_PLACEHOLDER + f'items: [{{name: ../../up, filename: "{filename}"}}]\n')
    assert "items[0].filename: " in told


@pytest.mark.parametrize(
    "output", ["con", "art/aux/deep", "a?", "a:b", "art.", " art", "x" * 201, "a\\nb", "art/nul.v2"]
)
def test_folders_that_not_every_system_has_are_refused(tmp_path: Path, output: str) -> None:
    assert "items[0].output: " in wrong(tmp_path, ON_PLACEHOLDER + f'items: [{{name: a, output: "{output}"}}]\n')


@pytest.mark.parametrize("setting", ["output", "filename"])
def test_folders_are_joined_by_a_slash_everywhere(tmp_path: Path, setting: str) -> None:
    told = wrong(tmp_path, ON_PLACEHOLDER + f"items: [{{name: a, {setting}: 'art\\deep'}}]\n")
    assert f"items[0].{setting}: {setting} joins its folders by \\ (write /)" in told


@pytest.mark.parametrize(
    "output",
    ["..", "../art", "a/../../art", "/etc", "/tmp/../etc", "//server/art", "${name}", "a\\\\b", "C:\\\\art", "a\\0b",
     "../a\\0b", "link/art", "link/../x"],
)  # fmt: skip
def test_nothing_is_written_outside_the_project(project: Project, output: str) -> None:
    elsewhere = project.root / "elsewhere"
    elsewhere.mkdir()
    inside = project.root / "project"
    inside.mkdir()
    (inside / "link").symlink_to(elsewhere)
    project.write("project/assets.yaml", ON_PLACEHOLDER + f'items: [{{name: ../../up, slug: a, output: "{output}"}}]\n')
    project.run("run", cwd="project").exits(3).says("assets.yaml")
    assert sorted(path.name for path in project.root.iterdir()) == ["elsewhere", "project"]
    assert not list(elsewhere.iterdir())


@pytest.fixture
def linked(project: Project) -> Iterator[tuple[Project, Path]]:
    """A manifest, cloned from somewhere, whose output is a link to somebody else's pictures; two of them
    are like its own items': one that imagegen made, one from a camera."""
    theirs = project.root / "theirs"
    project.write("theirs/assets.yaml", ON_PLACEHOLDER + "items: [{name: made, output: art, size: 16x16}]\n")
    project.run("run", cwd="theirs").exits(0)
    Image.new("RGB", (16, 16)).save(theirs / "art" / "photo.png")
    project.write(
        "cloned/assets.yaml", ON_PLACEHOLDER + "items: [{name: made, output: art, size: 16x16, cfg: 3}, photo]\n"
    )
    project.edit("photo]", "{name: photo, output: art, size: 16x16}]", "cloned/assets.yaml")
    (project.root / "cloned" / "art").symlink_to(theirs / "art")
    yield project, theirs / "art"


@pytest.mark.parametrize(
    "words",
    [("run",), ("run", "--overwrite"), ("clean",), ("clean", "images:made"), ("adopt", "images:photo"),
     ("adopt", "images:made"), ("restore", "images:made")],
)  # fmt: skip
def test_no_command_touches_what_a_link_leads_to(linked: tuple[Project, Path], words: tuple[str, ...]) -> None:
    project, art = linked
    before = {path.name: path.read_bytes() for path in art.iterdir()}
    assert project.run(*words, cwd="cloned").code in (1, 3)
    assert {path.name: path.read_bytes() for path in art.iterdir()} == before


def test_a_folder_outside_is_allowed_by_name_on_the_command_line(project: Project) -> None:
    project.write("project/assets.yaml", ON_PLACEHOLDER + "items: [{name: a, output: ../art, size: 16x16}]\n")
    project.run("validate", cwd="project").exits(3).says("--allow-path")
    project.run("run", "--allow-path", "../other", cwd="project").exits(3)
    project.run("run", "--allow-path", "../art", cwd="project").exits(0)
    assert project.png("art/a.png").startswith(b"\x89PNG")
    project.run("status", "--check", "--allow-path", "../art", cwd="project").exits(0).says("1 fresh")
    project.run("status", "--check", cwd="project").exits(3)


def test_a_link_out_of_the_project_is_allowed_by_name_too(linked: tuple[Project, Path]) -> None:
    project, art = linked
    project.run("run", "images:made", "--allow-path", str(art), cwd="cloned").exits(0)
    project.run("status", "--json", "--allow-path", str(art), cwd="cloned").exits(0).says('"fresh": 1')


def test_a_target_outside_is_not_taken_for_one_inside(project: Project) -> None:
    """An absolute target glued to the project's folder is another file's name."""
    outside = project.root / "outside"
    inside = f"project/{str(outside).lstrip('/')}"
    body = ON_PLACEHOLDER + "items: [{name: a, output: %s, size: 16x16}]\n"
    project.write("project/assets.yaml", body % str(outside).lstrip("/"))
    project.run("run", cwd="project").exits(0)
    assert project.png(f"{inside}/a.png")
    project.write("project/assets.yaml", body % outside)
    project.run("status", "--check", "--allow-path", str(outside), cwd="project").exits(1).says("missing")
    project.run("run", "--allow-path", str(outside), cwd="project").exits(0)
    assert project.png("outside/a.png")


# --- seeds --------------------------------------------------------------------------------------


def seeds(folder: Path, body: str) -> dict[str, Any]:
    return {item.task: recipe_of(item)["seed"] for item in loaded(folder, ON_PLACEHOLDER + body).items}


def test_a_number_is_that_seed(tmp_path: Path) -> None:
    body = "items: [{name: a, seed: 0}, {name: b, seed: 18446744073709551615}, {name: c, seed: 007}]\n"
    assert list(seeds(tmp_path, body).values()) == [0, 2**64 - 1, 7]
    assert "at most 18446744073709551615" in wrong(tmp_path, ON_PLACEHOLDER + f"items: [{{name: a, seed: {2**64}}}]\n")


def test_other_items_may_come_go_and_move_without_changing_a_derived_seed(tmp_path: Path) -> None:
    before = seeds(tmp_path, "jobs: {a: {items: [x, y, z]}, b: {items: [x]}}\n")
    after = seeds(tmp_path, "jobs: {c: {items: [x]}, b: {items: [w, x]}, a: {items: [z, x]}}\n")
    assert len(set(before.values())) == 4
    assert {task: after[task] for task in ("a:x", "a:z", "b:x")} == {
        task: before[task] for task in ("a:x", "a:z", "b:x")
    }


def test_a_base_seed_changes_the_derived_seeds_of_its_layer_alone(tmp_path: Path) -> None:
    before = seeds(tmp_path, "jobs: {a: {items: [x, {name: y, seed: 5}]}, b: {items: [x]}}\n")
    after = seeds(tmp_path, "jobs: {a: {base_seed: 1, items: [x, {name: y, seed: 5}]}, b: {items: [x]}}\n")
    assert [task for task in before if before[task] != after[task]] == ["a:x"]


def test_a_random_seed_is_drawn_once_and_kept(project: Project) -> None:
    project.manifest(ON_PLACEHOLDER + "items: [{name: a, seed: random, size: 16x16}]\n")
    (seed,) = seeds_made(project.run("run", "--json"))
    assert 1 <= seed < 2**32
    project.run("status", "--check").exits(0)
    assert seeds_made(project.run("run", "-a", "--json")) == [seed]
    project.edit("size: 16x16", "size: 16x16, prompt: another")
    assert seeds_made(project.run("run", "--json")) == [seed]
    (drawn,) = seeds_made(project.run("run", "--reseed", "--json"))
    assert drawn != seed
    project.run("status", "--check").exits(0)


def seeds_made(outcome: Outcome) -> list[int]:
    return [event["seed"] for event in outcome.exits(0).events if event["event"] == "made"]


# --- model folders ------------------------------------------------------------------------------


@pytest.fixture
def models(project: Project) -> Project:
    """A project with two folders of checkpoints, one of them outside."""
    for name in ("project/models/ink.safetensors", "models/sdxl/dream-xl.safetensors", "models/dreamy.ckpt"):
        project.write(name, f"weights of {name}")
    project.write("models/secret.txt", "no model")
    project.write("secret.safetensors", "outside of the folders")
    project.write(
        "project/assets.yaml",
        """\
        backends: {comfyui: {checkpoint_paths: [models, ../models]}}
        items:
          - {name: a, prompt: p, checkpoint: ink.safetensors}
          - {name: b, prompt: p, checkpoint: sdxl/dream-xl.safetensors}
        """,
    )
    return project


def test_checkpoints_are_found_in_any_of_the_folders(models: Project) -> None:
    models.run("validate", cwd="project").exits(0).says("2 images")


@pytest.mark.parametrize("command", ["validate", "run", "plan"])
def test_a_checkpoint_in_none_of_the_folders_fails_offline_with_the_nearest_first(
    models: Project, command: str
) -> None:
    models.edit("ink.safetensors", "drem-xl.safetensors", "project/assets.yaml")
    told = models.run(command, cwd="project").exits(3)
    told.says("assets.yaml:3:5: items[0]", 'checkpoint "drem-xl.safetensors" is in none of the checkpoint_paths')
    told.says('"sdxl/dream-xl.safetensors", "ink.safetensors", "dreamy.ckpt"').says_not("secret")


@pytest.mark.parametrize("name", ["../secret.safetensors", "secret.txt", "sdxl", "/etc/passwd", "dream-xl.safetensors"])
def test_no_other_file_is_ever_a_checkpoint(models: Project, name: str) -> None:
    models.edit("ink.safetensors", name, "project/assets.yaml")
    models.run("validate", cwd="project").exits(3).says(f'"{name}" is in none of the checkpoint_paths')


def test_a_folder_that_is_not_there_is_said(models: Project) -> None:
    models.edit("[models, ../models]", "[weights]", "project/assets.yaml")
    told = models.run("validate", cwd="project").exits(3)
    told.says("there is no folder", "weights", 'checkpoint "ink.safetensors"', 'checkpoint "sdxl/dream-xl.safetensors"')


def test_another_backend_looks_for_no_checkpoint(models: Project) -> None:
    models.edit("ink.safetensors", "nowhere.safetensors", "project/assets.yaml")
    models.run("validate", "--backend", "placeholder", cwd="project").exits(0)


def test_without_folders_validate_asks_for_no_file(tmp_path: Path) -> None:
    found = loaded(tmp_path, "items: [{name: a, prompt: p, checkpoint: anything.safetensors}]\n")
    assert not found.file_uses and not only(found).way.files


def test_the_built_in_graph_needs_a_checkpoint(tmp_path: Path) -> None:
    assert "items[0]: has no checkpoint" in wrong(tmp_path, "items: [{name: a, prompt: p}]\n")


# --- which file ---------------------------------------------------------------------------------


def test_a_manifest_may_be_json(project: Project) -> None:
    project.write(
        "assets.json", json.dumps({"defaults": {"backend": "placeholder"}, "items": [{"name": "a"}]}, indent=1)
    )
    project.run("validate").exits(3).says("assets.json:", "items[0]: has no prompt")
    project.edit('"placeholder"', '"placeholder", "prompt": "p", "size": "16x16"', "assets.json")
    project.run("run").exits(0)
    assert project.png("assets/images/a.png")


def test_any_file_may_be_named(project: Project) -> None:
    project.write("other/kins.yml", ON_PLACEHOLDER + "items: [{name: a, size: 16x16}]\n")
    project.run("run", "--assets", "other/kins.yml").exits(0)
    assert project.png("other/assets/images/a.png")  # a manifest's folder is its project
    project.run("run", "--assets", "nowhere.yaml").exits(3).says("there is no nowhere.yaml")


def test_the_manifest_is_found_from_a_folder_below(project: Project) -> None:
    project.manifest(ON_PLACEHOLDER + "items: [{name: a, size: 16x16}]\n")
    (project.root / "src" / "deep").mkdir(parents=True)
    project.run("run", cwd="src/deep").exits(0).says("../../assets/images/a.png")
    assert project.png("assets/images/a.png")
    project.run("status", cwd="src").exits(0).says("1 fresh")


def test_the_nearest_manifest_counts_and_two_in_one_folder_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "assets.yaml").touch()
    assert manifest.find(tmp_path / "below") == tmp_path / "assets.yaml"
    (tmp_path / "below" / "assets.json").touch()
    assert manifest.find(tmp_path / "below") == tmp_path / "below" / "assets.json"
    (tmp_path / "below" / "assets.yml").touch()
    with pytest.raises(WrongInput, match=r"assets\.yml and assets\.json both stand in(.|\n)*--assets"):
        manifest.find(tmp_path / "below")


def test_without_a_manifest_there_is_a_hint(project: Project) -> None:
    if manifest.find(project.root) is None:
        project.run("status").exits(3).says("there is no assets.yaml", "imagegen init")


# --- whatever comes -----------------------------------------------------------------------------

KEYS = st.sampled_from(
    ["name", "prompt", "negative_prompt", "size", "width", "height", "aspect_ratio", "megapixels", "seed", "base_seed",
     "slug", "vars", "output", "filename", "backend", "overwrite", "record", "timeout", "checkpoint", "cfg", "items",
     "jobs", "defaults", "backends", "version", "comfyui", "checkpoint_paths", "url", "promt", "a"]
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.integers(), st.floats(),
    st.sampled_from(["random", "placeholder", "16x16", "16:9", "../x", "/x", "${name}", "${x}", "con", "a", "b", "",
                     "\0", "\n", "a\n", "9" * 400, "1:" + "9" * 400, "é", "🐉", "\ud800"]),
    st.text(max_size=10),
)  # fmt: skip
TREES = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5))
NAMED = st.builds(lambda name, more: {**more, "name": name}, VALUES, st.dictionaries(KEYS, VALUES, max_size=4))
ITEMS = st.lists(st.sampled_from("abc") | NAMED | st.dictionaries(KEYS, TREES), max_size=3)
SETTINGS = st.dictionaries(KEYS, VALUES, max_size=4)


@settings(max_examples=250)
@given(
    st.fixed_dictionaries(
        {"defaults": SETTINGS.map(lambda given_: {"backend": "placeholder", "prompt": "p", **given_})},
        optional={
            "items": ITEMS,
            "vars": TREES,
            "jobs": st.dictionaries(KEYS, st.builds(lambda a, b: {**a, "items": b}, SETTINGS, ITEMS), max_size=2),
            "backends": TREES,
        },
    )
)
def test_any_manifest_is_right_or_all_that_is_wrong_is_told(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    folder = own_folder(tmp_path_factory)
    try:
        found = loaded(folder, values)
    except WrongInput as error:
        assert all(problem.message and problem.place.file == "assets.json" for problem in error.problems)
    else:
        assert all(text.bad_file_name(item.target.removesuffix(".png")) is None for item in found.items)


ANY_TEXT = st.text(st.sampled_from("abcdefg./${}: \0\n\ud800é🐉"), min_size=1, max_size=6)
RATIOS = st.integers(1, 10**400).map(lambda n: f"{n}:1") | st.floats(0, 1).map(lambda x: f"1:{x:.400f}")
TEXTS = st.fixed_dictionaries(
    {"name": st.just("Ember") | ANY_TEXT},
    optional={
        **dict.fromkeys(("prompt", "negative_prompt", "output", "filename", "checkpoint", "sampler"), ANY_TEXT),
        "slug": st.just("ember") | ANY_TEXT,
        "vars": st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=2),
        "aspect_ratio": RATIOS,
    },
)


@settings(max_examples=250)
@given(TEXTS)
def test_any_text_in_an_item_is_right_or_told(tmp_path_factory: pytest.TempPathFactory, item: dict[str, Any]) -> None:
    folder = own_folder(tmp_path_factory)
    try:
        found = only(loaded(folder, {"defaults": {"backend": "placeholder", "prompt": "p"}, "items": [item]}))
    except WrongInput as error:
        assert all(str(problem).startswith("assets.json") for problem in error.problems)
    else:
        assert recipe_of(found)["name"] == item["name"]
        assert folder in (folder / found.target).resolve().parents
