"""notebook.ipynb runs in a fresh kernel, and its outputs are what execution gives."""

from typing import Any

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from scripts.run_notebook import NOTEBOOK, execute

MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def committed() -> NotebookNode:
    notebook: NotebookNode = nbformat.read(NOTEBOOK, as_version=4)
    return notebook


@pytest.fixture(scope="module")
def executed(committed: NotebookNode) -> NotebookNode:
    return execute(committed)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(cell: NotebookNode) -> list[Any]:
    """Return text as it is and of each picture that it is there: pixels depend on the machine."""
    return [
        {kind: content if kind.startswith("text/") else "" for kind, content in output.data.items()}
        if "data" in output
        else output
        for output in cell.outputs
    ]


def test_its_outputs_are_what_execution_gives(
    committed: NotebookNode, executed: NotebookNode
) -> None:
    for before, after in zip(code_cells(committed), code_cells(executed), strict=True):
        assert outputs(before) == outputs(after)
    assert committed.metadata == executed.metadata


def test_it_holds_tables_and_pictures_and_nothing_else(committed: NotebookNode) -> None:
    kinds = {kind for cell in code_cells(committed) for o in cell.outputs for kind in o.data}
    assert kinds == {"text/plain", "text/markdown", "image/png", "image/svg+xml"}


def test_it_was_executed_from_top_to_bottom(committed: NotebookNode) -> None:
    cells = code_cells(committed)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert [cell.metadata for cell in committed.cells] == [{}] * len(committed.cells)


def test_it_is_small() -> None:
    assert NOTEBOOK.stat().st_size < MOST_BYTES


def test_an_error_in_a_cell_is_an_error() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute(notebook)
