"""What docs/storyboard.md shows is so: its scripts are read, and its session happened."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imagegen.storyboard import script
from tests.conftest import Project

PAGE = (Path(__file__).parent.parent / "docs" / "storyboard.md").read_text("utf-8")

SCRIPTS = re.findall(
    r"^<!-- (\S+): (\d+) sentences, (\d+) characters? -->\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)


def test_there_is_a_script_in_each_form() -> None:
    assert {name for name, *_ in SCRIPTS} == {"script.md", "plain.txt", "front.md", "script.csv", "script.json"}


@pytest.mark.parametrize(("name", "sentences", "characters", "text"), SCRIPTS, ids=[one[0] for one in SCRIPTS])
def test_each_script_says_what_stands_above_it(
    tmp_path: Path, name: str, sentences: str, characters: str, text: str
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    draft = script.read(tmp_path / name, name)
    assert (len(draft.sentences), len(draft.characters)) == (int(sentences), int(characters))
    assert not draft.notes


def test_the_session_happened(project: Project) -> None:
    project.write("script.md", next(text for name, *_, text in SCRIPTS if name == "script.md"))
    (session,) = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        command, *lines = part.splitlines()
        printed = project.run(*command.split()[1:]).exits(0).out.splitlines()
        more = lines[-1] == "…"
        wanted = lines[:-1] if more else lines
        assert len(printed) > len(wanted) if more else len(printed) == len(wanted), printed
        for line, real in zip(wanted, printed, strict=False):
            pattern = re.escape(line).replace("…", r"[a-z0-9]{10}")
            assert re.fullmatch(pattern, real), f"{real!r} is not {line!r}"


def test_the_lines_for_assets_yaml_make_the_job(project: Project) -> None:
    """The page's own example of a job, in a manifest that was there before."""
    (lines,) = re.findall(r"^```yaml\n(jobs:.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    project.write("script.md", next(text for name, *_, text in SCRIPTS if name == "script.md"))
    project.write("workflows/image/flux-2.json", "{}")
    project.manifest("defaults: {backend: placeholder}\n" + lines)
    project.run("storyboard", "import", "script.md").exits(0).says_not("has no job")
    project.run("list", "--all").exits(0).says("frames")
    assert len(project.run("status", "frames", "--json").exits(0).json["items"]) == 5
