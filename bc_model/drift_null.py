"""How far chance alone brings new cases from the training cases: bootstrapped at training.

The statistics of `bc_model.drift` are scaled so that chance brings them to the same size at every
number of cases. Whether that is so for the data at hand (values may be tied, cases few) is not
taken for granted: the thresholds are drawn at several sizes.
"""

import numpy as np

from bc_model.arrays import FloatArray, IntArray
from bc_model.drift import BINS, feature_drift, score_drift

SIZES = (50, 200, 1000, 10_000)
"""Numbers of cases at which the null distribution is drawn; fewer than the first are not judged."""

SIGNIFICANCE = 0.001
"""How often one look at cases like those of training may find any feature, or the answers, drifted.

Rules look at a day's cases again and again: `studies.drift_power` measures what comes of it.
"""

DRAWS = 10_000
_AT_ONCE = 1000


def null_thresholds(
    numbers: IntArray, scores: FloatArray, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Return the thresholds (s,) of feature and of score drift at each of ``SIZES``.

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
        drawn = [generator.multinomial(size, population) @ bins for size in SIZES]
        counts = np.reshape(drawn, (len(SIZES), _AT_ONCE, -1, BINS))
        features.append(feature_drift(counts, reference).max(axis=-1))
        buckets = _populations(len(scores), generator) @ scores
        counts = np.array([generator.multinomial(size, buckets) for size in SIZES])
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
