"""Latency: which differences fail, are inconclusive, or pass, and who measures them."""

import pytest
from msgspec.structs import replace

from canary.judge import Outcome
from canary.latency_check import latency
from canary.observation import Histogram
from canary.thresholds import Thresholds
from tests.canaries import latencies, observed, track
from tests.canary.test_traffic_check import (
    BATCHES,
    NOTHING,
    QUICK,
    SLOW_BATCHES,
    TYPICAL,
    steps_of,
    strata,
)

LIMITS = Thresholds()


def test_an_endpoint_that_is_slow_is_seen_whatever_its_share() -> None:
    ours = strata(generated=(3000, 0, TYPICAL), batches=(60, 0, BATCHES))
    theirs = strata(generated=(1000, 0, TYPICAL), batches=(20, 0, SLOW_BATCHES))
    found = latency([observed(track(strata=ours), track(strata=theirs))], LIMITS)
    assert found.outcome is Outcome.FAIL
    assert found.reason.startswith("The canary's median for /predict/batch is 8 ms, 2.")
    same = observed(track(strata=ours), track(strata=ours))
    assert latency([same], LIMITS).outcome is Outcome.PASS


def test_kinds_of_requests_without_latencies_are_not_compared() -> None:
    kinds = strata(generated=(1000, 0, TYPICAL), batches=(20, 0, NOTHING))
    found = latency([observed(track(strata=kinds), track(strata=kinds))], LIMITS)
    assert found.outcome is Outcome.PASS
    assert found.reason.endswith("for the slowest of 1.")
    empty = strata(generated=(1000, 0, NOTHING), batches=(20, 0, NOTHING))
    found = latency([observed(track(strata=empty), track(strata=empty))], LIMITS)
    assert found.outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("canary", "expected"),
    [
        (latencies(300, 500, 150, 40, 10), Outcome.PASS),
        (latencies(0, 300, 500, 150, 50), Outcome.FAIL),
        (latencies(500, 400, 80, 15, 5), Outcome.PASS),  # faster
        (latencies(200, 550, 190, 50, 10), Outcome.PASS),  # surely slower, and hardly
        (latencies(0, 2, 1, 0, 0), Outcome.INCONCLUSIVE),  # much slower, and few
        (latencies(0, 0, 0, 0, 199), Outcome.FAIL),  # proof needs no more requests
        (latencies(270, 450, 130, 50, 100), Outcome.FAIL),  # a tenth is stuck
        (latencies(300, 490, 150, 30, 30), Outcome.PASS),  # two in a hundred more are slow
        (NOTHING, Outcome.INCONCLUSIVE),
    ],
)
def test_latency(canary: Histogram, expected: Outcome) -> None:
    assert latency([observed(canary=track(latency=canary))], LIMITS).outcome is expected


def test_a_difference_that_is_large_and_half_proven_is_suspect() -> None:
    stable, canary = latencies(100, 100, 100, 0, 0), latencies(4, 5, 16, 0, 0)
    limits = Thresholds(min_requests=20)
    found = latency([observed(track(latency=stable), track(latency=canary))], limits)
    assert limits.significance < found.numbers["p_value"] < limits.suspicion
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "slower ones in 66% of pairs" in found.reason


def test_tracks_of_other_buckets_are_compared_in_those_of_both() -> None:
    """A release may change them."""
    finer = Histogram([0.001, 0.0015, 0.002, 0.004, 0.008], [300, 250, 250, 150, 40, 10])
    assert latency([observed(canary=track(latency=finer))], LIMITS).outcome is Outcome.PASS
    slower = Histogram([0.001, 0.0015, 0.002, 0.004, 0.008], [10, 40, 50, 100, 500, 300])
    assert latency([observed(canary=track(latency=slower))], LIMITS).outcome is Outcome.FAIL


def test_the_latencys_numbers() -> None:
    canary = track(latency=latencies(0, 300, 500, 150, 50))
    numbers = latency([observed(canary=canary)], LIMITS).numbers
    assert numbers["stable_median"] == pytest.approx(0.0014)
    assert numbers["canary_median"] == pytest.approx(0.0028)
    assert numbers["median_ratio"] == pytest.approx(2)
    # 95 % of the stable's are done in 4 ms; what takes 1.25 times that is above the bound of 8 ms.
    assert numbers["slow_seconds"] == 0.008
    assert (numbers["stable_slow_share"], numbers["canary_slow_share"]) == (0.01, 0.05)


@pytest.mark.parametrize(
    ("canary", "expected"),
    [
        (latencies(300, 500, 150, 40, 10), Outcome.PASS),
        (latencies(10, 40, 150, 500, 300), Outcome.FAIL),
        (latencies(300, 500, 0, 0, 200), Outcome.FAIL),
    ],
)
def test_what_clients_wait_counts_whatever_the_service_measures(
    canary: Histogram, expected: Outcome
) -> None:
    seen = observed(track(waits=track().latency), track(waits=canary))
    found = latency([seen], LIMITS)
    assert found.outcome is expected
    assert "lients" in found.reason
    assert found.numbers["client_stable_median"] == found.numbers["stable_median"]


def test_answers_that_do_not_name_their_track_are_not_compared_and_it_is_said() -> None:
    seen = replace(observed(track(waits=track().latency)), sent=2000)
    found = latency([seen], LIMITS)
    assert found.outcome is Outcome.PASS
    assert "what clients wait was not compared" in found.reason


def test_a_stable_that_is_slower_than_all_bounds() -> None:
    lost = track(latency=latencies(0, 0, 0, 0, 1000))
    assert latency([observed(lost, lost)], LIMITS).outcome is Outcome.PASS
    assert latency([observed(lost, track())], LIMITS).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("busier", "expected"),
    [
        (latencies(0, 300, 500, 150, 50), Outcome.PASS),  # as the stable is in the second step
        (latencies(0, 0, 300, 500, 200), Outcome.FAIL),
    ],
)
def test_latency_is_compared_within_each_window(busier: Histogram, expected: Outcome) -> None:
    observations = steps_of(
        [
            {"stable": {"latency": latencies(*(3 * n for n in QUICK.counts))},
             "canary": {"latency": QUICK}},
            {"stable": {"latency": latencies(0, 300, 500, 150, 50)}, "canary": {"latency": busier}},
        ]
    )  # fmt: skip
    assert latency(observations, LIMITS).outcome is expected
