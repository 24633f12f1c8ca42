"""Which PyTorch fits this machine. PyTorch has an index of wheels for each kind of processor:
https://pytorch.org/get-started/locally/; ComfyUI's README names the same ones."""

from __future__ import annotations

import platform
import re
import subprocess
from dataclasses import dataclass

from imagegen.errors import WrongInput
from imagegen.files import program

KINDS = ("auto", "cpu", "cuda", "rocm", "mps")
PACKAGES = ("torch", "torchvision", "torchaudio")
INDEX = "https://download.pytorch.org/whl/"
ROCM = "rocm7.2"

TURING = (7, 5)
"""Builds for CUDA 12.8 and newer know no cards below this compute capability; those for 12.6 do."""
_BLACKWELL = (10, 0)
_CUDA_13, _CUDA_12_8, _CUDA_12 = 580, 570, 525
"""The first driver for each CUDA; one runs all that are older (docs.nvidia.com/deploy/cuda-compatibility)."""


@dataclass(frozen=True)
class Card:
    """An NVIDIA card: ``driver`` is its version's first number, ``capability`` what it can compute."""

    name: str
    driver: int
    capability: tuple[int, int]


@dataclass(frozen=True)
class Machine:
    """``system`` and ``processor`` as Python's platform module names them."""

    system: str
    processor: str
    cards: tuple[Card, ...] = ()
    rocm: bool = False


@dataclass(frozen=True)
class Torch:
    """The build to install: its ``kind``, the ``index`` of its wheels (empty: pip's own), and ``why``."""

    kind: str
    index: str
    why: str


def choose(asked: str, machine: Machine) -> Torch:
    """``asked`` is one of KINDS. Raises WrongInput for what this machine can't have."""
    if asked == "auto":
        if machine.system == "Darwin":
            asked = "mps" if machine.processor == "arm64" else "cpu"
        else:
            asked = "cuda" if machine.cards else "rocm" if machine.rocm and machine.system == "Linux" else "cpu"
    if asked == "cpu":
        index = "" if machine.system == "Darwin" else f"{INDEX}cpu"
        return Torch("cpu", index, "no graphics card is used: an image takes minutes")
    if asked == "mps":
        if machine.system != "Darwin" or machine.processor != "arm64":
            raise WrongInput("--torch mps is for Macs with Apple silicon", "--torch cpu runs anywhere")
        return Torch("mps", "", "Apple silicon")
    if asked == "rocm":
        if machine.system != "Linux":
            raise WrongInput(
                "PyTorch's own index has builds for AMD cards on Linux only",
                "set ComfyUI up by hand as its README says, then imagegen setup comfyui --dir FOLDER",
            )
        return Torch("rocm", INDEX + ROCM, "an AMD card" if machine.rocm else "as you asked; rocminfo finds no card")
    if machine.system == "Darwin":
        raise WrongInput("there is no CUDA on macOS", "--torch mps, or --torch cpu on an Intel Mac")
    return _cuda(machine.cards)


def _cuda(cards: tuple[Card, ...]) -> Torch:
    if not cards:
        return Torch("cuda", f"{INDEX}cu130", "as you asked; nvidia-smi finds no card")
    driver, oldest = min(card.driver for card in cards), min(card.capability for card in cards)
    why = f"{cards[0].name}, driver {driver}"
    if driver < _CUDA_12:
        raise WrongInput(
            f"the NVIDIA driver ({driver}) is older than any PyTorch of today wants ({_CUDA_12})",
            "update the driver, or --torch cpu",
        )
    if oldest < TURING:
        return Torch("cuda", f"{INDEX}cu126", why + ", a card from before 2018")
    if driver >= _CUDA_13:
        return Torch("cuda", f"{INDEX}cu130", why)
    if driver >= _CUDA_12_8:
        return Torch("cuda", f"{INDEX}cu128", why)
    if max(card.capability for card in cards) >= _BLACKWELL:
        raise WrongInput(
            f"{cards[0].name} wants a newer driver than {driver}", f"install {_CUDA_13} or newer, or --torch cpu"
        )
    return Torch("cuda", f"{INDEX}cu126", why)


# --- looking -----------------------------------------------------------------------------------------


def look() -> Machine:
    """This machine, as far as nvidia-smi and rocminfo tell."""
    asked = ("--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader")
    return Machine(
        platform.system(),
        platform.machine(),
        cards(_said("nvidia-smi", *asked)),
        re.search(r"\bgfx[1-9a-f]", _said("rocminfo")) is not None,
    )


def cards(text: str) -> tuple[Card, ...]:
    """The cards in nvidia-smi's lines, ``NVIDIA GeForce RTX 4090, 570.86.15, 8.9``."""
    found = re.findall(r"^\s*(.+?),\s*(\d+)[.\d]*,\s*(\d+)\.(\d+)\s*$", text, re.MULTILINE)
    return tuple(Card(name, int(driver), (int(major), int(minor))) for name, driver, major, minor in found)


def _said(name: str, *words: str) -> str:
    path = program(name)
    if path is None:
        return ""
    try:
        done = subprocess.run(
            [path, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=30,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
