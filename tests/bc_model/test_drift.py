"""Quantile bins, against NumPy's histograms; the statistics, against SciPy's."""

import numpy as np
import pytest
from scipy.stats import chisquare, ks_2samp

from bc_model.arrays import FloatArray
from bc_model.artifact import Reference
from bc_model.dataset import Dataset
from bc_model.drift import (
    BINS,
    PROBABILITY_BUCKETS,
    bin_counts,
    bin_edges,
    bin_numbers,
    feature_drift,
    score_counts,
    score_drift,
)


@pytest.fixture(scope="module")
def edges(dataset: Dataset) -> FloatArray:
    return bin_edges(dataset.X)


def test_edges_are_the_inner_deciles(dataset: Dataset, edges: FloatArray) -> None:
    expected = [np.percentile(column, range(10, 100, 10)) for column in dataset.X.T]
    np.testing.assert_allclose(edges, expected, rtol=1e-12)


def test_counts_are_those_of_a_histogram(dataset: Dataset, edges: FloatArray) -> None:
    # A histogram's bins hold their lower edge and ours the upper one, so it is of the negatives.
    expected = [
        np.histogram(-column, [-np.inf, *-inner[::-1], np.inf])[0][::-1]
        for column, inner in zip(dataset.X.T, edges, strict=True)
    ]
    np.testing.assert_array_equal(bin_counts(dataset.X, edges), expected)


def test_training_cases_fill_the_bins_evenly(dataset: Dataset, edges: FloatArray) -> None:
    counts = bin_counts(dataset.X, edges)
    assert counts.shape == (30, BINS)
    assert (counts.sum(axis=1) == len(dataset.X)).all()
    assert np.abs(counts - len(dataset.X) / BINS).max() < 5


def test_a_value_at_an_edge_lies_below_it() -> None:
    edges = np.array([[1.0, 2.0, 2.0, 3, 4, 5, 6, 7, 8], np.arange(9.0)])
    X = np.array([[1.0, 8.0], [np.nextafter(1, 2), 0.0], [2.0, 4.5], [1e300, 1e300]])
    assert bin_numbers(X, edges).tolist() == [[0, 8], [1, 0], [1, 5], [9, 9]]


def test_bin_numbers_and_counts_agree_and_counts_add_up(
    dataset: Dataset, edges: FloatArray
) -> None:
    numbers = bin_numbers(dataset.X, edges)
    for feature in (0, 6, 29):
        np.testing.assert_array_equal(
            np.bincount(numbers[:, feature], minlength=BINS),
            bin_counts(dataset.X, edges)[feature],
        )
    halves = [bin_counts(half, edges) for half in (dataset.X[:200], dataset.X[200:])]
    np.testing.assert_array_equal(sum(halves), bin_counts(dataset.X, edges))


def test_the_artifact_holds_the_bins_of_the_seen_cases(reference: Reference) -> None:
    seen = reference.cases[~reference.unseen]
    np.testing.assert_array_equal(reference.edges, bin_edges(seen))
    np.testing.assert_array_equal(reference.counts, bin_counts(seen, reference.edges))


def test_feature_drift_is_chi_squared_of_two_samples(reference: Reference) -> None:
    counts = bin_counts(reference.cases[reference.unseen] * 1.1, reference.edges)
    n, m = reference.unseen.sum(), (~reference.unseen).sum()
    expected = [
        m / (n + m) * chisquare(row, of_training * n / m).statistic
        for row, of_training in zip(counts, reference.counts, strict=True)
    ]
    np.testing.assert_allclose(feature_drift(counts, reference.counts), expected, rtol=1e-12)


def test_a_bin_without_training_cases_counts_for_nothing() -> None:
    assert feature_drift(np.array([5, 5, 90]), np.array([50, 50, 0])) == pytest.approx(
        100 * 100 / 200 * 2 * 0.45**2 / 0.5
    )


def test_the_same_shares_are_no_drift(reference: Reference) -> None:
    assert feature_drift(reference.counts * 7, reference.counts).max() < 1e-20
    assert score_drift(np.arange(14) * 3, np.arange(14)) == 0


def test_answers_are_counted_in_the_buckets_of_the_histogram() -> None:
    malignant = np.array([[0.01, 0.0100001, 0.5, 0.96], [0.0, 1.0, 1.0, 0.995]])
    counts = dict(zip(PROBABILITY_BUCKETS, score_counts(malignant).T.tolist(), strict=True))
    used = {bound: count for bound, count in counts.items() if any(count)}
    assert used == {0.01: [1, 1], 0.05: [1, 0], 0.5: [1, 0], 0.99: [1, 0], 1: [0, 3]}


def test_score_drift_is_kolmogorov_and_smirnovs(reference: Reference) -> None:
    bounds = np.array(PROBABILITY_BUCKETS)
    answers = reference.malignant[reference.unseen], reference.out_of_fold[0]
    bucketed = (bounds[np.searchsorted(bounds, each)] for each in answers)
    n, m = map(len, answers)
    expected = ks_2samp(*bucketed).statistic * np.sqrt(n * m / (n + m))
    assert score_drift(*map(score_counts, answers)) == pytest.approx(expected, rel=1e-12)
