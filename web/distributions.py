"""Where a value lies among those of the labelled cases: a small mirrored histogram a feature."""

from typing import NamedTuple

import numpy as np

from bc_model.arrays import BENIGN, MALIGNANT, FloatArray
from bc_model.artifact import Estimate, Reference
from bc_model.metrics import wilson

BINS = 24
HEIGHT = 20
"""Of each class's half, in units of the plot; the plot is 100 wide."""


class Place(NamedTuple):
    """Where one value lies; ``x`` is 0 to 100, shares are of the cases with a lower value.

    The shares have 95 % Wilson intervals.
    """

    benign_path: str
    malignant_path: str
    x: float
    is_outside: bool
    share_of_benign: Estimate
    share_of_malignant: Estimate


class Distributions:
    """The values of the labelled cases, by feature and class.

    The axis is ``log1p(x / median)``, as the model sees a value, from the least to the greatest.
    """

    def __init__(self, reference: Reference) -> None:
        """Count the cases of ``reference`` into bins."""
        X = reference.cases
        self._median = np.median(X, axis=0)
        scaled = self._scale(X)
        self._least, self._greatest = scaled.min(axis=0), scaled.max(axis=0)
        by_class = {c: X[reference.targets == c] for c in (BENIGN, MALIGNANT)}
        self._sorted = {c: np.sort(cases, axis=0) for c, cases in by_class.items()}
        self._paths = {c: [self._path(column, c) for column in range(X.shape[1])] for c in by_class}

    def places(self, x: FloatArray) -> list[Place]:
        """Return where each value of ``x`` (30,) lies."""
        along = (self._scale(x) - self._least) / (self._greatest - self._least)
        return [
            Place(
                benign_path=self._paths[BENIGN][column],
                malignant_path=self._paths[MALIGNANT][column],
                x=round(100 * float(np.clip(share, 0, 1)), 1),
                is_outside=not 0 <= share <= 1,
                share_of_benign=self._share_below(BENIGN, column, x[column]),
                share_of_malignant=self._share_below(MALIGNANT, column, x[column]),
            )
            for column, share in enumerate(along)
        ]

    def _scale(self, X: FloatArray) -> FloatArray:
        scaled: FloatArray = np.log(X + self._median) - np.log(self._median)
        return scaled

    def _share_below(self, target: int, column: int, value: float) -> Estimate:
        values = self._sorted[target][:, column]
        return wilson(float(np.searchsorted(values, value)), len(values))

    def _path(self, column: int, target: int) -> str:
        """Return the histogram's outline: benign upwards from the middle, malignant downwards."""
        values = self._scale(self._sorted[target])[:, column]
        edges = np.linspace(self._least[column], self._greatest[column], BINS + 1)
        counts, _ = np.histogram(values, edges)
        heights = HEIGHT * counts / counts.max()
        sign = -1 if target == BENIGN else 1
        steps = "".join(
            f"V{HEIGHT + sign * height:.3g}H{100 * number / BINS:.3g}"
            for number, height in enumerate(heights.tolist(), start=1)
        )
        return f"M0 {HEIGHT}{steps}V{HEIGHT}Z"
