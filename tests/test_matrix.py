"""A matrix: one image for each combination, its slugs and names, what is taken out, and all that can be wrong."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen import matrix
from imagegen.items import Manifest
from tests.conftest import Project
from tests.manifests import loaded, recipe_of, wrong

ON = "defaults: {backend: placeholder, size: 64x64, prompt: '${name}'}\n"


def of_job(folder: Path, job: str) -> Manifest:
    return loaded(folder, f"{ON}jobs: {{kins: {job}}}\n")


def slugs(found: Manifest) -> list[str]:
    return [item.slug for item in found.items]


MOODS = "matrix: {emotion: [calm, furious], light: [day, night]}"


def test_one_image_for_each_combination(tmp_path: Path) -> None:
    found = of_job(tmp_path, f"{{{MOODS}, prompt: '${{emotion}} ${{name}} by ${{light}}', items: [Mallsing, Thorn]}}")
    assert slugs(found) == [
        f"{name}-{emotion}-{light}"
        for name, emotion, light in itertools.product(["mallsing", "thorn"], ["calm", "furious"], ["day", "night"])
    ]
    second = found.items[1]
    assert second.name == "Mallsing (calm, night)" and second.target == "assets/kins/mallsing-calm-night.png"
    assert recipe_of(second)["prompt"] == "calm Mallsing by night"
    assert len({recipe_of(item)["seed"] for item in found.items}) == 8


def test_the_order_is_the_matrix_s_own(tmp_path: Path) -> None:
    found = of_job(tmp_path, "{matrix: {light: [night, day], emotion: [calm]}, items: [A]}")
    assert slugs(found) == ["a-night-calm", "a-day-calm"]


def test_another_value_changes_nothing_of_the_others(tmp_path: Path) -> None:
    few = of_job(tmp_path, "{matrix: {emotion: [calm]}, items: [A]}").items[0]
    assert few in of_job(tmp_path, "{matrix: {emotion: [sad, calm]}, items: [B, A]}").items


def test_values_keep_their_letters_and_slugs_are_plain(tmp_path: Path) -> None:
    job = "{matrix: {n: [007, 1.10, No, Größe XL]}, prompt: '${n}', items: [{name: A, slug: own}]}"
    found = of_job(tmp_path, job)
    assert [recipe_of(item)["prompt"] for item in found.items] == ["007", "1.10", "No", "Größe XL"]
    assert slugs(found) == ["own-007", "own-1-10", "own-no", "own-grosse-xl"]


def test_the_values_are_there_wherever_vars_are(tmp_path: Path) -> None:
    found = of_job(
        tmp_path,
        "{matrix: {emotion: [calm]}, vars: {kin: heron}, output: 'art/${job}', filename: '${emotion}/${slug}-${kin}',"
        " negative_prompt: 'not ${emotion}', items: [A]}",
    )
    assert found.items[0].target == "art/kins/calm/a-calm-heron.png"
    assert recipe_of(found.items[0])["negative_prompt"] == "not calm"


@pytest.mark.parametrize(
    ("item", "made"),
    [
        ("{name: A}", ["a-calm", "a-furious"]),
        ("{name: A, matrix: {light: [day]}}", ["a-day"]),
        ("{name: A, matrix: {}}", ["a"]),
        ("{name: A, exclude: [{emotion: calm}]}", ["a-furious"]),
        ("{name: A, matrix: {x: [1, 2], y: [3, 4]}, exclude: [{x: 1, y: 4}]}", ["a-1-3", "a-2-3", "a-2-4"]),
    ],
)
def test_an_item_s_own_matrix_holds_instead_of_the_job_s(tmp_path: Path, item: str, made: list[str]) -> None:
    assert slugs(of_job(tmp_path, f"{{matrix: {{emotion: [calm, furious]}}, items: [{item}]}}")) == made


def test_a_job_s_exclude_belongs_to_its_matrix(tmp_path: Path) -> None:
    job = f"{{{MOODS}, exclude: [{{emotion: calm, light: night}}, {{emotion: furious}}], items: [A, %s]}}"
    assert slugs(of_job(tmp_path, job % "{name: B, matrix: {x: [1]}}")) == ["a-calm-day", "b-1"]
    assert slugs(of_job(tmp_path, job % "{name: B, exclude: [{light: day}]}")) == [
        "a-calm-day", "b-calm-night", "b-furious-night"
    ]  # fmt: skip


def test_a_matrix_works_with_every_source(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("## A\n\n${e}\n\n## B\n\nb\n\n**Matrix:** {e: [x]}\n", "utf-8")
    (tmp_path / "a.csv").write_text('name,matrix,exclude\nA,,\nB,"{e: [1, 2]}",{e: 1}\n', "utf-8")
    (tmp_path / "a.json").write_text('["A", {"name": "B", "matrix": {"e": ["x"]}}]', "utf-8")
    jobs = "".join(
        f"  {kind}: {{source: {{{kind}: {file}}}, matrix: {{e: [calm, sad]}}}}\n"
        for kind, file in (("markdown", "a.md"), ("csv", "a.csv"), ("json", "a.json"))
    )
    assert [item.task for item in loaded(tmp_path, f"{ON}jobs:\n{jobs}").items] == [
        *(f"markdown:{slug}" for slug in ("a-calm", "a-sad", "b-x")),
        *(f"csv:{slug}" for slug in ("a-calm", "a-sad", "b-2")),
        *(f"json:{slug}" for slug in ("a-calm", "a-sad", "b-x")),
    ]


def test_one_combination_goes_into_another_image(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        """\
        defaults: {checkpoint: a.safetensors, prompt: x}
        jobs:
          kins: {matrix: {e: [calm, sad]}, items: [A]}
          more: {matrix: {e: [calm, sad]}, image: {item: "kins:a-${e}"}, items: [B]}
        """,
    )
    assert [item.ingredients[0].task for item in found.items[2:]] == ["kins:a-calm", "kins:a-sad"]


WRONG = [
    ("{matrix: {e: calm}, items: [A]}", "jobs.kins.matrix.e: must be a list"),
    ("{matrix: [calm], items: [A]}", "jobs.kins.matrix: must be a mapping"),
    ("{matrix: {e: []}, items: [A]}", "assets.yaml:2:27: jobs.kins.matrix.e: is empty"),
    ("{matrix: {e: [[a]]}, items: [A]}", "jobs.kins.matrix.e[0]: must be text"),
    ("{matrix: {e: [a, a]}, items: [A]}", 'jobs.kins.matrix.e[1]: "a" stands twice'),
    ("{matrix: {e: [Calm!, calm]}, items: [A]}", 'e[1]: "calm" and "Calm!" have one slug, calm'),
    ("{matrix: {e: [🐉]}, items: [A]}", 'jobs.kins.matrix.e[0]: no file name can be made of "🐉"'),
    ("{matrix: {name: [a]}, items: [A]}", 'jobs.kins.matrix.name: a matrix can\'t have the key "name"'),
    ("{matrix: {'a}b': [a]}, items: [A]}", "can't be written in ${…}"),
    ("{matrix: {e: [a]}, vars: {e: b}, items: [A]}", 'jobs.kins.vars.e: a var can\'t be called "e": the matrix has it'),
    ("{matrix: {e: [a]}, items: [{name: A, vars: {e: b}}]}", "jobs.kins.items[0].vars.e: a var can't be called"),
    ("{exclude: [{e: a}], items: [A]}", "jobs.kins.exclude: exclude has no use without a matrix"),
    ("{items: [{name: A, exclude: [{e: a}]}]}", "items[0].exclude: exclude has no use without a matrix"),
    ("{matrix: {e: [a]}, items: [{name: A, matrix: {}, exclude: [{e: a}]}]}", "exclude has no use without a matrix"),
    (
        "{matrix: {e: [calm, b]}, exclude: [{e: clam}], items: [A]}",
        'takes nothing out: e is never "clam" (did you mean',
    ),
    ("{matrix: {e: [a, b]}, exclude: [{f: a}], items: [A]}", 'jobs.kins.exclude[0].f: the matrix has no "f"'),
    ("{matrix: {e: [a, b]}, exclude: [{}], items: [A]}", "jobs.kins.exclude[0]: is empty"),
    (
        "{matrix: {e: []}, items: [{name: A, exclude: [{e: a}]}, {name: B, vars: {e: c}, matrix: {}}]}",
        "matrix.e: is em",
    ),
    ("{matrix: {e: [a]}, exclude: [{e: a}], items: [A]}", "jobs.kins.exclude: takes out every combination"),
    ("{matrix: {e: [a], f: [b]}, items: [A], prompt: '${g}'}", 'unknown "${g}"'),
    ("{matrix: {e: [x, x-y], f: [y-z, z]}, items: [A]}", "have one target, assets/kins/a-x-y-z.png"),
    ("{matrix: {e: [x]}, items: [A, {name: B, slug: a-x, matrix: {}}]}", "have one target, assets/kins/a-x.png"),
]


@pytest.mark.parametrize(("job", "told"), WRONG)
def test_a_mistake_is_told_once(tmp_path: Path, job: str, told: str) -> None:
    found = wrong(tmp_path, f"{ON}jobs: {{kins: {job}}}\n")
    assert told in found and len(found.splitlines()) == 1, found


def test_a_wrong_matrix_hides_no_other_mistake(tmp_path: Path) -> None:
    told = wrong(
        tmp_path, f"{ON}jobs: {{kins: {{matrix: {{e: []}}, items: [{{name: A, prompt: '${{e}} ${{x}}'}}]}}}}\n"
    )
    assert "is empty" in told and "${x}" in told and "${e}" not in told


def test_a_key_that_was_left_out_is_no_unknown_name_as_well(tmp_path: Path) -> None:
    items = "items: [{name: A, prompt: '${e}'}, {name: B, prompt: '${f}', matrix: {f: [[x]]}}]"
    told = wrong(tmp_path, f"{ON}jobs: {{kins: {{matrix: {{e: calm}}, exclude: [{{e: a}}], {items}}}}}\n")
    assert "matrix.e: must be a list" in told and "matrix.f[0]: must be text" in told and len(told.splitlines()) == 2


def test_too_many_are_refused_before_they_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = ", ".join(map(str, range(10)))
    many = ", ".join(f"k{n}: [{digits}]" for n in range(12))
    told = wrong(tmp_path, f"{ON}jobs: {{kins: {{matrix: {{{many}}}, items: [A]}}}}\n")
    assert "jobs.kins.matrix: has 1000000000000 combinations; at most 100000 images can be in all" in told
    few = ", ".join(f"k{n}: [{digits}]" for n in range(4))
    made: list[object] = []
    monkeypatch.setattr("imagegen.composing.Composer.compose", lambda *given: made.append(given))
    items = ", ".join(f"a{n}" for n in range(6))
    told = wrong(
        tmp_path,
        f"{ON}jobs: {{b: {{matrix: {{{few}}}, items: [{items}]}}, c: {{matrix: {{{few}}}, items: [{items}]}}}}\n",
    )
    assert told.startswith("assets.yaml:2:") and "jobs.c: makes it 120000 images" in told and not made


VALUES = st.lists(st.text("abcdef", min_size=1, max_size=3), min_size=1, max_size=4, unique=True)
MATRICES = st.dictionaries(st.text("klmn", min_size=1, max_size=2), VALUES, max_size=4)


@given(MATRICES, st.data())
def test_the_combinations_are_the_product_without_what_is_taken_out(
    combined: dict[str, list[str]], data: st.DataObject
) -> None:
    assert not list(matrix.faults(combined, (), ("name",)))
    whole = matrix.choices(combined)
    assert len(whole) == matrix.size(combined)
    assert [tuple(one.values.values()) for one in whole] == list(itertools.product(*combined.values()))
    one_of = st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in combined.items()})
    exclude = data.draw(st.lists(one_of.filter(bool), max_size=3)) if combined else []
    left = matrix.choices(combined, exclude)
    taken = [one for one in whole if any(entry.items() <= dict(one.values).items() for entry in exclude)]
    assert sorted([*left, *taken], key=str) == sorted(whole, key=str) and [one for one in whole if one in left] == list(
        left
    )
    assert not list(matrix.faults(combined, exclude, ()))


def test_a_run_makes_all_of_them_and_tells_which(project: Project) -> None:
    project.manifest(
        f"{ON}jobs: {{kins: {{{MOODS}, exclude: [{{light: night, emotion: calm}}], items: [Mallsing]}}}}\n"
    )
    project.run("run").exits(0).says("3 made", "assets/kins/mallsing-furious-night.png")
    project.run("list", "--all").exits(0).says("kins:mallsing-calm-day", "Mallsing (calm, day)")
    project.run("status", "kins:mallsing-calm-*").exits(0).says("1 fresh")
    project.run("explain", "kins:mallsing-calm-day").exits(0).says(
        "Mallsing (calm, day)", "prompt", "derived from base_seed"
    )
    project.edit("[calm, furious]", "[calm, furious, sad]")
    project.run("run").exits(0).says("2 made, 3 skipped")
