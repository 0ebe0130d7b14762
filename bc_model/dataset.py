"""The labelled cases to learn from: the bundled 569, or a CSV file of the user's own."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bc_model.arrays import BENIGN, MALIGNANT, FloatArray, IntArray
from bc_model.csv_cases import CaseReader, name_of, open_cases
from bc_model.data_problems import DataError, Problem
from bc_model.features import FEATURE_COUNT, FEATURE_NAMES

BUNDLED = "Wisconsin Diagnostic Breast Cancer, as bundled with scikit-learn"

# Five folds of the four fifths that are left after the split, and five again inside each for the
# calibration, with at least two cases of each class in the smallest: 2 / (1/5 * 4/5 * 4/5) = 15.6.
MINIMUM_PER_CLASS = 16


SIZE = "mean radius"


@dataclass(frozen=True)
class Dataset:
    """Labelled cases: ``X`` (n, 30) in the data set's units, ``y`` (n,) 0 malignant, 1 benign.

    ``labels`` are the source's own for malignant and benign.
    """

    X: FloatArray
    y: IntArray
    source: str
    labels: tuple[str, str] = ("0", "1")

    @property
    def sha256(self) -> str:
        """Return the hash of the values and labels, whatever file they came from."""
        digest = hashlib.sha256(self.X.astype("<f8").tobytes())
        digest.update(self.y.astype("<i8").tobytes())
        return digest.hexdigest()

    @property
    def reading(self) -> str:
        """How the labels were read, in words."""
        counts = zip(self.labels, ("malignant", "benign"), (MALIGNANT, BENIGN), strict=True)
        read = [
            f"{int((self.y == target).sum())} cases labelled {label} are read as {diagnosis}"
            for label, diagnosis, target in counts
        ]
        return f"{self.source}: {', '.join(read)}"


def load_dataset(
    path: Path | None,
    malignant_label: str | None = None,
    ignored: Collection[str] = (),
    *,
    trust_labels: bool = False,
) -> Dataset:
    """Return the cases in the CSV file ``path``, or the bundled ones for None.

    ``malignant_label`` says which label means malignant; columns called as ``ignored`` says are
    left out. With ``trust_labels``, labels may contradict the sizes of the nuclei.

    Raises:
        DataError: the file cannot be used; every problem is listed by line and column.
    """
    if path is None:
        return _bundled()
    with open_cases(path) as file:
        reader = CaseReader(file, labelled=True, malignant_label=malignant_label, ignored=ignored)
        cases = list(reader)
    problems = reader.problems
    X = np.array([case.values for case in cases], dtype=np.float64).reshape(-1, FEATURE_COUNT)
    if reader.targets or not problems:  # a file without any diagnosis has been told so
        problems += _too_few(reader.targets)
    problems += _uninformative(X)
    if not problems and not trust_labels:
        problems += _contradicted(X, np.array(reader.targets))
    if problems:
        raise DataError(name_of(path), problems)
    spellings = reader.labels.spellings
    labels = spellings[MALIGNANT], spellings[BENIGN]
    return Dataset(X, np.array(reader.targets, dtype=np.int64), path.name, labels)


def _bundled() -> Dataset:
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    return Dataset(np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.int64), BUNDLED)


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


def _contradicted(X: FloatArray, y: IntArray) -> list[Problem]:
    """Return whether the labels contradict the sizes: malignant nuclei are larger.

    Measured is the area under the ROC curve of the mean radius, 0.94 in the bundled cases.
    """
    radius = X[:, FEATURE_NAMES.index(SIZE)]
    pairs = radius[y == MALIGNANT][:, None] - radius[y == BENIGN]
    larger = float((pairs > 0).mean() + (pairs == 0).mean() / 2)
    if larger >= 0.5:
        return []
    detail = (
        f"malignant nuclei are larger than benign ones, but here the benign case has the larger "
        f"{SIZE} in {1 - larger:.0%} of all pairs: the labels seem to be reversed; say which one "
        "means malignant (--malignant-label), or insist (--trust-labels)"
    )
    return [Problem(0, "", detail)]
