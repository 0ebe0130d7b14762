"""The fit, against scikit-learn's of the same cases, and the changes that must not affect it."""

import dataclasses
from collections.abc import Iterable

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from bc_model.arrays import BENIGN, MALIGNANT, FloatArray
from bc_model.dataset import Dataset
from bc_model.manifest import Parameters
from bc_model.predictor import ModelArrays, Predictor, distances
from bc_model.training import (
    CALIBRATION_FOLDS,
    BasisLimits,
    MedianLog,
    T,
    _resample,
    build_classifier,
    build_pipeline,
    build_scaler,
    centres,
    fit,
    unseen_cases,
    whitening,
)

ONE_REFIT = Parameters(refits=1)


@pytest.fixture(scope="module")
def seen(dataset: Dataset) -> Dataset:
    """The cases that the default model is fitted on."""
    unseen = unseen_cases(dataset.y)
    return Dataset(dataset.X[~unseen], dataset.y[~unseen], dataset.source)


def log_odds(seen: Dataset, X: FloatArray) -> FloatArray:
    return Predictor(fit(seen, ONE_REFIT, BasisLimits()).arrays).score(X).log_odds


def test_the_transform_is_log1p_of_multiples_of_the_median() -> None:
    X = np.array([[1.0, 0.0], [2.0, 10.0], [9.0, 30.0]])
    transform = MedianLog().fit(X)
    np.testing.assert_array_equal(transform.median_, [2, 10])
    transformed = transform.transform(np.array([[2.0, 10.0], [0.0, 0.0], [6.0, 70.0]]))
    np.testing.assert_allclose(np.exp(transformed), [[2, 2], [1, 1], [4, 8]])
    assert not hasattr(clone(transform), "median_")


def test_the_transform_makes_skewed_measurements_nearly_symmetric(dataset: Dataset) -> None:
    def skewness(X: FloatArray) -> FloatArray:
        Z = StandardScaler().fit_transform(X)
        third: FloatArray = np.abs((Z**3).mean(axis=0))
        return third

    before, after = skewness(dataset.X), skewness(MedianLog().fit_transform(dataset.X))
    assert np.median(before) > 1.3
    assert np.median(after) < 0.8
    assert (after < before).all()


def test_the_unseen_cases_are_those_of_the_original(dataset: Dataset) -> None:
    X_train, X_test, _, y_test = train_test_split(
        dataset.X, dataset.y, test_size=0.2, random_state=42, stratify=dataset.y
    )
    unseen = unseen_cases(dataset.y)
    assert sorted(dataset.X[unseen].tolist()) == sorted(X_test.tolist())
    assert sorted(dataset.X[~unseen].tolist()) == sorted(X_train.tolist())
    assert dataset.y[unseen].sum() == y_test.sum()
    assert unseen.sum() == 114


def test_the_pipeline_is_the_documented_one() -> None:
    pipeline = build_pipeline(Parameters(C=3, seed=7))
    assert [type(step) for _, step in pipeline["scaler"].steps] == [MedianLog, StandardScaler]
    classifier = pipeline["classifier"]
    assert isinstance(classifier, CalibratedClassifierCV)
    assert (classifier.method, classifier.ensemble) == ("sigmoid", False)
    assert (classifier.cv.n_splits, classifier.cv.random_state) == (5, 7)
    assert isinstance(classifier.estimator, SVC)
    assert (classifier.estimator.C, classifier.estimator.kernel) == (3, "rbf")


def test_the_kernel_is_as_wide_as_scikit_learn_would_have_it(
    seen: Dataset, arrays: ModelArrays
) -> None:
    Z = build_scaler().fit_transform(seen.X)
    scale = SVC(gamma="scale").fit(Z, seen.y)
    same = SVC(gamma=float(arrays.gamma)).fit(Z, seen.y)
    np.testing.assert_allclose(same.decision_function(Z), scale.decision_function(Z), rtol=1e-9)


def test_the_served_model_is_the_pipeline_fitted_to_the_seen_cases(
    dataset: Dataset, seen: Dataset, arrays: ModelArrays
) -> None:
    pipeline = build_pipeline(Parameters()).fit(seen.X, seen.y)
    np.testing.assert_allclose(
        Predictor(arrays).score(dataset.X).malignant,
        pipeline.predict_proba(dataset.X)[:, MALIGNANT],
        rtol=0,
        atol=1e-9,
    )


def test_the_refits_are_those_of_scikit_learn_with_weights(
    dataset: Dataset, seen: Dataset, arrays: ModelArrays
) -> None:
    scaler = build_scaler().fit(seen.X)
    Z = scaler.transform(seen.X)
    generator = np.random.default_rng(42)
    for refit in (1, 2):
        weights = np.zeros(len(seen.y))
        for target in (MALIGNANT, BENIGN):
            members = np.flatnonzero(seen.y == target)
            weights[members] = generator.multinomial(
                len(members), np.full(len(members), 1 / len(members))
            )
        drawn = weights > 0
        classifier = build_classifier(Parameters()).fit(
            Z[drawn], seen.y[drawn], sample_weight=weights[drawn]
        )
        alone = dataclasses.replace(
            arrays,
            coefficients=arrays.coefficients[[refit, refit]],
            intercepts=arrays.intercepts[[refit, refit]],
        )
        np.testing.assert_allclose(
            Predictor(alone).score(dataset.X).malignant,
            classifier.predict_proba(scaler.transform(dataset.X))[:, MALIGNANT],
            rtol=0,
            atol=1e-9,
        )


def test_the_arrays_describe_the_training_cases(seen: Dataset, arrays: ModelArrays) -> None:
    np.testing.assert_array_equal(arrays.lowest, seen.X.min(axis=0))
    np.testing.assert_array_equal(arrays.highest, seen.X.max(axis=0))
    np.testing.assert_array_equal(arrays.median, np.median(seen.X, axis=0))
    np.testing.assert_allclose(arrays.cases.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(arrays.cases.std(axis=0), 1)
    assert arrays.coefficients.shape == (51, len(seen.y))


def test_the_closeness_of_training_cases_is_to_others_than_themselves(
    arrays: ModelArrays,
) -> None:
    expected = []
    for number, case in enumerate(arrays.cases):
        others = np.delete(arrays.cases, number, axis=0)
        nearest = np.sort(((others - case) ** 2).sum(axis=1))[:5]
        expected.append(np.exp(-arrays.gamma * nearest).mean())
    np.testing.assert_allclose(arrays.closeness, np.sort(expected), rtol=1e-9)


def test_the_same_parameters_give_the_same_numbers(small: Dataset) -> None:
    first, again, other = (
        fit(small, Parameters(refits=2, seed=seed), BasisLimits(0.25, 7)).arrays
        for seed in (1, 1, 2)
    )
    for name, array in vars(first).items():
        np.testing.assert_array_equal(array, getattr(again, name))
    assert (first.coefficients != other.coefficients).any(axis=1).all()
    assert [first.closeness_floor, first.distance_limit] == [0.25, 7]


def test_distances_are_mahalanobis_distances_to_the_nearer_class(
    seen: Dataset, arrays: ModelArrays
) -> None:
    """As SciPy has them, with the classes' pooled covariance of scikit-learn's LDA."""
    Z = arrays.cases
    pooled = (
        sum(
            (int((seen.y == target).sum()) - 1) * np.cov(Z[seen.y == target].T)
            for target in (MALIGNANT, BENIGN)
        )
        / (len(Z) - 2)
    )  # fmt: skip
    middle = [Z[seen.y == target].mean(axis=0) for target in (MALIGNANT, BENIGN)]
    expected = cdist(Z, middle, "mahalanobis", VI=np.linalg.inv(pooled)).min(axis=1)
    measured = distances(Z, arrays.centres, arrays.whitening)
    np.testing.assert_allclose(measured, expected, rtol=1e-6)


def test_a_feature_without_spread_says_nothing_about_the_distance() -> None:
    generator = np.random.default_rng(0)
    y = np.repeat([MALIGNANT, BENIGN], 20)
    Z = generator.normal(size=(40, 3))
    Z[:, 2] = 0
    matrix = whitening(Z, y)
    far = np.array([[0.0, 0.0, 1e6]])
    assert np.isfinite(matrix).all()
    assert distances(far, centres(Z, y), matrix) < 10


def test_progress_is_told_of_every_refit(small: Dataset) -> None:
    lengths = []

    def progress(iterable: Iterable[T], /) -> Iterable[T]:
        items = list(iterable)
        lengths.append(len(items))
        return items

    fit(small, Parameters(refits=3), BasisLimits(), progress)
    assert lengths == [3]


def test_units_do_not_matter(dataset: Dataset, seen: Dataset) -> None:
    units = 10.0 ** np.random.default_rng(0).integers(-6, 7, 30)
    converted = dataclasses.replace(seen, X=seen.X * units)
    np.testing.assert_allclose(
        log_odds(converted, dataset.X * units), log_odds(seen, dataset.X), rtol=0, atol=1e-9
    )


def test_the_order_of_the_features_does_not_matter(dataset: Dataset, seen: Dataset) -> None:
    order = np.random.default_rng(0).permutation(30)
    permuted = dataclasses.replace(seen, X=seen.X[:, order])
    np.testing.assert_allclose(
        log_odds(permuted, dataset.X[:, order]), log_odds(seen, dataset.X), rtol=0, atol=1e-9
    )


def test_the_order_of_the_cases_touches_the_calibration_alone(
    dataset: Dataset, seen: Dataset
) -> None:
    """Other calibration folds shift and stretch the log-odds, and leave the ranking as it is."""
    order = np.random.default_rng(0).permutation(len(seen.y))
    shuffled = log_odds(Dataset(seen.X[order], seen.y[order], ""), dataset.X)
    straight = log_odds(seen, dataset.X)
    assert np.corrcoef(shuffled, straight)[0, 1] > 1 - 1e-6
    assert np.abs(1 / (1 + np.exp(-shuffled)) - 1 / (1 + np.exp(-straight))).max() < 0.05


def test_exchanged_labels_mirror_the_answers(dataset: Dataset, seen: Dataset) -> None:
    exchanged = dataclasses.replace(seen, y=1 - seen.y)
    np.testing.assert_allclose(
        log_odds(exchanged, dataset.X), -log_odds(seen, dataset.X), rtol=0, atol=0.02
    )


def test_a_larger_penalty_fits_the_training_cases_closer(small: Dataset) -> None:
    def hinge(C: float) -> float:
        fitted = fit(small, Parameters(C=C, refits=1), BasisLimits())
        (calibrated,) = fitted.classifier.calibrated_classifiers_
        margins = calibrated.estimator.decision_function(fitted.scaler.transform(small.X))
        return float(np.maximum(1 - np.where(small.y == BENIGN, margins, -margins), 0).mean())

    assert hinge(0.1) > hinge(1) > hinge(10)


def test_each_refit_draws_enough_of_each_class_to_calibrate_with() -> None:
    y = np.repeat([MALIGNANT, BENIGN], [6, 20])
    for seed in range(20):
        weights = _resample(y, np.random.default_rng(seed))
        assert np.count_nonzero(weights[y == MALIGNANT]) >= CALIBRATION_FOLDS
        assert weights[y == MALIGNANT].sum() == 6
        assert weights[y == BENIGN].sum() == 20
