"""The simulation: its traffic is as documented, and the documents' table is its output."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from bc_model import artifact
from canary.judge import Outcome, judge
from canary.observation import Observation, Track, whole
from canary.tests import quantile
from canary.thresholds import Thresholds
from canary.verdict import Verdict
from studies import simulation
from studies.candidates import Candidates
from studies.simulation import Scenario, scenarios, simulate, simulation_table
from tests.conftest import ROOT

LIMITS = Thresholds()


@pytest.fixture(scope="module")
def models(model_dir: Path) -> Candidates:
    manifest = artifact.read_manifest(model_dir)
    return Candidates(manifest, artifact.load_reference(model_dir, manifest))


def watched(monkeypatch: pytest.MonkeyPatch) -> list[Observation]:
    """Collect the windows, as the judge is shown one more."""
    seen: list[Observation] = []

    def watch(windows: list[Observation], limits: Thresholds) -> Verdict:
        assert windows[:-1] == seen
        seen.append(windows[-1])
        return judge(windows, limits)

    monkeypatch.setattr(simulation, "judge", watch)
    return seen


def latency_of(track: Track, q: float) -> float:
    return quantile(track.latency.bounds, track.latency.counts, q)


def test_a_run_of_the_same_image(models: Candidates, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watched(monkeypatch)
    same = Scenario("same", Outcome.PASS, models.same)
    assert simulate(same, models, LIMITS, np.random.default_rng(0)) is Outcome.PASS
    first, second = seen
    # 20 requests a second for 60 seconds, a quarter to the canary, and then half.
    assert first.stable.requests + first.canary.requests == 1200
    assert second.stable.requests + second.canary.requests == 1200
    assert first.canary.requests == pytest.approx(300, abs=4 * 15)
    assert second.canary.requests == pytest.approx(600, abs=4 * 17)
    together = whole(seen)
    for track in (together.stable, together.canary):
        assert (track.errors, track.generated_errors) == (0, 0)
        counted = (track.requests, sum(track.latency.counts), sum(track.probabilities.counts),
                   sum(track.predictions.values()))  # fmt: skip
        assert len(set(counted)) == 1
        median = np.mean(simulation.MEDIANS) / 1000
        assert latency_of(track, 0.5) == pytest.approx(median, rel=0.1)
        assert latency_of(track, 0.95) == pytest.approx(4.6 * median, rel=0.3)
        share = track.predictions["malignant"] / track.requests
        assert share == pytest.approx(0.373, abs=4 * 0.016)


def test_what_is_the_matter_shows(models: Candidates, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watched(monkeypatch)
    bad = Scenario(
        "bad", Outcome.FAIL, models.swapped(), canary_errors=0.5, stable_errors=0.1, slowdown=3,
        stalling=0.2,
    )  # fmt: skip
    assert simulate(bad, models, LIMITS, np.random.default_rng(0)) is Outcome.FAIL
    (first,) = seen  # the first look ends it
    stable, canary = first.stable, first.canary
    assert stable.errors / stable.requests == pytest.approx(0.1, abs=0.04)
    assert canary.errors / canary.requests == pytest.approx(0.5, abs=0.12)
    assert sum(canary.predictions.values()) == canary.requests - canary.errors
    assert canary.predictions["malignant"] > canary.predictions["benign"]
    assert sum(canary.latency.counts[-4:]) / canary.requests == pytest.approx(0.2, abs=0.1)
    assert sum(stable.latency.counts[-4:]) == 0
    typical, stable_typical = (latency_of(each, q) for each, q in ((canary, 0.4), (stable, 0.5)))
    assert typical > 2 * stable_typical


def test_requests_that_hang_are_lost(models: Candidates, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watched(monkeypatch)
    hanging = Scenario("hanging", Outcome.FAIL, models.same, hanging=0.2)
    assert simulate(hanging, models, LIMITS, np.random.default_rng(0)) is Outcome.FAIL
    (first,) = seen
    counted = first.stable.requests + first.canary.requests
    assert (first.sent, first.lost) == (1200, 1200 - counted)
    assert first.lost == pytest.approx(0.05 * 1200, abs=4 * 8)
    assert first.cases is not None
    assert first.cases.stable_failures == 0
    assert first.cases.canary_failures == pytest.approx(0.2 * 569, abs=4 * 10)


def test_a_busy_second_step_is_so_for_both_tracks(
    models: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = watched(monkeypatch)
    busy = Scenario("busy", Outcome.PASS, models.same, busy=3, busy_errors=0.03)
    assert simulate(busy, models, LIMITS, np.random.default_rng(0)) is Outcome.PASS
    for track in ("stable", "canary"):
        first, second = (getattr(window, track) for window in seen)
        typical, busy_typical = (latency_of(each, 0.5) for each in (first, second))
        assert busy_typical == pytest.approx(3 * typical, rel=0.3)
        assert first.errors == 0
        assert second.errors / second.requests == pytest.approx(0.03, abs=4 * 0.007)


def test_the_samples_are_those_of_the_roles_defaults() -> None:
    defaults = yaml.safe_load((ROOT / "roles/canary/defaults/main.yml").read_text("utf-8"))
    steps = [(step["replicas"], step["duration"]) for step in defaults["canary_steps"]]
    assert tuple(steps) == simulation.STEPS
    assert defaults["canary_traffic_rate"] == simulation.RATE
    app = yaml.safe_load((ROOT / "roles/app/defaults/main.yml").read_text("utf-8"))
    assert app["app_replicas"] == simulation.STABLE_REPLICAS


@pytest.mark.parametrize("speed", [0.35, 1, 2.2, 5, 10, 100, 500])
def test_half_as_slow_again_is_seen_wherever_the_service_stands(
    models: Candidates, monkeypatch: pytest.MonkeyPatch, speed: float
) -> None:
    """From 0.3 ms to 0.5 s, whatever bucket the median lies in."""
    monkeypatch.setattr(simulation, "_LOG_QUANTILES", simulation._LOG_QUANTILES + np.log(speed))
    same = Scenario("same", Outcome.PASS, models.same)
    slow = replace(same, slowdown=1.5)
    generators = [np.random.default_rng([1, run]) for run in range(40)]
    found = [simulate(slow, models, LIMITS, generator) for generator in generators]
    assert found.count(Outcome.FAIL) >= 39
    found = [simulate(same, models, LIMITS, generator) for generator in generators]
    assert found.count(Outcome.PASS) >= 39


def test_the_table_is_decided_by_its_seed(models: Candidates) -> None:
    first = simulation_table(models, 3, 1, lambda row: iter)
    assert first == simulation_table(models, 3, 1, lambda row: iter)
    head, line, *rows = first.splitlines()
    assert (head, line) == (
        "| canary | should | fail | error | inconclusive | pass |",
        "| --- | --- | --- | --- | --- | --- |",
    )
    assert [row.split(" | ")[0].strip("| ") for row in rows] == [
        scenario.name for scenario in scenarios(models)
    ]
    assert rows[-1] == (
        "| no traffic | inconclusive | 0.0% [0.0%, 70.8%] | 0.0% [0.0%, 70.8%] | "
        "100.0% [29.2%, 100.0%] | 0.0% [0.0%, 70.8%] |"
    )


@pytest.fixture(scope="module")
def table(models: Candidates) -> str:
    """What ``python -m studies simulate`` prints."""
    return simulation_table(models, 400, 0, lambda row: iter)


def test_the_documents_table_is_the_commands(table: str) -> None:
    assert f"\n\n{table}\n\n" in (ROOT / "docs/canary.md").read_text(encoding="utf-8")


def test_the_judge_is_as_right_as_it_has_to_be(table: str, models: Candidates) -> None:
    found = {
        name: [float(cell.split("%")[0]) for cell in cells]
        for name, _, *cells in (row.strip("| ").split(" | ") for row in table.splitlines()[2:])
    }
    for scenario in scenarios(models):
        failed, error, inconclusive, passed = found[scenario.name]
        if scenario.expected is Outcome.PASS:
            assert failed + error <= 1
            assert inconclusive <= 2
        elif scenario.expected is Outcome.FAIL and scenario.stable_errors == 0:
            assert failed + error >= 95
        elif scenario.expected is Outcome.INCONCLUSIVE:
            assert passed == 0
