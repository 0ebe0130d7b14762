"""The import graph: no cycles, arrows that point one way, and a serving path without training."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

MAY_IMPORT = {
    "app": {"web", "bc_model"},
    "web": {"bc_model"},
    "bc_model": set(),
    "canary": {"bc_model"},
    "studies": {"web", "bc_model", "canary", "scripts"},
    "scripts": {"web", "bc_model", "canary"},
    "bench": {"bc_model", "scripts", "web"},
    "playbooks": {"bc_model", "canary"},
}
"""The packages that the modules of a package may import from, besides their own."""

TRAINING_ONLY = {"sklearn", "scipy", "joblib", "matplotlib"}
"""Libraries that take seconds to import and that the image does not hold."""

LIBRARY = ROOT / "playbooks" / "library"

Graph = dict[str, set[str]]


def sources() -> Iterator[tuple[str, Path]]:
    """Yield each module of the product, and of its tests, with its file."""
    yield "app", ROOT / "app.py"
    for package in (*MAY_IMPORT, "tests"):
        for file in sorted((ROOT / package).rglob("*.py")):
            path = file.relative_to(ROOT).with_suffix("")
            parts = path.parts[:-1] if path.name == "__init__" else path.parts
            yield ".".join(parts), file


MODULES = dict(sources())
PLAIN = {file.stem: name for name, file in MODULES.items() if file.parent == LIBRARY}
"""Ansible's modules, which import each other by their plain names."""


def imports(module: str, tree: ast.Module, *, at_start_only: bool = False) -> set[str]:
    """Return the full names that ``module`` imports.

    With ``at_start_only``, only those that importing ``module`` imports.
    """
    package = module if MODULES[module].stem == "__init__" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in statements(tree) if at_start_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            start = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            found |= {
                name if (name := f"{start}.{alias.name}") in MODULES else start
                for alias in node.names
            }
    return {PLAIN.get(name, name) for name in found}


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the nodes that run when a module is imported: nothing in functions, or for types."""
    pending: list[ast.AST] = [tree]
    for node in pending:
        yield node
        is_for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        if not (is_for_types or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            pending += ast.iter_child_nodes(node)


TREES = {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in MODULES.items()}
EVERYTHING: Graph = {name: imports(name, tree) for name, tree in TREES.items()}
AT_START: Graph = {name: imports(name, tree, at_start_only=True) for name, tree in TREES.items()}


def package(module: str) -> str:
    return module.partition(".")[0]


def path_to(graph: Graph, start: str, targets: set[str]) -> list[str]:
    """Return a shortest chain of imports from ``start`` to one of ``targets``, or nothing."""
    chains, seen = [[start]], {start}
    for chain in chains:
        for name in sorted(graph.get(chain[-1], ())):
            if {name, package(name) if package(name) not in MAY_IMPORT else name} & targets:
                return [*chain, name]
            if name not in seen:
                seen.add(name)
                chains.append([*chain, name])
    return []


def product() -> list[str]:
    return [name for name in MODULES if package(name) != "tests"]


@pytest.mark.parametrize("module", product())
def test_no_module_imports_itself_through_others(module: str) -> None:
    assert " -> ".join(path_to(AT_START, module, {module})) == ""


@pytest.mark.parametrize("module", product())
def test_arrows_point_one_way(module: str) -> None:
    own = package(module)
    ours = {name for name in EVERYTHING[module] if package(name) in {*MAY_IMPORT, "tests"}}
    assert {name for name in ours if package(name) not in MAY_IMPORT[own] | {own}} == set()


@pytest.mark.parametrize("module", product())
def test_no_package_runs_through_the_command_line_of_another(module: str) -> None:
    commands = {name for name in EVERYTHING[module] if name.endswith("__main__")}
    assert {name for name in commands if package(name) != package(module)} == set()


def test_the_serving_path_imports_nothing_that_trains() -> None:
    assert " -> ".join(path_to(AT_START, "app", TRAINING_ONLY)) == ""
    show = "import sys, app; print(*{name.partition('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", show]
    loaded = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    packages = set(loaded.stdout.split())
    assert packages >= {"web", "bc_model", "numpy"}
    assert packages & TRAINING_ONLY == set()


def test_what_is_forbidden_would_be_found() -> None:
    graph = {"a": {"b"}, "b": {"c", "scipy.stats"}, "c": {"a"}}
    assert path_to(graph, "a", {"a"}) == ["a", "b", "c", "a"]
    assert path_to(graph, "a", {"scipy"}) == ["a", "b", "scipy.stats"]
    assert path_to(graph, "a", {"sklearn"}) == []
    tree = ast.parse("from . import problems\ndef f():\n    from web import pages\nimport web.form")
    assert imports("web.scoring", tree) == {"web.problems", "web.pages", "web.form"}
    assert imports("web.scoring", tree, at_start_only=True) == {"web.problems", "web.form"}
    assert any(path_to(EVERYTHING, name, {"sklearn"}) for name in product())
