"""Counters of many pods over time, and what they add up to.

A counter is read again and again; what it gained between two readings counts. A process that was
started anew begins at 0, and so does a pod that came after the window had begun.
"""

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]
Series = tuple[str, Labels]
Values = dict[Series, float]

START: Series = ("process_start_time_seconds", frozenset())
FAMILIES = ("requests_total", "request_duration_seconds_bucket", "predictions_total",
            "probability_malignant_bucket")  # fmt: skip
USERS, GENERATED = "app_", "app_generated_"
NAMES = frozenset(f"{prefix}{family}" for prefix in (USERS, GENERATED) for family in FAMILIES)
KEPT = NAMES | {"app_model_info", START[0]}


class Reading(NamedTuple):
    """All kept series of one pod at one time, in seconds since 1970."""

    time: float
    values: Values


class PodRecord(NamedTuple):
    """A pod's readings in order of time; ``is_new``: it came when the window had begun.

    ``problem`` says why a ready pod could not be read when the window began, or ended.
    """

    track: str
    is_new: bool
    readings: list[Reading]
    problem: str = ""


def parse(exposition: str) -> Values:
    """Return the kept series of a pod's /metrics; ValueError for what is not Prometheus text."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name in KEPT
    }


def gained(records: Iterable[PodRecord]) -> Values:
    """Return what each counter gained, added up over the pods; ValueError when one is no number."""
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
