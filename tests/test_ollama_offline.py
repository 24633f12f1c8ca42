"""What the ollama backend knows without a server: versions, addresses, names, and what is wrong with an order."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen import files
from imagegen.backends.base import Complaint, Order, Watch
from imagegen.backends.ollama import checking, command, host, models, versions, wording
from imagegen.backends.ollama.pulling import Pulling, spoken
from imagegen.backends.ollama.transport import Wanted
from imagegen.backends.ollama.versions import Ability, Told
from imagegen.errors import BuildFailed, WrongInput
from tests.conftest import Project

# Versions


@pytest.mark.parametrize(
    ("version", "ability"),
    [
        ("0.13.5", Ability.CANNOT),
        ("0.14.0", Ability.CAN),
        ("0.14.0-rc1", Ability.CAN),
        ("v0.22.1", Ability.CAN),
        ("0.32.5", Ability.CAN),
        ("0.32.6", Ability.CANNOT),
        ("0.32.6-rc0", Ability.CANNOT),
        ("0.100.0", Ability.CANNOT),
        ("1.0.0", Ability.CANNOT),
        ("0.0.0", Ability.UNKNOWN),
        ("main", Ability.UNKNOWN),
        ("", Ability.UNKNOWN),
    ],
)
def test_which_versions_make_images(version: str, ability: Ability) -> None:
    assert versions.ability(version) is ability


@given(st.tuples(*[st.integers(0, 99)] * 3))
def test_versions_are_compared_as_numbers(numbers: tuple[int, int, int]) -> None:
    found = versions.ability(".".join(map(str, numbers)))
    if any(numbers):
        assert (found is Ability.CAN) == ((0, 14, 0) <= numbers <= (0, 32, 5))


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ("ollama version is 0.32.5\n", Told("0.32.5")),
        ("ollama version is 0.13.1\nWarning: client version is 0.32.5\n", Told("0.13.1", "0.32.5")),
        (
            "Warning: could not connect to a running Ollama instance\nWarning: client version is 0.32.5\n",
            Told("", "0.32.5", True),
        ),
        ("something else", Told()),
    ],
)
def test_what_the_program_prints_of_its_version(printed: str, told: Told) -> None:
    assert versions.printed(printed) == told


def test_the_server_s_version_counts() -> None:
    assert versions.printed("ollama version is 0.13.1\nWarning: client version is 0.32.5").counts == "0.13.1"


# Addresses: the table of envconfig/config_test.go in Ollama's source, and what is ours


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("1.2.3.4:1234", "http://1.2.3.4:1234"),
        ("example.com", "http://example.com:11434"),
        ("example.com:1234", "http://example.com:1234"),
        ("https://example.com", "https://example.com:443"),
        ("http://example.com", "http://example.com:80"),
        ("https://example.com:1234", "https://example.com:1234"),
        ("example.com/ollama", "http://example.com:11434/ollama"),
        ("https://example.com/ollama/", "https://example.com:443/ollama"),
        ("https://example.com:1234/ollama", "https://example.com:1234/ollama"),
        ("example.com:1234/", "http://example.com:1234"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:1234", "http://[::1]:1234"),
        ("::1", "http://[::1]:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:1234", "http://127.0.0.1:1234"),
        ("[::]:1234", "http://[::1]:1234"),
        ("1.2.3.4:66000", "http://1.2.3.4:11434"),
        ("1.2.3.4:-1", "http://1.2.3.4:11434"),
        ("https://1.2.3.4:66000", "https://1.2.3.4:443"),
        (' "1.2.3.4" ', "http://1.2.3.4:11434"),
        ("'example.com:1234'", "http://example.com:1234"),
        ("ollama.com", "https://ollama.com:443"),
        ("http://me:s3cret@box:1234/a", "http://box:1234/a"),
    ],
)
def test_where_a_server_is(text: str, url: str) -> None:
    assert host.address(text).url == url


@pytest.mark.parametrize("text", ["ftp://box", "a b", "http://box?x=1", "a:b:c:d", "box#1", "http://b\nx"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(host.NoAddress) as caught:
        host.address(text)
    assert text not in str(caught.value)


def test_a_secret_is_in_no_text_of_an_address() -> None:
    found = host.address("https://me:s3cret@box")
    assert "s3cret" not in repr(found) + str(found) + found.url
    assert found.headers == {"Authorization": "Basic bWU6czNjcmV0"}
    assert found.hidden("no: me:s3cret, s3cret, Basic bWU6czNjcmV0") == "no: ***, ***, Basic ***"


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_none(text: str) -> None:
    try:
        found = host.address(text)
    except host.NoAddress:
        return
    assert 0 < found.port <= 65535 and found.host and not any(mark in found.url for mark in " \n\t@")


@pytest.mark.parametrize(
    ("block", "environ", "urls"),
    [
        ({}, {}, ["http://127.0.0.1:11434"]),
        ({"url": "box"}, {}, ["http://box:11434"]),
        ({"url": "box"}, {"OLLAMA_HOST": "other"}, ["http://other:11434"]),
        ({"url": "box"}, {"OLLAMA_HOST": "0.0.0.0:11434"}, ["http://box:11434"]),
        ({}, {"OLLAMA_HOST": "0.0.0.0:1234"}, ["http://127.0.0.1:1234"]),
        ({"urls": ["a", "b", "a:11434"]}, {}, ["http://a:11434", "http://b:11434"]),
    ],
)
def test_which_servers_there_are(block: dict[str, Any], environ: dict[str, str], urls: list[str]) -> None:
    assert [one.url for one in host.addresses(block, environ)] == urls


def test_url_and_urls_are_one_too_many() -> None:
    with pytest.raises(WrongInput, match="put all of them into urls"):
        host.addresses({"url": "a", "urls": ["b"]}, {})


# Names of models


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("x/z-image-turbo", ("registry.ollama.ai", "x", "z-image-turbo", "latest")),
        ("x/flux2-klein:9b-bf16", ("registry.ollama.ai", "x", "flux2-klein", "9b-bf16")),
        ("llama3.2", ("registry.ollama.ai", "library", "llama3.2", "latest")),
        ("hf.co/me/it:q4", ("hf.co", "me", "it", "q4")),
        ("--width", None),
        ("../../etc/passwd", None),
        ("x/..", None),
        ("a/b/c/d", None),
        ("x/z image", None),
        ("x/z:", None),
        ("x/z:a/b", None),
        ("", None),
        ("/x", None),
    ],
)
def test_what_is_a_model_s_name(model: str, parts: tuple[str, ...] | None) -> None:
    assert models.parts(model) == parts


@given(st.text(alphabet="./\\:x-_ 1\n~", max_size=20))
def test_no_name_leads_out_of_the_folder_of_models(model: str) -> None:
    found = models.parts(model)
    if found is not None:
        assert not any(part in ("", ".", "..") or "/" in part or "\\" in part for part in found)


def test_one_model_has_several_spellings() -> None:
    spellings = ["x/z", "x/z:latest", "registry.ollama.ai/x/z", "registry.ollama.ai/x/z:latest"]
    assert {models.full(one) for one in spellings} == {"x/z:latest"}
    assert models.full("x/z:4b") == "x/z:4b"


@pytest.mark.parametrize(
    ("model", "licence"),
    [
        ("x/z-image-turbo", "Apache-2.0"),
        ("x/z-image-turbo:bf16", "Apache-2.0"),
        ("x/flux2-klein", "Apache-2.0"),
        ("x/flux2-klein:4b-fp4", "Apache-2.0"),
        ("x/flux2-klein:9b-bf16", "FLUX Non-Commercial License"),
        ("somebody/else", "licence: see `ollama show --license`"),
    ],
)
def test_licences(model: str, licence: str) -> None:
    assert models.licence(model) == licence


def test_the_file_that_tells_a_model_s_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "OF_THE_SERVICE", tmp_path / "service")
    file = tmp_path / ".ollama/models/manifests/registry.ollama.ai/x/z-image-turbo/latest"
    assert models.manifest("x/z-image-turbo", {"HOME": str(tmp_path)}) is None
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    assert models.manifest("x/z-image-turbo", {"HOME": str(tmp_path)}) == file
    elsewhere = {"HOME": str(tmp_path), "OLLAMA_MODELS": str(tmp_path / "elsewhere")}
    assert models.manifest("x/z-image-turbo", elsewhere) is None
    assert models.manifest("../../x", {"HOME": str(tmp_path)}) is None
    other = tmp_path / "service/manifests/registry.ollama.ai/x/z-image-turbo/latest"
    other.parent.mkdir(parents=True)
    other.write_text("{}")
    assert models.manifest("x/z-image-turbo", {"HOME": str(tmp_path)}) is None  # which is used can't be known


# What is wrong with an order


def complaints(
    transport: str = "cli", files: dict[str, tuple[Path, ...]] | None = None, **recipe: Any
) -> list[Complaint]:
    whole = {"model": models.DEFAULT, "width": 64, "height": 64, "prompt": "a ferry", "seed": 7, **recipe}
    return list(checking.complaints(Order("images:a", "A", whole, "", files=files or {}), transport))


def test_an_order_that_can_be_made() -> None:
    assert complaints() == complaints("api") == []
    assert complaints(seed="random") == []


@pytest.mark.parametrize(
    ("wrong", "setting", "says"),
    [
        ({"seed": 0}, "seed", "random"),
        ({"seed": 2**53 + 1}, "seed", "9007199254740992"),
        ({"width": 4112}, "width", "4096"),
        ({"height": 16384}, "height", "4096"),
        ({"width": 100}, "width", "96 or 112"),
        ({"model": "--help"}, "model", "x/z-image-turbo"),
        ({"model": "x/flux2-klein", "width": 4096, "height": 2048}, "width", "2048 x 2048"),
        ({"prompt": "a\0b"}, "prompt", "transport: api"),
        ({"prompt": "渡" * 10_001}, "prompt", "30003 bytes"),
    ],
)
def test_an_order_that_can_t_be_made(wrong: dict[str, Any], setting: str, says: str) -> None:
    (found,) = complaints(**wrong)
    assert found.setting == setting and says in found.message + found.hint


def test_sizes_of_a_model_that_is_not_known_are_left_to_its_server() -> None:
    assert complaints(model="me/mine", width=100) == []


@pytest.mark.parametrize(
    "prompt",
    [
        "in the style of /home/me/cat.png",
        "./cat.jpg at night",
        "like C:\\pictures\\my cat.PNG!",
        "\\\\share\\cat.webp",
        "a map of 1/2 of the town.jpeg",
        "(/a.png)",
    ],
)
def test_a_prompt_that_the_command_line_would_misread(prompt: str) -> None:
    (found,) = complaints(prompt=prompt)
    assert found.setting == "prompt" and "transport: api" in found.hint
    assert complaints("api", prompt=prompt) == []


@pytest.mark.parametrize("prompt", ["a png of a cat", "and/or", "/a.pngs", "a/b\nc.png", "-a ferry", "cat.png"])
def test_a_prompt_that_it_reads_as_it_is(prompt: str) -> None:
    assert complaints(prompt=prompt) == []


def test_the_command_line_takes_no_references() -> None:
    given_files = {"references": (Path("cat.png"),)}
    (found,) = complaints(files=given_files)
    assert found.setting == "references" and "transport: api" in found.hint and not found.useless
    assert complaints("api", files=given_files) == []


# The command's words


def test_the_words_of_the_command() -> None:
    wanted = Wanted("x/z-image-turbo", "--help", 64, 32, 7)
    assert command.arguments(wanted) == [
        "run", "x/z-image-turbo", "--width", "64", "--height", "32", "--seed", "7", "--", "--help",
    ]  # fmt: skip
    assert command.arguments(wanted._replace(steps=4))[6:8] == ["--steps", "4"]


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_a_prompt_is_one_word_behind_the_flags(prompt: str) -> None:
    words = command.arguments(Wanted("x/z", prompt, 64, 64, 1))
    assert words[-2:] == ["--", prompt] and words.index("--") == len(words) - 2


def test_a_program_is_looked_for_in_folders_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "ollama"
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert files.program("ollama", {"PATH": ":.:nowhere"}) is None
    assert files.program("ollama", {"PATH": f".:{tmp_path}"}) == program
    program.chmod(0o644)
    assert files.program("ollama", {"PATH": str(tmp_path)}) is None
    assert files.program("ollama", {}) is None


# What answers mean


@pytest.mark.parametrize(
    ("said", "kind", "says"),
    [
        ("Error: unknown flag: --width", wording.Unfit, ("0.13.1", "--width", "0.14.0 to 0.32.5")),
        ("Error: image generation models are not currently supported", wording.Unfit, ("0.13.1", "0.32.5")),
        ("Error: 500 Internal Server Error: image runner failed: exit 255", wording.Unfit, ("runner", "macOS")),
        ("Error: 503 Service Unavailable: server busy, please try again", wording.Passing, ("server busy",)),
        ("Error: could not connect to ollama server, run 'ollama serve' to start it", wording.NoAnswer, ("serve",)),
        ("Error: model 'x/y' not found", wording.Lacking, ("x/y",)),
        ("Error: pull model manifest: file does not exist", wording.Lacking, ()),
        ("Error: max retries exceeded: EOF", wording.Passing, ()),
        ("Error: 400 Bad Request: width and height must be <= 4096", BuildFailed, ("4096",)),
        ("", BuildFailed, ("no reason",)),
    ],
)
def test_what_an_answer_means(said: str, kind: type[BuildFailed], says: tuple[str, ...]) -> None:
    found = wording.failure(said, "ollama", Told("0.13.1"))
    assert type(found) is kind
    for word in says:
        assert word in found.message + found.hint


def test_a_broken_release_is_named() -> None:
    found = wording.failure("mlx runner failed", "ollama", Told("0.23.2"), 500)
    assert "0.22.1" in found.hint


# Downloads


def told(*lines: dict[str, Any] | str) -> tuple[list[str], list[tuple[int, int]]]:
    import threading

    notes: list[str] = []
    steps: list[tuple[int, int]] = []
    watch = Watch(threading.Event(), step=lambda value, total: steps.append((value, total)), note=notes.append)
    pulling = Pulling("x/z-image-turbo", watch, "box")
    for line in lines:
        if isinstance(line, str):
            pulling.text(line)
        else:
            pulling.status(line)
    pulling.ended()
    return notes, steps


def test_a_download_is_told_by_tenths() -> None:
    size = 12 * 10**9
    lines = [{"status": "pulling a", "digest": "a", "total": size, "completed": size * n // 100} for n in range(101)]
    notes, steps = told({"status": "pulling manifest"}, *lines, {"status": "success"})
    assert notes[0] == "pulling x/z-image-turbo (12.0 GB, Apache-2.0) to box, once"
    assert notes[1:-1] == [f"pulling x/z-image-turbo: {1.2 * n:.1f} GB of 12.0 GB" for n in range(1, 10)]
    assert notes[-1] == "pulled x/z-image-turbo (12.0 GB)"
    assert steps == [(n, 100) for n in range(101)]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 10**10), st.integers(1, 10**10)), max_size=60))
def test_a_download_of_any_files_is_told_in_few_lines(lines: list[tuple[str, int, int]]) -> None:
    notes, steps = told(*({"digest": name, "completed": done, "total": whole} for name, done, whole in lines))
    assert all(0 <= value <= 100 == total for value, total in steps)
    assert len(steps) == len(lines)


@pytest.mark.parametrize("line", [{}, {"total": 0}, {"total": "x", "completed": 3}, {"total": None}, {"status": 3}])
def test_a_line_that_tells_no_size_is_no_progress(line: dict[str, Any]) -> None:
    assert told(line) == (["pulled x/z-image-turbo"], [])


def test_the_program_s_own_bar_is_read() -> None:
    notes, steps = told(
        "pulling 8ac4e78ac3a5:  25% ▕████            ▏ 3.0 GB/ 12 GB  52 MB/s   1m30s",
        "pulling model:  50% ▕████████        ▏ 6.0 GB/12 GB",
        "pulling manifest ⠋",
    )
    assert notes[0].startswith("pulling x/z-image-turbo (12.0 GB") and steps[0] == (25, 100)


@pytest.mark.parametrize(("size", "text"), [(12_345_678_901, "12.3 GB"), (5_700_000, "5.7 MB"), (999, "999 bytes")])
def test_sizes_are_spoken(size: int, text: str) -> None:
    assert spoken(size) == text


# In a manifest


def test_validate_finds_all_of_it_at_once(project: Project) -> None:
    project.manifest("""
        defaults: {backend: ollama, prompt: p, size: 64x64}
        items:
        - {name: A, seed: 0}
        - {name: B, prompt: as in /home/me/cat.png}
        - {name: C, width: 100, height: 64}
        - {name: D, cfg: 3}
        - {name: E, negative_prompt: none}
    """)
    project.run("validate").exits(3).says(
        "seed 0 means a random one",
        "/home/me/cat.png",
        "transport: api",
        "96 or 112",
        "no use for cfg",
        "no use for negative_prompt",
    )


USELESS = ("checkpoint: a.ckpt", "cfg: 3", "sampler: euler", "scheduler: karras", "negative_prompt: n", "loras: [a.pt]")


def test_what_it_has_no_use_for_is_a_warning_from_defaults(project: Project) -> None:
    project.manifest(f"""
        defaults: {{backend: ollama, size: 64x64, {", ".join(USELESS)}}}
        items: [{{name: A, prompt: p}}]
    """)
    outcome = project.run("validate").exits(0)
    for setting in ("checkpoint", "cfg", "sampler", "scheduler", "negative_prompt", "loras"):
        outcome.says(f"no use for {setting}")


def test_the_command_line_takes_no_address_from_a_manifest(project: Project) -> None:
    project.manifest("backends: {ollama: {url: box}}\nitems: [{name: A, prompt: p, backend: ollama}]\n")
    project.run("validate").exits(3).says("transport: api")


def test_an_address_that_is_none_repeats_no_password(project: Project) -> None:
    project.manifest("""
        backends: {ollama: {transport: api, urls: ["http://me:s3cret@box?x"]}}
        items: [{name: A, prompt: p, backend: ollama}]
    """)
    project.run("validate").exits(3).says("urls[0]").says_not("s3cret")


def test_the_recipe_has_its_documented_defaults(project: Project) -> None:
    project.manifest("items: [{name: A, prompt: p, backend: ollama}]\n")
    made = project.run("explain", "images:a", "--json").exits(0).json
    recipe = made["recipe"]
    assert {key: recipe[key] for key in ("model", "width", "height")} == {
        "model": "x/z-image-turbo", "width": 1024, "height": 1024,
    }  # fmt: skip
    assert "steps" not in recipe and recipe["seed"] > 0
    assert made["graph"]["command"][:3] == ["ollama", "run", "x/z-image-turbo"]


def test_a_model_of_this_machine_is_known_by_its_digest(project: Project, tmp_path: Path) -> None:
    project.manifest("items: [{name: A, prompt: p, backend: ollama, size: 64x64}]\n")
    file = tmp_path / "models/manifests/registry.ollama.ai/x/z-image-turbo/latest"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"schemaVersion": 2}))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    here = project.run("explain", "images:a", "--json", OLLAMA_MODELS=str(tmp_path / "models")).exits(0).json
    assert here["known"] == {"model": f"sha256:{digest}"}
    elsewhere = {"OLLAMA_MODELS": str(tmp_path / "models"), "OLLAMA_HOST": "gpu-box"}
    assert project.run("explain", "images:a", "--json", **elsewhere).exits(0).json["known"] == {}
