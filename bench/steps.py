"""Time each step of a single case on its own, in one process and without a connection."""

import time
from collections.abc import Callable

import msgspec
import numpy as np

from bc_model.artifact import load_reference, read_manifest
from bc_model.classifier import Classifier
from bc_model.features import FEATURE_NAMES
from bench.servers import CASE
from scripts.running import ROOT
from web.metrics import Metrics, tally
from web.requests import FeatureDecoder

TOGETHER = 16
"""Cases that are scored at once, as when so many connections are busy."""

SECONDS = 1
"""For which a step is repeated."""


def measure() -> dict[str, float]:
    """Return the microseconds that each step takes for one case."""
    directory = ROOT / "artifacts/current"
    classifier = Classifier.load(directory)
    reference = load_reference(directory, read_manifest(directory))
    metrics = Metrics(FEATURE_NAMES, reference, "", "stable")
    decode = FeatureDecoder(classifier.manifest.features).decode_fast
    body = msgspec.json.encode({"features": CASE})
    X = np.array([CASE] * TOGETHER)
    scores = classifier.score(X)
    answers = classifier.worded(X, scores)
    return {
        "decode and validate": fastest(lambda: decode(body)),
        "score": fastest(lambda: classifier.score(X)) / TOGETHER,
        "verdict, reasons and warnings": fastest(lambda: classifier.worded(X, scores)) / TOGETHER,
        "count": fastest(
            lambda: metrics.answered(tally(X, scores.outside, answers), is_generated=False)
        ) / TOGETHER,
        "encode": fastest(lambda: msgspec.json.encode(answers[0])),
    }  # fmt: skip


def fastest(step: Callable[[], object]) -> float:
    """Return the microseconds that a step takes, the fastest of those within a second."""
    times: list[float] = []
    end = time.perf_counter() + SECONDS
    while not times or time.perf_counter() < end:
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return 1e6 * min(times)
