"""The rules and dashboards, against the real service's metrics and against Grafana's schema."""

import json
import re
from typing import Any

import httpx2
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families

from bc_model.drift import NULL_SIZES
from scripts.dashboards import DIRECTORY, dashboards
from tests.conftest import ROOT

Object = dict[str, Any]

RULES = ROOT / "roles/monitoring/files/rules.yml"
RUNBOOK = ROOT / "docs/runbook.md"

PROMETHEUS_OWN = {
    "up", "ALERTS", "prometheus_config_last_reload_successful",
    "prometheus_rule_evaluation_failures_total",
}  # fmt: skip
WORDS = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
COUNTER = re.compile(r"\b(app\w+_total|app\w+_bucket|app\w+_count|process_cpu_seconds_total)\b")


def rules() -> list[Object]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = [rule for rule in rules() if "alert" in rule]
BOARDS = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in DIRECTORY.iterdir()}
PANELS: dict[str, Object] = {
    f"{board['uid']}: {panel['title']}": panel
    for board in BOARDS.values()
    for panel in board["panels"]
    if panel["type"] not in ("row", "text")
}


def expressions() -> list[str]:
    of_panels = (target["expr"] for panel in PANELS.values() for target in panel["targets"])
    return [*(rule["expr"] for rule in rules()), *of_panels]


def metric_names(expression: str) -> set[str]:
    """Return the names of metrics in an expression of PromQL."""
    grouping = r"\b(?:by|on|ignoring|without|group_left)\s*\([^)]*\)"
    bare = re.sub(rf'"[^"]*"|\{{[^}}]*\}}|\[[^\]]*\]|{grouping}', " ", expression)
    words = {word for word in WORDS.findall(bare) if ":" in word or "_" in word or word == "up"}
    return words - {"histogram_quantile", "last_over_time", "sort_desc"}


@pytest.fixture(scope="module")
def exported(client: httpx2.Client) -> dict[str, set[str]]:
    """The names that the service exports, with the labels of each."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_metric_is_exported_or_recorded(exported: dict[str, set[str]]) -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = set().union(*map(metric_names, expressions()))
    assert used - recorded - PROMETHEUS_OWN <= set(exported)
    assert {"app_requests_total", "app_prediction_latency_seconds_bucket",
            "app_predictions_total"} <= used  # fmt: skip
    assert recorded <= used


def test_every_label_that_is_selected_by_is_there(exported: dict[str, set[str]]) -> None:
    target = {"namespace", "pod", "version", "job"}
    for expression in expressions():
        for name, selector in re.findall(r"\b((?:app|process)_\w+)\{([^}]*)\}", expression):
            labels = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", selector))
            assert labels <= exported[name] | target, expression


def test_the_buckets_that_rules_name_are_there(client: httpx2.Client) -> None:
    assert 'app_request_duration_seconds_bucket{endpoint="/predict",le="0.1"}' in (
        client.get("/metrics").text
    )
    assert any('le="0.1"' in rule["expr"] for rule in rules())


def test_routes_that_rules_name_are_there(client: httpx2.Client) -> None:
    known = set(re.findall(r'endpoint="([^"]*)"', client.get("/metrics").text))
    for named in re.findall(r'endpoint[=!]~"([^"]*)"', " ".join(expressions())):
        assert set(named.split("|")) <= known


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_every_alert_says_what_and_what_to_do(rule: Object) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert (path, anchor) == ("docs/runbook.md", rule["alert"].lower())


def test_the_runbook_has_a_section_for_each_alert_and_no_other() -> None:
    sections = RUNBOOK.read_text(encoding="utf-8").split("\n## ")[1:]
    assert [section.partition("\n")[0] for section in sections] == [
        rule["alert"] for rule in ALERTS
    ]
    for section in sections:
        assert all(f"**{part}" in section for part in ("Means.", "Look at", "Do.")) or (
            "as for [" in section
        )


def test_the_rule_knows_from_how_many_cases_drift_is_told() -> None:
    least = re.findall(r">= bool (\d+)", RULES.read_text(encoding="utf-8"))
    assert least == [str(NULL_SIZES[0])] * 2


def test_the_files_are_what_the_script_writes() -> None:
    written = {file.name: file.read_text(encoding="utf-8") for file in DIRECTORY.iterdir()}
    assert written == dashboards()


@pytest.mark.parametrize("name", BOARDS)
def test_nothing_is_in_a_dashboard_that_grafanas_schema_does_not_know(name: str) -> None:
    decoded = Dashboard.from_json(BOARDS[name])
    assert json.loads(JSONEncoder().encode(decoded)) == BOARDS[name]


def test_dashboards_are_told_apart_and_read_only() -> None:
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS) == 4
    assert len({board["title"] for board in BOARDS.values()}) == 4
    for board in BOARDS.values():
        assert board["editable"] is False
        assert board["description"]
        assert board["schemaVersion"] >= 41
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        assert "/d/breast-cancer-runbook" in [link.get("url") for link in board["links"]]


def test_panels_do_not_lie_on_one_another() -> None:
    for board in BOARDS.values():
        taken: set[tuple[int, int]] = set()
        for place in (panel["gridPos"] for panel in board["panels"]):
            assert place["x"] + place["w"] <= 24
            area = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not taken & area
            taken |= area


@pytest.mark.parametrize("name", sorted(set(BOARDS) - {"runbook.json"}))
def test_data_source_and_namespace_are_chosen(name: str) -> None:
    variables = {each["name"]: each for each in BOARDS[name]["templating"]["list"]}
    assert variables["datasource"]["query"] == "prometheus"
    assert variables["namespace"]["query"] == "label_values(app_model_info, namespace)"
    assert variables["namespace"]["datasource"]["uid"] == "${datasource}"
    text = json.dumps(BOARDS[name])
    for variable in variables.values():
        on_time_range_changed = 2
        assert variable["type"] == "datasource" or variable["refresh"] == on_time_range_changed
    for variable in variables:
        assert f"${variable}" in text.replace("${", "$")


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
def test_panel_says_what_it_shows(panel: Object) -> None:
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == "${datasource}"
        assert target["legendFormat"]
        selectors = re.findall(r"\{([^}]*)\}", target["expr"])
        assert all('namespace="$namespace"' in selector for selector in selectors)
        assert len(selectors) >= 1
        for counter in COUNTER.findall(target["expr"]):
            assert re.search(rf"(?:rate|increase)\({counter}", target["expr"])
        for window in re.findall(r"rate\([^][]*\[([^]]*)\]", target["expr"]):
            assert window == "$__rate_interval"


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
def test_panel_turns_red_at_its_own_limit_and_not_at_80(panel: Object) -> None:
    base, *others = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert base["value"] is None
    assert len(others) <= 1
    assert others or base["color"] not in ("red", "green")


def test_what_differs_by_track_says_which() -> None:
    for title in ("Prediction latency", "In progress", "CPU", "Memory", "Restarts"):
        for target in PANELS[f"breast-cancer-service: {title}"]["targets"]:
            assert "version" in re.findall(r"by \(([^)]*)\)", target["expr"])[0]
            assert "{{version}}" in target["legendFormat"]


@pytest.mark.parametrize("name", sorted(set(BOARDS) - {"runbook.json"}))
def test_the_picture_in_the_docs_shows_every_panel(name: str) -> None:
    picture = (ROOT / "docs/monitoring" / name).with_suffix(".svg").read_text(encoding="utf-8")
    shown = set(re.findall(r"<text[^>]*>([^<]*)</text>", picture))
    titles = {panel["title"].replace("$feature", "mean radius") for panel in BOARDS[name]["panels"]}
    assert titles <= shown


def test_the_document_names_every_alert_with_its_severity() -> None:
    document = (ROOT / "docs/monitoring.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[(\w+)\]\(runbook\.md#(\w+)\) \| (\w+) \|", document, re.MULTILINE)
    assert rows == [
        (rule["alert"], rule["alert"].lower(), rule["labels"]["severity"]) for rule in ALERTS
    ]


def test_the_runbook_is_in_grafana_as_it_is_here() -> None:
    [panel] = BOARDS["runbook.json"]["panels"]
    assert panel["options"]["content"] == RUNBOOK.read_text(encoding="utf-8")


def test_the_panels_of_the_original_are_there() -> None:
    titles = {panel["title"] for panel in PANELS.values()}
    assert {
        "Request rate",
        "Request latency",
        "Prediction latency",
        "Predictions",
        "Error rate",
    } <= (titles)
