"""Time the steps of a single case by themselves, in one process and without a connection."""

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

REPEATS = 2000


def measure() -> dict[str, float]:
    """Return the microseconds that each step takes for one case, the fastest of many."""
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
        "decode and validate": _fastest(lambda: decode(body)),
        "score": _fastest(lambda: classifier.score(X)) / TOGETHER,
        "verdict, reasons and warnings": _fastest(lambda: classifier.worded(X, scores)) / TOGETHER,
        "count": _fastest(
            lambda: metrics.answered(tally(X, scores.outside, answers), is_generated=False)
        ) / TOGETHER,
        "encode": _fastest(lambda: msgspec.json.encode(answers[0])),
    }  # fmt: skip


def _fastest(step: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return 1e6 * min(times)
