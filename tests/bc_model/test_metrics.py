"""Figures of merit, against scikit-learn's and SciPy's."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics as reference

from bc_model.arrays import BENIGN, MALIGNANT, FloatArray, IntArray
from bc_model.metrics import LOWER_IS_BETTER, METRICS, bootstrap_weights, measure, wilson

THRESHOLD = 0.4
CASES = 200

Sample = tuple[IntArray, FloatArray, FloatArray]


@pytest.fixture(scope="module", params=["ties", "no ties"])
def sample(request: pytest.FixtureRequest) -> Sample:
    """Labels, probabilities and weightings: all cases, a fold, a resample, any weights."""
    generator = np.random.default_rng(1)
    y = generator.integers(0, 2, CASES)
    malignant = np.clip(0.35 * (y == MALIGNANT) + generator.random(CASES) * 0.65, 0, 1)
    if request.param == "ties":
        malignant = malignant.round(1)
    weights = np.stack(
        [
            np.ones(CASES),
            np.arange(CASES) % 5 == 0,
            generator.multinomial(CASES, np.full(CASES, 1 / CASES)),
            generator.random(CASES),
        ]
    )
    return y, malignant, weights


def share_called(positive: bool) -> Callable[[IntArray, FloatArray, FloatArray], float]:
    def share(y: IntArray, malignant: FloatArray, weights: FloatArray) -> float:
        label = MALIGNANT if positive else BENIGN
        called = np.where(malignant >= THRESHOLD, MALIGNANT, BENIGN)
        return float(reference.recall_score(y, called, pos_label=label, sample_weight=weights))

    return share


def calibration_error(y: IntArray, malignant: FloatArray, weights: FloatArray) -> float:
    """The definition of Guo et al., bin by bin."""
    error = 0.0
    for number in range(10):
        upper = malignant < (number + 1) / 10 if number < 9 else malignant <= 1
        in_bin = (malignant >= number / 10) & upper
        share = weights[in_bin].sum() / weights.sum()
        if share:
            observed = np.average(y[in_bin] == MALIGNANT, weights=weights[in_bin])
            predicted = np.average(malignant[in_bin], weights=weights[in_bin])
            error += float(share * abs(observed - predicted))
    return error


EXPECTED: dict[str, Callable[[IntArray, FloatArray, FloatArray], float]] = {
    "accuracy": lambda y, p, w: reference.accuracy_score(
        y == MALIGNANT, p >= THRESHOLD, sample_weight=w
    ),
    "sensitivity": share_called(positive=True),
    "specificity": share_called(positive=False),
    "roc_auc": lambda y, p, w: reference.roc_auc_score(y == MALIGNANT, p, sample_weight=w),
    "brier": lambda y, p, w: reference.brier_score_loss(y == MALIGNANT, p, sample_weight=w),
    "log_loss": lambda y, p, w: reference.log_loss(
        y == MALIGNANT, np.clip(p, 1e-15, 1 - 1e-15), sample_weight=w
    ),
    "ece": calibration_error,
}


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_under_every_weighting(sample: Sample, name: str) -> None:
    y, malignant, weights = sample
    expected = [EXPECTED[name](y, malignant, weighting) for weighting in weights]
    np.testing.assert_allclose(measure(y, malignant, weights, THRESHOLD)[name], expected, rtol=1e-9)


def test_metrics_come_in_their_order(sample: Sample) -> None:
    assert tuple(measure(*sample, THRESHOLD)) == METRICS


def test_a_drawn_case_counts_as_often_as_it_was_drawn(sample: Sample) -> None:
    y, malignant, weights = sample
    times = weights[2].astype(int)
    repeated = np.repeat(y, times), np.repeat(malignant, times), np.ones((1, CASES))
    for name, values in measure(*repeated, THRESHOLD).items():
        assert measure(y, malignant, weights[2:3], THRESHOLD)[name] == pytest.approx(values)


def test_perfect_answers_and_their_opposite() -> None:
    y = np.array([MALIGNANT, BENIGN, BENIGN])
    sure = (y == MALIGNANT).astype(float)
    right, wrong = (measure(y, p, np.ones((1, 3)), 0.5) for p in (sure, 1 - sure))
    for name in METRICS:
        best, worst = (0.0, 1.0) if name in LOWER_IS_BETTER else (1.0, 0.0)
        assert right[name] == best
        assert wrong[name] == (pytest.approx(-np.log(1e-15)) if name == "log_loss" else worst)


def test_a_case_at_the_threshold_is_called_malignant() -> None:
    y, malignant = np.array([MALIGNANT, BENIGN]), np.array([0.5, 0.5])
    figures = measure(y, malignant, np.ones((1, 2)), 0.5)
    assert figures["sensitivity"] == 1
    assert figures["specificity"] == 0


def test_resamples_keep_the_size_of_each_class() -> None:
    y = np.repeat([MALIGNANT, BENIGN], [30, 70])
    weights = bootstrap_weights(y, 400, np.random.default_rng(0))
    assert weights.shape == (400, 100)
    assert set(weights[:, :30].sum(1)) == {30}
    assert set(weights[:, 30:].sum(1)) == {70}
    # A case is drawn about once, and in about 1 - 1/e of the resamples.
    np.testing.assert_allclose(weights.mean(0), 1, atol=4 / 20)
    assert (weights > 0).mean() == pytest.approx(1 - np.exp(-1), abs=0.01)


@pytest.mark.parametrize("trials", [1, 5, 114, 569])
@pytest.mark.parametrize("share", [0, 0.2, 0.9, 1])
def test_wilson_interval(share: float, trials: int) -> None:
    successes = round(share * trials)
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    figure = wilson(successes, trials)
    assert figure.value == successes / trials
    assert figure.low == pytest.approx(expected.low, abs=1e-12)
    assert figure.high == pytest.approx(expected.high, abs=1e-12)
    assert 0 <= figure.low <= figure.value + 1e-15
    assert figure.value - 1e-15 <= figure.high <= 1


def test_wilson_takes_the_mean_of_several_repeats() -> None:
    low, high = wilson(3, 10), wilson(4, 10)
    between = wilson(3.5, 10)
    assert low.low < between.low < high.low
    assert low.high < between.high < high.high
