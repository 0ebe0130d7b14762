"""Fixtures for the tests of the commands."""

import pytest

from tests.canary.commands import Command, New


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> New:
    def new(*words: str, **given: object) -> Command:
        return Command(monkeypatch, capsys, *words, **given)

    return new
