"""From the counters of a track's pods to what the judge wants to know of it."""

from collections import defaultdict
from collections.abc import Iterable

from canary.observation import Histogram, Track
from canary.recording import GENERATED, USERS, PodRecord, Values, gained

PROBES = frozenset({"/metrics", "/livez", "/readyz", "/health"})
"""Endpoints that nobody's requests go to."""


def track(
    records: Iterable[PodRecord],
    image: str,
    restarts: int,
    is_generated: bool = False,
    down: int = 0,
) -> Track:
    """Return what the pods of one track did, of which ``down`` are not ready at the end.

    Requests and errors are everybody's: of users' requests, which may be wrong, 5xx, and of
    generated ones all but 2xx. ``restarts`` are those of containers. What is compared in detail,
    latency and predictions, is that of generated requests alone if ``is_generated``: each is on a
    new connection, so both tracks get a random share of the same. Users' connections are kept, and
    stay with the pods that were there first.

    Labels that are not the service's are kept or left out, for the judge to say that it is them.
    ValueError when a counter is no number.
    """
    pods = list(records)
    compared = GENERATED if is_generated else USERS
    counters = gained(pods)
    requests, generated, errors, generated_errors = 0.0, 0.0, 0.0, 0.0
    predictions = {"malignant": 0, "benign": 0}
    for (name, labels), value in counters.items():
        label = dict(labels)
        if name.endswith("requests_total") and label.get("endpoint") not in PROBES:
            requests += value
            status = label.get("status", "")
            if name.startswith(GENERATED):
                generated += value
                generated_errors += 0 if status.startswith("2") else value
            elif status.startswith("5"):
                errors += value
        if name == f"{compared}predictions_total":
            prediction = label.get("prediction", "")
            predictions[prediction] = predictions.get(prediction, 0) + int(value)
    return Track(
        image=image,
        model_versions=sorted({version for pod in pods for version in _versions(pod)}),
        requests=int(requests),
        errors=int(errors + generated_errors),
        latency=_histogram(counters, f"{compared}request_duration_seconds_bucket"),
        predictions=predictions,
        probabilities=_histogram(counters, f"{compared}probability_malignant_bucket"),
        restarts=restarts,
        generated=int(generated),
        generated_errors=int(generated_errors),
        down=down,
    )


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
