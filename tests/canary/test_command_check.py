"""Settings of a run: all that is wrong with them is reported at once, by the variables' names."""

from typing import Any

import pytest

from tests.canary.commands import Command, New

STEPS: list[Any] = [{"replicas": 1, "duration": 60.0}, {"replicas": "3", "duration": 0.5}]


@pytest.fixture
def check(command: New) -> Command:
    thresholds = {"error_ceiling": "0.02"}
    return command("check", steps=STEPS, rate=20, url="http://127.0.0.1:1", thresholds=thresholds)


def test_good_settings(check: Command) -> None:
    assert check(check=True) == check() == {"changed": False}
    assert check(rate="0", url="", thresholds=None) == {"changed": False}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"steps": []}, "canary_steps: there has to be a step, like {replicas: 1, duration: 60}"),
        (
            {"steps": [{"replicas": 0, "duration": 60}]},
            "canary_steps: step 1 has 0 replicas; give it 1 or more",
        ),
        (
            {"steps": [*STEPS, {"replicas": 1, "duration": 0}]},
            "canary_steps: step 3 takes 0 s; give it more than 0, and at most 86400",
        ),
        ({"rate": -1}, "canary_traffic_rate: -1 requests a second are not from 0 to 1000"),
        (
            {"url": ""},
            "canary_traffic_url: it is empty, so nothing can be sent; set it, or set"
            " canary_traffic_rate to 0 if there is enough traffic from users",
        ),
        (
            {"url": "localhost"},
            "canary_traffic_url: 'localhost' is not like http://127.0.0.1:30000",
        ),
        (
            {"thresholds": {"error_cieling": 1}},
            "canary_thresholds: error_cieling is not a threshold; is error_ceiling meant?",
        ),
        (
            {"steps": [{"replicas": 1}]},
            "Object missing required field `duration` - at `$.steps[0]`",
        ),
        (
            {"steps": [{"replicas": "some", "duration": 1}]},
            "Expected `int`, got `str` - at `$.steps[0].replicas`",
        ),
        ({"rate": "fast"}, "Expected `float`, got `str` - at `$.rate`"),
    ],
)
def test_bad_settings(check: Command, changes: dict[str, Any], problem: str) -> None:
    assert check.fails(**changes) == problem


@pytest.mark.parametrize("duration", ["nan", -1, 1e9])
def test_time_without_bounds(check: Command, duration: object) -> None:
    message = check.fails(steps=[{"replicas": 1, "duration": duration}])
    assert message.startswith("canary_steps: step 1 takes ")


def test_everything_at_once(check: Command) -> None:
    message = check.fails(steps=[], rate=1e6, url="x", thresholds={"min_requests": 0})
    assert [line.partition(":")[0] for line in message.splitlines()] == [
        "canary_steps",
        "canary_traffic_rate",
        "canary_thresholds",
    ]
