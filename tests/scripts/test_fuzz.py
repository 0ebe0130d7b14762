"""The decoders withstand a short fuzzing, which would find what they do not withstand."""

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bc_model.features import FEATURE_COUNT
from scripts.fuzz_targets import Decoders, Target, accepts
from tests.conftest import ROOT
from web.problems import ProblemError


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    # Coverage would count what libFuzzer is counting.
    environment = {name: each for name, each in os.environ.items() if "COVERAGE" not in name}
    command = [sys.executable, "-m", "scripts.fuzz", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_no_input_of_a_short_run_does_harm(model_dir: Path, tmp_path: Path) -> None:
    result = run(f"--model={model_dir}", "--runs=2000")
    assert result.returncode == 0, result.stderr
    rows = re.findall(r"^\| ([a-z-]+) \| ([\d,]+) \|", result.stdout, re.MULTILINE)
    assert dict(rows) == dict.fromkeys(Decoders(model_dir, tmp_path).targets(), "2,000")


def test_each_starts_from_valid_inputs(model_dir: Path, tmp_path: Path) -> None:
    for target in Decoders(model_dir, tmp_path).targets().values():
        assert all(accepts(target, seed) for seed in target.seeds)
        assert not accepts(target, b"nothing of the kind")


def test_an_input_may_be_tried_again(model_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_bytes(b"{")
    result = run(f"--model={model_dir}", "--only=json", str(file))
    assert result.returncode == 0
    assert f"Executed {file}" in result.stderr


def test_what_would_be_found() -> None:
    for case in ([1.0] * (FEATURE_COUNT - 1), [-1.0] * FEATURE_COUNT, [np.inf] * FEATURE_COUNT):
        wrong = Target(partial(np.frombuffer, dtype=np.float64), [])
        with pytest.raises(ValueError, match="decoded as array"):
            accepts(wrong, np.array(case).tobytes())

    def fail(data: bytes) -> None:
        raise ProblemError("internal-error", data.decode())

    with pytest.raises(ProblemError):
        accepts(Target(fail, []), b"")
    with pytest.raises(UnicodeDecodeError):
        accepts(Target(fail, []), b"\xff")
