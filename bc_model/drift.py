"""Drift: how far incoming cases are from the training cases, by quantile bins of each feature.

Counts by bin can be added up over processes and over time, so the drift across all pods takes one
sum. The statistics are scaled so that chance brings them to the same size at every number of cases,
and a Prometheus rule can compute them. Real data have ties, and may be few, so the thresholds are
bootstrapped at training, at several sizes.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from bc_model.arrays import FloatArray, IntArray

Counts = npt.NDArray[Any]

BINS = 10

PROBABILITY_BUCKETS = (0.01, 0.05, *(round(0.1 * step, 1) for step in range(1, 10)), 0.95, 0.99, 1)
"""Upper bounds of the histogram of the answers."""

NULL_SIZES = (50, 200, 1000, 10_000)
"""Numbers of cases at which the null distribution is drawn; fewer than the first are not judged."""

SIGNIFICANCE = 0.001
"""How often a look at cases like those of training may find drift in a feature, or in the answers.

Rules look at a day's cases repeatedly: `studies.drift_power` measures the effect.
"""

DRAWS = 10_000
_AT_ONCE = 1000


def bin_edges(X: FloatArray) -> FloatArray:
    """Return the inner deciles (d, 9) of the training cases ``X`` (n, d)."""
    edges: FloatArray = np.quantile(X, np.linspace(0, 1, BINS + 1)[1:-1], axis=0).T.copy()
    return edges


def bin_numbers(X: FloatArray, edges: FloatArray) -> IntArray:
    """Return the bin, 0 to 9, of each value of ``X`` (n, d): how many edges lie below it."""
    numbers: IntArray = (X[:, :, None] > edges).sum(axis=2)
    return numbers


def bin_counts(X: FloatArray, edges: FloatArray) -> IntArray:
    """Return how many values of ``X`` (n, d) fall into each bin (d, 10)."""
    places = bin_numbers(X, edges) + BINS * np.arange(len(edges))
    counts: IntArray = np.bincount(places.ravel(), minlength=BINS * len(edges))
    return counts.reshape(len(edges), BINS)


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


def null_thresholds(
    numbers: IntArray, scores: FloatArray, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Return the thresholds (s,) of feature and of score drift at each of ``NULL_SIZES``.

    ``numbers`` (m, d) are the bins of the training cases; ``scores`` (k, b) the share of the
    out-of-fold answers to each labelled case that fell into each bucket. A draw takes as many cases
    with replacement as there are, to stand for the population, and new cases from these: whole
    cases, so that features stay correlated. What one draw in ``1 / SIGNIFICANCE`` exceeds, with
    the largest of its d drifts, is the threshold.
    """
    generator = np.random.default_rng(seed)
    bins = (numbers[:, :, None] == np.arange(BINS)).reshape(len(numbers), -1).astype(float)
    reference = bins.sum(axis=0).reshape(-1, BINS)
    features, answers = [], []
    for _ in range(DRAWS // _AT_ONCE):
        population = _populations(len(bins), generator)
        drawn = [generator.multinomial(size, population) @ bins for size in NULL_SIZES]
        counts = np.reshape(drawn, (len(NULL_SIZES), _AT_ONCE, -1, BINS))
        features.append(feature_drift(counts, reference).max(axis=-1))
        buckets = _populations(len(scores), generator) @ scores
        counts = np.array([generator.multinomial(size, buckets) for size in NULL_SIZES])
        answers.append(score_drift(counts, scores.sum(axis=0)))
    return _thresholds(features), _thresholds(answers)


def _thresholds(drifts: list[FloatArray]) -> FloatArray:
    """Return what is exceeded by chance (s,) among the ``drifts``, each (s, _AT_ONCE)."""
    thresholds: FloatArray = np.quantile(np.hstack(drifts), 1 - SIGNIFICANCE, axis=1)
    return thresholds


def _populations(m: int, generator: np.random.Generator) -> FloatArray:
    """Return the shares (_AT_ONCE, m) of ``m`` cases in as many draws of them."""
    shares: FloatArray = generator.multinomial(m, np.full(m, 1 / m), size=_AT_ONCE) / m
    return shares
