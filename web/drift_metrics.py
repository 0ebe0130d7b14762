"""What came in and what the model was trained on, in the same bins: drift is a query over both.

Both name the model, so that what another was asked before is never compared with this one's cases.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from bc_model.arrays import FloatArray
from bc_model.artifact import Reference
from bc_model.drift import BINS, PROBABILITY_BUCKETS, bin_counts, score_counts


class FeatureCounts(Collector):
    """Counts by feature, kept as arrays: one addition counts all 30 values of a case."""

    def __init__(self, names: Sequence[str], edges: FloatArray, model_version: str) -> None:
        """Count the values of the features ``names`` (d,) in the bins between ``edges`` (d, 9)."""
        self._names = names
        self._model_version = model_version
        self._edges = edges
        self._bins = np.zeros((len(names), BINS), dtype=np.int64)
        self._outside = np.zeros(len(names), dtype=np.int64)

    def add(self, X: FloatArray, outside: Iterable[str]) -> None:
        """Count the cases ``X`` (n, d), and a value out of range for each name in ``outside``."""
        self._bins += bin_counts(X, self._edges)
        for name in outside:
            self._outside[self._names.index(name)] += 1

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
