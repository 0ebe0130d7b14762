"""The rules, by promtool: each alert fires, and does not in the near miss; nothing else does."""

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.cluster.conftest import call
from tests.conftest import ROOT, free_port
from tests.roles.conftest import run

RULES = ROOT / "roles/monitoring/files/rules.yml"

Series = dict[str, str]


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """No cluster is needed here."""


@dataclass(frozen=True)
class Case:
    """What is scraped every ``step`` minutes, and how many alerts fire after so many steps."""

    name: str
    series: Series
    after: int
    firing: dict[str, int] = field(default_factory=dict)
    step: int = 1


def labelled(name: str, **labels: str) -> str:
    target = {"namespace": "n", "pod": "a", "version": "stable", "job": "breast-cancer-api"}
    pairs = ",".join(f'{key}="{value}"' for key, value in {**target, **labels}.items())
    return f"{name}{{{pairs}}}"


def up(value: str, **labels: str) -> Series:
    return {labelled("up", **labels): value}


def requests(good: str, failed: str = "0x500", **labels: str) -> Series:
    """Return requests to /predict, and two that take no part: a probe, and a scrape."""
    route = {"endpoint": "/predict", "method": "POST"}
    probes = {
        labelled(
            "app_requests_total", endpoint=path, method="GET", status="503", **labels
        ): "0+99x500"
        for path in ("/readyz", "/metrics")
    }
    return {
        **up("1x500", **labels),
        **probes,
        labelled("app_requests_total", status="200", **route, **labels): good,
        labelled("app_requests_total", status="500", **route, **labels): failed,
        labelled("app_generated_requests_total", status="200", **route, **labels): "0x500",
    }


def durations(fast: str, everything: str, **labels: str) -> Series:
    """Return a histogram with the bounds 0.1 s and 0.5 s."""
    series = {}
    for name in ("app_request_duration_seconds", "app_generated_request_duration_seconds"):
        is_users = name.startswith("app_request_")
        for suffix, bound, values in (
            ("bucket", "0.1", fast), ("bucket", "0.5", everything), ("bucket", "+Inf", everything),
            ("count", "", everything),
        ):  # fmt: skip
            le = {"le": bound} if bound else {}
            series[labelled(f"{name}_{suffix}", endpoint="/predict", **le, **labels)] = (
                values if is_users else "0x500"
            )
    return {**up("1x500", **labels), **series}


def invalid(refused: str, everything: str) -> Series:
    return {
        **requests(everything),
        labelled("app_invalid_requests_total", reason="invalid-values"): refused,
    }


def both_tracks(canary: Series, stable: Series) -> Series:
    return {**stable, **canary}


def canary_requests(good: str, failed: str) -> Series:
    return requests(good, failed, pod="b", version="canary")


def values(counts: list[str], pod: str = "a", model: str = "m") -> Series:
    """Return a feature with four bins that 25 training cases each fell into; threshold 20."""
    series = {
        labelled("app_model_info", model_version=model, exported_version="stable", pod=pod): "1x500"
    }
    for number, each in enumerate(counts):
        labels = {"feature": "mean radius", "bin": str(number), "pod": pod}
        series[labelled("app_feature_values_total", **labels)] = each
        series[labelled("app_feature_reference_values", **labels)] = "25x500"
    series[labelled("app_feature_drift_threshold", pod=pod)] = "20x500"
    return {**up("1x500", pod=pod), **series}


def answers(low: str, everything: str) -> Series:
    """Return answers with the bounds 0.5 and 1; half of the 100 out of fold are low."""
    name = "app_probability_malignant"
    return {
        **up("1x500"),
        labelled("app_model_info", model_version="m", exported_version="stable"): "1x500",
        labelled(f"{name}_bucket", le="0.5"): low,
        labelled(f"{name}_bucket", le="1.0"): everything,
        labelled(f"{name}_count"): everything,
        labelled(f"{name}_reference_bucket", le="0.5"): "50x500",
        labelled(f"{name}_reference_bucket", le="1.0"): "100x500",
        labelled(f"{name}_reference_count"): "100x500",
        labelled("app_score_drift_threshold"): "1.8x500",
    }


CASES = [
    # 14.4 times 0.5 % is 7.2 %, 6 times is 3 %, 3 times is 1.5 %.
    Case("8 % fail for an hour", requests("0+92x65", "0+8x65"), 62,
         {"AppFailingFast": 1, "AppFailing": 1}),
    Case("1.4 % fail for a day", requests("0+986x150", "0+14x150"), 145, {"AppFailing": 1},
         step=10),
    Case("0.4 % fail for days", requests("0+996x150", "0+4x150"), 146, step=30),
    Case("0.6 % fail for three days", requests("0+994x150", "0+6x150"), 146, {"AppFailing": 1},
         step=30),
    Case("4 % fail for seven hours", requests("0+96x430", "0+4x430"), 425,
         {"AppFailingFast": 1, "AppFailing": 1}),
    Case("it has stopped failing", requests("0+92x60 0+100x40", "0+8x60 480x40"), 95,
         {"AppFailing": 1}),
    Case("4 of 8 requests of a night fail", requests(few := "0x30 1x10 2x10 3x10 4x10", few), 62),
    Case("a probe fails, all the time", requests("0+100x65"), 62),
    Case("15 % of the predictions are slow", durations("0+85x65", "0+100x65"), 62,
         {"AppSlowFast": 1, "AppSlow": 1}),
    Case("2 % of the predictions are slow", durations("0+98x150", "0+100x150"), 146, {"AppSlow": 1},
         step=30),
    Case("0.9 % of the predictions are slow", durations("0+991x150", "0+1000x150"), 146, step=30),
    Case("a pod is down for two minutes", up("1x10 0x5"), 13, {"AppTargetDown": 1}),
    Case("a pod is down for one minute", up("1x10 0x1 1x10"), 12),
    Case("there is nothing for six minutes", up("1x10 stale"), 18, {"AppAbsent": 1}),
    Case("there is nothing for four minutes", up("1x10 stale"), 15),
    Case("a process starts anew twice",
         {**up("1x60"), labelled("process_start_time_seconds"): "1x10 2x10 3x40"}, 55,
         {"AppRestarting": 1}),
    Case("a process starts anew once",
         {**up("1x60"), labelled("process_start_time_seconds"): "1x20 2x40"}, 55),
    Case("requests stop", requests("0+2x70 140x30"), 95, {"AppNoTraffic": 1}),
    Case("the few requests that there were stop", requests("0+0.5x70 35x30"), 95),
    Case("requests go on, if slowly", requests("0+2x70 140+0.2x30"), 95),
    Case("the canary fails 3 % more",
         both_tracks(canary_requests("0+97x12", "0+3x12"), requests("0+1000x12")), 10,
         {"AppCanaryFailing": 1}),
    Case("the canary fails 1.5 % more",
         both_tracks(canary_requests("0+985x12", "0+15x12"), requests("0+10000x12")), 10),
    Case("the canary fails 10 % of few",
         both_tracks(canary_requests("0+9x12", "0+1x12"), requests("0+10000x12")), 10),
    Case("the canary is three times as slow",
         both_tracks({**canary_requests("0+50x12", "0x12"),
                      **durations("0x12", "0+50x12", pod="b", version="canary")},
                     durations("0+99999x12", "0+99999x12")), 10,
         {"AppCanarySlow": 1}),
    Case("the canary is as slow as the stable pods",
         both_tracks({**canary_requests("0+50x12", "0x12"),
                      **durations("0+199x12", "0+200x12", pod="b", version="canary")},
                     durations("0+199x12", "0+200x12")), 10),
    Case("stable pods serve two models for 21 minutes",
         {**up("1x30"), labelled("app_model_info", model_version="m"): "1x30",
          labelled("app_model_info", model_version="o", pod="b"): "1x30"},
         21, {"AppModelMixed": 1}),
    Case("a rollout takes 15 minutes",
         {**up("1x30"), labelled("app_model_info", model_version="m"): "1x15 stale",
          labelled("app_model_info", model_version="o", pod="b"): "1x30"}, 25),
    Case("a canary has another model",
         {**up("1x30"), labelled("app_model_info", model_version="m"): "1x30",
          labelled("app_model_info", model_version="o", pod="b", version="canary"): "1x30"}, 25),
    Case("a quarter of the input is refused, all of a sudden",
         invalid("0x144 0+25x6", "0+100x150"), 149, {"AppInvalidInput": 1}, step=10),
    Case("a quarter of the input is refused, as ever",
         invalid("0+25x150", "0+100x150"), 149, step=10),
    Case("8 % of the input is refused", invalid("0x144 0+8x6", "0+100x150"), 149, step=10),
    Case("half of little input is refused", invalid("0x144 0+1x6", "0+2x150"), 149, step=10),
    # 100 cases and shares of 0.5, 0.5, 0 and 0: 100 * 100 / 200 * 4 * 0.25^2 / 0.25 = 50.
    Case("values have drifted", values(["0 50x60", "0 50x60", "0x61", "0x61"]), 40,
         {"AppFeatureDrift": 1}),
    Case("the pod with the values has ended",
         {**values([f"0 {n}x20 stale" for n in (50, 50, 0, 0)], pod="b"), **values(["0x99"] * 4)},
         40, {"AppFeatureDrift": 1}),
    Case("values as in training", values(["0 30x60", "0 25x60", "0 25x60", "0 20x60"]), 40),
    Case("drifted values of two pods that make up for each other",
         {**values([f"0 {n}x60" for n in (50, 50, 0, 0)]),
          **values([f"0 {n}x60" for n in (0, 0, 50, 50)], pod="b")}, 40),
    Case("drifted values of pods with different models",
         {**values([f"0 {n}x60" for n in (50, 50, 0, 0)]),
          **values([f"0 {n}x60" for n in (0, 0, 50, 50)], pod="b", model="o")}, 40,
         {"AppFeatureDrift": 2, "AppModelMixed": 1}),
    Case("40 values, too few to say", values(["0 40x60", "0x61", "0x61", "0x61"]), 40),
    # 100 answers, 90 % of them low: sqrt(100 * 100 / 200) * 0.4 = 2.8.
    Case("answers have drifted", answers("0 90x60", "0 100x60"), 40, {"AppScoreDrift": 1}),
    Case("answers nearly as in cross-validation", answers("0 70x60", "0 100x60"), 40),
    Case("40 answers, too few to say", answers("0 40x60", "0 40x60"), 40),
]  # fmt: skip


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


@pytest.mark.parametrize("step", [1, 10, 30])
def test_each_alert_fires_and_does_not_in_the_near_miss(tmp_path: Path, step: int) -> None:
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
