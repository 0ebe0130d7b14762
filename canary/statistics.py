"""The tests and effect sizes: counts and histograms in, p-values and differences out."""

import numpy as np
from scipy import special, stats

from bc_model.predictor import FloatArray
from canary.observation import Histogram


def excess(hits: int, total: int, other_hits: int, other_total: int) -> float:
    """Return Fisher's exact p-value, one-sided: ``hits / total`` is above the other share."""
    counts = [[hits, total - hits], [other_hits, other_total - other_hits]]
    return float(stats.fisher_exact(counts, alternative="greater").pvalue)


def mix(hits: int, total: int, other_hits: int, other_total: int) -> float:
    """Return Fisher's exact p-value, two-sided, as twice the smaller tail: the shares differ."""
    higher = excess(hits, total, other_hits, other_total)
    lower = excess(other_hits, other_total, hits, total)
    return min(1.0, 2 * min(higher, lower))


def superiority(canary: Histogram, stable: Histogram) -> tuple[float, float]:
    """Return how probably a value of ``canary`` is above one of ``stable``, and its p-value.

    That is Mann and Whitney's U over the number of pairs, and their one-sided test with the
    normal approximation, corrected for continuity and for ties; values in one bucket are ties.
    It takes the counts as they are, so that a million requests cost what a thousand do.
    """
    x, y = (np.asarray(each.counts, dtype=np.float64) for each in (canary, stable))
    n, m = float(x.sum()), float(y.sum())
    ties = x + y
    u = float(x @ (np.cumsum(y) - y / 2))
    variance = n * m / 12 * ((n + m + 1) - (ties**3 - ties).sum() / ((n + m) * (n + m - 1)))
    if variance <= 0:  # all values are in one bucket
        return 0.5, 1.0
    z = (u - n * m / 2 - 0.5) / np.sqrt(variance)
    return u / (n * m), float(special.ndtr(-z))


def quantile(histogram: Histogram, q: float) -> float:
    """Return the ``q`` quantile, in proportion within its bucket, which for the first starts at 0.

    Above all bounds nothing more is known, and the last bound is returned, as Prometheus does.
    """
    cumulative = np.concatenate([[0], np.cumsum(histogram.counts)])
    edges = np.array([0.0, *histogram.bounds, histogram.bounds[-1]])
    rank = q * cumulative[-1]
    bucket = max(int(np.searchsorted(cumulative, rank)), 1) - 1
    share = (rank - cumulative[bucket]) / (cumulative[bucket + 1] - cumulative[bucket])
    return float(edges[bucket] + share * (edges[bucket + 1] - edges[bucket]))


def above(histogram: Histogram, bound: float) -> int:
    """Return how many values lie above ``bound``, which is one of the histogram's."""
    return sum(histogram.counts[histogram.bounds.index(bound) + 1 :])


def homogeneity(one: Histogram, other: Histogram) -> float:
    """Return the p-value of the chi-squared test that both have the same distribution.

    Neighbouring buckets are taken together until each track is expected to have 5 values in it
    (Cochran, Biometrics 10, 1954).
    """
    counts = np.array([one.counts, other.counts], dtype=np.float64)
    smaller = counts.sum(1).min() / counts.sum()
    groups, open_group = [], np.zeros(2)
    for column in counts.T:
        open_group = open_group + column
        if open_group.sum() * smaller >= 5:
            groups.append(open_group)
            open_group = np.zeros(2)
    if len(groups) < 2:
        return 1.0
    groups[-1] = groups[-1] + open_group
    observed = np.array(groups)
    expected = np.outer(observed.sum(1), observed.sum(0)) / observed.sum()
    chi_squared = ((observed - expected) ** 2 / expected).sum()
    return float(special.chdtrc(len(groups) - 1, chi_squared))


def distance(one: Histogram, other: Histogram) -> float:
    """Return the Wasserstein distance, in units of the bounds, with values in mid-bucket."""
    edges = np.array([0.0, *one.bounds, one.bounds[-1]])
    middles = (edges[:-1] + edges[1:]) / 2
    return float(stats.wasserstein_distance(middles, middles, one.counts, other.counts))


def mcnemar(lost: int, won: int) -> float:
    """Return McNemar's exact p-value, one-sided: more pairs are lost than won."""
    return float(stats.binom.sf(lost - 1, lost + won, 0.5))


def increase(differences: FloatArray) -> float:
    """Return the p-value of the paired t-test that the mean of ``differences`` (n,) is above 0."""
    if not np.ptp(differences):  # no spread, no t
        return float(differences[0] <= 0)
    n = len(differences)
    t = differences.mean() / (differences.std(ddof=1) / np.sqrt(n))
    return float(special.stdtr(n - 1, -t))
