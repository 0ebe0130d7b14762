"""The labelled cases to learn from: the bundled 569, or a CSV file of the user's own."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bc_model.arrays import BENIGN, MALIGNANT, FloatArray, IntArray
from bc_model.csv_cases import CaseReader, DataError, Problem, open_cases
from bc_model.features import FEATURE_COUNT, FEATURE_NAMES

BUNDLED = "Wisconsin Diagnostic Breast Cancer, as bundled with scikit-learn"

# Five folds of the four fifths that are left after the split, and five again inside each for the
# calibration, with at least two cases of each class in the smallest: 2 / (1/5 * 4/5 * 4/5) = 15.6.
MINIMUM_PER_CLASS = 16


@dataclass(frozen=True)
class Dataset:
    """Labelled cases: ``X`` (n, 30) in the data set's units, ``y`` (n,) 0 malignant, 1 benign."""

    X: FloatArray
    y: IntArray
    source: str

    @property
    def sha256(self) -> str:
        """Return the hash of the values and labels, whatever file they came from."""
        digest = hashlib.sha256(self.X.astype("<f8").tobytes())
        digest.update(self.y.astype("<i8").tobytes())
        return digest.hexdigest()


def load_dataset(path: Path | None) -> Dataset:
    """Return the cases in the CSV file ``path``, or the bundled ones for None.

    Raises:
        DataError: the file cannot be used; every problem is listed by line and column.
    """
    return _bundled() if path is None else _read_csv(path)


def _bundled() -> Dataset:
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return Dataset(np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.int64), BUNDLED)


def _read_csv(path: Path) -> Dataset:
    with open_cases(path) as file:
        reader = CaseReader(file, labelled=True)
        cases = list(reader)
    X = np.array([case.values for case in cases], dtype=np.float64).reshape(-1, FEATURE_COUNT)
    y = np.array([case.target for case in cases], dtype=np.int64)
    problems = reader.problems
    if reader.targets or not problems:  # a file without any diagnosis has been told so
        problems += _too_few(reader.targets)
    problems += _uninformative(X)
    if problems:
        raise DataError(str(path), problems)
    return Dataset(X, y, path.name)


def _too_few(targets: list[int]) -> list[Problem]:
    counts = {"malignant": targets.count(MALIGNANT), "benign": targets.count(BENIGN)}
    return [
        Problem(0, "", f"has {count} {name} cases; at least {MINIMUM_PER_CLASS} are needed")
        for name, count in counts.items()
        if count < MINIMUM_PER_CLASS
    ]


def _uninformative(X: FloatArray) -> list[Problem]:
    problems = []
    for name, column in zip(FEATURE_NAMES, X.T, strict=True):
        # The model divides by the median, and a training fold may hold all zeros, but only four
        # fifths of the cases.
        if len(column) and 5 * (column == 0).sum() >= 2 * len(column):
            problems.append(Problem(0, name, "is 0 in two fifths of the cases or more"))
        elif len(column) > 1 and np.ptp(column) == 0:
            problems.append(Problem(0, name, f"is {column[0]:g} in every case"))
    return problems
