"""Figures of merit for predicted probabilities of malignancy, over many weightings at once.

A weighting is a bootstrap resample (how often each case was drawn) or a fold (0 or 1), so spread
and interval come from the same few matrix products as the figures themselves.
"""

import numpy as np

from bc_model.arrays import MALIGNANT, BoolArray, FloatArray, IntArray
from bc_model.artifact import Figure, OperatingPoint

METRICS = ("accuracy", "sensitivity", "specificity", "roc_auc", "brier", "log_loss", "ece")
LOWER_IS_BETTER = frozenset({"brier", "log_loss", "ece"})

ECE_BINS = 10
"""Equal-width bins, as in Guo et al., "On calibration of modern neural networks", ICML 2017."""

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
    bins = np.minimum((malignant * ECE_BINS).astype(int), ECE_BINS - 1)
    gaps = (bins[:, None] == np.arange(ECE_BINS)) * (positive - malignant)[:, None]
    error: FloatArray = np.abs(weights @ gaps).sum(1)
    return error


def bootstrap_weights(y: IntArray, resamples: int, generator: np.random.Generator) -> FloatArray:
    """Return how often each case is drawn (resamples, n), with each class as large as it is."""
    weights = np.zeros((resamples, len(y)))
    for target in np.unique(y):
        members = np.flatnonzero(y == target)
        share = np.full(len(members), 1 / len(members))
        weights[:, members] = generator.multinomial(len(members), share, size=resamples)
    return weights


def operating_point(y: IntArray, malignant: FloatArray, threshold: float) -> OperatingPoint:
    """Return what a threshold does, averaged over the repeats of ``malignant`` (r, n)."""
    positive = y == MALIGNANT
    called = (malignant >= threshold).mean(axis=0)
    return OperatingPoint(
        threshold,
        sensitivity=wilson(float(called[positive].sum()), int(positive.sum())),
        specificity=wilson(float((1 - called[~positive]).sum()), int((~positive).sum())),
    )


def wilson(successes: float, trials: float) -> Figure:
    """Return a proportion with its 95 % score interval (Wilson, JASA 22, 1927)."""
    share = successes / trials
    spread = Z_95 * np.sqrt(share * (1 - share) / trials + (Z_95 / trials) ** 2 / 4)
    middle = share + Z_95**2 / trials / 2
    scale = 1 + Z_95**2 / trials
    return Figure(
        share, float(max((middle - spread) / scale, 0)), float(min((middle + spread) / scale, 1))
    )
