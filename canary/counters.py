"""Read the pods' counters over time, and add up what each track has counted.

They come from Prometheus when it watches the pods, and otherwise from the pods themselves. A
counter is read again and again; what it gained between two readings counts. A process that was
started anew begins at 0, and so does a pod that came after the step had begun.
"""

import math
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from canary.cluster import Cluster, UnreachableError, as_json
from canary.observation import Histogram, Stratum, Track

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
PROMETHEUS_PORT = 9090
LONGEST_SCRAPE_INTERVAL = 60.0

DISCOVERY_SECONDS = 15.0
"""How long Prometheus may take to find new pods: it takes changes over every 5 seconds."""

SCRAPE_TOLERANCE = 0.002
"""Prometheus moves the time of a scrape by up to 2 ms, to have the intervals alike."""

LABELS = frozenset({"endpoint", "method", "status", "le", "prediction", "model_version"})
"""Labels of the service's own; all others come from what Prometheus knows of the pod."""


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
            if before is not None:
                _add_gain(total, before, reading)
            before = reading
    return dict(total)


def _add_gain(total: Values, before: Reading, after: Reading) -> None:
    is_same_process = before.values.get(START) == after.values.get(START)
    for series, value in after.values.items():
        if series[0] in NAMES:
            if not math.isfinite(value):
                raise ValueError(f"a pod counts {value} {series[0]}")
            total[series] += value - (before.values.get(series, 0.0) if is_same_process else 0.0)


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
            f"{'generated ' * (prefix == GENERATED)}{endpoint}": Stratum(
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


class PodSource:
    """The pods themselves, asked through the API server."""

    name = "the pods"

    def __init__(self, cluster: Cluster, poll_seconds: float = POLL_SECONDS) -> None:
        """Read each pod every ``poll_seconds``."""
        self._cluster = cluster
        self._poll_seconds = poll_seconds

    @contextmanager
    def watch(self) -> Iterator[list[PodRecord]]:
        """Read the pods at the start, at the end, and in between.

        A reading in between may fail; one at either end that does is the record's ``problem``.
        """
        present = {pod.name for pod in self._cluster.pods()}
        read: dict[str, PodRecord] = {}
        records: list[PodRecord] = []
        stop = threading.Event()

        def go_on() -> None:
            while not stop.wait(self._poll_seconds):
                with suppress(UnreachableError):  # the next reading makes up for it
                    self._read(present, read)

        self._read(present, read, is_needed=True)
        thread = threading.Thread(target=go_on, daemon=True)
        thread.start()
        try:
            yield records
        finally:
            stop.set()
            thread.join()
        self._read(present, read, is_needed=True)
        records += read.values()

    def _read(self, present: set[str], read: dict[str, PodRecord], is_needed: bool = False) -> None:
        for pod in self._cluster.pods():
            is_new = pod.name not in present
            record = read.setdefault(pod.name, PodRecord(pod.track, is_new, []))
            try:
                values = parse(self._cluster.ask_pod(pod.name, "/metrics").decode())
            except (UnreachableError, ValueError) as error:
                if is_needed and pod.is_ready:  # otherwise it is starting or ending
                    problem = f"The counters of {pod.name} could not be read: {error}."
                    read[pod.name] = record._replace(problem=problem)
            else:
                record.readings.append(Reading(time.time(), values))


class PrometheusSource:
    """A Prometheus in the namespace that scrapes each pod, with labels ``pod`` and ``version``.

    Times are those of Prometheus' own clock.
    """

    name = "Prometheus"

    def __init__(self, cluster: Cluster, service: str, namespace: str, interval: float) -> None:
        """Ask ``service``, which scrapes every ``interval`` seconds."""
        self._cluster = cluster
        self._service = service
        self._namespace = namespace
        self._interval = interval

    @contextmanager
    def watch(self) -> Iterator[list[PodRecord]]:
        """Wait for a scrape before the block and one after it, and take what lies between."""
        present = {pod.name for pod in self._cluster.pods()}
        records: list[PodRecord] = []
        began = self._await_scrapes()
        yield records
        self._await_scrapes()
        records += self._records(began, present)

    def _await_scrapes(self) -> float:
        """Wait until the ready pods were scraped once more; return the time that was asked for."""
        asked = round(self._clock() + SCRAPE_TOLERANCE, 3)
        deadline = time.monotonic() + 3 * self._interval + DISCOVERY_SECONDS
        query = f"timestamp({START[0]}{_selector(self._namespace)}) > {asked:.3f}"
        while True:
            scraped = {each["metric"].get("pod") for each in self._query(query)}
            ready = {pod.name for pod in self._cluster.pods() if pod.is_ready and pod.track}
            if ready <= scraped:
                return asked
            if time.monotonic() > deadline:
                missing = ", ".join(sorted(ready - scraped))
                raise UnreachableError(
                    f"Prometheus does not scrape {missing}: /targets of its page says why"
                )
            time.sleep(self._interval / 5)

    def _records(self, began: float, present: set[str]) -> list[PodRecord]:
        seconds = math.ceil(self._clock() - began) + 1
        selector = _selector(self._namespace, f'__name__=~"{"|".join(sorted(KEPT))}"')
        readings: dict[tuple[str, str], dict[float, Reading]] = defaultdict(dict)
        for each in self._query(f"{selector}[{seconds}s]"):
            metric = each["metric"]
            by_time = readings[metric["pod"], metric["version"]]
            for when, value in each["values"]:
                if when > began:
                    reading = by_time.setdefault(when, Reading(when, {}))
                    reading.values[_series(metric)] = float(value)
        return [
            PodRecord(track, pod not in present, [by_time[when] for when in sorted(by_time)])
            for (pod, track), by_time in readings.items()
        ]

    def _clock(self) -> float:
        return float(self._query("vector(time())")[0]["value"][1])

    def _query(self, query: str) -> list[dict[str, Any]]:
        return _query(self._cluster, self._service, query)


Source = PodSource | PrometheusSource
"""Either gives, by ``watch``, a list that holds after the block what the counters did during it."""


def choose_source(cluster: Cluster, service: str, namespace: str) -> Source:
    """Return the Prometheus of that ``service`` if it scrapes the app's pods, or else the pods."""
    try:
        watched = _query(cluster, service, f"{START[0]}{_selector(namespace)}")
        interval = _scrape_interval(cluster, service, namespace)
    except UnreachableError:
        return PodSource(cluster)
    if not watched or not 0 < interval <= LONGEST_SCRAPE_INTERVAL:
        return PodSource(cluster)
    return PrometheusSource(cluster, service, namespace, interval)


def _selector(namespace: str, *others: str) -> str:
    pods = (f'namespace="{namespace}"', 'pod!=""', 'version=~"stable|canary"')
    return f"{{{','.join((*others, *pods))}}}"


def _series(metric: dict[str, str]) -> Series:
    """Return the series as the service names it.

    A label of its own that Prometheus has, too, was renamed to ``exported_...``.
    """
    if metric["__name__"] == START[0]:
        return START
    found = {name: metric.get(f"exported_{name}", metric.get(name)) for name in LABELS}
    own = frozenset((name, value) for name, value in found.items() if value is not None)
    return metric["__name__"], own


def _query(cluster: Cluster, service: str, query: str) -> list[dict[str, Any]]:
    answer = as_json(cluster.ask_service(service, PROMETHEUS_PORT, "/api/v1/query", query=query))
    try:
        result: list[dict[str, Any]] = answer["data"]["result"]
    except (KeyError, TypeError) as error:
        raise UnreachableError(f"{service} does not answer as Prometheus does") from error
    return result


def _scrape_interval(cluster: Cluster, service: str, namespace: str) -> float:
    """Return the longest scrape interval of the namespace's pods, in seconds."""
    answer = as_json(cluster.ask_service(service, PROMETHEUS_PORT, "/api/v1/targets"))
    try:
        return max(
            (
                _seconds(target["scrapeInterval"])
                for target in answer["data"]["activeTargets"]
                if target["labels"].get("namespace") == namespace and "pod" in target["labels"]
            ),
            default=0.0,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreachableError(f"{service} does not answer as Prometheus does") from error


def _seconds(duration: str) -> float:
    """Return a duration of Prometheus, like ``1m30s``, in seconds."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    parts = re.findall(r"(\d+)(ms|[smh])", duration)
    return sum(int(number) * units[unit] for number, unit in parts)
