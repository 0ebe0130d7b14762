"""What comes in, against what the model was trained on: quantile bins of each feature.
from bc_model.arrays import FloatArray

Counts by bin can be added up over processes and over time, so drift across all pods is a matter
of one sum. How far apart two sets of counts are is told by a statistic that chance brings to the
same size whatever the number of cases, so that one threshold does for all numbers
(`bc_model.drift_null`), and that a Prometheus rule can compute.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from bc_model.arrays import FloatArray

Counts = npt.NDArray[Any]

BINS = 10

PROBABILITY_BUCKETS = (0.01, 0.05, *(round(0.1 * step, 1) for step in range(1, 10)), 0.95, 0.99, 1)
"""Upper bounds of the histogram of the answers."""


def bin_edges(X: FloatArray) -> FloatArray:
    """Return the inner deciles (d, 9) of the training cases ``X`` (n, d)."""
    edges: FloatArray = np.quantile(X, np.linspace(0, 1, BINS + 1)[1:-1], axis=0).T.copy()
    return edges


def bin_numbers(X: FloatArray, edges: FloatArray) -> npt.NDArray[np.int64]:
    """Return the bin, 0 to 9, of each value of ``X`` (n, d): how many edges lie below it."""
    numbers: npt.NDArray[np.int64] = (X[:, :, None] > edges).sum(axis=2)
    return numbers


def bin_counts(X: FloatArray, edges: FloatArray) -> npt.NDArray[np.int64]:
    """Return how many values of ``X`` (n, d) fall into each bin (d, 10)."""
    numbers = bin_numbers(X, edges)
    counts: npt.NDArray[np.int64] = (numbers[:, :, None] == np.arange(BINS)).sum(axis=0)
    return counts


def score_counts(malignant: FloatArray) -> FloatArray:
    """Return how many of the answers ``malignant`` (..., n) each bucket (..., 14) holds."""
    below = (malignant[..., None, :] <= np.array(PROBABILITY_BUCKETS)[:, None]).sum(axis=-1)
    counts: FloatArray = np.diff(below, axis=-1, prepend=0)
    return counts


def feature_drift(counts: Counts, reference: Counts) -> FloatArray:
    """Return how far ``counts`` (..., b) are from the ``reference`` (..., b).

    Pearson's chi-squared of the shares q of n cases against the shares p of m reference cases,
    ``n m / (n + m) * sum((q - p)^2 / p)``. The factor is what the difference of two samples asks
    for: with n in its place, the chance in the reference would count as drift once n is large.
    Bins without a reference case are left out.
    """
    n, m = counts.sum(axis=-1), reference.sum(axis=-1)
    p = reference / m[..., None]
    squares = (counts / n[..., None] - p) ** 2 / np.where(p > 0, p, np.inf)
    drift: FloatArray = n * m / (n + m) * squares.sum(axis=-1)
    return drift


def score_drift(counts: Counts, reference: Counts) -> FloatArray:
    """Return how far ``counts`` (..., b) of answers are from the ``reference`` (..., b).

    The Kolmogorov-Smirnov statistic over the buckets' bounds, ``sqrt(n m / (n + m))`` times the
    largest difference of the cumulative shares.
    """
    n, m = counts.sum(axis=-1), reference.sum(axis=-1)
    shares = counts.cumsum(axis=-1) / n[..., None] - reference.cumsum(axis=-1) / m[..., None]
    drift: FloatArray = np.sqrt(n * m / (n + m)) * np.abs(shares).max(axis=-1)
    return drift
