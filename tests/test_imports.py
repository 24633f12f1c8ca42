"""Imports point one way (docs/architecture.md), and nothing heavy is imported before it is needed."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagegen import backends, verbs
from tests.conftest import Project

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "imagegen"


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def named(node: ast.Import | ast.ImportFrom, module: str) -> Iterator[str]:
    """The modules of ours that one import statement names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
        base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1], *filter(None, [base])])
    for alias in node.names:
        inner = f"{base}.{alias.name}"
        yield inner if inner in MODULES else base


def only_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(module: str, everywhere: bool = True) -> set[str]:
    """What of ours ``module`` imports: anywhere in it, or only when it is itself imported."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(MODULES[module].read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.update(name for name in named(node, module) if name in MODULES)
        if not everywhere and (isinstance(node, ast.FunctionDef | ast.Lambda) or only_for_types(node)):
            continue
        waiting.extend(ast.iter_child_nodes(node))
    return found - {module}


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def test_the_walk_sees_imports() -> None:
    """Else all that follows would hold of nothing."""
    assert {"imagegen.png", "imagegen.recipe"} <= imports("imagegen.record")
    assert "imagegen.workshop" in imports("imagegen.session")
    assert "imagegen.workshop" not in imports("imagegen.session", everywhere=False)
    assert "imagegen.backends.comfyui.graph" in imports("imagegen.backends.comfyui")
    assert len(MODULES) > 40


FOR_BACKENDS = {"imagegen.backends.base", "imagegen.errors", "imagegen.files", "imagegen.progress"}


@pytest.mark.parametrize("backend", backends.names())
def test_a_backend_imports_only_what_backends_may(backend: str) -> None:
    own = f"imagegen.backends.{backend}"
    for module in MODULES:
        if within(module, own):
            others = {name for name in imports(module) if not within(name, own)}
            assert others <= FOR_BACKENDS, module


def test_nobody_imports_a_backend_by_name() -> None:
    for module in MODULES:
        for backend in backends.names():
            own = f"imagegen.backends.{backend}"
            if not within(module, own):
                assert not {name for name in imports(module) if within(name, own)}, module


def test_nobody_knows_a_backend_by_name() -> None:
    """Adding one is one new folder and one schema, and no edit elsewhere; the default is documented."""
    allowed = {"imagegen.settings": {"comfyui"}, "imagegen.commands.init": {"placeholder", "comfyui"}}
    allowed["imagegen.commands.storyboard_project"] = {"placeholder", "comfyui"}
    for module, path in MODULES.items():
        if any(within(module, f"imagegen.backends.{backend}") for backend in backends.names()):
            continue
        texts = {
            node.value
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert texts & set(backends.names()) <= allowed.get(module, set()), module


def test_what_backends_stand_on_knows_nothing_of_the_program() -> None:
    assert imports("imagegen.errors") == imports("imagegen.progress") == set()
    assert imports("imagegen.files") <= {"imagegen.errors"}
    assert imports("imagegen.backends.base") <= {"imagegen.errors", "imagegen.progress", "imagegen.watch"}
    assert imports("imagegen.watch") == {"imagegen.errors"}


def test_commands_are_imported_by_nobody_but_the_program() -> None:
    for module in MODULES:
        if not within(module, "imagegen.commands"):
            commands = {name for name in imports(module) if within(name, "imagegen.commands")}
            assert not commands or module == "imagegen.app", module


def test_nobody_imports_the_program() -> None:
    for module in MODULES:
        if module != "imagegen.__main__":
            assert not imports(module) & {"imagegen.app", "imagegen.__main__"}, module


def test_the_display_knows_events_alone() -> None:
    for module in MODULES:
        if within(module, "imagegen.display"):
            others = {name for name in imports(module) if not within(name, "imagegen.display")}
            assert others <= {"imagegen.progress"}, module


ARROWS = {
    "imagegen.png": {"imagegen.errors", "imagegen.files"},
    "imagegen.recipe": {"imagegen.errors"},
    "imagegen.record": {"imagegen.png", "imagegen.recipe"},
    "imagegen.stamp": {"imagegen.png", "imagegen.record", "imagegen.recipe"},
    "imagegen.seen": {"imagegen.png", "imagegen.record"},
    "imagegen.verdict": {"imagegen.record", "imagegen.recipe", "imagegen.seen"},
    "imagegen.yaml12": {"imagegen.errors"},
    "imagegen.document": {"imagegen.errors", "imagegen.yaml12"},
    "imagegen.firstlook": set(),
    "imagegen.text": {"imagegen.errors"},
    "imagegen.settings": set(),
}
"""What decides is pure, and knows only what stands below it."""


@pytest.mark.parametrize("module", ARROWS)
def test_what_decides_knows_only_what_is_below(module: str) -> None:
    assert imports(module) - {"imagegen"} <= ARROWS[module]


PURE = ("recipe", "verdict", "settings", "text", "record", "stamp", "png", "matrix", "backends.comfyui.graph")


@pytest.mark.parametrize("module", [f"imagegen.{name}" for name in PURE])
def test_what_decides_opens_no_file_clock_or_network(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    found = {
        alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    } | {(node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not found & {"os", "time", "datetime", "random", "socket", "requests", "subprocess", "shutil", "threading"}
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert "open" not in calls and "print" not in calls


def test_no_imports_go_in_circles() -> None:
    graph = {module: imports(module, everywhere=False) for module in MODULES}
    for module in MODULES:  # a package is imported before what is in it
        for name in list(graph[module]):
            package = name.rpartition(".")[0]
            if package in MODULES and not within(module, package):
                graph[module].add(package)
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join([*path[path.index(module) :], module])
        if module not in done:
            for name in sorted(graph[module]):
                walk(name, (*path, module))
            done.add(module)

    for module in graph:
        walk(module, ())


def test_no_module_s_name_says_nothing() -> None:
    nothing = {"utils", "util", "helpers", "helper", "common", "core", "manager", "misc", "tools", "base_utils"}
    for module in MODULES:
        assert not set(module.split(".")) & nothing, module


@pytest.mark.parametrize(("verb", "place"), verbs.OURS.items())
def test_every_command_is_where_it_is_said_to_be(verb: str, place: str) -> None:
    module, _, name = place.partition(":")
    found = getattr(importlib.import_module(module), name)
    assert found.get_name() == verb and found.doc_purpose


def test_every_file_under_commands_is_a_command_or_shared_by_them() -> None:
    commands = {place.partition(":")[0] for place in verbs.OURS.values()}
    for module in MODULES:
        if within(module, "imagegen.commands") and module != "imagegen.commands" and module not in commands:
            assert any(module in imports(command) for command in commands), module


_DATA, _JOBS, _PAGE = ("sqlalchemy", "alembic", "psycopg"), ("dbos", "inngest"), ("fastapi", "starlette", "uvicorn")
EXTRA = (*_DATA, *_JOBS, *_PAGE, "websockets", "watchfiles")
"""What comes with the extras `studio` and `inngest`."""
OURS_WITH_EXTRA = ("imagegen.storyboard", "imagegen.jobs", "imagegen.studio")


def test_the_core_imports_nothing_of_the_studio() -> None:
    """But for the commands and the source, which do when they are asked for it."""
    for module, path in MODULES.items():
        if any(within(module, package) for package in OURS_WITH_EXTRA):
            continue
        at_once = {name for name in imports(module, everywhere=False) if any(within(name, p) for p in OURS_WITH_EXTRA)}
        assert not at_once, module
        later = {name for name in imports(module) if any(within(name, package) for package in OURS_WITH_EXTRA)}
        assert not later or module == "imagegen.sources.storyboard" or within(module, "imagegen.commands"), module
        found = {
            name.partition(".")[0]
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            for name in (
                [alias.name for alias in node.names] if isinstance(node, ast.Import)
                else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            )
        }  # fmt: skip
        assert not found & set(EXTRA), module


def test_the_storyboard_knows_neither_the_jobs_nor_the_page() -> None:
    for module in MODULES:
        for package, above in (("storyboard", ("jobs", "studio")), ("jobs", ("studio",))):
            if within(module, f"imagegen.{package}"):
                wrong = {name for name in imports(module) if any(within(name, f"imagegen.{one}") for one in above)}
                assert not wrong, module


@pytest.mark.parametrize(("library", "file"), [("dbos", "dbos_line"), ("inngest", "inngest_engine")])
def test_one_file_alone_knows_each_engine(library: str, file: str) -> None:
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text("utf-8"))
        names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert not any(within(name, library) for name in names) or module == f"imagegen.jobs.{file}", module


HEAVY = (*EXTRA, "PIL", "requests", "rich", "jsonschema", "yaml", "websocket", "slugify", "hypothesis", "sqlite3")


def loaded_by(project: Project, *words: str) -> set[str]:
    """The heavy modules that `imagegen WORDS` loads."""
    program = (
        "import sys; sys.argv[0] = 'imagegen'; from imagegen.app import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print('\\nLOADED', *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=project.root, env=project.unmeasured, capture_output=True,
        text=True, encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    modules = done.stderr.rpartition("LOADED ")[2].split()
    assert "imagegen.app" in modules, done.stderr
    return {module for module in modules if module in HEAVY}


def test_help_loads_nothing_heavy(project: Project) -> None:
    assert loaded_by(project, "--help") == set()
    assert loaded_by(project, "help", "run") == set()


def test_a_run_with_nothing_to_do_loads_nothing_heavy(project: Project) -> None:
    project.manifest("defaults: {backend: placeholder, prompt: p, size: 16x16}\nitems: [a]\n")
    assert {"PIL", "yaml", "jsonschema"} <= loaded_by(project, "run")
    for words in (("run",), ("status",), ("status", "--check"), ("list",), ("plan",)):
        assert loaded_by(project, *words) == set(), words
