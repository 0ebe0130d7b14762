"""The service's Prometheus metrics; labels that are known are there from the start at 0."""

import re
from collections.abc import Iterable, Sequence

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
from prometheus_client.openmetrics import exposition as openmetrics

from bc_model.arrays import FloatArray
from bc_model.artifact import Reference
from bc_model.classifier import Answer
from bc_model.drift import PROBABILITY_BUCKETS as PROBABILITY_BUCKETS  # the canary's, too
from web.drift_metrics import DriftReference, FeatureCounts
from web.problems import KINDS, REJECTIONS

REQUEST_BUCKETS = (
    0.00025, 0.00035, 0.0005, 0.0006, 0.0007, 0.00085, 0.001, 0.0012, 0.0015, 0.002, 0.0025, 0.003,
    0.004, 0.005, 0.006, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
)  # fmt: skip
"""Seconds; close together where the service answers, so that the canary's judge sees it slow."""

SCORING_BUCKETS = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1,
)  # fmt: skip

_IS_REFUSED = re.compile(r"q=0(\.0*)?")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

disable_created_metrics()


class _Traffic:
    """Requests and their answers, under names that start with ``prefix``."""

    def __init__(self, prefix: str, model_version: str, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            f"{prefix}_requests_total",
            "Requests answered.",
            ("endpoint", "method", "status"),
            registry=registry,
        )
        self._durations = Histogram(
            f"{prefix}_request_duration_seconds",
            "Time from a request's arrival to the end of its answer.",
            ("endpoint",),
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self._predictions = Counter(
            f"{prefix}_predictions_total", "Cases answered.", ("prediction",), registry=registry
        )
        self._probability = Histogram(
            f"{prefix}_probability_malignant",
            "Probability of malignant that cases were answered with.",
            ("model_version",),
            buckets=PROBABILITY_BUCKETS,
            registry=registry,
        ).labels(model_version)
        for diagnosis in ("malignant", "benign"):
            self._predictions.labels(diagnosis)

    def expect(self, endpoint: str, method: str, statuses: Iterable[int]) -> None:
        for status in statuses:
            self._requests.labels(endpoint, method, str(status))
        self._durations.labels(endpoint)

    def requested(self, endpoint: str, method: str, status: int, seconds: float) -> None:
        self._requests.labels(endpoint, method, str(status)).inc()
        self._durations.labels(endpoint).observe(seconds)

    def answered(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            self._predictions.labels(answer.diagnosis).inc()
            self._probability.observe(answer.probability_malignant)


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
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self._traffic = {
            is_generated: _Traffic(
                "app_generated" if is_generated else "app", model_version, registry
            )
            for is_generated in (False, True)
        }
        self.in_progress = Gauge(
            "app_requests_in_progress", "Requests being answered.", registry=registry
        )
        self._scoring = Histogram(
            "app_prediction_latency_seconds",
            "Time to score one request's cases.",
            buckets=SCORING_BUCKETS,
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
            "Users' requests whose content was refused.",
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
        self._features = FeatureCounts(names, reference.edges, model_version)
        registry.register(self._features)
        registry.register(DriftReference(names, reference, model_version))
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

    def answered(
        self, X: FloatArray, answers: Sequence[Answer], seconds: float, is_generated: bool
    ) -> None:
        """Count the answers to the cases ``X`` (n, 30), which took ``seconds`` to score.

        A traffic generator's cases are nobody's: they say nothing about what comes in.
        """
        self._scoring.observe(seconds)
        self._traffic[is_generated].answered(answers)
        if is_generated:
            return
        for answer in answers:
            self._uncertain.inc(answer.is_uncertain)
            self._unsupported.inc(not answer.has_basis)
        outside = (
            warning.feature for answer in answers for warning in answer.warnings if warning.feature
        )
        self._features.add(X, outside)

    def requested(
        self, endpoint: str, method: str, status: int, seconds: float, is_generated: bool
    ) -> None:
        """Count an answered request; a method nobody knows is counted as ``other``."""
        known = method if method in METHODS else "other"
        self._traffic[is_generated].requested(endpoint, known, status, seconds)

    def rejected(self, reason: str) -> None:
        """Count a user's request whose content was refused."""
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
