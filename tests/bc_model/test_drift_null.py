"""The thresholds of drift: what chance exceeds, and how often."""

import numpy as np
import pytest
from scipy.stats import chi2, kstwobign

from bc_model.artifact import Reference
from bc_model.drift import (
    BINS,
    NULL_SIZES,
    SIGNIFICANCE,
    bin_counts,
    bin_edges,
    bin_numbers,
    feature_drift,
    null_thresholds,
    score_counts,
    score_drift,
)


def test_independent_features_come_to_the_quantile_of_chi_squared() -> None:
    """30 of them: the largest is below the threshold when all are; answers are beside the point."""
    generator = np.random.default_rng(0)
    numbers = bin_numbers(X := generator.normal(size=(2000, 30)), bin_edges(X))
    features, answers = null_thresholds(numbers, np.eye(20)[generator.integers(20, size=2000)], 1)
    each = (1 - SIGNIFICANCE) ** (1 / 30)
    np.testing.assert_allclose(features, chi2.ppf(each, BINS - 1), rtol=0.15)
    # With few buckets the largest difference between them is a little below that at any place.
    assert (answers < kstwobign.ppf(1 - SIGNIFICANCE)).all()
    np.testing.assert_allclose(answers, kstwobign.ppf(1 - SIGNIFICANCE), rtol=0.2)


def test_the_size_of_the_sample_makes_no_difference(reference: Reference) -> None:
    assert len(reference.feature_thresholds) == len(reference.score_thresholds) == len(NULL_SIZES)
    for thresholds in (reference.feature_thresholds, reference.score_thresholds):
        assert thresholds.max() < 1.2 * thresholds.min()


def test_the_seed_decides(reference: Reference) -> None:
    numbers = bin_numbers(reference.cases[:30, :2], reference.edges[:2])
    scores = score_counts(reference.out_of_fold[0][:30, None])
    first, again, other = (null_thresholds(numbers, scores, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("size", [50, 114])
def test_real_cases_that_training_left_out_have_not_drifted(
    reference: Reference, size: int
) -> None:
    """Nothing is redrawn here: the labelled cases are split anew, again and again."""
    generator = np.random.default_rng(size)
    cases, alarms = reference.cases, 0
    for _ in range(300):
        order = generator.permutation(len(cases))
        trained_on, new = cases[order[114:]], cases[order[:size]]
        edges = bin_edges(trained_on)
        drift = feature_drift(bin_counts(new, edges), bin_counts(trained_on, edges))
        alarms += drift.max() > reference.feature_thresholds.max()
    assert alarms <= 2


def test_the_served_models_answers_to_unseen_cases_have_not_drifted(reference: Reference) -> None:
    counts = score_counts(reference.malignant[reference.unseen])
    expected = score_counts(reference.out_of_fold).mean(axis=0)
    assert score_drift(counts, expected) < 0.5 * reference.score_thresholds.min()
