"""Fixtures for the tests of the commands."""

import pytest

import canary.cluster
from tests.canary.commands import Command, New


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> New:
    def new(*words: str, **given: object) -> Command:
        return Command(monkeypatch, capsys, *words, **given)

    return new


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once what was not answered."""
    monkeypatch.setattr(canary.cluster, "PAUSE_SECONDS", 0.01)
