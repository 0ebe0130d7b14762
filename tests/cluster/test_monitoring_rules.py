"""The rules, by promtool: each alert fires, and does not in its near misses; nothing else does."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.cluster.alert_cases import CASES, Case, Series
from tests.cluster.conftest import call
from tests.conftest import ROOT, free_port
from tests.roles.conftest import run

RULES = ROOT / "roles/monitoring/files/rules.yml"


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """No cluster is needed here."""


def test_the_rules_are_valid() -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_the_configurations_are_valid(tmp_path: Path) -> None:
    given = {
        "monitoring_render_directory": str(tmp_path / "manifests"),
        "monitoring_enabled": True,
        "monitoring_directory": str(tmp_path / "compose"),
        "monitoring_alertmanager": "alertmanager:9093",
    }
    command = ["ansible-playbook", "tests/cluster/monitoring.yml", "-e", json.dumps(given)]
    result = run(command, ROOT, free_port())
    assert result.returncode == 0, result.stdout
    manifest = (tmp_path / "manifests" / "prometheus-configmap.yml").read_text(encoding="utf-8")
    for name, content in yaml.safe_load(manifest)["data"].items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    for file in (tmp_path / "prometheus.yml", tmp_path / "compose/prometheus/prometheus.yml"):
        promtool("check", "config", file)
    shown = call("docker", "compose", f"--file={tmp_path}/compose/compose.yml", "config",
                 "--format=json")  # fmt: skip
    assert set(json.loads(shown)["services"]) == {"prometheus", "grafana"}


def promtool(*arguments: str | Path) -> None:
    result = subprocess.run(
        [str(shutil.which("promtool") or pytest.fail("promtool is not on the PATH")), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout


def input_series(case: Case) -> list[Series]:
    return [{"series": name, "values": values} for name, values in case.series.items()]


@pytest.mark.parametrize("step", sorted({case.step for case in CASES}))
def test_each_alert_fires_and_does_not_in_the_near_misses(tmp_path: Path, step: int) -> None:
    tests: list[dict[str, object]] = [
        {
            "name": case.name,
            "interval": f"{step}m",
            "input_series": input_series(case),
            "promql_expr_test": [
                {
                    "expr": "count by (alertname) (ALERTS{alertstate='firing'})",
                    "eval_time": f"{case.after * step}m",
                    "exp_samples": [
                        {"labels": f'{{alertname="{name}"}}', "value": count}
                        for name, count in case.firing.items()
                    ],
                }
            ],
        }
        for case in CASES
        if case.step == step
    ]
    check(tmp_path, tests, step)


def check(directory: Path, tests: list[dict[str, object]], step: int = 1) -> None:
    """Run the tests; rules are evaluated as often as is scraped, so that days pass quickly."""
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    for group in rules["groups"]:
        group.pop("interval", None)
    content = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": f"{step}m",
        "group_eval_order": [group["name"] for group in rules["groups"]],
        "tests": tests,
    }
    for name, each in (("rules.yml", rules), ("tests.yml", content)):
        (directory / name).write_text(yaml.safe_dump(each, sort_keys=False), encoding="utf-8")
    promtool("test", "rules", directory / "tests.yml")


def test_every_alert_is_in_a_case_that_fires_and_in_one_that_does_not() -> None:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    assert {name for case in CASES for name in case.firing} == alerts
    assert {name for case in CASES for name in case.misses} == alerts
    for case in CASES:
        assert case.firing or case.misses, case.name
        assert not set(case.firing) & set(case.misses), case.name


def test_an_alert_of_drift_names_the_features(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.name == "values have drifted")
    alert = {
        "exp_labels": {"severity": "warning", "namespace": "n", "model_version": "m"},
        "exp_annotations": {
            "summary": "1 features in n are not as in training",
            "description": "The last day's cases of model m, as multiples of the threshold: "
            "mean radius 2.5; ",
            "runbook_url": "docs/runbook.md#appfeaturedrift",
        },
    }
    test = {"alertname": "AppFeatureDrift", "eval_time": "40m", "exp_alerts": [alert]}
    check(
        tmp_path,
        [{"interval": "1m", "input_series": input_series(case), "alert_rule_test": [test]}],
    )
