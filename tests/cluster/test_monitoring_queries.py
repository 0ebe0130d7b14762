"""Every query of the rules and dashboards, by a real Prometheus that scrapes the real service."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

from bc_model.artifact import Reference
from bc_model.drift import bin_counts, feature_drift, score_counts, score_drift
from bc_model.features import FEATURE_NAMES
from scripts.running import running_prometheus
from tests.conftest import ROOT, START_SECONDS, running_service
from tests.prometheus_server import Prometheus, watched

Object = dict[str, Any]

FILES = ROOT / "roles/monitoring/files"
BOARDS = [json.loads(file.read_text(encoding="utf-8")) for file in FILES.glob("dashboards/*.json")]
QUERIES = {
    f"{board['uid']}: {panel['title']}, {target['refId']}": target
    for board in BOARDS
    for panel in board["panels"]
    for target in panel.get("targets", [])
}
QUIET = {
    # Nothing is to be there: no alert fires.
    "breast-cancer-canary: Alerts, A",
}
SIZE = re.compile("radius|perimeter|area")
CASES = 400


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """No cluster is needed here."""


def some_cases(reference: Reference) -> np.ndarray[Any, Any]:
    """Return which of the labelled cases are sent: the same ones as they are, and larger."""
    return np.random.default_rng(1).permutation(len(reference.cases))[:CASES]


def send(client: httpx2.Client, cases: np.ndarray[Any, Any], **headers: str) -> None:
    for row in cases.tolist():
        client.post("/predict", json={"features": row}, headers=headers).raise_for_status()


@pytest.fixture(scope="module")
def prometheus(
    model_dir: Path, reference: Reference, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """One that has watched two tracks; the canary gets generated requests alone."""
    directory = tmp_path_factory.mktemp("prometheus")
    cases = reference.cases[some_cases(reference)]
    environment = {"MODEL_DIR": str(model_dir)}
    with (
        running_service({**environment, "VERSION": "stable"}, directory / "stable") as stable,
        running_service({**environment, "VERSION": "canary"}, directory / "canary") as canary,
        watched(directory, stable=stable, canary=canary) as prometheus,
    ):
        prometheus.wait_for("count(app_model_info) == 2")
        send(stable, cases)
        stable.post("/predict", json={"features": [1]})
        stable.get("/")
        send(canary, cases[:50], **{"X-Traffic": "generated"})
        done = time.time()
        prometheus.wait_for(f"sum(app_predictions_total) >= {CASES}")
        prometheus.wait_for(f"timestamp(model:app_score_drift:ratio) > {done + 5}")
        yield prometheus


def filled(expression: str, prometheus: Prometheus) -> str:
    """Return an expression as Grafana would send it."""
    model = prometheus.get("query", query="app_model_info")["result"][0]["metric"]["model_version"]
    variables = {
        "$__rate_interval": "10s", "$__range": "1m", "$namespace": "n", "$model": model,
        "$feature": "mean radius",
    }  # fmt: skip
    for name, value in variables.items():
        expression = expression.replace(name, value)
    return expression


@pytest.mark.parametrize("target", QUERIES.values(), ids=QUERIES)
def test_every_query_of_a_panel_finds_something(prometheus: Prometheus, target: Object) -> None:
    query = filled(target["expr"], prometheus)
    now = time.time()
    if target.get("range"):
        answer = prometheus.get(
            "query_range", query=query, start=str(now - 20), end=str(now), step="1"
        )
        series = [each["values"] for each in answer["result"]]
    else:
        answer = prometheus.get("query", query=query)
        series = [[each["value"]] for each in answer["result"]]
    legends = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
    for each in answer["result"]:
        assert set(legends) <= set(each["metric"])
    shown = {tuple(each["metric"].get(label) for label in legends) for each in answer["result"]}
    assert len(shown) == len(series), "series that are called the same"
    name = next(name for name, other in QUERIES.items() if other is target)
    numbers = [float(value) for values in series for _, value in values]
    assert bool(np.isfinite(numbers).any()) != (name in QUIET)


def test_every_rule_is_evaluated_and_records_something(prometheus: Prometheus) -> None:
    groups = prometheus.get("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}
    for rule in rules:
        if rule["type"] == "recording":
            assert prometheus.get("query", query=rule["name"])["result"], rule["name"]
        else:
            assert rule["state"] == "inactive", rule["name"]


def test_the_dashboards_can_be_drawn(prometheus: Prometheus, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.draw_dashboards", prometheus.url, str(tmp_path)]
    drawn = subprocess.run(
        [*command, "--namespace=n", "--minutes=0.5"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert (drawn.returncode, drawn.stderr) == (0, "")
    for name in ("service", "canary", "model"):
        assert "no data" not in (tmp_path / f"{name}.svg").read_text(encoding="utf-8")


def test_prometheus_comes_to_the_same_drift_as_the_model(
    prometheus: Prometheus, reference: Reference
) -> None:
    order = some_cases(reference)
    counts = bin_counts(reference.cases[order], reference.edges)
    expected = feature_drift(counts, reference.counts) / reference.feature_thresholds.max()
    found = prometheus.values("model:app_feature_drift:ratio", "feature")
    assert [found[name] for name in FEATURE_NAMES] == pytest.approx(expected.tolist(), rel=0.1)
    assert max(found.values()) < 1
    answers = reference.malignant[order]
    expected_answers = score_counts(reference.out_of_fold).mean(axis=0)
    drift = score_drift(score_counts(answers), expected_answers)
    [ratio] = prometheus.values("model:app_score_drift:ratio", "").values()
    assert ratio == pytest.approx(drift / reference.score_thresholds.max(), rel=0.1)


def test_a_scanner_that_measures_larger_is_drift_of_the_sizes_alone(
    model_dir: Path, reference: Reference, tmp_path: Path
) -> None:
    factors = [
        1.21 if "area" in name else 1.1 if SIZE.search(name) else 1 for name in FEATURE_NAMES
    ]
    order = some_cases(reference)
    sizes = {name for name in FEATURE_NAMES if SIZE.search(name)}
    with (
        running_service({"MODEL_DIR": str(model_dir)}, tmp_path / "service") as service,
        watched(tmp_path, stable=service) as prometheus,
    ):
        prometheus.wait_for("app_model_info")
        send(service, reference.cases[order[:40]] * factors)
        # increase() extrapolates by up to a scrape, which is much as long as there are few.
        prometheus.wait_for("model:app_answers:increase1d > 30")
        prometheus.wait_for("count_over_time(model:app_answers:increase1d[1m]) > 8")
        few = prometheus.values("model:app_feature_drift:ratio", "feature")
        assert np.isnan(list(few.values())).all()
        panel = QUERIES["breast-cancer-model: Drifted features, A"]["expr"]
        assert prometheus.values(filled(panel, prometheus), "") == {}
        send(service, reference.cases[order[40:]] * factors)
        prometheus.wait_for(f"model:app_answers:increase1d > {CASES - 5}")
        prometheus.wait_for("model:app_feature_drift:ratio > 1")
        drifted = prometheus.values("model:app_feature_drift:ratio > 1", "feature")
        assert drifted.keys() <= sizes
        assert len(drifted) >= 2 / 3 * len(sizes)
        assert prometheus.values(filled(panel, prometheus), "") == {"": len(drifted)}
        prometheus.wait_for("ALERTS{alertname='AppFeatureDrift',alertstate='pending'}")


def test_prometheus_tells_that_it_refuses_its_rules(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: []\n", encoding="utf-8")
    with running_prometheus(tmp_path, {"rule_files": ["rules.yml"]}) as url:
        # Not back to the first: Prometheus compares with what it has, and would not read it again.
        for content, is_taken in (("groups: [1]\n", 0), ("groups: [] # fixed\n", 1)):
            rules.write_text(content, encoding="utf-8")
            wait_for_line(f"{url}/metrics", f"prometheus_config_last_reload_successful {is_taken}")


def test_prometheus_counts_the_evaluations_that_fail(tmp_path: Path) -> None:
    twice = "label_replace(vector(1), 'a', 'b', '', '') or vector(1)"
    rule = {"record": "a", "expr": f"vector(1) * on () ({twice})"}
    group = {"name": "g", "interval": "1s", "rules": [rule]}
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [group]}), encoding="utf-8")
    with running_prometheus(tmp_path, {"rule_files": ["rules.yml"]}) as url:
        labels = f'{{rule_group="{tmp_path}/rules.yml;g"}}'
        wait_for_line(f"{url}/metrics", f"prometheus_rule_evaluation_failures_total{labels} 2")


def wait_for_line(url: str, line: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while line not in httpx2.get(url, trust_env=False).text.splitlines():
        assert time.monotonic() < deadline, line
        time.sleep(0.2)
