"""Errors, latency and predictions: which differences fail, are inconclusive, or pass."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from canary.judge import Outcome
from canary.latency_check import latency
from canary.observation import Histogram, Observation, Stratum
from canary.thresholds import Thresholds
from canary.traffic_check import errors, predictions
from tests.canaries import cases, latencies, observed, scores, track

LIMITS = Thresholds()
NOTHING = latencies(0, 0, 0, 0, 0)


def test_the_same_traffic_passes() -> None:
    for part in (errors, latency, predictions):
        assert part([observed()], LIMITS).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("failed", "of", "stable_failed", "expected"),
    [
        (0, 1000, 0, Outcome.PASS),
        (4, 1000, 0, Outcome.PASS),  # within half a point, though p is 0.06
        (8, 1000, 0, Outcome.INCONCLUSIVE),
        (12, 1000, 0, Outcome.FAIL),
        (12, 1000, 6, Outcome.PASS),  # chance may do that
        (50, 1000, 50, Outcome.PASS),
        (51, 1000, 51, Outcome.INCONCLUSIVE),  # above the ceiling, as the stable is
        (51, 1000, 500, Outcome.INCONCLUSIVE),
        (80, 1000, 80, Outcome.FAIL),  # and that is not by chance
        (0, 1000, 500, Outcome.PASS),
        (0, 199, 0, Outcome.INCONCLUSIVE),
        (0, 200, 0, Outcome.PASS),
        (3, 10, 0, Outcome.FAIL),  # proof needs no more requests
        (10, 100, 100, Outcome.INCONCLUSIVE),  # the ceiling does
        (0, 0, 0, Outcome.INCONCLUSIVE),
    ],
)
def test_errors(failed: int, of: int, stable_failed: int, expected: Outcome) -> None:
    observation = observed(track(errors=stable_failed), track(requests=of, errors=failed))
    assert errors([observation], LIMITS).outcome is expected


def strata(**kinds: tuple[int, int, Histogram]) -> dict[str, Stratum]:
    names = {"generated": "generated /predict", "users": "/predict", "batches": "/predict/batch"}
    return {names[kind]: Stratum(*of) for kind, of in kinds.items()}


TYPICAL = latencies(300, 500, 150, 40, 10)
BATCHES, SLOW_BATCHES = latencies(0, 0, 30, 30, 0), latencies(0, 0, 0, 4, 16)


@pytest.mark.parametrize(
    ("failed", "expected"), [(0, Outcome.PASS), (4, Outcome.INCONCLUSIVE), (20, Outcome.FAIL)]
)
def test_an_endpoint_that_is_dead_is_seen_whatever_its_share(
    failed: int, expected: Outcome
) -> None:
    ours = strata(generated=(3000, 0, TYPICAL), batches=(60, 0, BATCHES))
    theirs = strata(generated=(1000, 0, TYPICAL), batches=(20, failed, BATCHES))
    seen = observed(track(strata=ours), track(strata=theirs))
    found = errors([seen], LIMITS)
    assert found.outcome is expected
    if expected is Outcome.FAIL:
        assert found.reason.startswith("20 of the canary's 20 requests to /predict/batch failed")


def test_users_without_errors_on_the_stable_are_no_proof_against_the_canary() -> None:
    ours = strata(generated=(1000, 20, TYPICAL), users=(20_000, 0, TYPICAL))
    theirs = strata(generated=(1000, 20, TYPICAL))
    found = errors([observed(track(strata=ours), track(strata=theirs))], LIMITS)
    assert found.outcome is Outcome.PASS
    assert (found.numbers["stable_requests"], found.numbers["canary_requests"]) == (1000, 1000)


def test_the_errors_numbers_and_reason() -> None:
    found = errors([observed(canary=track(errors=20))], LIMITS)
    assert found.reason == (
        "20 of the canary's 1000 requests failed (2.00%), and 0.00% of the stable's, p = 8.7e-07."
    )
    p = found.numbers.pop("p_value")
    assert p == pytest.approx(8.7e-07, rel=0.01)
    assert found.numbers == {
        "stable_requests": 1000,
        "canary_requests": 1000,
        "stable_errors": 0,
        "canary_errors": 20,
        "canary_restarts": 0,
        "canary_down": 0,
        "sent": 0,
        "lost": 0,
        "stable_case_failures": 0,
        "canary_case_failures": 0,
        "case_failures_p_value": 1,
        "stable_rate": 0,
        "canary_rate": 0.02,
    }


@pytest.mark.parametrize(("restarts", "times"), [(1, "once"), (3, "3 times")])
def test_restarts_fail_even_without_traffic(restarts: int, times: str) -> None:
    crashed = track(requests=0, restarts=restarts)
    found = errors([observed(canary=crashed)], LIMITS)
    assert found.outcome is Outcome.FAIL
    assert found.reason == f"The canary's containers restarted {times}, more than 0."
    assert errors([observed(stable=track(restarts=3))], LIMITS).outcome is Outcome.PASS
    assert (
        errors([observed(canary=crashed)], Thresholds(max_restarts=3)).outcome is not Outcome.FAIL
    )


def test_pods_that_are_down_fail() -> None:
    found = errors([observed(canary=track(down=2))], LIMITS)
    assert found.outcome is Outcome.FAIL
    assert found.reason == "At the end, 2 of the canary's pods were gone, or not ready."
    assert errors([observed(stable=track(down=2))], LIMITS).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("failed", "stable_failed", "expected"),
    [
        (2, 0, Outcome.PASS),
        (8, 0, Outcome.INCONCLUSIVE),
        (100, 0, Outcome.FAIL),
        (100, 100, Outcome.PASS),
        (0, 100, Outcome.PASS),
    ],
)
def test_requests_for_the_cases_that_had_to_be_repeated(
    failed: int, stable_failed: int, expected: Outcome
) -> None:
    """So that faults at random do not hide behind the repetition."""
    asked = cases(canary_failures=failed, stable_failures=stable_failed)
    found = errors([observed(cases_=asked)], LIMITS)
    assert found.outcome is expected
    words = f"{failed} of {500 + failed} requests for the labelled cases failed on the canary"
    assert words in found.reason


def lossy(lost: int, sent: int = 1200, generated: int = 300) -> Observation:
    """The canary's ``generated`` requests and 900 of the stable's were answered."""
    return replace(
        observed(track(generated=900), track(generated=generated)),
        sent=sent,
        lost=lost,
        failures=["TimeoutError: timed out"],
    )


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        (lossy(0), Outcome.PASS),
        (lossy(1), Outcome.PASS),
        (lossy(3), Outcome.INCONCLUSIVE),  # may be 1 % of the canary's, or chance
        (lossy(7), Outcome.ERROR),  # above half a point of everything
        (lossy(240), Outcome.ERROR),
        (lossy(4, sent=20_000, generated=1000), Outcome.PASS),
        (lossy(300, generated=0), Outcome.ERROR),
        (lossy(1200), Outcome.ERROR),
    ],
)
def test_requests_that_were_lost(observation: Observation, expected: Outcome) -> None:
    """Nobody knows whose they were: they may all have been the canary's."""
    assert errors([observation], LIMITS).outcome is expected


def test_when_all_is_lost() -> None:
    nothing = track(generated=0)
    observation = replace(observed(nothing, nothing), sent=10, lost=10, failures=["refused"])
    found = errors([observation], LIMITS)
    assert found.outcome is Outcome.ERROR
    assert found.reason == (
        "10 of 10 generated requests were lost (refused), which may be 100.00% of the canary's."
    )


def test_an_answer_that_differs_from_the_one_before() -> None:
    checked = track(checked=700)
    assert predictions([observed(checked, checked)], LIMITS).outcome is Outcome.PASS
    found = predictions([observed(checked, replace(checked, wrong=1))], LIMITS)
    assert found.outcome is Outcome.FAIL
    assert found.reason == (
        "1 of 700 generated cases were answered by the canary otherwise than before."
    )
    assert predictions([observed(replace(checked, wrong=1), checked)], LIMITS).outcome is (
        Outcome.ERROR
    )


@pytest.mark.parametrize(
    ("malignant", "expected"),
    [(370, Outcome.PASS), (440, Outcome.PASS), (630, Outcome.FAIL), (0, Outcome.FAIL)],
)
def test_the_mix_of_labels(malignant: int, expected: Outcome) -> None:
    canary = track(predictions={"malignant": malignant, "benign": 1000 - malignant})
    assert predictions([observed(canary=canary)], LIMITS).outcome is expected


@pytest.mark.parametrize(
    ("canary", "expected"),
    [
        (scores(600, 30, 70, 300, 0), Outcome.PASS),
        (scores(550, 80, 120, 250, 0), Outcome.PASS),  # another calibration, surely, and small
        (scores(0, 630, 370, 0, 0), Outcome.FAIL),  # the same labels, but sure of nothing
        (scores(0, 0, 0, 0, 0), Outcome.INCONCLUSIVE),
    ],
)
def test_the_distribution_of_scores(canary: Histogram, expected: Outcome) -> None:
    observation = observed(canary=track(probabilities=canary))
    assert predictions([observation], LIMITS).outcome is expected


def test_few_predictions_pass_nothing() -> None:
    for few in ({"malignant": 70, "benign": 129}, {"benign": 199}, {}):
        found = predictions([observed(canary=track(predictions=few))], LIMITS)
        assert found.outcome in (Outcome.INCONCLUSIVE, Outcome.FAIL)
        assert found.outcome is Outcome.INCONCLUSIVE or few == {"benign": 199}


histograms = st.lists(st.integers(0, 500), min_size=5, max_size=5).map(lambda c: latencies(*c))


@given(histograms, histograms, st.integers(0, 199))
def test_too_little_never_passes(stable: Histogram, canary: Histogram, requests: int) -> None:
    few = track(requests=requests, latency=latencies(*(n // 13 for n in canary.counts)))
    observation: Observation = observed(track(latency=stable), few)
    assert sum(few.latency.counts) < LIMITS.min_requests
    for part in (errors, latency):
        assert part([observation], LIMITS).outcome is not Outcome.PASS


@given(histograms)
def test_identical_tracks_never_fail(histogram: Histogram) -> None:
    same = track(latency=histogram)
    assert latency([observed(same, same)], LIMITS).outcome is not Outcome.FAIL


def steps_of(changes: list[dict[str, Any]]) -> list[Observation]:
    """Three quarters of the first step's requests are the stable's, and half of the second's."""
    first, second = changes
    return [
        observed(track(requests=900, **first["stable"]), track(requests=300, **first["canary"])),
        observed(track(**second["stable"]), track(**second["canary"])),
    ]


QUICK = latencies(90, 150, 45, 12, 3)


@pytest.mark.parametrize(("failed", "expected"), [(40, Outcome.PASS), (80, Outcome.FAIL)])
def test_errors_are_compared_within_each_window(failed: int, expected: Outcome) -> None:
    observations = steps_of(
        [
            {"stable": {}, "canary": {}},
            {"stable": {"errors": 40}, "canary": {"errors": failed}},
        ]
    )
    found = errors(observations, LIMITS)
    assert found.outcome is expected
    assert found.numbers["stable_rate"] == pytest.approx(40 / 1300)


@pytest.mark.parametrize(("malignant", "expected"), [(900, Outcome.PASS), (500, Outcome.FAIL)])
def test_predictions_are_compared_within_each_window(malignant: int, expected: Outcome) -> None:
    """Later, other cases come: nearly all are malignant."""
    few = {"predictions": {"malignant": 60, "benign": 240}}
    many = {"predictions": {"malignant": 180, "benign": 720}}
    later = {"predictions": {"malignant": 900, "benign": 100}}
    canary = {"predictions": {"malignant": malignant, "benign": 1000 - malignant}}
    observations = steps_of([{"stable": many, "canary": few}, {"stable": later, "canary": canary}])
    assert predictions(observations, LIMITS).outcome is expected


def test_scores_are_compared_within_each_window() -> None:
    low, lower = scores(810, 45, 45, 0, 0), scores(270, 15, 15, 0, 0)
    high, middle = scores(0, 0, 100, 900, 0), scores(0, 500, 500, 0, 0)
    for canary, expected in ((high, Outcome.PASS), (middle, Outcome.FAIL)):
        observations = steps_of(
            [
                {"stable": {"probabilities": low}, "canary": {"probabilities": lower}},
                {"stable": {"probabilities": high}, "canary": {"probabilities": canary}},
            ]
        )
        assert predictions(observations, LIMITS).outcome is expected


def test_windows_that_compare_nothing_pass_nothing() -> None:
    """Each track had enough requests, and never both at a time."""
    nothing = track(
        requests=0,
        generated=0,
        latency=NOTHING,
        predictions={},
        probabilities=scores(0, 0, 0, 0, 0),
    )
    observations = [observed(track(), nothing), observed(nothing, track())]
    for part in (errors, latency, predictions):
        assert part(observations, LIMITS).outcome is Outcome.INCONCLUSIVE
