"""The canary's tests and effect sizes, against SciPy's on the values one by one."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from canary import statistics
from canary.observation import Histogram

BOUNDS = [1.0, 2.0, 4.0, 8.0]

counts = st.lists(st.integers(0, 300), min_size=5, max_size=5)
share = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def values(of: list[int]) -> list[int]:
    return np.repeat(np.arange(5), of).tolist()


@given(share, share)
def test_excess_and_mix_are_fishers(one: tuple[int, int], other: tuple[int, int]) -> None:
    table = [[one[0], one[1] - one[0]], [other[0], other[1] - other[0]]]
    greater, less = (
        stats.fisher_exact(table, alternative=way).pvalue for way in ("greater", "less")
    )
    assert statistics.excess(*one, *other) == pytest.approx(greater)
    assert statistics.mix(*one, *other) == pytest.approx(min(1, 2 * min(greater, less)))
    assert statistics.mix(*one, *other) == pytest.approx(statistics.mix(*other, *one))


@given(counts, counts)
def test_superiority_is_mann_and_whitneys(canary: list[int], stable: list[int]) -> None:
    x, y = values(canary), values(stable)
    assume(x and y and len({*x, *y}) > 1)
    expected = stats.mannwhitneyu(x, y, alternative="greater", method="asymptotic")
    effect, p = statistics.superiority(Histogram(BOUNDS, canary), Histogram(BOUNDS, stable))
    assert effect == pytest.approx(expected.statistic / (len(x) * len(y)))
    assert p == pytest.approx(expected.pvalue, abs=1e-12)


def test_values_in_one_bucket_are_ties() -> None:
    one = Histogram(BOUNDS, [0, 9, 0, 0, 0])
    assert statistics.superiority(one, one) == (0.5, 1.0)


def test_superiority_of_a_million_requests() -> None:
    stable, canary = (Histogram(BOUNDS, [10**6, n, 0, 0, 0]) for n in (10**6, 10**6 + 9000))
    effect, p = statistics.superiority(canary, stable)
    assert effect == pytest.approx(0.501, abs=2e-4)
    assert p < 0.001


@pytest.mark.parametrize(
    ("q", "expected"),
    [(0.05, 0.5), (0.1, 1.0), (0.3, 1.5), (0.5, 2.0), (0.75, 6.0), (0.9, 7.2), (0.99, 7.92)],
)
def test_quantiles_are_in_proportion_within_their_bucket(q: float, expected: float) -> None:
    found = statistics.quantile(Histogram(BOUNDS, [10, 40, 0, 50, 0]), q)
    assert found == pytest.approx(expected)


def test_a_quantile_above_all_bounds_is_the_last_bound() -> None:
    assert statistics.quantile(Histogram(BOUNDS, [0, 0, 0, 1, 9]), 0.5) == 8


@given(counts, st.floats(0.01, 0.99))
def test_a_quantile_lies_in_its_bucket(of: list[int], q: float) -> None:
    assume(any(of))
    edges = [0.0, *BOUNDS, 8.0]
    bucket = np.sort(values(of))[max(int(np.ceil(q * sum(of) - 1e-9)), 1) - 1]
    found = statistics.quantile(Histogram(BOUNDS, of), q)
    assert edges[bucket] - 1e-9 <= found <= edges[bucket + 1] + 1e-9


def test_above_counts_the_buckets_after_a_bound() -> None:
    histogram = Histogram(BOUNDS, [1, 2, 4, 8, 16])
    assert [statistics.above(histogram, bound) for bound in BOUNDS] == [30, 28, 24, 16]


def test_homogeneity_is_the_chi_squared_test() -> None:
    one, other = [50, 60, 70, 80, 90], [40, 70, 60, 90, 100]
    expected = stats.chi2_contingency([one, other], correction=False).pvalue
    found = statistics.homogeneity(Histogram(BOUNDS, one), Histogram(BOUNDS, other))
    assert found == pytest.approx(expected)


def test_homogeneity_takes_thin_buckets_together() -> None:
    one, other = [50, 2, 1, 60, 1], [60, 1, 3, 50, 0]
    expected = stats.chi2_contingency([[50, 64], [60, 54]], correction=False).pvalue
    found = statistics.homogeneity(Histogram(BOUNDS, one), Histogram(BOUNDS, other))
    assert found == pytest.approx(expected)


def test_homogeneity_needs_two_buckets() -> None:
    one = Histogram(BOUNDS, [500, 0, 0, 0, 0])
    assert statistics.homogeneity(one, one) == 1
    few = Histogram(BOUNDS, [1, 0, 0, 0, 1])
    assert statistics.homogeneity(few, few) == 1


def test_distance_is_how_far_the_mass_moves() -> None:
    one, other = Histogram([0.2, 1.0], [10, 30, 0]), Histogram([0.2, 1.0], [20, 20, 0])
    # A quarter of all moves from the middle of the second bucket, 0.6, to that of the first, 0.1.
    assert statistics.distance(one, other) == pytest.approx(0.25 * 0.5)
    assert statistics.distance(one, one) == 0
    beyond = Histogram([0.2, 1.0], [10, 0, 30])
    assert statistics.distance(one, beyond) == pytest.approx(0.75 * 0.4)


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (0, 3), (3, 0), (11, 0), (11, 1), (40, 30)])
def test_mcnemar_is_the_exact_binomial_test(lost: int, won: int) -> None:
    expected = (
        stats.binomtest(lost, lost + won, alternative="greater").pvalue if lost + won else 1.0
    )
    assert statistics.mcnemar(lost, won) == pytest.approx(expected)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=50))
def test_increase_is_the_paired_t_test(differences: list[float]) -> None:
    found = np.array(differences)
    assume(found.std() > 1e-6)
    expected = stats.ttest_1samp(found, 0, alternative="greater").pvalue
    assert statistics.increase(found) == pytest.approx(expected)


@pytest.mark.parametrize(("constant", "p"), [(0.0, 1), (-0.5, 1), (0.5, 0)])
def test_differences_that_are_all_the_same_need_no_test(constant: float, p: float) -> None:
    assert statistics.increase(np.full(5, constant)) == p
