"""What a terminal shows, and what a pipe gets instead."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import Outcome, Project
from tests.handiwork import draw

pty = pytest.importorskip("pty", reason="there are no pseudo terminals here (Windows)")

MANIFEST = """\
    defaults: {backend: placeholder, size: 64x64}
    jobs:
      kins:
        prompt: portrait of ${name}
        items: [Ada, Bo, Cy, Di]
    """
WIDTH = 100
BAR = "━"
COLOUR = re.compile(r"\x1b\[(?:[0-9]+;)*(?:3[0-9]|4[0-9]|9[0-7]|10[0-7])(?:;[0-9]+)*m")


@pytest.fixture
def kins(project: Project) -> Project:
    project.manifest(MANIFEST)
    return project


def on_terminal(project: Project, *words: str, **environ: str) -> tuple[int, str]:
    """`imagegen WORDS` on a terminal of its own: the exit status and all that was sent to it."""
    ours, theirs = pty.openpty()
    usual = {**project.environ, "TERM": "xterm-256color", "COLUMNS": str(WIDTH), "PYTHONUTF8": "1"}
    child = subprocess.Popen(
        [sys.executable, "-m", "imagegen", *words], cwd=project.root, env={**usual, **environ},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    sent = b""
    try:
        while more := os.read(ours, 65536):
            sent += more
    except OSError:
        pass  # so Linux says that nobody has the other side open any more
    os.close(ours)
    return child.wait(timeout=60), sent.decode()


def screen(sent: str) -> list[str]:
    """The lines that are to be seen in the end: what a terminal makes of ``sent``."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[^\x1b]", sent):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif re.fullmatch(r"\x1b\[[0-9]*A", part):
            row = max(0, row - int(part[2:-1] or 1))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part.startswith("\x1b"):
            assert re.fullmatch(r"\x1b\[(\?25[lh]|[0-9;]*m)", part), f"this terminal does not know {part!r}"
        else:
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines if line.strip()]


def test_bars_come_and_leave_nothing_behind(kins: Project) -> None:
    status, sent = on_terminal(kins, "run")
    assert status == 0
    assert BAR in sent and "0/4" in sent and "kins:ada" in sent and COLOUR.search(sent)
    *made, end = screen(sent)
    assert sorted(re.sub(r"  \d+\.\d s$", "", line) for line in made) == sorted(
        line.rsplit("  ", 1)[0] for line in kins.run("run", "-a").exits(0).out.splitlines()[:4]
    )
    assert re.fullmatch(r"4 made, 0 skipped, 0 failed in \d+\.\d s", end)
    assert sent.rindex("\x1b[?25h") > sent.rindex("\x1b[?25l"), "the cursor is there again"


def test_nothing_to_do_needs_no_bar(kins: Project) -> None:
    kins.run("run").exits(0)
    status, sent = on_terminal(kins, "run")
    assert status == 0 and BAR not in sent
    assert len(screen(sent)) == 1 and "Nothing to do" in sent
    status, sent = on_terminal(kins, "status", "--check")
    assert (status, screen(sent)) == (0, ["4 fresh"])


def test_failures_stay_on_the_screen(kins: Project) -> None:
    draw(kins.root / "assets/kins/bo.png")
    status, sent = on_terminal(kins, "run")
    shown = screen(sent)
    assert status == 1 and not any(BAR in line for line in shown)
    at_the_end = shown[shown.index(next(line for line in shown if line.startswith("3 made"))) :]
    assert "kins:bo" in at_the_end[1] and "not ours" in at_the_end[1] and "adopt" in at_the_end[2]


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("TERM", "dumb")])
def test_no_bars_where_nobody_watches(kins: Project, name: str, value: str) -> None:
    status, sent = on_terminal(kins, "run", **{name: value})
    assert status == 0 and "\x1b" not in sent and BAR not in sent
    assert len(screen(sent)) == 5


def test_no_color_means_no_colours(kins: Project) -> None:
    status, sent = on_terminal(kins, "run", NO_COLOR="1")
    assert status == 0 and not COLOUR.search(sent)
    status, sent = on_terminal(kins, "run", "-a", NO_COLOR="")  # https://no-color.org: not when it is empty
    assert status == 0 and COLOUR.search(sent)


def test_a_pipe_gets_plain_lines(kins: Project) -> None:
    told = kins.run("run").exits(0)
    assert "\x1b" not in told.out and BAR not in told.out and "\r" not in told.out
    assert len(told.out.splitlines()) == 5
    status, sent = on_terminal(kins, "run", "-a", "--json")
    assert status == 0 and "\x1b" not in sent and BAR not in sent


def nobody_reads(project: Project, *words: str) -> Outcome:
    """`imagegen WORDS | true`: the pipe's other side is closed before anything is written."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "imagegen", *words], cwd=project.root, env=project.environ, stdin=subprocess.DEVNULL,
        stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(writing)
    return Outcome(done.returncode, "", done.stderr)


@pytest.mark.parametrize(
    "words",
    [["status", "-a"], ["status", "--json"], ["list", "--all"], ["--help"], ["help", "run"]],
    ids=" ".join,
)
def test_a_reader_that_goes_away_is_no_error(kins: Project, words: list[str]) -> None:
    assert nobody_reads(kins, *words).err == ""


def test_images_are_made_though_nobody_reads_on(kins: Project) -> None:
    told = nobody_reads(kins, "run")
    assert told.err == ""
    kins.run("status", "--check").exits(0).says("4 fresh")


def test_without_any_standard_output_the_work_is_done(kins: Project) -> None:
    """`imagegen run >&-`, as some schedulers start programs."""
    for words in (["run"], ["status", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "imagegen", *words], cwd=kins.root, env=kins.environ, stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, timeout=60, check=False, preexec_fn=lambda: os.close(1),
        )  # fmt: skip
        Outcome(done.returncode, "", done.stderr).exits(0)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")  # noqa: PTH110
def test_a_disk_too_full_for_the_output_is_told(kins: Project) -> None:
    for words in (["run"], ["status"], ["list"]):
        with open("/dev/full", "w") as full:  # noqa: PTH123
            done = subprocess.run(
                [sys.executable, "-m", "imagegen", *words], cwd=kins.root, env=kins.environ, stdin=subprocess.DEVNULL,
                stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
            )  # fmt: skip
        assert done.returncode == 1 and "No space left" in done.stderr and "Traceback" not in done.stderr, (words, done)
    kins.run("status", "--check").exits(0).says("4 fresh")  # the pictures had room
