"""Version of a model: a hash of data, parameters, libraries and the code that decides the model.

The code is every definition in this package that training can reach, as a syntax tree without
docstrings and imports. Comments, layout, file names and the order of definitions do not count.
Neither does the version of Python: the serialisation leaves out what differs between versions.
"""

import ast
import hashlib
import json
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

from msgspec import structs

from bc_model.dataset import Dataset
from bc_model.manifest import Parameters

_PACKAGE = Path(__file__).parent
_LIBRARIES = ("numpy", "scipy", "scikit-learn")

_ENTRY_POINTS = frozenset({"build_model", "publish"})
_NOT_DECISIVE = frozenset({"check_floors", "model_card", "plot_roc", "plot_calibration"})
"""Whether a model is published, and the wording and plots of its card, do not change the model."""


def model_version(dataset: Dataset, parameters: Parameters) -> str:
    """Return the 12 hex digits that name the model."""
    content = {
        "data": dataset.sha256,
        "parameters": structs.asdict(parameters),
        "code": sorted(_digest(node) for nodes in decisive_code().values() for node in nodes),
        "libraries": library_versions(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that decide the model, by name."""
    return {name: version(name) for name in _LIBRARIES}


def decisive_code() -> dict[str, list[ast.stmt]]:
    """Return the definitions that training can reach, by name, from all modules of the package.

    A definition reaches all definitions whose names occur in it, whichever module they are in.
    """
    files = list(_PACKAGE.rglob("*.py"))
    modules = {file.stem for file in files}
    definitions = defaultdict(list)
    for node in (node for file in files for node in ast.parse(file.read_bytes()).body):
        for name in _defined(node):
            definitions[name].append(node)
    reached: dict[str, list[ast.stmt]] = {}
    names = set(_ENTRY_POINTS)
    while names:
        reached |= {name: definitions[name] for name in names}
        nodes = [node for name in names for node in definitions[name]]
        used = {name for node in nodes for name in _used(node, modules)}
        names = (used & definitions.keys()) - reached.keys() - _NOT_DECISIVE
    return reached


def _defined(node: ast.stmt) -> set[str]:
    """Return the names that a statement at the top of a module defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return _stored(node)
    return set()


def _used(node: ast.stmt, modules: set[str]) -> set[str]:
    """Return the names that a definition uses and does not bind itself."""
    parts = list(ast.walk(node))
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    qualified = {
        part.attr
        for part in parts
        if isinstance(part, ast.Attribute)
        and isinstance(part.value, ast.Name)
        and part.value.id in modules
    }
    bound = {part.arg for part in parts if isinstance(part, ast.arg)}
    return names - bound - _stored(node) | qualified


def _stored(node: ast.stmt) -> set[str]:
    return {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
    }


def _digest(node: ast.stmt) -> str:
    return hashlib.sha256(json.dumps(_canonical(node)).encode()).hexdigest()


def _canonical(part: object) -> object:
    """Return a syntax tree as lists and text that are the same on every version of Python."""
    if isinstance(part, list):
        return [_canonical(item) for item in part if not _is_left_out(item)]
    if isinstance(part, ast.JoinedStr):  # Python 3.12 may end a format with an empty text
        return [_canonical(value) for value in part.values if getattr(value, "value", "") != ""]
    if isinstance(part, ast.AST):
        # What one version has as an empty field, another does not know.
        fields = [(name, _canonical(value)) for name, value in ast.iter_fields(part)]
        return [type(part).__name__, *(field for field in fields if field[1] not in ("None", []))]
    return ascii(part)


def _is_left_out(part: object) -> bool:
    """Return whether a part of a syntax tree is an import or a docstring."""
    if isinstance(part, ast.Expr):
        return isinstance(part.value, ast.Constant) and isinstance(part.value.value, str)
    return isinstance(part, ast.Import | ast.ImportFrom)
