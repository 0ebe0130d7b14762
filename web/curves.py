"""The model card's curves, from what cross-validation answered: ROC and calibration."""

from typing import NamedTuple

import numpy as np

from bc_model.artifact import Figure, OperatingPoint, Reference
from bc_model.csv_cases import MALIGNANT
from bc_model.metrics import operating_point, wilson

ROC_POINTS = 120
CALIBRATION_BINS = 10


class Bin(NamedTuple):
    """Cases of like answers: the ``observed`` share of malignant ones has a 95 % interval."""

    predicted: float
    observed: Figure
    cases: float


def roc(reference: Reference) -> list[OperatingPoint]:
    """Return the curve as operating points, from the highest threshold to the lowest."""
    answers = np.sort(reference.out_of_fold, axis=None)
    ranks = np.linspace(0, len(answers) - 1, ROC_POINTS).round().astype(int)
    thresholds = np.unique([0.0, *answers[ranks].tolist(), 1.0])[::-1]
    return [
        operating_point(reference.targets, reference.out_of_fold, threshold)
        for threshold in thresholds.tolist()
    ]


def calibration(reference: Reference) -> list[Bin]:
    """Return observed against predicted shares, in bins of equal width that hold a case.

    Each case counts once, however many repeats answered it.
    """
    answers = reference.out_of_fold
    repeats = len(answers)
    malignant = np.broadcast_to(reference.targets == MALIGNANT, answers.shape)
    numbers = np.minimum((answers * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    bins = []
    for number in range(CALIBRATION_BINS):
        inside = numbers == number
        cases = inside.sum() / repeats
        if cases:
            observed = wilson(float(malignant[inside].sum()) / repeats, cases)
            bins.append(Bin(float(answers[inside].mean()), observed, float(cases)))
    return bins
