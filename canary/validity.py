"""What keeps something that was observed from being judged."""

from itertools import pairwise

import numpy as np

from canary.observation import Cases, Histogram, Track


def counts_problem(name: str, track: Track) -> str:
    """Return what is wrong with the counts of the track called ``name``; nothing when all is well.

    Counters that were reset, or rates in their place, show as negative or broken numbers.
    """
    counts = (track.requests, track.errors, track.restarts)
    if not all(_is_count(count) for count in counts):
        return f"a count of the {name} is not a whole number of at least 0"
    if track.errors > track.requests:
        return f"the {name} has {track.errors} errors among {track.requests} requests"
    return ""


def histogram_problem(what: str, stable: Histogram, canary: Histogram) -> str:
    """Return what is wrong with a histogram of either track, or keeps the two from comparison."""
    for name, histogram in (("stable", stable), ("canary", canary)):
        bounds = histogram.bounds
        if not (bounds and np.isfinite(bounds).all() and bounds[0] > 0):
            return f"the {what} histogram of the {name} has no finite positive bounds"
        if any(low >= high for low, high in pairwise(bounds)):
            return f"the bounds of the {name}'s {what} histogram do not ascend"
        if len(histogram.counts) != len(bounds) + 1:
            return (
                f"the {name}'s {what} histogram has {len(histogram.counts)} counts for "
                f"{len(bounds)} bounds"
            )
        if not all(_is_count(count) for count in histogram.counts):
            return f"a count of the {name}'s {what} histogram is not a whole number of at least 0"
    if stable.bounds != canary.bounds:
        return f"the tracks' {what} histograms have different bounds"
    return ""


def labels_problem(name: str, track: Track) -> str:
    """Return what is wrong with the counts of predictions."""
    if set(track.predictions) - {"malignant", "benign"}:
        return f"the {name} counts predictions other than malignant and benign"
    if not all(_is_count(count) for count in track.predictions.values()):
        return f"a count of the {name}'s predictions is not a whole number of at least 0"
    return ""


def cases_problem(cases: Cases) -> str:
    """Return what is wrong with the labelled cases."""
    lengths = {len(cases.targets), len(cases.unseen), len(cases.stable), len(cases.canary)}
    if len(lengths) != 1:
        return "the labelled cases are not answered one for one"
    if set(cases.targets) != {0, 1}:
        return "the labelled cases are not of both classes, 0 and 1"
    for name, answers, threshold in (
        ("stable", cases.stable, cases.stable_threshold),
        ("canary", cases.canary, cases.canary_threshold),
    ):
        probabilities = np.array([*answers, threshold], dtype=np.float64)
        if not ((probabilities >= 0) & (probabilities <= 1)).all():
            return f"the {name} answered a labelled case with what is no probability"
    return ""


def _is_count(value: float) -> bool:
    return value >= 0 and value == int(value) if np.isfinite(value) else False
