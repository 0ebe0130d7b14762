"""Tables of cases as CSV files."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from bc_model.dataset import Dataset
from bc_model.features import FEATURE_NAMES

Row = Sequence[object]


def labelled_rows(dataset: Dataset) -> list[list[object]]:
    """A header and the cases, the diagnosis first; floats are written so that they come back."""
    rows = zip(dataset.y.tolist(), dataset.X.tolist(), strict=True)
    return [["diagnosis", *FEATURE_NAMES], *(["MB"[target], *values] for target, values in rows)]


def write_rows(path: Path, rows: Iterable[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path
