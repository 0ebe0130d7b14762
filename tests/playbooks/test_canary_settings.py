"""The module that checks what a canary's run is given."""

import canary_settings
import pytest

from tests.playbooks.modules import Module, Object


@pytest.fixture
def settings(capsys: pytest.CaptureFixture[str]) -> Module:
    steps = [{"replicas": "1", "duration": 60}]
    given: Object = {"steps": steps, "rate": 20, "url": "http://127.0.0.1:1", "thresholds": {}}
    return Module(canary_settings.main, capsys, **given)


def test_good_settings(settings: Module) -> None:
    assert not settings(check=True)["changed"]


def test_everything_that_is_wrong(settings: Module) -> None:
    bad: Object = {"steps": [{"replicas": 0, "duration": 60}], "url": ""}
    message = settings.fails(**bad, thresholds={"min_request": 1})
    assert [line.partition(":")[0] for line in message.splitlines()] == [
        "canary_steps",
        "canary_traffic_url",
        "canary_thresholds",
    ]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"steps": [{"replicas": 1}]}, "missing required arguments: duration"),
        ({"steps": [{"replicas": "some", "duration": 1}]}, "argument 'replicas' is of type"),
        ({"rate": "fast"}, "argument 'rate' is of type"),
    ],
)
def test_wrong_arguments(settings: Module, given: Object, reason: str) -> None:
    assert reason in settings.fails(**given)


def test_without_the_project(settings: Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary_settings, "HAS_PROJECT", False)
    assert "canary" in settings.fails()
