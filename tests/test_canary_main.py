"""``python -m canary``: its commands, and the document that shows what they print."""

import subprocess
import sys
from pathlib import Path

import pytest

from canary.__main__ import main
from canary.thresholds import limits
from tests.conftest import ROOT

DOCUMENT = (ROOT / "docs/canary.md").read_text(encoding="utf-8")


def test_simulate(model_dir: Path) -> None:
    options = ["--runs", "1", "--seed", "5", "--model", str(model_dir)]
    run = subprocess.run(
        [sys.executable, "-m", "canary", "simulate", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == ""  # progress is for a terminal
    assert run.stdout.startswith("| canary | should | fail | error | inconclusive | pass |\n")
    assert "| labels swapped | fail | 100.0% [2.5%, 100.0%] |" in run.stdout


def test_simulate_without_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--model", str(tmp_path)]) == 1
    assert str(tmp_path / "manifest.json") in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--runs", "0"], ["--runs", "many"], ["--seed", "-1"]])
def test_wrong_options(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", *options])
    assert f"argument {options[0]}" in capsys.readouterr().err


def test_the_document_has_every_threshold_with_its_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["thresholds"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == 2 + len(limits())
    assert f"\n\n{printed}\n" in DOCUMENT
