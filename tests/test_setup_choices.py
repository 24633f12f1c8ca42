"""What `setup comfyui` decides: addresses, PyTorch for a machine, ComfyUI's file of model folders; and how it
runs other programs."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from imagegen.backends.base import Watch
from imagegen.backends.comfyui.install import model_paths, program, torch, wanted
from imagegen.backends.comfyui.install.torch import Card, Machine
from imagegen.errors import BuildFailed, Interrupted, WrongInput

OLD, NEW, NEWEST = Card("GTX 1080", 580, (6, 1)), Card("RTX 4090", 580, (8, 9)), Card("RTX 5090", 580, (12, 0))


def with_driver(card: Card, driver: int) -> Card:
    return Card(card.name, driver, card.capability)


@pytest.mark.parametrize(
    ("asked", "machine", "kind", "index"),
    [
        ("auto", Machine("Linux", "x86_64"), "cpu", "cpu"),
        ("auto", Machine("Windows", "AMD64"), "cpu", "cpu"),
        ("auto", Machine("Darwin", "arm64"), "mps", ""),
        ("auto", Machine("Darwin", "x86_64"), "cpu", ""),
        ("auto", Machine("Linux", "x86_64", (NEW,)), "cuda", "cu130"),
        ("auto", Machine("Windows", "AMD64", (NEWEST,)), "cuda", "cu130"),
        ("auto", Machine("Linux", "x86_64", (with_driver(NEWEST, 570),)), "cuda", "cu128"),
        ("auto", Machine("Linux", "x86_64", (with_driver(NEW, 535),)), "cuda", "cu126"),
        ("auto", Machine("Linux", "x86_64", (OLD,)), "cuda", "cu126"),
        ("auto", Machine("Linux", "x86_64", (NEW, OLD)), "cuda", "cu126"),
        ("auto", Machine("Linux", "x86_64", rocm=True), "rocm", torch.ROCM),
        ("auto", Machine("Linux", "x86_64", (NEW,), rocm=True), "cuda", "cu130"),
        ("auto", Machine("Windows", "AMD64", rocm=True), "cpu", "cpu"),
        ("cpu", Machine("Linux", "x86_64", (NEW,)), "cpu", "cpu"),
        ("cuda", Machine("Linux", "x86_64"), "cuda", "cu130"),
        ("rocm", Machine("Linux", "x86_64"), "rocm", torch.ROCM),
    ],
)
def test_pytorch_for_a_machine(asked: str, machine: Machine, kind: str, index: str) -> None:
    found = torch.choose(asked, machine)
    assert (found.kind, found.index) == (kind, torch.INDEX + index if index else "")


@pytest.mark.parametrize(
    ("asked", "machine", "says"),
    [
        ("mps", Machine("Linux", "x86_64"), "Apple silicon"),
        ("mps", Machine("Darwin", "x86_64"), "Apple silicon"),
        ("cuda", Machine("Darwin", "arm64"), "no CUDA on macOS"),
        ("rocm", Machine("Windows", "AMD64"), "on Linux only"),
        ("auto", Machine("Linux", "x86_64", (with_driver(NEW, 470),)), "older than"),
        ("auto", Machine("Linux", "x86_64", (with_driver(NEWEST, 560),)), "newer driver"),
    ],
)
def test_pytorch_that_a_machine_can_t_have(asked: str, machine: Machine, says: str) -> None:
    with pytest.raises(WrongInput, match=says):
        torch.choose(asked, machine)


def test_what_nvidia_smi_says() -> None:
    said = "NVIDIA GeForce RTX 4090, 570.86.15, 8.9\nNVIDIA A100-SXM4-80GB, 535.104.05, 8.0\n"
    assert torch.cards(said) == (
        Card("NVIDIA GeForce RTX 4090", 570, (8, 9)),
        Card("NVIDIA A100-SXM4-80GB", 535, (8, 0)),
    )
    assert torch.cards("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.") == ()


def test_this_machine_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, said in (("nvidia-smi", "Tesla T4, 550.54, 7.5"), ("rocminfo", "  Name:  gfx1100")):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{said}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = torch.look()
    assert found.cards == (Card("Tesla T4", 550, (7, 5)),) and found.rocm
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho no driver\nexit 9\n")
    assert torch.look().cards == ()


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("https://github.com/Comfy-Org/ComfyUI.git", "https://github.com/Comfy-Org/ComfyUI.git"),
        ("ssh://git@example.org:22/me/ComfyUI", "ssh://git@example.org:22/me/ComfyUI"),
        ("git@github.com:me/ComfyUI.git", "git@github.com:me/ComfyUI.git"),
        ("/srv/git/ComfyUI", "/srv/git/ComfyUI"),
        ("../ComfyUI", "/project/../ComfyUI"),
        ("ComfyUI", "/project/ComfyUI"),
        ("C:\\git\\ComfyUI", "C:\\git\\ComfyUI"),
        ("/with blanks/ComfyUI", "/with blanks/ComfyUI"),
    ],
)
def test_addresses_that_are_cloned_from(text: str, becomes: str) -> None:
    assert wanted.repository(text, Path("/project")) == becomes


@given(st.text(max_size=30))
def test_no_address_is_an_option_or_a_helper(text: str) -> None:
    """Whatever is written, what git gets is one of the forms that are cloned from."""
    try:
        found = wanted.repository(text, Path("/project"))
    except WrongInput:
        return
    assert not found.startswith("-") and "::" not in found.partition("/project")[0] + text
    assert found.startswith(("https://", "ssh://", "/")) or ":" in found


@given(st.text(max_size=30))
def test_no_ref_is_an_option(text: str) -> None:
    try:
        found = wanted.ref(text, "--ref")
    except WrongInput:
        return
    assert found == text and (not text or text[0].isalnum()) and ".." not in text


def test_the_home_of_nobody_is_no_fault() -> None:
    assert wanted.path("~no-such-user/x") == Path("~no-such-user/x")
    assert wanted.path("~/x") == Path.home() / "x"


@pytest.mark.parametrize("text", ["v0.3.64", "master", "a125cd84", "feature/x", "1.0-rc1"])
def test_refs(text: str) -> None:
    assert wanted.ref(text, "--ref") == text


@pytest.mark.parametrize(
    ("repository", "known"),
    [
        ("https://github.com/comfyanonymous/ComfyUI", True),
        ("https://github.com/Comfy-Org/ComfyUI.git", True),
        ("https://github.com/Comfy-Org/ComfyUI/", True),
        ("https://github.com/somebody/ComfyUI", False),
        ("https://example.org/github.com/Comfy-Org/ComfyUI", False),
        ("ssh://github.com/Comfy-Org/ComfyUI", False),
        ("/github.com/Comfy-Org/ComfyUI", False),
    ],
)
def test_whose_repository_it_is(repository: str, known: bool) -> None:
    assert wanted.Wanted(repository, "", Path("/x")).is_well_known is known


@given(
    st.dictionaries(
        st.sampled_from(["checkpoints", "loras", "vae"]),
        st.lists(st.text(st.characters(exclude_characters="\n\r\x00"), min_size=1), min_size=1),
    )
)
def test_model_folders_are_read_as_they_were_written(paths: dict[str, list[str]]) -> None:
    """As ComfyUI reads them: YAML, one folder a line."""
    read = yaml.safe_load(model_paths.content(paths, Path("/project")))["imagegen"] or {}
    whole = {kind: [str(Path("/project", wanted.path(one))) for one in each] for kind, each in paths.items()}
    assert {kind: text.split("\n") for kind, text in read.items()} == whole


def test_the_file_of_model_folders(tmp_path: Path) -> None:
    file = tmp_path / "extra_model_paths.yaml"
    assert model_paths.place({}, tmp_path, file) is False and not file.exists()
    assert model_paths.place({"loras": ["a"]}, tmp_path, file) is True
    assert model_paths.place({"loras": ["a"]}, tmp_path, file) is False
    assert model_paths.place({}, tmp_path, file) is True and not file.exists()
    file.write_text("mine: {}\n")
    assert model_paths.place({"loras": ["a"]}, tmp_path, file) is None and file.read_text() == "mine: {}\n"


def test_a_program_is_ended_when_the_run_is_left() -> None:
    cancelled = threading.Event()
    heard: list[str] = []

    def told(line: str) -> None:
        heard.append(line)
        cancelled.set()

    began = time.monotonic()
    with pytest.raises(Interrupted):
        program.run(
            [sys.executable, "-uc", "import time; print('begun'); time.sleep(60)"],
            Watch(cancelled),
            what="x",
            heard=told,
        )
    assert heard == ["begun"] and time.monotonic() - began < 10


def test_what_a_failed_program_said_last_is_told() -> None:
    words = "import sys; [print('line', n) for n in range(40)]; sys.exit(7)"
    with pytest.raises(program.Failed, match=r"counting failed \(exit 7\)(?s:.*)line 25\n(?s:.*)line 39\n") as failed:
        program.run([sys.executable, "-c", words], Watch(threading.Event()), what="counting")
    assert "line 24" not in failed.value.message and failed.value.code == 7
    with pytest.raises(BuildFailed, match="no-such-program can't be started"):
        program.run(["no-such-program"], Watch(threading.Event()), what="x")
