"""What the README says is so."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from imagegen import verbs
from tests.conftest import Outcome, Project
from tests.handiwork import edit

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def section(title: str) -> str:
    """What stands under a heading."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no section {title}"
    return found[1]


def fences(text: str) -> list[str]:
    return re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_quick_start_is_two_commands() -> None:
    (block,) = fences(section("Quick start"))
    first, second = block.strip().splitlines()
    assert first.endswith("imagegen run") and "pytest" in second
    assert not any(line.endswith("\\") or line.startswith("#") for line in (first, second))


def test_the_reference_is_the_schemas() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "imagegen.reference"], capture_output=True, text=True, encoding="utf-8",
        check=True,
    )  # fmt: skip
    _, _, rest = README.partition("<!-- settings -->")
    reference, end, _ = rest.partition("<!-- /settings -->")
    assert end and reference.strip() == done.stdout.strip(), "python -m imagegen.reference README.md mends it"


def test_every_command_has_its_line() -> None:
    told = section("Commands")
    assert [verb for verb in verbs.OURS if not re.search(rf"^\|.*`{verb}\b.*\|", told, re.MULTILINE)] == []


def session() -> Iterator[tuple[str, list[str]]]:
    """The terminal session: each command and the lines it printed."""
    (block,) = fences(section("A session"))
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *lines = part.splitlines()
        yield command.partition("  #")[0].strip(), lines


def as_shown(lines: list[str]) -> list[str]:
    """Lines without what differs from run to run: the seconds, and the order of images made at one time."""
    return sorted(re.sub(r"\d+\.\d s$", "… s", line) for line in lines)


def test_the_session_happened(project: Project) -> None:
    """Each command is done here as there; `mogrify` is stood in for by a changed pixel."""
    for command, lines in session():
        outcome = Outcome(0, "", "")
        wanted = list(lines)
        for one in command.split("&&"):
            program, *words = shlex.split(one)
            if program == "sed":
                _, old, new, _ = words[1].split("/")
                project.edit(old, new, words[2])
            elif program == "mogrify":
                edit(project.root / words[-1])
            elif program == "echo":
                assert outcome.code == 0 and wanted.pop() == " ".join(words)
            else:
                assert program in ("imagegen", "doit"), command
                outcome = project.run(*words) if program == "imagegen" else project.doit(*words)
        printed = outcome.out.replace(f"{project.root}/", "")
        assert as_shown(printed.splitlines()) == as_shown(wanted), f"$ {command}\n{outcome}"
