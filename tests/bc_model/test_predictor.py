"""Scoring with NumPy, against the fitted scikit-learn objects and against definitions."""

import dataclasses
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from scipy import special

from bc_model.arrays import MALIGNANT, FloatArray
from bc_model.artifact import Reference
from bc_model.dataset import Dataset
from bc_model.features import FEATURE_NAMES
from bc_model.predictor import (
    ModelArrays,
    Predictor,
    Scores,
    closeness,
    distances,
    expit,
    kernel,
    standardise,
)

LARGEST = sys.float_info.max


@pytest.fixture(scope="module")
def predictor(arrays: ModelArrays) -> Predictor:
    return Predictor(arrays)


@pytest.fixture(scope="module")
def scores(predictor: Predictor, dataset: Dataset) -> Scores:
    return predictor.score(dataset.X)


@pytest.fixture(scope="module")
def refits(arrays: ModelArrays, dataset: Dataset) -> FloatArray:
    """The log-odds (n, B) by each bootstrap refit, from the definition of the kernel."""
    Z = (np.log1p(dataset.X / arrays.median) - arrays.mean) / arrays.scale
    distances = ((Z[:, None] - arrays.cases) ** 2).sum(axis=2)
    similarity = np.exp(-arrays.gamma * distances)
    by_refit: FloatArray = similarity @ arrays.coefficients[1:].T + arrays.intercepts[1:]
    return by_refit


def test_answers_are_those_of_scikit_learn(
    model_dir: Path, dataset: Dataset, scores: Scores
) -> None:
    scaler, model = (joblib.load(model_dir / f"{name}.joblib") for name in ("scaler", "model"))
    expected = model.predict_proba(scaler.transform(dataset.X))[:, MALIGNANT]
    np.testing.assert_allclose(scores.malignant, expected, rtol=0, atol=1e-9)
    assert joblib.load(model_dir / "feature_names.joblib") == list(FEATURE_NAMES)


def test_standardised_cases_are_those_of_scikit_learn(
    model_dir: Path, dataset: Dataset, arrays: ModelArrays
) -> None:
    expected = joblib.load(model_dir / "scaler.joblib").transform(dataset.X)
    np.testing.assert_allclose(standardise(dataset.X, arrays), expected, rtol=0, atol=1e-12)


def test_many_cases_get_the_answers_of_each_alone(
    predictor: Predictor, dataset: Dataset, scores: Scores
) -> None:
    alone = [predictor.score(case[None]) for case in dataset.X]
    for name, together in vars(scores).items():
        one_by_one = np.concatenate([getattr(answer, name) for answer in alone])
        np.testing.assert_allclose(together, one_by_one, rtol=1e-9, atol=1e-12)


def test_no_cases_get_no_answers(predictor: Predictor) -> None:
    nothing = predictor.score(np.empty((0, 30)))
    assert {name: array.shape for name, array in vars(nothing).items()} == {
        **{field.name: (0,) for field in dataclasses.fields(Scores)},
        "outside": (0, 30),
        "below_mean": (0, 10),
        "out_of_proportion": (0, 4),
    }


@pytest.mark.parametrize("value", [0, 5e-324, 1e-9, 1e9, 1e300, LARGEST])
@pytest.mark.parametrize("features", [slice(None), *range(0, 30, 7)])
def test_extreme_values_have_finite_answers(
    predictor: Predictor, arrays: ModelArrays, value: float, features: slice | int
) -> None:
    X = np.stack([arrays.median, arrays.median])
    X[0, features] = value
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        scores = predictor.score(X)
    for name, answers in vars(scores).items():
        assert np.isfinite(answers).all(), name
    assert 0 <= scores.low[0] <= scores.malignant[0] <= scores.high[0] <= 1


def test_probabilities_are_those_of_the_log_odds() -> None:
    log_odds = np.linspace(-800, 800, 1601)
    np.testing.assert_allclose(expit(log_odds), special.expit(log_odds), rtol=0, atol=1e-15)


def test_the_interval_is_the_refits_quantiles(scores: Scores, refits: FloatArray) -> None:
    low, high = np.quantile(refits, [0.05, 0.95], axis=1)
    point = scores.log_odds
    np.testing.assert_allclose(scores.low, expit(np.minimum(low, point)), rtol=1e-9)
    np.testing.assert_allclose(scores.high, expit(np.maximum(high, point)), rtol=1e-9)


def test_in_probabilities_the_interval_differs_by_interpolation_alone(
    scores: Scores, refits: FloatArray
) -> None:
    for bound, level, extreme in ((scores.low, 0.05, np.minimum), (scores.high, 0.95, np.maximum)):
        below, above = (
            extreme(np.quantile(expit(refits), level, axis=1, method=method), scores.malignant)
            for method in ("lower", "higher")
        )
        assert (below - 1e-12 <= bound).all()
        assert (bound <= above + 1e-12).all()


def test_the_interval_holds_the_answer_and_is_never_empty(scores: Scores) -> None:
    assert (scores.low <= scores.malignant).all()
    assert (scores.malignant <= scores.high).all()
    assert (scores.low < scores.high).all()


@pytest.mark.parametrize(("shift", "bound"), [(100, "low"), (-100, "high")])
def test_the_interval_holds_the_answer_also_when_all_refits_lie_to_one_side(
    arrays: ModelArrays, dataset: Dataset, shift: float, bound: str
) -> None:
    intercepts = arrays.intercepts + shift * (np.arange(len(arrays.intercepts)) > 0)
    scores = Predictor(dataclasses.replace(arrays, intercepts=intercepts)).score(dataset.X)
    np.testing.assert_array_equal(getattr(scores, bound), scores.malignant)


def test_a_single_refit_is_one_end_of_the_interval(
    arrays: ModelArrays, dataset: Dataset, refits: FloatArray
) -> None:
    single = dataclasses.replace(
        arrays, coefficients=arrays.coefficients[:2], intercepts=arrays.intercepts[:2]
    )
    scores = Predictor(single).score(dataset.X)
    ends = np.sort([scores.log_odds, refits[:, 0]], axis=0)
    np.testing.assert_allclose([scores.low, scores.high], expit(ends), rtol=1e-9)


def test_the_kernel_is_that_of_the_distances() -> None:
    Z, cases = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0], [0.0, 2.0]])
    expected = np.exp([[0, -0.2], [-2.5, -1.3]])
    np.testing.assert_allclose(kernel(Z, cases, 0.1) / [[1, np.exp(-0.2)], [1, 1]], expected)


def test_the_kernel_is_never_more_than_1() -> None:
    Z = np.random.default_rng(0).normal(1e6, 1, (50, 30))
    assert kernel(Z, Z, 1e3).max() == 1


def test_closeness_is_the_mean_over_the_five_nearest() -> None:
    similarity = np.array([[0.1, 0.9, 0.2, 0.8, 0.3, 0.7], [0, 0, 0, 0, 0, 1]])
    np.testing.assert_allclose(closeness(similarity), [2.9 / 5, 0.2])


def test_training_cases_are_close_to_training_cases(
    scores: Scores, reference: Reference, arrays: ModelArrays
) -> None:
    seen = scores.support[~reference.unseen]
    others = np.linspace(0, 100, len(arrays.closeness) + 1)[1:]
    # A training case is its own nearest neighbour too, so it is closer than it is to the others.
    assert (np.sort(seen) >= others).all()
    assert scores.has_basis.mean() > 0.99


def test_support_is_the_share_of_training_cases_that_are_no_closer(
    scores: Scores, dataset: Dataset, arrays: ModelArrays
) -> None:
    Z = standardise(dataset.X, arrays)
    for row in range(0, 569, 40):
        nearest = np.sort(((arrays.cases - Z[row]) ** 2).sum(axis=1))[:5]
        close = np.exp(-arrays.gamma * nearest).mean()
        assert scores.support[row] == pytest.approx(100 * np.mean(arrays.closeness <= close))


def test_cases_that_are_just_as_close_count_for_the_support(arrays: ModelArrays) -> None:
    case = arrays.median[None]
    close = closeness(kernel(standardise(case, arrays), arrays.cases, float(arrays.gamma)))[0]
    others = np.array([close / 2, close, close, np.nextafter(close, 2)])
    assert Predictor(dataclasses.replace(arrays, closeness=others)).score(case).support == 75


def test_support_falls_on_the_way_out_and_ends_without_a_basis(
    predictor: Predictor, arrays: ModelArrays
) -> None:
    scores = predictor.score(arrays.median * 1.5 ** np.arange(12)[:, None])
    assert (np.diff(scores.support) <= 0).all()
    assert scores.support[0] > 90
    assert scores.support[-1] == 0
    assert scores.has_basis[0]
    assert not scores.has_basis[-1]


def test_without_a_basis_every_answer_is_the_same(
    predictor: Predictor, arrays: ModelArrays
) -> None:
    scores = predictor.score(arrays.median * np.array([[1e6], [1e12], [1e300]]))
    assert not scores.has_basis.any()
    assert (scores.support == 0).all()
    np.testing.assert_allclose(scores.log_odds, arrays.intercepts[0])


def test_the_basis_begins_at_the_closeness_floor(arrays: ModelArrays) -> None:
    case = arrays.median[None]
    close = closeness(kernel(standardise(case, arrays), arrays.cases, float(arrays.gamma)))[0]
    for floor, has_basis in ((close, True), (np.nextafter(close, 2), False)):
        predictor = Predictor(dataclasses.replace(arrays, closeness_floor=np.asarray(floor)))
        assert predictor.score(case).has_basis == has_basis


def test_the_basis_ends_at_the_distance_limit(arrays: ModelArrays) -> None:
    case = arrays.median[None]
    (far,) = distances(standardise(case, arrays), arrays.centres, arrays.whitening)
    for limit, has_basis in ((far, True), (np.nextafter(far, 0), False)):
        predictor = Predictor(dataclasses.replace(arrays, distance_limit=np.asarray(limit)))
        assert predictor.score(case).has_basis == has_basis


def test_values_outside_the_training_range_are_marked(
    predictor: Predictor, arrays: ModelArrays
) -> None:
    X = np.stack([arrays.lowest, arrays.highest, arrays.highest, arrays.lowest])
    X[2, 4] = np.nextafter(X[2, 4], np.inf)
    X[3, 7:] = np.where(arrays.lowest > 0, arrays.lowest * (1 - 1e-15), 0)[7:]
    outside = predictor.score(X).outside
    assert not outside[:2].any()
    assert np.flatnonzero(outside[2]).tolist() == [4]
    assert np.flatnonzero(outside[3]).tolist() == [
        number for number in range(7, 30) if arrays.lowest[number] > 0
    ]


@pytest.mark.parametrize(
    "feature",
    [
        "mean radius", "mean texture", "mean perimeter", "mean area", "mean concavity",
        "mean concave points", "radius error", "perimeter error", "area error", "worst radius",
        "worst texture", "worst perimeter", "worst area", "worst smoothness", "worst concavity",
        "worst concave points", "worst symmetry",
    ],
)  # fmt: skip
def test_more_of_what_marks_tumours_as_malignant_never_lowers_the_answer(
    predictor: Predictor, arrays: ModelArrays, dataset: Dataset, feature: str
) -> None:
    column = FEATURE_NAMES.index(feature)
    X = np.tile(arrays.median, (25, 1))
    X[:, column] = np.quantile(dataset.X[:, column], np.linspace(0.01, 0.99, 25))
    log_odds = predictor.score(X).log_odds
    assert (np.diff(log_odds) > 0).all()
    assert log_odds[-1] > log_odds[0] + 2


def test_on_the_way_from_the_benign_to_the_malignant_median_the_answer_rises(
    predictor: Predictor, dataset: Dataset
) -> None:
    malignant, benign = (
        np.median(dataset.X[dataset.y == target], axis=0) for target in (MALIGNANT, 1 - MALIGNANT)
    )
    steps = np.linspace(0, 1, 11)[:, None]
    answers = predictor.score(benign + steps * (malignant - benign)).malignant
    assert (np.diff(answers) > 0).all()
    assert answers[0] < 0.02
    assert answers[-1] > 0.98


def test_a_measurement_error_of_a_thousandth_hardly_moves_an_answer(
    predictor: Predictor, dataset: Dataset, scores: Scores
) -> None:
    noise = np.random.default_rng(0).uniform(0.999, 1.001, dataset.X.shape)
    assert np.abs(predictor.score(dataset.X * noise).malignant - scores.malignant).max() < 0.02
