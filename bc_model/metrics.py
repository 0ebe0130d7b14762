"""Metrics and calibration of predicted probabilities, over many weightings of the cases at once.

A weighting is a bootstrap resample (how often each case was drawn) or a fold (0 or 1), so spread
and interval come from the same few matrix products as the metrics themselves.
"""

from typing import NamedTuple

import numpy as np

from bc_model.arrays import MALIGNANT, BoolArray, FloatArray, IntArray
from bc_model.manifest import Estimate, OperatingPoint

METRICS = ("accuracy", "sensitivity", "specificity", "roc_auc", "brier", "log_loss", "ece")
LOWER_IS_BETTER = frozenset({"brier", "log_loss", "ece"})

CALIBRATION_BINS = 10
"""Equal-width bins, as in Guo et al., "On calibration of modern neural networks", ICML 2017."""

RESAMPLES = 1000
"""Draws of a bootstrap."""

Z_95 = 1.959963984540054


def measure(
    y: IntArray, malignant: FloatArray, weights: FloatArray, threshold: float
) -> dict[str, FloatArray]:
    """Return each metric (k,) of the probabilities ``malignant`` (n,) under ``weights`` (k, n).

    Every weighting must give weight to both classes.
    """
    positive = y == MALIGNANT
    called = malignant >= threshold
    total = weights.sum(1)
    likelihood = np.clip(np.where(positive, malignant, 1 - malignant), 1e-15, None)
    return {
        "accuracy": weights @ (called == positive) / total,
        "sensitivity": weights @ (called & positive) / (weights @ positive),
        "specificity": weights @ (~called & ~positive) / (weights @ ~positive),
        "roc_auc": _roc_auc(positive, malignant, weights),
        "brier": weights @ (malignant - positive) ** 2 / total,
        "log_loss": weights @ -np.log(likelihood) / total,
        "ece": _calibration_error(positive, malignant, weights) / total,
    }


def _roc_auc(positive: BoolArray, malignant: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the share of (malignant, benign) pairs in the right order; ties count half."""
    difference = malignant[positive][:, None] - malignant[~positive]
    ordered = (difference > 0) + 0.5 * (difference == 0)
    pairs = np.einsum("kp,kp->k", weights[:, positive], weights[:, ~positive] @ ordered.T)
    area: FloatArray = pairs / (weights @ positive) / (weights @ ~positive)
    return area


def _calibration_error(
    positive: BoolArray, malignant: FloatArray, weights: FloatArray
) -> FloatArray:
    gaps = (_bin_numbers(malignant)[:, None] == np.arange(CALIBRATION_BINS)) * (
        positive - malignant
    )[:, None]
    error: FloatArray = np.abs(weights @ gaps).sum(1)
    return error


def _bin_numbers(malignant: FloatArray) -> IntArray:
    numbers: IntArray = np.minimum((malignant * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return numbers


def bootstrap_weights(y: IntArray, resamples: int, generator: np.random.Generator) -> FloatArray:
    """Return how often each case is drawn (resamples, n), with each class as large as it is."""
    weights = np.zeros((resamples, len(y)))
    for target in np.unique(y):
        members = np.flatnonzero(y == target)
        share = np.full(len(members), 1 / len(members))
        weights[:, members] = generator.multinomial(len(members), share, size=resamples)
    return weights


def bootstrap_estimate(value: float, resamples: FloatArray) -> Estimate:
    """Return ``value`` with the 95 % percentile interval of the values (k,) in ``resamples``."""
    low, high = np.quantile(resamples, [0.025, 0.975])
    return Estimate(float(value), float(low), float(high))


def operating_point(y: IntArray, malignant: FloatArray, threshold: float) -> OperatingPoint:
    """Return what a threshold does, averaged over the repeats of ``malignant`` (r, n)."""
    positive = y == MALIGNANT
    called = (malignant >= threshold).mean(axis=0)
    return OperatingPoint(
        threshold,
        sensitivity=wilson(float(called[positive].sum()), int(positive.sum())),
        specificity=wilson(float((1 - called[~positive]).sum()), int((~positive).sum())),
    )


def wilson(successes: float, trials: float) -> Estimate:
    """Return a proportion with its 95 % score interval (Wilson, JASA 22, 1927)."""
    share = successes / trials
    spread = Z_95 * np.sqrt(share * (1 - share) / trials + (Z_95 / trials) ** 2 / 4)
    middle = share + Z_95**2 / trials / 2
    scale = 1 + Z_95**2 / trials
    return Estimate(
        share, float(max((middle - spread) / scale, 0)), float(min((middle + spread) / scale, 1))
    )


class Bin(NamedTuple):
    """Cases with similar answers.

    ``predicted`` is their mean answer with its 95 % bootstrap interval over cases, ``observed``
    the share of malignant ones with its 95 % Wilson interval, and ``cases`` how many they are:
    the mean over repeats, from the fewest to the most.
    """

    predicted: Estimate
    observed: Estimate
    cases: Estimate


def calibration(y: IntArray, malignant: FloatArray) -> list[Bin]:
    """Return the bins, of equal width, that hold a case of the answers ``malignant`` (r, n).

    Each case counts once, however many repeats answered it.
    """
    resampled = bootstrap_weights(y, RESAMPLES, np.random.default_rng(0))
    numbers = _bin_numbers(malignant)
    return [
        _bin(y, malignant, numbers == number, resampled)
        for number in range(CALIBRATION_BINS)
        if (numbers == number).any()
    ]


def _bin(y: IntArray, malignant: FloatArray, inside: BoolArray, resampled: FloatArray) -> Bin:
    counts = inside.sum(axis=1)
    cases = float(counts.mean())
    of_malignant = float(inside[:, y == MALIGNANT].sum(axis=1).mean())
    return Bin(
        predicted=_mean_answer(malignant * inside, inside, resampled),
        observed=wilson(of_malignant, cases),
        cases=Estimate(cases, float(counts.min()), float(counts.max())),
    )


def _mean_answer(answers: FloatArray, inside: BoolArray, resampled: FloatArray) -> Estimate:
    total, times = answers.sum(axis=0), inside.sum(axis=0)
    drawn = resampled @ times
    holds_a_case = drawn > 0
    means = (resampled @ total)[holds_a_case] / drawn[holds_a_case]
    return bootstrap_estimate(total.sum() / times.sum(), means)
