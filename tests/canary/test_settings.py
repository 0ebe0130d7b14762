"""What a run is given: everything that is wrong is told at once, by the names of the variables."""

from typing import Any

import pytest

from canary.settings import problems

GOOD: dict[str, Any] = {
    "steps": [{"replicas": 1, "duration": 60.0}, {"replicas": 3, "duration": 0.5}],
    "rate": 20.0,
    "url": "http://127.0.0.1:30000",
    "thresholds": {"error_ceiling": "0.02"},
}


def test_good_settings() -> None:
    assert list(problems(**GOOD)) == []
    assert list(problems(**{**GOOD, "rate": 0.0, "url": ""})) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"steps": []}, "canary_steps: there has to be a step, like {replicas: 1, duration: 60}"),
        (
            {"steps": [{"replicas": 0, "duration": 60.0}]},
            "canary_steps: step 1 has 0 replicas; give it 1 or more",
        ),
        (
            {"steps": [*GOOD["steps"], {"replicas": 1, "duration": 0.0}]},
            "canary_steps: step 3 takes 0 s; give it more than 0, and at most 86400",
        ),
        (
            {"rate": -1.0},
            "canary_traffic_rate: -1 requests a second are not from 0 to 1000",
        ),
        (
            {"url": ""},
            "canary_traffic_url: it is empty, so nothing can be sent; set it, or where there are"
            " users enough -e canary_traffic_rate=0",
        ),
        (
            {"url": "localhost"},
            "canary_traffic_url: 'localhost' is not like http://127.0.0.1:30000",
        ),
        (
            {"thresholds": {"error_cieling": 1}},
            "canary_thresholds: error_cieling is not a threshold; is error_ceiling meant?",
        ),
    ],
)
def test_bad_settings(changes: dict[str, Any], problem: str) -> None:
    assert list(problems(**{**GOOD, **changes})) == [problem]


@pytest.mark.parametrize("duration", [float("nan"), -1.0, 1e9])
def test_time_without_bounds(duration: float) -> None:
    [problem] = problems(**{**GOOD, "steps": [{"replicas": 1, "duration": duration}]})
    assert problem.startswith("canary_steps: step 1 takes ")


def test_everything_at_once() -> None:
    found = list(problems([], 1e6, "x", {"min_requests": 0}))
    assert [each.partition(":")[0] for each in found] == [
        "canary_steps",
        "canary_traffic_rate",
        "canary_thresholds",
    ]
