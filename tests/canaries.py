"""Observations of canaries for tests: a good one, to be changed at will."""

from typing import Any

from msgspec.structs import replace

from canary.cases import LabelledCases
from canary.observation import Cases, Histogram, Observation, OutOfFold, Stratum, Track

LATENCY_BOUNDS = [0.001, 0.002, 0.004, 0.008]
SCORE_BOUNDS = [0.1, 0.5, 0.9, 1.0]


def latencies(*counts: int) -> Histogram:
    return Histogram(LATENCY_BOUNDS, list(counts))


def scores(*counts: int) -> Histogram:
    return Histogram(SCORE_BOUNDS, list(counts))


def track(**changes: Any) -> Track:
    """1,000 requests without an error, of which 370 are called malignant."""
    good = Track(
        image="breast-cancer-api:good",
        model_versions=["0123456789ab"],
        requests=1000,
        errors=0,
        latency=latencies(300, 500, 150, 40, 10),
        predictions={"malignant": 370, "benign": 630},
        probabilities=scores(600, 30, 70, 300, 0),
        restarts=0,
        generated=1000,
    )
    found = replace(good, **changes)
    stratum = Stratum(found.requests, found.errors, found.latency)
    return replace(found, strata=changes.get("strata", {"generated /predict": stratum}))


RIGHT = [0.9] * 200 + [0.1] * 300
"""Answers to 200 malignant and 300 benign cases."""


def cross_validated(answers: list[float]) -> OutOfFold:
    """As if models that had not seen the cases answered the same."""
    errors = [(answer - (number < 200)) ** 2 for number, answer in enumerate(answers)]
    return OutOfFold(answers, errors)


def few(labelled: LabelledCases, count: int = 8) -> LabelledCases:
    """The first of the labelled cases: quick to ask."""
    return LabelledCases(
        labelled.cases[:count],
        labelled.targets[:count],
        labelled.unseen[:count],
        labelled.malignant[:count],
        labelled.out_of_fold[:, :count],
    )


def cases(stable: list[float] = RIGHT, canary: list[float] = RIGHT, **changes: Any) -> Cases:
    """200 malignant and 300 benign cases, each fifth unseen, all answered right by both."""
    good = Cases(
        targets=[0] * 200 + [1] * 300,
        unseen=[number % 5 == 0 for number in range(500)],
        stable=stable,
        canary=canary,
        stable_threshold=0.5,
        canary_threshold=0.5,
        stable_out_of_fold=cross_validated(stable),
        canary_out_of_fold=cross_validated(canary),
    )
    return replace(good, **changes)


def observed(
    stable: Track | None = None,
    canary: Track | None = None,
    cases_: Cases | None = None,
    problem: str = "",
) -> Observation:
    """Two good tracks and good answers, but for what is given."""
    return Observation(
        started="2026-05-04T10:00:00Z",
        ended="2026-05-04T10:02:00Z",
        stable=stable or track(),
        canary=canary or track(),
        cases=cases_ or cases(),
        problem=problem,
    )
