"""``python -m studies``: its commands."""

import subprocess
import sys
from pathlib import Path

import pytest

from studies.__main__ import main
from tests.conftest import ROOT


def test_simulate(model_dir: Path) -> None:
    options = ["--runs", "10", "--seed", "5", "--model", str(model_dir)]
    run = subprocess.run(
        [sys.executable, "-m", "studies", "simulate", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == ""  # progress is for a terminal
    assert run.stdout.startswith("| canary | should | fail | error | inconclusive | pass |\n")
    assert "| labels swapped | fail | 100.0% [69.2%, 100.0%] |" in run.stdout


def test_simulate_without_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--model", str(tmp_path)]) == 1
    assert f"{tmp_path} is not a model" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--runs", "9"], ["--runs", "many"], ["--seed", "-1"]])
def test_wrong_options(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["simulate", *options])
    assert f"argument {options[0]}" in capsys.readouterr().err


def test_blunders_prints_its_table(model_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blunders", "--model", str(model_dir), "--runs", "10"]) == 0
    assert capsys.readouterr().out.startswith("| blunder | noticed | 95 % interval |\n")


def test_drift_prints_its_tables(model_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drift", "--model", str(model_dir), "--runs", "10"]) == 0
    false_alarms, found = capsys.readouterr().out.split("\n\n")
    assert false_alarms.startswith("| nothing has changed | 50 cases | 100 cases |")
    assert found.startswith("| found | 50 cases | 100 cases |")
