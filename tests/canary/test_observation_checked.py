"""An observation that cannot be judged is an error that names the reason, never a pass."""

from typing import Any

import pytest
from msgspec.structs import replace

from canary.judge import Outcome, Part, judge
from canary.observation import Histogram, Observation, OutOfFold
from canary.thresholds import Thresholds
from tests.canaries import cases, latencies, observed, scores, track

NAN: Any = float("nan")


def parts(observation: Observation) -> dict[str, Part]:
    return {part.name: part for part in judge([observation], Thresholds()).parts}


@pytest.mark.parametrize(
    ("part", "changes", "reason"),
    [
        ("errors", {"requests": -1}, "A count of the canary is not a whole number of at least 0."),
        ("errors", {"errors": NAN}, "A count of the canary is not a whole number of at least 0."),
        ("errors", {"restarts": 0.5}, "A count of the canary is not a whole number of at least 0."),
        ("errors", {"errors": 1001}, "The canary has 1001 errors among 1000 requests."),
        (
            "latency",
            {"latency": Histogram([0.1], [1, 2])},
            "The tracks' latency histograms have no bounds in common.",
        ),
        (
            "latency",
            {"latency": Histogram([], [1])},
            "The latency histogram of the canary has no finite positive bounds.",
        ),
        (
            "latency",
            {"latency": Histogram([0.0, 1.0], [1, 2, 3])},
            "The latency histogram of the canary has no finite positive bounds.",
        ),
        (
            "latency",
            {"latency": Histogram([0.1, float("inf")], [1, 2, 3])},
            "The latency histogram of the canary has no finite positive bounds.",
        ),
        (
            "latency",
            {"latency": Histogram([0.1, 0.1], [1, 2, 3])},
            "The bounds of the canary's latency histogram do not ascend.",
        ),
        (
            "latency",
            {"latency": latencies(1, 2, 3)},
            "The canary's latency histogram has 3 counts for 4 bounds.",
        ),
        (
            "latency",
            {"latency": latencies(1, 2, 3, 4, -5)},
            "A count of the canary's latency histogram is not a whole number of at least 0.",
        ),
        (
            "latency",
            {"latency": latencies(1, 2, 3, 4, NAN)},
            "A count of the canary's latency histogram is not a whole number of at least 0.",
        ),
        (
            "predictions",
            {"probabilities": scores(1, 2, 3, 4)},
            "The canary's score histogram has 4 counts for 4 bounds.",
        ),
        (
            "predictions",
            {"predictions": {"malignant": 1, "unknown": 2}},
            "The canary counts predictions other than malignant and benign.",
        ),
        (
            "predictions",
            {"predictions": {"malignant": -1}},
            "A count of the canary's predictions is not a whole number of at least 0.",
        ),
    ],
)
def test_a_part_of_the_traffic(part: str, changes: dict[str, Any], reason: str) -> None:
    broken = track(**changes)
    assert parts(observed(canary=broken))[part] == Part(part, Outcome.ERROR, reason, {})
    swapped = parts(observed(stable=broken))[part]
    assert swapped.outcome is Outcome.ERROR
    if "tracks'" not in reason:
        assert swapped.reason == reason.replace("canary", "stable")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"targets": [0, 1]}, "The labelled cases are not answered one for one."),
        ({"unseen": []}, "The labelled cases are not answered one for one."),
        ({"canary": [0.5]}, "The labelled cases are not answered one for one."),
        (
            {"canary_out_of_fold": OutOfFold([0.5], [0.25])},
            "The labelled cases are not answered one for one.",
        ),
        (
            {"stable_out_of_fold": OutOfFold([0.5] * 500, [NAN] * 500)},
            "The stable's cross-validation has something that is not a probability.",
        ),
        ({"targets": [1] * 500}, "The labelled cases are not of both classes, 0 and 1."),
        ({"targets": [0, 2] * 250}, "The labelled cases are not of both classes, 0 and 1."),
        (
            {"canary": [NAN] + [0.5] * 499},
            "The canary answered a labelled case with something that is not a probability.",
        ),
        (
            {"stable": [1.5] + [0.5] * 499},
            "The stable answered a labelled case with something that is not a probability.",
        ),
        (
            {"canary_threshold": NAN},
            "The canary answered a labelled case with something that is not a probability.",
        ),
    ],
)
def test_the_labelled_cases(changes: dict[str, Any], reason: str) -> None:
    found = parts(observed(cases_=cases(**changes)))["model"]
    assert found == Part("model", Outcome.ERROR, reason, {})


@pytest.mark.parametrize(
    ("problem", "reason"),
    [("", "The labelled cases could not be asked."), ("The pod is gone.", "The pod is gone.")],
)
def test_cases_that_could_not_be_asked(problem: str, reason: str) -> None:
    observation = replace(observed(), cases=None, problem=problem)
    verdict = judge([observation], Thresholds())
    assert verdict.outcome is Outcome.ERROR
    assert verdict.parts[-1].reason == reason
    assert [part.outcome for part in verdict.parts[:-1]] == [Outcome.PASS] * 3


def test_pods_that_serve_different_models() -> None:
    mixed = track(model_versions=["a", "b"])
    assert parts(observed(canary=mixed))["model"].reason == (
        "Pods of the canary serve different models: a, b."
    )
    assert parts(observed(stable=mixed))["model"].outcome is Outcome.ERROR
