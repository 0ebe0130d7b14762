"""Shapley values, against their definition: every feature in every coalition of the others."""

import dataclasses
import sys
from itertools import combinations
from math import factorial

import numpy as np
import pytest

from bc_model.arrays import FloatArray
from bc_model.dataset import Dataset
from bc_model.explanation import (
    Explainer,
    _products_of_the_others,
    _quadrature,
    shapley_values,
)
from bc_model.predictor import ModelArrays, Predictor

Game = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
GAMMA = 0.3


def game(features: int, seed: int = 0) -> Game:
    """A case, a baseline, support vectors and their coefficients."""
    generator = np.random.default_rng(seed)
    return (
        generator.normal(size=features),
        generator.normal(size=features),
        generator.normal(size=(7, features)),
        generator.normal(size=7),
    )


def contributions_of(
    z: FloatArray, baseline: FloatArray, cases: FloatArray, coefficients: FloatArray
) -> FloatArray:
    return shapley_values(z, baseline, cases, coefficients, GAMMA)


def value(x: FloatArray, cases: FloatArray, coefficients: FloatArray) -> float:
    return float(coefficients @ np.exp(-GAMMA * ((cases - x) ** 2).sum(axis=1)))


def brute_force(z: FloatArray, baseline: FloatArray, *function: FloatArray) -> list[float]:
    contributions = []
    for feature in range(z.size):
        others = [other for other in range(z.size) if other != feature]
        contribution = 0.0
        for size in range(z.size):
            weight = factorial(size) * factorial(z.size - size - 1) / factorial(z.size)
            for coalition in combinations(others, size):
                without, with_it = baseline.copy(), baseline.copy()
                without[list(coalition)] = z[list(coalition)]
                with_it[[*coalition, feature]] = z[[*coalition, feature]]
                contribution += weight * (value(with_it, *function) - value(without, *function))
        contributions.append(contribution)
    return contributions


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("features", [1, 2, 3, 4, 5, 6])
def test_contributions_are_those_of_all_coalitions(features: int, seed: int) -> None:
    players = game(features, seed)
    np.testing.assert_allclose(
        contributions_of(*players), brute_force(*players), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("features", [2, 7, 30])
def test_contributions_add_up(features: int) -> None:
    z, baseline, *function = game(features)
    total = contributions_of(z, baseline, *function).sum()
    assert total == pytest.approx(value(z, *function) - value(baseline, *function), abs=1e-13)


def test_a_feature_at_its_baseline_contributes_nothing() -> None:
    z, baseline, *function = game(5)
    z[2] = baseline[2]
    contributions = contributions_of(z, baseline, *function)
    assert contributions[2] == 0
    assert np.flatnonzero(contributions).tolist() == [0, 1, 3, 4]


def test_features_that_cannot_be_told_apart_contribute_the_same() -> None:
    z, baseline, cases, coefficients = game(5)
    for array in (z, baseline, cases.T):
        array[4] = array[1]
    contributions = contributions_of(z, baseline, cases, coefficients)
    assert contributions[4] == pytest.approx(contributions[1], rel=1e-12)


def test_the_opposite_change_is_the_opposite_sum() -> None:
    z, baseline, *function = game(6)
    forth = contributions_of(z, baseline, *function)
    back = contributions_of(baseline, z, *function)
    np.testing.assert_allclose(forth, -back, rtol=0, atol=1e-13)


@pytest.mark.parametrize("features", range(1, 31))
def test_quadrature_is_exact_to_the_degree_of_the_integrand(features: int) -> None:
    nodes, weights = _quadrature(features)
    assert len(nodes) == (features + 1) // 2
    degrees = np.arange(features)
    integrals = weights @ nodes[:, None] ** degrees
    np.testing.assert_allclose(integrals, 1 / (degrees + 1), rtol=1e-13)


def test_no_more_nodes_are_used_than_that_takes() -> None:
    nodes, weights = _quadrature(4)
    assert weights @ nodes**4 != pytest.approx(1 / 5, rel=1e-3)


@pytest.mark.parametrize("far", [1e2, 1e3, 1e6])
@pytest.mark.parametrize("features", [slice(None), slice(3, 5)])
def test_far_away_where_the_kernel_vanishes_contributions_are_finite(
    far: float, features: slice
) -> None:
    z, baseline, *function = game(30)
    z[features] = far
    contributions = contributions_of(z, baseline, *function)
    assert np.isfinite(contributions).all()
    assert contributions.sum() == pytest.approx(-value(baseline, *function), abs=1e-13)


def test_where_a_factor_is_0_the_products_of_the_others_are_still_right() -> None:
    z, baseline, *function = game(5)
    baseline[2], z[2] = -1e3, 1e3
    np.testing.assert_array_equal(contributions_of(z, baseline, *function), np.zeros(5))
    factors = np.array([[2.0, 3.0, 5.0], [2.0, 0.0, 5.0], [0.0, 0.0, 7.0]])
    np.testing.assert_array_equal(
        _products_of_the_others(factors.T).T, [[15, 10, 6], [0, 10, 0], [0, 0, 0]]
    )


def test_the_explainer_explains_the_log_odds_of_every_case(
    arrays: ModelArrays, dataset: Dataset
) -> None:
    explainer, predictor = Explainer(arrays), Predictor(arrays)
    (start,) = predictor.score(explainer.baseline[None]).log_odds
    for row in range(0, 569, 10):
        contributions = explainer.contributions(dataset.X[row])[0]
        (end,) = predictor.score(dataset.X[row : row + 1]).log_odds
        assert contributions.sum() == pytest.approx(end - start, abs=1e-9)


def test_the_baseline_is_the_training_median_and_explains_itself_by_nothing(
    arrays: ModelArrays,
) -> None:
    explainer = Explainer(arrays)
    np.testing.assert_array_equal(explainer.baseline, arrays.median)
    np.testing.assert_array_equal(explainer.contributions(arrays.median), np.zeros((51, 30)))


def test_every_refit_is_explained_too(arrays: ModelArrays, dataset: Dataset) -> None:
    contributions = Explainer(arrays).contributions(dataset.X[5])
    for refit in (1, 25, 50):
        alone = dataclasses.replace(
            arrays,
            coefficients=arrays.coefficients[[refit, refit, refit]],
            intercepts=arrays.intercepts[[refit, refit, refit]],
        )
        start, end = Predictor(alone).score(np.stack([arrays.median, dataset.X[5]])).log_odds
        assert contributions[refit].sum() == pytest.approx(end - start, abs=1e-9)


@pytest.mark.parametrize("extreme", [0, 1e9, sys.float_info.max])
def test_extreme_cases_have_finite_explanations(arrays: ModelArrays, extreme: float) -> None:
    explainer, predictor = Explainer(arrays), Predictor(arrays)
    X = np.stack([np.full(30, extreme), arrays.median])
    contributions = explainer.contributions(X[0])[0]
    end, start = predictor.score(X).log_odds
    assert np.isfinite(contributions).all()
    assert contributions.sum() == pytest.approx(end - start, abs=1e-9)
