"""The measurement behind the simulation, on a service that runs for it, and what it measured."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from studies import measure_latency
from studies.simulation import MEDIANS, QUANTILES
from tests.conftest import ROOT


def test_measure(model_dir: Path) -> None:
    options = ["--processes", "2", "--requests", "60", "--rate", "200", "--model", str(model_dir)]
    run = subprocess.run(
        [sys.executable, "-m", "studies.measure_latency", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(run.stdout)
    assert found["requests"] == 60  # those of the warm-up are not counted
    assert len(found["medians"]) == 2
    assert all(0.05 < median < 1000 for median in found["medians"])
    assert list(map(float, found["quantiles"])) == list(measure_latency.QUANTILES)
    quantiles = list(found["quantiles"].values())
    assert quantiles == sorted(quantiles)
    assert found["quantiles"]["0.5"] == pytest.approx(1, abs=0.5)


def test_what_was_measured_is_a_distribution() -> None:
    assert tuple(QUANTILES) == measure_latency.QUANTILES
    assert (np.diff(list(QUANTILES.values())) > 0).all()
    assert QUANTILES[0.5] == 1
    assert max(MEDIANS) / min(MEDIANS) == pytest.approx(1.07, abs=0.005)
