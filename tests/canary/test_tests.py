"""The canary's tests and effect sizes, against SciPy's on the values one by one."""

import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from canary import tests
from canary.observation import Histogram
from canary.tests import Pair, Table

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
    assert tests.fisher_exact([Table(*one, *other)]) == pytest.approx(greater)
    both = tests.fisher_exact([Table(*one, *other)], "two-sided")
    assert both == pytest.approx(min(1, 2 * min(greater, less)))
    assert both == pytest.approx(tests.fisher_exact([Table(*other, *one)], "two-sided"))


def test_excess_of_windows_counts_every_way_to_get_as_many() -> None:
    """Against all ways to draw each step's hits, one by one."""
    tables = [Table(2, 3, 1, 5), Table(1, 2, 1, 2)]
    drawn = [
        [sum(place < total for place in hits) for hits in combinations(range(total + other), drawn)]
        for total, other, drawn in ((3, 5, 3), (2, 2, 2))
    ]
    sums = [one + two for one, two in product(*drawn)]
    expected = np.mean(np.array(sums) >= 3)
    assert tests.fisher_exact(tables) == pytest.approx(expected)
    assert tests.fisher_exact(tables[::-1]) == pytest.approx(expected)


def test_excess_of_a_window_without_a_comparison_is_none() -> None:
    assert tests.fisher_exact([Table(0, 0, 3, 5)]) == 1
    assert tests.fisher_exact([Table(5, 5, 5, 5)]) == 1
    alone = tests.fisher_exact([Table(9, 100, 1, 100)])
    assert tests.fisher_exact([Table(9, 100, 1, 100), Table(0, 0, 7, 9)]) == pytest.approx(alone)


def test_excess_and_mix_of_millions() -> None:
    table = [[500_500, 499_500], [500_000, 500_000]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    tables = [Table(500_500, 10**6, 500_000, 10**6)]
    assert tests.fisher_exact(tables) == pytest.approx(expected, rel=1e-6)
    # Twice the evidence: z is greater by the square root of 2.
    z = stats.norm.isf(expected) * np.sqrt(2)
    assert tests.fisher_exact(2 * tables, "two-sided") == pytest.approx(
        2 * stats.norm.sf(z), rel=5e-3
    )


def test_what_a_window_does_to_both_is_no_difference() -> None:
    """Of the canary's requests more are in the bad step: taken as one, it would be the worse."""
    tables = [Table(1, 100, 9, 900), Table(50, 500, 50, 500)]
    assert tests.shares(tables) == pytest.approx((51 / 600, 51 / 600))
    assert tests.fisher_exact(tables) > 0.4
    assert tests.fisher_exact([Table(51, 600, 59, 1400)]) < 0.001
    quick, slow = ([9, 1, 0, 0, 0], [0, 0, 5, 5, 0])
    pairs = [
        Pair(Histogram(BOUNDS, [9 * each for each in quick]), Histogram(BOUNDS, quick)),
        Pair(Histogram(BOUNDS, slow), Histogram(BOUNDS, slow)),
    ]
    canary, stable = tests.counts(pairs)
    assert canary.tolist() == stable.tolist() == [9, 1, 5, 5, 0]
    assert tests.van_elteren(pairs) == (0.5, 0.5)
    assert tests.chi_squared(pairs) == 1


@given(counts, counts)
def test_superiority_is_mann_and_whitneys(canary: list[int], stable: list[int]) -> None:
    x, y = values(canary), values(stable)
    assume(x and y and len({*x, *y}) > 1)
    expected = stats.mannwhitneyu(x, y, alternative="greater", method="asymptotic",
                                  use_continuity=False)  # fmt: skip
    effect, p = tests.van_elteren([Pair(Histogram(BOUNDS, stable), Histogram(BOUNDS, canary))])
    assert effect == pytest.approx(expected.statistic / (len(x) * len(y)))
    assert p == pytest.approx(expected.pvalue, abs=1e-12)


def test_superiority_of_windows_is_van_elterens() -> None:
    """Against what it is by definition: Wilcoxon's rank sums over each step's number and 1."""
    steps = [([5, 20, 9, 3, 1], [30, 40, 12, 9, 0]), ([0, 4, 20, 9, 7], [1, 3, 12, 4, 2])]
    pairs = [Pair(Histogram(BOUNDS, y), Histogram(BOUNDS, x)) for x, y in steps]
    total = mean = variance = 0.0
    for x, y in steps:
        n, both = sum(x), len(values(x)) + len(values(y))
        ranks = stats.rankdata(values(x) + values(y))
        total += ranks[:n].sum() / (both + 1)
        mean += n * ranks.mean() / (both + 1)
        variance += n * (both - n) / both * ranks.var(ddof=1) / (both + 1) ** 2
    _, p = tests.van_elteren(pairs)
    assert p == pytest.approx(stats.norm.sf((total - mean) / np.sqrt(variance)))


def test_values_in_one_bucket_are_ties() -> None:
    one = Histogram(BOUNDS, [0, 9, 0, 0, 0])
    assert tests.van_elteren([Pair(one, one)]) == (0.5, 1.0)


def test_superiority_of_a_million_requests() -> None:
    stable, canary = (Histogram(BOUNDS, [10**6, n, 0, 0, 0]) for n in (10**6, 10**6 + 9000))
    effect, p = tests.van_elteren([Pair(stable, canary)])
    assert effect == pytest.approx(0.501, abs=2e-4)
    assert p < 0.001


@pytest.mark.parametrize(
    ("q", "expected"),
    [(0.05, 0.5), (0.1, 1.0), (0.3, 1.5), (0.5, 2.0), (0.75, 6.0), (0.9, 7.2), (0.99, 7.92)],
)
def test_quantiles_are_in_proportion_within_their_bucket(q: float, expected: float) -> None:
    found = tests.quantile(BOUNDS, [10, 40, 0, 50, 0], q)
    assert found == pytest.approx(expected)


def test_a_quantile_above_all_bounds_is_the_last_bound() -> None:
    assert tests.quantile(BOUNDS, [0, 0, 0, 1, 9], 0.5) == 8


@given(counts, st.floats(0.01, 0.99))
def test_a_quantile_lies_in_its_bucket(of: list[int], q: float) -> None:
    assume(any(of))
    edges = [0.0, *BOUNDS, 8.0]
    bucket = np.sort(values(of))[max(int(np.ceil(q * sum(of) - 1e-9)), 1) - 1]
    found = tests.quantile(BOUNDS, of, q)
    assert edges[bucket] - 1e-9 <= found <= edges[bucket + 1] + 1e-9


def test_above_counts_the_buckets_after_a_bound() -> None:
    histogram = Histogram(BOUNDS, [1, 2, 4, 8, 16])
    assert [tests.above(histogram, bound) for bound in BOUNDS] == [30, 28, 24, 16]


def test_homogeneity_is_the_chi_squared_test() -> None:
    one, other = [50, 60, 70, 80, 90], [40, 70, 60, 90, 100]
    expected = stats.chi2_contingency([one, other], correction=False).pvalue
    found = tests.chi_squared([Pair(Histogram(BOUNDS, one), Histogram(BOUNDS, other))])
    assert found == pytest.approx(expected)


def test_homogeneity_takes_thin_buckets_together() -> None:
    one, other = [50, 2, 1, 60, 1], [60, 1, 3, 50, 0]
    expected = stats.chi2_contingency([[50, 64], [60, 54]], correction=False).pvalue
    found = tests.chi_squared([Pair(Histogram(BOUNDS, one), Histogram(BOUNDS, other))])
    assert found == pytest.approx(expected)


def test_homogeneity_of_windows_sums_their_chi_squared() -> None:
    steps = [([50, 60, 70, 80, 90], [40, 70, 60, 90, 100]), ([9, 20, 0, 0, 0], [30, 30, 0, 0, 0])]
    tested = [
        stats.chi2_contingency(np.array(step)[:, np.sum(step, 0) > 0], correction=False)
        for step in steps
    ]
    expected = stats.chi2.sf(
        sum(each.statistic for each in tested), sum(each.dof for each in tested)
    )
    pairs = [Pair(*(Histogram(BOUNDS, of) for of in step)) for step in steps]
    assert tests.chi_squared(pairs) == pytest.approx(expected)


def test_homogeneity_needs_two_buckets() -> None:
    one = Histogram(BOUNDS, [500, 0, 0, 0, 0])
    assert tests.chi_squared([Pair(one, one)]) == 1
    few = Histogram(BOUNDS, [1, 0, 0, 0, 1])
    assert tests.chi_squared([Pair(few, few)]) == 1


def test_distance_is_how_far_the_mass_moves() -> None:
    one, other = [10, 30, 0], [20, 20, 0]
    # A quarter of all moves from the middle of the second bucket, 0.6, to that of the first, 0.1.
    assert tests.wasserstein([0.2, 1.0], one, other) == pytest.approx(0.25 * 0.5)
    assert tests.wasserstein([0.2, 1.0], one, one) == 0
    assert tests.wasserstein([0.2, 1.0], one, [10, 0, 30]) == pytest.approx(0.75 * 0.4)


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (0, 3), (3, 0), (11, 0), (11, 1), (40, 30)])
def test_mcnemar_is_the_exact_binomial_test(lost: int, won: int) -> None:
    expected = (
        stats.binomtest(lost, lost + won, alternative="greater").pvalue if lost + won else 1.0
    )
    assert tests.mcnemar(lost, won) == pytest.approx(expected)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=50))
def test_increase_is_the_paired_t_test(differences: list[float]) -> None:
    found = np.array(differences)
    assume(found.std() > 1e-6)
    expected = stats.ttest_1samp(found, 0, alternative="greater").pvalue
    assert tests.paired_t(found) == pytest.approx(expected)


@pytest.mark.parametrize(("constant", "p"), [(0.0, 1), (-0.5, 1), (0.5, 0)])
def test_differences_that_are_all_the_same_need_no_test(constant: float, p: float) -> None:
    assert tests.paired_t(np.full(5, constant)) == p


def test_differences_in_the_last_digits_are_none() -> None:
    assert tests.paired_t(np.array([1e-16, 3e-16, 0, 2e-16, 2e-16])) == 1


outcomes = st.lists(st.tuples(st.booleans(), st.booleans()))


@given(outcomes)
def test_evidence_is_a_number_and_there_is_none_without_hits_of_the_canary(
    found: list[tuple[bool, bool]],
) -> None:
    assert 0 <= tests.evidence(found) < math.inf
    harmless = [(is_canary, hit and not is_canary) for is_canary, hit in found]
    assert tests.evidence(harmless) <= 4


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("order", ["cscscscs", "sscssscs", "ccccssss", "ssccsscs"])
def test_evidence_is_at_most_one_in_the_mean_if_there_is_no_difference(
    rate: float, order: str
) -> None:
    """Over all outcomes, each with its chance."""
    total = 0.0
    for hits in product([False, True], repeat=len(order)):
        chance = math.prod(rate if hit else 1 - rate for hit in hits)
        found = zip((track == "c" for track in order), hits, strict=True)
        total += chance * tests.evidence(found)
    assert total <= 1 + 1e-12


def test_evidence_of_thousands_of_requests_is_still_a_number() -> None:
    assert 1e300 < tests.evidence([(True, True), (False, False)] * 5000) < math.inf
