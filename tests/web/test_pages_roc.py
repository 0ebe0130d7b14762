"""The card's ROC curve: scikit-learn's, and with intervals that hold it."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bc_model.arrays import MALIGNANT
from bc_model.artifact import Reference
from web.pages import roc


def test_the_roc_curve_runs_from_corner_to_corner(reference: Reference) -> None:
    points = roc(reference)
    first, last = points[0], points[-1]
    assert (first.sensitivity.value, first.specificity.value) == (0, 1)
    assert (last.sensitivity.value, last.specificity.value) == (1, 0)
    for figures in (
        [point.sensitivity.value for point in points],
        [-point.specificity.value for point in points],
    ):
        assert figures == sorted(figures)
    for figure in (figure for point in points for figure in (point.sensitivity, point.specificity)):
        assert figure.low - 1e-12 <= figure.value <= figure.high + 1e-12
        assert figure.high - figure.low > 0.005


def test_the_area_under_it_is_scikit_learns(reference: Reference) -> None:
    points = roc(reference)
    area = np.trapezoid(
        [point.sensitivity.value for point in points],
        [1 - point.specificity.value for point in points],
    )
    areas = [
        roc_auc_score(reference.targets == MALIGNANT, repeat) for repeat in reference.out_of_fold
    ]
    assert area == pytest.approx(np.mean(areas), abs=0.003)
