"""The service's Prometheus metrics; labels that are known are there from the start at 0.

What came in and what the model was trained on are counted in the same bins, so that drift is a
query over both. Both name the model: what another was asked is never compared with its cases.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client import exposition as prometheus_text
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from bc_model.arrays import BoolArray, FloatArray, IntArray
from bc_model.artifact import Reference
from bc_model.classifier import Answer
from bc_model.drift import BINS, PROBABILITY_BUCKETS, bin_counts, score_counts
from bc_model.verdict import Diagnosis
from web.problems import KINDS, REJECTIONS

OPENMETRICS_END = b"# EOF\n"

REQUEST_BUCKETS = (
    0.00025, 0.00035, 0.0005, 0.0006, 0.0007, 0.00085, 0.001, 0.0012, 0.0015, 0.002, 0.0025, 0.003,
    0.004, 0.005, 0.006, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
)  # fmt: skip
"""Seconds; close together where the service answers, so that the canary's judge sees it slow."""

SCORING_BUCKETS = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1,
)  # fmt: skip

OPENMETRICS = "application/openmetrics-text"

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

disable_created_metrics()


class Tally(NamedTuple):
    """What is counted of the answers to the cases ``X`` (n, 30).

    ``diagnoses`` and ``malignant``, the probabilities, are of each case; ``uncertain`` and
    ``unsupported`` say how many have that verdict and no basis, and ``outside`` (30,) how many have
    a value out of range.
    """

    X: FloatArray
    outside: IntArray
    diagnoses: list[Diagnosis]
    malignant: list[float]
    uncertain: int
    unsupported: int


def tally(X: FloatArray, outside: BoolArray, answers: Sequence[Answer]) -> Tally:
    """Return the tally of ``answers``; of the cases ``X`` these values are ``outside`` (n, 30)."""
    return Tally(
        X,
        outside.sum(axis=0),
        [answer.diagnosis for answer in answers],
        [answer.probability_malignant for answer in answers],
        sum(answer.is_uncertain for answer in answers),
        sum(not answer.has_basis for answer in answers),
    )


class Buckets:
    """The counts of a histogram with these upper ``bounds``.

    prometheus_client's own takes a lock for each value, and several microseconds. Everything here
    is counted on the event loop.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        """Have counted nothing."""
        self._bounds = bounds
        self._names = [*map(floatToGoString, bounds), "+Inf"]
        self._counts = [0] * len(self._names)
        self._sum = 0.0

    def add(self, value: float, times: int = 1) -> None:
        """Count ``value``."""
        self._counts[bisect_left(self._bounds, value)] += times
        self._sum += times * value

    def show(self, family: HistogramMetricFamily, *labels: str) -> None:
        """Add the counts, which are cumulative there, to ``family``."""
        cumulative = map(float, accumulate(self._counts))
        family.add_metric(labels, list(zip(self._names, cumulative, strict=True)), self._sum)


class _Traffic(Collector):
    """Requests and their answers, under names that start with ``prefix``."""

    def __init__(self, prefix: str, model_version: str) -> None:
        self._prefix = prefix
        self._model_version = model_version
        self._requests: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._durations: defaultdict[str, Buckets] = defaultdict(partial(Buckets, REQUEST_BUCKETS))
        self._predictions: dict[Diagnosis, int] = {"malignant": 0, "benign": 0}
        self._probability = Buckets(PROBABILITY_BUCKETS)

    def expect(self, endpoint: str, method: str, statuses: Iterable[int]) -> None:
        for status in statuses:
            self._requests[endpoint, method, status] += 0
        self._durations[endpoint]

    def requested(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        self._requests[endpoint, method, status] += 1
        self._durations[endpoint].add(seconds)

    def answered(self, tally: Tally) -> None:
        for diagnosis, probability in zip(tally.diagnoses, tally.malignant, strict=True):
            self._predictions[diagnosis] += 1
            self._probability.add(probability)

    def collect(self) -> Iterable[Metric]:
        """Return the families."""
        requests = CounterMetricFamily(
            f"{self._prefix}_requests",
            "Requests answered.",
            labels=("endpoint", "method", "status"),
        )
        for (endpoint, method, status), count in self._requests.items():
            requests.add_metric((endpoint, method, str(status)), count)
        durations = HistogramMetricFamily(
            f"{self._prefix}_request_duration_seconds",
            "Time from a request's arrival to the end of its answer.",
            labels=("endpoint",),
        )
        for endpoint, buckets in self._durations.items():
            buckets.show(durations, endpoint)
        predictions = CounterMetricFamily(
            f"{self._prefix}_predictions", "Cases answered.", labels=("prediction",)
        )
        for diagnosis, count in self._predictions.items():
            predictions.add_metric((diagnosis,), count)
        probability = HistogramMetricFamily(
            f"{self._prefix}_probability_malignant",
            "Probability of malignant that cases were answered with.",
            labels=("model_version",),
        )
        self._probability.show(probability, self._model_version)
        return requests, durations, predictions, probability


class _Scoring(Collector):
    """How long it takes to score the cases of a request."""

    def __init__(self) -> None:
        self.seconds = Buckets(SCORING_BUCKETS)

    def collect(self) -> Iterable[Metric]:
        """Return the family."""
        family = HistogramMetricFamily(
            "app_prediction_latency_seconds", "Time to score one request's cases.", labels=()
        )
        self.seconds.show(family)
        return [family]


class FeatureCounts(Collector):
    """Counts by feature, kept as arrays: one addition counts all 30 values of a case."""

    def __init__(self, names: Sequence[str], edges: FloatArray, model_version: str) -> None:
        """Count the values of the features ``names`` (d,) in the bins between ``edges`` (d, 9)."""
        self._names = names
        self._model_version = model_version
        self._edges = edges
        self._bins = np.zeros((len(names), BINS), dtype=np.int64)
        self._outside = np.zeros(len(names), dtype=np.int64)

    def add(self, X: FloatArray, outside: IntArray) -> None:
        """Count the cases ``X`` (n, d), of which ``outside`` (d,) have a value out of range."""
        self._bins += bin_counts(X, self._edges)
        self._outside += outside

    def collect(self) -> Iterable[Metric]:
        """Return the families."""
        values = CounterMetricFamily(
            "app_feature_values",
            "Values received, by decile of the training cases.",
            labels=("model_version", "feature", "bin"),
        )
        outside = CounterMetricFamily(
            "app_feature_out_of_range",
            "Values received outside the range of the training cases.",
            labels=("feature",),
        )
        for name, bins, count in zip(self._names, self._bins, self._outside, strict=True):
            for number, in_bin in enumerate(bins):
                values.add_metric((self._model_version, name, str(number)), float(in_bin))
            outside.add_metric((name,), float(count))
        return values, outside


class DriftReference(Collector):
    """What rules compare the counts with: the training cases, and how far chance alone goes."""

    def __init__(self, names: Sequence[str], reference: Reference, model_version: str) -> None:
        """Show ``reference``, whose features have these ``names`` (d,)."""
        values = GaugeMetricFamily(
            "app_feature_reference_values",
            "Training cases, by the deciles that app_feature_values_total counts in.",
            labels=("model_version", "feature", "bin"),
        )
        for name, counts in zip(names, reference.counts, strict=True):
            for number, count in enumerate(counts):
                values.add_metric((model_version, name, str(number)), float(count))
        # A bucket holds whole answers, as OpenMetrics has it: the mean of the repeats is rounded.
        below = score_counts(reference.out_of_fold).mean(axis=0).cumsum().round()
        bounds = [*map(floatToGoString, PROBABILITY_BUCKETS), "+Inf"]
        probability = HistogramMetricFamily(
            "app_probability_malignant_reference",
            "Probability of malignant in cross-validation, of the labelled cases.",
            labels=("model_version",),
        )
        probability.add_metric(
            (model_version,),
            buckets=list(zip(bounds, [*below, below[-1]], strict=True)),
            sum_value=float(reference.out_of_fold.mean(axis=0).sum()),
        )
        feature_threshold = GaugeMetricFamily(
            "app_feature_drift_threshold",
            "Chi-squared of a feature's bins beyond which it has drifted.",
            labels=("model_version",),
        )
        feature_threshold.add_metric((model_version,), float(reference.feature_thresholds.max()))
        score_threshold = GaugeMetricFamily(
            "app_score_drift_threshold",
            "Kolmogorov-Smirnov statistic of the answers beyond which they have drifted.",
            labels=("model_version",),
        )
        score_threshold.add_metric((model_version,), float(reference.score_thresholds.max()))
        self._families = values, probability, feature_threshold, score_threshold

    def collect(self) -> Iterable[Metric]:
        """Return the families."""
        return self._families


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(
        self,
        names: Sequence[str],
        reference: Reference,
        model_version: str,
        track: str,
    ) -> None:
        """Count values by the bins of ``reference``, and show it."""
        registry = self._registry = CollectorRegistry()
        constant = self._constant = CollectorRegistry()
        self._constant_texts: dict[bool, bytes] = {}
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self._traffic = {
            False: _Traffic("app", model_version), True: _Traffic("app_generated", model_version)
        }  # fmt: skip
        self._scoring = _Scoring()
        for ours in (*self._traffic.values(), self._scoring):
            registry.register(ours)
        self.in_progress = 0
        Gauge(
            "app_requests_in_progress", "Requests being answered.", registry=registry
        ).set_function(lambda: self.in_progress)
        self._uncertain = Counter(
            "app_prediction_uncertain_total",
            "Cases whose verdict is uncertain.",
            registry=registry,
        )
        self._unsupported = Counter(
            "app_prediction_unsupported_total",
            "Cases too far from the training cases for an answer to have a basis.",
            registry=registry,
        )
        self._invalid = Counter(
            "app_invalid_requests_total",
            "Users' requests whose content was refused.",
            ("reason",),
            registry=registry,
        )
        info = Gauge(
            "app_model_info",
            "The model that is served, and the track it is served on.",
            ("model_version", "version"),
            registry=constant,
        )
        info.labels(model_version, track).set(1)
        self._features = FeatureCounts(names, reference.edges, model_version)
        registry.register(self._features)
        constant.register(DriftReference(names, reference, model_version))
        for reason in REJECTIONS:
            self._invalid.labels(reason)

    def expect(self, endpoints: Iterable[tuple[str, str]]) -> None:
        """Start the counts of the routes' (path, method) at 0.

        Failures, too: the first of a series that begins with it is no increase to Prometheus.
        """
        for endpoint, method in endpoints:
            statuses = [200, 500]
            if method == "POST":
                statuses += [KINDS[reason].status for reason in REJECTIONS]
            if endpoint == "/readyz":
                statuses.append(503)
            for traffic in self._traffic.values():
                traffic.expect(endpoint, method, statuses)

    def scored(self, seconds: float, requests: int = 1) -> None:
        """Count the time that it took to score the cases of so many requests, together."""
        self._scoring.seconds.add(seconds, requests)

    def answered(self, tally: Tally, is_generated: bool) -> None:
        """Count answers.

        Generated cases are not users' cases, and say nothing about what comes in.
        """
        self._traffic[is_generated].answered(tally)
        if is_generated:
            return
        if tally.uncertain:
            self._uncertain.inc(tally.uncertain)
        if tally.unsupported:
            self._unsupported.inc(tally.unsupported)
        self._features.add(tally.X, tally.outside)

    def requested(
        self, endpoint: str, method: str, status: int, seconds: float, is_generated: bool
    ) -> None:
        """Count an answered request; a method nobody knows is counted as ``other``."""
        known = method if method in METHODS else "other"
        self._traffic[is_generated].requested(endpoint, known, status, seconds)

    def rejected(self, reason: str) -> None:
        """Count a user's request whose content was refused."""
        self._invalid.labels(reason).inc()

    def exposition(self, is_openmetrics: bool) -> tuple[bytes, str]:
        """Return the metrics as text, in OpenMetrics or Prometheus format, and its content type."""
        form = openmetrics if is_openmetrics else prometheus_text
        if is_openmetrics not in self._constant_texts:
            text = form.generate_latest(self._constant)  # once, which saves a quarter
            self._constant_texts[is_openmetrics] = text.removesuffix(OPENMETRICS_END)
        content = self._constant_texts[is_openmetrics] + form.generate_latest(self._registry)
        return content, form.CONTENT_TYPE_LATEST
