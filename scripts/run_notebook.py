"""``python scripts/run_notebook.py`` executes notebook.ipynb in place, in a fresh kernel."""

from copy import deepcopy
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "notebook.ipynb"
TIMEOUT = 600
"""Seconds that a cell may take."""


def execute(notebook: NotebookNode) -> NotebookNode:
    """Return ``notebook`` as a fresh kernel leaves it, without what differs from run to run.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised an error; the message shows it.
    """
    executed = deepcopy(notebook)
    NotebookClient(
        executed,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT)}},
        record_timing=False,
        coalesce_streams=True,
    ).execute()
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    executed.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return executed


def main() -> None:
    """Execute and write it."""
    executed = execute(nbformat.read(NOTEBOOK, as_version=4))
    nbformat.write(executed, NOTEBOOK)
    print(f"{NOTEBOOK.name}: {NOTEBOOK.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
