"""The service's Prometheus metrics; labels that are known are there from the start at 0."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client import exposition as prometheus_text
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from bc_model.classifier import Answer
from bc_model.drift import BINS, bin_counts
from bc_model.predictor import FloatArray
from web.problems import KINDS, REJECTIONS

REQUEST_BUCKETS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
)  # fmt: skip
SCORING_BUCKETS = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1,
)  # fmt: skip
PROBABILITY_BUCKETS = (0.01, 0.05, *(round(0.1 * step, 1) for step in range(1, 10)), 0.95, 0.99, 1)

_IS_REFUSED = re.compile(r"q=0(\.0*)?")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

disable_created_metrics()


class _FeatureCounts(Collector):
    """Counts by feature, kept as arrays: one addition counts all 30 values of a case."""

    def __init__(self, names: Sequence[str], edges: FloatArray) -> None:
        self._names = names
        self._edges = edges
        self._bins = np.zeros((len(names), BINS), dtype=np.int64)
        self._outside = np.zeros(len(names), dtype=np.int64)

    def add(self, X: FloatArray, outside: Iterable[str]) -> None:
        self._bins += bin_counts(X, self._edges)
        for name in outside:
            self._outside[self._names.index(name)] += 1

    def collect(self) -> Iterable[Metric]:
        values = CounterMetricFamily(
            "app_feature_values",
            "Values received, by decile of the training cases.",
            labels=("feature", "bin"),
        )
        outside = CounterMetricFamily(
            "app_feature_out_of_range",
            "Values received outside the range of the training cases.",
            labels=("feature",),
        )
        for name, bins, count in zip(self._names, self._bins, self._outside, strict=True):
            for number, in_bin in enumerate(bins):
                values.add_metric((name, str(number)), float(in_bin))
            outside.add_metric((name,), float(count))
        return values, outside


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(
        self,
        names: Sequence[str],
        edges: FloatArray,
        model_version: str,
        track: str,
    ) -> None:
        """Count values by the ``edges`` (30, 9) of each feature's bins."""
        registry = self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self._requests = Counter(
            "app_requests_total",
            "Requests answered.",
            ("endpoint", "method", "status"),
            registry=registry,
        )
        self._durations = Histogram(
            "app_request_duration_seconds",
            "Time from a request's arrival to the end of its answer.",
            ("endpoint",),
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self.in_progress = Gauge(
            "app_requests_in_progress", "Requests being answered.", registry=registry
        )
        self._scoring = Histogram(
            "app_prediction_latency_seconds",
            "Time to score one request's cases.",
            buckets=SCORING_BUCKETS,
            registry=registry,
        )
        self._predictions = Counter(
            "app_predictions_total", "Cases answered.", ("prediction",), registry=registry
        )
        self._probability = Histogram(
            "app_probability_malignant",
            "Probability of malignant that cases were answered with.",
            buckets=PROBABILITY_BUCKETS,
            registry=registry,
        )
        self._uncertain = Counter(
            "app_prediction_uncertain_total",
            "Cases whose interval lies on both sides of the threshold.",
            registry=registry,
        )
        self._unsupported = Counter(
            "app_prediction_unsupported_total",
            "Cases too far from the training cases for an answer to have a basis.",
            registry=registry,
        )
        self._invalid = Counter(
            "app_invalid_requests_total",
            "Requests whose content was refused.",
            ("reason",),
            registry=registry,
        )
        info = Gauge(
            "app_model_info",
            "The model that is served, and the track it is served on.",
            ("model_version", "version"),
            registry=registry,
        )
        info.labels(model_version, track).set(1)
        self._features = _FeatureCounts(names, edges)
        registry.register(self._features)
        for diagnosis in ("malignant", "benign"):
            self._predictions.labels(diagnosis)
        for reason in REJECTIONS:
            self._invalid.labels(reason)

    def expect(self, endpoints: Iterable[tuple[str, str]]) -> None:
        """Start the counts of the routes' (path, method) at 0."""
        for endpoint, method in endpoints:
            statuses = [200]
            if method == "POST":
                statuses += [KINDS[reason].status for reason in REJECTIONS]
            for status in statuses:
                self._requests.labels(endpoint, method, str(status))
            self._durations.labels(endpoint)

    def answered(self, X: FloatArray, answers: Sequence[Answer], seconds: float) -> None:
        """Count the answers to the cases ``X`` (n, 30), which took ``seconds`` to score."""
        self._scoring.observe(seconds)
        for answer in answers:
            self._predictions.labels(answer.diagnosis).inc()
            self._probability.observe(answer.probability_malignant)
            self._uncertain.inc(answer.is_uncertain)
            self._unsupported.inc(not answer.has_basis)
        outside = (
            warning.feature for answer in answers for warning in answer.warnings if warning.feature
        )
        self._features.add(X, outside)

    def requested(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request; a method nobody knows is counted as ``other``."""
        known = method if method in METHODS else "other"
        self._requests.labels(endpoint, known, str(status)).inc()
        self._durations.labels(endpoint).observe(seconds)

    def rejected(self, reason: str) -> None:
        """Count a request whose content was refused."""
        self._invalid.labels(reason).inc()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics as text and its content type: OpenMetrics where ``accept`` asks."""
        form = openmetrics if _wants_openmetrics(accept) else prometheus_text
        return form.generate_latest(self._registry), form.CONTENT_TYPE_LATEST


def _wants_openmetrics(accept: str) -> bool:
    for media_range in accept.lower().split(","):
        media_type, *parameters = (part.strip() for part in media_range.split(";"))
        if media_type == "application/openmetrics-text":
            return not any(_IS_REFUSED.fullmatch(parameter) for parameter in parameters)
    return False
