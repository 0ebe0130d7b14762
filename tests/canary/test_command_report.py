"""The command that writes a canary's report."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from canary.judge import Step, judge, reasons
from canary.observation import Cases, Histogram, Observation, Track
from canary.report import Report
from canary.thresholds import Thresholds
from canary.verdict import Outcome, Part, Verdict
from tests.canary.commands import Command, New, Object
from tests.canary.test_store import run

TRACK = Track(
    image="app:1",
    model_versions=["0123"],
    requests=3,
    errors=0,
    latency=Histogram([0.001, 0.01], [2, 1, 0]),
    predictions={"malignant": 1, "benign": 2},
    probabilities=Histogram([0.5, 1.0], [2, 1, 0]),
    restarts=0,
    generated=3,
)
OBSERVATION = Observation(
    started="2026-05-04T10:00:00+00:00",
    ended="2026-05-04T10:02:00+00:00",
    stable=TRACK,
    canary=TRACK,
    cases=Cases([0, 1], [True, True], [0.9, 0.1], [0.9, 0.1], 0.5, 0.5),
)
STEP = Step(
    stable_replicas=3,
    canary_replicas=1,
    seconds=60.5,
    requested_split=0.25,
    observed_split=None,
    verdict=judge([OBSERVATION], Thresholds()),
)


SEEN: Object = {
    "observations": [msgspec.to_builtins(OBSERVATION)],
    "steps": [msgspec.to_builtins(STEP)],
    "outcome": "inconclusive",
    "reasons": reasons(STEP.verdict),
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "var" / "canary"


@pytest.fixture
def report(command: New, directory: Path) -> Command:
    return command(
        "report",
        f"--directory={directory}",
        run=msgspec.to_builtins(run(id="20260504-100000-abcd")),
        seen=SEEN,
        decision="stopped",
        thresholds={"min_requests": 1},
    )


def test_what_is_written_is_what_was_given(report: Command) -> None:
    result = report()
    written = msgspec.json.decode(Path(result["json"]).read_bytes(), type=Report)
    assert written.observations == [OBSERVATION]
    assert written.steps == [STEP]
    assert written.verdict == STEP.verdict
    assert written.thresholds == Thresholds(min_requests=1)
    assert (written.run, written.decision) == ("20260504-100000-abcd", "stopped")
    assert Path(result["page"]).read_text(encoding="utf-8").startswith("<!doctype html>")
    assert result["table"].startswith("Canary 20260504-100000-abcd: INCONCLUSIVE, stopped\n")
    assert result["changed"]


@pytest.mark.parametrize("steps", [0, 1])
def test_run_that_ended_otherwise_than_by_its_last_verdict(report: Command, steps: int) -> None:
    seen = SEEN if steps else {}
    why = ["the canary did not become ready: 0 of 1 pods are new", "pod a: Pending"]
    result = report(seen={**seen, "outcome": "fail", "reasons": why})
    written = msgspec.json.decode(Path(result["json"]).read_bytes(), type=Report)
    judged = STEP.verdict.parts if steps else []
    assert written.verdict == Verdict(
        Outcome.FAIL, [Part("run", Outcome.FAIL, " ".join(why), {}), *judged]
    )
    assert result["table"].startswith("Canary 20260504-100000-abcd: FAIL, stopped\n")
    page = Path(result["page"]).read_text(encoding="utf-8")
    assert "0 of 1 pods are new pod a: Pending" in page


def test_check_mode_writes_nothing(report: Command, directory: Path) -> None:
    assert report(check=True)["table"].partition("\ntime")[0] in report()["table"]
    directory.rename(directory.with_name("before"))
    report(check=True)
    assert not directory.exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seen": {"steps": [{}]}}, "missing required field `stable_replicas`"),
        ({"run": {}}, "missing required field `id`"),
        ({"seen": {"observations": [{"started": ""}]}}, "missing required field `ended`"),
        ({"seen": {"outcome": "good"}}, "Invalid enum value 'good' - at `$.seen.outcome`"),
        ({"thresholds": {"min_request": 1}}, "min_request"),
    ],
)
def test_nothing_to_report_on(report: Command, changes: Any, reason: str) -> None:
    assert reason in report.fails(**changes)


def test_directory_that_is_none(report: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    message = report.fails(f"--directory={tmp_path / 'file'}")
    assert message.startswith("The report cannot be written: [Errno 17] File exists")
