"""Compare counts and histograms of the tracks: tests of significance and effect sizes.

The canary's share of the requests grows from step to step, and how busy the cluster is changes
too. So the tracks are compared within each step, and the comparisons are summed: what a step
does to both of them is not a difference.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import signal, stats

from bc_model.arrays import FloatArray
from bc_model.classifier import PARITY
from canary.observation import Histogram, common_bounds, rebinned

LARGEST_LOG = 700.0
"""Beyond which e to that power is no number."""


class Table(NamedTuple):
    """One step: how many of the canary's requests are hits, and of the stable's."""

    hits: int
    total: int
    stable_hits: int
    stable_total: int


class Pair(NamedTuple):
    """One step's histograms, of the same bounds; what is compared has values in both."""

    stable: Histogram
    canary: Histogram


def filled(pairs: Iterable[Pair]) -> list[Pair]:
    """Return the pairs in which both tracks have values, all with the bounds that all have."""
    found = [pair for pair in pairs if any(pair.stable.counts) and any(pair.canary.counts)]
    bounds = common_bounds([histogram for pair in found for histogram in pair])
    return [Pair(*(rebinned(histogram, bounds) for histogram in pair)) for pair in found]


def fisher_exact(tables: Sequence[Table], alternative: str = "greater") -> float:
    """Return the exact p-value: the canary's share of hits is above the stable's, or differs.

    If a hit is as likely in either track, the canary's hits of a step have the hypergeometric
    distribution, and the sum of all steps' has the convolution of these (Mehta, Patel and Gray,
    JASA 80, 1985). With one step that is Fisher's test. The ``two-sided`` p-value is twice the
    smaller tail.
    """
    chances, above = np.ones(1), 0
    for hits, total, stable_hits, stable_total in tables:
        all_hits = hits + stable_hits
        possible = np.arange(max(all_hits - stable_total, 0), min(all_hits, total) + 1)
        ways = stats.hypergeom.pmf(possible, total + stable_total, all_hits, total)
        chances = signal.convolve(chances, ways)
        above += hits - possible[0]
    p = chances[above:].sum()
    if alternative == "two-sided":
        p = 2 * min(p, chances[: above + 1].sum())
    return float(np.clip(p, 0, 1))


def shares(tables: Sequence[Table]) -> tuple[float, float]:
    """Return the canary's share of hits, and the stable's as if its steps weighed as much.

    Neither track is without requests in any of the ``tables``.
    """
    totals = np.array([table.total for table in tables], dtype=np.float64)
    hits = sum(table.hits for table in tables)
    stable = [table.stable_hits / table.stable_total for table in tables]
    return float(hits / totals.sum()), float(np.average(stable, weights=totals))


def van_elteren(pairs: Sequence[Pair]) -> tuple[float, float]:
    """Return how probably a canary's value is above a stable's of its step, and the p-value.

    That is the one-sided test of van Elteren (1960): Mann and Whitney's U of each step, weighted
    by the inverse of its number of values plus 1, with the normal approximation, corrected for
    ties; values in one bucket are ties. It takes the counts as they are, so that a million requests
    cost what a thousand do.
    """
    above, possible, variance = 0.0, 0.0, 0.0
    for stable, canary in pairs:
        x, y = (np.asarray(each.counts, dtype=np.float64) for each in (canary, stable))
        n, m, ties = x.sum(), y.sum(), x + y
        weight = 1 / (n + m + 1)
        above += weight * (x @ (np.cumsum(y) - y / 2))
        possible += weight * n * m
        tied = (ties**3 - ties).sum() / ((n + m) * (n + m - 1))
        variance += weight**2 * n * m / 12 * (n + m + 1 - tied)
    if variance <= 0:  # the values of each step are in one bucket
        return float(above / possible), 1.0
    z = (above - possible / 2) / np.sqrt(variance)
    return float(above / possible), float(stats.norm.sf(z))


def counts(pairs: Sequence[Pair]) -> tuple[FloatArray, FloatArray]:
    """Return the canary's counts, and the stable's as if its steps weighed as much."""
    canary = np.array([pair.canary.counts for pair in pairs], dtype=np.float64)
    stable = np.array([pair.stable.counts for pair in pairs], dtype=np.float64)
    weights = canary.sum(1) / stable.sum(1)
    return canary.sum(0), weights @ stable


def quantile(bounds: Sequence[float], counts: ArrayLike, q: float) -> float:
    """Return the ``q`` quantile, in proportion within its bucket, which for the first starts at 0.

    Above all bounds nothing more is known, and the last bound is returned, as Prometheus does.
    """
    cumulative = np.concatenate([[0], np.cumsum(counts)])
    edges = np.array([0.0, *bounds, bounds[-1]])
    rank = q * cumulative[-1]
    bucket = max(int(np.searchsorted(cumulative, rank)), 1) - 1
    share = (rank - cumulative[bucket]) / (cumulative[bucket + 1] - cumulative[bucket])
    return float(edges[bucket] + share * (edges[bucket + 1] - edges[bucket]))


def above(histogram: Histogram, bound: float) -> int:
    """Return how many values lie above ``bound``, which is one of the histogram's."""
    return sum(histogram.counts[histogram.bounds.index(bound) + 1 :])


def chi_squared(pairs: Sequence[Pair]) -> float:
    """Return the p-value of the chi-squared test that both tracks have the same distribution.

    The steps' statistics and degrees of freedom are summed. In each, neighbouring buckets are
    taken together until each track is expected to have 5 values in it (Cochran, Biometrics 10,
    1954).
    """
    statistic, freedom = np.array([_chi_squared(pair) for pair in pairs]).sum(0)
    return float(stats.chi2.sf(statistic, freedom)) if freedom else 1.0


def _chi_squared(pair: Pair) -> tuple[float, int]:
    """Return the statistic of one step, and its degrees of freedom."""
    found = np.array([each.counts for each in pair], dtype=np.float64)
    smaller = found.sum(1).min() / found.sum()
    groups, open_group = [], np.zeros(2)
    for column in found.T:
        open_group = open_group + column
        if open_group.sum() * smaller >= 5:
            groups.append(open_group)
            open_group = np.zeros(2)
    if len(groups) < 2:
        return 0.0, 0
    groups[-1] = groups[-1] + open_group
    found = stats.chi2_contingency(np.array(groups), correction=False)
    return float(found.statistic), int(found.dof)


def wasserstein(bounds: Sequence[float], one: ArrayLike, other: ArrayLike) -> float:
    """Return the Wasserstein distance of two histograms' counts, with values in mid-bucket."""
    edges = np.array([0.0, *bounds, bounds[-1]])
    middles = (edges[:-1] + edges[1:]) / 2
    return float(stats.wasserstein_distance(middles, middles, one, other))


def binomial(hits: int, total: int, share: float) -> float:
    """Return the exact p-value, one-sided: a hit is more probable than ``share``."""
    return float(stats.binom.sf(hits - 1, total, share))


def evidence(outcomes: Iterable[tuple[bool, bool]]) -> float:
    """Return an e-value: how strongly hits are more probable in the canary than in the stable.

    ``outcomes`` say in order of time whether a request was the canary's, and whether it was a hit.
    They may be looked at as often as one likes: if hits are as probable in both tracks, or less in
    the canary, the chance that the value ever reaches 1 / alpha is at most alpha. This is the
    e-process of Turner, Ly and Gruenwald (2024) for two proportions. A block is a request of the
    canary with the stable's since the one before. It is scored by its likelihood under what the
    blocks before it suggest, over that under the mean of both proportions in it.
    """
    log_value = 0.0
    ours, theirs, block = _Proportion(), _Proportion(), _Proportion()
    for is_canary, hit in outcomes:
        if not is_canary:
            block.add(hit)
            continue
        canary, stable = ours.estimate, theirs.estimate
        if canary > stable:
            both = (canary + block.total * stable) / (1 + block.total)
            log_value += math.log(canary / both if hit else (1 - canary) / (1 - both))
            log_value += block.hits * math.log(stable / both)
            log_value += (block.total - block.hits) * math.log((1 - stable) / (1 - both))
        ours.add(hit)
        theirs.hits += block.hits
        theirs.total += block.total
        block = _Proportion()
    return math.exp(min(log_value, LARGEST_LOG))


@dataclass
class _Proportion:
    """Counts of hits; ``estimate`` is the mean of Jeffreys' posterior."""

    hits: int = 0
    total: int = 0

    def add(self, hit: bool) -> None:
        self.hits += hit
        self.total += 1

    @property
    def estimate(self) -> float:
        return (self.hits + 0.5) / (self.total + 1)


def mcnemar(lost: int, won: int) -> float:
    """Return McNemar's exact p-value, one-sided: more pairs are lost than won."""
    return float(stats.binom.sf(lost - 1, lost + won, 0.5))


def paired_t(differences: FloatArray) -> float:
    """Return the p-value of the paired t-test that the mean of ``differences`` (n,) is above 0.

    One model's answers to a case differ in their last digits; that is no difference, nor a spread.
    """
    if np.ptp(differences) <= PARITY:
        return float(differences[0] <= PARITY)
    return float(stats.ttest_1samp(differences, 0, alternative="greater").pvalue)
