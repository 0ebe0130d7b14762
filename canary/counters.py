"""Read the pods' counters over time, and add up what each track has counted.

They come from the pods themselves, through the API server: a Prometheus scrapes too seldom to look
at a canary every few seconds. A counter is read again and again; what it gained between two
readings counts. A process that was started anew begins at 0, and so does a pod that came after the
step had begun.
"""

import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from canary.cluster import Cluster, UnreachableError, persistently
from canary.observation import GENERATED_STRATUM, Histogram, Stratum, Track

Labels = frozenset[tuple[str, str]]
Series = tuple[str, Labels]
Values = dict[Series, float]

START: Series = ("process_start_time_seconds", frozenset())
FAMILIES = ("requests_total", "request_duration_seconds_bucket", "predictions_total",
            "probability_malignant_bucket")  # fmt: skip
USERS, GENERATED = "app_", "app_generated_"
NAMES = frozenset(f"{prefix}{family}" for prefix in (USERS, GENERATED) for family in FAMILIES)
KEPT = NAMES | {"app_model_info", START[0]}

PROBES = frozenset({"/metrics", "/livez", "/readyz", "/health"})
"""Endpoints that users do not call."""

POLL_SECONDS = 2.0


class Reading(NamedTuple):
    """All kept series of one pod at one time, in seconds since 1970."""

    time: float
    values: Values


class PodRecord(NamedTuple):
    """A pod's readings in order of time; ``is_new``: it came when the step had begun.

    ``problem`` says why a ready pod could not be read when the step began, or ended.
    """

    track: str
    is_new: bool
    readings: list[Reading]
    problem: str = ""


def parse(exposition: str) -> Values:
    """Return the kept series of a pod's /metrics.

    Raises:
        ValueError: the text is not in Prometheus' format.
    """
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name in KEPT
    }


def gained(records: Iterable[PodRecord]) -> Values:
    """Return the sum over the pods of what each counter gained; ValueError when not a number."""
    total: Values = defaultdict(float)
    for record in records:
        before = Reading(-math.inf, {}) if record.is_new else None
        for reading in record.readings:
            before = reading if before is None else _add_gain(total, before, reading)
    return dict(total)


def _add_gain(total: Values, before: Reading, after: Reading) -> Reading:
    """Return what is known after a reading: a series may be missing from one, and come again."""
    is_same_process = before.values.get(START) == after.values.get(START)
    known = before.values if is_same_process else {}
    for series, value in after.values.items():
        if series[0] in NAMES:
            if not math.isfinite(value):
                raise ValueError(f"a pod counts {value} {series[0]}")
            total[series] += value - known.get(series, 0.0)
    return Reading(after.time, {**known, **after.values})


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
    ValueError when a counter is not a number.
    """
    pods = list(records)
    compared = GENERATED if is_generated else USERS
    counters = gained(pods)
    requests: Counter[tuple[str, str]] = Counter()
    errors: Counter[tuple[str, str]] = Counter()
    predictions = {"malignant": 0, "benign": 0}
    for (name, labels), value in counters.items():
        label = dict(labels)
        endpoint = label.get("endpoint", "")
        if name.endswith("requests_total") and endpoint not in PROBES:
            status = label.get("status", "")
            prefix = GENERATED if name.startswith(GENERATED) else USERS
            failed = not status.startswith("2") if prefix == GENERATED else status.startswith("5")
            requests[prefix, endpoint] += int(value)
            errors[prefix, endpoint] += int(value) * failed
        if name == f"{compared}predictions_total":
            prediction = label.get("prediction", "")
            predictions[prediction] = predictions.get(prediction, 0) + int(value)
    return Track(
        image=image,
        model_versions=sorted({version for pod in pods for version in _versions(pod)}),
        requests=requests.total(),
        errors=errors.total(),
        latency=_histogram(counters, f"{compared}request_duration_seconds_bucket"),
        predictions=predictions,
        probabilities=_histogram(counters, f"{compared}probability_malignant_bucket"),
        restarts=restarts,
        generated=sum(requests[each] for each in requests if each[0] == GENERATED),
        generated_errors=sum(errors[each] for each in errors if each[0] == GENERATED),
        down=down,
        strata={
            f"{GENERATED_STRATUM * (prefix == GENERATED)}{endpoint}": Stratum(
                requests[prefix, endpoint],
                errors[prefix, endpoint],
                _histogram(counters, f"{prefix}request_duration_seconds_bucket", endpoint),
            )
            for prefix, endpoint in sorted(requests)
        },
    )


def _versions(pod: PodRecord) -> Iterable[str]:
    for reading in pod.readings[-1:]:
        for name, labels in reading.values:
            if name == "app_model_info":
                yield dict(labels).get("model_version", "unknown")


def _histogram(counters: Values, wanted: str, endpoint: str = "") -> Histogram:
    """Return the histogram of one endpoint, or else of all that clients call."""
    cumulative: dict[float, float] = defaultdict(float)
    for (name, labels), value in counters.items():
        label = dict(labels)
        found = label.get("endpoint", "")
        if name == wanted and (found == endpoint if endpoint else found not in PROBES):
            cumulative[float(label.get("le", "inf"))] += value
    bounds = sorted(cumulative)
    totals = [int(cumulative[bound]) for bound in bounds]
    counts = [total - below for total, below in zip(totals, [0, *totals], strict=False)]
    return Histogram(bounds[:-1], counts or [0])


class _UnreadError(UnreachableError):
    """Some pods could not be read; ``problems`` say why, by their names."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(problems.values()))
        self.problems = problems


class PodSource:
    """The pods themselves, asked through the API server."""

    def __init__(self, cluster: Cluster, poll_seconds: float = POLL_SECONDS) -> None:
        """Read each pod every ``poll_seconds``."""
        self._cluster = cluster
        self._poll_seconds = poll_seconds

    @contextmanager
    def watch(self) -> Iterator[list[PodRecord]]:
        """Read the pods at the start, at the end, and in between.

        A reading in between may fail; one at either end that does is the record's ``problem``.
        """
        present = {pod.name for pod in persistently(self._cluster.pods)}
        read: dict[str, PodRecord] = {}
        records: list[PodRecord] = []
        stop = threading.Event()

        def go_on() -> None:
            while not stop.wait(self._poll_seconds):
                with suppress(UnreachableError):  # the next reading makes up for it
                    self._read(present, read)

        self._read_all(present, read)
        thread = threading.Thread(target=go_on, daemon=True)
        thread.start()
        try:
            yield records
        finally:
            stop.set()
            thread.join()
        self._read_all(present, read)
        records += read.values()

    def _read_all(self, present: set[str], read: dict[str, PodRecord]) -> None:
        """Read every ready pod, or note in its record why it could not be read.

        Raises:
            UnreachableError: the cluster does not list its pods.
        """

        def read_or_raise() -> None:
            if problems := self._read(present, read):
                raise _UnreadError(problems)

        try:
            persistently(read_or_raise)
        except _UnreadError as error:
            for name, problem in error.problems.items():
                read[name] = read[name]._replace(problem=problem)

    def _read(self, present: set[str], read: dict[str, PodRecord]) -> dict[str, str]:
        """Read each pod once, and return why a ready one could not be read."""
        problems = {}
        for pod in self._cluster.pods():
            is_new = pod.name not in present
            record = read.setdefault(pod.name, PodRecord(pod.track, is_new, []))
            try:
                values = parse(self._cluster.ask_pod(pod.name, "/metrics").decode())
            except (UnreachableError, ValueError) as error:
                if pod.is_ready:  # otherwise it is starting or ending
                    problems[pod.name] = f"The counters of {pod.name} could not be read: {error}."
            else:
                record.readings.append(Reading(time.time(), values))
        return problems
