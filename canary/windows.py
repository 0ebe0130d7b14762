"""A run's windows, one of each step, taken together."""

from collections.abc import Sequence
from functools import reduce

from canary.observation import Histogram, Observation, Track

FEW = 3
"""How many failures of the traffic are told in full."""


def whole(windows: Sequence[Observation]) -> Observation:
    """Return at least one window as one observation; the cases are those that were asked last.

    ValueError when the histograms' bounds have changed between them.
    """
    return reduce(_merge, windows)


def split(observation: Observation) -> float | None:
    """Return the canary's share of the requests, if there were any."""
    requests = observation.stable.requests + observation.canary.requests
    return observation.canary.requests / requests if requests else None


def _merge(earlier: Observation, later: Observation) -> Observation:
    return Observation(
        started=earlier.started,
        ended=later.ended,
        stable=_merged(earlier.stable, later.stable),
        canary=_merged(earlier.canary, later.canary),
        cases=later.cases or earlier.cases,
        problem=" ".join(filter(None, (earlier.problem, later.problem))),
        sent=earlier.sent + later.sent,
        lost=earlier.lost + later.lost,
        failures=[*earlier.failures, *later.failures][:FEW],
    )


def _merged(earlier: Track, later: Track) -> Track:
    return Track(
        image=later.image,
        model_versions=sorted({*earlier.model_versions, *later.model_versions}),
        requests=earlier.requests + later.requests,
        errors=earlier.errors + later.errors,
        latency=_add(earlier.latency, later.latency),
        predictions={
            name: earlier.predictions.get(name, 0) + later.predictions.get(name, 0)
            for name in {**earlier.predictions, **later.predictions}
        },
        probabilities=_add(earlier.probabilities, later.probabilities),
        restarts=max(earlier.restarts, later.restarts),
        generated=earlier.generated + later.generated,
        generated_errors=earlier.generated_errors + later.generated_errors,
        down=max(earlier.down, later.down),
    )


def _add(earlier: Histogram, later: Histogram) -> Histogram:
    """Return the sum; a window without any reading has no bounds."""
    if not earlier.bounds or not later.bounds:
        return later if later.bounds else earlier
    if earlier.bounds != later.bounds:
        raise ValueError("the buckets of a histogram have changed under way")
    return Histogram(
        later.bounds, [a + b for a, b in zip(earlier.counts, later.counts, strict=True)]
    )
