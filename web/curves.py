"""The model card's ROC curve, from what cross-validation answered."""

import numpy as np

from bc_model.artifact import OperatingPoint, Reference
from bc_model.metrics import operating_point

ROC_POINTS = 120


def roc(reference: Reference) -> list[OperatingPoint]:
    """Return the curve as operating points, from the highest threshold to the lowest."""
    answers = np.sort(reference.out_of_fold, axis=None)
    ranks = np.linspace(0, len(answers) - 1, ROC_POINTS).round().astype(int)
    thresholds = np.unique([0.0, *answers[ranks].tolist(), 1.0])[::-1]
    return [
        operating_point(reference.targets, reference.out_of_fold, threshold)
        for threshold in thresholds.tolist()
    ]
