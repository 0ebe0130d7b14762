"""Calibration: every case counts once, and each figure has an interval that holds it."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from bc_model.arrays import BENIGN, MALIGNANT
from bc_model.artifact import Reference
from bc_model.manifest import Estimate
from bc_model.metrics import Bin, calibration, wilson


@pytest.fixture(scope="module")
def bins(reference: Reference) -> list[Bin]:
    return calibration(reference.targets, reference.out_of_fold)


def test_every_case_counts_once(bins: list[Bin], reference: Reference) -> None:
    assert sum(bin.cases.value for bin in bins) == pytest.approx(569)
    observed = sum(bin.cases.value * bin.observed.value for bin in bins)
    assert observed == pytest.approx((reference.targets == MALIGNANT).sum())
    predicted = sum(bin.cases.value * bin.predicted.value for bin in bins)
    assert predicted == pytest.approx(reference.out_of_fold.mean() * 569)


def test_the_points_are_scikit_learns(bins: list[Bin], reference: Reference) -> None:
    answers = reference.out_of_fold
    malignant = np.broadcast_to(reference.targets == MALIGNANT, answers.shape)
    observed, predicted = calibration_curve(malignant.ravel(), answers.ravel(), n_bins=10)
    assert [bin.observed.value for bin in bins] == pytest.approx(observed)
    assert [bin.predicted.value for bin in bins] == pytest.approx(predicted)


def test_every_figure_has_an_interval_that_holds_it(bins: list[Bin]) -> None:
    for figure in (figure for bin in bins for figure in bin):
        assert figure.low < figure.high
        assert figure.low - 1e-12 <= figure.value <= figure.high + 1e-12


def test_counts_run_from_the_fewest_to_the_most() -> None:
    y = np.array([MALIGNANT, MALIGNANT, BENIGN, BENIGN])
    low, high = calibration(y, np.array([[0.9, 0.9, 0.1, 0.1], [0.9, 0.1, 0.1, 0.1]]))
    assert low.cases == Estimate(2.5, 2, 3)
    assert high.cases == Estimate(1.5, 1, 2)
    assert low.observed == wilson(0.5, 2.5)


def test_the_interval_of_the_mean_answer_is_that_of_its_standard_error() -> None:
    y = np.repeat([MALIGNANT, BENIGN], 200)
    answers = np.random.default_rng(1).uniform(0.5, 0.6, (1, 400))
    (only,) = calibration(y, answers)
    error = 1.96 * answers.std() / np.sqrt(400)
    assert only.predicted.value == pytest.approx(answers.mean())
    assert only.predicted.high - only.predicted.low == pytest.approx(2 * error, rel=0.1)


def test_a_bin_without_cases_is_left_out(reference: Reference) -> None:
    sure = np.where(reference.targets == MALIGNANT, 0.95, 0.05)[None]
    low, high = calibration(reference.targets, sure)
    assert [low.predicted.value, low.observed.value] == pytest.approx([0.05, 0])
    assert [high.predicted.value, high.observed.value] == pytest.approx([0.95, 1])
    assert high.observed.low < 1
