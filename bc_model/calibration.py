"""How probabilities turn out: observed against predicted shares, both with their uncertainty."""

from typing import NamedTuple

import numpy as np

from bc_model.arrays import MALIGNANT, BoolArray, FloatArray, IntArray
from bc_model.artifact import Figure
from bc_model.metrics import bootstrap_weights, wilson

BINS = 10
RESAMPLES = 1000


class Bin(NamedTuple):
    """Cases of like answers.

    ``predicted`` is their mean answer with its 95 % bootstrap interval over cases, ``observed``
    the share of malignant ones with its 95 % Wilson interval, and ``cases`` how many they are:
    the mean over repeats, from the fewest to the most.
    """

    predicted: Figure
    observed: Figure
    cases: Figure


def calibration(y: IntArray, malignant: FloatArray) -> list[Bin]:
    """Return the bins, of equal width, that hold a case of the answers ``malignant`` (r, n).

    Each case counts once, however many repeats answered it.
    """
    resampled = bootstrap_weights(y, RESAMPLES, np.random.default_rng(0))
    numbers = np.minimum((malignant * BINS).astype(int), BINS - 1)
    return [
        _bin(y, malignant, numbers == number, resampled)
        for number in range(BINS)
        if (numbers == number).any()
    ]


def _bin(y: IntArray, malignant: FloatArray, inside: BoolArray, resampled: FloatArray) -> Bin:
    counts = inside.sum(axis=1)
    cases = float(counts.mean())
    of_malignant = float(inside[:, y == MALIGNANT].sum(axis=1).mean())
    return Bin(
        predicted=_mean_answer(malignant * inside, inside, resampled),
        observed=wilson(of_malignant, cases),
        cases=Figure(cases, float(counts.min()), float(counts.max())),
    )


def _mean_answer(answers: FloatArray, inside: BoolArray, resampled: FloatArray) -> Figure:
    total, times = answers.sum(axis=0), inside.sum(axis=0)
    drawn = resampled @ times
    holds_a_case = drawn > 0
    means = (resampled @ total)[holds_a_case] / drawn[holds_a_case]
    low, high = np.quantile(means, [0.025, 0.975])
    return Figure(float(total.sum() / times.sum()), float(low), float(high))
