"""From the counters of a track's pods to what the judge wants to know of it."""

from collections import defaultdict
from collections.abc import Iterable

from canary.observation import Histogram, Observation, Track
from canary.recording import GENERATED, USERS, PodRecord, Values, gained

PROBES = frozenset({"/metrics", "/livez", "/readyz", "/health"})
"""Endpoints that nobody's requests go to."""


def track(
    records: Iterable[PodRecord], image: str, restarts: int, is_generated: bool = False
) -> Track:
    """Return what the pods of one track did; ``restarts`` are those of their containers.

    Requests and errors are everybody's. What is compared in detail, latency and predictions, is
    that of generated requests alone if ``is_generated``: each is on a new connection, so both
    tracks get a random share of the same. Users' connections are kept, and stay with the pods that
    were there first.

    Labels that are not the service's are kept or left out, for the judge to say that it is them.
    ValueError when a counter is no number.
    """
    pods = list(records)
    compared = GENERATED if is_generated else USERS
    counters = gained(pods)
    requests, generated, errors = 0.0, 0.0, 0.0
    predictions = {"malignant": 0, "benign": 0}
    for (name, labels), value in counters.items():
        label = dict(labels)
        if name.endswith("requests_total") and label.get("endpoint") not in PROBES:
            requests += value
            errors += value if label.get("status", "").startswith("5") else 0
            generated += value if name.startswith(GENERATED) else 0
        if name == f"{compared}predictions_total":
            prediction = label.get("prediction", "")
            predictions[prediction] = predictions.get(prediction, 0) + int(value)
    return Track(
        image=image,
        model_versions=sorted({version for pod in pods for version in _versions(pod)}),
        requests=int(requests),
        errors=int(errors),
        latency=_histogram(counters, f"{compared}request_duration_seconds_bucket"),
        predictions=predictions,
        probabilities=_histogram(counters, f"{compared}probability_malignant_bucket"),
        restarts=restarts,
        generated=int(generated),
    )


def merge(earlier: Observation, later: Observation) -> Observation:
    """Return both windows as one; the cases are those that were asked last.

    ValueError when the histograms' bounds have changed between them.
    """
    return Observation(
        started=earlier.started,
        ended=later.ended,
        stable=_merge(earlier.stable, later.stable),
        canary=_merge(earlier.canary, later.canary),
        cases=later.cases or earlier.cases,
        problem=" ".join(filter(None, (earlier.problem, later.problem))),
    )


def split(observation: Observation) -> float | None:
    """Return the canary's share of the requests, if there were any."""
    requests = observation.stable.requests + observation.canary.requests
    return observation.canary.requests / requests if requests else None


def _versions(pod: PodRecord) -> Iterable[str]:
    for reading in pod.readings[-1:]:
        for name, labels in reading.values:
            if name == "app_model_info":
                yield dict(labels).get("model_version", "unknown")


def _histogram(counters: Values, wanted: str) -> Histogram:
    cumulative: dict[float, float] = defaultdict(float)
    for (name, labels), value in counters.items():
        label = dict(labels)
        if name == wanted and label.get("endpoint") not in PROBES:
            cumulative[float(label.get("le", "inf"))] += value
    bounds = sorted(cumulative)
    totals = [int(cumulative[bound]) for bound in bounds]
    counts = [total - below for total, below in zip(totals, [0, *totals], strict=False)]
    return Histogram(bounds[:-1], counts or [0])


def _merge(earlier: Track, later: Track) -> Track:
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
        restarts=earlier.restarts + later.restarts,
        generated=earlier.generated + later.generated,
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
