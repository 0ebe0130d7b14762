"""The output of ``evaluate``, from a real run of the command."""

import re
import subprocess
import sys
from functools import partial

import pytest

from bc_model.dataset import Dataset
from bc_model.evaluation import PIPELINES, cross_validate, summarise
from bc_model.manifest import Parameters
from bc_model.metrics import METRICS
from tests.bc_model.test_main import READING
from tests.conftest import ROOT
from tests.tables import labelled_rows, write_rows


@pytest.fixture(scope="module")
def report(small: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines printed for the small data set."""
    cases = write_rows(tmp_path_factory.mktemp("report") / "small.csv", labelled_rows(small))
    options = ["--data", str(cases), "--repeats", "2", "--simulations", "2"]
    run: subprocess.CompletedProcess[str] = subprocess.run(
        [sys.executable, "-m", "bc_model", "evaluate", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stderr == READING
    return run.stdout.splitlines()


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_report_says_what_was_done(report: list[str]) -> None:
    assert report[0] == (
        "small.csv: 32 cases, 2 × 5 repeated stratified cross-validation, threshold 0.5."
    )


def test_the_report_is_a_markdown_table_of_metrics_by_pipelines(report: list[str]) -> None:
    head, line, *body = (cells(row) for row in report if row.startswith("|"))
    assert head == ["", *PIPELINES]
    assert line == ["---"] * 4
    assert tuple(name for name, *_ in body) == METRICS


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_every_figure_is_that_of_the_cross_validation(
    report: list[str], small: Dataset, pipeline: str
) -> None:
    build = partial(PIPELINES[pipeline], Parameters())
    summaries = summarise(small.y, cross_validate(small, build, repeats=2), 0.5)
    table = [cells(row) for row in report if row.startswith("|")]
    column = table[0].index(pipeline)
    for row in table[2:]:
        mean, spread = summaries[row[0]]
        expected = f"{mean.value:.4f} ± {spread:.4f} [{mean.low:.4f}, {mean.high:.4f}]"
        assert row[column] == expected


def test_the_report_ends_with_the_coverage_of_the_interval(report: list[str]) -> None:
    found = re.fullmatch(
        r"The 90 % interval of the probability held the true one in ([\d.]+)% "
        r"\[(-?[\d.]+)%, ([\d.]+)%\] of the unseen cases of 2 simulations\.",
        report[-1],
    )
    assert found
    value, low, high = map(float, found.groups())
    assert low <= value <= high <= 100
