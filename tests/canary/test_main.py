"""``python -m canary``: its commands, and the document that shows what they print."""

import pytest

from bc_model import __version__
from canary.__main__ import main
from canary.thresholds import described
from tests.conftest import ROOT

DOCUMENT = (ROOT / "docs/canary.md").read_text(encoding="utf-8")


def test_the_document_has_every_threshold_with_its_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["thresholds"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == 2 + len(described())
    assert f"\n\n{printed}\n" in DOCUMENT


def test_ctrl_c_ends_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("canary.thresholds.described", interrupt)
    assert main(["thresholds"]) == 130
    assert capsys.readouterr() == ("", "Interrupted.\n")


@pytest.mark.parametrize(
    ("option", "shown"), [("--version", __version__), ("--help", 'echo \'{"steps"')]
)
def test_version_and_help(option: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([option])
    assert shown in capsys.readouterr().out
