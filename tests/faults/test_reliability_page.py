"""docs/reliability.md names every test of this folder, and no test that is not there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "reliability.md").read_text("utf-8")


def functions_of(path: Path) -> set[str]:
    """The tests of a file, as `file::name`."""
    tree = ast.parse(path.read_text("utf-8"))
    names = (node.name for node in tree.body if isinstance(node, ast.FunctionDef))
    return {f"{path.name}::{name}" for name in names if name.startswith("test_")}


def named() -> set[str]:
    """The tests that the page names."""
    return set(re.findall(r"`(test_\w+\.py::test_\w+)`", PAGE))


def test_every_test_that_it_names_is_there() -> None:
    there = {test for path in (*HERE.glob("test_*.py"), *HERE.parent.glob("test_*.py")) for test in functions_of(path)}
    assert named() - there == set()


def test_it_names_every_test() -> None:
    ours = {test for path in HERE.glob("test_*.py") if path != Path(__file__) for test in functions_of(path)}
    assert ours - named() == set()


def test_every_fault_has_a_promise_and_a_test() -> None:
    rows = [row.strip("|").split("|") for row in PAGE.splitlines() if row.startswith("| ")]
    faults = [[cell.strip() for cell in row] for row in rows if row[0].strip() not in ("fault", "---")]
    assert len(faults) > 30
    assert [row for row in faults if len(row) != 3 or not all(row) or "::" not in row[2]] == []
